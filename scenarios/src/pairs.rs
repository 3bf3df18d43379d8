//! Intervals for what was measured in turns: means, and paired ratios and differences.
//!
//! Student's t, two-sided, 95 %; ratios on the scale of logarithms, so that a half and a double weigh
//! the same. Arms that take turns share the machine's moods, and pairing takes them out. Pure.
//! Invariant: an interval contains its estimate.

use crate::judge::Figure;

/// Quantile 0.975 of Student's t for 1, 2, 3 … degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];
/// The same of the normal distribution, for more.
const Z: f64 = 1.96;

/// Quantile 0.975 of Student's t for so many degrees of freedom; infinite for none.
pub(crate) fn t_quantile(freedom: usize) -> f64 {
    match freedom {
        0 => f64::INFINITY,
        some => T.get(some - 1).copied().unwrap_or(Z),
    }
}

/// The mean with its interval; a single value has none. `None` without values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<Figure> {
    #[expect(clippy::cast_precision_loss, reason = "a number of turns is far below 2^53")]
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    match values.len() {
        0 => None,
        1 => Some(Figure::exact(mean)),
        count => {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let t = t_quantile(count - 1);
            let half = t * (squares / (n - 1.0) / n).sqrt();
            Some(Figure { value: mean, lo: mean - half, hi: mean + half })
        }
    }
}

/// The ratio of two series that took turns, the first divided by the second: the geometric mean of
/// the pairs' ratios. `None` unless all are greater than zero and there are as many of both.
#[must_use]
pub fn ratio(first: &[f64], second: &[f64]) -> Option<Figure> {
    let positive = |values: &[f64]| values.iter().all(|value| *value > 0.0 && value.is_finite());
    if first.len() != second.len() || !positive(first) || !positive(second) {
        return None;
    }
    let logs: Vec<f64> = first.iter().zip(second).map(|(a, b)| (a / b).ln()).collect();
    let Figure { value, lo, hi } = mean(&logs)?;
    Some(Figure { value: value.exp(), lo: lo.exp(), hi: hi.exp() })
}

/// The difference of two series that took turns, the first minus the second.
#[must_use]
pub fn difference(first: &[f64], second: &[f64]) -> Option<Figure> {
    if first.len() != second.len() {
        return None;
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    mean(&differences)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn students_t() {
        // Of a textbook: mean 10, deviation 2, n = 5: half width 2.776 * 2 / sqrt(5).
        let values = [8.0, 8.0, 10.0, 12.0, 12.0];
        let figure = mean(&values).expect("values");
        assert!((figure.value - 10.0).abs() < 1e-12);
        assert!((figure.hi - 10.0 - 2.776 * 2.0 / 5_f64.sqrt()).abs() < 1e-9, "{figure:?}");
        assert_eq!(mean(&[3.0]), Some(Figure::exact(3.0)));
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn ratios_want_positive_pairs() {
        assert_eq!(ratio(&[1.0], &[0.0]), None);
        assert_eq!(ratio(&[1.0, 2.0], &[1.0]), None);
        let exact = ratio(&[2.0, 4.0], &[1.0, 2.0]).expect("pairs");
        assert!((exact.value - 2.0).abs() < 1e-12 && (exact.hi - exact.lo).abs() < 1e-9);
        let one = difference(&[5.0], &[3.0]).expect("a pair");
        assert_eq!(one, Figure::exact(2.0));
    }

    proptest! {
        #[test]
        fn intervals_hold_their_estimates(values in proptest::collection::vec(0.001_f64..1e6, 1..60)) {
            let figure = mean(&values).expect("values");
            prop_assert!(figure.lo <= figure.value && figure.value <= figure.hi);
            let ones = vec![1.0; values.len()];
            let ratio = ratio(&values, &ones).expect("positive");
            prop_assert!(ratio.lo <= ratio.value && ratio.value <= ratio.hi);
        }
    }
}
