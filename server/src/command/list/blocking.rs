//! Popping items, at once or after waiting: BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP LMPOP.

use crate::client::PopRequest;
use crate::command::list::moves::end_arg;
use crate::command::pop::{LIST_ENDS, parse_many, pop_now, pop_or_wait, seconds_arg, try_or_wait};
use crate::db::list::End;
use crate::server::flags::{BLOCKING, DENYOOM, MOVABLE_KEYS, NOSCRIPT, WRITE};
use crate::server::{Call, CommandSpec, Group, Keys, NO_KEYS, command, keys};

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
    command("lmpop", -4, WRITE | MOVABLE_KEYS, NO_KEYS, lmpop).docs(
        Group::List,
        "7.0.0",
        "O(N+M) for N keys and M items",
        "Takes items from the first list that has some.",
    ),
];

/// BLPOP key … timeout: a key and its first item. O(N) for N keys.
fn blpop(call: &mut Call<'_>) {
    pop_or_wait(call, PopRequest::Item(End::Head));
}

/// BRPOP key … timeout: a key and its last item. O(N) for N keys.
fn brpop(call: &mut Call<'_>) {
    pop_or_wait(call, PopRequest::Item(End::Tail));
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
    try_or_wait(call, &[call.args.at(1)], PopRequest::Move { from, to, target }, deadline_ms);
}

/// BLMPOP timeout numkeys key … LEFT|RIGHT [COUNT n]: a key and its items. O(N+M).
fn blmpop(call: &mut Call<'_>) {
    let Some(deadline_ms) = seconds_arg(call, 1) else { return };
    let Some((keys, request)) = parse_many(call, 2, LIST_ENDS, PopRequest::Items) else { return };
    try_or_wait(call, &keys, request, deadline_ms);
}

/// LMPOP numkeys key … LEFT|RIGHT [COUNT n]: a key and its items, or null. O(N+M).
fn lmpop(call: &mut Call<'_>) {
    pop_now(call, LIST_ENDS, PopRequest::Items);
}
