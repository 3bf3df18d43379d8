//! Active expiry: removing expired keys that no command reads.
//!
//! The algorithm of Redis's `expire.c` with its budgets, because its stalls are to be shown: sample keys that have a
//! deadline; continue in a database while more than a tenth of the sample had expired; stop at the time limit. A slow
//! cycle runs from serverCron and may take a quarter of a tick; a fast cycle of at most one
//! millisecond runs before the loop sleeps, if the last cycle left work behind.
//!
//! Reads no clock: the caller passes one in. Invariant: a cycle ends at the first check of the time (every 16 rounds)
//! after its budget is spent.

use super::Db;

/// Keys sampled per round and database at effort 1 (ACTIVE_EXPIRE_CYCLE_KEYS_PER_LOOP).
const KEYS_PER_ROUND: usize = 20;
/// Longest fast cycle at effort 1, in microseconds (ACTIVE_EXPIRE_CYCLE_FAST_DURATION).
const FAST_LIMIT_US: u64 = 1000;
/// Share of a tick that a slow cycle may take at effort 1, in percent (ACTIVE_EXPIRE_CYCLE_SLOW_TIME_PERC).
const SLOW_TIME_PERCENT: u64 = 25;
/// Expired keys that may stay behind, in percent, at effort 1 (ACTIVE_EXPIRE_CYCLE_ACCEPTABLE_STALE).
const ACCEPTABLE_STALE_PERCENT: usize = 10;
/// Databases per cycle (CRON_DBS_PER_CALL).
const DBS_PER_CYCLE: usize = 16;
/// Buckets visited per round for each key wanted, so that a sparse table ends a round.
const BUCKETS_PER_KEY: usize = 20;
/// Rounds between two clock reads; a power of two.
const ROUNDS_PER_TIME_CHECK: u64 = 16;
/// Below this fill, in percent, sampling costs more than it finds: wait for the table to shrink.
const FILL_MIN_PERCENT: usize = 1;
/// Tables of no more buckets are worth sampling however empty they are.
const SMALL_TABLE_BUCKETS: usize = 4;

/// Which of the two cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// From before sleep; short, and only if there is reason.
    Fast,
    /// From serverCron.
    Slow,
}

/// What the configuration says about active expiry.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `active-expire-effort`, 1 to 10.
    pub effort: u32,
    /// serverCron's frequency.
    pub hz: u32,
}

/// Where the sampling of a database continues, and the average of its times to live.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DbProgress {
    cursor: u64,
    pub(super) avg_ttl_ms: i64,
}

/// The state that active expiry keeps from cycle to cycle.
#[derive(Debug, Default)]
pub struct ActiveExpire {
    next_db: usize,
    timed_out: bool,
    last_fast_us: Option<u64>,
    stale_share: f64,
    time_cap_reached_count: u64,
}

/// Budgets after effort has been applied.
struct Budget {
    keys_per_round: usize,
    fast_us: u64,
    slow_us: u64,
    stale_percent: usize,
}

impl Budget {
    fn new(settings: Settings) -> Self {
        let effort = settings.effort.clamp(1, 10) - 1;
        let slow_percent = SLOW_TIME_PERCENT + 2 * u64::from(effort);
        Self {
            keys_per_round: KEYS_PER_ROUND + KEYS_PER_ROUND / 4 * effort as usize,
            fast_us: FAST_LIMIT_US + FAST_LIMIT_US / 4 * u64::from(effort),
            slow_us: (slow_percent * 1_000_000 / u64::from(settings.hz.max(1)) / 100).max(1),
            stale_percent: ACCEPTABLE_STALE_PERCENT - effort as usize,
        }
    }
}

#[derive(Default)]
struct Tally {
    sampled: usize,
    expired: usize,
    ttl_sum_ms: i64,
    ttl_count: i64,
}

impl ActiveExpire {
    /// Estimated share of expired keys among those with a deadline, in percent (`expired_stale_perc`).
    #[must_use]
    pub fn stale_percent(&self) -> f64 {
        self.stale_share * 100.0
    }

    /// How often a cycle was ended by its time limit (`expired_time_cap_reached_count`).
    #[must_use]
    pub const fn time_cap_reached_count(&self) -> u64 {
        self.time_cap_reached_count
    }

