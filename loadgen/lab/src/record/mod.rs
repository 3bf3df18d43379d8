//! From what the engine measured to what is kept: a [`RunRecord`] and the series of `latency.hlog`.
//!
//! No statistics of its own: those are in the results crate. Invariant: counts pass through unchanged, and every interval of
//! the engine appears exactly once under its tag. Read next: `rate.rs` for the replies that count, `facts.rs` for what caveats
//! are drawn from, `audit.rs` for the engine's own figures.

mod audit;
pub mod combined;
mod facts;
mod rate;
mod workload;

use aelab_engine::clock::Nanos;
use aelab_engine::plan::{ArrivalProcess, GroupPlan, RequestLog, Role, RunPlan, Seeks};
use aelab_engine::record::result::{
    CommandResult, ConnectionCounts, DeliveryCounts, EndpointResult, GroupResult, MetricResult,
    PoolResult, RunResult,
};
use aelab_results::caveat::{Caveat, assess};
use aelab_results::histogram::{Histogram, Sparse};
use aelab_results::hlog::{HlogSeries, Interval, Metric, SeriesKey, sum_intervals};
use aelab_results::record::{
    Arrival, Connections, Counts, Delivery, EndpointConnections, Environment, ErrorCount, Group,
    KernelTimes, Metrics, Pool, Quantiles, Redirects, RunRecord, Server, Stall, Tool, utc_text,
};
use aelab_results::stats::{self, Exact, Sample};

/// The id for requests that got no reply within their time limit.
const TIMED_OUT: &str = "timed-out";
/// What the engine does not know about its own run.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The command line, word by word.
    pub command: Vec<String>,
    /// The machine.
    pub environment: Environment,
    /// The server under test.
    pub server: Option<Server>,
    /// Percentiles asked for, in percent, beside those that every record has.
    pub asked: Vec<f64>,
    /// Caveats that do not come from the engine.
    pub caveats: Vec<Caveat>,
}

/// A run as it is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// `result.json`.
    pub record: RunRecord,
    /// `latency.hlog`.
    pub series: Vec<HlogSeries>,
}

/// The version of this program, with the commit that it was built from: `0.1.0 (96afa4f2f5c1)`.
pub const VERSION: &str = env!("AELAB_VERSION");

/// The tool's own line in a record.
#[must_use]
pub fn tool() -> Tool {
    Tool {
        name: "loadgen".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("AELAB_COMMIT").map(str::to_owned),
    }
}

/// Turns a result into what is kept; the causes of `stalls` were looked up before.
#[must_use]
pub fn keep(plan: &RunPlan, result: &RunResult, context: Context, stalls: Vec<Stall>) -> Kept {
    let clock = Timeline::of(plan, result);
    let percentiles: Vec<f64> =
        stats::DEFAULT_PERCENTILES.iter().chain(&context.asked).copied().collect();
    let mut series = Vec::new();
    let mut groups = Vec::new();
    let mut headline: Vec<HlogSeries> = Vec::new();
    for (group, planned) in result.groups.iter().zip(&plan.groups) {
        let mut responses = Vec::new();
        for command in &group.commands {
            let made = command_series(&clock, &group.name, command);
            responses.push(made[0].clone());
            series.extend(made);
        }
        if group.role == Role::Victim {
            headline.extend(responses);
        }
        series.extend(connect_series(group));
        series.extend(blocked_series(&clock, group));
        series.extend(stamp_series(&clock, group).into_iter().flatten());
        series.extend(group.pool.as_ref().map(|pool| wait_series(&clock, &group.name, pool)));
        let mut record = group_record(&clock, group, planned, &percentiles);
        record.workload = workload::workload(planned);
        record.load = workload::load(planned, &plan.phases);
        record.arrival = Arrival {
            process: planned.arrival.as_str().to_owned(),
            rate: offered(&planned.arrival, group, &clock),
        };
        if let (Some(kernel), Some(clock)) = (&mut record.kernel, result.audit.kernel_clock) {
            kernel.clock_uncertainty_us = clock.uncertainty.as_secs_f64() * 1e6;
            kernel.clock_steps = clock.steps;
        }
        groups.push(record);
    }
    let parts: Vec<&HlogSeries> = headline.iter().collect();
    let untagged = HlogSeries { key: SeriesKey::Headline, intervals: sum_intervals(&parts) };
    let mut record = RunRecord {
        tool: tool(),
        command: context.command.into(),
        seed: plan.seed,
        started_at: utc_text((result.started_wall_ns + result.measure_from.0) / 1_000_000),
        duration_s: clock.measured_s,
        interrupted: result.interrupted,
        environment: context.environment,
        server: context.server,
        groups,
        stalls,
        ..RunRecord::default()
    };
    let facts = facts::facts(plan, result, &clock, &record, &context.asked);
    record.audit = Some(audit::audit(result, &facts));
    let mut caveats = context.caveats;
    // A server that did not answer, or refused everything, explains whatever else is missing.
    let gravest = facts::unreached(plan, result)
        .or_else(|| facts::silence(&clock, result))
        .or_else(|| facts::nothing_heard(result));
    caveats.extend(gravest.or_else(|| facts::given_up(plan, result)));
    caveats.extend(assess(&facts));
    let wrong = result.audit.wrong_accounting.iter();
    caveats.extend(wrong.map(|what| Caveat::AccountingError { what: what.clone() }));
    caveats.sort_by_key(Caveat::severity);
    record.caveats = caveats.iter().map(Caveat::to_record).collect();
    if !untagged.intervals.is_empty() {
        series.insert(0, untagged);
    }
    Kept { record, series }
}

