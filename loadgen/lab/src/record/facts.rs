//! The facts that caveats follow from: shares, lags and counts of a run, in the units of [`Facts`].
//!
//! No limits and no texts: those are in the results crate. Invariant: what is not known is left out, never guessed.

use crate::record::rate::replies_inside;
use crate::record::{
    TIMED_OUT, Timeline, is_open, merged_intervals, offered, per_second, usual_delay_ns,
};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{ArrivalProcess, ConnectSchedulePlan, GroupPlan, Pacing, Role, RunPlan};
use aelab_engine::record::result::{
    Audit, CommandResult, Gaps, GroupResult, MetricResult, RunResult, ThreadAudit,
};
use aelab_engine::{CLOSED_AFTER_TIMEOUT, DISCONNECTED, POOL_EXHAUSTED};
use aelab_results::caveat::{
    CLIENT_CPU_SHARE_MAX, CaptureTimes, Caveat, Facts, Hold, Means, Missed, Reached,
};
use aelab_results::histogram::Histogram;
use aelab_results::hlog::Interval;
use aelab_results::record::{Group, Quantiles, RunRecord};
use aelab_results::stats;

/// Silence at the end of a measurement, while requests wait, from which on the server counts as gone: this long …
const SILENCE_MIN: Nanos = Nanos::from_secs(1);
/// … and this share of the measurement.
const SILENCE_SHARE: f64 = 0.1;

/// A request noticed this long after it was due waited for more than a wake-up: five times the delay of a kernel timer.
const LATE_NS: u64 = 250_000;

/// The facts of a finished run that caveats follow from.
pub(crate) fn facts(
    plan: &RunPlan,
    result: &RunResult,
    clock: &Timeline,
    record: &RunRecord,
    asked: &[f64],
) -> Facts {
    let rates = Rates::of(plan, result, clock);
    let sum = |of: fn(&GroupResult) -> u64| result.groups.iter().map(of).sum::<u64>();
    let errors = sum(|group| group.counts.error + group.counts.timeout);
    let sent = sum(|group| group.counts.sent);
    let headline: Vec<&Quantiles> =
        record.headline_groups().iter().map(|group| &group.total.response_time).collect();
    let samples = headline.iter().map(|q| q.count).sum();
    // The usual percentiles say in the table what they need; only one that the user asked for gives a caveat.
    let unsupported = headline
        .iter()
        .flat_map(|q| &q.percentiles)
        .filter(|p| p.us.is_none() && asked.contains(&p.p))
        .map(|p| p.p);
    let beyond = |command: &CommandResult| command.response_time.exact.beyond_range;
    let gaps = result.audit.threads.iter().filter_map(|t| t.gaps).reduce(Gaps::worst);
    let moves = result.audit.machine.unwrap_or_default();
    Facts {
        means: means(plan),
        measured_s: clock.measured_s,
        client_cpu_share: busy_share(&result.audit),
        timer_lag: timer_lag(plan, result, record),
        late: late(plan, result),
        stopped: stopped(plan, result),
        gaps: gaps.map(|gaps| (gaps.max.as_secs_f64() * 1e3, gaps.lost_share())),
        steal_share: moves.steal_share,
        throttled: moves.throttled.map(|(count, time)| (count, time.as_secs_f64() * 1e3)),
        clock_step_ms: moves.clock_step_ns as f64 / 1e6,
        connections: connections(plan, result),
        no_hits: no_hits(record),
        never_settled: result
            .warmup_end
            .as_ref()
            .filter(|settled| !settled.moving.is_empty())
            .map(|settled| (settled.length.as_secs_f64(), settled.moving.clone())),
        offered_rate: (was_due(plan, result) && !clock.is_too_short)
            .then_some(rates.due)
            .filter(|due| *due > 0.0 && clock.measured_s > 0.0),
        achieved_rate: rates.achieved,
        spared_rate: rates.spared,
        free_send_lag_p99_us: stats::supported(99.0, result.audit.open_loop_lag.len())
            .then(|| micros(&result.audit.open_loop_lag, 0.99)),
        unsupported: unsupported.collect(),
        sample_count: samples,
        drift: drift(clock, result),
        beyond_range: result.groups.iter().flat_map(|g| &g.commands).map(beyond).sum(),
        // Waiting for data on purpose gives no caveat.
        unfinished: sum(|group| group.delivery.map_or(group.counts.unfinished, |_| 0)),
        shed: sum(|group| group.counts.shed),
        error_share: if sent == 0 { 0.0 } else { per_second(errors, sent as f64) },
        error_example: result
            .groups
            .iter()
            .flat_map(|group| &group.errors)
            .max_by_key(|error| error.count)
            .map(|error| error.text.clone()),
        messages_lost: record
            .groups
            .iter()
            .filter_map(Group::subscribed)
            .fold((0, 0), |sum, d| (sum.0 + d.lost, sum.1 + d.received)),
        connections_lost: sum(|group| group.connections.lost - group.connections.lost_in_warmup),
        unreadable: result
            .groups
            .iter()
            .find_map(|group| group.replies.unreadable.clone())
            .map(|reason| (sum(|group| group.connections.unreadable), reason)),
        overdue: sum(|group| group.connections.overdue),
        interrupted: result
            .interrupted
            .then(|| (clock.measured_s, plan.phases.measure.map(|measure| measure.as_secs_f64()))),
    }
}

