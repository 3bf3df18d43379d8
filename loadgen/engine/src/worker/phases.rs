//! The phases and intervals of a run, as one thread sees them, and what the threads of a run tell each other.
//!
//! Not a clock. Invariant: phases only move forward; the bounds of the measurement are the same on every thread unless the
//! run is cut short.

use crate::clock::Nanos;
use crate::plan::{RunPlan, WarmupEndPlan};
use crate::record::audit::Load;
use crate::record::live::Phase;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// How long the last replies may take after a cancellation: a user at the keyboard is waiting.
const CANCELLED_DRAIN_MAX: Nanos = Nanos::from_millis(250);

/// What the threads of a run share: read once a turn, written a few times a run.
#[derive(Debug)]
pub(crate) struct Control<'a> {
    cancel: &'a AtomicBool,
    /// Group shares with a quota that is not done.
    open_quotas: AtomicUsize,
    /// Group shares that the run goes on for, and that have a connection or may get one again.
    connected_shares: AtomicUsize,
    /// When the last quota was done, or the last connection was gone for good.
    stop_at: AtomicU64,
    /// When the measurement begins, where the warm-up finds its own end.
    measure_from: AtomicU64,
    /// Whether a thread has taken it on itself to find it.
    is_led: AtomicBool,
}

impl<'a> Control<'a> {
    /// For a run with this many group shares that have a quota of requests, and this many that it goes on for
    /// while they have connections.
    pub(crate) const fn new(
        cancel: &'a AtomicBool,
        open_quotas: usize,
        connected_shares: usize,
    ) -> Self {
        Self {
            cancel,
            open_quotas: AtomicUsize::new(open_quotas),
            connected_shares: AtomicUsize::new(connected_shares),
            stop_at: AtomicU64::new(u64::MAX),
            measure_from: AtomicU64::new(u64::MAX),
            is_led: AtomicBool::new(false),
        }
    }

    /// Whether the calling thread is the first that offers to find the end of the warm-up.
    pub(crate) fn lead(&self) -> bool {
        !self.is_led.swap(true, Relaxed)
    }

    /// The measurement begins at `at` on all threads: far enough ahead that each looks up before.
    pub(crate) fn decide_begin(&self, at: Nanos) {
        self.measure_from.store(at.0, Relaxed);
    }

    /// One group share has done its quota. The last one ends the measurement.
    pub(crate) fn complete_one(&self, now: Nanos) {
        if self.open_quotas.fetch_sub(1, Relaxed) == 1 {
            self.stop_at.fetch_min(now.0, Relaxed);
        }
    }

    /// One group share has no connection left and opens none. Without any, nothing can be measured any more.
    pub(crate) fn cut_off_one(&self, now: Nanos) {
        if self.connected_shares.fetch_sub(1, Relaxed) == 1 {
            self.stop_at.fetch_min(now.0, Relaxed);
        }
    }

    /// Whether no share has a connection left.
    fn is_cut_off(&self) -> bool {
        self.connected_shares.load(Relaxed) == 0
    }

    /// Whether the last quota is done, or the last connection gone.
    #[inline]
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop_at.load(Relaxed) != u64::MAX
    }

    /// Whether the user wants it to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.load(Relaxed)
    }
}

/// See the module. All times are absolute.
#[derive(Debug)]
pub(crate) struct Phases {
    pub(crate) phase: Phase,
    pub(crate) origin: Nanos,
    pub(crate) measure_from: Nanos,
    pub(crate) measure_until: Nanos,
    pub(crate) interrupted: bool,
    /// The measurement ended because no connection was left.
    pub(crate) is_cut_off: bool,
    /// What the thread had used at the begin of the measurement, then what it used in it.
    pub(crate) measured: Load,
    warmup: Nanos,
    /// The warm-up finds its own end.
    pub(crate) warmup_end: Option<WarmupEndPlan>,
    measure: Option<Nanos>,
    drain_max: Nanos,
    drain_until: Nanos,
    interval: Nanos,
    interval_number: u32,
    interval_end: Nanos,
    stall_threshold: Nanos,
}

impl Phases {
    /// A thread looks up at least this often, so that it notices a cancellation.
    pub(crate) const LONGEST_WAIT: Nanos = Nanos::from_millis(100);

    /// Not started.
    pub(crate) fn new(plan: &RunPlan) -> Self {
        Self {
            phase: Phase::Connect,
            origin: Nanos::ZERO,
            measure_from: Nanos::MAX,
            measure_until: Nanos::MAX,
            interrupted: false,
            is_cut_off: false,
            measured: Load::default(),
            warmup: plan.phases.warmup,
            warmup_end: plan.warmup_end,
            measure: plan.phases.measure,
            drain_max: plan.phases.drain_max,
            drain_until: Nanos::MAX,
            interval: plan.interval,
            interval_number: 0,
            interval_end: Nanos::MAX,
            stall_threshold: plan.stall_threshold,
        }
    }

