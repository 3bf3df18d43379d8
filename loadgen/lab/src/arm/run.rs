//! Fills and runs that an observer follows, and announcements of the phases of a run.
//!
//! Invariant: a run that only replies can end is stopped after a time without replies, so that a dead server never hangs the
//! program.

use crate::observer::{Activity, Gauge, Observer, SetOnDrop, observed};
use crate::server::cluster;
use crate::server::fill::{FillPlan, fill};
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_engine::machine::{Moves, Watch};
use aelab_engine::plan::{ArrivalProcess, GroupPlan, RunPlan, Target};
use aelab_engine::record::result::RunResult;
use aelab_engine::sys;
use aelab_engine::{Live, LiveCounts, Phase};
use aelab_units::format_count;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::Thread;
use std::time::Duration;

/// A run that only replies can end is stopped after this time without one: longer than any command worth measuring.
const SILENCE_MAX: Nanos = Nanos::from_secs(30);
/// The phases that are announced, in order.
const PHASES: [Phase; 4] = [Phase::Warmup, Phase::Measure, Phase::Drain, Phase::Done];

/// Fills a server while `observer` follows the progress.
///
/// # Errors
/// As [`fill`].
pub fn fill_observed(
    name: &str,
    target: &Target,
    plan: &FillPlan,
    cancel: &AtomicBool,
    observer: &dyn Observer,
) -> Result<(), Failure> {
    let done = AtomicU64::new(0);
    let label = format!("{name}: filling {} keys", format_count(plan.count));
    let gauge = || Gauge { done: done.load(Relaxed), total: plan.count, note: String::new() };
    observed(observer, Activity::Work { label: &label, gauge: &gauge }, || {
        fill(target, plan, &done, cancel)
    })
}

/// Runs the engine while `observer` follows its live counters. Each phase after the connecting is announced once, in order,
/// on another thread. What `on_phase` does delays the next announcement and never the run.
///
/// # Errors
/// As [`aelab_engine::run`].
pub fn run_observed(
    name: &str,
    plan: &RunPlan,
    cancel: &AtomicBool,
    on_phase: &(dyn Fn(Phase) + Sync),
    observer: &dyn Observer,
) -> Result<RunResult, Failure> {
    let live = Arc::new(Live::new(plan));
    let (over, silent) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let announcer = scope.spawn(|| announce(&live, &over, on_phase));
        let watcher = scope.spawn(|| watch_machine(&live, &over));
        let clustered = plan.groups.iter().find(|group| group.cluster.is_some());
        let layouts = clustered.map(|group| {
            let watch = || cluster::watch(&group.target, live.topology(), &over);
            scope.spawn(watch).thread().clone()
        });
        // Without a duration only replies end a run.
        let stop = match plan.phases.measure {
            Some(_) => cancel,
            None => &silent,
        };
        let guard = plan.phases.measure.is_none().then(|| {
            scope.spawn(|| stop_if_silent(&live, plan, cancel, &silent, &over)).thread().clone()
        });
        let at_end = SetOnDrop(&over);
        let result = observed(observer, Activity::Load { title: name, plan, live: &live }, || {
            aelab_engine::run(plan, &live, stop)
        });
        drop(at_end);
        // They sleep between two checks: a short run must not wait for that.
        let sleepers = [watcher.thread().clone(), announcer.thread().clone()];
        sleepers.iter().chain(&layouts).chain(&guard).for_each(Thread::unpark);
        let moves = watcher.join().ok();
        let mut result = result?;
        result.audit.machine = moves;
        Ok(result)
    })
}

/// Watches the machine from the start of the measurement to its end.
fn watch_machine(live: &Live, over: &AtomicBool) -> Moves {
    /// Interval between two checks: short enough to see the clock being set, and no load for the engine.
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    sys::step_back();
    let mut watch = Watch::begin();
    let mut measures = false;
    while !over.load(Relaxed) && live.phase() <= Phase::Measure {
        if !measures && live.phase() == Phase::Measure {
            (watch, measures) = (Watch::begin(), true);
        }
        std::thread::park_timeout(LOOK_EVERY);
        watch.look();
    }
    watch.end()
}