/// What a reader can change about the load.
fn means(plan: &RunPlan) -> Means {
    let mut judged = plan.groups.iter().filter(|group| group.role != Role::Offender);
    let is_captured = |group: &GroupPlan| matches!(group.arrival, ArrivalProcess::Trace(_));
    let of = |group: &GroupPlan| match (&group.replay, &group.pool) {
        (Some(_), _) if is_captured(group) => {
            Some(Means::Capture { times: CaptureTimes::Captured })
        }
        (Some(_), _) => Some(Means::Capture { times: CaptureTimes::Own }),
        (None, Some(_)) => Some(Means::Pool),
        (None, None) => None,
    };
    judged.find_map(of).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a lag, shown in microseconds")]
fn micros(histogram: &Histogram, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1e3
}

fn drift(clock: &Timeline, result: &RunResult) -> Option<f64> {
    let victims = result.groups.iter().filter(|group| group.role == Role::Victim);
    let parts: Vec<&MetricResult> =
        victims.flat_map(|group| &group.commands).map(|c| &c.service_time).collect();
    stats::drift(&merged_intervals(clock, &parts))
}

/// Whether a group with a schedule had anything to send during the measurement.
fn was_due(plan: &RunPlan, result: &RunResult) -> bool {
    let mut groups = plan.groups.iter().zip(&result.groups);
    groups.any(|(planned, group)| is_open(planned) && group.counts.scheduled > 0)
}

/// What is per second of the groups with a schedule together.
struct Rates {
    /// Requests that were due.
    due: f64,
    /// Replies received during the measurement: the `achieved_rate` of their records.
    achieved: f64,
    /// What may be missing of the one in the other.
    spared: f64,
}

impl Rates {
    fn of(plan: &RunPlan, result: &RunResult, clock: &Timeline) -> Self {
        let judged = |planned: &GroupPlan| planned.role != Role::Offender && is_open(planned);
        let groups = plan.groups.iter().zip(&result.groups).filter(|(planned, _)| judged(planned));
        let mut rates = Self { due: 0.0, achieved: 0.0, spared: 0.0 };
        for (planned, group) in groups {
            let nominal = offered(&planned.arrival, group, clock).unwrap_or(0.0);
            let scheduled = group.counts.scheduled;
            let (due, least) = match (&planned.arrival, planned.requests) {
                (ArrivalProcess::Poisson(_), None) => {
                    let due = per_second(scheduled, clock.measured_s);
                    (due, due)
                }
                (ArrivalProcess::Poisson(_), Some(_)) => (nominal, drawn(nominal, scheduled)),
                _ => (nominal, nominal),
            };
            rates.due += due;
            rates.spared += due - least;
            let inside = replies_inside(clock, planned, group);
            rates.achieved += per_second(inside, clock.measured_s);
            // Without any reply, no request counts as still in flight.
            if inside > 0 && clock.measured_s > 0.0 {
                rates.spared += under_way(clock, least, group) / clock.measured_s;
            }
        }
        rates
    }
}

/// The rate that so many independent gaps of this mean rate may have come to: the span that they took is not known here, and
/// three standard deviations of it are allowed. Chance must not pass for a rate that was not reached.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown to a few digits")]
fn drawn(nominal: f64, scheduled: u64) -> f64 {
    nominal / (1.0 + 3.0 / (scheduled.max(1) as f64).sqrt())
}

/// Requests whose replies always arrive after the end of the measurement: the last one, and those of one usual delay, as far
/// as the window of an interval has not been moved for it. In a short run they are a part that must not count as missing.
fn under_way(clock: &Timeline, rate: f64, group: &GroupResult) -> f64 {
    let delay = usual_delay_ns(clock, group).min(clock.interval.0 / 2);
    1.0 + rate * Nanos(delay).as_secs_f64()
}

/// How much of a core the work of the busiest thread took. Spinning is waiting.
fn busy_share(audit: &Audit) -> Option<f64> {
    audit.threads.iter().map(ThreadAudit::load_share).max_by(f64::total_cmp)
}

/// The median delay of due requests by the load generator's timer, and the median response time of the open-loop group in which
/// it is the largest part, in microseconds. Of threads that slept until the due time only.
fn timer_lag(plan: &RunPlan, result: &RunResult, record: &RunRecord) -> Option<(f64, f64)> {
    let lag = &result.audit.open_loop_lag;
    if result.audit.pacing != Pacing::Timerfd || lag.is_empty() {
        return None;
    }
    let judged = |planned: &GroupPlan| planned.role != Role::Offender && is_open(planned);
    let groups = plan.groups.iter().zip(&record.groups).filter(|(planned, _)| judged(planned));
    let medians = groups.filter_map(|(_, group)| group.total.response_time.us_at(50.0));
    medians.min_by(f64::total_cmp).map(|median| (micros(lag, 0.5), median))
}

/// Which share of the measured waiting the generator's own delay explains, and how long it was late in all, in seconds.
///
/// In an open loop the time from each due time until the engine notices it is in the response time, and only the load generator
/// causes it. In a closed loop every connection waits all the time; a reply that arrives while the thread has no CPU waits for
/// half of that span on average.
fn late(plan: &RunPlan, result: &RunResult) -> Option<(f64, f64, Hold)> {
    let judged = |open: bool| {
        let groups = plan.groups.iter().zip(&result.groups);
        groups.filter(move |(planned, _)| {
            let is_closed = matches!(planned.arrival, ArrivalProcess::Closed { .. });
            let is_idle = matches!(planned.arrival, ArrivalProcess::Idle);
            planned.role != Role::Offender && !is_idle && is_closed != open
        })
    };
    let open = open_late_share(&result.audit, judged(true));
    let queued = [
        judged(false)
            .any(|(_, group)| group.counts.ok > 0)
            .then(|| queued_share(&result.audit))
            .flatten()
            .map(|share| share / 2.0),
        // Whatever the load is: all requests wait for a thread that never rests and waits for a CPU.
        queued_share(&result.audit).filter(|_| never_rests(&result.audit)),
    ];
    let share = queued.into_iter().chain([open]).flatten().max_by(f64::total_cmp)?;
    let sum = |of: fn(&ThreadAudit) -> Nanos| {
        result.audit.threads.iter().map(|thread| of(thread).as_secs_f64()).sum::<f64>()
    };
    let (kept, busy) = (sum(ThreadAudit::kept), sum(|thread| thread.busy));
    // A thread that waited for a CPU was not busy.
    let (seconds, hold) = match open == Some(share) && busy > kept {
        true => (busy, Hold::Busy),
        false => (kept, Hold::Kept),
    };
    Some((share, seconds, hold))
}

/// For how much of the measurement the generator was stopped, or busy with one thing, if a closed loop was running: the worst
/// thread's share, its seconds, and which of the two it was. The wait of its threads for a CPU is in [`late`].
fn stopped(plan: &RunPlan, result: &RunResult) -> Option<(f64, f64, Hold)> {
    let is_judged = |planned: &GroupPlan| {
        planned.role != Role::Offender && matches!(planned.arrival, ArrivalProcess::Closed { .. })
    };
    let groups = plan.groups.iter().zip(&result.groups);
    let mut answered = groups.filter(|(planned, group)| is_judged(planned) && group.counts.ok > 0);
    answered.next()?;
    let length = result.measure_until.since(result.measure_from).as_secs_f64();
    let spans = result.audit.threads.iter().flat_map(|thread| {
        [(thread.stopped.as_secs_f64(), Hold::Kept), (thread.busy.as_secs_f64(), Hold::Busy)]
    });
    let worst = spans.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|_| length > 0.0);
    worst.map(|(seconds, hold)| (seconds / length, seconds, hold))
}