/// Where the measurement lies on the run's own clock.
struct Timeline {
    measure_from: Nanos,
    interval: Nanos,
    measured: Nanos,
    measured_s: f64,
    /// It was cut short before anything could be counted per second.
    is_too_short: bool,
}

impl Timeline {
    fn of(plan: &RunPlan, result: &RunResult) -> Self {
        let measured = result.measure_until.since(result.measure_from);
        let measured = measured.max(rate::schedule_length(plan, result, measured));
        Self {
            measure_from: result.measure_from,
            interval: result.interval,
            measured,
            measured_s: measured.as_secs_f64(),
            is_too_short: result.interrupted && measured < result.interval,
        }
    }

    fn intervals(&self, metric: &MetricResult) -> Vec<Interval> {
        let start = |number: u32| {
            let from_origin = Nanos(u64::from(number).saturating_mul(self.interval.0));
            from_origin.since(self.measure_from).0
        };
        let of = |interval: &aelab_engine::record::sparse::Interval| Interval {
            start_ns: start(interval.number),
            length_ns: self.interval.0,
            counts: interval.sparse(),
        };
        metric.intervals.iter().map(of).collect()
    }
}

fn metrics_of(command: &CommandResult) -> [(Metric, &MetricResult); 3] {
    [
        (Metric::Response, &command.response_time),
        (Metric::Service, &command.service_time),
        (Metric::Lag, &command.send_lag),
    ]
}

fn command_series(clock: &Timeline, group: &str, command: &CommandResult) -> [HlogSeries; 3] {
    metrics_of(command).map(|(metric, result)| HlogSeries {
        key: SeriesKey::tagged(group, &command.label, metric),
        intervals: clock.intervals(result),
    })
}

/// Connect times are few and lie before the measurement: one interval at its start.
fn connect_series(group: &GroupResult) -> Option<HlogSeries> {
    let counts = Sparse::from_histogram(&group.opening.connected);
    (!counts.is_empty()).then(|| HlogSeries {
        key: SeriesKey::tagged(&group.name, aelab_results::hlog::ALL_COMMANDS, Metric::Connect),
        intervals: vec![Interval { start_ns: 0, length_ns: 0, counts }],
    })
}

fn blocked_series(clock: &Timeline, group: &GroupResult) -> Option<HlogSeries> {
    group.blocked.as_ref().map(|blocked| HlogSeries {
        key: SeriesKey::tagged(&group.name, aelab_results::hlog::ALL_COMMANDS, Metric::Wait),
        intervals: clock.intervals(blocked),
    })
}

fn stamp_series(clock: &Timeline, group: &GroupResult) -> Option<[HlogSeries; 2]> {
    let stamps = group.kernel_times.as_ref()?;
    Some([(Metric::Wire, &stamps.wire), (Metric::WakeUp, &stamps.wake_up)].map(
        |(metric, result)| HlogSeries {
            key: SeriesKey::tagged(&group.name, aelab_results::hlog::ALL_COMMANDS, metric),
            intervals: clock.intervals(result),
        },
    ))
}

fn wait_series(clock: &Timeline, group: &str, pool: &PoolResult) -> HlogSeries {
    HlogSeries {
        key: SeriesKey::tagged(group, aelab_results::hlog::ALL_COMMANDS, Metric::Wait),
        intervals: clock.intervals(&pool.wait),
    }
}

