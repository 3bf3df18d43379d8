//! A sorted set: members in the order of their scores in chunks, and, beyond Redis's listpack limits, a hash table
//! from member to score.
//!
//! Chunks of a few hundred take the place of the skip list: a search is binary, an insertion moves at most one chunk,
//! a rank adds up the lengths of the chunks before it (4,000 for a million members, some microseconds).
//!
//! Invariant: `order` is sorted by score, then by member; no chunk is empty; `scores`, if there, agrees with `order`.

use std::cmp::Ordering;

use super::EncodingLimits;
use super::list::End;
use super::small_bytes::SmallBytes;
use super::table::{HashSeed, Keyed, Table};
use super::value::estimate;

/// Members per chunk at most: 16 KiB to be moved at most by an insertion.
const CHUNK_MEMBERS: usize = 512;

/// A member with its score.
#[derive(Clone)]
pub struct Scored {
    /// The member.
    pub member: SmallBytes,
    /// Never NaN.
    pub score: f64,
}

impl Scored {
    fn order(&self, score: f64, member: &[u8]) -> Ordering {
        self.score.total_cmp_zero(score).then_with(|| self.member[..].cmp(member))
    }
}

/// Comparison of scores: as numbers, so that 0 and -0 are equal.
trait ScoreOrder {
    fn total_cmp_zero(self, other: f64) -> Ordering;
}

impl ScoreOrder for f64 {
    fn total_cmp_zero(self, other: f64) -> Ordering {
        self.partial_cmp(&other).unwrap_or(Ordering::Equal)
    }
}

impl Keyed for Scored {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.member
    }
}

/// Members ordered by score.
#[derive(Clone, Default)]
pub struct SortedSet {
    order: Vec<Vec<Scored>>,
    length: usize,
    /// `None` while the set would be a listpack.
    scores: Option<Table<Scored>>,
    /// Heap bytes of the members that are too long to lie in their place, counted once.
    long_bytes: usize,
}