fn open_late_share<'a>(
    audit: &Audit,
    groups: impl Iterator<Item = (&'a GroupPlan, &'a GroupResult)>,
) -> Option<f64> {
    let (mut waited, mut count) = (0.0, 0_u64);
    for command in groups.flat_map(|(_, group)| &group.commands) {
        let exact = &command.response_time.exact;
        waited += exact.sum as f64;
        count += exact.count;
    }
    let noticed = audit.open_loop_lag.len();
    if count == 0 || noticed == 0 || waited <= 0.0 {
        return None;
    }
    let late: f64 = audit
        .open_loop_lag
        .iter_recorded()
        .map(|step| (step.value_iterated_to(), step.count_at_value()))
        .filter(|(lag, _)| *lag >= LATE_NS)
        .map(|(lag, count)| lag as f64 * count as f64)
        .sum();
    Some((late / noticed as f64 / (waited / count as f64)).min(1.0))
}

/// Whether some thread was running, or waiting for a CPU, nearly all of the time.
fn never_rests(audit: &Audit) -> bool {
    let wants = |thread: &ThreadAudit| Some(thread.load_share() + thread.queued_share()?);
    let busiest = audit.threads.iter().filter_map(wants).max_by(f64::total_cmp);
    busiest.is_some_and(|share| share > CLIENT_CPU_SHARE_MAX)
}

