//! Injected latency: commands that take a known time, and stalls on a known schedule.
//!
//! It serves to validate a load generator against theory. While it is on, measurements do not show
//! this server's own speed, so the log, INFO and AE STATS mention it. The thread is kept busy, not
//! asleep: for other clients it looks like a slow command.

use crate::clock::Nanos;
use rand::RngExt;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::SeedableRng;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// How long an execution is made to take.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ServiceTime {
    Fixed(Nanos),
    /// Exponentially distributed with this mean.
    Exponential(Nanos),
}

impl ServiceTime {
    fn draw(self, random: &mut SplitMix64) -> Nanos {
        match self {
            Self::Fixed(length) => length,
            Self::Exponential(mean) => {
                // Inverse transform; 1 - u is never zero.
                let u: f64 = random.random();
                Nanos((mean.0 as f64 * -(1.0 - u).ln()) as u64)
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Service {
    time: ServiceTime,
    seed: u64,
    /// Empty: every command that reads or writes keys, and PING and ECHO.
    commands: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Stall {
    every: Nanos,
    length: Nanos,
    /// The first one, from the moment it is configured.
    at: Nanos,
}

/// The value of the directive `inject`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    service: Option<Service>,
    stall: Option<Stall>,
}

impl Plan {
    /// Adds `service=…` or `stall=…`, which replaces what there was of its kind. `is_command` says
    /// whether there is a command of a name.
    ///
    /// # Errors
    /// What is wrong with it and what would be right.
    pub(crate) fn add(&mut self, word: &str, is_command: fn(&str) -> bool) -> Result<(), String> {
        match word.split_once('=') {
            Some(("service", rest)) => self.service = Some(service(rest, is_command)?),
            Some(("stall", rest)) => self.stall = Some(stall(rest)?),
            _ => {
                return Err(format!(
                    "'{word}' is neither service=fixed:100us|exp:200us[,seed=1][,commands=get+set] \
                     nor stall=every:10s,dur:100ms[,at:5s]"
                ));
            }
        }
        Ok(())
    }

    /// The plan in `text`, which was checked before.
    pub(crate) fn of(text: &str) -> Plan {
        let mut plan = Plan::default();
        for word in text.split_whitespace() {
            // The text was checked when it was configured. An unreadable word injects nothing.
            let _ = plan.add(word, |_| true);
        }
        plan
    }
}

/// The service times that a server with this plan (`service=…`) gives to commands, in the order in which it executes them:
/// for programs that compare what they measured with what was to be measured.
///
/// # Errors
/// The plan has no service time, or cannot be read.
pub(crate) fn service_times(
    text: &str,
    is_command: fn(&str) -> bool,
) -> Result<impl Iterator<Item = Duration> + use<>, String> {
    let mut plan = Plan::default();
    text.split_whitespace().try_for_each(|word| plan.add(word, is_command))?;
    let service = plan.service.ok_or_else(|| format!("'{text}' has no service time"))?;
    let mut random = SplitMix64::seed_from_u64(service.seed);
    Ok(std::iter::repeat_with(move || Duration::from_nanos(service.time.draw(&mut random).0)))
}

fn service(text: &str, is_command: fn(&str) -> bool) -> Result<Service, String> {
    let mut fields = text.split(',');
    let time = match fields.next().and_then(|first| first.split_once(':')) {
        Some(("fixed", length)) => ServiceTime::Fixed(duration(length)?),
        Some(("exp", mean)) => ServiceTime::Exponential(duration(mean)?),
        _ => return Err(format!("service={text}: give fixed:100us or exp:200us first")),
    };
    let mut service = Service { time, seed: 1, commands: Vec::new() };
    for field in fields {
        match field.split_once('=') {
            Some(("seed", seed)) => {
                service.seed =
                    seed.parse().map_err(|_| format!("seed={seed} is not a whole number"))?;
            }
            Some(("commands", names)) => {
                service.commands = names.split('+').map(str::to_ascii_lowercase).collect();
                if let Some(unknown) = service.commands.iter().find(|name| !is_command(name)) {
                    return Err(format!("commands={names}: there is no command '{unknown}'"));
                }
            }
            _ => return Err(format!("'{field}' is neither seed=1 nor commands=get+set")),
        }
    }
    Ok(service)
}

fn stall(text: &str) -> Result<Stall, String> {
    let (mut every, mut length, mut at) = (None, None, None);
    for field in text.split(',') {
        match field.split_once(':') {
            Some(("every", value)) => every = Some(duration(value)?),
            Some(("dur", value)) => length = Some(duration(value)?),
            Some(("at", value)) => at = Some(duration(value)?),
            _ => return Err(format!("'{field}' is not one of every:10s, dur:100ms, at:5s")),
        }
    }
    match (every, length) {
        (Some(every), Some(length)) if length < every => {
            Ok(Stall { every, length, at: at.unwrap_or(every) })
        }
        (Some(_), Some(_)) => Err(format!("stall={text}: dur must be shorter than every")),
        _ => Err(format!("stall={text}: give both every:10s and dur:100ms")),
    }
}

/// Units of time, shortest first, with their length in nanoseconds.
const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];

/// A length of time such as `250us`, `1.5ms` or `10s`: more than zero, at most one hour.
fn duration(text: &str) -> Result<Nanos, String> {
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let unit = UNITS.iter().find(|(name, _)| *name == &text[digits..]);
    let value = text[..digits].parse::<f64>().ok().filter(|value| value.is_finite());
    match (unit, value) {
        (Some((_, scale)), Some(value)) if (1.0..=3.6e12).contains(&(value * scale)) => {
            Ok(Nanos((value * scale) as u64))
        }
        _ => Err(format!("'{text}' is not a length of time such as 100us, 1.5ms or 10s")),
    }
}

/// As it is written: `100us`.
struct Shown(Nanos);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |scale: &f64| self.0.0.is_multiple_of(*scale as u64);
        let (name, scale) = UNITS.iter().rev().find(|(_, s)| whole(s)).unwrap_or(&UNITS[0]);
        write!(f, "{}{name}", self.0.0 / *scale as u64)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(service) = &self.service {
            match service.time {
                ServiceTime::Fixed(length) => write!(f, "service=fixed:{}", Shown(length))?,
                ServiceTime::Exponential(mean) => write!(f, "service=exp:{}", Shown(mean))?,
            }
            write!(f, ",seed={}", service.seed)?;
            if !service.commands.is_empty() {
                write!(f, ",commands={}", service.commands.join("+"))?;
            }
        }
        if let Some(Stall { every, length, at }) = self.stall {
            let gap = if self.service.is_some() { " " } else { "" };
            let (every, length, at) = (Shown(every), Shown(length), Shown(at));
            write!(f, "{gap}stall=every:{every},dur:{length},at:{at}")?;
        }
        Ok(())
    }
}

/// What the injector needs to know of a row of the command table.
pub(crate) struct Target<'a> {
    /// `get`, or `config|get`.
    pub(crate) full_name: Cow<'a, str>,
    /// The container's name, for subcommands.
    pub(crate) parent: Option<&'a str>,
    /// Whether a service time without a list of commands applies to it.
    pub(crate) by_default: bool,
}

