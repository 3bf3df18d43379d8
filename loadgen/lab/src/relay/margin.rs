//! How long before a due time to wake up: learnt from the wake-up delay of this machine.
//!
//! Not a clock. Invariant: the margin stays within its bounds, and settles where the share of wake-ups that were later than
//! it is [`EXCEEDED_PERCENT`].
//!
//! A step up for each wake-up that came too late and a smaller one down for each that did not is the stochastic
//! approximation of a quantile (Robbins and Monro, 1951). It follows a machine that gets busy, or sleeps more deeply.

use aelab_engine::clock::Nanos;

/// One wake-up in twenty may be too late. Covering the rest would keep a core busy for a rare case.
const EXCEEDED_PERCENT: u64 = 5;
/// What one wake-up in time takes off.
const STEP_DOWN: Nanos = Nanos(100);
/// What one that was too late adds: as much as the ones in time subtract in between.
const STEP_UP: Nanos = Nanos(STEP_DOWN.0 * (100 - EXCEEDED_PERCENT) / EXCEEDED_PERCENT);
/// Bounds: below, setting the timer costs more than polling the clock; above, polling uses too much CPU time.
const MIN: Nanos = Nanos::from_micros(20);
const MAX: Nanos = Nanos::from_micros(200);
/// A virtual machine wakes up in 50 to 100 µs; a physical one in less, which it soon learns.
const FIRST: Nanos = Nanos::from_micros(120);

/// The margin; see the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Margin(Nanos);

impl Margin {
    pub(crate) fn new() -> Self {
        Self(FIRST)
    }

    /// When to wake up for something that is due at `at`.
    pub(crate) fn before(self, at: Nanos) -> Nanos {
        Nanos(at.0.saturating_sub(self.0.0))
    }

    /// A wake-up was this late.
    pub(crate) fn learn(&mut self, late: Nanos) {
        let next = if late > self.0 { self.0 + STEP_UP } else { self.0 - STEP_DOWN };
        self.0 = next.clamp(MIN, MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX, MIN, Margin};
    use aelab_engine::clock::Nanos;

    #[test]
    fn it_settles_where_one_wake_up_in_twenty_is_too_late() {
        let mut margin = Margin::new();
        // Late by 0 to 99 µs, evenly, in an order without runs.
        for turn in 0..20_000_u64 {
            margin.learn(Nanos::from_micros(turn * 37 % 100));
        }
        let settled = margin.0.0 / 1_000;
        assert!((92..=98).contains(&settled), "{settled} us");
    }

    #[test]
    fn it_keeps_its_bounds() {
        let mut margin = Margin::new();
        (0..10_000).for_each(|_| margin.learn(Nanos::ZERO));
        assert_eq!(margin.0, MIN);
        (0..10_000).for_each(|_| margin.learn(Nanos::from_secs(1)));
        assert_eq!(margin.0, MAX);
        assert_eq!(margin.before(Nanos(5)), Nanos::ZERO);
    }
}
