//! Medians with intervals that assume nothing about the distribution.
//!
//! Pure. Invariant: an interval always contains its estimate.

use crate::stats::Figure;

/// Chance that the median lies outside its interval.
const OUTSIDE: f64 = 0.05;

/// The median of some values with the interval between two of them that holds it with 95 % confidence: of `n` values, the
/// number below the true median is binomial (n, ½). With fewer than six the interval is the whole range.
///
/// `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<Figure> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let value = if n % 2 == 1 { sorted[n / 2] } else { sorted[n / 2 - 1].midpoint(sorted[n / 2]) };
    let (mut lo, mut hi) = (first, last);
    // P(at most k of n lie below the median), term by term; both tails together may hold OUTSIDE.
    let (mut term, mut tail) = (0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX)), 0.0);
    for k in 0..n / 2 {
        tail += term;
        if 2.0 * tail > OUTSIDE {
            break;
        }
        (lo, hi) = (sorted[k], sorted[n - 1 - k]);
        #[expect(clippy::cast_precision_loss, reason = "a number of repeats is far below 2^53")]
        {
            term *= (n - k) as f64 / (k + 1) as f64;
        }
    }
    Some(Figure { value, lo, hi })
}

/// The largest value; `None` without values.
#[must_use]
pub fn largest(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{Binomial, DiscreteCDF};

    #[test]
    fn the_interval_of_a_median_follows_the_binomial_distribution() {
        for n in 6..60_u32 {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            let below = Binomial::new(0.5, u64::from(n)).unwrap();
            let last = (0..n).take_while(|k| 2.0 * below.cdf(u64::from(*k)) <= OUTSIDE).last();
            let found = median(&values).expect("values");
            assert_eq!(Some(found.lo), last.map(f64::from), "{n}");
        }
    }

    #[test]
    fn medians_lie_in_their_intervals() {
        assert_eq!(median(&[]), None);
        let few = median(&[3.0, 1.0, 2.0]).expect("values");
        assert_eq!((few.value, few.lo, few.hi), (2.0, 1.0, 3.0));
        // Tables of the sign test: for n = 20 the interval reaches from the 6th to the 15th value.
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        let many = median(&values).expect("values");
        assert_eq!((many.value, many.lo, many.hi), (10.5, 6.0, 15.0));
        for n in 1..60 {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            let one = median(&values).expect("values");
            assert!(one.lo <= one.value && one.value <= one.hi, "{n}: {one:?}");
        }
    }

    #[test]
    fn the_largest() {
        assert_eq!(largest(&[1.0, 3.0, 2.0]), Some(3.0));
        assert_eq!(largest(&[]), None);
    }
}
