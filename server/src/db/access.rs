//! The 24-bit access clock of each key, read two ways: when it was last used (LRU), or how often (LFU).
//!
//! Numbers as in Redis's `evict.c`: seconds modulo 2^24; or 16 bits of minutes and an 8-bit logarithmic counter.
//! Takes `now`, and a random number where chance decides.

/// Which meaning the clock field has; follows from `maxmemory-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessMode {
    /// Time of last use.
    #[default]
    Lru,
    /// Frequency of use.
    Lfu {
        /// How many more uses each further step of the counter needs (`lfu-log-factor`).
        log_factor: u32,
        /// Minutes of disuse after which the counter is halved once (`lfu-decay-time`); zero for never.
        decay_minutes: u32,
    },
}

/// Wraps after 194 days of seconds.
const LRU_CLOCK_MASK: u32 = (1 << 24) - 1;
/// New keys start with this value, so that they are not evicted before they can be used again.
const LFU_INITIAL: u32 = 5;
const LFU_COUNTER_MAX: u32 = 255;

const fn lru_clock(now_ms: i64) -> u32 {
    (now_ms / 1000) as u32 & LRU_CLOCK_MASK
}

const fn minutes(now_ms: i64) -> u32 {
    (now_ms / 60_000) as u32 & 0xffff
}

impl AccessMode {
    /// The clock of a key made now.
    #[must_use]
    pub const fn fresh(self, now_ms: i64) -> u32 {
        match self {
            Self::Lru => lru_clock(now_ms),
            Self::Lfu { .. } => minutes(now_ms) << 8 | LFU_INITIAL,
        }
    }

    /// The clock of a key used now. `draw` is asked for one random number in LFU mode only.
    #[inline]
    pub fn used(self, clock: u32, now_ms: i64, draw: impl FnOnce() -> u64) -> u32 {
        match self {
            Self::Lru => lru_clock(now_ms),
            Self::Lfu { log_factor, decay_minutes } => {
                let counter = decayed(clock, now_ms, decay_minutes);
                minutes(now_ms) << 8 | incremented(counter, log_factor, draw())
            }
        }
    }

    /// Seconds since the last use, as OBJECT IDLETIME shows it.
    #[must_use]
    pub const fn idle_seconds(clock: u32, now_ms: i64) -> u32 {
        lru_clock(now_ms).wrapping_sub(clock) & LRU_CLOCK_MASK
    }

    /// The counter as OBJECT FREQ shows it: decayed, but not counted as a use. Zero in LRU mode.
    #[must_use]
    pub const fn frequency(self, clock: u32, now_ms: i64) -> u32 {
        match self {
            Self::Lru => 0,
            Self::Lfu { decay_minutes, .. } => decayed(clock, now_ms, decay_minutes),
        }
    }
}

const fn decayed(clock: u32, now_ms: i64, decay_minutes: u32) -> u32 {
    let counter = clock & 0xff;
    let elapsed = minutes(now_ms).wrapping_sub(clock >> 8) & 0xffff;
    match elapsed.checked_div(decay_minutes) {
        Some(periods) => counter.saturating_sub(periods),
        None => counter,
    }
}

fn incremented(counter: u32, log_factor: u32, random: u64) -> u32 {
    if counter == LFU_COUNTER_MAX {
        return counter;
    }
    let above_initial = counter.saturating_sub(LFU_INITIAL);
    let chance = 1.0 / f64::from(above_initial * log_factor + 1);
    let uniform = (random >> 11) as f64 / (1_u64 << 53) as f64;
    counter + u32::from(uniform < chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    #[test]
    fn idle_time_counts_whole_seconds_and_survives_the_wrap() {
        let clock = AccessMode::Lru.fresh(10_000);
        assert_eq!(AccessMode::idle_seconds(clock, 15_900), 5);
        let before_wrap = (i64::from(LRU_CLOCK_MASK)) * 1000;
        let clock = AccessMode::Lru.fresh(before_wrap);
        assert_eq!(AccessMode::idle_seconds(clock, before_wrap + 3000), 3);
    }

    #[test]
    fn frequency_rises_with_luck_and_falls_with_time() {
        let mode = AccessMode::Lfu { log_factor: 10, decay_minutes: 1 };
        let clock = mode.used(mode.fresh(0), 0, || 0);
        assert_eq!(mode.frequency(clock, 0), 6);
        let clock = mode.used(clock, 0, || u64::MAX);
        assert_eq!(mode.frequency(clock, 0), 6, "the last random number of all never counts");
        assert_eq!(mode.frequency(clock, 2 * MINUTE_MS), 4);
        assert_eq!(mode.frequency(clock, 100 * MINUTE_MS), 0);
    }
}
