//! When requests are due, as the plan says it: the arrival processes, their rates, and their text form.
//!
//! Not the arithmetic (see `schedule` and `profile`). Invariant: a process that passed [`ArrivalProcess::check`] has a due
//! time for every request, or says that there is none.

use crate::clock::Nanos;
use crate::error::reason;
use crate::plan::rate_profile::Profile;
use crate::plan::shape::Shape;
use aelab_units::{parse_duration, parse_rate};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// When requests are due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ArrivalProcess {
    /// The next request is due when a window slot has become free, plus a pause.
    Closed {
        /// The pause between a reply and the next request of that slot.
        think: Nanos,
    },
    /// Request k is due at k/rate, whatever the server does.
    Constant(Rate),
    /// Independent exponential gaps with this mean rate, whatever the server does.
    Poisson(Rate),
    /// Request k is due at a random instant between k/rate and (k + 1)/rate, each with the same chance.
    Uniform(Rate),
    /// The rate changes over time; requests are spread evenly over its integral.
    Shaped(Shape),
    /// At these instants from the begin of the schedule, in order; then nothing more.
    Trace(Arc<[Nanos]>),
    /// Never: connections are opened and left alone.
    Idle,
}

impl ArrivalProcess {
    /// The mean rate it asks for, if it asks for one (an open loop): of a ramp, over its length; of steps and traces, over
    /// all of them. What was due in a given span is counted in the result.
    pub fn rate(&self) -> Option<Rate> {
        match self {
            Self::Closed { .. } | Self::Idle => None,
            Self::Constant(rate) | Self::Poisson(rate) | Self::Uniform(rate) => Some(*rate),
            Self::Shaped(shape) => Rate::per_second(shape.mean()),
            Self::Trace(instants) => Rate::new(instants.len() as u64, *instants.last()?),
        }
    }

