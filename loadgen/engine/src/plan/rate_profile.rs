//! A rate that changes over time, turned into due times: the integral of the rate, inverted.
//!
//! Not a process with chance in it. Invariant: request k is due at the first nanosecond at which the integral of the rate
//! exceeds k; at the bounds of pieces this is exact (integers of 128 bits), inside a curve it is good to a nanosecond.
//!
//! Each due time is computed from k alone, so shares of a schedule need no common state, and nothing adds up to an error.

use crate::clock::Nanos;
use crate::plan::shape::Shape;

/// Counts are kept in parts of a request: twice (a ramp's integral has a half in it) the product of a rate in millionths
/// of a request per second and a time in nanoseconds.
const PARTS: u128 = 2 * 1_000_000 * 1_000_000_000;
/// Highest rate, requests per second: far beyond any machine, and sums fit 128 bits.
const RATE_MAX: f64 = 1e12;
/// Longest profile: a year; again so that sums fit.
const SPAN_MAX: Nanos = Nanos::from_secs(366 * 24 * 3_600);
/// Most pieces of a profile.
const PIECES_MAX: usize = 1_000;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pieces: Vec<Piece>,
    /// Parts of requests and time of all pieces.
    whole: (u128, Nanos),
    after: After,
}

/// What comes after the last piece.
#[derive(Clone, Copy, Debug)]
enum After {
    /// All of it again.
    Repeat,
    /// This rate for ever, in millionths of a request per second.
    Keep(u64),
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    curve: Curve,
    span: Nanos,
    /// Parts and time before it.
    before: (u128, Nanos),
    /// Parts at its end.
    end: u128,
}

/// Rates in millionths of a request per second.
#[derive(Clone, Copy, Debug)]
enum Curve {
    Flat(u64),
    Line { from: u64, to: u64 },
    Sine { mean: u64, amplitude: f64 },
}

impl Profile {
    /// The profile of a shape.
    ///
    /// # Errors
    /// The first number of it that makes no sense.
    pub(crate) fn new(shape: &Shape) -> Result<Self, String> {
        let profile = match shape {
            Shape::Ramp { from, to, over } => {
                let (from, to) = (millionths(*from)?, millionths(*to)?);
                Self::of(&[(Curve::Line { from, to }, *over)], After::Keep(to))?
            }
            Shape::Steps { rates, each } => {
                let rates = rates.iter().map(|rate| millionths(*rate));
                let rates = rates.collect::<Result<Vec<u64>, String>>()?;
                let last = *rates.last().ok_or("there is no step")?;
                let curves: Vec<_> =
                    rates.into_iter().map(|rate| (Curve::Flat(rate), *each)).collect();
                Self::of(&curves, After::Keep(last))?
            }
            Shape::Burst { rate, on, off } => {
                if *on == Nanos::ZERO {
                    return Err("the burst has a length of zero".to_owned());
                }
                let during = rate * (on.0 as f64 + off.0 as f64) / on.0 as f64;
                let on = (Curve::Flat(millionths(during)?), *on);
                let both = [on, (Curve::Flat(0), *off)];
                let pieces = if *off == Nanos::ZERO { &both[..1] } else { &both[..] };
                Self::of(pieces, After::Repeat)?
            }
            Shape::Sine { rate, amplitude, period } => {
                if !(0.0..=1.0).contains(amplitude) {
                    return Err(format!("an amplitude of {amplitude} is not between 0 and 1"));
                }
                let curve = Curve::Sine { mean: millionths(*rate)?, amplitude: *amplitude };
                Self::of(&[(curve, *period)], After::Repeat)?
            }
        };
        let ends = matches!(profile.after, After::Repeat | After::Keep(0));
        if ends && profile.whole.0 == 0 {
            return Err("no request is ever due at a rate of 0".to_owned());
        }
        Ok(profile)
    }

    fn of(curves: &[(Curve, Nanos)], after: After) -> Result<Self, String> {
        if curves.len() > PIECES_MAX {
            return Err(format!("{} steps are more than {PIECES_MAX}", curves.len()));
        }
        let mut pieces = Vec::with_capacity(curves.len());
        let mut before = (0_u128, Nanos::ZERO);
        for &(curve, span) in curves {
            if span == Nanos::ZERO {
                return Err("a length of zero is no length".to_owned());
            }
            if span > SPAN_MAX || before.1 + span > SPAN_MAX {
                return Err(format!("{span} for a part of it makes it longer than a year"));
            }
            let end = before.0 + curve.parts(span);
            pieces.push(Piece { curve, span, before, end });
            before = (end, before.1 + span);
        }
        Ok(Self { pieces, whole: before, after })
    }

