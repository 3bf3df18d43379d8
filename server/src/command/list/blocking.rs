//! Commands that may wait: BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP, and WAIT.
//!
//! Each first tries at once; [`crate::blocking`] does the rest. In a transaction or a script nobody
//! waits: the reply is then that of a time that is up.

use super::flags::{BLOCKING, DENYOOM, FAST, MOVABLE_KEYS, NOSCRIPT, WRITE};
use super::list_move::end_arg;
use super::pop_many::{LIST_ENDS, SET_ENDS, Wish, parse_many, serve_first};
use super::string_long_double::LongDouble;
use super::{Call, CommandSpec, Group, Keys, NO_KEYS, command, keys};
use crate::blocking::{self, Waiting};
use crate::db::list::End;

const POP: u32 = WRITE | NOSCRIPT | BLOCKING;
const MANY_KEYS: Keys = keys(1, -2, 1);
const PER_KEY: &str = "O(N) for N keys";

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("blpop", -3, POP, MANY_KEYS, blpop).docs(
        Group::List,
        "2.0.0",
        PER_KEY,
        "Takes the first item of a list, waiting for one.",
    ),
    command("brpop", -3, POP, MANY_KEYS, brpop).docs(
        Group::List,
        "2.0.0",
        PER_KEY,
        "Takes the last item of a list, waiting for one.",
    ),
    command("blmove", 6, POP | DENYOOM, keys(1, 2, 1), blmove).docs(
        Group::List,
        "6.2.0",
        "O(1)",
        "Moves an item from list to list, waiting for one.",
    ),
    command("brpoplpush", 4, POP | DENYOOM, keys(1, 2, 1), brpoplpush).docs(
        Group::List,
        "2.2.0",
        "O(1)",
        "Moves the last item of a list to the head of another, waiting for one.",
    ),
    command("blmpop", -5, WRITE | BLOCKING | MOVABLE_KEYS, NO_KEYS, blmpop).docs(
        Group::List,
        "7.0.0",
        "O(N+M) for N keys and M items",
        "Takes items from the first list that has some, waiting for them.",
    ),
    command("bzpopmin", -3, POP | FAST, MANY_KEYS, bzpopmin).docs(
        Group::SortedSet,
        "5.0.0",
        "O(log(N))",
        "Takes the member with the lowest score, waiting for one.",
    ),
    command("bzpopmax", -3, POP | FAST, MANY_KEYS, bzpopmax).docs(
        Group::SortedSet,
        "5.0.0",
        "O(log(N))",
        "Takes the member with the highest score, waiting for one.",
    ),
    command("bzmpop", -5, WRITE | BLOCKING | MOVABLE_KEYS, NO_KEYS, bzmpop).docs(
        Group::SortedSet,
        "7.0.0",
        "O(K) + O(M*log(N)) for K keys and M members",
        "Takes members from the first sorted set that has some, waiting for them.",
    ),
    command("wait", 3, NOSCRIPT, NO_KEYS, wait)
        .docs(Group::Generic, "3.0.0", "O(1)", "Waits until so many replicas have all writes.")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"]),
];

/// BLPOP key … timeout: a key and its first item. O(N) for N keys.
fn blpop(call: &mut Call<'_>) {
    pop(call, Wish::Item(End::Head));
}

/// BRPOP key … timeout: a key and its last item. O(N) for N keys.
fn brpop(call: &mut Call<'_>) {
    pop(call, Wish::Item(End::Tail));
}

/// BZPOPMIN key … timeout: a key, its member with the lowest score, and that. O(N + log M).
fn bzpopmin(call: &mut Call<'_>) {
    pop(call, Wish::Member(End::Head));
}

/// BZPOPMAX key … timeout: a key, its member with the highest score, and that. O(N + log M).
fn bzpopmax(call: &mut Call<'_>) {
    pop(call, Wish::Member(End::Tail));
}

fn pop(call: &mut Call<'_>, wish: Wish) {
    let Some(deadline_ms) = seconds_arg(call, call.args.len() - 1) else { return };
    let keys: Vec<&[u8]> = call.args.from(1).take(call.args.len() - 2).collect();
    try_or_wait(call, &keys, wish, deadline_ms);
}

