//! When requests are due: pure arithmetic, no clock, no server.
//!
//! Not the sender and not the stop rule: a schedule goes on for ever, whoever uses it decides when to stop asking.
//! Invariant: due times never fall, and the due time of request k depends on k (and for Poisson on the seed) alone, so a
//! thread that slept finds exactly what it missed.

use super::plan::{ArrivalProcess, Rate};
use super::random::Rng;
use crate::clock::Nanos;

/// One thread's share of a group's arrivals.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    process: Process,
    next_due: Nanos,
}

#[derive(Clone, Debug)]
enum Process {
    /// Requests `k`, `k + step`, `k + 2·step`, … of the whole group's constant schedule.
    Constant { rate: Rate, k: u64, step: u64 },
    /// Poisson shares add up to a Poisson whole, so each thread draws its own gaps.
    Poisson { mean_gap_ns: f64, at_ns: f64, rng: Rng },
}

impl Schedule {
    /// Share `shard` (from 0) of `shards` of an open-loop process; `None` for a closed loop, which has no schedule.
    pub(super) fn new(
        arrival: &ArrivalProcess,
        shard: usize,
        shards: usize,
        rng: Rng,
    ) -> Option<Self> {
        let process = match arrival {
            ArrivalProcess::Closed { .. } => return None,
            ArrivalProcess::Constant(rate) => {
                Process::Constant { rate: *rate, k: shard as u64, step: shards as u64 }
            }
            ArrivalProcess::Poisson(rate) => {
                let mean_gap_ns = 1e9 / rate.as_per_second() * shards as f64;
                Process::Poisson { mean_gap_ns, at_ns: 0.0, rng }
            }
        };
        let mut schedule = Self { process, next_due: Nanos::ZERO };
        schedule.find_next(First::Yes);
        Some(schedule)
    }

    /// When the next request is due, from the begin of the schedule.
    pub(super) const fn next_due(&self) -> Nanos {
        self.next_due
    }

    /// Moves on to the request after the next.
    pub(super) fn advance(&mut self) {
        self.find_next(First::No);
    }

    fn find_next(&mut self, first: First) {
        self.next_due = match &mut self.process {
            Process::Constant { rate, k, step } => {
                if first == First::No {
                    *k += *step;
                }
                rate.due(*k)
            }
            Process::Poisson { mean_gap_ns, at_ns, rng } => {
                *at_ns += *mean_gap_ns * rng.exponential();
                Nanos(*at_ns as u64)
            }
        };
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert_eq, proptest};

    fn dues(arrival: &ArrivalProcess, shard: usize, shards: usize, until: Nanos) -> Vec<u64> {
        let mut schedule =
            Schedule::new(arrival, shard, shards, Rng::new(1, &[shard as u64])).expect("open loop");
        let mut dues = Vec::new();
        while schedule.next_due() < until {
            dues.push(schedule.next_due().0);
            schedule.advance();
        }
        dues
    }

    #[test]
    fn ten_seconds_hold_exactly_ten_times_the_rate() {
        for rate in [7_u32, 51, 75, 99, 1_234, 99_999] {
            let arrival =
                ArrivalProcess::Constant(Rate::per_second(f64::from(rate)).expect("a rate"));
            let dues = dues(&arrival, 0, 1, Nanos::from_secs(10));
            assert_eq!(dues.len(), rate as usize * 10, "rate {rate}");
            let gap = 1_000_000_000 / u64::from(rate);
            assert!(dues.windows(2).all(|w| w[1] - w[0] == gap || w[1] - w[0] == gap + 1));
        }
    }

    #[test]
    fn a_fractional_rate_is_kept() {
        let arrival = ArrivalProcess::Constant(Rate::per_second(0.4).expect("a rate"));
        assert_eq!(
            dues(&arrival, 0, 1, Nanos::from_secs(10)),
            [0, 2_500_000_000, 5_000_000_000, 7_500_000_000]
        );
        assert_eq!(Rate::per_second(-1.0), None);
        assert_eq!(Rate::per_second(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn shards_together_are_the_whole(rate in 1.0..50_000.0f64, shards in 1..5usize) {
            let arrival = ArrivalProcess::Constant(Rate::per_second(rate).expect("a rate"));
            let until = Nanos::from_millis(200);
            let whole = dues(&arrival, 0, 1, until);
            let mut parts: Vec<u64> =
                (0..shards).flat_map(|shard| dues(&arrival, shard, shards, until)).collect();
            parts.sort_unstable();
            prop_assert_eq!(parts, whole);
        }
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_spread_of_an_exponential() {
        let arrival = ArrivalProcess::Poisson(Rate::per_second(1_000.0).expect("a rate"));
        let dues = dues(&arrival, 0, 1, Nanos::from_secs(100));
        let gaps: Vec<f64> = dues.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let deviation = (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!((mean / 1e6 - 1.0).abs() < 0.02, "mean {mean}");
        assert!((deviation / mean - 1.0).abs() < 0.03, "coefficient of variation");
    }
}