impl SortedSet {
    /// How many members.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The score of a member. O(1), or O(n) for the few members of a listpack.
    #[must_use]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        let scored = match &self.scores {
            Some(scores) => scores.get(member),
            None => self.iter().find(|scored| *scored.member == *member),
        };
        scored.map(|scored| scored.score)
    }

    /// Gives a member a score, new or not. O(log n).
    pub fn set(&mut self, member: &[u8], score: f64, limits: &EncodingLimits) {
        let old = self.score(member);
        let fits = self.length < limits.zset_max_listpack_entries
            && member.len() <= limits.zset_max_listpack_value;
        // A listpack keeps whole numbers as integers, which know no negative zero.
        let packed = self.scores.is_none() && (old.is_some() || fits);
        let score = if packed { score + 0.0 } else { score };
        if let Some(old) = old {
            self.take_from_order(member, old);
        }
        self.insert_in_order(Scored { member: SmallBytes::new(member), score });
        match &mut self.scores {
            Some(scores) => match scores.get_mut(member) {
                Some(scored) => scored.score = score,
                None => {
                    scores.insert_new(
                        scores.hash(member),
                        Scored { member: SmallBytes::new(member), score },
                    );
                }
            },
            None if self.length > limits.zset_max_listpack_entries
                || member.len() > limits.zset_max_listpack_value =>
            {
                self.scores = Some(self.table_of_scores(limits.seed));
            }
            None => {}
        }
    }

    /// Removes a member; its score if it was there.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.score(member)?;
        self.take_from_order(member, score);
        if let Some(scores) = &mut self.scores {
            scores.remove(member);
        }
        Some(score)
    }

    /// Removes `count` members from a rank on, upwards; returns how many there were.
    ///
    /// O(log n) and O(1) per member removed or, if fewer are left, per member left.
    pub fn remove_range(&mut self, start: usize, count: usize) -> usize {
        let count = count.min(self.length.saturating_sub(start));
        let (mut at, mut place) = self.locate(start);
        let mut left = count;
        let few_remain = self.length - count < count;
        while left > 0 {
            let Some(chunk) = self.order.get_mut(at) else { break };
            let end = chunk.len().min(place + left);
            left -= end - place;
            for removed in chunk.drain(place..end) {
                self.long_bytes -= removed.member.heap_bytes();
                if let (Some(scores), false) = (&mut self.scores, few_remain) {
                    scores.remove(&removed.member);
                }
            }
            (at, place) = (at + 1, 0);
        }
        self.order.retain(|chunk| !chunk.is_empty());
        self.length -= count;
        if let Some(scores) = self.scores.as_ref().filter(|_| few_remain) {
            self.scores = Some(self.table_of_scores(scores.seed()));
        }
        count
    }

    fn table_of_scores(&self, seed: HashSeed) -> Table<Scored> {
        let mut scores = Table::with_capacity(self.length, seed);
        self.iter().for_each(|scored| {
            scores.insert_if_absent(scored.clone());
        });
        scores
    }

    /// Takes the member with the lowest (head) or highest (tail) score.
    pub fn pop(&mut self, end: End) -> Option<Scored> {
        let scored = match end {
            End::Head => self.order.first()?.first()?.clone(),
            End::Tail => self.order.last()?.last()?.clone(),
        };
        self.remove(&scored.member);
        Some(scored)
    }

    /// Any member, all equally likely. O(1).
    pub fn random(&self, mut draw: impl FnMut() -> u64) -> Option<&Scored> {
        match &self.scores {
            Some(scores) => scores.random(draw),
            None => self.iter().nth((draw() % self.length.max(1) as u64) as usize),
        }
    }

    /// Number of members before this one.
    #[must_use]
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        let score = self.score(member)?;
        Some(self.count_while(|scored| scored.order(score, member) == Ordering::Less))
    }

    /// How many members come first for which `before` holds; it must not hold again after the first for which it does not.
    #[must_use]
    pub fn count_while(&self, before: impl Fn(&Scored) -> bool) -> usize {
        let chunks = self.order.partition_point(|chunk| chunk.last().is_some_and(&before));
        let whole = self.order[..chunks].iter().map(Vec::len).sum::<usize>();
        whole + self.order.get(chunks).map_or(0, |chunk| chunk.partition_point(&before))
    }

    /// All members, by ascending score.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Scored> {
        self.order.iter().flatten()
    }

    /// `count` members from a rank on, upwards.
    pub fn range(&self, start: usize, count: usize) -> impl Iterator<Item = &Scored> {
        let (chunk, place) = self.locate(start);
        let first = self.order.get(chunk).and_then(|chunk| chunk.get(place..)).unwrap_or_default();
        let rest = self.order.get(chunk + 1..).unwrap_or_default();
        first.iter().chain(rest.iter().flatten()).take(count)
    }

    /// `count` members downwards, from the one that has `start` members above it on.
    pub fn range_back(&self, start: usize, count: usize) -> impl Iterator<Item = &Scored> {
        let below = self.length.saturating_sub(start);
        let (chunk, place) = self.locate(below);
        let first = self.order.get(chunk).and_then(|chunk| chunk.get(..place)).unwrap_or_default();
        let rest = self.order.get(..chunk).unwrap_or_default();
        first.iter().rev().chain(rest.iter().rev().flat_map(|chunk| chunk.iter().rev())).take(count)
    }

    /// Chunk and place of a rank; one past the end of the last chunk for the length itself.
    fn locate(&self, rank: usize) -> (usize, usize) {
        let mut before = 0;
        for (at, chunk) in self.order.iter().enumerate() {
            if rank < before + chunk.len() {
                return (at, rank - before);
            }
            before += chunk.len();
        }
        (self.order.len(), 0)
    }

    fn insert_in_order(&mut self, scored: Scored) {
        self.length += 1;
        self.long_bytes += scored.member.heap_bytes();
        let less = |other: &Scored| other.order(scored.score, &scored.member) == Ordering::Less;
        let at = self.order.partition_point(|chunk| chunk.last().is_some_and(less));
        let at = at.min(self.order.len().saturating_sub(1));
        let Some(chunk) = self.order.get_mut(at) else {
            self.order.push(vec![scored]);
            return;
        };
        let place = chunk.partition_point(less);
        chunk.insert(place, scored);
        if chunk.len() > CHUNK_MEMBERS {
            // Ascending insertions fill chunks to the brim instead of leaving them half full.
            let cut = if place == CHUNK_MEMBERS { CHUNK_MEMBERS } else { CHUNK_MEMBERS / 2 };
            let upper = chunk.split_off(cut);
            self.order.insert(at + 1, upper);
        }
    }

    fn take_from_order(&mut self, member: &[u8], score: f64) {
        let less = |other: &Scored| other.order(score, member) == Ordering::Less;
        let at = self.order.partition_point(|chunk| chunk.last().is_some_and(less));
        let Some(chunk) = self.order.get_mut(at) else { return };
        let place = chunk.partition_point(less);
        if chunk.get(place).is_some_and(|scored| *scored.member == *member) {
            let removed = chunk.remove(place);
            self.long_bytes -= removed.member.heap_bytes();
            self.length -= 1;
        }
        if chunk.is_empty() {
            self.order.remove(at);
        }
    }

    /// One step of ZSCAN. A listpack emits all at once, in order, and returns 0.
    pub fn scan(&self, cursor: u64, mut emit: impl FnMut(&Scored)) -> u64 {
        match &self.scores {
            Some(scores) => scores.scan(cursor, emit),
            None => {
                self.iter().for_each(&mut emit);
                0
            }
        }
    }

    /// What OBJECT ENCODING says.
    #[must_use]
    pub const fn encoding(&self) -> &'static str {
        if self.scores.is_some() { "skiplist" } else { "listpack" }
    }

    pub(super) const fn free_effort(&self) -> usize {
        if self.scores.is_some() { self.length } else { 1 }
    }

    /// Bytes on the heap, kept up to date with every change; what a chunk has in reserve is left out. O(1).
    pub(super) fn tracked_bytes(&self) -> usize {
        let order = self.length * size_of::<Scored>();
        let scores = self.scores.as_ref().map_or(0, |table| table.memory_bytes() + self.long_bytes);
        order + self.long_bytes + scores
    }

    pub(super) fn heap_bytes(&self, samples: usize) -> usize {
        let members =
            estimate(self.iter(), self.length, samples, |scored| scored.member.heap_bytes());
        let order = self.order.iter().map(Vec::capacity).sum::<usize>() * size_of::<Scored>();
        let scores = self.scores.as_ref().map_or(0, |scores| scores.memory_bytes() + members);
        members + order + scores
    }
}
