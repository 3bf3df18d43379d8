//! What a run is doing right now, for display.
//!
//! Not a measurement: counters are added to now and then by the engine threads and may trail by an interval or two, and
//! response times are sorted into coarse buckets.
//! Invariant: while the run is on, no thread waits for another; every counter is an atomic written without ordering, each bucket
//! by one thread only. (The list of shards has a lock; engine threads take it before the run begins.)

use crate::clock::Nanos;
use crate::plan::{GroupPlan, RunPlan};
use crate::topology::Topology;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

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

/// Counters of a run, shared between the engine threads and the thread that shows them.
#[derive(Debug)]
pub struct Live {
    groups: Vec<LiveGroup>,
    phase: AtomicU8,
    elapsed_ns: AtomicU64,
    topology: Arc<Topology>,
}

#[derive(Debug)]
struct LiveGroup {
    name: String,
    /// The labels of its commands.
    commands: Vec<String>,
    asked: u64,
    connected: AtomicU64,
    counts: [AtomicU64; COUNTERS],
    /// Each with the index of its command.
    shards: Mutex<Vec<(usize, Arc<Shard>)>>,
}

/// Counters of [`LiveCounts`] that engine threads add to.
const COUNTERS: usize = 9;

/// Buckets per doubling of the response time: each is 3 % wide, finer than a number that changes four times a second is read.
const STEPS: u64 = 32;
const STEP_BITS: u32 = STEPS.ilog2();
/// Up to 2^42 ns, which is more than the hour that is recorded.
const BUCKETS: usize = (42 - STEP_BITS as usize + 1) * STEPS as usize;

/// The bucket of a time in nanoseconds.
const fn bucket_of(ns: u64) -> usize {
    if ns < STEPS {
        return ns as usize;
    }
    let doublings = ns.ilog2() - STEP_BITS;
    let index = (doublings as u64 + 1) * STEPS + (ns >> doublings) - STEPS;
    if index >= BUCKETS as u64 { BUCKETS - 1 } else { index as usize }
}

/// The lowest time of a bucket, and that of the next one.
const fn bounds_of(bucket: usize) -> (u64, u64) {
    let (doublings, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    if doublings == 0 {
        return (step, step + 1);
    }
    let width = 1 << (doublings - 1);
    ((STEPS + step) * width, (STEPS + step + 1) * width)
}

/// One command of a group on one thread, warm-up included. One thread writes.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Response times.
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
    errors: AtomicU64,
    timeouts: AtomicU64,
}

/// Adds to a counter that one thread writes.
#[inline]
fn plus(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

impl Default for Shard {
    fn default() -> Self {
        let buckets = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        let zero = || AtomicU64::new(0);
        Self { buckets, sum_ns: zero(), errors: zero(), timeouts: zero() }
    }
}

impl Shard {
    /// Adds equal samples in nanoseconds. For the one thread that writes.
    #[inline]
    pub(crate) fn add(&self, ns: u64, count: u64) {
        plus(&self.buckets[bucket_of(ns)], count);
        plus(&self.sum_ns, ns.wrapping_mul(count));
    }

    /// Counts an error reply or a request lost with its connection. For the one thread that writes.
    pub(crate) fn add_error(&self) {
        plus(&self.errors, 1);
    }

    /// Counts a request cancelled after its time limit. For the one thread that writes.
    pub(crate) fn add_timeout(&self) {
        plus(&self.timeouts, 1);
    }

    /// What was counted so far.
    pub(crate) fn counted(&self) -> Counted {
        let mut counted = Counted::default();
        counted.add(self);
        counted
    }
}

/// Response times sorted into coarse buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Empty means all zero.
    counts: Vec<u64>,
    /// The sum of all times in nanoseconds, to the width of the buckets.
    pub sum_ns: u64,
}

impl Counted {
    fn add(&mut self, shard: &Shard) {
        self.counts.resize(BUCKETS, 0);
        for (mine, theirs) in self.counts.iter_mut().zip(&shard.buckets) {
            *mine = mine.wrapping_add(theirs.load(Relaxed));
        }
        self.sum_ns = self.sum_ns.wrapping_add(shard.sum_ns.load(Relaxed));
    }

