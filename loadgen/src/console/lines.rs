//! A plain run as redis-benchmark's CSV and one-line forms, for scripts.
//!
//! Pure: record in, text out. Invariant: every number printed is one of the record, only rounded; what is not known is `NaN` in
//! CSV, a number to a parser and not a false one, and `-` in lines that people read.

use crate::console::table::{headline, is_idle};
use aelab_results::record::{Group, Metrics, Quantiles, RunRecord};
use std::fmt::Write as _;

/// redis-benchmark's CSV header.
pub const CSV_HEADER: &str = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"";

/// One CSV line per command, in redis-benchmark's columns.
#[must_use]
pub fn csv(record: &RunRecord, label: Option<&str>) -> String {
    let mut out = String::new();
    for (group, command, metrics) in rows(record) {
        let (_, q) = headline(group, metrics);
        // Too few samples for a percentile.
        let ms = |us: Option<f64>| us.unwrap_or(f64::NAN) / 1e3;
        let _ = writeln!(
            out,
            "\"{}\",\"{:.2}\",\"{:.3}\",\"{:.3}\",\"{:.3}\",\"{:.3}\",\"{:.3}\",\"{:.3}\"",
            // As CSV has it: a quote inside quotes is doubled.
            label.unwrap_or(command).replace('"', "\"\""),
            rate_of(group, q),
            ms(q.mean_us),
            ms(q.min_us),
            ms(q.us_at(50.0)),
            ms(q.us_at(95.0)),
            ms(q.us_at(99.0)),
            ms(q.max_us)
        );
    }
    out.trim_end().to_owned()
}

/// redis-benchmark's `-q` line per command.
#[must_use]
pub fn quiet(record: &RunRecord, label: Option<&str>) -> String {
    let mut out = String::new();
    for (group, command, metrics) in rows(record) {
        let (_, q) = headline(group, metrics);
        let rate = rate_of(group, q);
        let rate = if rate.is_nan() { "-".to_owned() } else { format!("{rate:.2}") };
        let p50 = match (q.us_at(50.0), q.at(50.0).and_then(|entry| entry.need)) {
            (Some(us), _) => format!("{:.3} msec", us / 1e3),
            (None, Some(need)) => format!("- msec (n<{need})"),
            (None, None) => "- msec".to_owned(),
        };
        let label = label.unwrap_or(command);
        let _ = writeln!(out, "{label}: {rate} requests per second, p50={p50}");
    }
    out.trim_end().to_owned()
}

pub(super) fn rows(record: &RunRecord) -> impl Iterator<Item = (&Group, &str, &Metrics)> {
    record.groups.iter().filter(|group| !is_idle(group)).flat_map(|group| {
        group.commands.iter().map(move |(name, metrics)| (group, name.as_str(), metrics))
    })
}

#[expect(clippy::cast_precision_loss, reason = "a rate is printed to two decimals")]
pub(super) fn rate_of(group: &Group, quantiles: &Quantiles) -> f64 {
    // The command's share of the replies that came while measuring; its own count holds those of the drain too.
    let all: u64 = group.commands.values().map(|metrics| headline(group, metrics).1.count).sum();
    match group.commands.len() {
        // All replies may have come to requests of the warm-up.
        1 => group.achieved_rate,
        _ if all > 0 => group.achieved_rate * quantiles.count as f64 / all as f64,
        // They are not counted for single commands.
        _ if group.achieved_rate > 0.0 => f64::NAN,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::table::record;

    #[test]
    fn csv_and_quiet_read_as_redis_benchmark_writes_them() {
        assert_eq!(
            csv(&record(), None),
            "\"GET\",\"5.00\",\"0.150\",\"0.100\",\"0.143\",\"NaN\",\"NaN\",\"0.300\""
        );
        assert!(csv(&record(), Some("a\"b")).starts_with("\"a\"\"b\",\"5.00\""));
        assert_eq!(quiet(&record(), None), "GET: 5.00 requests per second, p50=0.143 msec");
        let mut few = record();
        let metrics = few.groups[0].commands.get_mut("GET").expect("GET");
        metrics.service_time.percentiles[0].us = None;
        metrics.service_time.percentiles[0].need = Some(20);
        assert_eq!(quiet(&few, None), "GET: 5.00 requests per second, p50=- msec (n<20)");
        assert_eq!(quiet(&record(), Some("X")), "X: 5.00 requests per second, p50=0.143 msec");
    }

    #[test]
    fn a_rate_that_nobody_knows_is_no_number() {
        let mut record = record();
        let empty = Metrics::default();
        record.groups[0].commands =
            [("GET".to_owned(), empty.clone()), ("SET".to_owned(), empty)].into();
        assert!(quiet(&record, None).starts_with("GET: - requests per second"));
        assert!(csv(&record, None).starts_with("\"GET\",\"NaN\","));
        record.groups[0].achieved_rate = 0.0;
        assert!(quiet(&record, None).starts_with("GET: 0.00 requests per second"));
    }
}
