//! What eviction keeps between its turns. The algorithm is in `crate::evict`.

use crate::clock::Nanos;
use crate::db::Entry;
use crate::db::small_bytes::SmallBytes;

/// Candidates kept from one choice to the next (`EVPOOL_SIZE`).
const POOL_MAX: usize = 16;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Below the limit.
    Enough,
    /// The time limit was reached; a timer continues.
    Running,
    /// No key is left that may be evicted.
    Failed,
}

/// A key that may be evicted next.
pub(crate) struct Candidate {
    score: u64,
    pub(crate) db: usize,
    pub(crate) key: SmallBytes,
}

/// What eviction keeps between its turns.
#[derive(Default)]
pub(crate) struct Evictor {
    /// The best candidate is the last.
    pub(crate) pool: Vec<Candidate>,
    /// The database that the random policies sample next.
    pub(crate) next_db: usize,
    /// A turn ended early: the loop should install (or keep) the timer.
    pub(crate) unfinished: bool,
    /// The timer is installed.
    pub(crate) timer_set: bool,
    pub(crate) over_since: Option<Nanos>,
    over_total: Nanos,
}

impl Evictor {
    /// Time above the limit: in total, and since it was last below.
    pub(crate) fn exceeded(&self, now: Nanos) -> (Nanos, Nanos) {
        let current = self.over_since.map_or(Nanos::ZERO, |since| now - since);
        (self.over_total + current, current)
    }

    /// Records how an attempt ended.
    pub(crate) fn note(&mut self, outcome: Outcome, now: Nanos) {
        match (outcome, self.over_since) {
            (Outcome::Enough, Some(since)) => {
                self.over_total = self.over_total + (now - since);
                self.over_since = None;
            }
            (Outcome::Running | Outcome::Failed, None) => self.over_since = Some(now),
            _ => {}
        }
    }

    /// Keeps a candidate if it is among the best so far.
    pub(crate) fn offer(&mut self, score: u64, db: usize, entry: &Entry) {
        if self.pool.len() == POOL_MAX
            && self.pool.first().is_some_and(|worst| score <= worst.score)
        {
            return;
        }
        let at = self.pool.partition_point(|other| other.score < score);
        self.pool.insert(at, Candidate { score, db, key: SmallBytes::new(entry.key()) });
        if self.pool.len() > POOL_MAX {
            self.pool.remove(0);
        }
    }
}
