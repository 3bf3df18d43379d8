//! Confidence intervals of quantiles by a block bootstrap over time.
//!
//! Requests that wait for one stall are one event, not a thousand: resampling requests would give
//! absurdly narrow intervals. So whole stretches of time are drawn with replacement, and the
//! quantile is read again from each redrawn run. Method: non-overlapping blocks (Carlstein 1986)
//! of about n^(1/3) intervals, percentile interval at 95 %.
//! Deterministic: every replicate has its own seed, whatever thread it runs on.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

use crate::histogram::{Sparse, highest_of, quantile_rank};
use crate::hlog::Interval;

/// Replicates: the ends of a 95 % interval then rest on 25 replicates each.
pub const REPLICATES: usize = 1000;
/// Fewer blocks than this give no interval: there is too little to redraw.
pub const BLOCKS_MIN: usize = 20;
/// More blocks add cost and no precision to speak of.
const BLOCKS_MAX: usize = 250;
/// Seed of replicate 0; fixed, so that a report can be made again byte for byte.
const SEED: u64 = 0x5eed_ae1a_b000_0001;
/// What is cut off at each end of the replicates for a 95 % interval.
const TAIL: f64 = 0.025;

/// The 95 % intervals of `quantiles` (0 … 1), in ns. Intervals are slots of equal length; where
/// nothing was recorded there may be a gap. `None` for each if the run is shorter than [`BLOCKS_MIN`] blocks.
#[must_use]
pub fn bands(intervals: &[Interval], quantiles: &[f64]) -> Vec<Option<(u64, u64)>> {
    let none = vec![None; quantiles.len()];
    let Some(blocks) = Blocks::new(intervals) else { return none };
    let replicates: Vec<Vec<u64>> = (0..REPLICATES)
        .into_par_iter()
        .map_init(|| vec![0_u64; blocks.values.len()], |sum, i| blocks.redraw(i, quantiles, sum))
        .filter(|values: &Vec<u64>| !values.is_empty())
        .collect();
    if replicates.len() < REPLICATES / 2 {
        return none;
    }
    let column = |at: usize| {
        let mut values: Vec<u64> = replicates.iter().map(|r| r[at]).collect();
        values.sort_unstable();
        let n = values.len() as u64;
        let lo = quantile_rank(TAIL, n) - 1;
        let hi = quantile_rank(1.0 - TAIL, n) - 1;
        Some((values[lo as usize], values[hi as usize]))
    };
    (0..quantiles.len()).map(column).collect()
}

/// A run cut into blocks, with buckets numbered anew so that only those in use are visited.
struct Blocks {
    /// Value of each bucket in use, in ns, rising.
    values: Vec<u64>,
    /// Per block: pairs of position in `values` and count.
    blocks: Vec<Vec<(u32, u64)>>,
}

impl Blocks {
    fn new(intervals: &[Interval]) -> Option<Self> {
        let step = intervals.iter().map(|i| i.length_ns).max().filter(|&step| step > 0)?;
        let end = intervals.iter().map(|i| i.start_ns + i.length_ns).max()?;
        let start = intervals.iter().map(|i| i.start_ns).min()?;
        // Intervals without samples are part of the run (the stall itself), so count slots of time.
        let slots = ((end - start).div_ceil(step)) as usize;
        let count = block_count(slots)?;
        let mut parts: Vec<Vec<&Sparse>> = vec![Vec::new(); count];
        for interval in intervals {
            let slot = ((interval.start_ns - start) / step) as usize;
            parts[slot * count / slots].push(&interval.counts);
        }
        let merged: Vec<Sparse> = parts.into_par_iter().map(|part| sum_few(&part)).collect();
        let mut used: Vec<u32> =
            merged.iter().flat_map(|b| b.counts().iter().map(|&(index, _)| index)).collect();
        used.sort_unstable();
        used.dedup();
        let position = |index: u32| used.binary_search(&index).unwrap_or(0) as u32;
        let blocks = merged
            .iter()
            .map(|b| b.counts().iter().map(|&(i, n)| (position(i), n)).collect())
            .collect();
        let values = used.iter().map(|&index| highest_of(index as usize)).collect();
        Some(Self { values, blocks })
    }

