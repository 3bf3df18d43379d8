//! The samples of one metric on one thread: the running interval, the totals, the closed intervals.
//!
//! Not a summary. Invariant: every sample of the range is in exactly one interval, and the totals are the sum of the
//! intervals packed so far.
//!
//! Closing an interval must not delay the next request: the running counters are swapped for empty ones at once, and what
//! they hold is packed when the thread is idle. The list of touched buckets makes that as cheap as what was seen.

use crate::record::live::Shard;
use crate::record::result::{Exact, MetricResult};
use crate::record::sparse::IntervalSeries;
use aelab_results::histogram::{self, BUCKET_COUNT, HIGHEST_NS, index_of, lowest_of};
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(crate) struct Metric {
    running: Counters,
    closed: Counters,
    /// Number of the interval in `closed`, if it is not packed yet.
    closed_number: Option<u32>,
    totals: Box<[u64]>,
    exact: Exact,
    intervals: IntervalSeries,
    /// The shortest sample that a time limit ended.
    given_up: Option<u64>,
    /// Where the samples are shown while the run is on.
    live: Option<Arc<Shard>>,
}

/// Counters of one interval.
#[derive(Debug)]
struct Counters {
    counts: Box<[u32]>,
    /// Buckets that are not zero, in the order they were first hit.
    touched: Vec<u32>,
    count: u64,
    min: u64,
    max: u64,
    sum: u64,
    beyond_range: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKET_COUNT].into_boxed_slice(),
            // All of it at once: recording never allocates, and pages that are not touched cost nothing.
            touched: Vec::with_capacity(BUCKET_COUNT),
            count: 0,
            min: u64::MAX,
            max: 0,
            sum: 0,
            beyond_range: 0,
        }
    }
}

impl Default for Metric {
    fn default() -> Self {
        Self {
            running: Counters::default(),
            closed: Counters::default(),
            closed_number: None,
            totals: vec![0; BUCKET_COUNT].into_boxed_slice(),
            exact: Exact::default(),
            intervals: IntervalSeries::default(),
            given_up: None,
            live: None,
        }
    }
}

impl Metric {
    /// Shows the samples there, an interval after they were recorded.
    pub(crate) fn show(&mut self, live: Arc<Shard>) {
        self.live = Some(live);
    }

    /// Records `times` equal samples, in nanoseconds.
    #[inline]
    pub(crate) fn record(&mut self, value: u64, times: u32) {
        let counters = &mut self.running;
        counters.count += u64::from(times);
        counters.sum += value * u64::from(times);
        counters.min = counters.min.min(value);
        counters.max = counters.max.max(value);
        if value > HIGHEST_NS {
            counters.beyond_range += u64::from(times);
            return;
        }
        let index = index_of(value);
        let count = &mut counters.counts[index];
        if *count == 0 {
            counters.touched.push(index as u32);
        }
        *count += times;
    }

    /// Records a sample that a time limit ended, in nanoseconds: it would have been longer.
    pub(crate) fn record_given_up(&mut self, value: u64) {
        self.given_up = Some(self.given_up.map_or(value, |shortest| shortest.min(value)));
        self.record(value, 1);
    }

    /// Ends the running interval.
    pub(crate) fn close_interval(&mut self, number: u32) {
        if self.running.count == 0 {
            return;
        }
        self.tidy();
        std::mem::swap(&mut self.running, &mut self.closed);
        self.closed_number = Some(number);
    }

    /// Packs the closed interval; `false` if there was none.
    pub(crate) fn tidy(&mut self) -> bool {
        let Some(number) = self.closed_number.take() else { return false };
        let counters = &mut self.closed;
        counters.touched.sort_unstable();
        let mut buckets = Vec::with_capacity(counters.touched.len());
        for bucket in counters.touched.drain(..) {
            let count = u64::from(std::mem::take(&mut counters.counts[bucket as usize]));
            self.totals[bucket as usize] += count;
            if let Some(live) = &self.live {
                live.add(lowest_of(bucket as usize), count);
            }
            buckets.push((bucket, count));
        }
        self.intervals.push(number, counters.max, &buckets);
        self.exact.add(&Exact {
            count: counters.count,
            min: counters.min,
            max: counters.max,
            sum: u128::from(counters.sum),
            beyond_range: counters.beyond_range,
        });
        counters.count = 0;
        counters.min = u64::MAX;
        counters.max = 0;
        counters.sum = 0;
        counters.beyond_range = 0;
        true
    }

    /// Ends the recording; the running interval must have been closed.
    pub(crate) fn finish(mut self) -> MetricResult {
        self.tidy();
        let mut total = histogram::new();
        for (index, &count) in self.totals.iter().enumerate() {
            if count > 0 {
                total.saturating_record_n(lowest_of(index), count);
            }
        }
        let (intervals, given_up) = (self.intervals, self.given_up);
        MetricResult { total, exact: self.exact, intervals, given_up }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn totals_intervals_and_a_plain_histogram_agree(
            samples in proptest::collection::vec((0..HIGHEST_NS, 1..5_u32, any::<bool>()), 1..200),
        ) {
            let mut metric = Metric::default();
            let mut plain = histogram::new();
            let mut number = 0;
            for &(value, times, close) in &samples {
                metric.record(value, times);
                plain.saturating_record_n(value, u64::from(times));
                if close {
                    metric.close_interval(number);
                    number += 1;
                }
            }
            metric.close_interval(number);
            let result = metric.finish();
            prop_assert_eq!(&result.total, &plain);
            let mut summed = histogram::new();
            result.intervals.iter().for_each(|interval| interval.add_to(&mut summed));
            prop_assert_eq!(&summed, &plain);
            prop_assert_eq!(result.exact.count, plain.len());
            prop_assert_eq!(Some(result.exact.max), samples.iter().map(|s| s.0).max());
            prop_assert_eq!(Some(result.exact.min), samples.iter().map(|s| s.0).min());
        }
    }

    #[test]
    fn beyond_an_hour_is_counted_apart() {
        let mut metric = Metric::default();
        metric.record(HIGHEST_NS + 1, 2);
        metric.close_interval(0);
        let result = metric.finish();
        assert_eq!((result.exact.beyond_range, result.total.len()), (2, 0));
        assert_eq!(result.exact.max, HIGHEST_NS + 1);
    }
}