/// A plan at work.
#[derive(Debug)]
pub(crate) struct Injector {
    plan: Plan,
    random: SplitMix64,
    /// By place in the command table.
    applies: Vec<bool>,
    next_stall: Nanos,
}

impl Injector {
    /// Starts what `plan` says, or `None` if that is nothing. `targets` are in the order of the
    /// command table.
    pub(crate) fn start<'a>(
        plan: &Plan,
        targets: impl Iterator<Item = Target<'a>>,
        now: Nanos,
    ) -> Option<Box<Injector>> {
        if *plan == Plan::default() {
            return None;
        }
        let seed = plan.service.as_ref().map_or(1, |service| service.seed);
        let listed = |target: Target<'_>| match &plan.service {
            None => false,
            Some(Service { commands, .. }) if commands.is_empty() => target.by_default,
            // A container stands for all its subcommands.
            Some(service) => (service.commands.iter())
                .any(|name| *name == target.full_name || target.parent == Some(name.as_str())),
        };
        Some(Box::new(Injector {
            random: SplitMix64::seed_from_u64(seed),
            applies: targets.map(listed).collect(),
            next_stall: plan.stall.map_or(Nanos::ZERO, |stall| now + stall.at),
            plan: plan.clone(),
        }))
    }

    /// The plan that it was started with.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How long to keep the thread busy for this command, which begins now.
    pub(crate) fn draw(&mut self, command: u16, now: Nanos) -> Nanos {
        let mut length = Nanos::ZERO;
        if let Some(service) = self.plan.service.as_ref().filter(|_| self.applies[command as usize])
        {
            length = service.time.draw(&mut self.random);
        }
        if let Some(stall) = self.plan.stall.filter(|_| now >= self.next_stall) {
            length = length + stall.length;
            // Stalls that became due without a command are skipped; the schedule stays the same.
            let behind = (now - self.next_stall).0 / stall.every.0;
            self.next_stall = self.next_stall + Nanos((behind + 1) * stall.every.0);
        }
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &str) -> Result<String, String> {
        let mut plan = Plan::default();
        words
            .split(' ')
            .try_for_each(|word| plan.add(word, |name| matches!(name, "get" | "set")))?;
        Ok(plan.to_string())
    }

    #[test]
    fn plans_are_read_and_shown_in_one_form() {
        for (words, expected) in [
            ("service=fixed:100us", "service=fixed:100us,seed=1"),
            (
                "service=exp:0.2ms,commands=GET+set,seed=7",
                "service=exp:200us,seed=7,commands=get+set",
            ),
            ("stall=dur:100ms,every:10s", "stall=every:10s,dur:100ms,at:10s"),
            (
                "stall=every:1s,dur:5ms,at:500ms service=fixed:1500ns",
                "service=fixed:1500ns,seed=1 stall=every:1s,dur:5ms,at:500ms",
            ),
        ] {
            assert_eq!(shown(words).as_deref(), Ok(expected));
            assert_eq!(shown(expected).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_remedy() {
        for words in [
            "latency=1ms",
            "service=100us",
            "service=fixed:100",
            "service=fixed:-1us",
            "service=exp:1us,seed=x",
            "service=fixed:1us,what=1",
            "service=fixed:1us,commands=get+gett",
            "stall=every:1s",
            "stall=every:1s,dur:2s",
            "stall=every:1s,dur:1ms,for:3",
        ] {
            assert!(shown(words).is_err(), "{words}");
        }
    }

    #[test]
    fn exponential_service_has_its_mean_and_its_variance() {
        let get = Target { full_name: "get".into(), parent: None, by_default: true };
        let plan = Plan::of("service=exp:200us");
        let mut injector =
            Injector::start(&plan, [get].into_iter(), Nanos::ZERO).expect("something to do");
        let count = 200_000;
        let draws: Vec<f64> = (0..count).map(|_| injector.draw(0, Nanos::ZERO).0 as f64).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(count);
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / f64::from(count);
        assert!((mean / 200e3 - 1.0).abs() < 0.01, "mean {mean}");
        assert!((variance.sqrt() / 200e3 - 1.0).abs() < 0.02, "deviation {}", variance.sqrt());
    }

    #[test]
    fn stalls_keep_their_schedule_and_those_nobody_met_are_left_out() {
        let plan = Plan::of("stall=every:1s,dur:50ms,at:2s");
        let mut injector =
            Injector::start(&plan, std::iter::empty(), Nanos::ZERO).expect("something to do");
        let lengths: Vec<u64> = [1_999, 2_000, 2_100, 3_001, 3_002, 7_500, 7_999, 8_000]
            .map(|ms| injector.draw(0, Nanos::from_ms(ms)).as_ms())
            .to_vec();
        assert_eq!(lengths, [0, 50, 0, 50, 0, 50, 0, 50]);
    }
}