    /// The word used in files.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Constant(_) => "constant",
            Self::Poisson(_) => "poisson",
            Self::Uniform(_) => "uniform",
            Self::Shaped(Shape::Ramp { .. }) => "ramp",
            Self::Shaped(Shape::Steps { .. }) => "steps",
            Self::Shaped(Shape::Burst { .. }) => "burst",
            Self::Shaped(Shape::Sine { .. }) => "sine",
            Self::Trace(_) => "trace",
            Self::Idle => "idle",
        }
    }

    /// How many requests are ever due from `from` on; `None` if there is no end of them.
    pub(crate) fn remaining(&self, from: Nanos) -> Option<u64> {
        match self {
            Self::Idle => Some(0),
            Self::Trace(instants) => {
                Some((instants.len() - instants.partition_point(|at| *at < from)) as u64)
            }
            Self::Shaped(shape) => Profile::new(shape).ok()?.remaining(from),
            Self::Closed { .. } | Self::Constant(_) | Self::Poisson(_) | Self::Uniform(_) => None,
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// The first number that does not, and what to do about it.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Shaped(shape) => Profile::new(shape).map(|_| ()),
            Self::Trace(instants) if instants.is_empty() => Err("the trace is empty".to_owned()),
            Self::Trace(instants) => match instants.windows(2).position(|pair| pair[0] > pair[1]) {
                Some(at) => Err(format!("arrival {} of the trace is before the one ahead", at + 2)),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Reads `constant`, `poisson`, `uniform`, `ramp:1k-20k[@30s]`, `step:1k,2k,4k@5s`, `burst:on=100ms,off=900ms`,
    /// `sine:amp=0.5,period=10s`, `trace:FILE`. `rate` is the mean of those that name no rate of their own; `length` is
    /// how long a ramp takes that does not say.
    ///
    /// # Errors
    /// One line: what is wrong with the text, and what would be right.
    pub fn parse(text: &str, rate: Option<Rate>, length: Nanos) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        read(kind, rest, rate, length)
            .and_then(|process| process.check().map(|()| process))
            .map_err(|why| format!("arrival '{text}': {why}"))
    }
}

fn read(
    kind: &str,
    rest: &str,
    rate: Option<Rate>,
    length: Nanos,
) -> Result<ArrivalProcess, String> {
    let mean = || rate.ok_or_else(|| "needs a mean rate: give --rate".to_owned());
    match kind {
        "constant" | "poisson" | "uniform" if !rest.is_empty() => {
            Err("nothing follows this word; the rate is given by --rate".to_owned())
        }
        "constant" => Ok(ArrivalProcess::Constant(mean()?)),
        "poisson" => Ok(ArrivalProcess::Poisson(mean()?)),
        "uniform" => Ok(ArrivalProcess::Uniform(mean()?)),
        "ramp" | "step" | "steps" | "trace" if rate.is_some() => {
            Err("says itself when requests are due: leave --rate out".to_owned())
        }
        "ramp" => ramp(rest, length).map(ArrivalProcess::Shaped),
        "step" | "steps" => steps(rest).map(ArrivalProcess::Shaped),
        "burst" => burst(rest, mean()?.as_per_second()).map(ArrivalProcess::Shaped),
        "sine" => sine(rest, mean()?.as_per_second()).map(ArrivalProcess::Shaped),
        "trace" if rest.is_empty() => Err("write trace:FILE".to_owned()),
        "trace" => {
            let content = crate::files::read_text(rest.as_ref())
                .map_err(|error| format!("cannot be read: {}", reason(&error)))?;
            parse_trace(&content).map(|instants| ArrivalProcess::Trace(instants.into()))
        }
        "exponential" => Err("its gaps are those of poisson; write poisson".to_owned()),
        _ => Err("is none of constant, poisson, uniform, ramp:1k-20k, step:1k,2k@5s, \
                  burst:on=100ms,off=900ms, sine:amp=0.5,period=10s, trace:FILE"
            .to_owned()),
    }
}

fn ramp(text: &str, length: Nanos) -> Result<Shape, String> {
    let (rates, over) = match text.split_once('@') {
        Some((rates, over)) => (rates, span(over)?),
        None => (text, length),
    };
    let (from, to) = rates.split_once('-').ok_or("write ramp:FROM-TO, such as ramp:1k-20k")?;
    Ok(Shape::Ramp { from: rate_or_zero(from)?, to: rate_or_zero(to)?, over })
}

fn steps(text: &str) -> Result<Shape, String> {
    let (rates, each) = text.split_once('@').ok_or("write step:RATE,RATE,…@LENGTH of each")?;
    let rates = rates.split(',').map(rate_or_zero).collect::<Result<_, _>>()?;
    Ok(Shape::Steps { rates, each: span(each)? })
}

fn burst(text: &str, rate: f64) -> Result<Shape, String> {
    let [on, off] = fields(text, ["on", "off"]).ok_or("write burst:on=100ms,off=900ms")?;
    Ok(Shape::Burst { rate, on: span(on)?, off: span(off)? })
}

fn sine(text: &str, rate: f64) -> Result<Shape, String> {
    let [amplitude, period] =
        fields(text, ["amp", "period"]).ok_or("write sine:amp=0.5,period=10s")?;
    let amplitude = amplitude.parse().map_err(|_| format!("'{amplitude}' is no number"))?;
    Ok(Shape::Sine { rate, amplitude, period: span(period)? })
}

/// The values of `name=value` pairs, in the order of `names`; `None` unless exactly these are there.
pub(crate) fn fields<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Option<[&'a str; N]> {
    let mut values = [None; N];
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=')?;
        let place = names.iter().position(|known| *known == name.trim())?;
        if values[place].replace(value.trim()).is_some() {
            return None;
        }
    }
    let mut found = [""; N];
    for (value, place) in values.into_iter().zip(&mut found) {
        *place = value?;
    }
    Some(found)
}

fn span(text: &str) -> Result<Nanos, String> {
    parse_duration(text).map(Nanos::from).map_err(|error| error.to_string())
}

fn rate_or_zero(text: &str) -> Result<f64, String> {
    if text.trim() == "0" {
        return Ok(0.0);
    }
    parse_rate(text).map(|rate| rate.as_per_second()).map_err(|error| error.to_string())
}

