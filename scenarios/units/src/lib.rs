//! Durations, sizes, counts and rates as people write them: one parser and one formatter each.
//!
//! Not a general unit library: it has the units of the command line and of scenario files only.
//! Invariant: `parse(format(x)) == x` for every value, and nothing is rounded silently (`0.5ns` is
//! an error, not zero). The caller adds the place of an error.

mod nearest;

pub use nearest::nearest;

use std::fmt;
use std::time::Duration;

/// Why a text is not a duration, size, count or rate; `Display` is one line with a remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: {why}")]
pub struct UnitError {
    what: &'static str,
    text: String,
    why: String,
}

impl UnitError {
    fn new(what: &'static str, text: &str, why: impl Into<String>) -> Self {
        Self { what, text: text.to_owned(), why: why.into() }
    }
}

/// Duration units, smallest first, in nanoseconds.
const DURATION_UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Size units in bytes: decimal with `B` alone, binary with `iB`.
const SIZE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// Multipliers of rates and counts.
const COUNT_UNITS: &[(&str, u64)] = &[("", 1), ("k", 1_000), ("M", 1_000_000)];

/// Splits `12.5ms` into digits and unit.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// Other unambiguous spellings of units, accepted in input only.
const SPELLINGS: &[(&str, &str)] =
    &[("sec", "s"), ("secs", "s"), ("min", "m"), ("mins", "m"), ("b", "B")];

/// An exact decimal: `digits` divided by ten to the `scale`.
fn parse_decimal(number: &str) -> Option<(u128, u32)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits_only = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits_only(whole) || !digits_only(fraction) {
        return None;
    }
    // More digits than this would overflow, and a value of 64 bits cannot use them.
    if whole.len() + fraction.len() > 30 {
        return None;
    }
    let digits = format!("{whole}{fraction}").parse().ok()?;
    Some((digits, u32::try_from(fraction.len()).ok()?))
}

/// `number × unit` exactly, or the reason why not.
fn exact_product(number: &str, unit: u64) -> Result<u64, &'static str> {
    let (digits, scale) = parse_decimal(number).ok_or("write a number such as 10 or 1.5")?;
    let product = digits
        .checked_mul(u128::from(unit))
        .ok_or("the number is too large; write a smaller one")?;
    let divisor = 10_u128.pow(scale);
    if product % divisor != 0 {
        return Err("it is finer than the smallest unit; write a larger value");
    }
    u64::try_from(product / divisor).map_err(|_| "the number is too large; write a smaller one")
}

/// `e3` of `1e3`, `e+3`, `E-3`.
fn is_exponent(unit: &str) -> bool {
    let digits = unit.strip_prefix(['e', 'E']).map(|rest| rest.trim_start_matches(['+', '-']));
    digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn parse_with_units(
    what: &'static str,
    text: &str,
    units: &[(&str, u64)],
    examples: &str,
) -> Result<u64, UnitError> {
    let trimmed = text.trim();
    if trimmed.starts_with('-') {
        return Err(UnitError::new(what, text, format!("it is negative; write {examples}")));
    }
    let (number, unit) = split_unit(trimmed);
    if number.is_empty() {
        return Err(UnitError::new(what, text, format!("write {examples}")));
    }
    let spelled = SPELLINGS.iter().find(|(other, _)| *other == unit).map_or(unit, |(_, name)| name);
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == spelled) else {
        let why = if unit.is_empty() {
            format!("the unit is missing; write {examples}")
        } else if is_exponent(unit) {
            format!("it has an exponent; write {examples}")
        } else {
            let known: Vec<&str> = units.iter().map(|u| u.0).filter(|n| !n.is_empty()).collect();
            format!("unknown unit `{unit}`; use {}", known.join(", "))
        };
        return Err(UnitError::new(what, text, why));
    };
    exact_product(number, *factor).map_err(|why| UnitError::new(what, text, why))
}

/// Reads `250us`, `10ms`, `1.5s`, `5m`, `1h`; `0` needs no unit.
///
/// # Errors
/// The unit is missing or unknown, or the number is negative or finer than a nanosecond.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    parse_with_units("duration", text, DURATION_UNITS, "250us, 10ms, 30s or 5m")
        .map(Duration::from_nanos)
}

/// Writes a duration in the largest unit that keeps it a whole number.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    format_whole(nanos, DURATION_UNITS, "s")
}

/// Reads `64B`, `16KiB`, `1MB`; a bare number is bytes.
///
/// # Errors
/// The unit is unknown, or the number is negative or not a whole number of bytes.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let trimmed = text.trim();
    if !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit()) {
        return exact_product(trimmed, 1).map_err(|why| UnitError::new("size", text, why));
    }
    parse_with_units("size", text, SIZE_UNITS, "64B, 16KiB or 1MB")
}

/// Writes a size in bytes in the largest unit that keeps it a whole number.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    format_whole(bytes, SIZE_UNITS, "B")
}

/// Reads a count that may be written `100k` or `1.5M`.
///
/// # Errors
/// The number is negative or not whole, or has an unknown unit.
pub fn parse_count(text: &str) -> Result<u64, UnitError> {
    parse_with_units("count", text, COUNT_UNITS, "1000, 100k or 1.5M")
}

