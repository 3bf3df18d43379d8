//! Intervals of repeated measurements: means, and paired ratios and differences.
//!
//! Student's t, two-sided, 95 %. Ratios are computed on logarithms, so that a half and a double have
//! the same weight. Alternating arms share the drift of the machine, and pairing removes it. Pure.
//! Depends on `figure.rs` only. Invariant: an interval contains its estimate.

use crate::stats::Figure;

/// Quantile 0.975 of Student's t for 1, 2, 3 … degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];
/// The same quantile of the normal distribution, for more degrees of freedom.
const Z: f64 = 1.96;

/// Quantile 0.975 of Student's t for a number of degrees of freedom; infinite for 0.
pub(crate) fn t_quantile(freedom: usize) -> f64 {
    match freedom {
        0 => f64::INFINITY,
        some => T.get(some - 1).copied().unwrap_or(Z),
    }
}

/// The mean with its interval; a single value has none. `None` without values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<Figure> {
    let Some((mean, error)) = mean_and_error(values) else {
        return values.first().copied().map(Figure::exact);
    };
    let half = t_quantile(values.len() - 1) * error;
    Some(Figure { value: mean, lo: mean - half, hi: mean + half })
}

/// The mean and its standard error; `None` for fewer than two values.
fn mean_and_error(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of repetitions is far below 2^53")]
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (n - 1.0) / n).sqrt()))
}

/// The geometric mean with its interval, which is never below zero; a single value has none. `None` without values, and if one
/// of them has no logarithm.
#[must_use]
pub fn geometric_mean(values: &[f64]) -> Option<Figure> {
    if let [one] = values {
        return positive(values).then(|| Figure::exact(*one));
    }
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let Figure { value, lo, hi } = mean(&logs).filter(|_| positive(values))?;
    Some(Figure { value: value.exp(), lo: lo.exp(), hi: hi.exp() })
}

/// Whether all values have a logarithm.
#[must_use]
pub fn positive(values: &[f64]) -> bool {
    values.iter().all(|value| *value > 0.0 && value.is_finite())
}

/// The ratio of two alternating series, the first divided by the second: the geometric mean of the
/// ratios of the pairs. `None` unless all values are greater than zero and both have the same length.
#[must_use]
pub fn ratio(first: &[f64], second: &[f64]) -> Option<Figure> {
    if first.len() != second.len() || !positive(first) || !positive(second) {
        return None;
    }
    let logs: Vec<f64> = first.iter().zip(second).map(|(a, b)| (a / b).ln()).collect();
    let Figure { value, lo, hi } = mean(&logs)?;
    Some(Figure { value: value.exp(), lo: lo.exp(), hi: hi.exp() })
}

/// The ratio of two series that are not pairs: Welch's interval on logarithms, with the smaller number
/// of degrees of freedom. `None` unless all values are greater than zero and each series has two.
#[must_use]
pub fn ratio_unpaired(first: &[f64], second: &[f64]) -> Option<Figure> {
    if !positive(first) || !positive(second) {
        return None;
    }
    let logs = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<f64>>();
    let (a, a_error) = mean_and_error(&logs(first))?;
    let (b, b_error) = mean_and_error(&logs(second))?;
    let half = t_quantile(first.len().min(second.len()) - 1) * a_error.hypot(b_error);
    let value = a - b;
    Some(Figure { value: value.exp(), lo: (value - half).exp(), hi: (value + half).exp() })
}

/// The quotient of two figures that are not negative, from their intervals. If the divisor can be zero,
/// the quotient has no upper end.
#[must_use]
pub fn quotient(figure: Figure, by: Figure) -> Figure {
    let hi = if by.lo > 0.0 { figure.hi / by.lo } else { f64::INFINITY };
    let value = figure.value / by.value;
    // The interval of a mean can reach below zero, although no value does.
    let lo = figure.lo.max(0.0) / by.hi;
    // Exact figures have an exact quotient, even of zeros.
    if figure.lo == figure.hi && by.lo == by.hi {
        return Figure::exact(value);
    }
    Figure { value, lo, hi }
}

