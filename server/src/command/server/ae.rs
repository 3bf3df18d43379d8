//! AE STATS TRACE LOOP RESET HELP: this server's own command, which shows its loop.
//!
//! `timeline` and `metrics` collect the data; this file reads the arguments and writes the replies. Times
//! are nanoseconds unless the field name says otherwise.

use crate::args::parse_integer;
use crate::clock::Nanos;
use crate::reply::Reply;
use crate::server::flags::{ADMIN, LOADING, NOSCRIPT, STALE};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, container};
use crate::timeline::{DEFAULT_SAMPLE, Distribution, Instants, PARTS, Record};

pub(crate) const TABLE: &[CommandSpec] = &[container("ae", -2, SUBCOMMANDS).docs(
    Group::Server,
    "7.0.0",
    "Depends on subcommand.",
    "A container for commands that show the event loop",
)];

const PLAIN: u32 = ADMIN | LOADING | NOSCRIPT | STALE;
/// Records shown without a count.
const DEFAULT_RECORDS: usize = 10;

const SUBCOMMANDS: &[CommandSpec] = &[
    command("stats", 2, PLAIN, NO_KEYS, stats).of("ae").docs(
        Group::Server,
        "7.0.0",
        "O(N) for N commands seen",
        "Time of the loop and of requests",
    ),
    command("trace", -3, PLAIN, NO_KEYS, trace).of("ae").docs(
        Group::Server,
        "7.0.0",
        "O(N) for N records shown",
        "Follow single requests through the server",
    ),
    command("loop", -3, PLAIN, NO_KEYS, turns).of("ae").docs(
        Group::Server,
        "7.0.0",
        "O(N) for N turns shown",
        "When each step of the loop's turns began",
    ),
    command("reset", 2, PLAIN, NO_KEYS, reset).of("ae").docs(
        Group::Server,
        "7.0.0",
        "O(1)",
        "Remove the collected data",
    ),
    command("help", 2, LOADING | STALE, NO_KEYS, help).of("ae").docs(
        Group::Server,
        "7.0.0",
        "O(1)",
        "Show helpful text about the different subcommands",
    ),
];

fn field(out: &mut Reply, name: &str, value: u64) {
    out.bulk(name.as_bytes());
    out.integer(i64::try_from(value).unwrap_or(i64::MAX));
}

fn word(out: &mut Reply, name: &str, value: &str) {
    out.bulk(name.as_bytes());
    out.bulk(value.as_bytes());
}

fn distribution(out: &mut Reply, name: &str, values: &Distribution) {
    out.bulk(name.as_bytes());
    out.map(8);
    field(out, "count", values.count());
    field(out, "sum", values.sum);
    field(out, "mean", values.mean());
    for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
        field(out, name, values.quantile(quantile));
    }
    field(out, "max", values.max());
}

/// Backend, time per phase, events per wake-up, and five distributions per command. O(N) for N
/// commands seen.
fn stats(call: &mut Call<'_>) {
    let (server, out) = (&*call.server, &mut *call.out);
    let (timeline, meter) = (&server.observe.timeline, &server.observe.meter);
    let settings = server.config.settings();
    let yes_no = |on: bool| if on { "yes" } else { "no" };
    let (before, cycles_before) = timeline.baseline();
    out.map(16);
    word(out, "backend", server.identity.api_name);
    word(out, "io_model", settings.io.io_model.name());
    word(out, "timeline_note", settings.timeline_note());
    field(out, "io_threads", settings.io.io_threads as u64);
    word(out, "batch", yes_no(settings.io.ae_batch));
    word(out, "reply_immediately", yes_no(settings.io.reply_immediately));
    word(out, "inject", server.config.text("inject"));
    word(out, "trace", if timeline.is_on() { "on" } else { "off" });
    field(out, "sample", u64::from(timeline.sample()));
    field(out, "requests", timeline.positions.count());
    field(out, "cycles", meter.cycles().saturating_sub(cycles_before));
    field(out, "busy", (meter.sums().busy - before.busy).0);
    out.bulk(b"phases");
    out.map(meter.sums().phases().count());
    for ((phase, now), (_, then)) in meter.sums().phases().zip(before.phases()) {
        field(out, phase.name(), (now - then).0);
    }
    distribution(out, "events_per_wake", &timeline.events_per_wake);
    distribution(out, "position_in_batch", &timeline.positions);
    out.bulk(b"commands");
    out.map(timeline.classes().count());
    for (id, class) in timeline.classes() {
        out.bulk(server.commands.rows()[id].full_name().as_bytes());
        out.map(PARTS.len() + 1);
        for (name, part) in PARTS.iter().zip(&class.parts) {
            distribution(out, name, part);
        }
        distribution(out, "total", &class.total);
    }
}