/// A trace that begins later than this holds times of another clock, such as seconds since 1970.
const TRACE_START_MAX: Nanos = Nanos::from_secs(86_400);

/// Reads a trace: one instant per line, from the begin of the schedule, in seconds or with a unit; empty lines and lines
/// that begin with `#` are skipped. The instants must not fall.
///
/// # Errors
/// The number of the first line that is wrong, and why.
pub fn parse_trace(text: &str) -> Result<Vec<Nanos>, String> {
    let mut instants: Vec<Nanos> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let has_unit = line.ends_with(|last: char| last.is_ascii_alphabetic());
        let read = match has_unit {
            true => span(line),
            false => span(&format!("{line}s")).or_else(|why| as_float(line).ok_or(why)),
        };
        let at = read.map_err(|why| format!("line {number}: {why}"))?;
        if instants.last().is_some_and(|last| at < *last) {
            return Err(format!("line {number}: {line} is before the line ahead; sort the file"));
        }
        instants.push(at);
    }
    match instants.first() {
        None => Err("there is no instant in it".to_owned()),
        Some(first) if *first > TRACE_START_MAX => Err(format!(
            "the first instant is {} days after the begin; write the times since the begin of the schedule",
            first.0 / TRACE_START_MAX.0
        )),
        Some(_) => Ok(instants),
    }
}

/// Seconds as programs print their floating-point numbers, such as `0.30000000000000004` and `1e-05`, to the nanosecond.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be three years at most, and not negative"
)]
fn as_float(text: &str) -> Option<Nanos> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..1e8).contains(seconds))?;
    Some(Nanos((seconds * 1e9).round() as u64))
}

/// A rate as an exact fraction: so many requests in so many nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u64, Nanos)", into = "(u64, Nanos)")]
pub struct Rate {
    requests: u64,
    per_ns: u64,
}

impl Rate {
    /// `requests` in every `span`; `None` if either is zero.
    pub const fn new(requests: u64, span: Nanos) -> Option<Self> {
        if requests == 0 || span.0 == 0 {
            return None;
        }
        Some(Self { requests, per_ns: span.0 })
    }

    /// Requests per second, kept to a millionth of a request; `None` unless 10⁻⁶ ≤ rate ≤ 10¹².
    pub fn per_second(rate: f64) -> Option<Self> {
        if !(1e-6..=1e12).contains(&rate) {
            return None;
        }
        if rate.fract() == 0.0 {
            return Self::new(rate as u64, Nanos::from_secs(1));
        }
        Self::new((rate * 1e6).round() as u64, Nanos::from_secs(1_000_000))
    }

    /// One request in every `span`; `None` if it is zero.
    pub const fn every(span: Nanos) -> Option<Self> {
        Self::new(1, span)
    }

    /// Requests per second, for text and charts.
    pub fn as_per_second(self) -> f64 {
        self.requests as f64 * 1e9 / self.per_ns as f64
    }

    /// Due time of request `k`, counted from the schedule's begin: the whole nanoseconds of k/rate.
    pub fn due(self, k: u64) -> Nanos {
        self.due_within(k, 0)
    }

    /// A time between the due times of requests `k` and `k + 1`, `share`/2^64 of the way.
    pub(crate) fn due_within(self, k: u64, share: u64) -> Nanos {
        let per_ns = u128::from(self.per_ns);
        // At most (2^64 − 1)², plus less than 2^64: fits.
        let scaled = u128::from(k) * per_ns + ((per_ns * u128::from(share)) >> 64);
        Nanos(u64::try_from(scaled / u128::from(self.requests)).unwrap_or(u64::MAX))
    }
}

impl From<Rate> for (u64, Nanos) {
    fn from(rate: Rate) -> Self {
        (rate.requests, Nanos(rate.per_ns))
    }
}

impl TryFrom<(u64, Nanos)> for Rate {
    type Error = &'static str;

