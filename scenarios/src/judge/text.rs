//! The text of a judged criterion: its figures, how they compare, and what was expected.
//!
//! Pure. Invariant: a text names every figure that the outcome depends on.

use crate::criterion::{Compare, Criterion, Dimension, Quantity, Reference, SpanStat, Subject};
use crate::words::{YES_NO, counted, counted_with_interval, rounded_ratio, spaced};
use aelab_results::stats::Figure;
use std::mem::discriminant;

/// The figures of a criterion as text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Texts {
    /// All figures with their names: `median KEYS stall 7.99 ms, median KEYS execution time 7.76 ms`.
    pub(super) figures: String,
    /// How they compare: `ratio 1.03`, with the interval if there is one; may be empty.
    pub(super) comparison: String,
    /// The same in short, without names: `7.99 ms vs 7.76 ms, ratio 1.03`.
    pub(super) number: String,
}

/// The text of a criterion that judges the figure itself.
pub(super) fn of_value(criterion: &Criterion, figure: Figure) -> Texts {
    let dimension = criterion.measure.dimension();
    let unit = unit_of(criterion);
    let value = counted(figure.value, dimension, unit);
    // What a number counts says what it is, so the name would repeat it.
    let says_itself = !["", "%"].contains(&unit);
    let figures = match says_itself {
        true => value,
        false => format!("{} {value}", criterion.measure.label()),
    };
    let comparison = interval(figure, dimension, unit);
    Texts { figures, comparison, number: counted_with_interval(figure, dimension, unit) }
}

/// The text of a criterion that compares two figures; `combined` is their ratio or difference.
pub(super) fn of_comparison(
    criterion: &Criterion,
    against: &Reference,
    figure: Figure,
    other: Figure,
    combined: Figure,
) -> Texts {
    let dimension = criterion.measure.dimension();
    let unit = unit_of(criterion);
    let other_unit = unit_of_other(criterion, against, unit);
    let value = counted(figure.value, dimension, unit);
    let other_value = counted(other.value, dimension, other_unit);
    let figures = named(&criterion.measure, against, (unit, &value), (other_unit, &other_value));
    let (combined, dimension, unit) = match criterion.compare {
        Compare::Ratio => (rounded_ratio(combined), Dimension::Number, ""),
        Compare::Value | Compare::Difference => (combined, dimension, unit),
    };
    let name = criterion.compare.name();
    let estimate = counted(combined.value, dimension, unit);
    let mut comparison = format!("{name} {estimate}");
    if !combined.is_exact() {
        comparison.push_str(", ");
        comparison.push_str(&interval(combined, dimension, unit));
    }
    if !combined.value.is_finite() {
        // A ratio to zero is no number; the reason is in the outcome.
        let number = format!("{value} vs {other_value}");
        return Texts { figures, comparison: String::new(), number };
    }
    let combined = counted_with_interval(combined, dimension, unit);
    let number = format!("{value} vs {other_value}, {name} {combined}");
    Texts { figures, comparison, number }
}

/// Both figures with their names; the arms only if they differ.
fn named(
    measure: &Quantity,
    against: &Reference,
    (unit, value): (&str, &str),
    (other_unit, other_value): (&str, &str),
) -> String {
    let name = |quantity: &Quantity, unit: &str| match unit {
        "" | "%" => format!("{} ", quantity.label()),
        // What a number counts is its name.
        _ => String::new(),
    };
    let first = name(measure, unit);
    let other = match against {
        Reference::Figure(_) => return format!("{first}{value}, article's figure {other_value}"),
        Reference::Quantity(other) => other,
    };
    let second = name(other, other_unit);
    let second = if second == first { "" } else { second.as_str() };
    if measure.arm == other.arm {
        return format!("{first}{value}, {second}{other_value}");
    }
    let (arm, other_arm) = (&measure.arm, &other.arm);
    format!("{first}{value} in arm {arm}, {second}{other_value} in arm {other_arm}")
}

/// `interval 0.6 to 0.7`, or nothing for an exact figure.
fn interval(figure: Figure, dimension: Dimension, unit: &str) -> String {
    let words = |value| counted(value, dimension, unit);
    match figure.is_exact() {
        true => String::new(),
        false => format!("interval {} to {}", words(figure.lo), words(figure.hi)),
    }
}

/// The bounds as text: `0.9 to 1.1`, `at least 4 ms`.
pub(super) fn bounds(criterion: &Criterion) -> String {
    let dimension = match criterion.compare {
        Compare::Ratio => Dimension::Number,
        Compare::Value | Compare::Difference => criterion.measure.dimension(),
    };
    // The figure beside the bound says what both count.
    let unit = match (criterion.compare, criterion.unit.as_str()) {
        (Compare::Value | Compare::Difference, unit @ ("%" | YES_NO)) => unit,
        _ => "",
    };
    let words = |value: f64| counted(value, dimension, unit);
    if unit == YES_NO {
        // At least 1 and at most 0 leave one answer each.
        return words(criterion.min.or(criterion.max).unwrap_or(1.0));
    }
    let bounds = match (criterion.min, criterion.max) {
        (Some(min), Some(max)) if min == max => format!("exactly {}", words(min)),
        (Some(min), Some(max)) => format!("{} to {}", words(min), words(max)),
        (Some(min), None) => format!("at least {}", words(min)),
        (None, Some(max)) => format!("at most {}", words(max)),
        (None, None) => "any value".to_owned(),
    };
    match criterion.slack > 0.0 {
        false => bounds,
        true => {
            let slack = spaced(criterion.slack, criterion.measure.dimension());
            format!("{bounds}, or a difference of at most {slack}")
        }
    }
}

/// What a plain number counts: the file says it, or else the path.
fn unit_of(criterion: &Criterion) -> &str {
    match (criterion.unit.as_str(), criterion.measure.dimension()) {
        ("", Dimension::Number) => natural_unit(&criterion.measure),
        (typed, _) => typed,
    }
}

/// What the other side counts, if that is something else.
fn unit_of_other<'a>(criterion: &Criterion, against: &Reference, unit: &'a str) -> &'a str {
    match against {
        Reference::Quantity(other)
            if discriminant(&other.subject) != discriminant(&criterion.measure.subject)
                && !natural_unit(other).is_empty() =>
        {
            natural_unit(other)
        }
        _ => unit,
    }
}

fn natural_unit(quantity: &Quantity) -> &'static str {
    match &quantity.subject {
        Subject::Count { .. } => "requests",
        Subject::Connections { .. } => "connections",
        Subject::Stall { stat: SpanStat::Count, .. } => "stalls",
        Subject::Slowlog { stat: SpanStat::Count, .. } => "executions",
        _ => "",
    }
}
