//! The hash table behind the keyspace, and behind large sets, hashes and sorted sets.
//!
//! Two halves as in Redis's dict: a table that grows or shrinks moves its buckets one at a time from the first
//! half to the second, a step with each operation and more from serverCron. Unlike dict, a bucket is a cache line
//! with tags (see `bucket`), and no half is ever one allocation (see `half`): no operation of this type takes
//! longer than some ten microseconds, whatever the number of keys.
//!
//! The table knows neither time nor replies. Its hash has a seed (`seed`), which callers give it.
//!
//! Invariant: a value is in exactly one half; while rehashing, the first half's buckets before `rehashing` are empty.
//! Read next: `scan`, the cursor that stays right while buckets move.

mod bucket;
mod half;
mod scan;
mod seed;

pub use seed::HashSeed;

use bucket::Place;
use half::Half;

/// Average number of values per bucket at which the table doubles: 83 % of the places. One bucket in four then has
/// a child; filling further would save little memory for many more children.
const GROW_PER_BUCKET: usize = 5;
/// A table shrinks when less than a tenth of its places is used, as Redis 7.0 does (HASHTABLE_MIN_FILL).
const SHRINK_BELOW_PERCENT: usize = 10;
/// A rehash step looks at no more than this many empty buckets, so that a sparse table cannot make it long.
const EMPTY_VISITS_PER_STEP: usize = 10;
/// Random buckets tried before `random` walks on from the last one.
const RANDOM_TRIES: usize = 100;

/// What can live in a table: it has a key, and keys are unique in a table.
pub trait Keyed {
    /// The bytes by which the value is found.
    fn key(&self) -> &[u8];
}

impl<T: Keyed> Keyed for Box<T> {
    #[inline]
    fn key(&self) -> &[u8] {
        (**self).key()
    }
}

/// Where a value is; valid until the table is next changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    half: usize,
    bucket: usize,
    place: Place,
}

/// A set of `T` by key. See the module's page for what it promises.
pub struct Table<T> {
    halves: [Half<T>; 2],
    /// The next bucket of the first half to be moved, while a rehash is going on.
    rehashing: Option<usize>,
    seed: HashSeed,
}

/// The top byte of the hash, which the bucket index does not use; never zero.
#[inline]
const fn tag_of(hash: u64) -> u8 {
    let tag = (hash >> 56) as u8;
    if tag == 0 { 1 } else { tag }
}

impl<T> Table<T> {
    /// An empty table.
    #[must_use]
    pub const fn new(seed: HashSeed) -> Self {
        Self { halves: [Half::empty(), Half::empty()], rehashing: None, seed }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::new(HashSeed::default())
    }
}

impl<T: Keyed + Clone> Clone for Table<T> {
    /// A table with the same values, in as few buckets as they need.
    fn clone(&self) -> Self {
        let mut copy = Self::with_capacity(self.len(), self.seed);
        self.for_each(|value| {
            copy.insert_if_absent(value.clone());
        });
        copy
    }
}

impl<T: Keyed> Table<T> {
    /// A table with room for `count` values before it grows; nothing but the directory is allocated.
    #[must_use]
    pub fn with_capacity(count: usize, seed: HashSeed) -> Self {
        let mut table = Self::new(seed);
        table.reserve(count);
        table
    }

    /// Makes room for `count` values in all, if no rehash is going on. Costs the new directory only.
    pub fn reserve(&mut self, count: usize) {
        let wanted = (count / GROW_PER_BUCKET + 1).next_power_of_two();
        if self.rehashing.is_none() && wanted > self.halves[0].bucket_count() {
            self.resize(wanted);
        }
    }

    /// The seed of the hash.
    #[must_use]
    pub const fn seed(&self) -> HashSeed {
        self.seed
    }