    /// The quantiles of replicate `number`, or nothing if it drew no sample at all.
    fn redraw(&self, number: usize, quantiles: &[f64], sum: &mut [u64]) -> Vec<u64> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(SEED.wrapping_add(number as u64));
        sum.fill(0);
        for _ in 0..self.blocks.len() {
            for &(position, count) in &self.blocks[rng.random_range(0..self.blocks.len())] {
                sum[position as usize] += count;
            }
        }
        let total: u64 = sum.iter().sum();
        if total == 0 {
            return Vec::new();
        }
        read_quantiles(&self.values, sum, total, quantiles)
    }
}

/// How many blocks `slots` intervals make, about slots^(1/3) intervals each; `None` if too few.
fn block_count(slots: usize) -> Option<usize> {
    let by_length = slots / (slots as f64).cbrt().round().max(1.0) as usize;
    let count = by_length.clamp(BLOCKS_MIN, BLOCKS_MAX);
    (slots >= BLOCKS_MIN).then_some(count)
}

/// A merge for a handful of small parts, without a dense array.
fn sum_few(parts: &[&Sparse]) -> Sparse {
    Sparse::from_counts(parts.iter().flat_map(|p| p.counts().iter().copied()).collect())
}

/// Reads all quantiles in one pass; they may come in any order.
fn read_quantiles(values: &[u64], counts: &[u64], total: u64, quantiles: &[f64]) -> Vec<u64> {
    let mut ranks: Vec<(u64, usize)> =
        quantiles.iter().enumerate().map(|(at, &q)| (quantile_rank(q, total), at)).collect();
    ranks.sort_unstable();
    let mut out = vec![0; quantiles.len()];
    let mut next = ranks.into_iter().peekable();
    let mut seen = 0;
    for (&value, &count) in values.iter().zip(counts) {
        seen += count;
        while let Some(&(_, at)) = next.peek().filter(|(rank, _)| *rank <= seen) {
            out[at] = value;
            next.next();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 100_000_000;

    fn run(values_of: impl Fn(u64) -> Vec<u64>, slots: u64) -> Vec<Interval> {
        (0..slots)
            .map(|i| Interval {
                start_ns: i * STEP,
                length_ns: STEP,
                counts: Sparse::from_values(values_of(i)),
            })
            .collect()
    }

    #[test]
    fn a_short_run_has_no_interval() {
        assert_eq!(bands(&run(|_| vec![5], 19), &[0.5]), [None]);
        assert_eq!(bands(&[], &[0.5, 0.9]), [None, None]);
    }

    #[test]
    fn equal_blocks_have_an_interval_of_one_value() {
        let same = run(|_| (1..=100).map(|v| v * 1000).collect(), 100);
        let value = Sparse::merge(same.iter().map(|i| &i.counts)).value_at(0.9).unwrap();
        assert_eq!(bands(&same, &[0.9]), [Some((value, value))]);
    }

    #[test]
    fn one_stall_is_one_event_and_its_percentile_is_uncertain() {
        // 300 intervals of 100 fast replies; one of them holds the 1000 replies of a 1 s stall.
        let stall = |i| match i {
            150 => (0..1000).map(|k| 1_000_000 * (k + 1)).collect(),
            _ => vec![100_000; 100],
        };
        let (lo, hi) = bands(&run(stall, 300), &[0.99])[0].unwrap();
        assert!(lo < 200_000, "some redrawn runs have no stall: {lo}");
        assert!(hi > 700_000_000, "some have it twice: {hi}");
    }

    #[test]
    fn coverage_of_a_known_median_is_near_95_percent() {
        // Independent exponential samples with a true median of ln 2 ms.
        let truth = 1e6 * std::f64::consts::LN_2;
        let hits = (0..200_u64)
            .filter(|&trial| {
                let sample = |i: u64| {
                    let mut rng = Xoshiro256PlusPlus::seed_from_u64(trial * 1000 + i);
                    (0..20).map(|_| (-(-rng.random::<f64>()).ln_1p() * 1e6) as u64).collect()
                };
                let (lo, hi) = bands(&run(sample, 100), &[0.5])[0].unwrap();
                (lo as f64 * 0.999) <= truth && truth <= hi as f64
            })
            .count();
        assert!((180..=198).contains(&hits), "{hits} of 200 intervals hold the true median");
    }
}
