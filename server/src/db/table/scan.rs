//! SCAN's cursor, after Pieter Noordhuis's `dictScan`: a bucket index that is counted up from its highest bit.
//!
//! A table of 2^n buckets grows by giving every bucket a new highest index bit. Counting the bits in reverse keeps
//! all buckets that came from one smaller bucket next to each other in the order of the scan, so that a cursor
//! handed out by a table of one size means the same set of finished values in a table of any other size.
//! Hence the guarantee: what is in the table from the first call to the last is returned, perhaps more than once.

use super::{Keyed, Table};

impl<T: Keyed> Table<T> {
    /// Emits the values of one bucket (while rehashing: of one bucket of the smaller half and of all those of the
    /// larger that belong to it) and returns the next cursor. Start at 0; a returned 0 is the end.
    pub fn scan(&self, cursor: u64, mut emit: impl FnMut(&T)) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let mut emit_bucket = |half: usize, index: u64| {
            if let Some(bucket) = self.halves[half].bucket(index as usize) {
                bucket.for_each(&mut emit);
            }
        };
        let masks = [self.halves[0].mask() as u64, self.halves[1].mask() as u64];
        if !self.is_rehashing() {
            emit_bucket(0, cursor & masks[0]);
            return successor(cursor, masks[0]);
        }
        let (small, large) = if masks[0] <= masks[1] { (0, 1) } else { (1, 0) };
        emit_bucket(small, cursor & masks[small]);
        let mut cursor = cursor;
        loop {
            emit_bucket(large, cursor & masks[large]);
            cursor = successor(cursor, masks[large]);
            // The bits that only the larger half has are zero again: all that belong to the small bucket were seen.
            if cursor & (masks[small] ^ masks[large]) == 0 {
                return cursor;
            }
        }
    }
}

/// Adds one at the highest bit of the mask, carrying downwards.
const fn successor(cursor: u64, mask: u64) -> u64 {
    (cursor | !mask).reverse_bits().wrapping_add(1).reverse_bits()
}
