//! A list: a deque of chunks, each a deque of items.
//!
//! Comparable to Redis's quicklist. Chunks bound the work of every change in the middle and of every growth;
//! finding an index costs one step per chunk from the nearer end, 4,096 steps for a million items.
//!
//! Invariants: no chunk is empty or longer than `CHUNK_ITEMS`; `length` is the sum of theirs.

use std::collections::VecDeque;

use super::small_bytes::SmallBytes;
use super::value::estimate;

/// Items per chunk: 6 KiB of short items, a little less than a quicklist node's 8 KiB.
const CHUNK_ITEMS: usize = 256;

/// Which end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Index 0.
    Head,
    /// Index -1.
    Tail,
}

type Chunk = VecDeque<SmallBytes>;

/// A list of byte strings.
#[derive(Clone, Default)]
pub struct List {
    chunks: VecDeque<Chunk>,
    length: usize,
    /// Heap bytes of the items that are too long to lie in their chunk.
    long_bytes: usize,
}

impl List {
    /// How many items.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds an item at one end. O(1).
    pub fn push(&mut self, end: End, item: &[u8]) {
        self.length += 1;
        let item = SmallBytes::new(item);
        self.long_bytes += item.heap_bytes();
        match end {
            End::Head => match self.chunks.front_mut().filter(|chunk| chunk.len() < CHUNK_ITEMS) {
                Some(chunk) => chunk.push_front(item),
                None => self.chunks.push_front(VecDeque::from([item])),
            },
            End::Tail => match self.chunks.back_mut().filter(|chunk| chunk.len() < CHUNK_ITEMS) {
                Some(chunk) => chunk.push_back(item),
                None => self.chunks.push_back(VecDeque::from([item])),
            },
        }
    }

    /// Takes an item from one end. O(1).
    pub fn pop(&mut self, end: End) -> Option<SmallBytes> {
        let item = match end {
            End::Head => {
                let chunk = self.chunks.front_mut()?;
                let item = chunk.pop_front();
                if chunk.is_empty() {
                    self.chunks.pop_front();
                }
                item
            }
            End::Tail => {
                let chunk = self.chunks.back_mut()?;
                let item = chunk.pop_back();
                if chunk.is_empty() {
                    self.chunks.pop_back();
                }
                item
            }
        };
        self.length -= usize::from(item.is_some());
        self.long_bytes -= item.as_ref().map_or(0, SmallBytes::heap_bytes);
        item
    }

    /// Index counted from the head, for one that may count from the tail (-1 is the last item).
    #[must_use]
    pub fn resolve(&self, index: i64) -> Option<usize> {
        let length = self.length as i64;
        let index = if index < 0 { index.checked_add(length)? } else { index };
        (0..length).contains(&index).then_some(index as usize)
    }

    /// Chunk and place in it of an index below the length. O(chunks), from the nearer end.
    fn find(&self, index: usize) -> (usize, usize) {
        if index < self.length / 2 {
            let mut before = 0;
            for (at, chunk) in self.chunks.iter().enumerate() {
                if index < before + chunk.len() {
                    return (at, index - before);
                }
                before += chunk.len();
            }
        }
        let mut start = self.length;
        for (at, chunk) in self.chunks.iter().enumerate().rev() {
            start -= chunk.len();
            if index >= start {
                return (at, index - start);
            }
        }
        (0, 0)
    }

