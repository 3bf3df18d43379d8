//! What a run is doing right now, for a progress bar.
//!
//! Not a measurement: counters are added to now and then by the engine threads and may trail by an interval.
//! Invariant: nobody waits for anybody; every field is an atomic written without ordering.

use super::plan::RunPlan;
use crate::clock::Nanos;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// The phase a run is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Opening connections.
    Connect,
    /// Running, not measured yet.
    Warmup,
    /// Running and measured.
    Measure,
    /// Waiting for the last replies.
    Drain,
    /// Over.
    Done,
}

const PHASES: [Phase; 5] =
    [Phase::Connect, Phase::Warmup, Phase::Measure, Phase::Drain, Phase::Done];

/// Counters of a run, shared between the engine threads and whoever shows them.
#[derive(Debug)]
pub struct Live {
    groups: Vec<LiveGroup>,
    phase: AtomicU8,
    elapsed_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct LiveGroup {
    connected: AtomicU64,
    counts: [AtomicU64; 5],
}

/// One group's counters at one moment, warm-up included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveCounts {
    /// Connections ready so far while connecting.
    pub connected: u64,
    /// Requests that became due.
    pub scheduled: u64,
    /// Answered, not with an error.
    pub ok: u64,
    /// Error replies and lost requests.
    pub error: u64,
    /// Timed out.
    pub timeout: u64,
    /// Shed.
    pub shed: u64,
}

impl LiveCounts {
    /// What was counted since `earlier`.
    pub(super) const fn since(&self, earlier: &Self) -> Self {
        Self {
            connected: self.connected - earlier.connected,
            scheduled: self.scheduled - earlier.scheduled,
            ok: self.ok - earlier.ok,
            error: self.error - earlier.error,
            timeout: self.timeout - earlier.timeout,
            shed: self.shed - earlier.shed,
        }
    }
}

impl Live {
    /// Counters at zero for the groups of `plan`.
    pub fn new(plan: &RunPlan) -> Self {
        Self {
            groups: plan.groups.iter().map(|_| LiveGroup::default()).collect(),
            phase: AtomicU8::new(0),
            elapsed_ns: AtomicU64::new(0),
        }
    }

    /// The phase of the run.
    pub fn phase(&self) -> Phase {
        PHASES.get(usize::from(self.phase.load(Relaxed))).copied().unwrap_or(Phase::Done)
    }

    /// Time since the schedule began, zero while connecting.
    pub fn elapsed(&self) -> Nanos {
        Nanos(self.elapsed_ns.load(Relaxed))
    }

    /// The counters of a group, zero if there is none with this index.
    pub fn group(&self, index: usize) -> LiveCounts {
        let Some(group) = self.groups.get(index) else { return LiveCounts::default() };
        let [scheduled, ok, error, timeout, shed] =
            group.counts.each_ref().map(|counter| counter.load(Relaxed));
        LiveCounts { connected: group.connected.load(Relaxed), scheduled, ok, error, timeout, shed }
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    pub(super) fn set_elapsed(&self, elapsed: Nanos) {
        self.elapsed_ns.store(elapsed.0, Relaxed);
    }

    pub(super) fn add_connected(&self, group: usize, count: u64) {
        if let Some(group) = self.groups.get(group) {
            group.connected.fetch_add(count, Relaxed);
        }
    }

    /// Adds what a thread has counted since it last did so.
    pub(super) fn add(&self, group: usize, delta: &LiveCounts) {
        let Some(group) = self.groups.get(group) else { return };
        let parts = [delta.scheduled, delta.ok, delta.error, delta.timeout, delta.shed];
        for (counter, part) in group.counts.iter().zip(parts) {
            if part != 0 {
                counter.fetch_add(part, Relaxed);
            }
        }
    }
}
