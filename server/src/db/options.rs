//! What a caller chooses about a database, and what the database counts: plain values.
//!
//! No behaviour lives here; `mod.rs` gives these their meaning.

use super::table::HashSeed;

/// Whether a new value leaves the old deadline in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// The key will not expire.
    Clear,
    /// What was set before stays.
    Keep,
}

/// Who frees what is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {
    /// The caller's thread, at once.
    Now,
    /// The lazy-free thread, if it is much work.
    Lazily,
}

/// Up to which size collections keep the small encodings, and how the large ones hash; the names are those
/// of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodingLimits {
    /// `hash-max-listpack-entries`
    pub hash_max_listpack_entries: usize,
    /// `hash-max-listpack-value`, in bytes
    pub hash_max_listpack_value: usize,
    /// `set-max-intset-entries`
    pub set_max_intset_entries: usize,
    /// `zset-max-listpack-entries`
    pub zset_max_listpack_entries: usize,
    /// `zset-max-listpack-value`, in bytes
    pub zset_max_listpack_value: usize,
    /// `hash-seed`
    pub seed: HashSeed,
}

impl Default for EncodingLimits {
    /// Redis 7.0's.
    fn default() -> Self {
        Self {
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            seed: HashSeed::default(),
        }
    }
}

/// Counters of one database; the server adds them up for INFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyStats {
    /// Reading look-ups that found their key.
    pub hits: u64,
    /// Reading look-ups that did not.
    pub misses: u64,
    /// Keys removed because their time had come, lazily or actively.
    pub expired: u64,
}
