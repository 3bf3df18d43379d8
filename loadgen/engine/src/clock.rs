//! The clock: the only file of this crate that reads the time.
//!
//! Not a timer and not a calendar: it turns the kernel's monotonic clock into [`Nanos`], and the wall clock into the
//! one stamp a run carries. Everything else takes `now`.
//! Invariant: [`Nanos`] of one process come from one monotonic clock, so they may be compared and subtracted.

use crate::sys;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on the monotonic clock, or a span on it, in nanoseconds.
///
/// One type for both, as the engine computes with schedules ("`t_0` plus k periods") far more than it mixes them up.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The origin, and the empty span.
    pub const ZERO: Self = Self(0);
    /// Later than anything that happens: "never".
    pub const MAX: Self = Self(u64::MAX);

    /// A span of whole microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A span of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// This minus `earlier`, or zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// This plus `span`, at most [`Nanos::MAX`].
    pub const fn saturating_add(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The value in seconds, for text and charts.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, span: Self) -> Self {
        Self(self.0 + span.0)
    }
}

impl Sub for Nanos {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self(self.0 - earlier.0)
    }
}

impl From<Duration> for Nanos {
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(span: Nanos) -> Self {
        Self::from_nanos(span.0)
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Duration::from_nanos(self.0), f)
    }
}

/// The monotonic clock, now.
#[inline]
pub fn now() -> Nanos {
    Nanos(sys::monotonic_ns())
}

/// CPU time used by the calling thread so far.
pub(crate) fn thread_cpu() -> Nanos {
    Nanos(sys::thread_cpu_ns())
}

/// The wall clock, now, in nanoseconds since 1970-01-01 UTC. For labels only, never for differences.
pub fn wall_ns() -> u64 {
    sys::wall_ns()
}

/// How far the wall clock is from the monotonic one, in nanoseconds: it changes when the wall clock is set.
pub(crate) fn wall_offset_ns() -> i64 {
    /// Readings as close together as this are of the same moment.
    const TOGETHER: Nanos = Nanos::from_micros(50);
    /// A thread that is interrupted this often in a row has other worries.
    const TRIALS: usize = 20;
    let mut best = (Nanos::MAX, 0);
    for _ in 0..TRIALS {
        let (before, wall, after) = (now(), wall_ns(), now());
        let span = after.since(before);
        if span < best.0 {
            best = (span, wall.wrapping_sub(before.0 + span.0 / 2).cast_signed());
        }
        if best.0 <= TOGETHER {
            break;
        }
    }
    best.1
}

/// How far the wall clock is ahead of the monotonic one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WallOffset {
    offset_ns: u64,
    /// The true offset is at most this far from the one found.
    pub(crate) uncertainty: Nanos,
}

impl WallOffset {
    /// A time of the wall clock, in nanoseconds since 1970, on the monotonic clock.
    #[inline]
    pub(crate) const fn to_monotonic(self, wall_ns: u64) -> Nanos {
        Nanos(wall_ns.wrapping_sub(self.offset_ns))
    }

    /// Whether the wall clock was set between two looks at it: they differ by more than both can be wrong, and slewing
    /// moves both clocks equally.
    pub(crate) const fn is_step_from(&self, before: &Self) -> bool {
        let difference = self.offset_ns.abs_diff(before.offset_ns);
        difference > self.uncertainty.0 + before.uncertainty.0 + STEP_MIN_NS
    }
}

/// Differences below this are noise of reading two clocks.
const STEP_MIN_NS: u64 = 1_000;
/// Tries to read both clocks close together; one in a few is not interrupted.
const OFFSET_TRIES: usize = 16;

/// Reads both clocks, several times, and keeps the closest pair.
pub(crate) fn wall_offset() -> WallOffset {
    let mut best = WallOffset { offset_ns: 0, uncertainty: Nanos::MAX };
    for _ in 0..OFFSET_TRIES {
        let before = sys::monotonic_ns();
        let wall = sys::wall_ns();
        let span = sys::monotonic_ns() - before;
        // The wall clock was read somewhere between the two; half the span is as far off as the middle can be.
        let uncertainty = Nanos(span.div_ceil(2));
        if uncertainty < best.uncertainty {
            best = WallOffset { offset_ns: wall.wrapping_sub(before + span / 2), uncertainty };
        }
    }
    best
}
/// How well the kernel's stamps, of the wall clock, fit the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelClock {
    /// KernelTimes may be off by this much.
    pub uncertainty: Nanos,
    /// How often the wall clock was set during the run; stamps around these moments are left out or wrong by up to the step.
    pub steps: u64,
}
