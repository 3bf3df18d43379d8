//! Figures that something other than the server has moved, and what they still decide.
//!
//! Invariant: noise never decides a claim. A figure that is at worst too high still shows that the true one is below a bound.

use super::Outcome;
use crate::criterion::{Compare, Criterion};
use aelab_results::stats::Figure;

/// What may have moved a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noise {
    /// The disturbance, as it follows "not decided:".
    pub why: String,
    /// In which direction the figure may be wrong.
    pub bias: Bias,
}

/// In which direction a figure may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// The true figure may be lower: a time.
    TooHigh,
    /// The true figure may be higher: a rate.
    TooLow,
}

impl Bias {
    fn reversed(self) -> Self {
        match self {
            Self::TooHigh => Self::TooLow,
            Self::TooLow => Self::TooHigh,
        }
    }
}

/// The outcome of a criterion whose compared number is `number`, if its figures are disturbed: undecided, unless the noise
/// works against the outcome.
pub(super) fn weigh(
    criterion: &Criterion,
    number: Figure,
    outcome: Outcome,
    measured: Option<&Noise>,
    against: Option<&Noise>,
) -> Outcome {
    let Some(first) = measured.or(against) else { return outcome };
    if matches!(outcome, Outcome::Unknown(_)) {
        return outcome;
    }
    let of_reference = against.map(|noise| noise.bias.reversed());
    let biases = [measured.map(|noise| noise.bias), of_reference];
    let all_are = |bias| biases.iter().flatten().all(|own| *own == bias);
    // Below zero there is no figure, so a lower bound of zero excludes nothing.
    let has_min =
        criterion.min.is_some_and(|min| min > 0.0 || criterion.compare == Compare::Difference);
    let (min, max) = (criterion.min.unwrap_or(f64::NEG_INFINITY), criterion.max);
    let max = max.unwrap_or(f64::INFINITY);
    let is_within = number.lo >= min && number.hi <= max;
    let is_sure = match outcome {
        Outcome::Holds if is_within => {
            (all_are(Bias::TooHigh) && !has_min)
                || (all_are(Bias::TooLow) && criterion.max.is_none())
        }
        Outcome::Fails => {
            (all_are(Bias::TooHigh) && number.hi < min)
                || (all_are(Bias::TooLow) && number.lo > max)
        }
        // It holds only because the two figures are close to each other.
        _ => false,
    };
    if is_sure { outcome } else { Outcome::Unknown(first.why.clone()) }
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
        let noise = |bias| Noise { why: "noise".into(), bias };
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
            let plain = crate::judge::within(criterion, number);
            let outcome = weigh(criterion, number, plain, measured, against);
            assert_eq!(outcome, wanted, "{criterion:?} {number:?} {measured:?} {against:?}");
        }
        // Two figures that are equal within the slack, outside the bounds.
        let close = weigh(&at_most, Figure::exact(2.0), Outcome::Holds, Some(&high), None);
        assert_eq!(close, unknown());
    }
}