fn queued_share(audit: &Audit) -> Option<f64> {
    let sum = |of: fn(&ThreadAudit) -> Option<Nanos>| {
        audit.threads.iter().map(of).try_fold(0.0, |sum, span| Some(sum + span?.as_secs_f64()))
    };
    let (queued, wall) = (sum(|thread| thread.queued)?, sum(|thread| Some(thread.wall))?);
    (wall > 0.0).then(|| queued / wall)
}

/// Connections that were to be open when the schedule began: open, asked for, why not. A pool opens the rest on demand.
fn connections(plan: &RunPlan, result: &RunResult) -> Option<(u64, u64, Option<String>)> {
    let all = plan.groups.iter().zip(&result.groups);
    let at_once = all
        .filter(|(planned, _)| !matches!(planned.connect_schedule, ConnectSchedulePlan::During(_)));
    let (mut open, mut asked, mut reason) = (0, 0, None);
    for (planned, group) in at_once {
        let wanted = planned.pool.map_or(group.connections.asked, |pool| pool.min_idle as u64);
        open += group.connections.established.min(wanted);
        asked += wanted;
        let failed = group.failures.first().filter(|_| group.connections.failed > 0);
        reason = reason.or_else(|| failed.map(|(reason, _)| reason.clone()));
    }
    (!result.interrupted).then_some((open, asked, reason))
}

