//! Forms of tools that keep a history of benchmarks: github-action-benchmark, Bencher, Apache Otava.

use super::{Run, field, number};
use aelab_results::record::{Group, Percentile, Quantiles};
use serde_json::{Map, Value, json};

/// Percentiles that go into a history, in percent.
const PERCENTILES: [f64; 3] = [50.0, 99.0, 99.9];

/// The time that stands for a group, and its word.
fn lead(group: &Group) -> (&'static str, &Quantiles) {
    match group.has_due_times() {
        true => ("response time", &group.total.response_time),
        false => ("service time", &group.total.service_time),
    }
}

/// Run, group; groups that only hold connections have no figures.
fn groups<'a>(runs: &'a [Run<'a>]) -> impl Iterator<Item = (&'a Run<'a>, &'a Group)> {
    runs.iter().flat_map(|run| {
        let all = run.folder.record.groups.iter();
        all.filter(|group| lead(group).1.count > 0).map(move |group| (run, group))
    })
}

/// The percentiles that the sample supports.
fn known(times: &Quantiles) -> impl Iterator<Item = (&Percentile, f64)> {
    PERCENTILES.into_iter().filter_map(|p| {
        let entry = times.at(p)?;
        Some((entry, entry.us?))
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Times and errors.
pub(super) fn smaller_is_better(runs: &[Run<'_>]) -> String {
    let mut all = Vec::new();
    for (run, group) in groups(runs) {
        let name = format!("{}{}", run.prefix(), group.name);
        let (word, times) = lead(group);
        for (entry, us) in known(times) {
            let mut one =
                json!({"name": format!("{name} p{} {word}", entry.p), "unit": "us", "value": us});
            if let (Some(lo), Some(hi)) = (entry.lo_us, entry.hi_us) {
                one["range"] = json!(format!("{lo} to {hi}"));
            }
            all.push(one);
        }
        let percent = group.counts.error_share() * 100.0;
        all.push(json!({"name": format!("{name} errors"), "unit": "%", "value": percent}));
    }
    pretty(&Value::Array(all))
}

/// Rates.
pub(super) fn bigger_is_better(runs: &[Run<'_>]) -> String {
    let rate = |(run, group): (&Run<'_>, &Group)| {
        let name = format!("{}{} rate", run.prefix(), group.name);
        json!({"name": name, "unit": "requests/s", "value": group.achieved_rate})
    };
    let all = groups(runs).filter(|(_, group)| group.achieved_rate.is_finite()).map(rate);
    pretty(&Value::Array(all.collect()))
}

/// Bencher Metric Format: a benchmark per group; times in nanoseconds, as Bencher's own `latency` has them.
pub(super) fn bencher(runs: &[Run<'_>]) -> String {
    let mut all = Map::new();
    for (run, group) in groups(runs) {
        let mut measures = Map::new();
        for (entry, us) in known(lead(group).1) {
            let mut one = json!({"value": us * 1e3});
            if let (Some(lo), Some(hi)) = (entry.lo_us, entry.hi_us) {
                one["lower_value"] = json!(lo * 1e3);
                one["upper_value"] = json!(hi * 1e3);
            }
            measures.insert(format!("latency-p{}", entry.p).replace('.', "-"), one);
        }
        if group.achieved_rate.is_finite() {
            measures.insert("throughput".to_owned(), json!({"value": group.achieved_rate}));
        }
        measures.insert("error-share".to_owned(), json!({"value": group.counts.error_share()}));
        all.insert(format!("{}{}", run.prefix(), group.name), Value::Object(measures));
    }
    pretty(&Value::Object(all))
}

/// A heading and one row: time, commit, server, and the metrics of each group.
pub(super) fn otava(runs: &[Run<'_>]) -> String {
    let record = &runs[0].folder.record;
    let server = record.server.as_ref();
    let version = server.and_then(|server| server.version.clone()).unwrap_or_default();
    let name = server.map(|server| server.name.clone()).unwrap_or_default();
    let mut columns = vec![
        ("time".to_owned(), record.started_at.clone()),
        ("server".to_owned(), name),
        ("version".to_owned(), version),
        ("commit".to_owned(), record.tool.commit.clone().unwrap_or_default()),
    ];
    for (run, group) in groups(runs) {
        let name = format!("{}{}", run.prefix(), group.name);
        let times = lead(group).1;
        for p in PERCENTILES {
            columns.push((format!("{name}.p{p}_us"), number(times.us_at(p))));
        }
        let rate = Some(group.achieved_rate).filter(|rate| rate.is_finite());
        columns.push((format!("{name}.rate"), number(rate)));
        columns.push((format!("{name}.error_share"), number(Some(group.counts.error_share()))));
    }
    let row = |of: fn(&(String, String)) -> &String| {
        columns.iter().map(|column| field(of(column))).collect::<Vec<_>>().join(",")
    };
    format!("{}\n{}\n", row(|(name, _)| name), row(|(_, value)| value))
}
