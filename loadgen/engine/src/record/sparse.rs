//! Histograms of single intervals, kept as the few buckets that hold anything.
//!
//! Not a histogram of its own kind: bucket numbers are those of [`aelab_results::histogram`], whose [`Sparse`] an interval
//! unpacks to; packed, an interval takes a sixth of the memory, and a run has thousands of them.
//! Invariant: within an interval, bucket numbers rise; intervals of a series rise; none is empty.

use aelab_results::histogram::{Histogram, Sparse, lowest_of};
use std::collections::BTreeMap;

/// The samples of one metric over time, interval by interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntervalSeries {
    intervals: Vec<Interval>,
}

/// The samples of one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Number of the interval; it begins at `number` × the run's interval length after the origin.
    pub number: u32,
    /// Samples.
    pub count: u64,
    /// Largest sample, exact.
    pub max: u64,
    /// Pairs of (bucket minus the bucket before, count), each as a variable-length integer: 2–3 bytes a bucket instead of 12.
    packed: Box<[u8]>,
}

impl IntervalSeries {
    /// The intervals that hold samples, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Interval> {
        self.intervals.iter()
    }

    /// Whether no interval holds a sample.
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    /// Appends an interval given as buckets in rising order. `number` must be above the last.
    pub(crate) fn push(&mut self, number: u32, max: u64, buckets: &[(u32, u64)]) {
        debug_assert!(
            self.intervals.last().is_none_or(|last| last.number < number),
            "out of order"
        );
        self.intervals.push(Interval::pack(number, max, buckets));
    }

    /// Adds another thread's series.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.intervals.is_empty() {
            self.intervals.clone_from(&other.intervals);
            return;
        }
        let mut merged: BTreeMap<u32, Interval> =
            self.intervals.drain(..).map(|interval| (interval.number, interval)).collect();
        for interval in &other.intervals {
            merged
                .entry(interval.number)
                .and_modify(|mine| *mine = mine.plus(interval))
                .or_insert_with(|| interval.clone());
        }
        self.intervals = merged.into_values().collect();
    }
}

impl Interval {
    fn pack(number: u32, max: u64, buckets: &[(u32, u64)]) -> Self {
        let mut packed = Vec::with_capacity(buckets.len() * 3);
        let mut before = 0;
        let mut count = 0;
        for &(bucket, samples) in buckets {
            put_varint(&mut packed, u64::from(bucket - before));
            put_varint(&mut packed, samples);
            before = bucket;
            count += samples;
        }
        Self { number, count, max, packed: packed.into_boxed_slice() }
    }

    fn buckets(&self) -> Buckets<'_> {
        Buckets { bytes: &self.packed, bucket: 0 }
    }

    fn plus(&self, other: &Self) -> Self {
        let mut sum: BTreeMap<u32, u64> = self.buckets().collect();
        for (bucket, samples) in other.buckets() {
            *sum.entry(bucket).or_default() += samples;
        }
        let buckets: Vec<(u32, u64)> = sum.into_iter().collect();
        Self::pack(self.number, self.max.max(other.max), &buckets)
    }

    /// The samples in the form the interval log takes.
    pub fn sparse(&self) -> Sparse {
        Sparse::from_counts(self.buckets().collect())
    }

    /// Adds the samples to a histogram.
    pub fn add_to(&self, histogram: &mut Histogram) {
        for (bucket, samples) in self.buckets() {
            histogram.saturating_record_n(lowest_of(bucket as usize), samples);
        }
    }
}

struct Buckets<'a> {
    bytes: &'a [u8],
    bucket: u32,
}

impl Iterator for Buckets<'_> {
    type Item = (u32, u64);

    fn next(&mut self) -> Option<(u32, u64)> {
        let step = take_varint(&mut self.bytes)?;
        let samples = take_varint(&mut self.bytes)?;
        self.bucket += step as u32;
        Some((self.bucket, samples))
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_and_merging_lose_nothing(
            a in proptest::collection::btree_map(0..34_000u32, 1..1_000_000u64, 0..50),
            b in proptest::collection::btree_map(0..34_000u32, 1..1_000_000u64, 0..50),
        ) {
            let list = |map: &BTreeMap<u32, u64>| map.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>();
            let (mut left, mut right) = (IntervalSeries::default(), IntervalSeries::default());
            left.push(1, 5, &list(&a));
            right.push(1, 7, &list(&b));
            left.add(&right);
            let mut want = a.clone();
            for (k, v) in &b { *want.entry(*k).or_default() += v; }
            let interval = left.iter().next().expect("one interval");
            prop_assert_eq!(interval.buckets().collect::<Vec<_>>(), list(&want));
            prop_assert_eq!(interval.max, 7);
            prop_assert_eq!(interval.count, want.values().sum::<u64>());
        }
    }
}