    /// The schedule begins at `origin`.
    pub(crate) fn start(&mut self, origin: Nanos) {
        self.phase = Phase::Warmup;
        self.origin = origin;
        let warmup = if self.warmup_end.is_some() { Nanos::MAX } else { self.warmup };
        self.measure_from = origin.saturating_add(warmup);
        self.measure_until =
            self.measure.map_or(Nanos::MAX, |measure| self.measure_from.saturating_add(measure));
        self.interval_end = origin.saturating_add(self.interval);
    }

    /// Whether the begin of the measurement is still to be found.
    #[inline]
    pub(crate) fn seeks_warmup_end(&self) -> bool {
        self.warmup_end.is_some() && self.measure_from == Nanos::MAX && self.phase == Phase::Warmup
    }

    /// The first begin of an interval that all threads see coming.
    pub(crate) fn begin_ahead(&self, now: Nanos) -> Nanos {
        let soonest = now.saturating_add(Self::LONGEST_WAIT).saturating_add(Self::LONGEST_WAIT);
        let intervals = soonest.since(self.origin).0.div_ceil(self.interval.0);
        self.origin.saturating_add(Nanos(intervals.saturating_mul(self.interval.0)))
    }

    /// Takes over the begin of the measurement, if it is known by now. What this thread has created by `now` belongs to the
    /// warm-up in any case: requests are counted where they were counted first.
    pub(crate) fn take_begin(&mut self, now: Nanos, control: &Control<'_>) -> bool {
        let begin = Nanos(control.measure_from.load(Relaxed));
        if begin == Nanos::MAX {
            return false;
        }
        self.measure_from = begin.max(now.saturating_add(Nanos(1)));
        let until = self.measure.map_or(Nanos::MAX, |span| self.measure_from.saturating_add(span));
        self.measure_until = self.measure_until.min(until);
        true
    }

    /// Whether the schedule has begun.
    pub(crate) fn has_started(&self) -> bool {
        self.phase != Phase::Connect
    }

    /// The shortest stall worth noting.
    pub(crate) const fn stall_threshold(&self) -> Nanos {
        self.stall_threshold
    }

    /// Whether the running interval ended at or before `now`.
    #[inline]
    pub(crate) fn interval_is_over(&self, now: Nanos) -> bool {
        now >= self.interval_end
    }

    /// Moves on to the interval of `now`; returns the number of the one that ended.
    pub(crate) fn next_interval(&mut self, now: Nanos) -> u32 {
        let ended = self.interval_number;
        self.interval_number = (now.since(self.origin).0 / self.interval.0) as u32;
        self.interval_end =
            Nanos(self.origin.0 + (u64::from(self.interval_number) + 1) * self.interval.0);
        ended
    }

    /// Moves the phase on, given how many requests are still `open` on this thread, and how long it has spun.
    pub(crate) fn advance(&mut self, now: Nanos, open: u64, spun: Nanos, control: &Control<'_>) {
        let stop_at = Nanos(control.stop_at.load(Relaxed));
        if stop_at < self.measure_until {
            self.measure_until = stop_at;
            self.is_cut_off = control.is_cut_off();
        }
        if control.is_cancelled() && !self.interrupted && self.phase != Phase::Drain {
            self.interrupted = true;
            self.measure_until = self.measure_until.min(now);
            self.drain_max = self.drain_max.min(CANCELLED_DRAIN_MAX);
        }
        if self.phase == Phase::Warmup && now >= self.measure_from.min(self.measure_until) {
            self.phase = Phase::Measure;
            self.measured = Load::so_far(now, spun);
        }
        if self.phase == Phase::Measure && now >= self.measure_until {
            self.phase = Phase::Drain;
            self.measured = Load::so_far(now, spun).since(&self.measured);
            self.drain_until = now.saturating_add(self.drain_max);
        }
        if self.phase == Phase::Drain {
            if control.is_cancelled() && !self.interrupted {
                self.interrupted = true;
                self.drain_until = self.drain_until.min(now.saturating_add(CANCELLED_DRAIN_MAX));
            }
            if open == 0 || now >= self.drain_until {
                self.phase = Phase::Done;
            }
        }
    }

    /// The next time at which something changes even if nothing happens.
    pub(crate) fn next_boundary(&self) -> Nanos {
        let phase_end = match self.phase {
            Phase::Connect | Phase::Done => Nanos::MAX,
            Phase::Warmup => self.measure_from.min(self.measure_until),
            Phase::Measure => self.measure_until,
            Phase::Drain => self.drain_until,
        };
        phase_end.min(self.interval_end)
    }
}
