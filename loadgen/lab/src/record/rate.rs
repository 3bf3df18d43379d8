//! Replies and bytes received during the measurement: of a group, of a command, and over time.
//!
//! Invariant: replies received in the drain are in the latencies and not in the rate, since an overloaded server answers
//! everything in the end. Replies to requests of the warm-up are in the rate and not in the latencies.

use crate::record::{Timeline, is_open};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{ArrivalProcess, GroupPlan, RunPlan};
use aelab_engine::record::result::{
    CommandResult, DeliveryCounts, GroupResult, RunResult, Traffic,
};
use aelab_results::record::IntervalCounts;

/// From this share of replies to requests of the warm-up on, the samples do not show when replies arrived.
const CARRIED_SHARE: f64 = 0.01;

/// How long the schedule of a run is that ended with its last request. Ten requests at 100/s take ten periods of 10 ms: the
/// last is due, and answered, a period before their end, and nine periods would make 111/s of them.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a length to within a nanosecond of some hours"
)]
pub(crate) fn schedule_length(plan: &RunPlan, result: &RunResult, measured: Nanos) -> Nanos {
    if plan.phases.measure.is_some() || result.interrupted {
        return Nanos::ZERO;
    }
    let of = |(planned, group): (&GroupPlan, &GroupResult)| {
        let rate = planned.arrival.rate().filter(|_| planned.requests.is_some())?;
        let period_s = rate.as_per_second().recip();
        match planned.arrival {
            ArrivalProcess::Constant(_) | ArrivalProcess::Uniform(_) => {
                Some(Nanos((group.counts.scheduled as f64 * period_s * 1e9) as u64))
            }
            // The last gap is as long as chance makes it.
            ArrivalProcess::Poisson(_) => {
                Some(measured.saturating_add(Nanos((period_s * 1e9) as u64)))
            }
            _ => None,
        }
    };
    plan.groups.iter().zip(&result.groups).filter_map(of).max().unwrap_or(Nanos::ZERO)
}

/// Replies per second; not a number if the run was cut short before one interval was over: of milliseconds, a rate would be an
/// extrapolation. (A plan cannot ask for less.)
pub(crate) fn achieved(clock: &Timeline, planned: &GroupPlan, group: &GroupResult) -> f64 {
    match clock.is_too_short {
        true => f64::NAN,
        false => crate::record::per_second(replies_inside(clock, planned, group), clock.measured_s),
    }
}

/// Replies received during the measurement, whenever their requests were due.
pub(crate) fn replies_inside(clock: &Timeline, planned: &GroupPlan, group: &GroupResult) -> u64 {
    if group.delivery.is_some_and(|delivery| delivery != DeliveryCounts::default()) {
        // Messages are counted.
        return samples_until(clock, group, clock.measured);
    }
    let moved = moved_by(clock, group);
    let is_cold = group.warmup_counts.scheduled == 0;
    if is_cold && is_open(planned) && moved > Nanos::ZERO {
        let samples = samples_until(clock, group, clock.measured.saturating_add(moved));
        return samples.saturating_sub(group.counts.timeout).max(group.arrivals.inside.total());
    }
    group.arrivals.inside.total()
}

fn samples_until(clock: &Timeline, group: &GroupResult, until: Nanos) -> u64 {
    let intervals = group.commands.iter().flat_map(|c| clock.intervals(&c.response_time));
    let inside = intervals.filter(|interval| interval.start_ns < until.0);
    inside.map(|interval| interval.counts.total()).sum()
}

/// A link's own delay is no overload: without a warm-up nothing can come in the first moments, and the window is moved by the
/// shortest time of the slowest command, to the nearest interval.
fn moved_by(clock: &Timeline, group: &GroupResult) -> Nanos {
    let shortest = |command: &CommandResult| command.service_time.exact.min;
    let answered = group.commands.iter().filter(|c| c.service_time.exact.count > 0);
    let delay = answered.map(shortest).max().unwrap_or(0);
    let interval = clock.interval.0.max(1);
    Nanos((delay + interval / 2) / interval * interval)
}

/// Replies in each interval of the measurement, where the samples do not show them.
#[expect(clippy::cast_precision_loss, reason = "a share of replies")]
pub(crate) fn over_time(clock: &Timeline, group: &GroupResult) -> Option<IntervalCounts> {
    let inside = group.arrivals.inside;
    if inside.warmup as f64 <= CARRIED_SHARE * inside.total() as f64 {
        return None;
    }
    let first = clock.measure_from.0.div_ceil(clock.interval.0.max(1));
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    let replied = group.arrivals.by_interval.get(first..).unwrap_or_default().to_vec();
    Some(IntervalCounts { interval_s: clock.interval.as_secs_f64(), replied })
}

/// Bytes of a command while measuring: those of the group, divided as all bytes of the run were.
pub(crate) fn part_of(
    group: &GroupResult,
    command: &CommandResult,
    of: fn(&Traffic) -> u64,
) -> Option<u64> {
    let all: u128 = group.commands.iter().map(|command| u128::from(of(&command.traffic))).sum();
    let whole = u128::from(of(&group.traffic));
    let part = (whole * u128::from(of(&command.traffic))).checked_div(all)?;
    u64::try_from(part).ok()
}
