//! LATENCY LATEST HISTORY RESET GRAPH DOCTOR HISTOGRAM HELP.

use crate::server::flags::{ADMIN, LOADING, NOSCRIPT, STALE};
use crate::server::{Call, CommandSpec, Found, Group, NO_KEYS, command, container};
use hdrhistogram::Histogram;
use std::fmt::Write as _;

pub(crate) const TABLE: &[CommandSpec] = &[container("latency", -2, SUBCOMMANDS).docs(
    Group::Server,
    "2.8.13",
    "Depends on subcommand.",
    "A container for latency diagnostics commands",
)];

const FLAGS: u32 = ADMIN | NOSCRIPT | LOADING | STALE;
const TIPS: &[&str] =
    &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];
/// The first boundary of HISTOGRAM; each further one is twice the one before.
const FIRST_BUCKET_NS: u64 = 1024;

const fn sub(
    name: &'static str,
    arity: i32,
    run: fn(&mut Call<'_>),
    summary: &'static str,
) -> CommandSpec {
    command(name, arity, FLAGS, NO_KEYS, run)
        .of("latency")
        .docs(Group::Server, "2.8.13", "O(1)", summary)
        .tips(TIPS)
}

const SUBCOMMANDS: &[CommandSpec] = &[
    sub("doctor", 2, doctor, "Return a human readable latency analysis report."),
    sub("graph", 3, graph, "Return a latency graph for the event."),
    sub("histogram", -2, histogram, "Return the latency distribution of commands."),
    sub("history", 3, history, "Return timestamp-latency samples for the event."),
    sub("latest", 2, latest, "Return the latest latency samples for all events."),
    command("reset", -2, FLAGS, NO_KEYS, reset)
        .of("latency")
        .docs(Group::Server, "2.8.13", "O(1)", "Reset latency data for one or more events.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    command("help", 2, LOADING | STALE, NO_KEYS, help).of("latency").docs(
        Group::Server,
        "2.8.13",
        "O(1)",
        "Show helpful text about the different subcommands.",
    ),
];

/// Each event with its newest sample and its maximum. O(events).
fn latest(call: &mut Call<'_>) {
    let events = call.server.observe.latency.events();
    call.out.array(events.len());
    for (name, series) in events {
        let (unix_s, ms) = series.latest().map_or((0, 0), |sample| (sample.unix_s, sample.ms));
        call.out.array(4);
        call.out.bulk(name.as_bytes());
        call.out.integer(unix_s);
        call.out.integer(ms as i64);
        call.out.integer(series.max_ms as i64);
    }
}

/// The samples of one event, oldest first; none if it never happened. O(160).
fn history(call: &mut Call<'_>) {
    let Some((_, series)) = call.server.observe.latency.get(call.args.at(2)) else {
        return call.out.array(0);
    };
    call.out.array(series.samples().len());
    for sample in series.samples() {
        call.out.array(2);
        call.out.integer(sample.unix_s);
        call.out.integer(sample.ms as i64);
    }
}

/// Removes all events or the named ones; replies how many there were. O(events).
fn reset(call: &mut Call<'_>) {
    let count = match call.args.len() {
        2 => call.server.observe.latency.reset_all(),
        _ => call.args.from(2).filter(|event| call.server.observe.latency.reset(event)).count(),
    };
    call.out.count(count);
}

/// One event's history drawn in characters. O(160).
fn graph(call: &mut Call<'_>) {
    let now_s = call.server.now_s();
    match call.server.observe.latency.get(call.args.at(2)) {
        Some((name, series)) => {
            let text = series.graph(name, now_s);
            call.out.verbatim(text.as_bytes());
        }
        None => {
            let mut text = b"ERR No samples available for event '".to_vec();
            text.extend_from_slice(call.args.at(2));
            text.push(b'\'');
            call.out.error(text);
        }
    }
}

/// What the events mean and what to do about them, in words. O(events).
fn doctor(call: &mut Call<'_>) {
    let mut text = String::new();
    let monitor = &call.server.observe.latency;
    if monitor.events().len() == 0 {
        text.push_str(match call.server.config.settings().observe.latency_threshold_ms {
            0 => {
                "The latency monitor is off. Turn it on with CONFIG SET latency-monitor-threshold \
                 <milliseconds>, let the load run, and ask again.\n"
            }
            _ => "No event has reached latency-monitor-threshold so far.\n",
        });
        return call.out.verbatim(text.as_bytes());
    }
    text.push_str("Events that reached latency-monitor-threshold, and what helps:\n\n");
    for (at, (name, series)) in monitor.events().enumerate() {
        let (low, high, mean) = series.summary();
        let count = series.samples().len();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}. {name}: {count} seconds with a spike (lowest {low} ms, mean {mean} ms, highest \
             {high} ms, worst ever {} ms).\n   {}\n",
            at + 1,
            series.max_ms,
            advice(name)
        );
    }
    call.out.verbatim(text.as_bytes());
}