/// Commands that read and never found anything.
fn no_hits(record: &RunRecord) -> Vec<(String, u64)> {
    let commands = record.groups.iter().flat_map(|group| &group.commands);
    let missed = commands.filter_map(|(name, metrics)| match (metrics.hits, metrics.misses) {
        (Some(0), Some(misses)) if misses > 0 => Some((name.clone(), misses)),
        _ => None,
    });
    missed.collect()
}

/// The most frequent end of requests of which none succeeded: the server's error, or else that a pool had no free connection.
/// `None` if it was neither.
fn refused(result: &RunResult) -> Option<Caveat> {
    let errors = || {
        let failed = result.groups.iter().filter(|group| group.counts.error > 0);
        let ours = [DISCONNECTED, CLOSED_AFTER_TIMEOUT];
        failed.flat_map(|group| &group.errors).filter(move |error| !ours.contains(&&*error.word))
    };
    let of_server = errors().filter(|error| error.word != POOL_EXHAUSTED);
    let most = of_server.max_by_key(|error| error.count).or_else(|| errors().next())?;
    Some(Caveat::NoSuccess { example: most.text.clone() })
}

/// A node of a cluster that never accepted a connection, although it had requests.
pub(crate) fn unreached(plan: &RunPlan, result: &RunResult) -> Option<Caveat> {
    let pairs = plan.groups.iter().zip(&result.groups);
    let mut clusters = pairs.filter(|(planned, group)| {
        planned.cluster.is_some() && group.counts.ok < group.counts.sent
    });
    clusters.find_map(|(_, group)| {
        let node = group
            .endpoints
            .iter()
            .find(|node| !node.is_reached && node.failed_attempts.is_some())?;
        let (attempts, reason) = node.failed_attempts.clone()?;
        Some(Caveat::NodeUnreached { node: node.name.clone(), attempts, reason })
    })
}

/// No success at all, or none any more from some time on although requests waited: another server than the one asked for.
pub(crate) fn silence(clock: &Timeline, result: &RunResult) -> Option<Caveat> {
    let sum = |of: fn(&GroupResult) -> u64| result.groups.iter().map(of).sum::<u64>();
    let what = |what: String| Some(Caveat::ServerChanged { what });
    if sum(|group| group.counts.sent) > 0 && sum(|group| group.counts.ok) == 0 {
        // Busy with the backlog of the warm-up: slow, and there.
        let backlog = |group: &GroupResult| group.arrivals.inside.warmup;
        let refusals = |group: &GroupResult| group.counts.error;
        if sum(backlog) > 0 && sum(refusals) == 0 {
            return None;
        }
        let timeouts = sum(|group| group.counts.timeout);
        let waits = |group: &GroupResult| group.counts.sent == 0 || group.delivery.is_some();
        if result.groups.iter().all(waits) && sum(refusals) == 0 {
            return nothing_heard(result);
        }
        let impatient =
            || (timeouts > 0).then(|| Caveat::NoSuccess { example: TIMED_OUT.to_owned() });
        // Each step of an iteration is an answer, and so is half a reply.
        let steps = sum(|group| group.replies.cursor_steps);
        let bytes = sum(|group| group.traffic.received_bytes);
        let incomplete = || (steps + bytes > 0).then_some(Caveat::NothingComplete { steps, bytes });
        return refused(result)
            .or_else(impatient)
            .or_else(incomplete)
            .or_else(|| what("no request was answered".to_owned()));
    }
    let commands = result.groups.iter().flat_map(|group| &group.commands);
    let replies: Vec<Interval> =
        commands.flat_map(|command| clock.intervals(&command.response_time)).collect();
    let inside = replies.iter().filter(|interval| interval.start_ns < clock.measured.0);
    let inside = inside.map(|interval| interval.start_ns + interval.length_ns);
    // Replies to requests of the warm-up count too.
    let last =
        inside.chain(result.groups.iter().filter_map(|group| last_reply(clock, group))).max();
    // Replies after the load generator's last read are unknown.
    let blind = result.audit.threads.iter().map(|thread| thread.blind).min();
    let looked = clock.measured.since(blind.unwrap_or(Nanos::ZERO));
    // Without requests that wait, the server has nothing to say.
    let unanswered = result.unanswered.clone()?;
    let from = unanswered.start.since(clock.measure_from).max(Nanos(last.unwrap_or(0)));
    let waited = unanswered.end.since(clock.measure_from).min(looked).since(from);
    let is_long = waited >= SILENCE_MIN && waited.as_secs_f64() > SILENCE_SHARE * clock.measured_s;
    (is_long && !result.interrupted).then(|| Caveat::ServerChanged {
        what: format!(
            "no reply came in the last {:.1} s of the measurement",
            looked.since(from).as_secs_f64()
        ),
    })
}