    /// The hash of a key in this table.
    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.seed.hash(key)
    }

    /// How many values there are.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.halves[0].used + self.halves[1].used
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True while buckets are being moved.
    #[must_use]
    pub const fn is_rehashing(&self) -> bool {
        self.rehashing.is_some()
    }

    /// Buckets of both halves.
    #[must_use]
    pub const fn bucket_count(&self) -> usize {
        self.halves[0].bucket_count() + self.halves[1].bucket_count()
    }

    /// Bytes taken by buckets and directories (first-level buckets only; what values own is not counted). O(1).
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.halves.iter().map(Half::memory_bytes).sum()
    }

    /// Finds a value by key and hash, which must be `hash(key)`.
    #[inline]
    #[must_use]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Position> {
        let tag = tag_of(hash);
        for half in 0..=usize::from(self.rehashing.is_some()) {
            let bucket = hash as usize & self.halves[half].mask();
            if let Some(place) = self.halves[half].find(bucket, tag, |value| value.key() == key) {
                return Some(Position { half, bucket, place });
            }
        }
        None
    }

    /// Reads the buckets, and then the values, that `find` would read for these hashes. No read
    /// depends on another's result within a pass, so that the CPU overlaps them.
    /// What comes back depends on every read and means nothing.
    #[must_use]
    pub fn warm(&self, hashes: &[u64]) -> usize {
        let mut read = 0;
        for half in &self.halves[0..=usize::from(self.rehashing.is_some())] {
            let bucket = |hash: u64| half.bucket(hash as usize & half.mask());
            for &hash in hashes {
                read += bucket(hash).map_or(0, |bucket| usize::from(bucket.is_empty()));
            }
            for &hash in hashes {
                let likely = bucket(hash).and_then(|bucket| bucket.first_with(tag_of(hash)));
                read += likely.map_or(0, |value| value.key().len());
            }
        }
        read
    }

    /// The value at a position that `find` has returned.
    #[inline]
    #[must_use]
    pub fn at(&self, position: Position) -> Option<&T> {
        self.halves[position.half].bucket(position.bucket)?.at(position.place)
    }

    /// The value at a position that `find` has returned. Its key must not be changed.
    #[inline]
    #[must_use]
    pub fn at_mut(&mut self, position: Position) -> Option<&mut T> {
        self.halves[position.half].bucket_mut(position.bucket)?.at_mut(position.place)
    }

    /// The value with this key.
    #[inline]
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&T> {
        self.at(self.find(self.hash(key), key)?)
    }

    /// The value with this key; its key must not be changed. Moves a rehash on by one step.
    #[inline]
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut T> {
        self.step();
        self.at_mut(self.find(self.hash(key), key)?)
    }

    /// True if there is a value with this key.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.find(self.hash(key), key).is_some()
    }

    /// Adds a value whose key is known to be absent. Moves a rehash on by one step, or begins one.
    /// Returns where it is now.
    pub fn insert_new(&mut self, hash: u64, value: T) -> Position {
        debug_assert!(self.find(hash, value.key()).is_none(), "a key is in a table once");
        self.step();
        self.grow_if_full();
        let half = usize::from(self.rehashing.is_some());
        let bucket = hash as usize & self.halves[half].mask();
        let place = self.halves[half].insert(bucket, tag_of(hash), value);
        Position { half, bucket, place }
    }

    /// Adds a value unless its key is there already. Returns whether it was added.
    pub fn insert_if_absent(&mut self, value: T) -> bool {
        let hash = self.hash(value.key());
        if self.find(hash, value.key()).is_some() {
            return false;
        }
        self.insert_new(hash, value);
        true
    }

    /// Takes a value out. Moves a rehash on by one step, and begins one when the table has become sparse.
    pub fn remove(&mut self, key: &[u8]) -> Option<T> {
        self.step();
        let position = self.find(self.hash(key), key)?;
        self.remove_at(position)
    }

    /// Takes out the value at a position that `find` has just returned.
    pub fn remove_at(&mut self, position: Position) -> Option<T> {
        let taken = self.halves[position.half].take(position.bucket, position.place);
        self.shrink_if_sparse();
        taken
    }

    /// Moves one bucket if a rehash is going on; free otherwise.
    #[inline]
    pub fn step(&mut self) {
        if self.rehashing.is_some() {
            self.rehash(1);
        }
    }

    /// Moves up to `bucket_limit` buckets to the new half. Returns true while there is more to do.
    pub fn rehash(&mut self, bucket_limit: usize) -> bool {
        let Some(mut next) = self.rehashing else { return false };
        let seed = self.seed;
        let [old, new] = &mut self.halves;
        let mut empty_visits = bucket_limit * EMPTY_VISITS_PER_STEP;
        let mut moves = bucket_limit;
        while next < old.bucket_count() && moves > 0 && empty_visits > 0 {
            if old.used == 0 {
                // Deleted before they were moved. The segments are still freed one at a time.
                next = old.release_segment(next);
                moves -= 1;
                continue;
            }
            let moved = old.drain_and_release(next, |tag, value| {
                let index = seed.hash(value.key()) as usize & new.mask();
                new.insert(index, tag, value);
            });
            if moved {
                moves -= 1
            } else {
                empty_visits -= 1
            }
            next += 1;
        }
        if next < old.bucket_count() {
            self.rehashing = Some(next);
            return true;
        }
        self.halves.swap(0, 1);
        self.halves[1] = Half::empty();
        self.rehashing = None;
        false
    }

    fn grow_if_full(&mut self) {
        let half = &self.halves[0];
        if self.rehashing.is_none() && half.used >= half.bucket_count() * GROW_PER_BUCKET {
            self.resize((half.bucket_count() * 2).max(1));
        }
    }

    fn shrink_if_sparse(&mut self) {
        let half = &self.halves[0];
        let places = half.bucket_count() * bucket::SLOTS;
        if self.rehashing.is_none()
            && half.bucket_count() > 1
            && half.used * 100 < places * SHRINK_BELOW_PERCENT
        {
            self.resize((half.used / GROW_PER_BUCKET + 1).next_power_of_two());
        }
    }

    fn resize(&mut self, bucket_count: usize) {
        if !self.halves[0].has_segments() {
            self.halves[0] = Half::with_buckets(bucket_count);
            return;
        }
        self.halves[1] = Half::with_buckets(bucket_count);
        self.rehashing = Some(0);
    }

    /// All values; the table's own memory is freed on the way.
    #[must_use]
    pub fn into_values(mut self) -> Vec<T> {
        let mut values = Vec::with_capacity(self.len());
        for half in &mut self.halves {
            for index in 0..half.bucket_count() {
                half.drain_and_release(index, |_, value| values.push(value));
            }
        }
        values
    }

    /// Every value once, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.halves.iter().flat_map(Half::iter)
    }

    /// Visits every value once; faster than `iter`.
    pub fn for_each(&self, mut visit: impl FnMut(&T)) {
        self.halves.iter().for_each(|half| half.for_each(&mut visit));
    }

    /// A value chosen with the help of `draw`, which returns random numbers: a random bucket, then a random value of it.
    /// As in Redis, values of well-filled buckets are chosen a little less often.
    pub fn random(&self, mut draw: impl FnMut() -> u64) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        let buckets = self.bucket_count() as u64;
        let first = self.rehashing.unwrap_or(0) as u64;
        let mut index = 0;
        for _ in 0..RANDOM_TRIES {
            index = (first + draw() % (buckets - first)) as usize;
            if let Some(bucket) = self.bucket_of_both(index).filter(|bucket| !bucket.is_empty()) {
                let count = bucket.iter().count() as u64;
                return bucket.iter().nth((draw() % count) as usize);
            }
        }
        let following =
            (0..self.bucket_count()).map(|offset| (index + offset) % self.bucket_count());
        following.filter_map(|at| self.bucket_of_both(at)?.iter().next()).next()
    }

    /// Visits at least `count` values (fewer if there are not so many nearby), from a random bucket on: quick, but
    /// neighbours come together (`dictGetSomeKeys`).
    pub fn some(&self, count: usize, mut draw: impl FnMut() -> u64, mut visit: impl FnMut(&T)) {
        if self.is_empty() {
            return;
        }
        let (first, buckets) = (self.rehashing.unwrap_or(0), self.bucket_count());
        let start = (draw() % (buckets - first) as u64) as usize;
        let mut seen = 0;
        for offset in 0..count.saturating_mul(EMPTY_VISITS_PER_STEP).min(buckets - first) {
            let at = first + (start + offset) % (buckets - first);
            for value in self.bucket_of_both(at).into_iter().flat_map(bucket::Bucket::iter) {
                visit(value);
                seen += 1;
                if seen == count {
                    return;
                }
            }
        }
    }

    fn bucket_of_both(&self, index: usize) -> Option<&bucket::Bucket<T>> {
        let first = self.halves[0].bucket_count();
        match index.checked_sub(first) {
            None => self.halves[0].bucket(index),
            Some(in_second) => self.halves[1].bucket(in_second),
        }
    }
}