/// The difference of two alternating series, the first minus the second.
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
    use statrs::distribution::{ContinuousCDF, StudentsT};

    #[test]
    fn quantiles_are_those_of_students_distribution() {
        for freedom in 1..=200_u32 {
            let oracle = StudentsT::new(0.0, 1.0, f64::from(freedom)).unwrap().inverse_cdf(0.975);
            let ours = t_quantile(freedom as usize);
            // The table has three decimals; above 30 degrees of freedom the normal quantile is at most 4 % too small.
            let tolerance = if freedom <= 30 { 0.0006 } else { 0.04 * oracle };
            assert!((ours - oracle).abs() < tolerance, "{freedom}: {ours} and {oracle}");
        }
    }

    #[test]
    fn students_t() {
        // From a textbook: mean 10, deviation 2, n = 5: half width 2.776 * 2 / sqrt(5).
        let values = [8.0, 8.0, 10.0, 12.0, 12.0];
        let figure = mean(&values).expect("values");
        assert!((figure.value - 10.0).abs() < 1e-12);
        assert!((figure.hi - 10.0 - 2.776 * 2.0 / 5_f64.sqrt()).abs() < 1e-9, "{figure:?}");
        assert_eq!(mean(&[3.0]), Some(Figure::exact(3.0)));
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn ratios_need_positive_pairs() {
        assert_eq!(ratio(&[1.0], &[0.0]), None);
        assert_eq!(ratio(&[1.0, 2.0], &[1.0]), None);
        let exact = ratio(&[2.0, 4.0], &[1.0, 2.0]).expect("pairs");
        assert!((exact.value - 2.0).abs() < 1e-12 && (exact.hi - exact.lo).abs() < 1e-9);
        let one = difference(&[5.0], &[3.0]).expect("a pair");
        assert_eq!(one, Figure::exact(2.0));
    }

    #[test]
    fn without_pairs_the_interval_is_wider_and_never_negative() {
        let (many, few) = ([0.2, 0.3, 0.6], [0.001, 0.01]);
        let figure = ratio_unpaired(&many, &few).expect("two of each");
        assert!(figure.lo > 0.0 && figure.lo <= figure.value && figure.value <= figure.hi);
        let paired = ratio(&[1.0, 2.0], &[1.0, 2.1]).expect("pairs");
        let unpaired = ratio_unpaired(&[1.0, 2.0], &[1.0, 2.1]).expect("two of each");
        assert!((paired.value - unpaired.value).abs() < 1e-12);
        assert!(unpaired.hi - unpaired.lo > paired.hi - paired.lo);
        assert_eq!(ratio_unpaired(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(ratio_unpaired(&[1.0, 0.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn a_divisor_that_can_be_zero_gives_no_upper_end() {
        let wide = |value, lo, hi| Figure { value, lo, hi };
        let figure = quotient(wide(0.345, -1.265, 1.956), wide(0.005, -0.005, 0.014));
        assert_eq!((figure.lo, figure.hi), (0.0, f64::INFINITY));
        let figure = quotient(wide(2.0, 1.0, 3.0), wide(1.0, 0.5, 2.0));
        assert_eq!((figure.lo, figure.hi), (0.5, 6.0));
        assert_eq!(quotient(Figure::exact(6.0), Figure::exact(3.0)), Figure::exact(2.0));
    }

    proptest! {
        #[test]
        fn intervals_contain_their_estimates(values in proptest::collection::vec(0.001_f64..1e6, 1..60)) {
            let figure = mean(&values).expect("values");
            prop_assert!(figure.lo <= figure.value && figure.value <= figure.hi);
            let geometric = geometric_mean(&values).expect("positive");
            prop_assert!(0.0 < geometric.lo && geometric.lo <= geometric.value);
            prop_assert!(geometric.value <= geometric.hi && geometric.value <= figure.value * (1.0 + 1e-9));
            let ones = vec![1.0; values.len()];
            let ratio = ratio(&values, &ones).expect("positive");
            prop_assert!(ratio.lo <= ratio.value && ratio.value <= ratio.hi);
        }
    }
}
