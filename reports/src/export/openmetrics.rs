//! OpenMetrics 1.0 text: counters, and classic histograms whose buckets can be added and cut into quantiles by the reader.
//!
//! The limits of buckets are limits of our own buckets (a quarter of a doubling apart), so each count is exact.

use super::{Run, names};
use aelab_results::histogram::{HIGHEST_NS, Sparse, highest_of, lowest_of};
use aelab_results::hlog::{Metric, SeriesKey};
use std::fmt::Write as _;

/// The lowest limit: one microsecond, about.
const FIRST_DOUBLING: u32 = 10;

/// The histograms: metric, name, help.
const TIMES: [(Metric, &str, &str); 3] = [
    (
        Metric::Response,
        "loadgen_response_time_seconds",
        "Time from when a request was due to its reply.",
    ),
    (
        Metric::Service,
        "loadgen_service_time_seconds",
        "Time from when a request was sent to its reply.",
    ),
    (
        Metric::Lag,
        "loadgen_send_lag_seconds",
        "Time from when a request was due until it was sent.",
    ),
];

/// All of it.
pub(super) fn text(runs: &[Run<'_>]) -> String {
    let mut out = String::new();
    for (metric, name, help) in TIMES {
        let _ =
            writeln!(out, "# TYPE {name} histogram\n# UNIT {name} seconds\n# HELP {name} {help}");
        for run in runs {
            for series in run.series().iter().filter(|series| series.key != SeriesKey::Headline) {
                let (group, command, of) = names(&series.key);
                if of == metric {
                    let labels = labels(run, &[("group", group), ("command", command)]);
                    histogram(&mut out, name, &labels, &series.merged());
                }
            }
        }
    }
    let name = "loadgen_requests";
    let _ = writeln!(out, "# TYPE {name} counter\n# HELP {name} Measured requests by outcome.");
    for run in runs {
        for group in &run.folder.record.groups {
            let counts = &group.counts;
            for (outcome, count) in [
                ("ok", counts.ok),
                ("error", counts.error),
                ("timeout", counts.timeout),
                ("unfinished", counts.unfinished),
                ("shed", counts.shed),
            ] {
                let labels = labels(run, &[("group", &group.name), ("outcome", outcome)]);
                let _ = writeln!(out, "{name}_total{{{labels}}} {count}");
            }
        }
    }
    let name = "loadgen_measured_seconds";
    let _ = writeln!(
        out,
        "# TYPE {name} gauge\n# UNIT {name} seconds\n# HELP {name} Length of the measurement."
    );
    for run in runs {
        let labels = labels(run, &[]);
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(out, "{name}{braces} {}", run.folder.record.duration_s);
    }
    out.push_str("# EOF\n");
    out
}

fn histogram(out: &mut String, name: &str, labels: &str, samples: &Sparse) {
    let mut cells = samples.counts().iter().peekable();
    let (mut seen, mut sum_ns) = (0_u64, 0.0_f64);
    let last = samples.max_ns();
    for limit in limits() {
        while let Some((index, count)) = cells.next_if(|(i, _)| highest_of(*i as usize) <= limit) {
            let (low, high) = (lowest_of(*index as usize), highest_of(*index as usize));
            sum_ns += (low + (high - low) / 2) as f64 * *count as f64;
            seen += count;
        }
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{}\"}} {seen}", limit as f64 / 1e9);
        if limit >= last {
            break;
        }
    }
    let total = samples.total();
    let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {total}");
    let _ = writeln!(out, "{name}_count{{{labels}}} {total}");
    let _ = writeln!(out, "{name}_sum{{{labels}}} {}", sum_ns / 1e9);
}

/// Four limits per doubling, in ns, up to the range of the histograms.
fn limits() -> impl Iterator<Item = u64> {
    (FIRST_DOUBLING..u64::BITS - 3)
        .flat_map(|doubling| (4..8_u64).map(move |quarter| (quarter << (doubling - 2)) - 1))
        .take_while(|limit| *limit / 2 <= HIGHEST_NS)
}

fn labels(run: &Run<'_>, others: &[(&str, &str)]) -> String {
    let arm = (!run.arm.is_empty()).then_some(("arm", run.arm));
    let all = arm.iter().chain(others).map(|(name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    });
    all.collect::<Vec<_>>().join(",")
}