    /// Adds another set's.
    pub fn merge(&mut self, other: &Self) {
        self.counts.resize(BUCKETS, 0);
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.wrapping_add(*theirs);
        }
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
    }

    /// What was added since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let then = earlier.counts.iter().copied().chain(std::iter::repeat(0));
        Self {
            counts: self
                .counts
                .iter()
                .zip(then)
                .map(|(now, then)| now.saturating_sub(then))
                .collect(),
            sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns),
        }
    }

    /// How many.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many are below `ns`, to the width of a bucket.
    #[must_use]
    pub fn below(&self, ns: u64) -> u64 {
        let counts = self.counts.iter().enumerate();
        counts.take_while(|(bucket, _)| bounds_of(*bucket).1 <= ns).map(|(_, count)| count).sum()
    }

    /// The value at a quantile in nanoseconds, to the width of a bucket; `None` without samples.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let total = self.total();
        let rank = ((quantile * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                let (low, next) = bounds_of(bucket);
                return Some(low + (next - low) / 2);
            }
        }
        None
    }
}

/// Requests of one command that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveFailures {
    /// Error replies, and requests lost with their connection.
    pub errors: u64,
    /// Cancelled after their time limit.
    pub timeouts: u64,
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
    /// Connections lost while running.
    pub lost: u64,
    /// Connections that came back.
    pub reconnects: u64,
    /// Messages delivered to subscribers and to commands that wait for data.
    pub messages: u64,
    /// Parts of replies, whether they complete a request or not: steps of iterations, and bytes while measuring.
    pub pieces: u64,
}

impl LiveCounts {
    /// What was counted since `earlier`.
    pub(crate) const fn since(&self, earlier: &Self) -> Self {
        Self {
            connected: self.connected - earlier.connected,
            scheduled: self.scheduled - earlier.scheduled,
            ok: self.ok - earlier.ok,
            error: self.error - earlier.error,
            timeout: self.timeout - earlier.timeout,
            shed: self.shed - earlier.shed,
            lost: self.lost - earlier.lost,
            reconnects: self.reconnects - earlier.reconnects,
            messages: self.messages - earlier.messages,
            pieces: self.pieces - earlier.pieces,
        }
    }

    /// Requests that are due and not finished: in flight, or waiting for a connection.
    #[must_use]
    pub const fn open(&self) -> u64 {
        let ended = self.shed + self.ok + self.error + self.timeout;
        self.scheduled.saturating_sub(ended)
    }

    /// Connections that are open.
    #[must_use]
    pub const fn connections(&self) -> u64 {
        (self.connected + self.reconnects).saturating_sub(self.lost)
    }

    /// Replies, errors included.
    #[must_use]
    pub const fn replies(&self) -> u64 {
        self.ok + self.error
    }

    /// Received: replies, or the messages of a subscriber, whose only reply is that it has subscribed. A command that waits
    /// for data has a reply for each message.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.replies().max(self.messages)
    }
}

impl LiveGroup {
    fn new(plan: &GroupPlan) -> Self {
        Self {
            name: plan.name.clone(),
            commands: plan.workload.commands.iter().map(|one| one.label.clone()).collect(),
            asked: plan.connections as u64,
            connected: AtomicU64::new(0),
            counts: [const { AtomicU64::new(0) }; COUNTERS],
            shards: Mutex::new(Vec::new()),
        }
    }
}

impl Live {
    /// Counters at zero for the groups of `plan`.
    pub fn new(plan: &RunPlan) -> Self {
        Self {
            groups: plan.groups.iter().map(LiveGroup::new).collect(),
            phase: AtomicU8::new(0),
            elapsed_ns: AtomicU64::new(0),
            topology: Arc::default(),
        }
    }

