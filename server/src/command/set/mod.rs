//! Sets: SADD SREM SCARD SISMEMBER SMISMEMBER SMEMBERS SSCAN SPOP SRANDMEMBER.

pub(super) mod algebra;

use std::collections::HashSet;

use crate::command::arguments::optional_count;
use crate::command::generic::scan::{parse_cursor, parse_options, reply_empty, reply_scan};
use crate::db::set::Set;
use crate::db::{Db, Free, Value};
use crate::reply::Reply;
use crate::server::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const ONE_KEY: crate::server::Keys = keys(1, 1, 1);

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("sadd", -3, WRITE | DENYOOM | FAST, ONE_KEY, sadd).docs(
        Group::Set,
        "1.0.0",
        "O(N) for N members",
        "Adds members to a set.",
    ),
    command("srem", -3, WRITE | FAST, ONE_KEY, srem).docs(
        Group::Set,
        "1.0.0",
        "O(N) for N members",
        "Removes members from a set.",
    ),
    command("scard", 2, READONLY | FAST, ONE_KEY, scard).docs(
        Group::Set,
        "1.0.0",
        "O(1)",
        "Returns the number of members.",
    ),
    command("sismember", 3, READONLY | FAST, ONE_KEY, sismember).docs(
        Group::Set,
        "1.0.0",
        "O(1)",
        "Says whether something is a member.",
    ),
    command("smismember", -3, READONLY | FAST, ONE_KEY, smismember).docs(
        Group::Set,
        "6.2.0",
        "O(N) for N members",
        "Says of each argument whether it is a member.",
    ),
    command("smembers", 2, READONLY, ONE_KEY, smembers)
        .docs(Group::Set, "1.0.0", "O(N) for N members", "Returns all members.")
        .tips(&["nondeterministic_output_order"]),
    command("sscan", -3, READONLY, ONE_KEY, sscan)
        .docs(
            Group::Set,
            "2.8.0",
            "O(1) for a call, O(N) for a whole iteration",
            "Iterates over the members.",
        )
        .tips(&["nondeterministic_output"]),
    command("spop", -2, WRITE | FAST, ONE_KEY, spop)
        .docs(
            Group::Set,
            "1.0.0",
            "O(N) for N members returned",
            "Takes random members out of a set.",
        )
        .tips(&["nondeterministic_output"]),
    command("srandmember", -2, READONLY, ONE_KEY, srandmember)
        .docs(
            Group::Set,
            "1.0.0",
            "O(N) for N members returned",
            "Returns random members of a set.",
        )
        .tips(&["nondeterministic_output"]),
];

/// The set in a value; otherwise the type error is written.
fn set_in<'v>(value: &'v Value, out: &mut Reply) -> Option<&'v Set> {
    match value {
        Value::Set(set) => Some(set),
        _ => {
            out.wrong_type();
            None
        }
    }
}

/// The same, mutable.
fn set_in_mut<'v>(value: &'v mut Value, out: &mut Reply) -> Option<&'v mut Set> {
    match value {
        Value::Set(set) => Some(set),
        _ => {
            out.wrong_type();
            None
        }
    }
}

/// SADD key member…: how many are new. O(N).
fn sadd(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let limits = db.encoding_limits();
    let create = || Value::Set(Box::new(Set::for_member(args.at(2), &limits)));
    let Some(set) = set_in_mut(db.get_or_insert(key, now_ms, create), out) else { return };
    let added = args.from(2).filter(|member| set.add(member, &limits)).count();
    if added > 0 {
        call.touched(key);
    }
    call.out.count(added);
}

/// SREM key member…: how many were removed. O(N).
fn srem(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else { return out.integer(0) };
    let Some(set) = set_in_mut(value, out) else { return };
    let removed = args.from(2).filter(|member| set.remove(member)).count();
    if set.is_empty() {
        db.remove(key, Free::Now, now_ms);
    }
    if removed > 0 {
        call.touched(key);
    }
    call.out.count(removed);
}

/// SCARD key: the number of members. O(1).
fn scard(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.integer(0) };
    if let Some(set) = set_in(value, out) {
        out.count(set.len());
    }
}

/// SISMEMBER key member: 1 or 0. O(1).
fn sismember(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.integer(0) };
    if let Some(set) = set_in(value, out) {
        out.integer(i64::from(set.contains(args.at(2))));
    }
}

/// SMISMEMBER key member…: 1 or 0 for each. O(N).
fn smismember(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let set = match db.lookup_read(key, now_ms) {
        None => None,
        Some(value) => match set_in(value, out) {
            Some(set) => Some(set),
            None => return,
        },
    };
    out.array(args.len() - 2);
    for member in args.from(2) {
        out.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    }
}