fn pool_record(clock: &Timeline, pool: &PoolResult, percentiles: &[f64]) -> Pool {
    let counts = &pool.counts;
    Pool {
        wait: summary(clock, &[&pool.wait], percentiles, None),
        opened: counts.opened,
        closed: counts.closed,
        pool_timeouts: counts.pool_timeouts,
        most_open: counts.most_open,
    }
}

fn group_record(
    clock: &Timeline,
    group: &GroupResult,
    planned: &GroupPlan,
    percentiles: &[f64],
) -> Group {
    let (due, sent) = (group.censored(), group.censored_service());
    let one = |command: &CommandResult| {
        let of = |metric, open: Option<&Histogram>| {
            summary(clock, &[metric], percentiles, open.and_then(|open| bounds(group, open)))
        };
        let (hits, misses) = found(command, planned);
        Metrics {
            response_time: of(&command.response_time, Some(&command.censored)),
            service_time: of(&command.service_time, Some(&command.censored_service)),
            send_lag: of(&command.send_lag, None),
            hits,
            misses,
            sent_bytes: rate::part_of(group, command, |traffic| traffic.sent_bytes),
            received_bytes: rate::part_of(group, command, |traffic| traffic.received_bytes),
        }
    };
    let all = |pick: fn(&CommandResult) -> &MetricResult, open: Option<&Histogram>| {
        let parts: Vec<&MetricResult> = group.commands.iter().map(pick).collect();
        summary(clock, &parts, percentiles, open.and_then(|open| bounds(group, open)))
    };
    let counts = &group.counts;
    Group {
        name: group.name.clone(),
        role: role(group.role),
        connections: connections(&group.connections),
        endpoints: endpoints(group),
        kernel: group.kernel_times.as_ref().map(|stamps| KernelTimes {
            wire: summary(clock, &[&stamps.wire], percentiles, None),
            wake_up: summary(clock, &[&stamps.wake_up], percentiles, None),
            unstamped: stamps.unstamped,
            ..KernelTimes::default()
        }),
        redirects: group
            .redirects
            .map(|redirects| Redirects { moved: redirects.moved, asked: redirects.asked }),
        counts: Counts {
            scheduled: counts.scheduled,
            sent: counts.sent,
            shed: counts.shed,
            ok: counts.ok,
            error: counts.error,
            timeout: counts.timeout,
            unfinished: counts.unfinished,
            never_sent: counts.never_sent,
        },
        errors: errors_record(group),
        error_time: (!group.error_response.is_empty())
            .then(|| whole(&group.error_response, percentiles)),
        delivery: group.delivery.as_ref().map(delivery),
        blocked: group
            .blocked
            .as_ref()
            .map(|blocked| summary(clock, &[blocked], percentiles, None)),
        achieved_rate: rate::achieved(clock, planned, group),
        carried_over: group.arrivals.inside.warmup,
        commands: group.commands.iter().map(|c| (c.label.clone(), one(c))).collect(),
        total: Metrics {
            response_time: all(|c| &c.response_time, Some(&due)),
            service_time: all(|c| &c.service_time, Some(&sent)),
            send_lag: all(|c| &c.send_lag, None),
            ..Metrics::default()
        },
        pool: group.pool.as_ref().map(|pool| pool_record(clock, pool, percentiles)),
        misses: group.replies.null,
        sent_bytes: group.traffic.sent_bytes,
        received_bytes: group.traffic.received_bytes,
        over_time: rate::over_time(clock, group),
        // What the plan says is filled in by `keep`.
        ..Group::default()
    }
}

fn connections(counts: &ConnectionCounts) -> Connections {
    Connections {
        asked: counts.asked,
        established: counts.established,
        failed: counts.failed,
        reconnects: counts.reconnects,
    }
}

/// Empty for one server: the group's own counts are the same.
fn endpoints(group: &GroupResult) -> Vec<EndpointConnections> {
    if group.endpoints.len() < 2 {
        return Vec::new();
    }
    let of = |endpoint: &EndpointResult| EndpointConnections {
        name: endpoint.name.clone(),
        connections: connections(&endpoint.connections),
    };
    group.endpoints.iter().map(of).collect()
}

/// Hits and misses of a command that reads. They are not counted for an operation of several commands.
fn found(command: &CommandResult, planned: &GroupPlan) -> (Option<u64>, Option<u64>) {
    let mut same = planned.workload.commands.iter().filter(|plan| plan.label == command.label);
    let seeks = same.any(|plan| plan.seeks() != Seeks::Nothing);
    if !seeks || command.counts.ok == 0 {
        return (None, None);
    }
    (Some(command.counts.ok - command.nulls.min(command.counts.ok)), Some(command.nulls))
}

