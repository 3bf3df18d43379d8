//! Several runs as one, as if their clients had run side by side: interval k of all runs is added to interval k of the result.
//!
//! Pure. Histograms of equal bounds are added bucket by bucket, counts and rates are added, and percentiles are read from the sum;
//! nothing is averaged. Runs that cannot be added exactly are refused.
//! Not for runs after one another, which `pooled` joins in time. Invariant: the result can be derived again from its log.

use crate::folder::Folder;
use crate::hlog::{Hlog, HlogSeries, SeriesKey, sum_intervals};
use crate::pooled::join_group;
use crate::record::{CaveatRecord, Connections, Group, MergedRun, RunRecord, Severity, utc_millis};
use std::collections::BTreeSet;

/// Offered rates that differ by less than this share are equal: a trace has a measured one.
const RATE_SHARE: f64 = 0.01;

/// Why runs cannot be added. One line: which, why, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// The sum of runs: its record and its histograms.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// The record.
    pub record: RunRecord,
    /// What its log holds.
    pub series: Vec<HlogSeries>,
}

/// Adds runs.
///
/// # Errors
/// Fewer than two runs, the same run twice, or runs that do not describe the same load.
pub fn merge(parts: &[Folder]) -> Result<Merge, Refusal> {
    let [first, others @ ..] = parts else {
        return Err(Refusal("no folder is named; give two or more".to_owned()));
    };
    if others.is_empty() {
        return Err(Refusal("one folder alone is no sum; give two or more".to_owned()));
    }
    let logs = parts.iter().map(usable).collect::<Result<Vec<&Hlog>, Refusal>>()?;
    for (at, one) in parts.iter().enumerate() {
        if let Some(same) = parts[..at].iter().find(|other| is_same_run(other, one)) {
            let (a, b) = (same.dir.display(), one.dir.display());
            return Err(Refusal(format!("{a} and {b} are the same run; name each run once")));
        }
    }
    for (one, log) in others.iter().zip(&logs[1..]) {
        compare(first, logs[0], one, log)?;
    }
    let series = added(&logs);
    let log = Hlog { start_unix_ms: None, series, torn: false, rebinned: false };
    let record = record(parts, &log);
    Ok(Merge { record, series: log.series })
}

/// The log of a run that can be part of a sum.
fn usable(folder: &Folder) -> Result<&Hlog, Refusal> {
    let refuse = |why: &str| Err(Refusal(format!("{}: {why}", folder.dir.display())));
    if !folder.arms.is_empty() || folder.record.scenario.is_some() {
        return refuse("holds several runs; name folders of single runs, such as its arms/NAME");
    }
    if !folder.repetitions.is_empty() {
        return refuse("holds several repetitions; name folders of single runs");
    }
    if folder.record.groups.is_empty() || folder.record.procedure.is_some() {
        return refuse("is no run with requests; name folders of loadgen run");
    }
    if folder.record.interrupted {
        return refuse(
            "the run was interrupted, so it does not cover its whole time; measure again",
        );
    }
    match &folder.hlog {
        None => refuse("has no latency.hlog, so there are no histograms to add; restore the file"),
        Some(log) if log.torn => refuse(
            "the last line of latency.hlog is cut off, so samples are missing; measure again",
        ),
        Some(log) if log.rebinned => refuse(
            "latency.hlog has histograms of other bounds than 1 ns to 1 h with 3 digits, which cannot be added exactly; \
             use logs of loadgen",
        ),
        Some(log) => Ok(log),
    }
}

