//! A group's load in words: `GET:SET 9:1, zipf 0.99 over 1M keys, 512B values` and `20k/s for 20s over 50 connections`.
//!
//! Pure, from the plan alone. Numbers read as on the command line. Invariant: a command that may carry a password is named
//! without its arguments.

use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, CommandOrder, CommandPlan, GroupPlan, KeyDistribution, KeySpace, Phases, Rate,
    Reception, Shape, ValueSize, Walk,
};
use aelab_results::text::number::with_noun;
use aelab_results::text::secret;
use aelab_units::{format_count, format_duration, format_size};
use std::time::Duration;

/// Commands that are named one by one; of more, the most frequent ones are.
const NAMED_MAX: usize = 4;
/// Characters of a command that is quoted.
const LENGTH_MAX: usize = 60;

/// What a group sends: commands, keys, values.
pub(crate) fn workload(plan: &GroupPlan) -> String {
    if plan.arrival == ArrivalProcess::Idle {
        return String::new();
    }
    if plan.replay.is_some() {
        return "the commands of a capture".to_owned();
    }
    let work = &plan.workload;
    let uses = |word: &[u8]| {
        let mut words = work.commands.iter().flat_map(|command| &command.args);
        words.any(|arg| arg.windows(word.len()).any(|part| part == word))
    };
    let in_turn = match work.order {
        CommandOrder::Exact => " in turn",
        CommandOrder::Random => "",
    };
    let mut parts = vec![format!("{}{in_turn}", commands(&work.commands))];
    if uses(b"__key__") {
        parts.push(keys(&work.keys));
    }
    if uses(b"__data__") {
        parts.push(format!("{} values", sizes(&work.values)));
    }
    parts.join(", ")
}

/// How a group's requests come: rate, length, connections.
pub(crate) fn load(plan: &GroupPlan, phases: &Phases) -> String {
    let connections = with_noun(plan.connections as u64, "connection");
    let mut text = match &plan.pool {
        Some(_) => format!(" over a pool of up to {connections}"),
        None => format!(" over {connections}"),
    };
    if plan.pipeline > 1 {
        text += &format!(", pipeline {}", plan.pipeline);
    }
    if let Some(count) = plan.requests_per_connection {
        text += &format!(", {} per connection", with_noun(count, "request"));
    }
    let length = match (plan.requests, phases.measure) {
        (Some(1), _) => ", 1 request".to_owned(),
        (Some(requests), _) => format!(", {} requests", format_count(requests)),
        (None, Some(measure)) => format!(" for {}", span(measure)),
        (None, None) => String::new(),
    };
    match plan.reception() {
        Ok(Reception::Messages) => format!("receiving{text}"),
        Ok(Reception::Data) => format!("waiting for data{text}"),
        _ => format!("{}{length}{text}", arrival(&plan.arrival)),
    }
}

fn commands(commands: &[CommandPlan]) -> String {
    if let [one] = commands {
        return one_command(one);
    }
    let divisor = commands.iter().map(|command| command.weight).fold(0, greatest_common).max(1);
    if commands.len() <= NAMED_MAX {
        let names: Vec<&str> = commands.iter().map(|command| command.label.as_str()).collect();
        let weights: Vec<String> =
            commands.iter().map(|command| (command.weight / divisor).to_string()).collect();
        return format!("{} {}", names.join(":"), weights.join(":"));
    }
    let total: f64 = commands.iter().map(|command| f64::from(command.weight)).sum();
    let mut sorted: Vec<&CommandPlan> = commands.iter().collect();
    sorted.sort_by_key(|command| std::cmp::Reverse(command.weight));
    let share = |command: &&CommandPlan| {
        format!("{} {:.0} %", command.label, 100.0 * f64::from(command.weight) / total)
    };
    let some: Vec<String> = sorted.iter().take(NAMED_MAX - 1).map(share).collect();
    format!("{} commands ({}, …)", commands.len(), some.join(", "))
}

const fn greatest_common(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common(b, a % b) }
}

