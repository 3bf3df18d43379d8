//! One of the table's two halves: a directory of segments, each a slice of buckets, allocated when first needed.
//!
//! A table of ten million keys has two million buckets, 128 MiB. Allocated, zeroed or freed in one piece that
//! would stop the server for tens of milliseconds. A segment is about a page: while a table grows nearly every
//! insertion needs one that the kernel has to make first, and that takes microseconds for each page. The directory
//! has two levels for the same reason: what is allocated at once is 8 bytes per 16,384 buckets.

use super::bucket::{Bucket, Place};

/// What one segment may take: a page, so that touching a fresh one costs one page fault, or two.
const SEGMENT_BYTES: usize = 4 * 1024;
/// Segments per block of the directory: a page as well.
const BLOCK_SEGMENTS: usize = 256;

type Segment<T> = Option<Box<[Bucket<T>]>>;
type Block<T> = Option<Box<[Segment<T>]>>;

/// A power of two of buckets (or none at all), and how many values they hold.
pub(super) struct Half<T> {
    directory: Vec<Block<T>>,
    bucket_count: usize,
    pub(super) used: usize,
    /// Segments that are allocated.
    segments: usize,
    /// Blocks that are allocated.
    blocks: usize,
}

impl<T> Half<T> {
    /// Buckets per segment, a power of two.
    const SEGMENT_BUCKETS: usize = {
        let fitting = SEGMENT_BYTES / size_of::<Bucket<T>>();
        if fitting == 0 { 1 } else { 1 << fitting.ilog2() }
    };

    /// Buckets per block of the directory.
    const BLOCK_BUCKETS: usize = Self::SEGMENT_BUCKETS * BLOCK_SEGMENTS;

    pub(super) const fn empty() -> Self {
        Self { directory: Vec::new(), bucket_count: 0, used: 0, segments: 0, blocks: 0 }
    }

    /// `bucket_count` must be a power of two.
    pub(super) fn with_buckets(bucket_count: usize) -> Self {
        debug_assert!(bucket_count.is_power_of_two());
        let blocks = bucket_count.div_ceil(Self::BLOCK_BUCKETS);
        let directory = (0..blocks).map(|_| None).collect();
        Self { directory, bucket_count, used: 0, segments: 0, blocks: 0 }
    }

    pub(super) const fn bucket_count(&self) -> usize {
        self.bucket_count
    }

    /// The mask that turns a hash into a bucket's index; zero for a half without buckets.
    pub(super) const fn mask(&self) -> usize {
        self.bucket_count.saturating_sub(1)
    }

    /// `None` when nothing has ever been put near that index.
    #[inline]
    pub(super) fn bucket(&self, index: usize) -> Option<&Bucket<T>> {
        let block = self.directory.get(index / Self::BLOCK_BUCKETS)?.as_deref()?;
        let segment = block.get(index / Self::SEGMENT_BUCKETS % BLOCK_SEGMENTS)?.as_deref()?;
        segment.get(index % Self::SEGMENT_BUCKETS)
    }

    #[inline]
    pub(super) fn bucket_mut(&mut self, index: usize) -> Option<&mut Bucket<T>> {
        let block = self.directory.get_mut(index / Self::BLOCK_BUCKETS)?.as_deref_mut()?;
        let segment = block.get_mut(index / Self::SEGMENT_BUCKETS % BLOCK_SEGMENTS)?;
        segment.as_deref_mut()?.get_mut(index % Self::SEGMENT_BUCKETS)
    }

    #[inline]
    pub(super) fn find(&self, index: usize, tag: u8, is_it: impl Fn(&T) -> bool) -> Option<Place> {
        self.bucket(index)?.find(tag, is_it)
    }

    pub(super) fn insert(&mut self, index: usize, tag: u8, value: T) -> Place {
        self.used += 1;
        let segments = self.block_len();
        let length = self.bucket_count.min(Self::SEGMENT_BUCKETS);
        let Self { directory, segments: allocated, blocks, .. } = self;
        let block = directory[index / Self::BLOCK_BUCKETS].get_or_insert_with(|| {
            *blocks += 1;
            (0..segments).map(|_| None).collect()
        });
        let at = index / Self::SEGMENT_BUCKETS % BLOCK_SEGMENTS;
        let segment = block[at].get_or_insert_with(|| {
            *allocated += 1;
            (0..length).map(|_| Bucket::new()).collect()
        });
        segment[index % Self::SEGMENT_BUCKETS].insert(tag, value)
    }