fn advice(event: &str) -> &'static str {
    match event {
        "command" => {
            "Slow commands delay all clients: SLOWLOG GET names them. Replace KEYS, SMEMBERS or SORT \
             of large collections by their SCAN forms, and DEL of them by UNLINK."
        }
        "fast-command" => {
            "Commands of constant time were slow: look for a machine short of CPU, swapping, or \
             other load on this core (INFO eventloop shows off_cpu)."
        }
        "command-unblocking" => {
            "Serving blocked clients (BLPOP and similar) took long: let them pop fewer elements at \
             once, and push large elements less often."
        }
        "expire-cycle" => {
            "Many keys expire at once: spread their times to live, or raise hz so that the same work \
             is done in shorter pieces."
        }
        "eviction-cycle" => {
            "Eviction takes long: raise maxmemory, lower maxmemory-eviction-tenacity, or set \
             lazyfree-lazy-eviction."
        }
        "eviction-del" => {
            "Freeing single evicted values takes long: set lazyfree-lazy-eviction, or keep \
             collections smaller."
        }
        _ => "See SLOWLOG GET and INFO eventloop.",
    }
}

/// Distribution of execution times per command: cumulative counts at powers of two of a microsecond.
/// O(N) for N commands asked for, all that were used without arguments.
fn histogram(call: &mut Call<'_>) {
    let table = &call.server.commands;
    let mut rows: Vec<u16> = Vec::new();
    if call.args.len() == 2 {
        rows.extend(0..table.rows().len() as u16);
    }
    for word in call.args.from(2) {
        let Some(found) = find(call, word) else { continue };
        rows.push(found.id);
        let subs = found.spec.subcommands.iter();
        rows.extend(subs.filter_map(|sub| Some(table.find_sub(found, sub.name.as_bytes())?.id)));
    }
    let place = call.out.deferred();
    let mut count = 0;
    for id in rows {
        let Some(histogram) = call.server.observe.command_stats[id as usize].histogram() else {
            continue;
        };
        let name = table.rows()[id as usize].full_name();
        call.out.bulk(name.as_bytes());
        one_histogram(call.out, histogram);
        count += 1;
    }
    call.out.end_map(place, count);
}

/// The command called `get` or `config|get`.
fn find(call: &Call<'_>, word: &[u8]) -> Option<Found> {
    let table = &call.server.commands;
    match word.iter().position(|&byte| byte == b'|') {
        None => table.find(word),
        Some(bar) => table.find_sub(table.find(&word[..bar])?, &word[bar + 1..]),
    }
}

fn one_histogram(out: &mut crate::reply::Reply, histogram: &Histogram<u64>) {
    out.map(2);
    out.bulk(b"calls");
    out.integer(histogram.len() as i64);
    out.bulk(b"histogram_usec");
    let place = out.deferred();
    let (mut level_ns, mut before, mut pairs) = (FIRST_BUCKET_NS, 0, 0);
    while before < histogram.len() {
        let count = histogram.count_between(0, level_ns);
        if count > before {
            out.integer((histogram.highest_equivalent(level_ns) / 1000) as i64);
            out.integer(count as i64);
            pairs += 1;
        }
        before = count;
        level_ns *= 2;
    }
    out.end_map(place, pairs);
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "LATENCY",
        &[
            "DOCTOR",
            "    Return a human readable latency analysis report.",
            "GRAPH <event>",
            "    Return an ASCII latency graph for the <event> class.",
            "HISTORY <event>",
            "    Return time-latency samples for the <event> class.",
            "LATEST",
            "    Return the latest latency samples for all events.",
            "RESET [<event> ...]",
            "    Reset latency data of one or more <event> classes.",
            "    (default: reset all data for all event classes)",
            "HISTOGRAM [COMMAND ...]",
            "    Return a cumulative distribution of latencies in the format of a histogram for the \
             specified command names.",
            "    If no commands are specified then all histograms are replied.",
        ],
    );
}