/// Groups listened for messages, and none received any. A command whose wait ended at its own timeout has its answer, and one
/// that was refused never waited.
pub(crate) fn nothing_heard(result: &RunResult) -> Option<Caveat> {
    let judged = result.groups.iter().filter(|group| group.role != Role::Offender);
    let mut found = None;
    for (group, heard) in judged.filter_map(|group| Some((group, group.delivery.as_ref()?))) {
        let waited = group.blocked.is_some();
        if heard.received + heard.foreign > 0 || (waited && group.counts.ok > 0) {
            return None;
        }
        let refusal = group.errors.first().filter(|_| group.counts.ok == 0);
        let missed = match (refusal, waited, group.traffic.received_bytes > 0) {
            (Some(error), ..) => Missed::Entry(error.text.clone()),
            (None, true, _) => Missed::Data,
            (None, false, true) => Missed::Marks,
            (None, false, false) => Missed::Messages,
        };
        found = found.or(Some(Caveat::NothingHeard { missed }));
    }
    found
}

/// When the last interval of the measurement ended in which any reply came, in nanoseconds from its start.
fn last_reply(clock: &Timeline, group: &GroupResult) -> Option<u64> {
    let ends = (1_u64..).map(|number| number.saturating_mul(clock.interval.0));
    let until = clock.measure_from.saturating_add(clock.measured).0;
    let counts = group.arrivals.by_interval.iter().zip(ends);
    let inside = counts.filter(|(count, end)| **count > 0 && *end <= until);
    inside.map(|(_, end)| end.saturating_sub(clock.measure_from.0)).max()
}

/// A run that ended before its time: no connection was left to make more requests.
pub(crate) fn given_up(plan: &RunPlan, result: &RunResult) -> Option<Caveat> {
    if result.interrupted {
        return None;
    }
    let reached = match plan.phases.measure {
        Some(asked) => {
            let made = result.measure_until.since(result.measure_from);
            (result.is_cut_off && made < asked)
                .then(|| Reached::Seconds { made: made.as_secs_f64(), asked: asked.as_secs_f64() })
        }
        None => plan.groups.iter().zip(&result.groups).find_map(|(planned, group)| {
            let (made, asked) = (group.counts.scheduled, planned.requests?);
            (made < asked).then_some(Reached::Requests { made, asked })
        }),
    }?;
    let by_us = |group: &GroupResult| group.connections.unreadable + group.connections.overdue > 0;
    Some(match result.groups.iter().any(by_us) {
        true => Caveat::NoConnectionLeft { reached },
        false => Caveat::ServerChanged { what: format!("after {reached} no connection was left") },
    })
}

#[cfg(test)]
mod tests {
    use super::drawn;

    #[test]
    fn a_rate_that_chance_made_lower_was_reached_and_a_slow_server_was_not() {
        // A hundred at 1,000/s may well take 116 ms (862/s), but not a second.
        let least = drawn(1000.0, 100);
        assert!(least < 862.0 && least * 0.95 > 100.0, "{least}");
        // Many leave chance no room.
        assert!(drawn(1000.0, 1_000_000) > 996.0);
    }
}