    pub(super) fn take(&mut self, index: usize, place: Place) -> Option<T> {
        let taken = self.bucket_mut(index)?.take(place);
        self.used -= usize::from(taken.is_some());
        taken
    }

    /// Segments in each block: a small half has a small one.
    fn block_len(&self) -> usize {
        self.bucket_count.div_ceil(Self::SEGMENT_BUCKETS).min(BLOCK_SEGMENTS)
    }

    /// Empties the bucket at `index`, and frees its segment if that was the segment's last bucket.
    /// Returns whether the bucket held anything.
    pub(super) fn drain_and_release(&mut self, index: usize, sink: impl FnMut(u8, T)) -> bool {
        let mut drained = 0;
        let mut sink = sink;
        if let Some(bucket) = self.bucket_mut(index) {
            bucket.drain(|tag, value| {
                drained += 1;
                sink(tag, value);
            });
        }
        self.used -= drained;
        if index % Self::SEGMENT_BUCKETS == Self::SEGMENT_BUCKETS - 1 {
            self.release(index);
        }
        drained > 0
    }

    /// Frees the segment of the (empty) bucket at `index` and returns the index of the next segment's first bucket,
    /// or of a later one's, if there is nothing between.
    pub(super) fn release_segment(&mut self, index: usize) -> usize {
        self.release(index);
        let next = (index / Self::SEGMENT_BUCKETS + 1) * Self::SEGMENT_BUCKETS;
        let Some(Some(block)) = self.directory.get(next / Self::BLOCK_BUCKETS) else {
            let blocks = self.directory.iter().skip(next / Self::BLOCK_BUCKETS);
            let absent = blocks.take_while(|block| block.is_none()).count();
            return match absent {
                0 => next,
                _ => (next / Self::BLOCK_BUCKETS + absent) * Self::BLOCK_BUCKETS,
            };
        };
        let at = next / Self::SEGMENT_BUCKETS % BLOCK_SEGMENTS;
        let absent = block.iter().skip(at).take_while(|segment| segment.is_none()).count();
        next + absent * Self::SEGMENT_BUCKETS
    }

    /// Frees the segment that holds this bucket, and its block with the block's last bucket.
    fn release(&mut self, index: usize) {
        let place = &mut self.directory[index / Self::BLOCK_BUCKETS];
        let Some(block) = place else { return };
        let at = index / Self::SEGMENT_BUCKETS % BLOCK_SEGMENTS;
        self.segments -= usize::from(block[at].take().is_some());
        if at == BLOCK_SEGMENTS - 1 && block.iter().all(Option::is_none) {
            *place = None;
            self.blocks -= 1;
        }
    }

    /// False if nothing was ever put in.
    pub(super) fn has_segments(&self) -> bool {
        self.segments > 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.allocated().flat_map(|segment| segment.iter()).flat_map(Bucket::iter)
    }

    fn allocated(&self) -> impl Iterator<Item = &[Bucket<T>]> {
        self.directory.iter().flatten().flat_map(|block| block.iter()).filter_map(Option::as_deref)
    }

    /// Visits every value, in the order of the buckets.
    pub(super) fn for_each(&self, visit: &mut impl FnMut(&T)) {
        for segment in self.allocated() {
            segment.iter().for_each(|bucket| bucket.for_each(visit));
        }
    }

    /// Bytes of the buckets and of the directory; the values' own heap is not counted.
    pub(super) fn memory_bytes(&self) -> usize {
        let segment_bytes = self.bucket_count.min(Self::SEGMENT_BUCKETS) * size_of::<Bucket<T>>();
        self.segments * segment_bytes
            + self.blocks * self.block_len() * size_of::<Segment<T>>()
            + self.directory.capacity() * size_of::<Block<T>>()
    }
}
