//! A metric's `Quantiles`: which percentiles a sample supports, with intervals and censoring.
//!
//! The rule for "supports": at least [`SAMPLES_ABOVE_MIN`] samples lie above it. A percentile that
//! fails it has no value but the number of samples that it would need.
//! Requests still unanswered at the end count with the time they had waited: a lower bound. A
//! percentile is marked censored if such a bound lies below it, because the true value may then be
//! higher; if all bounds lie above it, it is exact. Mean and maximum then are of replies and bounds together, and bounds
//! themselves.

use crate::histogram::{Sparse, highest_of, lowest_of};
use crate::hlog::Interval;
use crate::record::{Percentile, Quantiles};

use crate::stats::bootstrap::bands;

/// Percentiles of every record, in percent.
pub const DEFAULT_PERCENTILES: [f64; 6] = [50.0, 90.0, 95.0, 99.0, 99.9, 99.99];

/// Samples that must lie above a percentile: with ten, the share above it is known to about a
/// third (1/√10); with fewer, the value depends on single requests.
pub const SAMPLES_ABOVE_MIN: u64 = 10;

/// Exact figures that buckets cannot hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exact {
    /// Smallest sample in ns.
    pub min_ns: u64,
    /// Largest sample in ns.
    pub max_ns: u64,
    /// Sum of all samples in ns.
    pub sum_ns: u128,
}

/// The samples of one metric.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Interval histograms; their sum is the sample.
    pub intervals: &'a [Interval],
    /// Exact smallest, largest and sum, if they were kept; else they are read from the buckets.
    pub exact: Option<Exact>,
    /// How long each request that never got a reply had waited at the end.
    pub unfinished: Option<&'a Sparse>,
    /// The shortest of the samples that a time limit ended, if there are any: they would have been longer.
    pub given_up_ns: Option<u64>,
}

/// Samples needed to support percentile `p` (in percent). The hundredth is the maximum, which any sample has.
#[must_use]
pub fn samples_needed(p: f64) -> u64 {
    let share_above = (100.0 - p) / 100.0;
    if share_above <= 0.0 {
        return 1;
    }
    let exact = SAMPLES_ABOVE_MIN as f64 / share_above;
    // 10 / 0.001 is 9999.99… or 10000.00…1 in binary; take off a part in 10^9 before rounding up.
    (exact * (1.0 - 1e-9)).ceil() as u64
}

/// Whether `n` samples support percentile `p` (in percent).
#[must_use]
pub fn supported(p: f64, n: u64) -> bool {
    n > 0 && n >= samples_needed(p)
}

/// Sums up a metric. `percentiles` in percent; they come out sorted, each once.
#[must_use]
pub fn summarise(sample: &Sample<'_>, percentiles: &[f64]) -> Quantiles {
    let replied = Sparse::merge(sample.intervals.iter().map(|i| &i.counts));
    let waiting = sample.unfinished.filter(|u| !u.is_empty());
    let all = match waiting {
        Some(unfinished) => Sparse::merge([&replied, unfinished]),
        None => replied.clone(),
    };
    let mut wanted: Vec<f64> = percentiles.to_vec();
    wanted.retain(|p| (0.0..=100.0).contains(p));
    wanted.sort_by(f64::total_cmp);
    wanted.dedup();
    let quantiles: Vec<f64> = wanted.iter().map(|p| p / 100.0).collect();
    let bands = bands(sample.intervals, &quantiles);
    let figures = sample.exact.filter(|_| !replied.is_empty()).or_else(|| approximate(&replied));
    let figures = match (figures, waiting.and_then(approximate)) {
        (Some(answered), Some(open)) => Some(Exact {
            max_ns: answered.max_ns.max(open.max_ns),
            sum_ns: answered.sum_ns + open.sum_ns,
            ..answered
        }),
        (answered, open) => answered.or(open),
    };
    let shortest_waiting = waiting
        .and_then(|open| open.counts().first())
        .map(|&(index, _)| highest_of(index as usize));
    let limits = Limits {
        max_ns: figures.map_or(u64::MAX, |exact| exact.max_ns),
        bound_ns: [shortest_waiting, sample.given_up_ns].into_iter().flatten().min(),
    };
    let percentiles =
        wanted.iter().zip(bands).map(|(&p, band)| percentile(p, &all, limits, band)).collect();
    Quantiles {
        count: replied.total(),
        // Requests without a reply have no known minimum.
        min_us: figures.filter(|_| !replied.is_empty()).map(|e| us(e.min_ns)),
        mean_us: figures.map(|e| e.sum_ns as f64 / all.total() as f64 / 1e3),
        max_us: figures.map(|e| us(e.max_ns)),
        censored: limits.bound_ns.is_some(),
        percentiles,
    }
}

