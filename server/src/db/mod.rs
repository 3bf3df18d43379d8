//! The keyspace: what keys there are, what they hold, and when they expire.
//!
//! Knows nothing of clients, sockets or replies, and reads no clock: every call that depends on time takes `now_ms`
//! (unix time in milliseconds). Commands live in `command/`; they find a [`Value`] here and work on it.
//!
//! Expiry is lazy (a look-up removes what is past its deadline) and active (`active_expire`). Values that are large
//! are freed by a thread of their own where Redis would do so (`lazy_free`).
//!
//! Reading order: `table` (the hash table), `entry`, `value` and the collections, this file, `active_expire`.
//!
//! Invariants: a key is in `expires` exactly if its entry has a deadline, and both say the same time; the tracked
//! bytes are the sum over all entries once `Db::settle` has looked at the one that was last given out for change.

pub mod access;
pub mod active_expire;
mod entry;
mod eviction;
pub mod glob;
pub mod hash;
pub mod lazy_free;
pub mod list;
mod options;
pub mod set;
pub mod small_bytes;
pub mod sorted_set;
pub mod table;
mod tables;
pub mod value;

pub use access::AccessMode;
pub use entry::{Entry, NO_DEADLINE};
pub use eviction::Among;
pub use lazy_free::LazyFree;
pub use options::{EncodingLimits, Free, KeyStats, Ttl};
pub use table::HashSeed;
pub use value::Value;

use entry::Deadline;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use small_bytes::SmallBytes;
use table::{Position, Table};

/// Any fixed seed: which keys RANDOMKEY or eviction choose is then the same in two runs of the same commands.
const RANDOM_SEED: u64 = 1;
/// Random keys tried by RANDOMKEY before it settles for one that has expired, as in Redis.
const RANDOM_KEY_TRIES: usize = 100;

/// One database.
pub struct Db {
    keys: Table<Box<Entry>>,
    expires: Table<Deadline>,
    expiry: active_expire::DbProgress,
    access: AccessMode,
    limits: EncodingLimits,
    expired_free: Free,
    replaced_free: Free,
    lazy: LazyFree,
    random: Xoshiro256PlusPlus,
    stats: KeyStats,
    /// Bytes of all entries and deadlines, without the tables.
    entry_bytes: usize,
    /// The entry that was last given out to be changed, and its bytes before.
    unsettled: Option<(Position, usize)>,
    /// Uses of keys are not recorded.
    clocks_frozen: bool,
}

impl Default for Db {
    fn default() -> Self {
        Self::new(LazyFree::default())
    }
}

impl Db {
    /// An empty database that hands large garbage to `lazy` (shared by all databases of a server).
    #[must_use]
    pub fn new(lazy: LazyFree) -> Self {
        Self {
            keys: Table::default(),
            expires: Table::default(),
            expiry: active_expire::DbProgress::default(),
            access: AccessMode::default(),
            limits: EncodingLimits::default(),
            expired_free: Free::Now,
            replaced_free: Free::Now,
            lazy,
            random: Xoshiro256PlusPlus::seed_from_u64(RANDOM_SEED),
            stats: KeyStats::default(),
            entry_bytes: 0,
            unsettled: None,
            clocks_frozen: false,
        }
    }

    /// How many keys there are, expired but not yet removed ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// True if there is no key.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys have a deadline.
    #[must_use]
    pub const fn expires_len(&self) -> usize {
        self.expires.len()
    }

    /// Running estimate of the time to live of keys that have one, in milliseconds.
    #[must_use]
    pub const fn avg_ttl_ms(&self) -> i64 {
        self.expiry.avg_ttl_ms
    }

    /// Counters since the start or [`Self::reset_stats`].
    #[must_use]
    pub const fn stats(&self) -> KeyStats {
        self.stats
    }

    /// CONFIG RESETSTAT.
    pub fn reset_stats(&mut self) {
        self.stats = KeyStats::default();
    }

    /// What the access clock means from now on (`maxmemory-policy`).
    pub const fn set_access_mode(&mut self, mode: AccessMode) {
        self.access = mode;
    }

    /// What the access clock means.
    #[must_use]
    pub const fn access_mode(&self) -> AccessMode {
        self.access
    }

    /// Changes the limits of the small encodings, for collections that grow from now on.
    ///
    /// The seed of the hash is that of the first call.
    pub fn set_encoding_limits(&mut self, limits: EncodingLimits) {
        self.limits = limits;
        if self.is_empty() && self.keys.seed() != limits.seed {
            self.keys = Table::new(limits.seed);
            self.expires = Table::new(limits.seed);
        }
    }

