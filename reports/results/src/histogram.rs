//! The one histogram of aelab: HdrHistogram with fixed bounds, so that any two can be added exactly.
//!
//! Values are nanoseconds from 1 ns to 1 h with three significant digits; nothing resizes, so
//! recording never allocates. Zero (a send lag that the clock could not see) has a bucket of its
//! own. Invariant: [`index_of`] and [`lowest_of`] agree with the crate's own buckets (tested), so a
//! sparse interval holds exactly the counts of the dense histogram it came from.
//! What lies beyond an hour does not fit: count it apart, never clamp it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// The dense form.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// Smallest distinguishable value.
pub const LOWEST_NS: u64 = 1;
/// Largest value: one hour, so that no stall worth waiting for saturates the histogram.
pub const HIGHEST_NS: u64 = 3_600_000_000_000;
/// Significant decimal digits: a bucket is at most 0.1 % wide.
pub const DIGITS: u8 = 3;

/// Buckets of the first, linear part: the power of two above 2 × 10^DIGITS.
const LINEAR_BUCKETS: u64 = 2048;
/// Buckets of every further doubling.
const HALF: u64 = LINEAR_BUCKETS / 2;
/// log2 of [`HALF`].
const HALF_BITS: u32 = HALF.trailing_zeros();

/// Buckets in all: what `Histogram::distinct_values` says, and the length of a dense counter array.
pub const BUCKET_COUNT: usize = (index_of(HIGHEST_NS) / HALF as usize + 1) * HALF as usize;

/// An empty histogram with the project's bounds.
///
/// # Panics
/// Never: the bounds are constants that the crate accepts (tested).
#[must_use]
pub fn new() -> Histogram {
    match Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS) {
        Ok(histogram) => histogram,
        Err(_) => unreachable!("the fixed bounds are valid"),
    }
}

/// The bucket of a value: 0 … [`BUCKET_COUNT`] − 1 for values up to [`HIGHEST_NS`].
#[must_use]
pub const fn index_of(ns: u64) -> usize {
    // The linear part covers values below 2048; each doubling above has 1024 buckets.
    let doubling = (u64::BITS - (ns | (LINEAR_BUCKETS - 1)).leading_zeros()) - (HALF_BITS + 1);
    ((doubling as u64) * HALF + (ns >> doubling)) as usize
}

/// The smallest value of a bucket, in ns.
#[must_use]
pub const fn lowest_of(index: usize) -> u64 {
    let index = index as u64;
    if index < LINEAR_BUCKETS {
        return index;
    }
    let doubling = index / HALF - 1;
    (index - doubling * HALF) << doubling
}

/// The largest value of a bucket, in ns. This is the value that percentiles are read at.
#[must_use]
pub const fn highest_of(index: usize) -> u64 {
    lowest_of(index + 1) - 1
}

/// A histogram as its non-empty buckets, for intervals: a few dozen entries instead of 256 KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sparse {
    /// Bucket and count, in rising order of bucket, counts above zero.
    counts: Vec<(u32, u64)>,
}

impl Sparse {
    /// From pairs of bucket and count in any order; pairs of one bucket are added up, empty ones
    /// and buckets beyond the range are left out.
    #[must_use]
    pub fn from_counts(mut counts: Vec<(u32, u64)>) -> Self {
        counts.retain(|&(index, count)| count > 0 && (index as usize) < BUCKET_COUNT);
        counts.sort_unstable_by_key(|&(index, _)| index);
        counts.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 = first.1.saturating_add(later.1);
            }
            same
        });
        Self { counts }
    }

    /// From a dense histogram.
    #[must_use]
    pub fn from_histogram(histogram: &Histogram) -> Self {
        let counts = histogram
            .iter_recorded()
            .map(|cell| (index_of(cell.value_iterated_to()) as u32, cell.count_at_value()))
            .collect();
        Self { counts }
    }

    /// From single values in ns; values beyond the range are left out.
    #[must_use]
    pub fn from_values(values: impl IntoIterator<Item = u64>) -> Self {
        let counts = values
            .into_iter()
            .filter(|&ns| ns <= HIGHEST_NS)
            .map(|ns| (index_of(ns) as u32, 1))
            .collect();
        Self::from_counts(counts)
    }

    /// Bucket and count, in rising order of bucket.
    #[must_use]
    pub fn counts(&self) -> &[(u32, u64)] {
        &self.counts
    }

    /// Samples.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|&(_, count)| count).sum()
    }

    /// True without samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The largest sample to a bucket, in ns; 0 without samples.
    #[must_use]
    pub fn max_ns(&self) -> u64 {
        self.counts.last().map_or(0, |&(index, _)| highest_of(index as usize))
    }

    /// The value at `quantile` (0 … 1) in ns; `None` without samples.
    /// Same rank rule as [`quantile_rank`].
    #[must_use]
    pub fn value_at(&self, quantile: f64) -> Option<u64> {
        let wanted = quantile_rank(quantile, self.total());
        let mut seen = 0;
        for &(index, count) in &self.counts {
            seen += count;
            if seen >= wanted {
                return Some(highest_of(index as usize));
            }
        }
        None
    }

    /// Adds these counts to a dense histogram. Exact: no bucket moves.
    pub fn add_to(&self, histogram: &mut Histogram) {
        for &(index, count) in &self.counts {
            // Cannot saturate: the bucket is within the bounds by construction.
            histogram.saturating_record_n(lowest_of(index as usize), count);
        }
    }

    /// The dense form.
    #[must_use]
    pub fn to_histogram(&self) -> Histogram {
        let mut histogram = new();
        self.add_to(&mut histogram);
        histogram
    }

    /// The sum of many: an exact merge.
    #[must_use]
    pub fn merge<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut dense = vec![0_u64; BUCKET_COUNT];
        for part in parts {
            for &(index, count) in &part.counts {
                dense[index as usize] += count;
            }
        }
        let counts = dense
            .into_iter()
            .enumerate()
            .filter(|&(_, count)| count > 0)
            .map(|(index, count)| (index as u32, count))
            .collect();
        Self { counts }
    }

    /// HdrHistogram V2, deflated, base64: the payload of an interval log line.
    #[must_use]
    pub fn encode(&self, encoder: &mut Encoder) -> String {
        encoder.dense.clear();
        self.add_to(&mut encoder.dense);
        encoder.encode_dense()
    }

    /// The inverse of [`Sparse::encode`]. Histograms of other bounds are taken too, each bucket at
    /// its middle, which is exact to their own precision.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the payload.
    pub fn decode(text: &str) -> Result<Self, String> {
        Self::decode_with_bounds(text).map(|(counts, _)| counts)
    }

    /// As [`Sparse::decode`], and whether the bounds are ours, so that the counts are exact.
    ///
    /// # Errors
    /// As there.
    pub fn decode_with_bounds(text: &str) -> Result<(Self, bool), String> {
        let bytes = BASE64.decode(text).map_err(|e| format!("not base64: {e}"))?;
        let histogram: Histogram = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|e| format!("not a HdrHistogram in V2 form: {e}"))?;
        let ours = histogram.sigfig() == DIGITS
            && histogram.low() == LOWEST_NS
            && histogram.high() == HIGHEST_NS;
        if ours {
            return Ok((Self::from_histogram(&histogram), true));
        }
        let counts = histogram
            .iter_recorded()
            .map(|cell| {
                let middle = histogram.median_equivalent(cell.value_iterated_to());
                (index_of(middle.min(HIGHEST_NS)) as u32, cell.count_at_value())
            })
            .collect();
        Ok((Self::from_counts(counts), false))
    }
}

