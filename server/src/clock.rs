//! The only file that reads a clock, so that everything else can be tested with a given time.
//!
//! One monotonic reading costs about 25 ns here; the loop takes a handful per tick and one per
//! command, and derives Unix time from them. Not a timer: see `ae::timers`.
#![expect(clippy::disallowed_methods, reason = "this is where the clock is read")]

use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds: a point on a clock's own scale, or a length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The zero of the scale.
    pub const ZERO: Nanos = Nanos(0);

    /// `n` microseconds.
    #[must_use]
    pub const fn from_us(n: u64) -> Self {
        Nanos(n * 1_000)
    }

    /// `n` milliseconds.
    #[must_use]
    pub const fn from_ms(n: u64) -> Self {
        Nanos(n * 1_000_000)
    }

    /// Whole microseconds.
    #[must_use]
    pub const fn as_us(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl Add for Nanos {
    type Output = Nanos;
    fn add(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(other.0))
    }
}

impl Sub for Nanos {
    type Output = Nanos;
    /// Saturates: a length of time is never negative.
    fn sub(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(other.0))
    }
}

impl From<Nanos> for Duration {
    fn from(n: Nanos) -> Duration {
        Duration::from_nanos(n.0)
    }
}

#[derive(Clone, Debug)]
enum Source {
    /// The system clock at our zero, in nanoseconds.
    System(u64),
    Manual(Arc<AtomicU64>),
}

/// A monotonic clock whose zero is the time of its creation.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
}

impl Clock {
    /// The system's monotonic clock.
    #[must_use]
    pub fn system() -> Self {
        Clock { source: Source::System(crate::sys::monotonic_ns()) }
    }

    /// A clock that stands still until its number (nanoseconds) is changed.
    #[must_use]
    pub fn manual(time: Arc<AtomicU64>) -> Self {
        Clock { source: Source::Manual(time) }
    }

    /// The time since the clock's zero.
    #[must_use]
    pub fn now(&self) -> Nanos {
        match &self.source {
            Source::System(zero) => Nanos(crate::sys::monotonic_ns().saturating_sub(*zero)),
            Source::Manual(time) => Nanos(time.load(Relaxed)),
        }
    }

    /// CPU time used by the calling thread: a system call, so not for every tick.
    #[must_use]
    pub fn thread_cpu(&self) -> Nanos {
        match &self.source {
            Source::System(_) => Nanos(crate::sys::thread_cpu_ns()),
            Source::Manual(time) => Nanos(time.load(Relaxed)),
        }
    }

    /// Unix time, in microseconds.
    #[must_use]
    pub fn unix_us(&self) -> i64 {
        match &self.source {
            Source::System(_) => {
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64)
            }
            Source::Manual(time) => (time.load(Relaxed) / 1_000) as i64,
        }
    }

    /// Keeps the calling thread busy, like a command that takes this long.
    pub fn spin(&self, length: Nanos) {
        match &self.source {
            Source::System(_) => {
                let end = self.now() + length;
                while self.now() < end {
                    std::hint::spin_loop();
                }
            }
            Source::Manual(time) => drop(time.fetch_add(length.0, Relaxed)),
        }
    }

    /// Blocks the calling thread, and with it the loop (`DEBUG SLEEP`).
    pub fn sleep(&self, length: Nanos) {
        match &self.source {
            Source::System(_) => std::thread::sleep(length.into()),
            Source::Manual(time) => drop(time.fetch_add(length.0, Relaxed)),
        }
    }
}