fn is_same_run(a: &Folder, b: &Folder) -> bool {
    let is_same_place = match (a.dir.canonicalize(), b.dir.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    is_same_place || (a.record == b.record && a.hlog == b.hlog)
}

/// Two runs must be of one load on one server, in intervals of one length.
fn compare(a: &Folder, a_log: &Hlog, b: &Folder, b_log: &Hlog) -> Result<(), Refusal> {
    let differ = |what: String| {
        let (a, b) = (a.dir.display(), b.dir.display());
        Err(Refusal(format!("{a} and {b} cannot be added: {what}; merge runs of the same load")))
    };
    let (one, other) = (&a.record, &b.record);
    let server = |record: &RunRecord| {
        record
            .server
            .as_ref()
            .map(|s| format!("{} {}", s.name, s.version.as_deref().unwrap_or("?")))
    };
    if server(one) != server(other) {
        let name = |server: Option<String>| server.unwrap_or_else(|| "unknown".to_owned());
        return differ(format!("server {} and {}", name(server(one)), name(server(other))));
    }
    let step = |log: &Hlog| {
        let intervals = log.series.iter().flat_map(|series| &series.intervals);
        intervals.map(|interval| interval.length_ns).max().unwrap_or(0)
    };
    if step(a_log) != step(b_log) {
        let ms = |log: &Hlog| step(log) / 1_000_000;
        return differ(format!("intervals of {} ms and {} ms", ms(a_log), ms(b_log)));
    }
    let apart = (one.duration_s - other.duration_s).abs();
    if apart > (step(a_log) as f64 / 1e9).max(one.duration_s * RATE_SHARE) {
        return differ(format!(
            "lengths of {:.1} s and {:.1} s (measure with --duration)",
            one.duration_s, other.duration_s
        ));
    }
    if one.groups.len() != other.groups.len() {
        return differ(format!("{} and {} groups", one.groups.len(), other.groups.len()));
    }
    for (mine, theirs) in one.groups.iter().zip(&other.groups) {
        if let Some(what) = difference(mine, theirs) {
            return differ(what);
        }
    }
    Ok(())
}

fn difference(a: &Group, b: &Group) -> Option<String> {
    let pair = |what: &str, a: &str, b: &str| Some(format!("{what} '{a}' and '{b}'"));
    if a.name != b.name {
        return pair("groups", &a.name, &b.name);
    }
    let of = |what: &str| format!("{what} of group {}", a.name);
    if a.role != b.role {
        return pair(&of("role"), a.role.as_str(), b.role.as_str());
    }
    if a.workload != b.workload {
        return pair(&of("load"), &a.workload, &b.workload);
    }
    let commands = |group: &Group| group.commands.keys().cloned().collect::<Vec<_>>().join(", ");
    if commands(a) != commands(b) {
        return pair(&of("commands"), &commands(a), &commands(b));
    }
    if a.arrival.process != b.arrival.process {
        return pair(&of("arrival"), &a.arrival.process, &b.arrival.process);
    }
    let is_near = |a: f64, b: f64| (a - b).abs() <= a.abs() * RATE_SHARE;
    match (a.arrival.rate, b.arrival.rate) {
        (Some(one), Some(other)) if !is_near(one, other) => {
            pair(&of("rate"), &one.to_string(), &other.to_string())
        }
        (one, other) if one.is_some() != other.is_some() => Some(of("only one run has a rate")),
        _ => None,
    }
}

/// Every series of any run, summed over the runs.
fn added(logs: &[&Hlog]) -> Vec<HlogSeries> {
    let keys: BTreeSet<&SeriesKey> =
        logs.iter().flat_map(|log| &log.series).map(|series| &series.key).collect();
    keys.into_iter()
        .map(|key| {
            let parts: Vec<&HlogSeries> = logs.iter().filter_map(|log| log.get(key)).collect();
            HlogSeries { key: key.clone(), intervals: sum_intervals(&parts) }
        })
        .collect()
}

fn record(parts: &[Folder], log: &Hlog) -> RunRecord {
    let first = &parts[0].record;
    let records = || parts.iter().map(|part| &part.record);
    let groups = first.groups.iter().enumerate().map(|(index, group)| {
        let all: Vec<&Group> = records().map(|record| &record.groups[index]).collect();
        sum(group, &all, log)
    });
    let mut stalls: Vec<_> = records().flat_map(|record| record.stalls.iter().cloned()).collect();
    stalls.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let runs = parts.iter().map(|part| MergedRun {
        dir: part.dir.display().to_string(),
        started_at: part.record.started_at.clone(),
        duration_s: part.record.duration_s,
        seed: part.record.seed,
    });
    RunRecord {
        tool: first.tool.clone(),
        title: first.title.clone(),
        note: first.note.clone(),
        tags: first.tags.clone(),
        command: first.command.clone(),
        seed: first.seed,
        started_at: records().map(|r| r.started_at.clone()).min().unwrap_or_default(),
        duration_s: records().map(|r| r.duration_s).fold(0.0, f64::max),
        environment: first.environment.clone(),
        server: first.server.clone(),
        groups: groups.collect(),
        caveats: caveats(parts),
        stalls,
        merged_from: runs.collect(),
        ..RunRecord::default()
    }
}

/// A group as the sum of those of all runs. In contrast to repetitions, the clients are counted together.
fn sum(first: &Group, all: &[&Group], log: &Hlog) -> Group {
    let mut joined = join_group(first, all, log);
    joined.achieved_rate = all.iter().map(|group| group.achieved_rate).sum();
    joined.arrival.rate = first
        .arrival
        .rate
        .is_some()
        .then(|| all.iter().filter_map(|group| group.arrival.rate).sum());
    joined.connections =
        all.iter().map(|group| group.connections).fold(Connections::default(), |a, b| {
            Connections {
                asked: a.asked + b.asked,
                established: a.established + b.established,
                failed: a.failed + b.failed,
                reconnects: a.reconnects + b.reconnects,
            }
        });
    joined.endpoints = Vec::new();
    // It names the connections and the rate of one run.
    joined.load = String::new();
    if let Some(pool) = &mut joined.pool {
        pool.most_open = all.iter().filter_map(|g| g.pool.as_ref()).map(|p| p.most_open).sum();
    }
    joined
}

/// The caveats of all runs, each once, and one if the runs were not made at the same time.
fn caveats(parts: &[Folder]) -> Vec<CaveatRecord> {
    let of_runs = parts.iter().flat_map(|part| {
        let name = part.dir.display().to_string();
        part.record.caveats.iter().map(move |caveat| CaveatRecord {
            arm: Some(caveat.arm.clone().unwrap_or_else(|| name.clone())),
            ..caveat.clone()
        })
    });
    let mut all: Vec<CaveatRecord> = of_runs.collect();
    let starts: Vec<u64> =
        parts.iter().filter_map(|part| utc_millis(&part.record.started_at)).collect();
    let apart_s = match (starts.iter().min(), starts.iter().max()) {
        (Some(first), Some(last)) => (last - first) as f64 / 1e3,
        _ => 0.0,
    };
    let shortest = parts.iter().map(|part| part.record.duration_s).fold(f64::INFINITY, f64::min);
    if apart_s > shortest * RATE_SHARE {
        all.push(CaveatRecord {
            id: "merged-apart".to_owned(),
            severity: Severity::Warning,
            value: Some(apart_s),
            limit: Some(shortest * RATE_SHARE),
            text: format!(
                "The runs were not made at the same time: their starts are {apart_s:.1} s apart. Counts and histograms are exact \
                 sums; the rate is the sum of rates that the server never saw together"
            ),
            remedy: "Compare repetitions with loadgen report compare".to_owned(),
            arm: None,
        });
    }
    all.sort_by_key(|caveat| caveat.severity);
    all
}
