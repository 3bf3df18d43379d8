//! Several sets at once: SINTER SUNION SDIFF, their STORE forms, SINTERCARD and SMOVE.

use crate::args::parse_integer;
use crate::db::set::Set;
use crate::db::small_bytes::SmallBytes;
use crate::db::{Db, EncodingLimits, Free, Ttl, Value};
use crate::server::flags::{DENYOOM, FAST, MOVABLE_KEYS, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, keys};

const ALL: crate::server::Keys = keys(1, -1, 1);
const UNORDERED: &[&str] = &["nondeterministic_output_order"];
const COST_INTER: &str = "O(N*M) for the smallest set's N members and M sets";
const COST: &str = "O(N) for N members in all sets";

const fn reading(
    name: &'static str,
    run: fn(&mut Call<'_>),
    cost: &'static str,
    summary: &'static str,
) -> CommandSpec {
    command(name, -2, READONLY, ALL, run).docs(Group::Set, "1.0.0", cost, summary).tips(UNORDERED)
}

const fn storing(
    name: &'static str,
    run: fn(&mut Call<'_>),
    cost: &'static str,
    summary: &'static str,
) -> CommandSpec {
    command(name, -3, WRITE | DENYOOM, ALL, run).docs(Group::Set, "1.0.0", cost, summary)
}

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    reading("sinter", |call| reply(call, Operation::Inter), COST_INTER, "Intersects sets."),
    reading("sunion", |call| reply(call, Operation::Union), COST, "Unites sets."),
    reading("sdiff", |call| reply(call, Operation::Diff), COST, "Subtracts sets from the first."),
    storing("sinterstore", |call| store(call, Operation::Inter), COST_INTER, "Stores SINTER."),
    storing("sunionstore", |call| store(call, Operation::Union), COST, "Stores SUNION."),
    storing("sdiffstore", |call| store(call, Operation::Diff), COST, "Stores SDIFF."),
    command("sintercard", -3, READONLY | MOVABLE_KEYS, NO_KEYS, sintercard).docs(
        Group::Set,
        "7.0.0",
        COST_INTER,
        "Counts the members of the intersection, up to a limit.",
    ),
    command("smove", 4, WRITE | FAST, keys(1, 2, 1), smove).docs(
        Group::Set,
        "1.0.0",
        "O(1)",
        "Moves a member from one set to another.",
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Inter,
    Union,
    Diff,
}

/// Checks the types of all keys first; false, with the error written, if one is no set.
fn all_sets<'k>(call: &mut Call<'_>, keys: impl Iterator<Item = &'k [u8]>) -> bool {
    let now_ms = call.now_ms();
    let (db, out) = call.db_and_out();
    for key in keys {
        if db.lookup_read(key, now_ms).is_some_and(|value| !matches!(value, Value::Set(_))) {
            out.wrong_type();
            return false;
        }
    }
    true
}

fn set_at<'d>(db: &'d Db, key: &[u8], now_ms: i64) -> Option<&'d Set> {
    match db.peek_unchanged(key, now_ms)?.value() {
        Value::Set(set) => Some(set),
        _ => None,
    }
}

/// The members of the intersection, at most `limit` of them. O(N*M).
fn intersection(sets: &[Option<&Set>], limit: usize) -> Vec<SmallBytes> {
    let mut found = Vec::new();
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<&Set>>>() else { return found };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return found };
    smallest.for_each(|member| {
        if found.len() < limit && others.iter().all(|set| set.contains(member)) {
            found.push(SmallBytes::new(member));
        }
    });
    found
}

