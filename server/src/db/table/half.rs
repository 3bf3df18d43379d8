//! One of the table's two halves: a directory of segments, each a slice of buckets, allocated when first needed.
//!
//! A table of ten million keys has two million buckets, 128 MiB. Allocated, zeroed or freed in one piece that
//! would stop the server for tens of milliseconds; a segment of 64 KiB takes some ten microseconds. What is left
//! is the directory itself: 16 bytes per segment, 32 KiB for those two million buckets.

use super::bucket::{Bucket, Place};

/// What one segment may take. Bounds the time of every allocation and free, and stays below the size from which
/// the C library maps memory from the kernel for each allocation.
const SEGMENT_BYTES: usize = 64 * 1024;

type Segment<T> = Option<Box<[Bucket<T>]>>;

/// A power of two of buckets (or none at all), and how many values they hold.
pub(super) struct Half<T> {
    directory: Vec<Segment<T>>,
    bucket_count: usize,
    pub(super) used: usize,
    /// Segments that are allocated.
    segments: usize,
}

impl<T> Half<T> {
    /// Buckets per segment, a power of two.
    const SEGMENT_BUCKETS: usize = {
        let fitting = SEGMENT_BYTES / size_of::<Bucket<T>>();
        if fitting == 0 { 1 } else { 1 << fitting.ilog2() }
    };

    pub(super) const fn empty() -> Self {
        Self { directory: Vec::new(), bucket_count: 0, used: 0, segments: 0 }
    }

    /// `bucket_count` must be a power of two.
    pub(super) fn with_buckets(bucket_count: usize) -> Self {
        debug_assert!(bucket_count.is_power_of_two());
        let segments = bucket_count.div_ceil(Self::SEGMENT_BUCKETS);
        Self {
            directory: (0..segments).map(|_| None).collect(),
            bucket_count,
            used: 0,
            segments: 0,
        }
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
        let segment = self.directory.get(index / Self::SEGMENT_BUCKETS)?.as_deref()?;
        segment.get(index % Self::SEGMENT_BUCKETS)
    }

    #[inline]
    pub(super) fn bucket_mut(&mut self, index: usize) -> Option<&mut Bucket<T>> {
        let segment = self.directory.get_mut(index / Self::SEGMENT_BUCKETS)?.as_deref_mut()?;
        segment.get_mut(index % Self::SEGMENT_BUCKETS)
    }

    #[inline]
    pub(super) fn find(&self, index: usize, tag: u8, is_it: impl Fn(&T) -> bool) -> Option<Place> {
        self.bucket(index)?.find(tag, is_it)
    }

    pub(super) fn insert(&mut self, index: usize, tag: u8, value: T) -> Place {
        self.used += 1;
        let length = self.bucket_count.min(Self::SEGMENT_BUCKETS);
        let allocated = &mut self.segments;
        let segment = self.directory[index / Self::SEGMENT_BUCKETS].get_or_insert_with(|| {
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
        let segment = index / Self::SEGMENT_BUCKETS;
        if index % Self::SEGMENT_BUCKETS == Self::SEGMENT_BUCKETS - 1 {
            self.release(segment);
        }
        drained > 0
    }

    /// Frees the segment of the (empty) bucket at `index` and returns the index of the next segment's first bucket.
    pub(super) fn release_segment(&mut self, index: usize) -> usize {
        let segment = index / Self::SEGMENT_BUCKETS;
        self.release(segment);
        let absent =
            self.directory[segment..].iter().take_while(|segment| segment.is_none()).count();
        (segment + absent) * Self::SEGMENT_BUCKETS
    }

    fn release(&mut self, segment: usize) {
        self.segments -= usize::from(self.directory[segment].take().is_some());
    }

    /// False if nothing was ever put in.
    pub(super) fn has_segments(&self) -> bool {
        self.segments > 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.directory.iter().flatten().flat_map(|segment| segment.iter()).flat_map(Bucket::iter)
    }

    /// Visits every value, in the order of the buckets.
    pub(super) fn for_each(&self, visit: &mut impl FnMut(&T)) {
        for segment in self.directory.iter().flatten() {
            segment.iter().for_each(|bucket| bucket.for_each(visit));
        }
    }

    /// Bytes of the buckets and of the directory; the values' own heap is not counted.
    pub(super) fn memory_bytes(&self) -> usize {
        let segment_bytes = self.bucket_count.min(Self::SEGMENT_BUCKETS) * size_of::<Bucket<T>>();
        self.segments * segment_bytes + self.directory.capacity() * size_of::<Segment<T>>()
    }
}
