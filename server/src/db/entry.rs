//! What the keyspace stores for one key: key, value, deadline and access clock, in a single allocation.
//!
//! A key of up to 22 bytes with a string of up to 44 (Redis's embstr) is one allocation of 88 bytes: a GET costs
//! the bucket's cache line and at most two more.

use super::small_bytes::SmallBytes;
use super::table::Keyed;
use super::value::Value;

/// The deadline of a key that never expires: no other is negative, and as an unsigned number it is
/// later than all others.
pub const NO_DEADLINE: i64 = i64::MIN;

/// One key and all that belongs to it.
pub struct Entry {
    pub(super) key: SmallBytes,
    pub(super) value: Value,
    /// Unix time in milliseconds, or [`NO_DEADLINE`].
    pub(super) deadline_ms: i64,
    pub(super) clock: u32,
}

impl Entry {
    /// The key's bytes.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// When it expires (unix time in milliseconds), if it does.
    #[must_use]
    pub const fn deadline_ms(&self) -> Option<i64> {
        if self.deadline_ms == NO_DEADLINE { None } else { Some(self.deadline_ms) }
    }

    /// The raw access clock; [`super::AccessMode`] knows what it means.
    #[must_use]
    pub const fn clock(&self) -> u32 {
        self.clock
    }

    /// True from the millisecond after the deadline on, as in Redis.
    #[inline]
    #[must_use]
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        now_ms.cast_unsigned() > self.deadline_ms.cast_unsigned()
    }

    /// Bytes of key and value as they are kept track of, without the share of the table. O(1).
    #[inline]
    pub(super) fn tracked_bytes(&self) -> usize {
        size_of::<Self>() + self.key.heap_bytes() + self.value.tracked_bytes()
    }

    /// Estimated bytes of the key and everything it owns, without its share of the table.
    #[must_use]
    pub fn memory_bytes(&self, samples: usize) -> usize {
        size_of::<Self>() + self.key.heap_bytes() + self.value.heap_bytes(samples)
    }
}

impl Keyed for Entry {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.key
    }
}

/// The side index of keys that expire: what active expiry samples.
pub(super) struct Deadline {
    pub(super) key: SmallBytes,
    pub(super) at_ms: i64,
}

impl Keyed for Deadline {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.key
    }
}