    /// The limits of the small encodings.
    #[must_use]
    pub const fn encoding_limits(&self) -> EncodingLimits {
        self.limits
    }

    /// Who frees expired values (`lazyfree-lazy-expire`).
    pub const fn set_expired_free(&mut self, free: Free) {
        self.expired_free = free;
    }

    /// Who frees values that a command replaces (`lazyfree-lazy-server-del`).
    pub const fn set_replaced_free(&mut self, free: Free) {
        self.replaced_free = free;
    }

    /// A number from the database's own generator.
    pub fn draw(&mut self) -> u64 {
        self.random.next_u64()
    }

    /// The key's position, unless it is absent or expired (then it is removed).
    #[inline]
    fn locate(&mut self, key: &[u8], now_ms: i64) -> Option<Position> {
        self.settle();
        self.keys.step();
        let position = self.keys.find(self.keys.hash(key), key)?;
        if self.keys.at(position)?.is_expired(now_ms) {
            self.remove_expired(key);
            return None;
        }
        Some(position)
    }

    #[cold]
    fn remove_expired(&mut self, key: &[u8]) {
        let Some(entry) = self.take(key) else { return };
        self.stats.expired += 1;
        if self.expired_free == Free::Lazily {
            self.lazy.value(entry.value);
        }
    }

    #[inline]
    fn touch_at(&mut self, position: Position, now_ms: i64) -> Option<&mut Entry> {
        let Self { keys, random, access, clocks_frozen, .. } = self;
        let entry = keys.at_mut(position)?;
        if *clocks_frozen {
            return Some(entry);
        }
        let clock = access.used(entry.clock, now_ms, || random.next_u64());
        // Most uses fall into the same second: do not dirty the cache line for nothing.
        if clock != entry.clock {
            entry.clock = clock;
        }
        Some(entry)
    }

    /// Finds a value to read: counts a hit or miss, and is a use of the key. Costs O(1).
    #[inline]
    pub fn lookup_read(&mut self, key: &[u8], now_ms: i64) -> Option<&Value> {
        let Some(position) = self.locate(key, now_ms) else {
            self.stats.misses += 1;
            return None;
        };
        self.stats.hits += 1;
        self.touch_at(position, now_ms).map(|entry| &entry.value)
    }

    /// Finds a value to change in place; a use of the key. Costs O(1). A collection must not be left empty.
    #[inline]
    pub fn lookup_write(&mut self, key: &[u8], now_ms: i64) -> Option<&mut Value> {
        let position = self.locate(key, now_ms)?;
        self.give_out(position, now_ms).map(|entry| &mut entry.value)
    }

    /// An entry that the caller may change; what that does to its size is found out later.
    #[inline]
    fn give_out(&mut self, position: Position, now_ms: i64) -> Option<&mut Entry> {
        let before = self.keys.at(position)?.tracked_bytes();
        self.unsettled = Some((position, before));
        self.touch_at(position, now_ms)
    }

    /// Adds up what the entry that was last given out has gained or lost. Before every change of the table, so that
    /// the position is still right.
    #[inline]
    fn settle(&mut self) {
        if let Some((position, before)) = self.unsettled.take() {
            let after = self.keys.at(position).map_or(0, |entry| entry.tracked_bytes());
            self.entry_bytes = self.entry_bytes + after - before;
        }
    }

