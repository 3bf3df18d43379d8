//! Numbers as text, with units. A no-break space separates number and unit.
//!
//! All pages and tables use these functions, so that one value reads the same everywhere.

/// The space between a number and its unit.
const GAP: char = '\u{a0}';

/// A duration in µs with three digits: `70.3 µs`, `812 ms`, `1.02 s`.
pub fn duration(us: f64) -> String {
    let (value, unit) = scaled(us);
    format!("{}{GAP}{unit}", three_digits(value))
}

/// As [`duration`], without trailing zeros: for axes.
pub fn tick_duration(us: f64) -> String {
    let (value, unit) = scaled(us);
    format!("{}{GAP}{unit}", trimmed(value))
}

/// A duration in seconds, see [`duration`].
pub fn seconds(s: f64) -> String {
    if s == 0.0 {
        return format!("0{GAP}s");
    }
    duration(s * 1e6)
}

/// A value in ns as µs.
pub fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

fn scaled(us: f64) -> (f64, &'static str) {
    // The limits leave room for rounding: 999.6 µs is 1.00 ms, not 1000 µs.
    match us {
        _ if us == 0.0 => (0.0, "µs"),
        _ if us < 0.9995 => (us * 1e3, "ns"),
        _ if us < 999.5 => (us, "µs"),
        _ if us < 999_500.0 => (us / 1e3, "ms"),
        _ => (us / 1e6, "s"),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        _ if value >= 999.5 => grouped(value.round() as u64),
        _ if value >= 99.95 => format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ if value == 0.0 => "0".to_owned(),
        _ => format!("{value:.2}"),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A whole number with thousands separated: `30,000`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A rate: `1,000/s`, `12.5/s`, and `no rate` for NaN.
pub fn rate(per_second: f64) -> String {
    if per_second.is_nan() {
        "no rate".to_owned()
    } else if per_second >= 100.0 {
        format!("{}/s", grouped(per_second.round() as u64))
    } else {
        format!("{}/s", trimmed((per_second * 10.0).round() / 10.0))
    }
}

/// A size in bytes with three digits: `216 B`, `17.2 KiB`, `1.00 MiB`.
pub fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        _ if bytes < 1023.5 => return format!("{}{GAP}B", trimmed(bytes.round())),
        _ if bytes < 1023.5 * 1024.0 => (bytes / 1024.0, "KiB"),
        _ if bytes < 1023.5 * 1_048_576.0 => (bytes / 1_048_576.0, "MiB"),
        _ => (bytes / 1_073_741_824.0, "GiB"),
    };
    format!("{}{GAP}{unit}", three_digits(value))
}

/// A plain number: whole ones grouped, others to three places.
pub fn plain(value: f64) -> String {
    if value >= 0.0 && value.fract() == 0.0 && value < 1e15 {
        grouped(value as u64)
    } else {
        trimmed(value)
    }
}

/// A count on an axis: `0`, `500`, `10 k`, `1.5 M`.
pub fn tick_count(n: f64) -> String {
    match n {
        _ if n >= 1e6 => format!("{}{GAP}M", trimmed(n / 1e6)),
        _ if n >= 1e4 => format!("{}{GAP}k", trimmed(n / 1e3)),
        _ if n >= 1e3 => grouped(n.round() as u64),
        _ => trimmed(n),
    }
}

/// A share as percent: `0.04 %`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        _ if value == 0.0 => format!("0{GAP}%"),
        _ if value < 0.001 => format!("<0.001{GAP}%"),
        _ if value < 1.0 => format!("{}{GAP}%", trimmed(value)),
        _ => format!("{value:.1}{GAP}%"),
    }
}

/// A percentile's name: `p99.9`.
pub fn percentile(p: f64) -> String {
    format!("p{p}")
}

/// How many times `a` is `b`: `460 times`, `1.8 times`.
pub fn times(a: f64, b: f64) -> String {
    let ratio = a / b;
    if ratio >= 10.0 {
        format!("{} times", grouped(ratio.round() as u64))
    } else {
        format!("{ratio:.1} times")
    }
}

/// A list as English text: `a`, `a and b`, `a, b and c`.
pub fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A count with its noun, for a page: `1 stall`, `5 stalls`, `30,000 replies`.
pub fn counted(n: usize, noun: &str) -> String {
    format!("{} {}", grouped(n as u64), noun_for(n as u64, noun))
}

/// A count with its noun, for a terminal: `1 key`, `2 keys`, `30000 replies`.
pub fn with_noun(n: u64, noun: &str) -> String {
    format!("{n} {}", noun_for(n, noun))
}

fn noun_for(n: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if n == 1 => noun.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_the_plural_of_its_noun() {
        for (count, noun, text) in [
            (1, "reply", "1 reply"),
            (0, "reply", "0 replies"),
            (2, "key", "2 keys"),
            (3_000, "shorter stall", "3000 shorter stalls"),
        ] {
            assert_eq!(with_noun(count, noun), text);
        }
        assert_eq!(counted(3_000, "reply"), "3,000 replies");
    }

    #[test]
    fn a_duration_has_three_digits_and_the_unit_that_suits_it() {
        let rows = [
            (0.0, "0 µs"),
            (0.25, "250 ns"),
            (4.5, "4.50 µs"),
            (70.34, "70.3 µs"),
            (999.4, "999 µs"),
            (999.6, "1.00 ms"),
            (812_400.0, "812 ms"),
            (1_020_000.0, "1.02 s"),
            (75_000_000.0, "75.0 s"),
        ];
        for (us, text) in rows {
            assert_eq!(duration(us).replace(GAP, " "), text);
        }
        assert_eq!(tick_duration(200_000.0).replace(GAP, " "), "200 ms");
        assert_eq!(tick_duration(1_000_000.0).replace(GAP, " "), "1 s");
    }

    #[test]
    fn sizes_and_plain_numbers() {
        let rows =
            [(0.0, "0 B"), (216.0, "216 B"), (17_618.0, "17.2 KiB"), (1_048_576.0, "1.00 MiB")];
        for (value, text) in rows {
            assert_eq!(bytes(value).replace(GAP, " "), text);
        }
        assert_eq!(
            (plain(56_000.0), plain(0.1234), plain(-2.0)),
            ("56,000".into(), "0.123".into(), "-2".into())
        );
    }

    #[test]
    fn counts_are_grouped() {
        let rows = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (n, text) in rows {
            assert_eq!(grouped(n), text);
        }
        assert_eq!(rate(999.96), "1,000/s");
        assert_eq!(rate(12.5), "12.5/s");
        assert_eq!(tick_count(15_000.0).replace(GAP, " "), "15 k");
        assert_eq!(percent(0.0004).replace(GAP, " "), "0.04 %");
        assert_eq!(times(970.0, 2.1), "462 times");
    }
}