/// What a percentile must keep to.
#[derive(Clone, Copy)]
struct Limits {
    /// The longest time, exactly: a bucket may end above it.
    max_ns: u64,
    /// The shortest of those that are lower bounds.
    bound_ns: Option<u64>,
}

fn percentile(p: f64, all: &Sparse, limits: Limits, band: Option<(u64, u64)>) -> Percentile {
    let n = all.total();
    if !supported(p, n) {
        return Percentile { p, need: Some(samples_needed(p)), ..Percentile::default() };
    }
    if p >= 100.0 {
        // Known exactly, and without an interval: no sample lies above it that could say how far it may be off.
        let us = Some(us(limits.max_ns));
        return Percentile { p, us, censored: limits.bound_ns.is_some(), ..Percentile::default() };
    }
    let value = all.value_at(p / 100.0).unwrap_or(0);
    let censored = limits.bound_ns.is_some_and(|bound| bound <= value);
    let value = value.min(limits.max_ns);
    // The estimate belongs inside its own interval; a skewed bootstrap can miss it by a bucket.
    let band = band.map(|(lo, hi)| (us(lo.min(value)), us(hi.min(limits.max_ns).max(value))));
    Percentile {
        p,
        us: Some(us(value)),
        lo_us: band.map(|b| b.0),
        hi_us: band.map(|b| b.1),
        censored,
        need: None,
    }
}

