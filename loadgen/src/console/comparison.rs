//! A comparison as tables for a terminal.
//!
//! Pure: text from data. Invariant: a ratio without an interval says why.

use aelab_results::compare::{Basis, Comparison, MetricRatio};
use aelab_results::text::number::{duration, percent, rate};
use std::fmt::Write as _;

/// Longest text of a cell of the setup table.
const CELL_MAX: usize = 44;

/// All of it, without a line feed at the end.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    for (name, side) in [("A", &comparison.a), ("B", &comparison.b)] {
        let title = if side.title.is_empty() { String::new() } else { format!("  {}", side.title) };
        let _ = writeln!(out, "{name}  {}  {}{title}", side.dir, side.started_at);
    }
    for pair in &comparison.pairs {
        let count = |at: usize| pair.repetitions[at];
        let runs = match (count(0), count(1)) {
            (1, 1) => "one run each".to_owned(),
            (a, b) => format!("{a} and {b} repetitions"),
        };
        let _ = writeln!(out, "\n{}: {}, {runs}", pair.place(), pair.time);
        let _ =
            writeln!(out, "  {:<8} {:>12} {:>12} {:>9}  95 % interval", "metric", "A", "B", "B/A");
        for metric in &pair.metrics {
            out.push_str(&row(metric));
        }
        if !pair.shift.is_empty() {
            let points: Vec<String> = pair
                .shift
                .iter()
                .map(|point| format!("p{} {}", point.p, factor(point.ratio)))
                .collect();
            let _ = writeln!(out, "  B/A by quantile: {}", points.join(", "));
        }
    }
    if !comparison.setup.is_empty() {
        out.push_str("\nDifferent setup\n");
        for row in &comparison.setup {
            let (a, b) = (cell(&row.a), cell(&row.b));
            let _ = writeln!(out, "  {}, {}: {a} | {b}", row.area, row.name);
        }
    }
    for only in &comparison.unpaired {
        let _ = writeln!(out, "\nNot compared, only in {only}");
    }
    for note in &comparison.notes {
        let _ = write!(out, "\nNote: {note}");
    }
    out.trim_end().replace('\u{a0}', " ")
}

fn row(metric: &MetricRatio) -> String {
    let value = |value: Option<f64>| match (value, metric.unit.as_str()) {
        (None, _) => "-".to_owned(),
        (Some(us), "us") => duration(us),
        (Some(share), "share") => percent(share),
        (Some(per_second), _) => rate(per_second),
    };
    let ratio = metric.ratio.map_or_else(|| "-".to_owned(), factor);
    let interval = match (metric.lo, metric.hi) {
        (Some(lo), Some(hi)) => {
            let basis = match metric.basis {
                Basis::WithinRun => " (within the run)",
                _ => "",
            };
            format!("{} to {}{basis}", factor(lo), factor(hi))
        }
        _ => metric.why.clone(),
    };
    let (a, b) = (value(metric.a), value(metric.b));
    let line = format!("  {:<8} {a:>12} {b:>12} {ratio:>9}  {interval}", metric.name);
    format!("{}\n", line.trim_end())
}

/// Three decimals near one, three digits elsewhere.
fn factor(ratio: f64) -> String {
    match ratio {
        r if r >= 1000.0 => format!("{r:.0}"),
        r if r >= 100.0 => format!("{r:.1}"),
        r if r >= 10.0 => format!("{r:.2}"),
        r if r >= 0.01 => format!("{r:.3}"),
        r => format!("{r:.2e}"),
    }
}

fn cell(text: &str) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    match text.chars().count() > CELL_MAX {
        true => text.chars().take(CELL_MAX - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::compare::Pair;

    #[test]
    fn a_row_has_an_interval_or_a_reason() {
        let p99 = MetricRatio {
            name: "p99".into(),
            unit: "us".into(),
            a: Some(1000.0),
            b: Some(1250.0),
            ratio: Some(1.25),
            lo: Some(1.1),
            hi: Some(1.42),
            basis: Basis::WithinRun,
            why: String::new(),
        };
        let errors = MetricRatio {
            name: "errors".into(),
            unit: "share".into(),
            a: Some(0.0),
            why: "no ratio: a run had no errors".into(),
            ..MetricRatio::default()
        };
        let pair = Pair {
            group: "load".into(),
            time: "response time".into(),
            repetitions: [1, 1],
            metrics: vec![p99, errors],
            ..Pair::default()
        };
        let shown = text(&Comparison { pairs: vec![pair], ..Comparison::default() });
        assert!(shown.contains("load: response time, one run each"), "{shown}");
        assert!(shown.contains("1.250  1.100 to 1.420 (within the run)"), "{shown}");
        assert!(shown.contains("no ratio: a run had no errors"), "{shown}");
    }
}
