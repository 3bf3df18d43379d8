//! Puts the threads' shares of a run together.
//!
//! Nothing is estimated: counts, buckets and sums are added, extremes compared.
//! Invariant: the merged result equals what one thread would have recorded of the same requests.

use crate::clock::Nanos;
use crate::group::Group;
use crate::group::assignment::Assignment;
use crate::group::connection_counts::{Connections, EndpointCounts};
use crate::plan::{Pacing, RunPlan};
use crate::record::Recorded;
use crate::record::error_counts::{ErrorCounts, count_word};
use crate::record::result::{
    Arrivals, Audit, CommandCounts, CommandResult, ConnectionCounts, Counts, EndpointResult,
    GroupResult, KernelClock, KernelTimesResult, LoggedRequests, MetricResult, OpeningTimes,
    PoolResult, RedirectCounts, ReplyCounts, RunResult, ThreadAudit, Traffic,
};
use crate::record::scheduling_delay::Absence;
use crate::record::sparse::IntervalSeries;
use crate::record::stall_detector::stalls;
use crate::worker::thread_result::ThreadResult;
use aelab_results::histogram::{self, Histogram};

/// The run's result from its threads' (at least one).
pub(crate) fn merge(plan: &RunPlan, threads: Vec<ThreadResult>, started_wall_ns: u64) -> RunResult {
    let origin = threads.first().map_or(Nanos::ZERO, |thread| thread.phases.origin);
    let latest = |of: fn(&ThreadResult) -> Nanos| {
        threads.iter().map(of).max().unwrap_or(origin).since(origin)
    };
    let measure_until = latest(|thread| thread.phases.measure_until.min(thread.ended));
    let begins = threads.iter().map(|thread| thread.phases.measure_from.since(origin));
    let measure_from = begins.min().unwrap_or(Nanos::ZERO).min(measure_until);
    let warmup_end = threads.iter().find_map(|thread| thread.warmup_end.clone());
    let ended = latest(|thread| thread.ended);
    let interrupted = threads.iter().any(|thread| thread.phases.interrupted);
    let is_cut_off = threads.iter().any(|thread| thread.phases.is_cut_off);
    let kernel_clock = kernel_clock(&threads);
    // One that only sleeps decides how late requests are noticed.
    let mut ways = threads.iter().map(|thread| thread.pacing);
    let first = ways.next().unwrap_or(plan.pacing);
    let pacing = ways.find(|pacing| *pacing == Pacing::Timerfd).unwrap_or(first);
    let audits = threads.iter().map(thread_audit).collect();
    let late: Vec<Vec<Absence>> =
        threads.iter().map(|t| t.scheduling_delay.absences.clone()).collect();
    let unanswered = threads.iter().filter_map(|thread| thread.unanswered.clone());
    let unanswered = unanswered.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
    let unanswered = unanswered.map(|span| span.start.since(origin)..span.end.since(origin));
    let mut quiet = Vec::new();
    let mut open_loop_lag = histogram::new();
    let mut groups: Vec<GroupResult> = plan.groups.iter().map(empty).collect();
    let mut errors: Vec<ErrorCounts> = plan.groups.iter().map(|_| ErrorCounts::default()).collect();
    for thread in threads {
        quiet.push(thread.quiet);
        for group in thread.groups {
            add(&mut open_loop_lag, group.recorder.wakeup_lag());
            if let Some(result) = groups.get_mut(group.index) {
                add_group(result, &mut errors[group.index], group);
            }
        }
    }
    for (group, errors) in groups.iter_mut().zip(errors) {
        group.errors = errors.into_sorted();
        group.failures.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    }
    let wrong = |group: &GroupResult| {
        group.check_accounting().err().map(|reason| format!("group '{}': {reason}", group.name))
    };
    let wrong_accounting = groups.iter().filter_map(wrong).collect();
    RunResult {
        groups,
        unanswered,
        stalls: stalls(&quiet, &late, plan.stall_threshold, origin),
        audit: Audit {
            pacing,
            kernel_clock,
            threads: audits,
            open_loop_lag,
            machine: None,
            wrong_accounting,
        },
        started_wall_ns,
        started: origin,
        measure_from,
        measure_until,
        ended,
        interval: plan.interval,
        interrupted,
        is_cut_off,
        warmup_end,
    }
}

