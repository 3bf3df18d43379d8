//! Values of scenario files: from text to numbers, with the place in every error.
//!
//! The parent module has the defaults and cross-checks. Invariant: an error points at the value.

use crate::criterion::Dimension;
use crate::error::{ScenarioError, Source, unknown};
use aelab_units::{UnitError, parse_count, parse_duration, parse_rate, parse_size};
use std::time::Duration;
use toml::Spanned;

/// A larger value of `connections` or `pipeline` is probably a typing error: there are 65,535 ports.
const MAX_CONNECTIONS: u64 = 1_000_000;

/// A duration, or the default if the file has none.
pub(super) fn or_duration(
    source: Source<'_>,
    value: Option<&Spanned<String>>,
    default: Duration,
) -> Result<Duration, ScenarioError> {
    value.map_or(Ok(default), |value| duration(source, value))
}

/// A number, or a text with a unit of that dimension.
pub(super) fn in_base_units(
    source: Source<'_>,
    value: &Spanned<toml::Value>,
    dimension: Dimension,
) -> Result<f64, ScenarioError> {
    if let (Dimension::Number | Dimension::Rate, Some(number)) = (dimension, number(value)) {
        return match number.is_finite() {
            true => Ok(number),
            false => Err(source
                .error(&value.span(), format!("{number} is not finite: write a finite number"))),
        };
    }
    match dimension {
        Dimension::Time => quantity(source, value, parse_duration).map(|d| d.as_secs_f64()),
        Dimension::Rate => quantity(source, value, parse_rate).map(|rate| rate.as_per_second()),
        #[expect(clippy::cast_precision_loss, reason = "sizes in bounds are far below 2^53")]
        Dimension::Size => quantity(source, value, parse_size).map(|bytes| bytes as f64),
        #[expect(clippy::cast_precision_loss, reason = "counts in bounds are far below 2^53")]
        Dimension::Number => quantity(source, value, parse_count).map(|count| count as f64),
    }
}

fn number(value: &Spanned<toml::Value>) -> Option<f64> {
    match value.get_ref() {
        #[expect(clippy::cast_precision_loss, reason = "counts in bounds are far below 2^53")]
        toml::Value::Integer(number) => Some(*number as f64),
        toml::Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// A text with a unit, or a bare number if the parser accepts one.
pub(super) fn quantity<T>(
    source: Source<'_>,
    value: &Spanned<toml::Value>,
    parse: fn(&str) -> Result<T, UnitError>,
) -> Result<T, ScenarioError> {
    let text = scalar_text(source, value)?;
    parse(&text).map_err(|error| source.error(&value.span(), error.to_string()))
}

pub(super) fn scalar_text(
    source: Source<'_>,
    value: &Spanned<toml::Value>,
) -> Result<String, ScenarioError> {
    match value.get_ref() {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Boolean(flag) => Ok(if *flag { "yes" } else { "no" }.to_owned()),
        other @ (toml::Value::Integer(_) | toml::Value::Float(_)) => Ok(other.to_string()),
        _ => Err(source.error(&value.span(), "expected a text or a number, not a list or table")),
    }
}

pub(super) fn duration(
    source: Source<'_>,
    value: &Spanned<String>,
) -> Result<Duration, ScenarioError> {
    parse_duration(value.get_ref()).map_err(|error| source.error(&value.span(), error.to_string()))
}

pub(super) fn at_least_one(
    source: Source<'_>,
    value: &Spanned<toml::Value>,
) -> Result<u32, ScenarioError> {
    let count = quantity(source, value, parse_count)?;
    match u32::try_from(count) {
        Ok(small) if (1..=MAX_CONNECTIONS).contains(&count) => Ok(small),
        _ => {
            let message = format!("{count} is out of range: write 1 to {MAX_CONNECTIONS}");
            Err(source.error(&value.span(), message))
        }
    }
}

pub(super) fn one_of<T: Copy>(
    source: Source<'_>,
    kind: &str,
    value: &Spanned<String>,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, ScenarioError> {
    let typed = value.get_ref().as_str();
    all.iter().copied().find(|each| name(*each) == typed).ok_or_else(|| {
        let known: Vec<&str> = all.iter().copied().map(name).collect();
        source.error(&value.span(), unknown(kind, typed, &known))
    })
}
