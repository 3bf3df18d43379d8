//! How long to wait before a lost connection is opened again.
//!
//! Invariant: a pause is never longer than the plan's longest.

use crate::clock::Nanos;
use crate::plan::Reconnect;
use crate::workload::rng::Rng;

/// Shortest pause after an attempt that failed: a server that is gone refuses within microseconds, and trying again and again
/// would take the CPU from everything else.
const AFTER_FAILURE_MIN: Nanos = Nanos::from_millis(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Reconnection {
    plan: Reconnect,
    rng: Rng,
}

impl Reconnection {
    pub(super) const fn new(plan: Reconnect, rng: Rng) -> Self {
        Self { plan, rng }
    }

    /// The pause before the next attempt after `attempts` failures in a row; `None` to give up.
    pub(crate) fn pause(&mut self, attempts: u32) -> Option<Nanos> {
        let (first, max) = match self.plan {
            Reconnect::Backoff { first, max } => (first, max),
            Reconnect::Fixed(pause) if attempts == 0 => return Some(pause),
            Reconnect::Fixed(pause) => return Some(pause.max(AFTER_FAILURE_MIN)),
            Reconnect::Never => return None,
        };
        let pause = first.0.max(1).saturating_mul(1 << attempts.min(30)).min(max.0.max(1));
        // Up to half is taken off at random, so that lost connections do not return in one wave.
        Some(Nanos(pause - self.rng.below(pause / 2 + 1)))
    }
}
