//! `maxmemory-policy`: which keys are evicted first.

use crate::db::{AccessMode, Among, Entry};

/// `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Evict nothing; refuse commands that need memory.
    NoEviction,
    /// The key not used for longest.
    Lru(Among),
    /// The key used least often.
    Lfu(Among),
    /// Any key.
    Random(Among),
    /// The key that expires first.
    Ttl,
}

impl Policy {
    /// The policy called `name`. An unknown name means no eviction.
    pub(crate) fn named(name: &str) -> Policy {
        let among = if name.starts_with("volatile") { Among::Volatile } else { Among::AllKeys };
        match name.rsplit('-').next() {
            Some("lru") => Policy::Lru(among),
            Some("lfu") => Policy::Lfu(among),
            Some("random") => Policy::Random(among),
            Some("ttl") => Policy::Ttl,
            _ => Policy::NoEviction,
        }
    }

    /// The keys that it chooses from.
    pub(crate) fn among(self) -> Among {
        match self {
            Policy::Lru(among) | Policy::Lfu(among) | Policy::Random(among) => among,
            Policy::Ttl => Among::Volatile,
            Policy::NoEviction => Among::AllKeys,
        }
    }

    /// Score of a candidate: the key with the largest is evicted.
    pub(crate) fn score(self, entry: &Entry, mode: AccessMode, now_ms: i64) -> u64 {
        match self {
            Policy::Lfu(_) => u64::from(255 - mode.frequency(entry.clock(), now_ms).min(255)),
            Policy::Ttl => u64::MAX - entry.deadline_ms().unwrap_or(i64::MAX).max(0) as u64,
            _ => u64::from(AccessMode::idle_seconds(entry.clock(), now_ms)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_known_by_its_name() {
        let named = Policy::named;
        assert_eq!(named("noeviction"), Policy::NoEviction);
        assert_eq!(named("allkeys-lru"), Policy::Lru(Among::AllKeys));
        assert_eq!(named("volatile-lfu"), Policy::Lfu(Among::Volatile));
        assert_eq!(named("allkeys-random"), Policy::Random(Among::AllKeys));
        assert_eq!(named("volatile-ttl"), Policy::Ttl);
    }
}
