//! Figures as text: a value with its unit and its interval.
//!
//! Not the units of files, which must read back to the same bits ([`aelab_units`]). Pure.
//! Invariant: a rounded figure has no more digits than a measurement supports.

use crate::dimension::Dimension;
use aelab_results::stats::Figure;

/// The unit of a figure that is 1 or 0, shown as yes or no.
pub(crate) const YES_NO: &str = "yes/no";

/// A value with what it counts: `3 events`, `7.99 ms`, or a share in percent.
pub(crate) fn counted(value: f64, dimension: Dimension, unit: &str) -> String {
    match unit {
        "" => spaced(value, dimension),
        "%" => format!("{} %", spaced((value * 1e3).round() / 10.0, Dimension::Number)),
        YES_NO if value == 1.0 => "yes".to_owned(),
        YES_NO if value == 0.0 => "no".to_owned(),
        YES_NO => spaced(value, dimension),
        unit if value == 1.0 => format!("1 {}", singular(unit)),
        unit => format!("{} {unit}", spaced(value, dimension)),
    }
}

/// A figure as [`counted`] writes it, followed by its interval if it has one: `50 % (40 % to 60 %)`.
pub(crate) fn counted_with_interval(figure: Figure, dimension: Dimension, unit: &str) -> String {
    let words = |value| counted(value, dimension, unit);
    match figure.is_exact() {
        true => words(figure.value),
        false => {
            format!("{} ({} to {})", words(figure.value), words(figure.lo), words(figure.hi))
        }
    }
}

/// The singular of a unit: `write` for `writes`. Units of several words stay as they are.
fn singular(unit: &str) -> String {
    match (unit.strip_suffix("ies"), unit.strip_suffix('s')) {
        _ if unit.contains(' ') => unit.to_owned(),
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) => stem.to_owned(),
        (None, None) => unit.to_owned(),
    }
}

/// Digits of a rate and of a ratio: measured ones are not more exact, and bounds in files are round.
const RATE_DIGITS: i32 = 4;

/// A ratio of two measured figures, rounded to four digits.
pub(crate) fn rounded_ratio(figure: Figure) -> Figure {
    let Figure { value, lo, hi } = figure;
    let [value, lo, hi] = [value, lo, hi].map(|end| to_digits(end, RATE_DIGITS));
    Figure { value, lo, hi }
}

/// A value rounded to a number of significant digits.
fn to_digits(value: f64, digits: i32) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a double is small")]
    let exponent = value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits - 1 - exponent);
    (value * scale).round() / scale
}

/// A value with its unit, without a space, for tables: `7.99ms`. Times have three digits.
#[must_use]
pub fn in_words(value: f64, dimension: Dimension) -> String {
    with_unit(value, dimension, "")
}

/// The same with a space, for sentences: `7.99 ms`.
pub(crate) fn spaced(value: f64, dimension: Dimension) -> String {
    with_unit(value, dimension, " ")
}

fn with_unit(value: f64, dimension: Dimension, gap: &str) -> String {
    match value {
        f64::INFINITY => return "∞".to_owned(),
        f64::NEG_INFINITY => return "-∞".to_owned(),
        _ => {}
    }
    match dimension {
        Dimension::Time => time_in_words(value, gap),
        Dimension::Rate => rate_in_words(value),
        Dimension::Size => size_in_words(value, gap),
        Dimension::Number => number_in_words(value),
    }
}

fn number_in_words(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Not [`aelab_units::Rate`]'s text, which must read back to the same bits: `2.07M` does not.
fn rate_in_words(per_second: f64) -> String {
    let rounded = to_digits(per_second, RATE_DIGITS);
    let (scale, unit) = match rounded.abs() {
        r if r >= 1e6 => (1e6, "M"),
        r if r >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{}{unit}/s", number_in_words(rounded / scale))
}

fn size_in_words(bytes: f64, gap: &str) -> String {
    let (value, unit) = match bytes.abs() {
        b if b >= 1024.0 * 1024.0 => (bytes / (1024.0 * 1024.0), "MiB"),
        b if b >= 1024.0 => (bytes / 1024.0, "KiB"),
        _ => (bytes, "B"),
    };
    let text = format!("{value:.1}");
    format!("{}{gap}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

fn time_in_words(seconds: f64, gap: &str) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let seconds = seconds.abs();
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 || s == 0.0 => (s * 1e6, "us"),
        s => (s * 1e9, "ns"),
    };
    let digits =
        if value >= 100.0 { 0 } else { 3 - usize::from(value >= 1.0) - usize::from(value >= 10.0) };
    let text = format!("{value:.digits$}");
    // Bounds in files are round numbers: zeros after the point would claim a precision they lack.
    let round = text.parse::<f64>().is_ok_and(|shown| (shown - value).abs() <= value * 1e-9);
    let text = match round && text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{sign}{text}{gap}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_what_they_count() {
        for (value, unit, text) in [
            (1.0, YES_NO, "yes"),
            (0.0, YES_NO, "no"),
            (1.0, "writes", "1 write"),
            (1.0, "replies", "1 reply"),
            (2.0, "replies", "2 replies"),
            (1.0, "switches a request", "1 switches a request"),
            (0.5, "%", "50 %"),
            (3.0, "", "3"),
        ] {
            assert_eq!(counted(value, Dimension::Number, unit), text);
        }
        let wide = Figure { value: 75.918_4, lo: 1.5, hi: f64::INFINITY };
        let ratio = counted_with_interval(rounded_ratio(wide), Dimension::Number, "");
        assert_eq!(ratio, "75.92 (1.5 to ∞)");
    }

    #[test]
    fn tables_have_no_space_before_a_unit_and_sentences_have_one() {
        assert_eq!(in_words(0.007_99, Dimension::Time), "7.99ms");
        assert_eq!(spaced(0.007_99, Dimension::Time), "7.99 ms");
        assert_eq!(spaced(14_234.0, Dimension::Size), "13.9 KiB");
        assert_eq!(spaced(20_500.0, Dimension::Rate), "20.5k/s");
    }
}