    /// The item at an index counted from the head.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let (chunk, place) = self.find(index);
        self.chunks.get(chunk)?.get(place).map(|item| &**item)
    }

    /// Replaces an item; false if there is none at this index.
    pub fn set(&mut self, index: usize, item: &[u8]) -> bool {
        let (chunk, place) = self.find(index);
        let slot = self.chunks.get_mut(chunk).and_then(|chunk| chunk.get_mut(place));
        let Some(slot) = slot else { return false };
        let old = std::mem::replace(slot, SmallBytes::new(item));
        self.long_bytes += slot.heap_bytes();
        self.long_bytes -= old.heap_bytes();
        true
    }

    /// `count` items from an index on (which must exist unless `count` is 0).
    pub fn range(&self, start: usize, count: usize) -> impl Iterator<Item = &[u8]> {
        let (chunk, place) = self.find(start);
        let first = self.chunks.get(chunk).map(|chunk| chunk.range(place.min(chunk.len())..));
        let rest = self.chunks.range((chunk + 1).min(self.chunks.len())..).flatten();
        first.into_iter().flatten().chain(rest).take(count).map(|item| &**item)
    }

    /// All items from head to tail.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.chunks.iter().flatten().map(|item| &**item)
    }

    /// Inserts before an index that exists. O(chunks + items of a chunk).
    pub fn insert(&mut self, index: usize, item: &[u8]) {
        let (at, place) = self.find(index);
        if self.chunks.get(at).is_none() {
            return self.push(End::Tail, item);
        }
        self.length += 1;
        self.long_bytes += SmallBytes::heap_bytes_of_length(item.len());
        self.chunks[at].insert(place, SmallBytes::new(item));
        if self.chunks[at].len() > CHUNK_ITEMS {
            let upper = self.chunks[at].split_off(CHUNK_ITEMS / 2);
            self.chunks.insert(at + 1, upper);
        }
    }

    /// Removes up to `limit` items equal to `item`, beginning at one end; returns how many. O(n).
    pub fn remove_equal(&mut self, item: &[u8], limit: usize, from: End) -> usize {
        let mut left = limit;
        let mut thin = |chunk: &mut Chunk| {
            let equal = chunk.iter().filter(|candidate| ***candidate == *item).count();
            let removed = equal.min(left);
            // From the tail, it is the chunk's first ones that stay when only some may go.
            let mut staying = if from == End::Tail { equal - removed } else { 0 };
            let mut leaving = removed;
            chunk.retain(|candidate| {
                if **candidate != *item || leaving == 0 {
                    return true;
                }
                if staying > 0 {
                    staying -= 1;
                    return true;
                }
                leaving -= 1;
                false
            });
            left -= removed;
        };
        match from {
            End::Head => self.chunks.iter_mut().for_each(&mut thin),
            End::Tail => self.chunks.iter_mut().rev().for_each(&mut thin),
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        let removed = limit - left;
        self.length -= removed;
        self.long_bytes -= removed * SmallBytes::heap_bytes_of_length(item.len());
        removed
    }

    /// Keeps `count` items from `start` on. O(removed).
    pub fn trim(&mut self, start: usize, count: usize) {
        if count == 0 || start >= self.length {
            *self = Self::default();
            return;
        }
        let count = count.min(self.length - start);
        self.drop_end(End::Tail, self.length - start - count);
        self.drop_end(End::Head, start);
    }

    fn drop_end(&mut self, end: End, count: usize) {
        let mut left = count;
        while left > 0 {
            let chunk = match end {
                End::Head => self.chunks.front_mut(),
                End::Tail => self.chunks.back_mut(),
            };
            let Some(chunk) = chunk else { return };
            let dropped = left.min(chunk.len());
            let leaving = match end {
                End::Head => chunk.drain(..dropped),
                End::Tail => chunk.drain(chunk.len() - dropped..),
            };
            self.long_bytes -= leaving.map(|item| item.heap_bytes()).sum::<usize>();
            left -= dropped;
            self.length -= dropped;
            if chunk.is_empty() {
                match end {
                    End::Head => self.chunks.pop_front(),
                    End::Tail => self.chunks.pop_back(),
                };
            }
        }
    }

    /// How many allocations there are to free.
    #[must_use]
    pub fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    /// Bytes on the heap, kept up to date with every change; what a chunk has in reserve is left out. O(1).
    pub(super) fn tracked_bytes(&self) -> usize {
        self.long_bytes
            + self.length * size_of::<SmallBytes>()
            + self.chunks.len() * size_of::<Chunk>()
    }

    pub(super) fn heap_bytes(&self, samples: usize) -> usize {
        let items = estimate(self.iter(), self.length, samples, |item| {
            SmallBytes::heap_bytes_of_length(item.len())
        });
        let capacity = self.chunks.iter().map(VecDeque::capacity).sum::<usize>();
        items + capacity * size_of::<SmallBytes>() + self.chunks.capacity() * size_of::<Chunk>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(range: std::ops::Range<u32>) -> List {
        let mut list = List::default();
        range.for_each(|number| list.push(End::Tail, number.to_string().as_bytes()));
        list
    }

    fn texts(list: &List) -> Vec<String> {
        list.iter().map(|item| String::from_utf8_lossy(item).into_owned()).collect()
    }

    #[test]
    fn every_index_is_found_across_chunks() {
        let mut list = numbers(0..1000);
        (1..=300_u32).for_each(|n| list.push(End::Head, format!("-{n}").as_bytes()));
        assert_eq!(list.get(0), Some(&b"-300"[..]));
        assert_eq!(list.get(300), Some(&b"0"[..]));
        assert_eq!(list.get(1299), Some(&b"999"[..]));
        assert_eq!(list.get(1300), None);
        assert_eq!(list.range(299, 2).collect::<Vec<_>>(), [b"-1", &b"0"[..]]);
    }

    #[test]
    fn insert_remove_and_trim_agree_with_a_vector() {
        let mut list = numbers(0..600);
        let mut model = texts(&list);
        for at in [0, 5, 255, 256, 300, 599] {
            list.insert(at, b"x");
            model.insert(at, "x".into());
        }
        assert_eq!(texts(&list), model);
        assert_eq!(list.remove_equal(b"x", 2, End::Tail), 2);
        for _ in 0..2 {
            let last = model.iter().rposition(|item| item == "x").expect("there is one");
            model.remove(last);
        }
        assert_eq!(texts(&list), model);
        list.trim(100, 333);
        assert_eq!(texts(&list), model[100..433]);
        assert_eq!(list.len(), 333);
    }

    #[test]
    fn popping_everything_leaves_nothing() {
        let mut list = numbers(0..700);
        for _ in 0..350 {
            list.pop(End::Head);
            list.pop(End::Tail);
        }
        assert!(list.is_empty() && list.chunk_count() == 0);
        assert_eq!(list.pop(End::Head), None);
    }
}