    /// Estimated bytes of all keys, values and tables, kept up to date with every change. O(1).
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        let (before, after) = match self.unsettled {
            Some((position, before)) => {
                (before, self.keys.at(position).map_or(0, |entry| entry.tracked_bytes()))
            }
            None => (0, 0),
        };
        self.entry_bytes + after - before + self.table_memory_bytes()
    }

    /// The same by visiting every entry, for tests. O(n).
    #[must_use]
    pub fn counted_bytes(&self) -> usize {
        let entries: usize = self.keys.iter().map(|entry| entry.tracked_bytes()).sum();
        let deadlines: usize = self.expires.iter().map(|deadline| deadline.key.heap_bytes()).sum();
        entries + deadlines + self.table_memory_bytes()
    }

    /// Looks at a key without counting it as a use (TTL, TYPE, OBJECT). Costs O(1).
    pub fn peek(&mut self, key: &[u8], now_ms: i64) -> Option<&Entry> {
        let position = self.locate(key, now_ms)?;
        self.keys.at(position).map(|entry| &**entry)
    }

    /// The same, counted as a hit or miss, for commands that read without using (TTL, TYPE, EXISTS).
    pub fn peek_read(&mut self, key: &[u8], now_ms: i64) -> Option<&Entry> {
        let Some(position) = self.locate(key, now_ms) else {
            self.stats.misses += 1;
            return None;
        };
        self.stats.hits += 1;
        self.keys.at(position).map(|entry| &**entry)
    }

    /// Looks at a key without changing anything. An expired key is not returned, and not removed.
    #[must_use]
    pub fn peek_unchanged(&self, key: &[u8], now_ms: i64) -> Option<&Entry> {
        self.keys.get(key).map(|entry| &**entry).filter(|entry| !entry.is_expired(now_ms))
    }

    /// True if the key exists; not a use of it.
    pub fn exists(&mut self, key: &[u8], now_ms: i64) -> bool {
        self.locate(key, now_ms).is_some()
    }

    /// Stores a value under a key, new or not. Returns whether there was a value before. The old value is freed
    /// as [`Self::set_replaced_free`] says.
    pub fn set(&mut self, key: &[u8], value: Value, ttl: Ttl, now_ms: i64) -> bool {
        self.settle();
        self.keys.step();
        let hash = self.keys.hash(key);
        let Some(position) = self.keys.find(hash, key) else {
            self.insert(hash, key, value, now_ms);
            return false;
        };
        if ttl == Ttl::Clear && !self.expires.is_empty() {
            self.clear_deadline_at(position);
        }
        if let Some(entry) = self.touch_at(position, now_ms) {
            let after = value.tracked_bytes();
            let old = std::mem::replace(&mut entry.value, value);
            self.entry_bytes = self.entry_bytes + after - old.tracked_bytes();
            if self.replaced_free == Free::Lazily {
                self.lazy.value(old);
            }
        }
        true
    }

    /// The value under this key, made by `create` if there is none; a use of the key.
    pub fn get_or_insert(
        &mut self,
        key: &[u8],
        now_ms: i64,
        create: impl FnOnce() -> Value,
    ) -> &mut Value {
        let position = match self.locate(key, now_ms) {
            Some(position) => position,
            None => self.insert(self.keys.hash(key), key, create(), now_ms),
        };
        let entry = self.give_out(position, now_ms);
        &mut entry.expect("the position was found or made just now").value
    }

    fn insert(&mut self, hash: u64, key: &[u8], value: Value, now_ms: i64) -> Position {
        let clock = self.access.fresh(now_ms);
        let key = SmallBytes::new(key);
        let entry = Box::new(Entry { key, value, deadline_ms: NO_DEADLINE, clock });
        self.entry_bytes += entry.tracked_bytes();
        self.keys.insert_new(hash, entry)
    }

    /// Removes a key; false if there was none (or only an expired one).
    pub fn remove(&mut self, key: &[u8], free: Free, now_ms: i64) -> bool {
        if self.locate(key, now_ms).is_none() {
            return false;
        }
        let entry = self.take(key);
        if let Some(entry) = entry
            && free == Free::Lazily
        {
            self.lazy.value(entry.value);
        }
        true
    }

    /// Takes a value and its deadline out (RENAME, MOVE, GETDEL).
    pub fn take_value(&mut self, key: &[u8], now_ms: i64) -> Option<(Value, Option<i64>)> {
        self.locate(key, now_ms)?;
        let entry = self.take(key)?;
        let deadline_ms = entry.deadline_ms();
        Some((entry.value, deadline_ms))
    }

    fn take(&mut self, key: &[u8]) -> Option<Entry> {
        self.settle();
        let entry = self.keys.remove(key)?;
        self.entry_bytes -= entry.tracked_bytes();
        if entry.deadline_ms != NO_DEADLINE {
            self.entry_bytes -= entry.key.heap_bytes();
            self.expires.remove(key);
        }
        Some(*entry)
    }

    /// Sets the deadline of a key that exists; false if there is no such key.
    pub fn set_deadline(&mut self, key: &[u8], at_ms: i64) -> bool {
        self.settle();
        let Some(entry) = self.keys.get_mut(key) else { return false };
        entry.deadline_ms = at_ms;
        match self.expires.get_mut(key) {
            Some(deadline) => deadline.at_ms = at_ms,
            None => {
                self.entry_bytes += SmallBytes::heap_bytes_of_length(key.len());
                let hash = self.expires.hash(key);
                self.expires.insert_new(hash, Deadline { key: SmallBytes::new(key), at_ms });
            }
        }
        true
    }

    /// PERSIST: removes the deadline; false if the key is absent or has none.
    pub fn clear_deadline(&mut self, key: &[u8]) -> bool {
        let position = self.keys.find(self.keys.hash(key), key);
        position.is_some_and(|position| self.clear_deadline_at(position))
    }

    fn clear_deadline_at(&mut self, position: Position) -> bool {
        let Some(entry) = self.keys.at_mut(position) else { return false };
        if entry.deadline_ms == NO_DEADLINE {
            return false;
        }
        entry.deadline_ms = NO_DEADLINE;
        self.entry_bytes -= entry.key.heap_bytes();
        self.expires.remove(&entry.key);
        true
    }

    /// One step of SCAN: emits entries, expired ones included, and returns the next cursor. See `table::scan`.
    pub fn scan(&self, cursor: u64, emit: impl FnMut(&Entry)) -> u64 {
        let mut emit = emit;
        self.keys.scan(cursor, |entry| emit(entry))
    }

    /// Visits all entries, expired ones included.
    pub fn for_each(&self, mut visit: impl FnMut(&Entry)) {
        self.keys.for_each(|entry| visit(entry));
    }

    /// How many keys are past their deadline but still there. O(keys with a deadline).
    #[must_use]
    pub fn count_expired(&self, now_ms: i64) -> usize {
        self.expires.iter().filter(|deadline| now_ms > deadline.at_ms).count()
    }

    /// A random key that has not expired. Costs O(1) unless most keys have expired.
    pub fn random_key(&mut self, now_ms: i64) -> Option<SmallBytes> {
        for _ in 0..RANDOM_KEY_TRIES {
            let Self { keys, random, .. } = self;
            let key = keys.random(|| random.next_u64())?.key.clone();
            if self.locate(&key, now_ms).is_some() {
                return Some(key);
            }
        }
        None
    }

    /// Removes everything.
    pub fn clear(&mut self, free: Free) {
        let keys = std::mem::replace(&mut self.keys, Table::new(self.limits.seed));
        let expires = std::mem::replace(&mut self.expires, Table::new(self.limits.seed));
        self.expiry = active_expire::DbProgress::default();
        (self.entry_bytes, self.unsettled) = (0, None);
        match free {
            Free::Now => LazyFree::keyspace_now(keys, expires),
            Free::Lazily => self.lazy.keyspace(keys, expires),
        }
    }

    /// Exchanges keys and values with another database (SWAPDB); counters stay.
    pub const fn swap(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.keys, &mut other.keys);
        std::mem::swap(&mut self.expires, &mut other.expires);
        std::mem::swap(&mut self.expiry, &mut other.expiry);
        std::mem::swap(&mut self.entry_bytes, &mut other.entry_bytes);
        std::mem::swap(&mut self.unsettled, &mut other.unsettled);
    }

    /// Makes room for `count` keys, so that filling them in needs no rehash (DEBUG POPULATE).
    pub fn reserve(&mut self, count: usize) {
        self.settle();
        self.keys.reserve(count);
    }

    /// serverCron's share of rehashing: moves up to `bucket_limit` buckets. Returns true while there is more to do.
    pub fn rehash_step(&mut self, bucket_limit: usize) -> bool {
        self.settle();
        let keys = self.keys.rehash(bucket_limit);
        self.expires.rehash(bucket_limit) || keys
    }

    /// True while the table of keys or of deadlines is moving.
    #[must_use]
    pub const fn is_rehashing(&self) -> bool {
        self.keys.is_rehashing() || self.expires.is_rehashing()
    }

    /// Bytes of the table of keys, and of the table of deadlines.
    #[must_use]
    pub fn table_bytes(&self) -> (usize, usize) {
        (self.keys.memory_bytes(), self.expires.memory_bytes())
    }

    /// Estimated bytes of one key and its share of the table (MEMORY USAGE). Of a collection's members, `samples` are
    /// looked at (0: all).
    pub fn memory_usage(&mut self, key: &[u8], samples: usize, now_ms: i64) -> Option<usize> {
        let share = self.keys.memory_bytes() / self.keys.len().max(1);
        let position = self.locate(key, now_ms)?;
        self.keys.at(position).map(|entry| entry.memory_bytes(samples) + share)
    }
}