/// SMEMBERS key: all members. O(N); a large set stalls all clients.
fn smembers(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.set(0) };
    if let Some(set) = set_in(value, out) {
        reply_all(set, out);
    }
}

fn reply_all(set: &Set, out: &mut Reply) {
    out.set(set.len());
    set.for_each(|member| out.bulk(member));
}

/// SSCAN key cursor [MATCH pattern] [COUNT n]: the next cursor and some members. O(COUNT).
fn sscan(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(cursor) = parse_cursor(args.at(2), call.out) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return reply_empty(out) };
    let Some(set) = set_in(value, out) else { return };
    let Some(options) = parse_options(args, 3, cursor, out) else { return };
    reply_scan(&options, out, |cursor, found| {
        set.scan(cursor, |member| {
            found.visited += 1;
            if options.pattern.matches(member) {
                found.add(member);
            }
        })
    });
}

/// SPOP key [count]: random members, which are removed. O(N) for N members.
fn spop(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    if args.len() > 3 {
        return call.out.syntax_error();
    }
    let Ok(count) = optional_count(args, 2, call.out) else { return };
    let (db, out) = call.db_and_out();
    let seed = db.draw();
    let Some(value) = db.lookup_write(key, now_ms) else {
        return if count.is_some() { out.set(0) } else { out.null() };
    };
    let Some(set) = set_in_mut(value, out) else { return };
    match count {
        Some(0) => return out.set(0),
        Some(count) if count >= set.len() => {
            reply_all(set, out);
            db.remove(key, Free::Now, now_ms);
            return call.touched(key);
        }
        Some(count) => out.set(count),
        None => {}
    }
    let mut draw = random_numbers(seed);
    for _ in 0..count.unwrap_or(1) {
        if let Some(member) = set.random(&mut draw) {
            set.remove(&member);
            out.bulk(&member);
        }
    }
    if set.is_empty() {
        db.remove(key, Free::Now, now_ms);
    }
    call.touched(key);
}

/// Numbers that look random, from one that is (SplitMix64): the database's own generator is out of reach while one of
/// its values is borrowed.
fn random_numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// SRANDMEMBER key [count]: a random member, |count| of them if it is negative, different ones if positive. O(N).
fn srandmember(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    if args.len() > 3 {
        return call.out.syntax_error();
    }
    if args.len() == 2 {
        let (db, out) = call.db_and_out();
        return random_member(db, key, now_ms, out);
    }
    let Some(count) = call.integer_arg(2) else { return };
    if count == i64::MIN {
        return call.out.error(format!(
            "ERR value is out of range, value must between {} and {}",
            -i64::MAX,
            i64::MAX
        ));
    }
    let (db, out) = call.db_and_out();
    let mut draw = random_numbers(db.draw());
    let Some(value) = db.lookup_read(key, now_ms) else { return out.array(0) };
    let Some(set) = set_in(value, out) else { return };
    let wanted = count.unsigned_abs() as usize;
    if count < 0 {
        out.array(wanted);
        (0..wanted).filter_map(|_| set.random(&mut draw)).for_each(|member| out.bulk(&member));
    } else if wanted >= set.len() {
        out.array(set.len());
        set.for_each(|member| out.bulk(member));
    } else {
        out.array(wanted);
        sample(set, wanted, draw, out);
    }
}

fn random_member(db: &mut Db, key: &[u8], now_ms: i64, out: &mut Reply) {
    let draw = random_numbers(db.draw());
    let Some(value) = db.lookup_read(key, now_ms) else { return out.null() };
    let Some(set) = set_in(value, out) else { return };
    if let Some(member) = set.random(draw) {
        out.bulk(&member);
    }
}

/// Replies with `wanted` different members, fewer than there are: drawing until there are enough if few are wanted,
/// else shuffling them all.
fn sample(set: &Set, wanted: usize, mut draw: impl FnMut() -> u64, out: &mut Reply) {
    if wanted < set.len() / 3 {
        let mut chosen = HashSet::with_capacity(wanted);
        while chosen.len() < wanted {
            let Some(member) = set.random(&mut draw) else { return };
            if chosen.insert(member.to_vec()) {
                out.bulk(&member);
            }
        }
        return;
    }
    let mut members = Vec::with_capacity(set.len());
    set.for_each(|member| members.push(member.to_vec()));
    for at in 0..wanted {
        let from = at + (draw() % (members.len() - at) as u64) as usize;
        members.swap(at, from);
        out.bulk(&members[at]);
    }
}
