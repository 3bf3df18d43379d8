//! Figures that something other than the server has moved, and what they still decide.
//!
//! Invariant: noise never decides a claim. A figure that is at worst too high still shows that the true one is below a bound.

use super::{Measured, Outcome, within};
use crate::criterion::{Compare, Criterion};
use aelab_results::stats::Figure;

/// What may have moved a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Noise {
    /// The disturbance, as it follows "not decided:".
    pub why: String,
    /// In which direction the figure may be wrong.
    pub bias: Bias,
    /// By how much at most, in the unit of the figure; infinite if it is not known.
    pub amount: f64,
}

/// In which direction a figure may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// The true figure may be lower: a time.
    TooHigh,
    /// The true figure may be higher: a rate.
    TooLow,
}

/// A figure as it was measured, with what may have moved it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved<'a> {
    pub(super) value: f64,
    pub(super) noise: Option<&'a Noise>,
}

impl<'a> Moved<'a> {
    pub(super) fn of(measured: &'a Measured) -> Self {
        Moved { value: measured.figure.value, noise: measured.noise.as_ref() }
    }

    /// The smallest and the largest value that the figure may have without the noise. No figure is below zero.
    fn range(self) -> (f64, f64) {
        match self.noise {
            None => (self.value, self.value),
            Some(noise) => match noise.bias {
                Bias::TooHigh => ((self.value - noise.amount).max(self.value.min(0.0)), self.value),
                Bias::TooLow => (self.value, self.value + noise.amount),
            },
        }
    }
}

/// The outcome of a criterion whose compared number is `number`, if its figures are disturbed: undecided, unless it is the same
/// for all values that the figures may have without the noise.
pub(super) fn weigh(
    criterion: &Criterion,
    number: Figure,
    outcome: Outcome,
    measured: Moved<'_>,
    against: Option<Moved<'_>>,
) -> Outcome {
    let Some(first) = measured.noise.or_else(|| against.and_then(|moved| moved.noise)) else {
        return outcome;
    };
    if matches!(outcome, Outcome::Unknown(_)) {
        return outcome;
    }
    let whole = widened(criterion.compare, number, measured, against);
    // Outside the bounds it can hold only because two figures are close, which noise may have made.
    if within(criterion, whole) == outcome { outcome } else { Outcome::Unknown(first.why.clone()) }
}

/// The compared number with all values that it may have without the noise.
fn widened(
    compare: Compare,
    number: Figure,
    measured: Moved<'_>,
    against: Option<Moved<'_>>,
) -> Figure {
    let (low, high) = measured.range();
    let (down, up) = (measured.value - low, high - measured.value);
    let reference = against.map(|moved| (moved.value, moved.range()));
    match (compare, reference) {
        (Compare::Ratio, Some((value, (least, most)))) => {
            let times = |limit: f64, factor: f64| if limit == 0.0 { 0.0 } else { limit * factor };
            let (of_low, of_high) = (share(low, measured.value), share(high, measured.value));
            Figure {
                lo: times(number.lo, of_low / share(most, value)),
                hi: times(number.hi, of_high / share(least, value)),
                ..number
            }
        }
        (_, Some((value, (least, most)))) => Figure {
            lo: number.lo - down - (most - value),
            hi: number.hi + up + (value - least),
            ..number
        },
        (_, None) => Figure { lo: number.lo - down, hi: number.hi + up, ..number },
    }
}

/// `part / whole`; 1 of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 1.0 } else { part / whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criterion::{Quantity, SpanStat, Subject};

    fn criterion(min: Option<f64>, max: Option<f64>) -> Criterion {
        let subject = Subject::Slowlog { command: "X".into(), stat: SpanStat::Median };
        Criterion {
            says: String::new(),
            measure: Quantity { arm: "a".into(), subject },
            against: None,
            compare: Compare::Ratio,
            min,
            max,
            slack: 0.0,
            unit: String::new(),
        }
    }

    #[test]
    fn noise_decides_nothing_that_it_could_have_caused() {
        let noise = |bias| Noise { why: "noise".into(), bias, amount: f64::INFINITY };
        let (high, low) = (noise(Bias::TooHigh), noise(Bias::TooLow));
        let unknown = || Outcome::Unknown("noise".into());
        let at_most = criterion(None, Some(1.0));
        let at_least = criterion(Some(1.0), None);
        let between = criterion(Some(0.5), Some(1.0));
        for (criterion, number, measured, against, wanted) in [
            // A time that noise made longer is still below the bound …
            (&at_most, 0.5, Some(&high), None, Outcome::Holds),
            // … and says nothing if it is above it.
            (&at_most, 2.0, Some(&high), None, unknown()),
            (&at_least, 2.0, Some(&high), None, unknown()),
            (&at_least, 0.5, Some(&high), None, Outcome::Fails),
            (&between, 0.7, Some(&high), None, unknown()),
            (&between, 0.3, Some(&high), None, Outcome::Fails),
            // A rate is lower with noise.
            (&at_least, 2.0, Some(&low), None, Outcome::Holds),
            (&at_most, 0.5, Some(&low), None, unknown()),
            // A longer reference makes the ratio smaller.
            (&at_least, 2.0, None, Some(&high), Outcome::Holds),
            (&at_most, 0.5, None, Some(&high), unknown()),
            // Both: the ratio may be wrong in either direction.
            (&at_most, 0.5, Some(&high), Some(&high), unknown()),
            (&at_most, 0.5, Some(&high), Some(&low), Outcome::Holds),
            (&at_most, 0.5, None, None, Outcome::Holds),
        ] {
            let number = Figure::exact(number);
            let plain = within(criterion, number);
            let of = |value, noise| Moved { value, noise };
            let outcome =
                weigh(criterion, number, plain, of(number.value, measured), Some(of(1.0, against)));
            assert_eq!(outcome, wanted, "{criterion:?} {number:?} {measured:?} {against:?}");
        }
        // Two figures that are equal within the slack, outside the bounds.
        let two = Moved { value: 2.0, noise: Some(&high) };
        let close = weigh(&at_most, Figure::exact(2.0), Outcome::Holds, two, None);
        assert_eq!(close, unknown());
    }

    #[test]
    fn noise_of_a_known_amount_leaves_a_clear_outcome() {
        let noise = |bias, amount| Noise { why: "noise".into(), bias, amount };
        let at_most = criterion(None, Some(0.25));
        // 4 against 100, both too high by an unknown amount and by up to 60: at most 4 / 40.
        let check = |value: f64, amount: f64, reference: f64, of_reference: f64| {
            let number = Figure::exact(value / reference);
            let (first, second) =
                (noise(Bias::TooHigh, amount), noise(Bias::TooHigh, of_reference));
            let measured = Moved { value, noise: Some(&first) };
            let against = Moved { value: reference, noise: Some(&second) };
            weigh(&at_most, number, within(&at_most, number), measured, Some(against))
        };
        assert_eq!(check(4.0, f64::INFINITY, 100.0, 60.0), Outcome::Holds);
        assert_eq!(check(4.0, f64::INFINITY, 100.0, 90.0), Outcome::Unknown("noise".into()));
        assert_eq!(check(40.0, 1.0, 100.0, 1.0), Outcome::Fails);
        assert_eq!(check(40.0, 20.0, 100.0, 1.0), Outcome::Unknown("noise".into()));
    }
}