/// BLMOVE source target LEFT|RIGHT LEFT|RIGHT timeout: the item moved. O(1).
fn blmove(call: &mut Call<'_>) {
    let Some(from) = end_arg(call, 3) else { return };
    let Some(to) = end_arg(call, 4) else { return };
    move_or_wait(call, from, to, 5);
}

/// BRPOPLPUSH source target timeout: BLMOVE from right to left. O(1).
fn brpoplpush(call: &mut Call<'_>) {
    move_or_wait(call, End::Tail, End::Head, 3);
}

fn move_or_wait(call: &mut Call<'_>, from: End, to: End, timeout_at: usize) {
    let Some(deadline_ms) = seconds_arg(call, timeout_at) else { return };
    let target = call.args.at(2).into();
    try_or_wait(call, &[call.args.at(1)], Wish::Move { from, to, target }, deadline_ms);
}

/// BLMPOP timeout numkeys key … LEFT|RIGHT [COUNT n]: a key and its items. O(N+M).
fn blmpop(call: &mut Call<'_>) {
    let Some(deadline_ms) = seconds_arg(call, 1) else { return };
    let Some((keys, wish)) = parse_many(call, 2, LIST_ENDS, Wish::Items) else { return };
    try_or_wait(call, &keys, wish, deadline_ms);
}

/// BZMPOP timeout numkeys key … MIN|MAX [COUNT n]: a key and its members with scores. O(K)+O(M log N).
fn bzmpop(call: &mut Call<'_>) {
    let Some(deadline_ms) = seconds_arg(call, 1) else { return };
    let Some((keys, wish)) = parse_many(call, 2, SET_ENDS, Wish::Members) else { return };
    try_or_wait(call, &keys, wish, deadline_ms);
}

fn try_or_wait(call: &mut Call<'_>, keys: &[&[u8]], wish: Wish, deadline_ms: Option<i64>) {
    if serve_first(call, keys.iter().copied(), &wish).is_some() {
        return;
    }
    if may_not_wait(call) {
        return match wish {
            Wish::Move { .. } => call.out.null(),
            _ => call.out.null_array(),
        };
    }
    let keys = keys.iter().map(|&key| key.into()).collect();
    let command = call.id;
    let waiting = Waiting::Keys { db: call.db, keys, wish, command, deadline_ms };
    blocking::wait(call.server, call.client, waiting);
}

/// WAIT numreplicas timeout: how many replicas have all writes: none. O(1).
fn wait(call: &mut Call<'_>) {
    let Some(wanted) = call.integer_arg(1) else { return };
    let Some(timeout_ms) = super::parse_integer(call.args.at(2)) else {
        return call.out.error("ERR timeout is not an integer or out of range");
    };
    let Ok(deadline_ms) = deadline(call, timeout_ms) else { return };
    if wanted <= 0 || may_not_wait(call) {
        return call.out.integer(0);
    }
    let waiting = Waiting::Replicas { command: call.id, deadline_ms };
    blocking::wait(call.server, call.client, waiting);
}

/// In a transaction or a script nothing could happen while somebody waits.
fn may_not_wait(call: &Call<'_>) -> bool {
    call.server.in_transaction || call.server.scripting.running.is_some()
}

/// When the seconds in this argument are over; `Some(None)` is never. `None` after an error.
fn seconds_arg(call: &mut Call<'_>, at: usize) -> Option<Option<i64>> {
    let seconds = match LongDouble::parse(call.args.at(at)) {
        Some(seconds) => seconds.to_f64(),
        None => {
            call.out.error("ERR timeout is not a float or out of range");
            return None;
        }
    };
    let ms = (seconds * 1000.0).ceil();
    // What does not fit wraps to a negative number in Redis.
    let ms = if ms < i64::MAX as f64 { ms as i64 } else { -1 };
    deadline(call, ms).ok()
}

fn deadline(call: &mut Call<'_>, timeout_ms: i64) -> Result<Option<i64>, ()> {
    match timeout_ms {
        0 => Ok(None),
        1.. => Ok(Some(call.now_ms().saturating_add(timeout_ms))),
        _ => {
            call.out.error("ERR timeout is negative");
            Err(())
        }
    }
}