    fn try_from((requests, span): (u64, Nanos)) -> Result<Self, Self::Error> {
        Self::new(requests, span).ok_or("a rate needs at least one request and one nanosecond")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ArrivalProcess, String> {
        let own = ["ramp", "step", "trace"].iter().any(|kind| text.starts_with(kind));
        let rate = if own { None } else { Rate::per_second(1_000.0) };
        ArrivalProcess::parse(text, rate, Nanos::from_secs(10))
    }

    #[test]
    fn the_text_form_is_read() {
        let rate = Rate::per_second(1_000.0).expect("a rate");
        let (ms, secs) = (Nanos::from_millis, Nanos::from_secs);
        let table = [
            ("constant", ArrivalProcess::Constant(rate)),
            ("poisson", ArrivalProcess::Poisson(rate)),
            ("uniform", ArrivalProcess::Uniform(rate)),
            (
                "ramp:1k-20k",
                ArrivalProcess::Shaped(Shape::Ramp { from: 1e3, to: 2e4, over: secs(10) }),
            ),
            (
                "ramp:0-20k@3s",
                ArrivalProcess::Shaped(Shape::Ramp { from: 0.0, to: 2e4, over: secs(3) }),
            ),
            (
                "step:1k,2k,4k@5s",
                ArrivalProcess::Shaped(Shape::Steps { rates: vec![1e3, 2e3, 4e3], each: secs(5) }),
            ),
            (
                "burst:off=900ms,on=100ms",
                ArrivalProcess::Shaped(Shape::Burst { rate: 1e3, on: ms(100), off: ms(900) }),
            ),
            (
                "sine:amp=0.5,period=10s",
                ArrivalProcess::Shaped(Shape::Sine { rate: 1e3, amplitude: 0.5, period: secs(10) }),
            ),
        ];
        for (text, want) in table {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_it_is_said() {
        for (text, part) in [
            ("", "none of"),
            ("poison", "none of"),
            ("exponential", "write poisson"),
            ("constant:5", "--rate"),
            ("ramp:", "FROM-TO"),
            ("ramp:1k", "FROM-TO"),
            ("ramp:0-0", "no request"),
            ("ramp:nan-1k", "requests per second"),
            ("ramp:1k-1e99", "requests per second"),
            ("ramp:1k-99999999999999M", "more than"),
            ("ramp:1k-2k@0s", "zero"),
            ("ramp:1k-2k@99999h", "year"),
            ("step:1k", "LENGTH"),
            ("step:@1s", "rate"),
            ("step:0,0@1s", "no request"),
            ("burst:on=0s,off=1s", "zero"),
            ("burst:on=1s", "write burst"),
            ("burst:on=1s,on=1s", "write burst"),
            ("sine:amp=1.5,period=1s", "amplitude"),
            ("sine:amp=NaN,period=1s", "amplitude"),
            ("sine:amp=-0.1,period=1s", "amplitude"),
            ("sine:amp=0.5,period=0s", "zero"),
            ("trace:", "FILE"),
            ("trace:/nowhere/at/all", "cannot be read"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let none = ArrivalProcess::parse("poisson", None, Nanos::ZERO).expect_err("no rate");
        assert!(none.contains("--rate"), "{none}");
    }

    #[test]
    fn a_trace_is_read_and_its_broken_line_is_named() {
        let text = "# seconds\n0\n0.5\n\n600ms\n600ms\n1.25\n";
        let want = [0, 500, 600, 600, 1_250].map(Nanos::from_millis);
        assert_eq!(parse_trace(text), Ok(want.to_vec()));
        let floats = "0.0\n1e-05\n0.018000000000000002\n0.30000000000000004\n";
        let want = [0, 10, 18_000, 300_000].map(Nanos::from_micros);
        assert_eq!(parse_trace(floats), Ok(want.to_vec()));
        for (text, part) in [
            ("0\n1\nx\n", "line 3"),
            ("0\n2\n1\n", "line 3"),
            ("1\nnan\n", "line 2"),
            ("-1\n", "line 1"),
            ("1e9\n", "line 1"),
            ("# nothing\n", "no instant"),
            ("1700000000.1\n1700000000.2\n", "19675 days after"),
        ] {
            let error = parse_trace(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
