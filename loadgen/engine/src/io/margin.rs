//! How long before a due time a thread stops sleeping: learnt from how late it woke before.
//!
//! Not the sleeping (see `poller`). Invariant: the margin stays within its bounds.

use crate::clock::Nanos;

/// Bounds of a margin: less is not worth sleeping for, more would burn half a core at 1,000 requests/s.
const MIN: Nanos = Nanos::from_micros(5);
const MAX: Nanos = Nanos::from_micros(500);
/// A sleep is at least this share shorter than the time to wait: a CPU sleeps deeper in a long one and wakes later, and too few
/// are made to learn from. The rest of the wait is another, short sleep, and then the margin.
const SHARE_OF_SLEEP: u64 = 20;
/// One sleep in so many may end later than the margin allows for.
const LATE_ONE_IN: u64 = 100;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Margin {
    length: Nanos,
}

impl Margin {
    /// From how late a thread woke from its first sleeps (at least one).
    pub(crate) fn learn(mut late: Vec<Nanos>) -> Self {
        late.sort_unstable();
        let rank = late.len() * (LATE_ONE_IN as usize - 1) / LATE_ONE_IN as usize;
        Self { length: late.get(rank).copied().unwrap_or(MIN).clamp(MIN, MAX) }
    }

    /// What it is by now.
    pub(crate) const fn length(self) -> Nanos {
        self.length
    }

    /// How long before the end of so long a wait it stops sleeping.
    pub(crate) fn before(self, wait: Nanos) -> Nanos {
        self.length.max(Nanos(wait.0 / SHARE_OF_SLEEP).min(MAX))
    }

    /// The thread woke so late from another sleep. A large step up for one that was too late and small steps down for the others
    /// meet at the same percentile: a CPU that sleeps deeper between rare requests wakes later than in the first sleeps.
    #[inline]
    pub(crate) fn note(&mut self, late: Nanos) {
        let step = (self.length.0 / 8).max(LATE_ONE_IN);
        let length = match late > self.length {
            true => self.length.0 + step,
            false => self.length.0 - step / (LATE_ONE_IN - 1),
        };
        self.length = Nanos(length.clamp(MIN.0, MAX.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sleep_has_a_margin_of_its_own() {
        let micros = Nanos::from_micros;
        let margin = Margin::learn(vec![micros(40); 9]);
        for (wait, want) in [(0, 40), (800, 40), (1_000, 50), (4_000, 200), (60_000, 500)] {
            assert_eq!(margin.before(micros(wait)), micros(want), "{wait}");
        }
        assert_eq!(Margin::learn(vec![MAX; 9]).before(micros(1)), MAX);
    }

    #[test]
    fn it_is_the_99th_percentile_and_follows_it() {
        let micros = Nanos::from_micros;
        let mut margin = Margin::learn((1..=300).map(micros).collect());
        assert_eq!(margin.length(), micros(298));
        assert_eq!(Margin::learn(vec![micros(1); 9]).length(), MIN);
        assert_eq!(Margin::learn(vec![micros(9_000); 9]).length(), MAX);
        // From then on sleeps end up to 100 µs late, evenly; later up to 200.
        let mut state = 7_u64;
        let mut below = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % most
        };
        for most in [100_000, 200_000] {
            let mut sum = 0;
            for sleep in 0..60_000 {
                margin.note(Nanos(below(most)));
                if sleep >= 30_000 {
                    sum += margin.length().0;
                }
            }
            let mean = sum as f64 / 30_000.0 / most as f64;
            assert!((0.9..1.08).contains(&mean), "{mean}");
        }
        (0..100_000).for_each(|_| margin.note(Nanos::ZERO));
        assert_eq!(margin.length(), MIN);
        (0..1_000).for_each(|_| margin.note(micros(3_000)));
        assert_eq!(margin.length(), MAX);
    }
}