fn delivery(counts: &DeliveryCounts) -> Delivery {
    Delivery {
        received: counts.received,
        measured: counts.measured,
        lost: counts.lost,
        duplicated: counts.duplicated,
        out_of_order: counts.out_of_order,
        foreign: counts.foreign,
    }
}

fn errors_record(group: &GroupResult) -> Vec<ErrorCount> {
    let of = |error: &aelab_engine::record::result::ErrorCount| ErrorCount {
        word: error.word.clone(),
        count: error.count,
        text: error.text.clone(),
    };
    group.errors.iter().map(of).collect()
}

/// Lower bounds of a time from requests without a reply; none for requests that wait for data on purpose.
fn bounds(group: &GroupResult, open: &Histogram) -> Option<Sparse> {
    (group.delivery.is_none() && !open.is_empty()).then(|| Sparse::from_histogram(open))
}

/// The median service time of the slowest command, in nanoseconds.
fn usual_delay_ns(clock: &Timeline, group: &GroupResult) -> u64 {
    let medians =
        group.commands.iter().filter_map(|c| merged_sparse(clock, &c.service_time).value_at(0.5));
    medians.max().unwrap_or(0)
}

fn merged_sparse(clock: &Timeline, metric: &MetricResult) -> Sparse {
    let intervals = clock.intervals(metric);
    Sparse::merge(intervals.iter().map(|interval| &interval.counts))
}

/// The rate that an open loop was to have during the measurement: asked for, or, where it changes over time, of what was due.
fn offered(arrival: &ArrivalProcess, group: &GroupResult, clock: &Timeline) -> Option<f64> {
    match arrival {
        ArrivalProcess::Shaped(_) | ArrivalProcess::Trace(_) => {
            Some(per_second(group.counts.scheduled, clock.measured_s))
        }
        fixed => fixed.rate().map(|rate| rate.as_per_second()),
    }
}

/// Whether requests are due whatever the replies do.
fn is_open(planned: &GroupPlan) -> bool {
    !matches!(planned.arrival, ArrivalProcess::Closed { .. } | ArrivalProcess::Idle)
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown to a few digits")]
fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

fn summary(
    clock: &Timeline,
    parts: &[&MetricResult],
    percentiles: &[f64],
    unfinished: Option<Sparse>,
) -> Quantiles {
    let intervals = merged_intervals(clock, parts);
    let mut exact: Option<Exact> = None;
    for part in parts.iter().map(|part| part.exact).filter(|exact| exact.count > 0) {
        let sum = exact.get_or_insert(Exact { min_ns: part.min, max_ns: 0, sum_ns: 0 });
        sum.min_ns = sum.min_ns.min(part.min);
        sum.max_ns = sum.max_ns.max(part.max);
        sum.sum_ns += part.sum;
    }
    let unfinished = unfinished.as_ref();
    let given_up_ns = parts.iter().filter_map(|part| part.given_up).min();
    let sample = Sample { intervals: &intervals, exact, unfinished, given_up_ns };
    stats::summarise(&sample, percentiles)
}

/// Of samples whose times are not known.
fn whole(histogram: &Histogram, percentiles: &[f64]) -> Quantiles {
    let counts = Sparse::from_histogram(histogram);
    let all = [Interval { start_ns: 0, length_ns: 0, counts }];
    let sample = Sample { intervals: &all, exact: None, unfinished: None, given_up_ns: None };
    stats::summarise(&sample, percentiles)
}

fn merged_intervals(clock: &Timeline, parts: &[&MetricResult]) -> Vec<Interval> {
    if let [only] = parts {
        return clock.intervals(only);
    }
    let series: Vec<HlogSeries> = parts
        .iter()
        .map(|part| HlogSeries { key: SeriesKey::Headline, intervals: clock.intervals(part) })
        .collect();
    sum_intervals(&series.iter().collect::<Vec<_>>())
}

fn role(role: Role) -> aelab_results::record::Role {
    use aelab_results::record::Role as Kept;
    match role {
        Role::Victim => Kept::Victim,
        Role::Offender => Kept::Offender,
        Role::Background => Kept::Background,
        Role::Probe => Kept::Probe,
    }
}

/// Room for every request of an offender in any sensible run.
pub const OFFENDER_LOG: RequestLog = RequestLog::Keep { max: 100_000 };