    /// Runs one cycle and returns how many keys it removed. `now_ms` is unix time; `clock_us` a monotonic clock.
    pub fn run(
        &mut self,
        dbs: &mut [Db],
        cycle: Cycle,
        settings: Settings,
        now_ms: i64,
        mut clock_us: impl FnMut() -> u64,
    ) -> usize {
        let budget = Budget::new(settings);
        let start_us = clock_us();
        if cycle == Cycle::Fast && !self.fast_is_due(&budget, start_us) {
            return 0;
        }
        let limit_us = if cycle == Cycle::Fast { budget.fast_us } else { budget.slow_us };
        // All databases after a time-out: those at the end must not starve.
        let count = if self.timed_out { dbs.len() } else { dbs.len().min(DBS_PER_CYCLE) };
        self.timed_out = false;
        let mut out_of_time = || clock_us().saturating_sub(start_us) > limit_us;
        let db_count = dbs.len();
        let (mut total, mut rounds) = (Tally::default(), 0_u64);
        for _ in 0..count {
            if self.timed_out {
                break;
            }
            let db = &mut dbs[self.next_db];
            self.next_db = (self.next_db + 1) % db_count;
            while let Some(round) = db.expire_round(budget.keys_per_round, now_ms) {
                total.sampled += round.sampled;
                total.expired += round.expired;
                rounds += 1;
                if rounds.is_multiple_of(ROUNDS_PER_TIME_CHECK) && out_of_time() {
                    self.timed_out = true;
                    self.time_cap_reached_count += 1;
                    break;
                }
                let clean = round.sampled > 0
                    && round.expired * 100 / round.sampled <= budget.stale_percent;
                if clean {
                    break;
                }
            }
        }
        let share = total.expired as f64 / total.sampled.max(1) as f64;
        self.stale_share = share * 0.05 + self.stale_share * 0.95;
        total.expired
    }

    /// A fast cycle needs a reason, and a pause of twice its length since the last one.
    fn fast_is_due(&mut self, budget: &Budget, start_us: u64) -> bool {
        let reason = self.timed_out || self.stale_percent() >= budget.stale_percent as f64;
        let rested = self.last_fast_us.is_none_or(|last| start_us >= last + budget.fast_us * 2);
        if reason && rested {
            self.last_fast_us = Some(start_us);
        }
        reason && rested
    }
}

impl Db {
    /// Samples up to `keys_wanted` keys and removes those past their deadline. `None` if there is nothing worth sampling.
    fn expire_round(&mut self, keys_wanted: usize, now_ms: i64) -> Option<Tally> {
        let count = self.expires.len();
        if count == 0 {
            self.expiry.avg_ttl_ms = 0;
            return None;
        }
        let buckets = self.expires.bucket_count();
        if buckets > SMALL_TABLE_BUCKETS && count * 100 / buckets < FILL_MIN_PERCENT {
            return None;
        }
        let wanted = count.min(keys_wanted);
        let mut tally = Tally::default();
        let mut expired = Vec::new();
        for _ in 0..wanted * BUCKETS_PER_KEY {
            self.expiry.cursor = self.expires.scan(self.expiry.cursor, |deadline| {
                tally.sampled += 1;
                if now_ms > deadline.at_ms {
                    expired.push(deadline.key.clone());
                } else {
                    tally.ttl_sum_ms += deadline.at_ms - now_ms;
                    tally.ttl_count += 1;
                }
            });
            if tally.sampled >= wanted {
                break;
            }
        }
        // While rehashing, one step of the scan may return a key twice: only what was there counts.
        let before = self.stats.expired;
        expired.iter().for_each(|key| self.remove_expired(key));
        tally.expired = (self.stats.expired - before) as usize;
        self.learn_ttl(&tally);
        Some(tally)
    }

    /// A running average with a weight of 2 % for each new sample, as in Redis.
    const fn learn_ttl(&mut self, tally: &Tally) {
        if tally.ttl_count == 0 {
            return;
        }
        let average = tally.ttl_sum_ms / tally.ttl_count;
        let known = self.expiry.avg_ttl_ms;
        self.expiry.avg_ttl_ms = if known == 0 { average } else { known / 50 * 49 + average / 50 };
    }
}
