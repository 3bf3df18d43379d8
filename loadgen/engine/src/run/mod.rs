//! A run over sockets: starts the threads, lets them connect, gives them a common start, puts their results together.
//!
//! Not the work of a thread (see `worker`). Invariant: every thread passes both gates whatever happens to it, so no other
//! waits for ever.

pub(crate) mod merge;
mod pacing;

use crate::clock::{self, Nanos};
use crate::conn::Conn;
use crate::error::EngineError;
use crate::error::reason;
use crate::group::{Group, shares_of};
use crate::io::poller::Poller;
use crate::io::{Token, Wire};
use crate::plan::validate::{check, check_descriptors};
use crate::plan::{ConnectSchedulePlan, Pacing, RunPlan, Timestamps};
use crate::record::audit::Gaps;
use crate::record::error_counts::count_word;
use crate::record::live::{Live, Phase};
use crate::record::result::RunResult;
use crate::resources::Resources;
use crate::sys;
use crate::tls::TlsClients;
use crate::worker::Worker;
use crate::worker::phases::{Control, Phases};
use crate::worker::thread_result::ThreadResult;
use crate::workload::cluster_keys::check_slots;
use crate::workload::new_keys::NewKeys;
use crate::workload::rng::Rng;
use crate::workload::template::Template;
use crate::workload::{Common, value_block};
use merge::merge;
use pacing::{pacing_beside, pacing_on};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, PoisonError};

/// Purpose of the random stream that fills value blocks.
const VALUE_STREAM: u64 = 4;
/// Time between the last connection and the first request: every thread is in its loop by then.
const START_DELAY: Nanos = Nanos::from_millis(5);
/// The origin that says "do not start".
const NO_START: u64 = 0;

/// One thread's share of all groups, with its connections.
pub(crate) struct Shares {
    pub(crate) groups: Vec<Group>,
    pub(crate) conns: Vec<Conn>,
}

/// See [`crate::check`].
pub(crate) fn check_before(plan: &RunPlan) -> Result<(), EngineError> {
    check(plan)?;
    for group in plan.groups.iter().filter(|group| group.replay.is_none()) {
        let failed =
            |reason: String| EngineError::Plan(format!("group '{}': {reason}", group.name));
        for command in &group.workload.commands {
            let workload = &group.workload;
            Template::compile(command, &workload.keys, &workload.values).map_err(failed)?;
        }
    }
    check_slots_of(plan)
}

/// Checks that each command's keys share a slot, in groups that send to a cluster.
fn check_slots_of(plan: &RunPlan) -> Result<(), EngineError> {
    for group in &plan.groups {
        let Some(cluster) = &group.cluster else { continue };
        check_slots(&group.workload, &cluster.keys)
            .map_err(|reason| EngineError::Plan(format!("group '{}': {reason}", group.name)))?;
    }
    Ok(())
}

/// Divides a plan among its threads.
///
/// # Errors
/// A workload does not compile, or its keys are in several slots of a cluster.
pub(crate) fn divide(plan: &RunPlan, resources: &Resources) -> Result<Vec<Shares>, EngineError> {
    check_slots_of(plan)?;
    let common: Vec<Common> = plan
        .groups
        .iter()
        .zip(0_u64..)
        .map(|(group, index)| Common {
            block: value_block(&group.workload, Rng::new(plan.seed, &[index, 0, VALUE_STREAM])),
            new_keys: Arc::new(NewKeys::new(shares_of(plan, group))),
        })
        .collect();
    let share = |thread| {
        let mut shares = Shares { groups: Vec::new(), conns: Vec::new() };
        for (index, common) in common.iter().enumerate() {
            let first = shares.conns.len() as Token;
            if let Some(group) = Group::new(plan, resources, index, thread, first, common)? {
                let place = shares.groups.len();
                shares.conns.extend(group.tokens.clone().map(|_| Conn::new(place, group.pipeline)));
                shares.groups.push(group);
            }
        }
        Ok(shares)
    };
    (0..plan.threads).map(share).collect()
}