/// How one thread ran.
fn thread_audit(thread: &ThreadResult) -> ThreadAudit {
    let until = thread.phases.measure_until.min(thread.ended);
    let delay = &thread.scheduling_delay;
    ThreadAudit {
        cpu: thread.phases.measured.cpu,
        spun: thread.phases.measured.spun,
        wall: thread.phases.measured.wall,
        queued: thread.phases.measured.queued,
        involuntary_switches: thread.phases.measured.involuntary_switches,
        turns: thread.turns,
        late_max: delay.max,
        late_sum: delay.sum(Nanos::ZERO, Nanos::MAX),
        stopped: delay.stopped(thread.phases.measure_from, until),
        busy: delay.busy(thread.phases.measure_from, until),
        blind: delay.blind(until),
        pinned: thread.pinned,
        margin: thread.margin,
        gaps: thread.gaps,
    }
}

/// Adds a thread's share of a group.
fn add_group(result: &mut GroupResult, errors: &mut ErrorCounts, group: Group) {
    add_connections(result, group.connections);
    let mut recorded = group.recorder.finish();
    for (command, bytes) in recorded.commands.iter_mut().zip(group.generator.written_bytes()) {
        command.traffic.sent_bytes = bytes;
    }
    match (group.assignment, recorded.wait.take(), &mut result.redirects) {
        (Assignment::Cluster(router), _, Some(sum)) => {
            sum.moved += router.counts.moved;
            sum.asked += router.counts.asked;
        }
        // A pool lives on one thread.
        (Assignment::Pool(pool), Some(wait), _) => {
            result.pool = Some(PoolResult { wait, counts: pool.counts });
        }
        _ => {}
    }
    if let Some(kernel_times) = recorded.kernel_times.take() {
        add_kernel_times(&mut result.kernel_times, kernel_times);
    }
    if let Some(delivery) = recorded.delivery {
        result.delivery.get_or_insert_default().add(&delivery);
    }
    if let Some(blocked) = recorded.blocked.take() {
        add_metric(result.blocked.get_or_insert_with(no_metric), blocked);
    }
    errors.add(&recorded.errors);
    add_recorded(result, recorded);
}

/// How well stamps could be used, over all threads.
fn kernel_clock(threads: &[ThreadResult]) -> Option<KernelClock> {
    let clocks = threads.iter().filter_map(|thread| thread.kernel_clock);
    clocks.reduce(|a, b| KernelClock {
        uncertainty: a.uncertainty.max(b.uncertainty),
        // Every thread sees the same steps.
        steps: a.steps.max(b.steps),
    })
}

/// Adds histograms of the same bounds.
fn add(to: &mut Histogram, from: &Histogram) {
    let added = to.add(from);
    debug_assert!(added.is_ok(), "all histograms have the same bounds");
}

fn no_metric() -> MetricResult {
    MetricResult {
        total: histogram::new(),
        exact: crate::record::result::Exact::default(),
        intervals: IntervalSeries::default(),
        given_up: None,
    }
}

fn empty(plan: &crate::plan::GroupPlan) -> GroupResult {
    let metric = no_metric;
    let commands = plan.workload.commands.iter().map(|command| CommandResult {
        label: command.label.clone(),
        counts: CommandCounts::default(),
        censored: histogram::new(),
        censored_service: histogram::new(),
        nulls: 0,
        traffic: Traffic::default(),
        response_time: metric(),
        service_time: metric(),
        send_lag: metric(),
    });
    GroupResult {
        name: plan.name.clone(),
        role: plan.role,
        counts: Counts::default(),
        warmup_counts: Counts::default(),
        arrivals: Arrivals::default(),
        connections: ConnectionCounts::default(),
        endpoints: Vec::new(),
        redirects: plan.cluster.as_ref().map(|_| RedirectCounts::default()),
        failures: Vec::new(),
        errors: Vec::new(),
        commands: commands.collect(),
        error_response: histogram::new(),
        opening: OpeningTimes::default(),
        kernel_times: None,
        pool: None,
        log: LoggedRequests::default(),
        replies: ReplyCounts::default(),
        blocked: None,
        delivery: None,
        traffic: Traffic::default(),
    }
}

/// Threads may have met a cluster's nodes in different order.
fn add_endpoint(endpoints: &mut Vec<EndpointResult>, endpoint: &EndpointCounts) {
    if !endpoints.iter().any(|known| known.name == endpoint.name) {
        let (name, connections) = (endpoint.name.clone(), ConnectionCounts::default());
        endpoints.push(EndpointResult {
            name,
            connections,
            failed_attempts: None,
            is_reached: false,
        });
    }
    for known in endpoints.iter_mut().filter(|known| known.name == endpoint.name) {
        endpoint.add_to(&mut known.connections);
        known.is_reached |= endpoint.is_reached;
        if let Some((count, reason)) = &endpoint.failed_attempts {
            known.failed_attempts.get_or_insert_with(|| (0, reason.clone())).0 += count;
        }
    }
}