/// What the buckets say where nothing exact was kept: right to one bucket, 0.1 %.
fn approximate(samples: &Sparse) -> Option<Exact> {
    let (&(first, _), &(last, _)) = (samples.counts().first()?, samples.counts().last()?);
    let middle = |index: u32| {
        let index = index as usize;
        u128::from(lowest_of(index) + (highest_of(index) - lowest_of(index)) / 2)
    };
    let sum_ns = samples.counts().iter().map(|&(i, n)| middle(i) * u128::from(n)).sum();
    Some(Exact { min_ns: lowest_of(first as usize), max_ns: highest_of(last as usize), sum_ns })
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// How much the median moved over the run: median of the last third over median of the first, or
/// `None` if a third has too few samples. A warmed-up server gives about 1.
#[must_use]
pub fn drift(intervals: &[Interval]) -> Option<f64> {
    let end = intervals.iter().map(|i| i.start_ns + i.length_ns).max()?;
    let third = |from: u64, to: u64| {
        let part = intervals.iter().filter(|i| i.start_ns >= from && i.start_ns < to);
        let merged = Sparse::merge(part.map(|i| &i.counts));
        supported(50.0, merged.total()).then(|| merged.value_at(0.5)).flatten()
    };
    let (first, last) = (third(0, end / 3)?, third(end / 3 * 2, u64::MAX)?);
    Some(last as f64 / first.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::quantile_rank;
    use proptest::prelude::*;
    use statrs::statistics::{Data, OrderStatistics};

    fn rank(p: f64, n: u64) -> u64 {
        quantile_rank(p / 100.0, n)
    }

    fn one(values: &[u64]) -> Vec<Interval> {
        let counts = Sparse::from_values(values.iter().copied());
        vec![Interval { start_ns: 0, length_ns: 100_000_000, counts }]
    }

    fn summary(values: &[u64], percentiles: &[f64]) -> Quantiles {
        let intervals = one(values);
        summarise(
            &Sample { intervals: &intervals, exact: None, unfinished: None, given_up_ns: None },
            percentiles,
        )
    }

    #[test]
    fn a_percentile_needs_ten_samples_above_it() {
        let rows = [(50.0, 20), (90.0, 100), (99.0, 1000), (99.9, 10_000), (99.99, 100_000)];
        for (p, need) in rows {
            assert_eq!(samples_needed(p), need);
            assert!(supported(p, need) && !supported(p, need - 1));
            assert_eq!(need - rank(p, need), SAMPLES_ABOVE_MIN, "p{p} of {need}");
        }
        let q = summary(&[1000; 999], &[99.0]);
        assert_eq!((q.percentiles[0].us, q.percentiles[0].need), (None, Some(1000)));
        let q = summary(&[1_000, 3_000, 2_000], &[50.0, 100.0]);
        assert_eq!((q.percentiles[0].us, q.percentiles[1].us), (None, q.max_us), "the maximum");
        assert_eq!(summary(&[], &[100.0]).percentiles[0].us, None);
    }

    #[test]
    fn nothing_measured_is_no_zero() {
        let q = summary(&[], &[50.0]);
        assert_eq!((q.count, q.min_us, q.mean_us, q.max_us), (0, None, None, None));
        assert_eq!(q.percentiles[0].us, None);
    }

    #[test]
    fn requests_still_waiting_raise_and_mark_the_tail() {
        let intervals = one(&[1000; 990]);
        let unfinished = Sparse::from_values(vec![5_000_000; 60]);
        let unfinished = Some(&unfinished);
        let sample = Sample { intervals: &intervals, exact: None, unfinished, given_up_ns: None };
        let q = summarise(&sample, &[50.0, 99.0]);
        assert_eq!(q.count, 990);
        assert!(!q.percentiles[0].censored, "the median does not depend on them");
        assert!(q.percentiles[1].censored);
        assert!(q.percentiles[1].us.unwrap() >= 5000.0);
        // Mean and maximum are of all requests too, and bounds: no percentile is above the maximum.
        assert!(q.censored);
        assert!(q.max_us >= q.percentiles[1].us, "{q:?}");
        let mean = (990.0 * 1.0 + 60.0 * 5_000.0) / 1_050.0;
        assert!((q.mean_us.unwrap() / mean - 1.0).abs() < 0.001, "{q:?}");
        assert!((q.min_us.unwrap() - 1.0).abs() < 0.01);
    }

    #[test]
    fn what_a_time_limit_ended_marks_the_tail_and_no_percentile_is_above_the_maximum() {
        let intervals = one(&[&[1_000; 970][..], &[50_000; 30]].concat());
        let exact = Some(Exact { min_ns: 999, max_ns: 50_001, sum_ns: 970_000 + 1_500_000 });
        let sample =
            Sample { intervals: &intervals, exact, unfinished: None, given_up_ns: Some(50_000) };
        let q = summarise(&sample, &[50.0, 90.0, 99.0]);
        let marks: Vec<bool> = q.percentiles.iter().map(|one| one.censored).collect();
        assert_eq!((marks, q.censored), (vec![false, false, true], true));
        assert_eq!((q.percentiles[2].us, q.max_us), (Some(50.001), Some(50.001)));
        assert!(q.percentiles[2].hi_us <= q.max_us, "{q:?}");
    }

    #[test]
    fn what_never_was_answered_has_bounds_and_no_smallest() {
        let unfinished = Sparse::from_values(vec![5_000_000; 60]);
        let unfinished = Some(&unfinished);
        let sample = Sample { intervals: &[], exact: None, unfinished, given_up_ns: None };
        let q = summarise(&sample, &[50.0]);
        assert_eq!((q.count, q.min_us, q.censored), (0, None, true));
        assert!(q.max_us.unwrap() >= 5_000.0 && q.percentiles[0].censored);
    }

    proptest! {
        #[test]
        fn percentiles_are_order_statistics_to_one_bucket(
            values in prop::collection::vec(1_u64..10_000_000_000, 20..400),
            p in 1.0_f64..50.0,
        ) {
            let got = summary(&values, &[p]).percentiles[0].us.unwrap() * 1e3;
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let exact = sorted[(rank(p, values.len() as u64) - 1) as usize] as f64;
            prop_assert!(got >= exact && got <= exact * 1.001 + 1.0, "{got} against {exact}");
        }

        #[test]
        fn the_median_agrees_with_another_library(
            values in prop::collection::vec(1_000_u64..1_000_000_000, 21..22),
        ) {
            let mut data = Data::new(values.iter().map(|&v| v as f64).collect::<Vec<_>>());
            let got = summary(&values, &[50.0]).percentiles[0].us.unwrap() * 1e3;
            let theirs = data.median();
            prop_assert!((got / theirs - 1.0).abs() < 0.001, "{got} against {theirs}");
        }
    }
}