/// Starts or stops following requests, or shows the records. O(N) for N records shown.
fn trace(call: &mut Call<'_>) {
    let args = call.args;
    let number = |index: usize| args.get(index).and_then(parse_integer).filter(|&n| n > 0);
    if args.is(2, "on") && args.len() == 3 {
        call.server.observe.timeline.switch_on(DEFAULT_SAMPLE);
    } else if args.is(2, "on") && args.is(3, "sample") && args.len() == 5 {
        let Some(sample) = number(4).and_then(|sample| u32::try_from(sample).ok()) else {
            return call.out.error("ERR SAMPLE must be a number greater than 0: one request in n");
        };
        call.server.observe.timeline.switch_on(sample);
    } else if args.is(2, "off") && args.len() == 3 {
        call.server.observe.timeline.switch_off();
    } else if args.is(2, "get") && args.len() <= 4 {
        let count = match args.len() {
            3 => Some(DEFAULT_RECORDS),
            _ => number(3).and_then(|count| usize::try_from(count).ok()),
        };
        return match count {
            Some(count) => records(call, count),
            None => call.out.error("ERR count should be greater than 0"),
        };
    } else {
        return call.out.syntax_error();
    }
    call.out.ok();
}

fn records(call: &mut Call<'_>, count: usize) {
    let (server, out) = (&*call.server, &mut *call.out);
    let records = server.observe.timeline.records();
    out.array(count.min(records.len()));
    for Record { command, client, position, reply_bytes, at } in records.take(count) {
        out.map(10);
        word(out, "command", &server.commands.rows()[*command as usize].full_name());
        field(out, "client", *client);
        field(out, "position", u64::from(*position));
        field(out, "reply_bytes", *reply_bytes as u64);
        let Instants { ready, taken, parsed, executed, write_began, written } = *at;
        let instants: [(&str, Nanos); 6] = [
            ("ready", ready),
            ("taken", taken),
            ("parsed", parsed),
            ("executed", executed),
            ("write_began", write_began),
            ("written", written),
        ];
        for (name, instant) in instants {
            field(out, name, instant.0);
        }
    }
}

/// Starts or stops recording the loop's turns, or shows them. O(N) for N turns shown.
fn turns(call: &mut Call<'_>) {
    let args = call.args;
    if args.is(2, "on") && args.len() == 3 {
        call.server.observe.turn_log.switch_on();
    } else if args.is(2, "off") && args.len() == 3 {
        call.server.observe.turn_log.switch_off();
    } else if args.is(2, "get") && args.len() <= 4 {
        let asked = match args.len() {
            3 => Some(DEFAULT_RECORDS),
            _ => args.get(3).and_then(parse_integer).and_then(|n| usize::try_from(n).ok()),
        };
        let Some(count) = asked.filter(|count| *count > 0) else {
            return call.out.error("ERR count should be greater than 0");
        };
        let newest = call.server.observe.turn_log.newest(count);
        call.out.array(newest.len());
        for turn in newest {
            call.out.map(7);
            for (name, instant) in [
                ("began", turn.began),
                ("polled", turn.polled),
                ("woke", turn.woke),
                ("files_done", turn.files_done),
                ("timers_done", turn.timers_done),
            ] {
                field(call.out, name, instant.0);
            }
            field(call.out, "files", u64::from(turn.files));
            field(call.out, "timers", u64::from(turn.timers));
        }
        return;
    } else {
        return call.out.syntax_error();
    }
    call.out.ok();
}

/// Removes the collected data; following continues if it is on. O(1).
fn reset(call: &mut Call<'_>) {
    let server = &mut *call.server;
    server.observe.timeline.reset(&server.observe.meter);
    call.out.ok();
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "AE",
        &[
            "STATS",
            "    Return the time per phase of the loop, the events per wake-up, and the parts of",
            "    the traced requests: wait in the batch, parse, execute, wait to write, write.",
            "    The parts are distributions per command, in nanoseconds.",
            "TRACE ON [SAMPLE <n>]",
            "    Trace one request in <n> (default: 16) through the server.",
            "TRACE OFF",
            "    Stop tracing requests. The records are kept.",
            "TRACE GET [<count>]",
            "    Return the newest traced requests (default: 10) with their six instants,",
            "    in nanoseconds, on the clock of the server.",
            "LOOP ON|OFF",
            "    Start or stop recording when each step of a turn of the loop begins.",
            "LOOP GET [<count>]",
            "    Return the newest turns (default: 10), oldest first, in nanoseconds of the server's",
            "    clock, with the number of file events and of timers.",
            "RESET",
            "    Remove the collected data.",
        ],
    );
}
