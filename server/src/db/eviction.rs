//! Eviction's view of a database: sample keys, and remove one.
//!
//! The server's `evict` chooses; this file only samples.

use super::small_bytes::SmallBytes;
use super::{Db, Entry, Free};
use rand_xoshiro::rand_core::Rng;

/// Which keys may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// All keys.
    AllKeys,
    /// Keys with a deadline.
    Volatile,
}

impl Db {
    /// Whether uses of keys are not recorded from now on (`CLIENT NO-TOUCH`).
    pub fn freeze_clocks(&mut self, frozen: bool) {
        self.clocks_frozen = frozen;
    }

    /// How many keys may be evicted.
    #[must_use]
    pub const fn evictable_len(&self, among: Among) -> usize {
        match among {
            Among::AllKeys => self.keys.len(),
            Among::Volatile => self.expires.len(),
        }
    }

    /// Visits about `count` keys that may be evicted, from a random place on. O(count).
    pub fn sample(&mut self, among: Among, count: usize, mut visit: impl FnMut(&Entry)) {
        let Self { keys, expires, random, .. } = self;
        let draw = || random.next_u64();
        match among {
            Among::AllKeys => keys.some(count, draw, |entry| visit(entry)),
            Among::Volatile => expires.some(count, draw, |deadline| {
                if let Some(entry) = keys.get(&deadline.key) {
                    visit(entry);
                }
            }),
        }
    }

    /// A random key that may be evicted. O(1).
    pub fn sample_one(&mut self, among: Among) -> Option<SmallBytes> {
        let Self { keys, expires, random, .. } = self;
        match among {
            Among::AllKeys => keys.random(|| random.next_u64()).map(|entry| entry.key.clone()),
            Among::Volatile => {
                expires.random(|| random.next_u64()).map(|deadline| deadline.key.clone())
            }
        }
    }

    /// Whether the key is there and may be evicted. O(1).
    #[must_use]
    pub fn is_evictable(&self, among: Among, key: &[u8]) -> bool {
        match among {
            Among::AllKeys => self.keys.contains(key),
            Among::Volatile => self.expires.contains(key),
        }
    }

    /// Removes a key, expired or not. Returns whether it was there.
    pub fn evict(&mut self, key: &[u8], free: Free) -> bool {
        let Some(entry) = self.take(key) else { return false };
        if free == Free::Lazily {
            self.lazy.value(entry.value);
        }
        true
    }
}