fn combine(
    db: &Db,
    keys: &[&[u8]],
    operation: Operation,
    limits: &EncodingLimits,
    now_ms: i64,
) -> Option<Set> {
    let sets: Vec<Option<&Set>> = keys.iter().map(|key| set_at(db, key, now_ms)).collect();
    let mut result: Option<Set> = None;
    let mut add = |member: &[u8]| {
        result.get_or_insert_with(|| Set::for_member(member, limits)).add(member, limits);
    };
    match operation {
        Operation::Inter => intersection(&sets, usize::MAX).iter().for_each(|member| add(member)),
        Operation::Union => sets.iter().flatten().for_each(|set| set.for_each(&mut add)),
        Operation::Diff => {
            let first = sets.first().copied().flatten();
            let others: Vec<&Set> = sets.iter().skip(1).copied().flatten().collect();
            if let Some(first) = first {
                first.for_each(|member| {
                    if !others.iter().any(|set| set.contains(member)) {
                        add(member);
                    }
                });
            }
        }
    }
    result
}

fn reply(call: &mut Call<'_>, operation: Operation) {
    let (args, now_ms) = (call.args, call.now_ms());
    if !all_sets(call, args.from(1)) {
        return;
    }
    let (db, out) = call.db_and_out();
    let keys: Vec<&[u8]> = args.from(1).collect();
    match combine(db, &keys, operation, &db.encoding_limits(), now_ms) {
        None => out.set(0),
        Some(set) => {
            out.set(set.len());
            set.for_each(|member| out.bulk(member));
        }
    }
}

fn store(call: &mut Call<'_>, operation: Operation) {
    let (args, target, now_ms) = (call.args, call.args.at(1), call.now_ms());
    if !all_sets(call, args.from(2)) {
        return;
    }
    let db = call.db();
    let keys: Vec<&[u8]> = args.from(2).collect();
    let (count, changed) = match combine(db, &keys, operation, &db.encoding_limits(), now_ms) {
        None => (0, db.remove(target, Free::Now, now_ms)),
        Some(set) => {
            let count = set.len();
            db.set(target, Value::Set(Box::new(set)), Ttl::Clear, now_ms);
            (count, true)
        }
    };
    if changed {
        call.touched(target);
    }
    call.out.count(count);
}

/// SINTERCARD numkeys key… [LIMIT n]: the size of the intersection, up to n. O(N*M).
fn sintercard(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let Some(count) = parse_integer(args.at(1)).filter(|&count| count > 0) else {
        return call.out.error("ERR numkeys should be greater than 0");
    };
    if count > args.len() as i64 - 2 {
        return call.out.error("ERR Number of keys can't be greater than number of args");
    }
    let (mut at, mut limit) = (2 + count as usize, 0);
    while at < args.len() {
        if !args.is(at, "limit") || at + 1 >= args.len() {
            return call.out.syntax_error();
        }
        let Some(given) = parse_integer(args.at(at + 1)).filter(|&limit| limit >= 0) else {
            return call.out.error("ERR LIMIT can't be negative");
        };
        limit = given as usize;
        at += 2;
    }
    let keys = args.from(2).take(count as usize);
    if !all_sets(call, keys.clone()) {
        return;
    }
    let (db, out) = call.db_and_out();
    let sets: Vec<Option<&Set>> = keys.map(|key| set_at(db, key, now_ms)).collect();
    let limit = if limit == 0 { usize::MAX } else { limit };
    out.count(intersection(&sets, limit).len());
}

/// SMOVE source destination member: 1 if it was moved. O(1).
fn smove(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let (source, target, member) = (args.at(1), args.at(2), args.at(3));
    if !call.db().exists(source, now_ms) {
        return call.out.integer(0);
    }
    if !all_sets(call, args.from(1).take(2)) {
        return;
    }
    let db = call.db();
    let limits = db.encoding_limits();
    if source == target {
        let there = set_at(db, source, now_ms).is_some_and(|set| set.contains(member));
        return call.out.integer(there.into());
    }
    let Some(Value::Set(set)) = db.lookup_write(source, now_ms) else { return };
    if !set.remove(member) {
        return call.out.integer(0);
    }
    if set.is_empty() {
        db.remove(source, Free::Now, now_ms);
    }
    let create = || Value::Set(Box::new(Set::for_member(member, &limits)));
    if let Value::Set(set) = db.get_or_insert(target, now_ms, create) {
        set.add(member, &limits);
    }
    call.touched(source);
    call.touched(target);
    call.out.integer(1);
}
