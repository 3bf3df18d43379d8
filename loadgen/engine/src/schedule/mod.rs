//! When requests are due: pure arithmetic, no clock, no server.
//!
//! Not the sender and not the stop rule: a schedule has no end; its user stops asking.
//! Invariant: due times never fall, and the due time of request k depends on k and the seed alone, so a
//! thread that slept finds exactly what it missed.

pub(crate) mod connect_schedule;

use crate::clock::Nanos;
use crate::io::Token;
use crate::plan::arrival::{ArrivalProcess, Rate};
use crate::plan::rate_profile::Profile;
use crate::plan::share::Share;
use crate::replay::Replay;
use crate::workload::rng::{Rng, mix};
use std::sync::Arc;

/// One thread's share of a group's arrivals.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    process: Process,
    /// Number of the next request within the whole group's schedule, and how far the one after it is.
    k: u64,
    step: u64,
    next_due: Nanos,
    /// Captured commands: this share has those of its connections.
    captured: Option<Captured>,
}

#[derive(Clone, Debug)]
struct Captured {
    replay: Arc<Replay>,
    share: Share,
}

#[derive(Clone, Debug)]
enum Process {
    Constant(Rate),
    /// The place of a request in its gap comes from its number and this salt, which all shares have in common.
    Uniform {
        rate: Rate,
        salt: u64,
    },
    /// Poisson shares add up to a Poisson whole, so each thread draws its own gaps.
    Poisson {
        mean_gap_ns: f64,
        at_ns: f64,
        rng: Rng,
    },
    Shaped(Profile),
    Trace(Arc<[Nanos]>),
    Idle,
}

impl Schedule {
    /// A share of an open-loop process; `None` for a closed loop, which has no schedule. `salt` is the same for all shares,
    /// `rng` is this one's own.
    ///
    /// # Errors
    /// The process makes no sense.
    pub(crate) fn new(
        arrival: &ArrivalProcess,
        share: Share,
        salt: u64,
        rng: Rng,
        replay: Option<Arc<Replay>>,
    ) -> Result<Option<Self>, String> {
        let process = match arrival {
            ArrivalProcess::Closed { .. } => return Ok(None),
            ArrivalProcess::Constant(rate) => Process::Constant(*rate),
            ArrivalProcess::Uniform(rate) => Process::Uniform { rate: *rate, salt },
            ArrivalProcess::Poisson(rate) => {
                let mean_gap_ns = 1e9 / rate.as_per_second() * share.of as f64;
                Process::Poisson { mean_gap_ns, at_ns: 0.0, rng }
            }
            ArrivalProcess::Shaped(shape) => Process::Shaped(Profile::new(shape)?),
            ArrivalProcess::Trace(instants) => Process::Trace(Arc::clone(instants)),
            ArrivalProcess::Idle => Process::Idle,
        };
        let captured = replay.map(|replay| Captured { replay, share });
        let (k, step) = if captured.is_some() { (0, 1) } else { (share.index, share.of) };
        let mut schedule = Self { process, k, step, next_due: Nanos::ZERO, captured };
        schedule.skip_others();
        schedule.find_due();
        Ok(Some(schedule))
    }

    /// When the next request is due, from the begin of the schedule; [`Nanos::MAX`] if none is.
    pub(crate) const fn next_due(&self) -> Nanos {
        self.next_due
    }

    /// Moves on to the request after the next.
    pub(crate) fn advance(&mut self) {
        self.k = self.k.saturating_add(self.step);
        self.skip_others();
        self.find_due();
    }

    /// The connection of this share that the next request is for, if it was captured for one.
    pub(crate) fn connection(&self) -> Option<Token> {
        let Captured { replay, share } = self.captured.as_ref()?;
        Some(replay.connection_of(self.k)? / share.of as Token)
    }

    /// Passes over captured commands of other shares' connections.
    fn skip_others(&mut self) {
        let Some(Captured { replay, share }) = &self.captured else { return };
        while let Some(connection) = replay.connection_of(self.k)
            && u64::from(connection) % share.of != share.index
        {
            self.k += 1;
        }
    }

    fn find_due(&mut self) {
        let due = match &mut self.process {
            Process::Constant(rate) => rate.due(self.k),
            Process::Uniform { rate, salt } => rate.due_within(self.k, mix(*salt, self.k)),
            Process::Poisson { mean_gap_ns, at_ns, rng } => {
                *at_ns += *mean_gap_ns * rng.exponential();
                Nanos(*at_ns as u64)
            }
            Process::Shaped(profile) => profile.due(self.k),
            Process::Trace(instants) => {
                let index = usize::try_from(self.k).unwrap_or(usize::MAX);
                instants.get(index).copied().unwrap_or(Nanos::MAX)
            }
            Process::Idle => Nanos::MAX,
        };
        let is_over = |captured: &Captured| captured.replay.connection_of(self.k).is_none();
        let due = if self.captured.as_ref().is_some_and(is_over) { Nanos::MAX } else { due };
        // Inside a curve, neighbours less than a nanosecond apart may be rounded past each other.
        self.next_due = self.next_due.max(due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Shape;
    use proptest::{prop_assert_eq, proptest};

    fn dues(arrival: &ArrivalProcess, shard: usize, shards: usize, until: Nanos) -> Vec<u64> {
        let share = Share { index: shard as u64, of: shards as u64 };
        let rng = Rng::new(1, &[share.index]);
        let schedule = Schedule::new(arrival, share, 7, rng, None).expect("sound");
        let mut schedule = schedule.expect("open loop");
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
            let exact = Rate::per_second(rate).expect("a rate");
            let ms = Nanos::from_millis;
            let instants: Vec<Nanos> = (0..300).map(|k| Nanos(k * k * 5_000)).collect();
            let until = ms(200);
            for arrival in [
                ArrivalProcess::Constant(exact),
                ArrivalProcess::Uniform(exact),
                ArrivalProcess::Shaped(Shape::Ramp { from: rate, to: 1e4, over: ms(70) }),
                ArrivalProcess::Shaped(Shape::Steps { rates: vec![rate, 0.0, 9e3], each: ms(30) }),
                ArrivalProcess::Shaped(Shape::Burst { rate, on: ms(5), off: ms(17) }),
                ArrivalProcess::Shaped(Shape::Sine { rate, amplitude: 0.9, period: ms(40) }),
                ArrivalProcess::Trace(instants.into()),
                ArrivalProcess::Idle,
            ] {
                let whole = dues(&arrival, 0, 1, until);
                let mut parts: Vec<u64> =
                    (0..shards).flat_map(|shard| dues(&arrival, shard, shards, until)).collect();
                parts.sort_unstable();
                prop_assert_eq!(parts, whole);
            }
        }
    }

    #[test]
    fn a_uniform_process_has_one_request_in_every_gap() {
        let arrival = ArrivalProcess::Uniform(Rate::per_second(1_000.0).expect("a rate"));
        let dues = dues(&arrival, 0, 1, Nanos::from_secs(10));
        assert_eq!(dues.len(), 10_000);
        assert!((0..).zip(&dues).all(|(k, due)| due / 1_000_000 == k));
        // Their places in the gaps are spread evenly: chi-square with 19 degrees of freedom stays below its 99.9 %.
        let mut cells = [0_f64; 20];
        dues.iter().for_each(|due| cells[(due % 1_000_000 / 50_000) as usize] += 1.0);
        let chi: f64 = cells.iter().map(|cell| (cell - 500.0).powi(2) / 500.0).sum();
        assert!(chi < 43.8, "{chi}");
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
