//! The repetitions of an arm as one run: one after the other in time, all samples together.
//!
//! Pure. Invariant: no repetition is left out, and every sample and stall is in the result exactly once. Verdicts are not computed
//! from this: they compare repetition by repetition.

use crate::folder::Folder;
use crate::hlog::{Hlog, HlogSeries, Interval, Metric, SeriesKey};
use crate::record::{
    Counts, Delivery, ErrorCount, Group, KernelTimes, Metrics, Pool, Quantiles, RunRecord, Stall,
};
use crate::stats::{Exact, Sample, summarise};

/// The folder with its repetitions as one run; as it is if it has none.
#[must_use]
pub fn pooled(folder: &Folder) -> Folder {
    if folder.repetitions.is_empty() {
        return folder.clone();
    }
    let parts: Vec<&Folder> = std::iter::once(folder).chain(&folder.repetitions).collect();
    let starts = starts(&parts);
    let series = join_series(&parts, &starts);
    let start_unix_ms = folder.hlog.as_ref().and_then(|log| log.start_unix_ms);
    let log = Hlog {
        torn: parts.iter().any(|part| is_torn(part)),
        rebinned: parts.iter().any(|part| part.hlog.as_ref().is_some_and(|log| log.rebinned)),
        series,
        start_unix_ms,
    };
    let last_s = parts.last().map_or(0.0, |part| part.record.duration_s);
    let last_start = starts.last().copied().unwrap_or(0);
    let records: Vec<&RunRecord> = parts.iter().map(|part| &part.record).collect();
    let stalls = records.iter().zip(&starts).flat_map(|(record, start)| {
        let start_s = *start as f64 / 1e9;
        record.stalls.iter().map(move |s| Stall { start_s: s.start_s + start_s, ..s.clone() })
    });
    let group = |first: &Group| {
        let all: Vec<&Group> = records
            .iter()
            .filter_map(|record| record.groups.iter().find(|group| group.name == first.name))
            .collect();
        join_group(first, &all, &log)
    };
    let record = RunRecord {
        duration_s: last_start as f64 / 1e9 + last_s,
        interrupted: records.iter().any(|record| record.interrupted),
        groups: folder.record.groups.iter().map(group).collect(),
        caveats: records.iter().flat_map(|record| record.caveats.iter().cloned()).collect(),
        stalls: stalls.collect(),
        ..folder.record.clone()
    };
    let hlog = parts.iter().any(|part| part.hlog.is_some()).then_some(log);
    Folder { record, hlog, repetitions: Vec::new(), ..folder.clone() }
}

fn is_torn(folder: &Folder) -> bool {
    folder.hlog.as_ref().is_some_and(|log| log.torn)
}

/// When each repetition begins on the common time axis, in ns: at the end of the one before, drain included, in whole intervals.
fn starts(parts: &[&Folder]) -> Vec<u64> {
    let mut next = 0;
    let mut starts = Vec::new();
    for part in parts {
        starts.push(next);
        let intervals = || part.hlog.iter().flat_map(|log| &log.series).flat_map(|s| &s.intervals);
        let step = intervals().map(|interval| interval.length_ns).max().unwrap_or(0).max(1);
        let end = intervals().map(|interval| interval.start_ns + interval.length_ns).max();
        let length = (part.record.duration_s * 1e9) as u64;
        next += end.unwrap_or(0).max(length).div_ceil(step) * step;
    }
    starts
}

fn join_series(parts: &[&Folder], starts: &[u64]) -> Vec<HlogSeries> {
    let mut joined: Vec<HlogSeries> = Vec::new();
    for (part, start) in parts.iter().zip(starts) {
        for series in part.hlog.iter().flat_map(|log| &log.series) {
            let later = series.intervals.iter().map(|interval| Interval {
                start_ns: interval.start_ns + start,
                ..interval.clone()
            });
            match joined.iter_mut().find(|one| one.key == series.key) {
                Some(one) => one.intervals.extend(later),
                None => {
                    joined.push(HlogSeries { key: series.key.clone(), intervals: later.collect() });
                }
            }
        }
    }
    joined
}

pub(crate) fn join_group(first: &Group, all: &[&Group], log: &Hlog) -> Group {
    let sum = |of: fn(&Group) -> u64| all.iter().map(|group| of(group)).sum::<u64>();
    let of_group = |metric, quantiles: fn(&Group) -> Option<&Quantiles>| {
        let parts: Vec<&Quantiles> = all.iter().filter_map(|group| quantiles(group)).collect();
        join_times(&parts, log.of_group(&first.name, metric).as_ref())
    };
    let mut joined = first.clone();
    joined.counts = join_counts(all);
    joined.achieved_rate = all.iter().map(|g| g.achieved_rate).sum::<f64>() / all.len() as f64;
    joined.carried_over = sum(|group| group.carried_over);
    joined.misses = sum(|group| group.misses);
    joined.sent_bytes = sum(|group| group.sent_bytes);
    joined.received_bytes = sum(|group| group.received_bytes);
    joined.connections.failed = sum(|group| group.connections.failed);
    joined.connections.reconnects = sum(|group| group.connections.reconnects);
    joined.errors = join_errors(all);
    // There is no series of it, and no percentile can be had from percentiles.
    joined.error_time = None;
    joined.over_time = None;
    joined.delivery = first.delivery.is_some().then(|| join_delivery(all));
    joined.total = Metrics {
        response_time: of_group(Metric::Response, |group| Some(&group.total.response_time)),
        service_time: of_group(Metric::Service, |group| Some(&group.total.service_time)),
        send_lag: of_group(Metric::Lag, |group| Some(&group.total.send_lag)),
        ..first.total.clone()
    };
    for (name, metrics) in &mut joined.commands {
        *metrics = join_command(name, all, log);
    }
    let sum_pool = |of: fn(&Pool) -> u64| all.iter().filter_map(|g| g.pool.as_ref()).map(of).sum();
    joined.pool = first.pool.is_some().then(|| Pool {
        wait: of_group(Metric::Wait, |group| group.pool.as_ref().map(|pool| &pool.wait)),
        opened: sum_pool(|pool| pool.opened),
        closed: sum_pool(|pool| pool.closed),
        pool_timeouts: sum_pool(|pool| pool.pool_timeouts),
        most_open: all
            .iter()
            .filter_map(|g| g.pool.as_ref())
            .map(|p| p.most_open)
            .max()
            .unwrap_or(0),
    });
    joined.blocked =
        first.blocked.is_some().then(|| of_group(Metric::Wait, |group| group.blocked.as_ref()));
    joined.kernel = first.kernel.as_ref().map(|kernel| KernelTimes {
        wire: of_group(Metric::Wire, |group| group.kernel.as_ref().map(|k| &k.wire)),
        wake_up: of_group(Metric::WakeUp, |group| group.kernel.as_ref().map(|k| &k.wake_up)),
        unstamped: all.iter().filter_map(|g| g.kernel.as_ref()).map(|k| k.unstamped).sum(),
        ..kernel.clone()
    });
    joined
}