/// The rank (1 … n) of the sample that a quantile is read at: the smallest rank with at least that
/// share of the samples at or below it, as in HdrHistogram. 0 only for n = 0.
#[must_use]
pub fn quantile_rank(quantile: f64, n: u64) -> u64 {
    // 0.9 × 10 is 9.000000000000002 in binary: pull back by less than half a sample in 2^40.
    let exact = quantile.clamp(0.0, 1.0) * n as f64;
    let rank = (exact - exact * f64::EPSILON * 4.0).ceil() as u64;
    rank.clamp(1.min(n), n)
}

/// Scratch space for [`Sparse::encode`], kept between intervals so that each costs no allocation
/// of a dense histogram.
pub struct Encoder {
    dense: Histogram,
    serializer: V2DeflateSerializer,
    bytes: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { dense: new(), serializer: V2DeflateSerializer::new(), bytes: Vec::new() }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

impl Encoder {
    fn encode_dense(&mut self) -> String {
        self.bytes.clear();
        match self.serializer.serialize(&self.dense, &mut self.bytes) {
            Ok(_) => BASE64.encode(&self.bytes),
            // Writing into memory fails only for counts above i64::MAX.
            Err(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_are_those_of_the_crate() {
        let crate_own = new();
        assert_eq!(crate_own.distinct_values(), BUCKET_COUNT);
        for (index, cell) in crate_own.iter_all().enumerate() {
            assert_eq!(highest_of(index), cell.value_iterated_to());
            assert_eq!(index_of(lowest_of(index)), index);
            assert_eq!(index_of(highest_of(index)), index);
        }
    }

    #[test]
    fn a_quantile_is_read_at_the_rank_it_names() {
        let cases =
            [(0.9, 10, 9), (0.99, 100, 99), (0.999, 30_000, 29_970), (0.5, 3, 2), (0.5, 1, 1)];
        for (quantile, n, rank) in cases {
            assert_eq!(quantile_rank(quantile, n), rank, "{quantile} of {n}");
        }
        assert_eq!(quantile_rank(0.0, 5), 1);
        assert_eq!(quantile_rank(0.5, 0), 0);
    }

    proptest! {
        #[test]
        fn sparse_survives_encoding(values in prop::collection::vec(0..=HIGHEST_NS, 0..300)) {
            let sparse = Sparse::from_values(values.iter().copied());
            let text = sparse.encode(&mut Encoder::default());
            prop_assert_eq!(Sparse::decode(&text).unwrap(), sparse.clone());
            prop_assert_eq!(Sparse::from_histogram(&sparse.to_histogram()), sparse);
        }

        #[test]
        fn merging_adds_counts(a in prop::collection::vec(0..=HIGHEST_NS, 0..100),
                               b in prop::collection::vec(0..=HIGHEST_NS, 0..100)) {
            let parts = [Sparse::from_values(a.clone()), Sparse::from_values(b.clone())];
            let whole = Sparse::from_values(a.into_iter().chain(b));
            prop_assert_eq!(Sparse::merge(&parts), whole);
        }
    }
}