fn add_connections(result: &mut GroupResult, connections: Connections) {
    let counts = &mut result.connections;
    counts.asked += connections.counts.asked;
    counts.established += connections.counts.established;
    counts.failed += connections.counts.failed;
    counts.lost += connections.counts.lost;
    counts.lost_in_warmup += connections.counts.lost_in_warmup;
    counts.unreadable += connections.counts.unreadable;
    counts.overdue += connections.counts.overdue;
    counts.reconnects += connections.counts.reconnects;
    counts.renewed += connections.counts.renewed;
    for endpoint in &connections.endpoints {
        add_endpoint(&mut result.endpoints, endpoint);
    }
    for (reason, count) in &connections.failures {
        count_word(&mut result.failures, reason, *count);
    }
    result.replies.unexpected += connections.unexpected;
    result.replies.unreadable = result.replies.unreadable.take().or(connections.unreadable);
    add(&mut result.opening.connected, &connections.opening.connected);
    add(&mut result.opening.ready, &connections.opening.ready);
    add(&mut result.opening.first_reply, &connections.opening.first_reply);
}

fn add_recorded(result: &mut GroupResult, recorded: Recorded) {
    result.counts.add(&recorded.counts);
    result.warmup_counts.add(&recorded.warmup);
    result.arrivals.add(&recorded.arrivals);
    result.traffic.sent_bytes += recorded.traffic.sent_bytes;
    result.traffic.received_bytes += recorded.traffic.received_bytes;
    result.replies.cursor_steps += recorded.cursor_steps;
    result.replies.null += recorded.nulls;
    add(&mut result.error_response, &recorded.error_response);
    result.log.entries.extend(recorded.log.entries);
    result.log.dropped += recorded.log.dropped;
    for (mine, theirs) in result.commands.iter_mut().zip(recorded.commands) {
        mine.counts.add(&theirs.counts);
        add(&mut mine.censored, &theirs.censored);
        add(&mut mine.censored_service, &theirs.censored_service);
        mine.nulls += theirs.nulls;
        mine.traffic.sent_bytes += theirs.traffic.sent_bytes;
        mine.traffic.received_bytes += theirs.traffic.received_bytes;
        add_metric(&mut mine.response_time, theirs.response_time);
        add_metric(&mut mine.service_time, theirs.service_time);
        add_metric(&mut mine.send_lag, theirs.send_lag);
    }
}

fn add_kernel_times(mine: &mut Option<KernelTimesResult>, theirs: KernelTimesResult) {
    let Some(mine) = mine else {
        *mine = Some(theirs);
        return;
    };
    add_metric(&mut mine.wire, theirs.wire);
    add_metric(&mut mine.wake_up, theirs.wake_up);
    mine.unstamped += theirs.unstamped;
}

fn add_metric(mine: &mut MetricResult, theirs: MetricResult) {
    add(&mut mine.total, &theirs.total);
    mine.exact.add(&theirs.exact);
    mine.intervals.add(&theirs.intervals);
    mine.given_up = [mine.given_up, theirs.given_up].into_iter().flatten().min();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::metric::Metric;
    use proptest::prelude::*;

    proptest! {
        /// A sample belongs to whichever thread saw it; the sum does not show which that was.
        #[test]
        fn threads_merge_into_what_one_would_have_recorded(
            samples in proptest::collection::vec((0..4_000_000_000_000_u64, 1..4_u32, 0..3_usize, any::<bool>()), 1..300),
        ) {
            let mut whole = Metric::default();
            let mut parts = [Metric::default(), Metric::default(), Metric::default()];
            let mut number = 0;
            for &(value, times, thread, close) in &samples {
                whole.record(value, times);
                parts[thread].record(value, times);
                if close {
                    parts.iter_mut().chain([&mut whole]).for_each(|part| part.close_interval(number));
                    number += 1;
                }
            }
            parts.iter_mut().chain([&mut whole]).for_each(|part| part.close_interval(number));
            let whole = whole.finish();
            let mut sum = no_metric();
            for part in parts {
                add_metric(&mut sum, part.finish());
            }
            prop_assert_eq!(&sum.total, &whole.total);
            prop_assert_eq!(sum.exact, whole.exact);
            prop_assert_eq!(sum.intervals, whole.intervals);
        }
    }
}