/// How many shares have a quota of requests.
pub(crate) fn open_quotas(shares: &[Shares]) -> usize {
    shares
        .iter()
        .flat_map(|share| &share.groups)
        .filter(|group| group.admission.has_open_quota())
        .count()
}

/// How many shares the run goes on for: when all of them have lost their last connection for good, it is over.
pub(crate) fn needed_shares(shares: &[Shares]) -> usize {
    let groups = shares.iter().flat_map(|share| &share.groups);
    groups.filter(|group| group.connections.is_needed).count()
}

/// What the threads and the thread that started them meet over.
struct Meeting<'a> {
    plan: &'a RunPlan,
    /// What the plan's pacing comes to on this machine.
    pacing: Pacing,
    tls: &'a TlsClients,
    live: &'a Live,
    control: Control<'a>,
    /// All have connected.
    connected: Barrier,
    /// The origin is known.
    begun: Barrier,
    origin: AtomicU64,
    /// Per group of the plan.
    reports: Mutex<Vec<ConnectReport>>,
}

/// How a group's connecting went, over all threads.
#[derive(Clone, Default)]
struct ConnectReport {
    /// Connections that take requests; those that have been lost again do not count.
    ready: usize,
    refused: bool,
    reasons: Vec<(String, u64)>,
}

/// See [`crate::run`].
pub(crate) fn run(
    plan: &RunPlan,
    live: &Live,
    cancel: &AtomicBool,
) -> Result<RunResult, EngineError> {
    check(plan)?;
    check_descriptors(plan)?;
    let resources = Resources::open(plan, live.shared_topology())?;
    let shares = divide(plan, &resources)?;
    let meeting = Meeting {
        plan,
        pacing: pacing_on(sys::usable_cpus(), plan),
        tls: &resources.tls,
        live,
        control: Control::new(cancel, open_quotas(&shares), needed_shares(&shares)),
        connected: Barrier::new(plan.threads + 1),
        begun: Barrier::new(plan.threads + 1),
        origin: AtomicU64::new(NO_START),
        reports: Mutex::new(vec![ConnectReport::default(); plan.groups.len()]),
    };
    std::thread::scope(|scope| {
        let meeting = &meeting;
        let threads: Vec<_> = shares
            .into_iter()
            .enumerate()
            .map(|(index, share)| {
                scope.spawn(move || match plan.timestamps {
                    Timestamps::Program => engine_thread::<false>(meeting, index, share),
                    Timestamps::Kernel => engine_thread::<true>(meeting, index, share),
                })
            })
            .collect();
        meeting.connected.wait();
        let refusal = refusal(meeting);
        let started_wall_ns = clock::wall_ns();
        if refusal.is_none() {
            let origin = clock::now().saturating_add(START_DELAY);
            meeting.origin.store(origin.0, Ordering::Release);
            live.set_phase(Phase::Warmup);
        }
        meeting.begun.wait();
        let mut results = Vec::new();
        let mut failure = None;
        for thread in threads {
            match thread.join() {
                Ok(Ok(Some(result))) => results.push(result),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => failure = Some(error),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        live.set_phase(Phase::Done);
        match failure.or(refusal) {
            Some(error) => Err(error),
            None => Ok(merge(plan, results, started_wall_ns + START_DELAY.0)),
        }
    })
}

/// Why the run cannot begin, if it cannot.
fn refusal(meeting: &Meeting<'_>) -> Option<EngineError> {
    if meeting.control.is_cancelled() {
        // What could not be opened because of the cancellation is no failure; the run ends at once with nothing.
        return None;
    }
    let reports = meeting.reports.lock().unwrap_or_else(PoisonError::into_inner);
    let (group, report) = meeting
        .plan
        .groups
        .iter()
        .zip(reports.iter())
        .filter(|(group, _)| !matches!(group.connect_schedule, ConnectSchedulePlan::During(_)))
        .filter(|(group, _)| group.pool.is_none_or(|pool| pool.min_idle > 0))
        .find(|(_, report)| report.ready == 0)?;
    let reason = report.reasons.iter().max_by_key(|(_, count)| *count);
    let reason = reason.map_or_else(|| "no reason given".to_owned(), |(reason, _)| reason.clone());
    let (group, endpoint) = (group.name.clone(), group.target.endpoint.to_string());
    Some(if report.refused {
        EngineError::Refused { group, endpoint, reason }
    } else {
        EngineError::Unreachable { group, endpoint, reason }
    })
}

fn engine_thread<const STAMPED: bool>(
    meeting: &Meeting<'_>,
    index: usize,
    shares: Shares,
) -> Result<Option<ThreadResult>, EngineError> {
    let prepared = prepare::<STAMPED>(meeting, index, shares);
    if let Ok((worker, ..)) = &prepared {
        report_connections(meeting, worker);
    }
    meeting.connected.wait();
    meeting.begun.wait();
    let (mut worker, own) = prepared?;
    let origin = meeting.origin.load(Ordering::Acquire);
    if origin == NO_START {
        return Ok(None);
    }
    worker.start(Nanos(origin));
    let ended = worker
        .run(&meeting.control)
        .map_err(|source| EngineError::System { what: "waiting for readiness", source })?;
    worker.finish(ended);
    let (margin, kernel_clock) = (worker.wire.margin(), worker.wire.kernel_clock());
    let Own { pinned, gaps, pacing } = own;
    let result = worker.into_result(ended, pinned, margin);
    Ok(Some(ThreadResult { pacing, gaps, kernel_clock, ..result }))
}

/// What one thread has of its own: the CPU it is pinned to, how quiet that was, and how it waits there.
struct Own {
    pinned: Option<usize>,
    gaps: Option<Gaps>,
    pacing: Pacing,
}

/// A worker that is connected.
type Prepared<'a, const STAMPED: bool> = (Worker<'a, Poller<STAMPED>>, Own);

/// Pins the thread, looks at how quiet its CPU is, makes its poll set and opens its connections.
fn prepare<'a, const STAMPED: bool>(
    meeting: &'a Meeting<'a>,
    index: usize,
    shares: Shares,
) -> Result<Prepared<'a, STAMPED>, EngineError> {
    let system = |what| move |source: io::Error| EngineError::System { what, source };
    let plan = meeting.plan;
    let pinned = plan.cpus.as_ref().map(|cpus| cpus[index % cpus.len()]);
    if let Some(cpu) = pinned {
        sys::pin_thread(cpu).map_err(|source| {
            EngineError::Plan(format!(
                "cannot pin a thread to CPU {cpu} ({}); name CPUs that we may use with --cpus",
                reason(&source)
            ))
        })?;
    }
    if STAMPED {
        sys::can_stamp().map_err(|source| {
            EngineError::Plan(format!(
                "this kernel gives no time stamps with what it receives ({source}); leave out --timestamps"
            ))
        })?;
    }
    let gaps = plan.look_for_gaps.map(|span| Gaps::look(span, clock::now));
    let pacing = pacing_beside(plan.pacing, meeting.pacing, gaps);
    let poller = Poller::new(shares.conns.len(), pacing, meeting.tls.clone())
        .map_err(system("making a poll set"))?;
    let phases = Phases::new(plan);
    let mut worker =
        Worker::new(poller, shares.groups, shares.conns, phases, plan.connect, meeting.live);
    worker.connect_all(&meeting.control).map_err(system("waiting for connections"))?;
    Ok((worker, Own { pinned, gaps, pacing }))
}

fn report_connections<W: Wire>(meeting: &Meeting<'_>, worker: &Worker<'_, W>) {
    let mut reports = meeting.reports.lock().unwrap_or_else(PoisonError::into_inner);
    for group in &worker.groups {
        let Some(report) = reports.get_mut(group.index) else { continue };
        let conns = group.tokens.clone().map(|token| &worker.conns[token as usize]);
        report.ready += conns.filter(|conn| conn.is_ready()).count();
        report.refused |= group.connections.refused;
        for (reason, count) in &group.connections.failures {
            count_word(&mut report.reasons, reason, *count);
        }
    }
}