/// Writes a count with `k` or `M` if the number stays whole.
#[must_use]
pub fn format_count(count: u64) -> String {
    format_whole(count, COUNT_UNITS, "")
}

fn format_whole(value: u64, units: &[(&str, u64)], zero_unit: &str) -> String {
    if value == 0 {
        return format!("0{zero_unit}");
    }
    let best =
        units.iter().filter(|(_, factor)| value.is_multiple_of(*factor)).max_by_key(|unit| unit.1);
    match best {
        Some((name, factor)) => format!("{}{name}", value / factor),
        None => value.to_string(),
    }
}

/// Requests per second; always finite and greater than zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// A rate from requests per second; `None` unless it is finite and greater than zero.
    #[must_use]
    pub fn per_second(value: f64) -> Option<Self> {
        (value.is_finite() && value > 0.0).then_some(Self(value))
    }

    /// Requests per second.
    #[must_use]
    pub fn as_per_second(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, factor) in [("M", 1e6), ("k", 1e3)] {
            let scaled = format!("{}", self.0 / factor);
            // A unit is used only if the text gets shorter and reads back to the same bits.
            if self.0 >= factor
                && scaled.len() < 6
                && scaled.parse::<f64>().is_ok_and(|v| v * factor == self.0)
            {
                return write!(f, "{scaled}{name}");
            }
        }
        write!(f, "{}", self.0)
    }
}

/// Reads `20k`, `1.5M`, `2000`, each with or without `/s` or `rps`.
///
/// # Errors
/// The rate is zero or negative, or has another unit.
pub fn parse_rate(text: &str) -> Result<Rate, UnitError> {
    let trimmed = text.trim();
    let fail = |why: &str| UnitError::new("rate", text, why);
    if trimmed.starts_with('-') {
        return Err(fail("a rate must be greater than zero; remove it for a closed loop"));
    }
    let bare = ["/s", "rps"].iter().find_map(|per| trimmed.strip_suffix(per));
    let (number, unit) = split_unit(bare.map_or(trimmed, str::trim_end));
    let factor = match unit {
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        _ => return Err(fail("write requests per second: 500, 20k or 1.5M")),
    };
    let value: f64 = number
        .parse()
        .ok()
        .filter(|_| parse_decimal(number).is_some())
        .ok_or_else(|| fail("write requests per second: 500, 20k or 1.5M"))?;
    Rate::per_second(value * factor)
        .ok_or_else(|| fail("a rate must be greater than zero; remove it for a closed loop"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        for (text, nanos) in [
            ("250us", 250_000),
            ("10ms", 10_000_000),
            ("1.5s", 1_500_000_000),
            ("30s", 30_000_000_000),
            ("5m", 300_000_000_000),
            ("0", 0),
            ("0s", 0),
            ("1min", 60_000_000_000),
            ("2 secs", 2_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
        for (text, part) in [
            ("30", "the unit is missing"),
            ("-1s", "negative"),
            ("5 parsecs", "unknown unit `parsecs`"),
            ("0.5ns", "finer than the smallest unit"),
            ("s", "write 250us"),
            ("1.2.3s", "write a number"),
            ("99999999999999999999h", "too large"),
            ("", "write 250us"),
        ] {
            let error = parse_duration(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn sizes_and_rates() {
        assert_eq!(parse_size("16KiB"), Ok(16384));
        assert_eq!(parse_size("1MB"), Ok(1_000_000));
        assert_eq!(parse_size("32"), Ok(32));
        assert_eq!(parse_size("100b"), Ok(100));
        assert_eq!(parse_rate("1000rps").map(Rate::as_per_second), Ok(1_000.0));
        assert_eq!(parse_rate("20k rps").map(Rate::as_per_second), Ok(20_000.0));
        assert!(parse_size("1.5B").is_err());
        for text in ["1e3", "1E+3", "1.5e-2"] {
            let error = parse_count(text).expect_err(text).to_string();
            assert!(error.contains("it has an exponent; write 1000, 100k"), "{text}: {error}");
        }
        assert!(parse_count("1each").expect_err("no count").to_string().contains("unknown unit"));
        assert_eq!(parse_rate("20k").map(Rate::as_per_second), Ok(20_000.0));
        assert_eq!(parse_rate("1.5M").map(Rate::as_per_second), Ok(1_500_000.0));
        assert_eq!(parse_rate("7/s").map(Rate::as_per_second), Ok(7.0));
        for bad in ["-5", "0", "fast", "", "1e9", "inf", "20 kHz"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(value in any::<u64>(), rate in 1e-6_f64..1e12) {
            let duration = Duration::from_nanos(value);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            prop_assert_eq!(parse_size(&format_size(value)), Ok(value));
            prop_assert_eq!(parse_count(&format_count(value)), Ok(value));
            for rate in [rate, rate.round().max(1.0)] {
                let rate = Rate::per_second(rate).expect("positive");
                prop_assert_eq!(parse_rate(&rate.to_string()), Ok(rate));
            }
        }

        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = (parse_duration(&text), parse_size(&text), parse_rate(&text));
        }
    }
}