    /// Where a run against a cluster asks for newer layouts and finds them.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The same, for the threads of the engine.
    pub(crate) fn shared_topology(&self) -> Arc<Topology> {
        Arc::clone(&self.topology)
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
        let [scheduled, ok, error, timeout, shed, lost, reconnects, messages, pieces] =
            group.counts.each_ref().map(|counter| counter.load(Relaxed));
        let connected = group.connected.load(Relaxed);
        LiveCounts {
            connected,
            scheduled,
            ok,
            error,
            timeout,
            shed,
            lost,
            reconnects,
            messages,
            pieces,
        }
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// The name of a group and the connections it asked for.
    pub fn about(&self, index: usize) -> (&str, u64) {
        self.groups.get(index).map_or(("", 0), |group| (group.name.as_str(), group.asked))
    }

    /// The labels of a group's commands, in the order of the plan.
    pub fn commands(&self, index: usize) -> &[String] {
        self.groups.get(index).map_or(&[], |group| group.commands.as_slice())
    }

    /// The response times of a group so far, all commands, all threads and the warm-up included.
    pub fn response_times(&self, index: usize) -> Counted {
        self.sum(index, |_| true)
    }

    /// The same for one of its commands.
    pub fn response_times_of(&self, index: usize, command: usize) -> Counted {
        self.sum(index, |of| of == command)
    }

    /// Errors and timeouts of one command of a group so far, all threads and the warm-up included.
    pub fn failures_of(&self, index: usize, command: usize) -> LiveFailures {
        let mut sum = LiveFailures::default();
        let Some(group) = self.groups.get(index) else { return sum };
        let shards = group.shards.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, shard) in shards.iter().filter(|(of, _)| *of == command) {
            sum.errors += shard.errors.load(Relaxed);
            sum.timeouts += shard.timeouts.load(Relaxed);
        }
        sum
    }

    fn sum(&self, index: usize, wanted: impl Fn(usize) -> bool) -> Counted {
        let mut sum = Counted::default();
        let Some(group) = self.groups.get(index) else { return sum };
        let shards = group.shards.lock().unwrap_or_else(PoisonError::into_inner);
        shards.iter().filter(|(of, _)| wanted(*of)).for_each(|(_, shard)| sum.add(shard));
        sum
    }

    /// A place for the response times of a command of a group on one more thread. Before the run begins.
    pub(crate) fn shard(&self, index: usize, command: usize) -> Arc<Shard> {
        let shard = Arc::new(Shard::default());
        if let Some(group) = self.groups.get(index) {
            let mut shards = group.shards.lock().unwrap_or_else(PoisonError::into_inner);
            shards.push((command, Arc::clone(&shard)));
        }
        shard
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    pub(crate) fn set_elapsed(&self, elapsed: Nanos) {
        self.elapsed_ns.store(elapsed.0, Relaxed);
    }

    pub(crate) fn add_connected(&self, group: usize, count: u64) {
        if let Some(group) = self.groups.get(group) {
            group.connected.fetch_add(count, Relaxed);
        }
    }

    /// Adds what a thread has counted since it last did so.
    pub(crate) fn add(&self, group: usize, delta: &LiveCounts) {
        let Some(group) = self.groups.get(group) else { return };
        let parts = [
            delta.scheduled,
            delta.ok,
            delta.error,
            delta.timeout,
            delta.shed,
            delta.lost,
            delta.reconnects,
            delta.messages,
            delta.pieces,
        ];
        for (counter, part) in group.counts.iter().zip(parts) {
            if part != 0 {
                counter.fetch_add(part, Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_and_without_gaps() {
        for ns in [0, 1, 31, 32, 33, 63, 64, 1_000, 123_456, 999_999_999, 3_600_000_000_000] {
            let (low, next) = bounds_of(bucket_of(ns));
            assert!(low <= ns && ns < next, "{ns}: {low}..{next}");
            assert!(next - low <= 1 + ns / STEPS, "{ns}: {low}..{next}");
        }
        assert!((1..BUCKETS).all(|bucket| bounds_of(bucket - 1).1 == bounds_of(bucket).0));
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_what_came_since() {
        let shard = Shard::default();
        shard.add(5_000_000, 100);
        let before = shard.counted();
        (1..=100).for_each(|millis| shard.add(millis * 1_000_000, 10));
        let now = shard.counted().since(&before);
        assert_eq!(now.total(), 1_000);
        let p99 = now.quantile_ns(0.99).expect("samples") as f64;
        assert!((p99 / 99e6 - 1.0).abs() < 0.03, "{p99}");
        assert!((480..=520).contains(&now.below(50_500_000)), "{}", now.below(50_500_000));
        assert_eq!(Counted::default().quantile_ns(0.5), None);
    }
}