    /// When request `k` is due, from the begin; [`Nanos::MAX`] if it never is.
    pub(crate) fn due(&self, k: u64) -> Nanos {
        let target = u128::from(k) * PARTS;
        let (parts, time) = self.whole;
        let (rounds, target) = match self.after {
            After::Repeat => (target / parts, target % parts),
            After::Keep(_) if target < parts => (0, target),
            After::Keep(0) => return Nanos::MAX,
            After::Keep(rate) => {
                return later(time, (target - parts) / (2 * u128::from(rate)));
            }
        };
        // The last round has a piece that ends beyond the target, as the target is below the sum of all.
        let index = self.pieces.partition_point(|piece| piece.end <= target);
        let Some(piece) = self.pieces.get(index) else { return Nanos::MAX };
        let inside = piece.curve.time_of(target - piece.before.0, piece.span);
        later(piece.before.1 + inside, rounds * u128::from(time.0))
    }

    /// How many requests are due from `from` on; `None` if there is no end of them.
    pub(crate) fn remaining(&self, from: Nanos) -> Option<u64> {
        if !matches!(self.after, After::Keep(0)) {
            return None;
        }
        let all = u64::try_from(self.whole.0.div_ceil(PARTS)).unwrap_or(u64::MAX);
        // Due times never fall: the first that is not before `from` is found by halving.
        let (mut low, mut high) = (0, all);
        while low < high {
            let middle = low.midpoint(high);
            if self.due(middle) < from { low = middle + 1 } else { high = middle }
        }
        Some(all - low)
    }
}

fn later(time: Nanos, by: u128) -> Nanos {
    Nanos(u64::try_from(u128::from(time.0).saturating_add(by)).unwrap_or(u64::MAX))
}

fn millionths(rate: f64) -> Result<u64, String> {
    if !(0.0..=RATE_MAX).contains(&rate) {
        let why = if rate > RATE_MAX { "more than 10^12" } else { "not a rate" };
        return Err(format!("{rate} requests per second are {why}"));
    }
    Ok((rate * 1e6).round() as u64)
}

impl Curve {
    /// Parts of requests over the whole of `span`.
    fn parts(self, span: Nanos) -> u128 {
        let twice = match self {
            Self::Flat(rate) | Self::Sine { mean: rate, .. } => 2 * u128::from(rate),
            Self::Line { from, to } => u128::from(from) + u128::from(to),
        };
        twice * u128::from(span.0)
    }

    /// When `target` parts (fewer than the whole) have come.
    fn time_of(self, target: u128, span: Nanos) -> Nanos {
        let inside = match self {
            _ if target == 0 => 0.0,
            Self::Flat(rate) => return Nanos((target / (2 * u128::from(rate))) as u64),
            Self::Line { from, to } => {
                // With r(t) = b + at, twice the integral is at² + 2bt; this form of the root loses no digits for any a.
                let slope = (to as f64 - from as f64) / span.0 as f64;
                let (begin, parts) = (from as f64, target as f64);
                parts / (begin + (begin * begin + slope * parts).max(0.0).sqrt())
            }
            Self::Sine { mean, amplitude } => {
                let share = target as f64 / (2.0 * mean as f64 * span.0 as f64);
                invert_sine(share, amplitude) * span.0 as f64
            }
        };
        Nanos((inside as u64).min(span.0 - 1))
    }
}