/// Announces each phase that has begun, including those that ended between two checks; none if nothing was connected.
fn announce(live: &Live, over: &AtomicBool, on_phase: &(dyn Fn(Phase) + Sync)) {
    /// Interval between two checks until the measurement begins: an announcement is at most this late.
    const LOOK_EVERY: Duration = Duration::from_millis(1);
    /// The interval afterwards, when a thousand wake-ups per second would disturb the engine.
    const LOOK_LATER: Duration = Duration::from_millis(20);
    let mut told = 0;
    loop {
        let ended = over.load(Relaxed);
        let now = live.phase();
        let reached = PHASES.iter().position(|phase| *phase == now).map_or(0, |at| at + 1);
        for phase in &PHASES[told.min(reached)..reached] {
            on_phase(*phase);
        }
        told = told.max(reached);
        if ended {
            return;
        }
        let measures = PHASES[..told].contains(&Phase::Measure);
        std::thread::park_timeout(if measures { LOOK_LATER } else { LOOK_EVERY });
    }
}

/// Sets `stop` when `cancel` is set, or when no reply has come for [`SILENCE_MAX`] although some should have.
fn stop_if_silent(
    live: &Live,
    plan: &RunPlan,
    cancel: &AtomicBool,
    stop: &AtomicBool,
    over: &AtomicBool,
) {
    /// Interval between two checks; ^C waits for it.
    const LOOK_EVERY: Duration = Duration::from_millis(10);
    let patience = patience(plan);
    let (mut replies, mut since) = (0, clock::now());
    while !over.load(Relaxed) {
        std::thread::park_timeout(LOOK_EVERY);
        let groups = || plan.groups.iter().zip((0..).map(|group| live.group(group)));
        // Steps of a long iteration and parts of a large reply too.
        let now_replies: u64 = groups().map(|(_, c)| c.ok + c.error + c.pieces).sum();
        let waits = groups().any(|(group, counts)| awaits(group, &counts));
        if now_replies != replies || !waits || live.phase() == Phase::Connect {
            (replies, since) = (now_replies, clock::now());
        }
        if cancel.load(Relaxed) || clock::now().since(since) >= patience {
            stop.store(true, Relaxed);
        }
    }
}

/// The longest time without a reply: users of a closed loop think between a reply and the next request.
fn patience(plan: &RunPlan) -> Nanos {
    let think = plan.groups.iter().map(|group| match group.arrival {
        ArrivalProcess::Closed { think } => think,
        _ => Nanos::ZERO,
    });
    SILENCE_MAX.saturating_add(think.max().unwrap_or(Nanos::ZERO))
}

/// Whether a group has something to wait for. A capture may have a long pause; a closed loop asks for the next as long as its
/// quota lasts, unless it has no connection left.
fn awaits(group: &GroupPlan, counts: &LiveCounts) -> bool {
    let answered = counts.ok + counts.error + counts.timeout + counts.shed;
    let is_closed = matches!(group.arrival, ArrivalProcess::Closed { .. });
    counts.scheduled > answered || (is_closed && group.requests.is_some_and(|all| answered < all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_engine::plan::{Endpoint, KeySpace, Phases, Rate, ValueSize, Workload};
    use std::net::{Ipv4Addr, SocketAddr};

    #[test]
    fn a_closed_loop_without_connections_waits_and_a_pause_of_a_schedule_does_not() {
        let target = Target::plain(Endpoint::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))));
        let workload = Workload {
            commands: vec![
                aelab_engine::workload::command_text::parse_command("PING", 1).expect("reads"),
            ],
            keys: KeySpace::uniform(1),
            values: ValueSize::Fixed(1),
            compressible: 0.0,
            order: aelab_engine::plan::CommandOrder::Random,
        };
        let mut group = GroupPlan::new("load", target, 1, workload);
        let counts =
            |scheduled, ok, error| LiveCounts { scheduled, ok, error, ..LiveCounts::default() };
        for (requests, arrival, counts, want) in [
            (Some(10), ArrivalProcess::Closed { think: Nanos::ZERO }, counts(5, 4, 1), true),
            (Some(10), ArrivalProcess::Closed { think: Nanos::ZERO }, counts(10, 9, 1), false),
            (None, ArrivalProcess::Closed { think: Nanos::ZERO }, counts(5, 4, 1), false),
            (None, ArrivalProcess::Closed { think: Nanos::ZERO }, counts(5, 4, 0), true),
            (
                Some(10),
                ArrivalProcess::Constant(Rate::per_second(1.0).expect("a rate")),
                counts(5, 5, 0),
                false,
            ),
        ] {
            (group.requests, group.arrival) = (requests, arrival);
            assert_eq!(awaits(&group, &counts), want, "{:?} {counts:?}", group.arrival);
        }
        group.arrival = ArrivalProcess::Closed { think: Nanos::from_secs(60) };
        let phases = Phases { warmup: Nanos::ZERO, measure: None, drain_max: Nanos::ZERO };
        assert_eq!(patience(&RunPlan::new(vec![group], phases)), Nanos::from_secs(90));
    }
}
