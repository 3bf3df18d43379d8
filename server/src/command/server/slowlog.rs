//! SLOWLOG GET LEN RESET HELP.

use crate::args::parse_integer;
use crate::server::flags::{ADMIN, LOADING, STALE};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, container};

pub(crate) const TABLE: &[CommandSpec] = &[container("slowlog", -2, SUBCOMMANDS).docs(
    Group::Server,
    "2.2.12",
    "Depends on subcommand.",
    "A container for slow log commands",
)];

/// Entries shown without a count.
const DEFAULT_COUNT: usize = 10;
const TIPS: &[&str] = &["request_policy:all_nodes", "nondeterministic_output"];

const SUBCOMMANDS: &[CommandSpec] = &[
    command("get", -2, ADMIN | LOADING | STALE, NO_KEYS, get)
        .of("slowlog")
        .docs(
            Group::Server,
            "2.2.12",
            "O(N) where N is the number of entries returned",
            "Get the slow log's entries",
        )
        .tips(TIPS),
    command("len", 2, ADMIN | LOADING | STALE, NO_KEYS, len)
        .of("slowlog")
        .docs(Group::Server, "2.2.12", "O(1)", "Get the slow log's length")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]),
    command("reset", 2, ADMIN | LOADING | STALE, NO_KEYS, reset)
        .of("slowlog")
        .docs(
            Group::Server,
            "2.2.12",
            "O(N) where N is the number of entries in the slowlog",
            "Clear all entries from the slow log",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    command("help", 2, LOADING | STALE, NO_KEYS, help).of("slowlog").docs(
        Group::Server,
        "6.2.0",
        "O(1)",
        "Show helpful text about the different subcommands",
    ),
];

/// The newest entries, 10 or as many as asked (-1: all). O(N) for N entries.
fn get(call: &mut Call<'_>) {
    if call.args.len() > 3 {
        return crate::command::help::unknown_or_wrong_arity(call, "SLOWLOG");
    }
    let mut count = DEFAULT_COUNT;
    if let Some(arg) = call.args.get(2) {
        count = match parse_integer(arg) {
            Some(-1) => usize::MAX,
            Some(count @ 0..) => count as usize,
            _ => return call.out.error("ERR count should be greater than or equal to -1"),
        };
    }
    let entries = call.server.observe.slowlog.entries();
    call.out.array(count.min(entries.len()));
    for entry in entries.take(count) {
        call.out.array(6);
        call.out.integer(entry.id as i64);
        call.out.integer(entry.unix_s);
        call.out.integer(entry.took.as_us() as i64);
        call.out.array(entry.args.len());
        for arg in &entry.args {
            call.out.bulk(arg);
        }
        call.out.bulk(entry.peer.as_bytes());
        call.out.bulk(&entry.name);
    }
}

/// How many entries there are. O(1).
fn len(call: &mut Call<'_>) {
    let len = call.server.observe.slowlog.entries().len();
    call.out.count(len);
}

/// Removes all entries. O(N) for N entries.
fn reset(call: &mut Call<'_>) {
    call.server.observe.slowlog.clear();
    call.out.ok();
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "SLOWLOG",
        &[
            "GET [<count>]",
            "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
            "    Entries are made of:",
            "    id, timestamp, time in microseconds, arguments array, client IP and port,",
            "    client name",
            "LEN",
            "    Return the length of the slowlog.",
            "RESET",
            "    Reset the slowlog.",
        ],
    );
}
