//! Every series over time: CSV, and JSON lines.
//!
//! A percentile that fewer than ten samples of the interval are above is left out; the largest value is always there.

use super::{Run, field, names, number};
use aelab_results::hlog::{Interval, SeriesKey};
use aelab_results::stats::supported;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 99.9];

/// An interval in numbers.
struct Row {
    start_s: f64,
    length_s: f64,
    count: u64,
    /// As [`PERCENTILES`], in µs.
    percentiles: [Option<f64>; 4],
    max_us: f64,
}

impl Row {
    fn of(interval: &Interval) -> Self {
        let count = interval.counts.total();
        let at = |p: f64| {
            let value = interval.counts.value_at(p / 100.0).filter(|_| supported(p, count));
            value.map(|ns| ns as f64 / 1e3)
        };
        Self {
            start_s: interval.start_ns as f64 / 1e9,
            length_s: interval.length_ns as f64 / 1e9,
            count,
            percentiles: PERCENTILES.map(at),
            max_us: interval.counts.max_ns() as f64 / 1e3,
        }
    }
}

/// One row per interval with samples.
pub(super) fn csv(runs: &[Run<'_>]) -> String {
    let mut out = "arm,group,command,metric,start_s,length_s,count".to_owned();
    for p in PERCENTILES {
        let _ = write!(out, ",p{p}_us");
    }
    out.push_str(",max_us\n");
    each(runs, |run, (group, command, metric), row| {
        let _ = write!(
            out,
            "{},{},{},{metric},{},{},{}",
            field(run.arm),
            field(group),
            field(command),
            row.start_s,
            row.length_s,
            row.count
        );
        for value in row.percentiles {
            let _ = write!(out, ",{}", number(value));
        }
        let _ = writeln!(out, ",{}", row.max_us);
    });
    out
}

/// One object per interval with samples.
pub(super) fn jsonl(runs: &[Run<'_>]) -> String {
    let mut out = String::new();
    each(runs, |run, (group, command, metric), row| {
        let mut object = Map::new();
        if !run.arm.is_empty() {
            object.insert("arm".to_owned(), json!(run.arm));
        }
        for (name, value) in [
            ("group", json!(group)),
            ("command", json!(command)),
            ("metric", json!(metric)),
            ("start_s", json!(row.start_s)),
            ("length_s", json!(row.length_s)),
            ("count", json!(row.count)),
        ] {
            object.insert(name.to_owned(), value);
        }
        for (p, value) in PERCENTILES.iter().zip(row.percentiles) {
            object.insert(format!("p{p}_us"), json!(value));
        }
        object.insert("max_us".to_owned(), json!(row.max_us));
        let _ = writeln!(out, "{}", Value::Object(object));
    });
    out
}

fn each(runs: &[Run<'_>], mut with: impl FnMut(&Run<'_>, (&str, &str, &str), &Row)) {
    for run in runs {
        // The untagged lines are the sum of others.
        for series in run.series().iter().filter(|series| series.key != SeriesKey::Headline) {
            let (group, command, metric) = names(&series.key);
            for interval in series.intervals.iter().filter(|one| !one.counts.is_empty()) {
                with(run, (group, command, metric.as_str()), &Row::of(interval));
            }
        }
    }
}