/// The place x in a wave (0 to 1) at which `share` of its requests have come: x + A(1 − cos 2πx)/2π = share.
fn invert_sine(share: f64, amplitude: f64) -> f64 {
    use std::f64::consts::TAU;
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = share;
    // Newton's steps, kept inside a bracket that halves otherwise: the slope vanishes where a full swing touches zero.
    for _ in 0..64 {
        let off = x + amplitude * (1.0 - (TAU * x).cos()) / TAU - share;
        if off > 0.0 {
            high = x
        } else {
            low = x
        }
        let step = off / (1.0 + amplitude * (TAU * x).sin());
        let next = x - step;
        let next = if next > low && next < high { next } else { f64::midpoint(low, high) };
        if (next - x).abs() < 1e-16 {
            break;
        }
        x = next;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEC: Nanos = Nanos::from_secs(1);

    fn count_until(profile: &Profile, until: Nanos) -> u64 {
        (0..).take_while(|&k| profile.due(k) < until).count() as u64
    }

    fn ramp(from: f64, to: f64, secs: u64) -> Profile {
        Profile::new(&Shape::Ramp { from, to, over: Nanos::from_secs(secs) }).expect("a ramp")
    }

    #[test]
    fn counts_at_the_bounds_are_exact() {
        // (1,000 + 20,000)/2 · 10 s, then 20,000/s.
        let up = ramp(1e3, 2e4, 10);
        assert_eq!(count_until(&up, Nanos::from_secs(10)), 105_000);
        assert_eq!(up.due(105_000), Nanos::from_secs(10));
        assert_eq!(count_until(&up, Nanos::from_secs(11)), 125_000);
        assert_eq!(count_until(&ramp(2e4, 0.0, 3), Nanos::from_secs(99)), 30_000);
        let steps = Shape::Steps { rates: vec![1e3, 0.0, 4e3], each: SEC };
        let steps = Profile::new(&steps).expect("steps");
        let counts = [1, 2, 3, 5].map(|secs| count_until(&steps, Nanos::from_secs(secs)));
        assert_eq!(counts, [1_000, 1_000, 5_000, 13_000]);
        let burst =
            Shape::Burst { rate: 1e3, on: Nanos::from_millis(100), off: Nanos::from_millis(900) };
        let burst = Profile::new(&burst).expect("bursts");
        assert_eq!(count_until(&burst, Nanos::from_millis(100)), 1_000);
        assert_eq!(count_until(&burst, Nanos::from_millis(999)), 1_000);
        assert_eq!(burst.due(1_000), SEC);
        assert_eq!(burst.due(1_001), SEC + Nanos::from_micros(100));
        let sine = Shape::Sine { rate: 1e3, amplitude: 1.0, period: SEC };
        let sine = Profile::new(&sine).expect("a wave");
        assert_eq!(count_until(&sine, Nanos::from_secs(4)), 4_000);
        // The rising half holds 1/2 + 1/π of a wave.
        let half = count_until(&sine, Nanos::from_millis(500)) as f64;
        assert!((half / (1e3 * (0.5 + 1.0 / std::f64::consts::PI)) - 1.0).abs() < 2e-3, "{half}");
    }

    #[test]
    fn what_ends_says_how_many_are_left() {
        let steps = Shape::Steps { rates: vec![1e3, 0.0], each: SEC };
        let profile = Profile::new(&steps).expect("steps");
        assert_eq!(profile.remaining(Nanos::ZERO), Some(1_000));
        assert_eq!(profile.remaining(Nanos::from_millis(400)), Some(600));
        assert_eq!(profile.due(1_000), Nanos::MAX);
        assert_eq!(ramp(1.0, 2.0, 1).remaining(Nanos::ZERO), None);
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let rate = 0.5..2e5_f64;
        let span = (1_000_000..5_000_000_000_u64).prop_map(Nanos);
        prop_oneof![
            (0.0..2e5_f64, rate.clone(), span.clone()).prop_map(|(from, to, over)| Shape::Ramp {
                from,
                to,
                over
            }),
            (prop::collection::vec(0.0..2e5_f64, 1..6), rate.clone(), span.clone()).prop_map(
                |(mut rates, last, each)| {
                    rates.push(last);
                    Shape::Steps { rates, each }
                }
            ),
            (rate.clone(), span.clone(), span.clone()).prop_map(|(rate, on, off)| Shape::Burst {
                rate,
                on,
                off
            }),
            (rate, 0.0..=1.0_f64, span).prop_map(|(rate, amplitude, period)| Shape::Sine {
                rate,
                amplitude,
                period
            }),
        ]
    }

    /// The integral of the rate by the trapezoid rule, in requests.
    fn integral(shape: &Shape, until: Nanos) -> f64 {
        const SLICES: u32 = 20_000;
        let rate = |t: f64| match shape {
            Shape::Ramp { from, to, over } => {
                from + (to - from) * (t / over.as_secs_f64()).min(1.0)
            }
            Shape::Steps { rates, each } => {
                rates[((t / each.as_secs_f64()) as usize).min(rates.len() - 1)]
            }
            Shape::Burst { rate, on, off } => {
                let (on, off) = (on.as_secs_f64(), off.as_secs_f64());
                if t % (on + off) < on { rate * (on + off) / on } else { 0.0 }
            }
            Shape::Sine { rate, amplitude, period } => {
                rate * (1.0 + amplitude * (std::f64::consts::TAU * t / period.as_secs_f64()).sin())
            }
        };
        let step = until.as_secs_f64() / f64::from(SLICES);
        (0..SLICES).map(|slice| rate((f64::from(slice) + 0.5) * step) * step).sum()
    }

    proptest! {
        #[test]
        fn due_times_follow_the_integral_and_never_fall(shape in shapes(), k in 0..50_000_u64) {
            let profile = Profile::new(&shape).expect("sound");
            let due = profile.due(k);
            prop_assert!(profile.due(k + 1) >= due);
            // Jumps of the rate cost the sum a slice each.
            let off = (integral(&shape, due) - k as f64).abs();
            prop_assert!(off <= 2.0 + k as f64 * 0.02, "{off} at {k}");
        }

        #[test]
        fn any_numbers_are_refused_or_work(
            from in any::<f64>(), to in any::<f64>(), span in any::<u64>(), k in any::<u64>(),
        ) {
            let (one, other) = (Nanos(span), Nanos(span / 3));
            for shape in [
                Shape::Ramp { from, to, over: one },
                Shape::Steps { rates: vec![from, to], each: one },
                Shape::Burst { rate: from, on: one, off: other },
                Shape::Sine { rate: from, amplitude: to, period: one },
            ] {
                if let Ok(profile) = Profile::new(&shape) {
                    let _ = (profile.due(k), profile.remaining(one));
                }
            }
        }
    }
}
