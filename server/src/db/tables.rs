//! What the rest of the server needs to know of a database's tables: hashes, look-ahead, sizes.

use super::Db;

impl Db {
    /// Reads what looking up keys with these hashes would read, all of it at once, so that the
    /// look-ups that follow find it in the caches. Changes nothing.
    pub fn warm(&self, hashes: &[u64]) {
        std::hint::black_box(self.keys.warm(hashes));
    }

    /// The hash of a key, for [`Db::warm`].
    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.keys.hash(key)
    }

    /// Buckets of the table of keys, and of the table of deadlines (DEBUG HTSTATS, MEMORY STATS).
    #[must_use]
    pub const fn bucket_counts(&self) -> (usize, usize) {
        (self.keys.bucket_count(), self.expires.bucket_count())
    }

    /// Bytes of the two tables, without what the entries own.
    #[must_use]
    pub fn table_memory_bytes(&self) -> usize {
        self.keys.memory_bytes() + self.expires.memory_bytes()
    }
}
