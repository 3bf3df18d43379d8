//! Popping members, at once or after waiting: BZPOPMIN BZPOPMAX BZMPOP ZMPOP.

use crate::client::PopRequest;
use crate::command::pop::{SET_ENDS, parse_many, pop_now, pop_or_wait, seconds_arg, try_or_wait};
use crate::db::list::End;
use crate::server::flags::{BLOCKING, FAST, MOVABLE_KEYS, NOSCRIPT, WRITE};
use crate::server::{Call, CommandSpec, Group, Keys, NO_KEYS, command, keys};

const POP: u32 = WRITE | NOSCRIPT | BLOCKING | FAST;
const MANY_KEYS: Keys = keys(1, -2, 1);

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("bzpopmin", -3, POP, MANY_KEYS, bzpopmin).docs(
        Group::SortedSet,
        "5.0.0",
        "O(log(N))",
        "Takes the member with the lowest score, waiting for one.",
    ),
    command("bzpopmax", -3, POP, MANY_KEYS, bzpopmax).docs(
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
    command("zmpop", -4, WRITE | MOVABLE_KEYS, NO_KEYS, zmpop).docs(
        Group::SortedSet,
        "7.0.0",
        "O(K) + O(M*log(N)) for K keys and M members",
        "Takes members from the first sorted set that has some.",
    ),
];

/// BZPOPMIN key … timeout: a key, its member with the lowest score, and that. O(N + log M).
fn bzpopmin(call: &mut Call<'_>) {
    pop_or_wait(call, PopRequest::Member(End::Head));
}

/// BZPOPMAX key … timeout: a key, its member with the highest score, and that. O(N + log M).
fn bzpopmax(call: &mut Call<'_>) {
    pop_or_wait(call, PopRequest::Member(End::Tail));
}

/// BZMPOP timeout numkeys key … MIN|MAX [COUNT n]: a key and its members with scores. O(K)+O(M log N).
fn bzmpop(call: &mut Call<'_>) {
    let Some(deadline_ms) = seconds_arg(call, 1) else { return };
    let Some((keys, request)) = parse_many(call, 2, SET_ENDS, PopRequest::Members) else { return };
    try_or_wait(call, &keys, request, deadline_ms);
}

/// ZMPOP numkeys key … MIN|MAX [COUNT n]: a key and its members with scores, or null. O(K)+O(M log N).
fn zmpop(call: &mut Call<'_>) {
    pop_now(call, SET_ENDS, PopRequest::Members);
}