fn join_command(name: &str, all: &[&Group], log: &Hlog) -> Metrics {
    let parts: Vec<&Metrics> = all.iter().filter_map(|group| group.commands.get(name)).collect();
    let group = all.first().map_or("", |group| group.name.as_str());
    let of = |metric, quantiles: fn(&Metrics) -> &Quantiles| {
        let parts: Vec<&Quantiles> = parts.iter().map(|metrics| quantiles(metrics)).collect();
        join_times(&parts, log.get(&SeriesKey::tagged(group, name, metric)))
    };
    let sum = |of: fn(&Metrics) -> Option<u64>| {
        parts.iter().filter_map(|metrics| of(metrics)).reduce(|a, b| a + b)
    };
    Metrics {
        response_time: of(Metric::Response, |metrics| &metrics.response_time),
        service_time: of(Metric::Service, |metrics| &metrics.service_time),
        send_lag: of(Metric::Lag, |metrics| &metrics.send_lag),
        hits: sum(|metrics| metrics.hits),
        misses: sum(|metrics| metrics.misses),
        sent_bytes: sum(|metrics| metrics.sent_bytes),
        received_bytes: sum(|metrics| metrics.received_bytes),
    }
}

/// Times of all samples together. Exact figures, and what requests without a reply leave open, come from the parts.
fn join_times(parts: &[&Quantiles], series: Option<&HlogSeries>) -> Quantiles {
    let Some(first) = parts.first() else { return Quantiles::default() };
    let percentiles: Vec<f64> = first.percentiles.iter().map(|entry| entry.p).collect();
    let intervals = series.map_or(&[][..], |series| series.intervals.as_slice());
    let fold = |of: fn(&Quantiles) -> Option<f64>, pick: fn(f64, f64) -> f64| {
        parts.iter().filter_map(|part| of(part)).reduce(pick)
    };
    let (min_us, max_us) = (fold(|part| part.min_us, f64::min), fold(|part| part.max_us, f64::max));
    let nanos = |us: f64| (us * 1e3).round() as u64;
    // A bucket may end above the largest sample: no percentile is above the maximum.
    let exact = min_us.zip(max_us).map(|(min, max)| Exact {
        min_ns: nanos(min),
        max_ns: nanos(max),
        sum_ns: 0,
    });
    let sample = Sample { intervals, exact, unfinished: None, given_up_ns: None };
    let mut joined = summarise(&sample, &percentiles);
    (joined.min_us, joined.max_us) = (min_us, max_us);
    let weighted = |part: &&&Quantiles| Some((part.mean_us?, part.count as f64));
    let (sum, count) = parts
        .iter()
        .filter_map(|part| weighted(&part))
        .fold((0.0, 0.0), |(sum, count), (mean, weight)| (sum + mean * weight, count + weight));
    joined.mean_us = (count > 0.0).then(|| sum / count);
    joined.censored = parts.iter().any(|part| part.censored);
    for entry in &mut joined.percentiles {
        entry.censored = parts.iter().any(|part| part.at(entry.p).is_some_and(|e| e.censored));
    }
    joined
}

fn join_counts(all: &[&Group]) -> Counts {
    all.iter().map(|group| group.counts).fold(Counts::default(), |a, b| Counts {
        scheduled: a.scheduled + b.scheduled,
        sent: a.sent + b.sent,
        shed: a.shed + b.shed,
        ok: a.ok + b.ok,
        error: a.error + b.error,
        timeout: a.timeout + b.timeout,
        unfinished: a.unfinished + b.unfinished,
        never_sent: a.never_sent + b.never_sent,
    })
}

fn join_delivery(all: &[&Group]) -> Delivery {
    all.iter().filter_map(|group| group.delivery).fold(Delivery::default(), |a, b| Delivery {
        received: a.received + b.received,
        measured: a.measured + b.measured,
        lost: a.lost + b.lost,
        duplicated: a.duplicated + b.duplicated,
        out_of_order: a.out_of_order + b.out_of_order,
        foreign: a.foreign + b.foreign,
    })
}

fn join_errors(all: &[&Group]) -> Vec<ErrorCount> {
    let mut joined: Vec<ErrorCount> = Vec::new();
    for error in all.iter().flat_map(|group| &group.errors) {
        match joined.iter_mut().find(|one| one.word == error.word) {
            Some(one) => one.count += error.count,
            None => joined.push(error.clone()),
        }
    }
    joined.sort_by_key(|error| std::cmp::Reverse(error.count));
    joined
}
