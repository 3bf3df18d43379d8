//! A record from `latency.hlog` alone, for a folder whose `result.json` is lost.
//!
//! Pure. It holds what the log can give: times, counts of replies and the rate. A caveat says what is missing.

use crate::folder::Folder;
use crate::hlog::{ALL_COMMANDS, Hlog, HlogSeries, Interval, Metric, SeriesKey};
use crate::record::{
    Arrival, CaveatRecord, Counts, Group, Metrics, Quantiles, RunRecord, Severity, utc_text,
};
use crate::stats::{DEFAULT_PERCENTILES, Sample, summarise};
use std::collections::BTreeSet;
use std::path::Path;

/// The folder as far as its log tells.
#[must_use]
pub fn folder(dir: &Path, log: Hlog) -> Folder {
    let record = record(&log);
    let (arms, repetitions) = (Vec::new(), Vec::new());
    Folder { dir: dir.to_owned(), record, hlog: Some(log), arms, repetitions }
}

fn record(log: &Hlog) -> RunRecord {
    let intervals = log.series.iter().flat_map(|series| &series.intervals);
    let end_ns = intervals.map(|interval| interval.start_ns + interval.length_ns).max();
    let duration_s = end_ns.unwrap_or(0) as f64 / 1e9;
    let tagged = log.series.iter().filter_map(|series| match &series.key {
        SeriesKey::Tagged { group, .. } => Some(group.clone()),
        SeriesKey::Headline => None,
    });
    let names: BTreeSet<String> = tagged.collect();
    RunRecord {
        started_at: log.start_unix_ms.map(utc_text).unwrap_or_default(),
        duration_s,
        interrupted: true,
        groups: names.iter().map(|name| group(log, name, duration_s)).collect(),
        caveats: vec![CaveatRecord {
            id: "no-record".to_owned(),
            severity: Severity::Warning,
            value: None,
            limit: None,
            text: "There is no result.json, so everything here comes from latency.hlog. Unknown are: whether the measurement is \
                   valid, whether requests had a schedule, errors and requests without a reply, stalls, the server and the machine"
                .to_owned(),
            remedy: "Restore result.json, or measure again".to_owned(),
            arm: None,
        }],
        ..RunRecord::default()
    }
}

fn group(log: &Hlog, name: &str, duration_s: f64) -> Group {
    let commands: BTreeSet<&str> = log
        .series
        .iter()
        .filter_map(|series| match &series.key {
            SeriesKey::Tagged { group, command, .. } if group == name => Some(command.as_str()),
            _ => None,
        })
        .filter(|command| *command != ALL_COMMANDS)
        .collect();
    let total = metrics(|metric| log.of_group(name, metric));
    let replies = total.service_time.count.max(total.response_time.count);
    let of = |command: &str| {
        metrics(|metric| log.get(&SeriesKey::tagged(name, command, metric)).cloned())
    };
    Group {
        name: name.to_owned(),
        arrival: Arrival { process: "unknown".to_owned(), rate: None },
        counts: Counts { scheduled: replies, sent: replies, ok: replies, ..Counts::default() },
        achieved_rate: if duration_s > 0.0 { replies as f64 / duration_s } else { f64::NAN },
        commands: commands.iter().map(|name| ((*name).to_owned(), of(name))).collect(),
        total,
        ..Group::default()
    }
}

fn metrics(of: impl Fn(Metric) -> Option<HlogSeries>) -> Metrics {
    let times = |metric| -> Quantiles {
        let intervals: Vec<Interval> =
            of(metric).map(|series| series.intervals).unwrap_or_default();
        let sample =
            Sample { intervals: &intervals, exact: None, unfinished: None, given_up_ns: None };
        summarise(&sample, &DEFAULT_PERCENTILES)
    };
    Metrics {
        response_time: times(Metric::Response),
        service_time: times(Metric::Service),
        send_lag: times(Metric::Lag),
        ..Metrics::default()
    }
}