/// The name where key and value say the rest, and else the command as it was written.
fn one_command(command: &CommandPlan) -> String {
    let is_usual = |arg: &Vec<u8>| matches!(arg.as_slice(), b"__key__" | b"__data__");
    let name = command.args.first().map(|name| String::from_utf8_lossy(name));
    let is_secret = name.is_some_and(|name| secret::may_log_in(&name));
    if is_secret || command.args.iter().skip(1).all(is_usual) {
        return command.label.clone();
    }
    let words = command.args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned());
    let text = secret::command_words(&words.collect::<Vec<_>>()).join(" ");
    match text.char_indices().nth(LENGTH_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn keys(keys: &KeySpace) -> String {
    if keys.distribution == KeyDistribution::New {
        return "new keys, each used once".to_owned();
    }
    if keys.count == 1 {
        return "one key".to_owned();
    }
    let count = format!("{} keys", format_count(keys.count));
    match keys.distribution {
        KeyDistribution::Uniform | KeyDistribution::New => format!("uniform over {count}"),
        KeyDistribution::Sequential => format!("sequential over {count}"),
        KeyDistribution::Walk(Walk::Each) => format!("each connection through {count}"),
        KeyDistribution::Walk(Walk::Part) => format!("each connection through its part of {count}"),
        KeyDistribution::Zipf { exponent } => format!("zipf {exponent} over {count}"),
        KeyDistribution::Latest { exponent } => format!("latest {exponent} over {count}"),
        KeyDistribution::Gaussian { deviation } => format!("gaussian {deviation} over {count}"),
        KeyDistribution::Hotspot { keys, requests } => {
            format!("{} % of the requests to {} % of {count}", percent(requests), percent(keys))
        }
    }
}

/// A share in percent, without the noise of binary fractions.
fn percent(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}

fn sizes(values: &ValueSize) -> String {
    let size = |bytes: usize| format_size(bytes as u64);
    match values {
        ValueSize::Fixed(bytes) => size(*bytes),
        ValueSize::Range { min, max } => format!("{} to {}", size(*min), size(*max)),
        ValueSize::Zipf { min, max, exponent } => {
            format!("{} to {} (zipf {exponent})", size(*min), size(*max))
        }
        ValueSize::Weighted(sizes) => {
            let one = |(bytes, weight): &(usize, u32)| format!("{}:{weight}", size(*bytes));
            sizes.iter().map(one).collect::<Vec<_>>().join(",")
        }
    }
}

fn arrival(arrival: &ArrivalProcess) -> String {
    let rate = |rate: &Rate| per_second(rate.as_per_second());
    match arrival {
        ArrivalProcess::Closed { think } if *think == Nanos::ZERO => "closed loop".to_owned(),
        ArrivalProcess::Closed { think } => {
            format!("closed loop with a pause of {} after each reply", span(*think))
        }
        ArrivalProcess::Constant(constant) => rate(constant),
        ArrivalProcess::Poisson(mean) => format!("{} (Poisson)", rate(mean)),
        ArrivalProcess::Uniform(mean) => format!("{} (uniform gaps)", rate(mean)),
        ArrivalProcess::Shaped(Shape::Ramp { from, to, over }) => {
            format!("{} rising to {} in {}", per_second(*from), per_second(*to), span(*over))
        }
        ArrivalProcess::Shaped(Shape::Steps { rates, each }) => {
            let rates: Vec<String> = rates.iter().map(|rate| per_second(*rate)).collect();
            format!("steps of {} each: {}", span(*each), rates.join(", "))
        }
        ArrivalProcess::Shaped(Shape::Burst { rate, on, off }) => format!(
            "{} in bursts of {} with pauses of {}",
            per_second(*rate),
            span(*on),
            span(*off)
        ),
        ArrivalProcess::Shaped(Shape::Sine { rate, amplitude, period }) => format!(
            "{} ± {} % in waves of {}",
            per_second(*rate),
            percent(*amplitude),
            span(*period)
        ),
        ArrivalProcess::Trace(instants) => format!("{} due times of a trace", instants.len()),
        ArrivalProcess::Idle => "idle".to_owned(),
    }
}

/// A rate as on the command line: `20k/s`.
fn per_second(rate: f64) -> String {
    let text =
        aelab_units::Rate::per_second(rate).map_or_else(|| "0".to_owned(), |r| r.to_string());
    format!("{text}/s")
}

fn span(span: Nanos) -> String {
    format_duration(Duration::from(span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_engine::plan::{Endpoint, Target, Workload};
    use aelab_engine::workload::command_text::parse_command;

    fn group(commands: &[(&str, u32)]) -> GroupPlan {
        let parse = |(text, weight): &(&str, u32)| parse_command(text, *weight).expect(text);
        let workload = Workload {
            commands: commands.iter().map(parse).collect(),
            keys: KeySpace {
                distribution: KeyDistribution::Zipf { exponent: 0.99 },
                ..KeySpace::uniform(1_000_000)
            },
            values: ValueSize::Fixed(512),
            compressible: 0.0,
            order: CommandOrder::Random,
        };
        let target = Target::plain(Endpoint::Unix("/none".into()));
        GroupPlan::new("load", target, 50, workload)
    }

    #[test]
    fn what_is_sent_is_told_in_the_words_of_the_command_line() {
        for (commands, want) in [
            (
                &[("GET __key__", 90), ("SET __key__ __data__", 10)][..],
                "GET:SET 9:1, zipf 0.99 over 1M keys, 512B values",
            ),
            (&[("GET __key__", 1)], "GET, zipf 0.99 over 1M keys"),
            (&[("LRANGE list 0 99", 1)], "LRANGE list 0 99"),
            (&[("PING", 1)], "PING"),
            (&[("AUTH canary", 1)], "AUTH"),
            (
                &[("GET a", 6), ("PING", 1), ("INCR a", 1), ("TIME", 1), ("DBSIZE", 1)],
                "5 commands (GET 60 %, PING 10 %, INCR 10 %, …)",
            ),
        ] {
            assert_eq!(workload(&group(commands)), want);
        }
        let mut one = group(&[("SET __key__ __data__", 1)]);
        for (distribution, count, values, want) in [
            (KeyDistribution::Uniform, 1, "3", "SET, one key, 3B values"),
            (
                KeyDistribution::Uniform,
                20_000,
                "16-1024",
                "SET, uniform over 20k keys, 16B to 1KiB values",
            ),
            (
                KeyDistribution::Hotspot { keys: 0.1, requests: 0.9 },
                1_000,
                "32:9,4KiB:1",
                "SET, 90 % of the requests to 10 % of 1k keys, 32B:9,4KiB:1 values",
            ),
            (KeyDistribution::New, 9, "1", "SET, new keys, each used once, 1B values"),
        ] {
            one.workload.keys = KeySpace { distribution, ..KeySpace::uniform(count) };
            one.workload.values = ValueSize::parse(values).expect(values);
            assert_eq!(workload(&one), want);
        }
    }

    #[test]
    fn how_requests_come_is_told() {
        let phases = |measure| Phases { warmup: Nanos::ZERO, measure, drain_max: Nanos::ZERO };
        let mut one = group(&[("PING", 1)]);
        one.requests = Some(100_000);
        let told = load(&one, &phases(None));
        assert_eq!(told, "closed loop, 100k requests over 50 connections");
        one.requests = None;
        one.pipeline = 16;
        one.arrival = ArrivalProcess::Closed { think: Nanos::from_millis(1) };
        let told = load(&one, &phases(Some(Nanos::from_secs(20))));
        let want = "closed loop with a pause of 1ms after each reply for 20s over 50 connections, pipeline 16";
        assert_eq!(told, want);
        one.pipeline = 1;
        let rate = Rate::per_second(20_000.0).expect("a rate");
        for (arrival, want) in [
            (ArrivalProcess::Constant(rate), "20k/s for 20s over 50 connections"),
            (ArrivalProcess::Poisson(rate), "20k/s (Poisson) for 20s over 50 connections"),
            (
                ArrivalProcess::Shaped(Shape::Ramp {
                    from: 0.0,
                    to: 1e3,
                    over: Nanos::from_secs(5),
                }),
                "0/s rising to 1k/s in 5s for 20s over 50 connections",
            ),
        ] {
            one.arrival = arrival;
            assert_eq!(load(&one, &phases(Some(Nanos::from_secs(20)))), want);
        }
        let listener = group(&[("SUBSCRIBE news", 1)]);
        assert_eq!(load(&listener, &phases(None)), "receiving over 50 connections");
        one.arrival = ArrivalProcess::Idle;
        assert_eq!(workload(&one), "", "it sends nothing");
    }
}
