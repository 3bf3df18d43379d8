//! Figures in words: a value with its unit and its interval, as people read it.
//!
//! Not the units of files, which must read back to the same bits ([`aelab_units`]). Pure.
//! Invariant: a rounded figure has no more digits than a measurement is worth.

use crate::dimension::Dimension;
use crate::figure::Figure;

/// The unit of a figure that is 1 or 0: it is told as yes or no.
pub(crate) const YES_NO: &str = "yes/no";

/// A figure in words with what it counts: `3 events`, or a share in percent.
pub(crate) fn counted(figure: Figure, dimension: Dimension, unit: &str) -> String {
    match unit {
        "" => with_interval(figure, dimension),
        "%" => {
            let percent =
                |share: f64| in_words((share * 1e3).round() / 10.0, Dimension::Number) + " %";
            if figure.lo == figure.value && figure.hi == figure.value {
                return percent(figure.value);
            }
            format!("{} ({} to {})", percent(figure.value), percent(figure.lo), percent(figure.hi))
        }
        YES_NO if figure.value == 1.0 => "yes".to_owned(),
        YES_NO if figure.value == 0.0 => "no".to_owned(),
        YES_NO => with_interval(figure, dimension),
        unit if figure == Figure::exact(1.0) => format!("1 {}", singular(unit)),
        unit => format!("{} {unit}", with_interval(figure, dimension)),
    }
}

/// One of what a unit counts: `write` for `writes`. Units of several words are left as they are.
fn singular(unit: &str) -> String {
    match (unit.strip_suffix("ies"), unit.strip_suffix('s')) {
        _ if unit.contains(' ') => unit.to_owned(),
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) => stem.to_owned(),
        (None, None) => unit.to_owned(),
    }
}

/// A figure in words, with its interval if it has one.
pub(crate) fn with_interval(figure: Figure, dimension: Dimension) -> String {
    let value = in_words(figure.value, dimension);
    if figure.lo == figure.value && figure.hi == figure.value {
        return value;
    }
    let end = |end: f64| match end {
        f64::INFINITY => "∞".to_owned(),
        f64::NEG_INFINITY => "-∞".to_owned(),
        end => in_words(end, dimension),
    };
    format!("{value} ({} to {})", end(figure.lo), end(figure.hi))
}

/// A ratio of two measured figures, with its interval: four digits at most.
pub(crate) fn ratio_with_interval(figure: Figure) -> String {
    let Figure { value, lo, hi } = figure;
    let [value, lo, hi] = [value, lo, hi].map(|end| to_digits(end, RATE_DIGITS));
    with_interval(Figure { value, lo, hi }, Dimension::Number)
}

/// Digits of a rate and of a ratio: measured ones are no better, and bounds from files are round.
const RATE_DIGITS: i32 = 4;

/// A value rounded to some significant digits.
fn to_digits(value: f64, digits: i32) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a double is small")]
    let exponent = value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits - 1 - exponent);
    (value * scale).round() / scale
}

/// A figure with its unit, to three digits where it is a time.
#[must_use]
pub fn in_words(value: f64, dimension: Dimension) -> String {
    match dimension {
        Dimension::Time => time_in_words(value),
        Dimension::Rate => rate_in_words(value),
        Dimension::Size => size_in_words(value),
        Dimension::Number => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

/// Not [`aelab_units::Rate`]'s text, which must read back to the same bits: 2.07M does not.
fn rate_in_words(per_second: f64) -> String {
    let rounded = to_digits(per_second, RATE_DIGITS);
    let (scale, unit) = match rounded.abs() {
        r if r >= 1e6 => (1e6, "M"),
        r if r >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{}{unit}/s", in_words(rounded / scale, Dimension::Number))
}

fn size_in_words(bytes: f64) -> String {
    let (value, unit) = match bytes.abs() {
        b if b >= 1024.0 * 1024.0 => (bytes / (1024.0 * 1024.0), "MiB"),
        b if b >= 1024.0 => (bytes / 1024.0, "KiB"),
        _ => (bytes, "B"),
    };
    let text = format!("{value:.1}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

fn time_in_words(seconds: f64) -> String {
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
    // Bounds from files are round: they are printed without the zeros that would claim precision.
    let round = text.parse::<f64>().is_ok_and(|shown| (shown - value).abs() <= value * 1e-9);
    let text = match round && text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{sign}{text}{unit}")
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
            assert_eq!(counted(Figure::exact(value), Dimension::Number, unit), text);
        }
        let wide = Figure { value: 75.918_4, lo: 1.5, hi: 426.509 };
        assert_eq!(ratio_with_interval(wide), "75.92 (1.5 to 426.5)");
    }
}
