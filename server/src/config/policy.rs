//! `maxmemory-policy`: which keys go first when memory runs out.

use crate::db::{AccessMode, Among, Entry};

/// `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Refuse what needs memory.
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
    /// The policy called `name`; nothing is evicted under an unknown one.
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

    /// Among which keys it chooses.
    pub(crate) fn among(self) -> Among {
        match self {
            Policy::Lru(among) | Policy::Lfu(among) | Policy::Random(among) => among,
            Policy::Ttl => Among::Volatile,
            Policy::NoEviction => Among::AllKeys,
        }
    }

    /// How good a choice this key is: the larger, the better.
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
