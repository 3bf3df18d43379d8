//! One bucket of the table: six places, their tags, and the bucket that holds what did not fit.
//!
//! With pointer-sized values a bucket fills one 64-byte cache line exactly: eight tag bytes (six used), one
//! child pointer, six values. A tag is eight bits of the hash, so that a look-up touches a value only if it is
//! (to one in 255) the right one.
//!
//! Invariant: in a chain only the last bucket has free places, so that the end of a search is found early and
//! an empty child never stays behind.

/// Values in one bucket. Six, not seven, so that the child has a place of its own and no pointer needs two meanings.
pub(super) const SLOTS: usize = 6;

/// The lowest bit of every byte, and the highest bit of the six bytes that are used.
const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const USED_HIGH_BITS: u64 = 0x0000_8080_8080_8080;

/// A bucket and, through `child`, the rest of its chain.
#[repr(align(64))]
pub(super) struct Bucket<T> {
    /// Zero marks a free place.
    tags: [u8; 8],
    child: Option<Box<Self>>,
    slots: [Option<T>; SLOTS],
}

/// Where a value is within a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) depth: u32,
    pub(super) slot: u32,
}

impl<T> Bucket<T> {
    pub(super) const fn new() -> Self {
        Self { tags: [0; 8], child: None, slots: [const { None }; SLOTS] }
    }

    /// One bit (the byte's highest) for each place whose tag is `tag`; rarely one more, which the caller's
    /// comparison of keys throws out.
    #[inline]
    fn candidates(&self, tag: u8) -> u64 {
        let differing = u64::from_le_bytes(self.tags) ^ (LOW_BITS * u64::from(tag));
        differing.wrapping_sub(LOW_BITS) & !differing & USED_HIGH_BITS
    }

    #[inline]
    fn slot_of(candidates: u64) -> usize {
        (candidates.trailing_zeros() / 8) as usize
    }

    /// The place of the value with this tag for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, tag: u8, is_it: impl Fn(&T) -> bool) -> Option<Place> {
        let mut bucket = self;
        let mut depth = 0;
        loop {
            let mut candidates = bucket.candidates(tag);
            while candidates != 0 {
                let slot = Self::slot_of(candidates);
                if bucket.slots[slot].as_ref().is_some_and(&is_it) {
                    return Some(Place { depth, slot: slot as u32 });
                }
                candidates &= candidates - 1;
            }
            bucket = bucket.child.as_deref()?;
            depth += 1;
        }
    }

    /// The first value with this tag in the chain's first bucket: most often the right one.
    #[inline]
    pub(super) fn first_with(&self, tag: u8) -> Option<&T> {
        match self.candidates(tag) {
            0 => None,
            candidates => self.slots[Self::slot_of(candidates)].as_ref(),
        }
    }

    #[inline]
    pub(super) fn at(&self, place: Place) -> Option<&T> {
        let mut bucket = self;
        for _ in 0..place.depth {
            bucket = bucket.child.as_deref()?;
        }
        bucket.slots[place.slot as usize].as_ref()
    }

    #[inline]
    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut T> {
        self.nth_mut(place.depth)?.slots[place.slot as usize].as_mut()
    }

    /// Puts a value into the first free place; a full chain grows by one bucket.
    pub(super) fn insert(&mut self, tag: u8, value: T) -> Place {
        let mut bucket = self;
        let mut depth = 0;
        while bucket.candidates(0) == 0 {
            bucket = bucket.child.get_or_insert_with(|| Box::new(Self::new()));
            depth += 1;
        }
        let slot = Self::slot_of(bucket.candidates(0));
        bucket.tags[slot] = tag;
        bucket.slots[slot] = Some(value);
        Place { depth, slot: slot as u32 }
    }

    /// Takes a value out and fills the hole with a value of the chain's last bucket.
    pub(super) fn take(&mut self, place: Place) -> Option<T> {
        let last = self.child_count() as u32;
        let slot = place.slot as usize;
        let holder = self.nth_mut(place.depth)?;
        holder.tags[slot] = 0;
        let taken = holder.slots[slot].take()?;
        if place.depth < last {
            let (tag, filler) = self.nth_mut(last)?.take_any()?;
            let holder = self.nth_mut(place.depth)?;
            holder.tags[slot] = tag;
            holder.slots[slot] = Some(filler);
        }
        if last > 0 {
            let parent = self.nth_mut(last - 1)?;
            if parent.child.as_ref().is_some_and(|child| child.is_empty()) {
                parent.child = None;
            }
        }
        Some(taken)
    }

    fn nth_mut(&mut self, depth: u32) -> Option<&mut Self> {
        let mut bucket = self;
        for _ in 0..depth {
            bucket = bucket.child.as_deref_mut()?;
        }
        Some(bucket)
    }

    /// Some value of this very bucket, with its tag.
    fn take_any(&mut self) -> Option<(u8, T)> {
        let slot = self.slots.iter().position(Option::is_some)?;
        let tag = std::mem::take(&mut self.tags[slot]);
        self.slots[slot].take().map(|value| (tag, value))
    }

    /// Empties the chain, handing every value with its tag to `sink`.
    pub(super) fn drain(&mut self, mut sink: impl FnMut(u8, T)) {
        let mut rest = self.drain_own(&mut sink);
        while let Some(mut bucket) = rest {
            rest = bucket.drain_own(&mut sink);
        }
    }

    fn drain_own(&mut self, sink: &mut impl FnMut(u8, T)) -> Option<Box<Self>> {
        for (tag, slot) in self.tags.iter_mut().zip(&mut self.slots) {
            if let Some(value) = slot.take() {
                sink(std::mem::take(tag), value);
            }
        }
        self.child.take()
    }

    /// Every value of the chain.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::successors(Some(self), |bucket| bucket.child.as_deref())
            .flat_map(|bucket| bucket.slots.iter().flatten())
    }

    /// Calls `visit` for every value of the chain: the same as `iter`, in the form that compiles to a tight loop.
    #[inline]
    pub(super) fn for_each(&self, visit: &mut impl FnMut(&T)) {
        let mut bucket = Some(self);
        while let Some(current) = bucket {
            current.slots.iter().flatten().for_each(&mut *visit);
            bucket = current.child.as_deref();
        }
    }

    /// True if the chain holds nothing: a bucket that is not full is the last of its chain.
    pub(super) fn is_empty(&self) -> bool {
        self.tags == [0; 8]
    }

    /// Buckets in this chain beyond the first.
    pub(super) fn child_count(&self) -> usize {
        std::iter::successors(self.child.as_deref(), |bucket| bucket.child.as_deref()).count()
    }
}

impl<T> Drop for Bucket<T> {
    /// Iterative: an attacker can make a chain so long that recursion would overflow the stack.
    fn drop(&mut self) {
        let mut rest = self.child.take();
        while let Some(mut bucket) = rest {
            rest = bucket.child.take();
        }
    }
}
