//! `.hgrm`: the percentile distribution as HdrHistogram for Java prints it, byte for byte.
//!
//! Steps in percent and over recorded values as `PercentileIterator` does, and rounds half up on
//! the shortest decimal digits as `java.util.Formatter` does; Rust's own `{:.3}` rounds the exact
//! binary value and differs in the last digit now and then.

use std::fmt::Write as _;

use crate::histogram::{DIGITS, Histogram};

/// Reporting steps per halving of the distance to 100 %: Java's default.
pub const TICKS_PER_HALF: u32 = 5;

/// Divides the values: ns to ms, as Java's log processor does by default.
const UNIT_RATIO: f64 = 1e6;

/// The text of a histogram, values in ms.
#[must_use]
pub fn print(histogram: &Histogram) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let digits = usize::from(DIGITS);
    let value = |ns: f64| fixed(ns / UNIT_RATIO, digits);
    for row in rows(histogram) {
        let _ = write!(
            out,
            "{:>12} {} {:>10}",
            value(row.value as f64),
            fixed(row.percent / 100.0, 12),
            row.count
        );
        if row.percent < 100.0 {
            let _ = write!(out, " {:>14}", fixed(1.0 / (1.0 - row.percent / 100.0), 2));
        }
        out.push('\n');
    }
    let (mean, deviation) = moments(histogram);
    let _ = writeln!(
        out,
        "#[Mean    = {:>12}, StdDeviation   = {:>12}]",
        value(mean),
        value(deviation)
    );
    let max = if histogram.is_empty() { 0 } else { histogram.max() };
    let _ = writeln!(
        out,
        "#[Max     = {:>12}, Total count    = {:>12}]",
        value(max as f64),
        histogram.len()
    );
    let sub_buckets = (2 * 10_u64.pow(u32::from(DIGITS))).next_power_of_two();
    let _ = writeln!(
        out,
        "#[Buckets = {:>12}, SubBuckets     = {sub_buckets:>12}]",
        histogram.buckets()
    );
    out
}

struct Row {
    value: u64,
    percent: f64,
    count: u64,
}

fn rows(histogram: &Histogram) -> Vec<Row> {
    let total = histogram.len();
    let mut rows = Vec::new();
    let mut level = 0.0_f64;
    let mut seen = 0;
    for cell in histogram.iter_recorded() {
        seen += cell.count_at_value();
        let reached = 100.0 * seen as f64 / total as f64;
        let value = histogram.highest_equivalent(cell.value_iterated_to());
        while reached >= level {
            rows.push(Row { value, percent: level, count: seen });
            if seen == total {
                break;
            }
            level += step(level);
        }
        if seen == total {
            rows.push(Row { value, percent: 100.0, count: seen });
        }
    }
    rows
}

/// The distance to the next reported level, in percent.
fn step(level: f64) -> f64 {
    let halvings = ((100.0 / (100.0 - level)).ln() / 2_f64.ln()).trunc() + 1.0;
    100.0 / (f64::from(TICKS_PER_HALF) * 2_f64.powf(halvings))
}

/// Mean and deviation, each bucket at its middle, in Java's order of operations.
fn moments(histogram: &Histogram) -> (f64, f64) {
    if histogram.is_empty() {
        return (0.0, 0.0);
    }
    let total = histogram.len() as f64;
    let cells: Vec<(f64, u64)> = histogram
        .iter_recorded()
        .map(|c| (histogram.median_equivalent(c.value_iterated_to()) as f64, c.count_at_value()))
        .collect();
    let mean = cells.iter().map(|&(v, n)| v * n as f64).sum::<f64>() / total;
    let squares: f64 = cells.iter().map(|&(v, n)| (v - mean) * (v - mean) * n as f64).sum();
    (mean, (squares / total).sqrt())
}

/// `x` with `digits` decimals, rounded half up on its shortest decimal form.
fn fixed(x: f64, digits: usize) -> String {
    let text = format!("{x}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let up = fraction.as_bytes().get(digits).is_some_and(|&d| d >= b'5');
    let mut kept: Vec<u8> = whole.bytes().collect();
    kept.extend(fraction.bytes().chain(std::iter::repeat(b'0')).take(digits));
    if up && carry(&mut kept) {
        kept.insert(0, b'1');
    }
    let mut out: String = kept.into_iter().map(char::from).collect();
    if digits > 0 {
        out.insert(out.len() - digits, '.');
    }
    out
}

/// Adds one to a decimal number; true if it overflowed.
fn carry(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_half_up_on_their_shortest_form() {
        let rows = [
            (0.999_780_273_437_5, 12, "0.999780273438"),
            (0.0005, 3, "0.001"),
            (9.9995, 3, "10.000"),
            (1.0, 2, "1.00"),
            (0.0, 3, "0.000"),
            (2.675, 2, "2.68"),
        ];
        for (x, digits, text) in rows {
            assert_eq!(fixed(x, digits), text);
        }
    }
}
