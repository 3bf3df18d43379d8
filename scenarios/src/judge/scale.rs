//! The scale on which repetitions are put together: that on which the criterion judges.
//!
//! Pure. A ratio is judged on logarithms, so its figures are geometric means: their quotient is the ratio. A difference is judged
//! on plain numbers, so its figures are arithmetic means. Times, sizes and rates that stand alone are judged on logarithms, as they
//! cannot be negative. Invariant: a figure that cannot be negative has no interval below zero.

use crate::criterion::{Compare, Criterion, Dimension, Subject};
use crate::judge::Measured;
use aelab_results::stats::{Figure, pairs};

/// Both sides of a comparison, or a figure that is judged by itself, on the criterion's scale.
pub(super) fn of_criterion(
    criterion: &Criterion,
    measured: Measured,
    other: Option<Measured>,
) -> (Measured, Option<Measured>) {
    let dimension = criterion.measure.dimension();
    let wants_logs = match criterion.compare {
        Compare::Ratio => true,
        Compare::Value => dimension != Dimension::Number,
        Compare::Difference => false,
    };
    let can_fall = matches!(criterion.measure.subject, Subject::Growth { .. });
    // Both or neither: a quotient of two kinds of means is no ratio.
    let sides = std::iter::once(&measured).chain(&other);
    let logs = wants_logs && sides.into_iter().all(|side| pairs::positive(&side.repetitions));
    let scaled = |side: Measured| {
        let figure = match logs {
            true => pairs::geometric_mean(&side.repetitions).unwrap_or(side.figure),
            false if can_fall => side.figure,
            false => not_below_zero(side.figure),
        };
        Measured { figure, ..side }
    };
    (scaled(measured), other.map(scaled))
}

/// The interval of a mean can reach below zero, although no value does.
fn not_below_zero(figure: Figure) -> Figure {
    match figure.value >= 0.0 {
        true => Figure { lo: figure.lo.max(0.0), ..figure },
        false => figure,
    }
}
