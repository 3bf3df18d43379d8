//! Sorted sets: ZADD ZINCRBY ZREM ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZPOPMIN ZPOPMAX ZSCAN.
//!
//! The range commands are in `zset_range`.

pub(super) mod algebra;
pub(super) mod blocking;
pub(super) mod random;
pub(super) mod range;

use crate::args::Args;
use crate::command::arguments::{optional_count, parse_double};
use crate::command::generic::scan::{parse_cursor, parse_options, reply_empty, reply_scan};
use crate::db::list::End;
use crate::db::sorted_set::SortedSet;
use crate::db::{EncodingLimits, Free, Value};
use crate::reply::Reply;
use crate::server::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const ONE_KEY: crate::server::Keys = keys(1, 1, 1);

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("zadd", -4, WRITE | DENYOOM | FAST, ONE_KEY, zadd).docs(
        Group::SortedSet,
        "1.2.0",
        "O(log(N)) for each member",
        "Adds members with scores.",
    ),
    command("zincrby", 4, WRITE | DENYOOM | FAST, ONE_KEY, zincrby).docs(
        Group::SortedSet,
        "1.2.0",
        "O(log(N))",
        "Adds to the score of a member.",
    ),
    command("zrem", -3, WRITE | FAST, ONE_KEY, zrem).docs(
        Group::SortedSet,
        "1.2.0",
        "O(M*log(N)) for M members",
        "Removes members.",
    ),
    command("zcard", 2, READONLY | FAST, ONE_KEY, zcard).docs(
        Group::SortedSet,
        "1.2.0",
        "O(1)",
        "Returns the number of members.",
    ),
    command("zscore", 3, READONLY | FAST, ONE_KEY, zscore).docs(
        Group::SortedSet,
        "1.2.0",
        "O(1)",
        "Returns the score of a member.",
    ),
    command("zmscore", -3, READONLY | FAST, ONE_KEY, zmscore).docs(
        Group::SortedSet,
        "6.2.0",
        "O(N) for N members",
        "Returns the scores of several members.",
    ),
    command("zrank", 3, READONLY | FAST, ONE_KEY, zrank).docs(
        Group::SortedSet,
        "2.0.0",
        "O(log(N))",
        "Returns how many members have lower scores.",
    ),
    command("zrevrank", 3, READONLY | FAST, ONE_KEY, zrevrank).docs(
        Group::SortedSet,
        "2.0.0",
        "O(log(N))",
        "Returns how many members have higher scores.",
    ),
    command("zpopmin", -2, WRITE | FAST, ONE_KEY, zpopmin).docs(
        Group::SortedSet,
        "5.0.0",
        "O(log(N)*M) for M members",
        "Takes out the members with the lowest scores.",
    ),
    command("zpopmax", -2, WRITE | FAST, ONE_KEY, zpopmax).docs(
        Group::SortedSet,
        "5.0.0",
        "O(log(N)*M) for M members",
        "Takes out the members with the highest scores.",
    ),
    command("zscan", -3, READONLY, ONE_KEY, zscan)
        .docs(
            Group::SortedSet,
            "2.8.0",
            "O(1) for a call, O(N) for a whole iteration",
            "Iterates over members and scores.",
        )
        .tips(&["nondeterministic_output"]),
];

/// The sorted set in a value; otherwise the type error is written.
pub(crate) fn zset_in<'v>(value: &'v Value, out: &mut Reply) -> Option<&'v SortedSet> {
    match value {
        Value::SortedSet(set) => Some(set),
        _ => {
            out.wrong_type();
            None
        }
    }
}

/// The same, mutable.
pub(crate) fn zset_in_mut<'v>(value: &'v mut Value, out: &mut Reply) -> Option<&'v mut SortedSet> {
    match value {
        Value::SortedSet(set) => Some(set),
        _ => {
            out.wrong_type();
            None
        }
    }
}

fn read<'c>(call: &'c mut Call<'_>) -> Result<(Option<&'c SortedSet>, &'c mut Reply), ()> {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    match db.lookup_read(key, now_ms) {
        None => Ok((None, out)),
        Some(Value::SortedSet(set)) => Ok((Some(set), out)),
        Some(_) => {
            out.wrong_type();
            Err(())
        }
    }
}

/// ZADD's options.
#[derive(Clone, Copy, Default)]
struct Rules {
    existence: Existence,
    order: Order,
    increments: Mode,
    counts: Counted,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Existence {
    #[default]
    Any,
    OnlyNew,
    OnlyOld,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Any,
    OnlyGreater,
    OnlyLess,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Set,
    Increment,
}

/// What ZADD's reply counts.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Counted {
    #[default]
    Added,
    AddedAndChanged,
}

/// Reads ZADD's options; returns them and the index of the first score. `None` after an error.
fn parse_rules(args: Args<'_>, out: &mut Reply) -> Option<(Rules, usize)> {
    let mut rules = Rules::default();
    let (mut new, mut old, mut greater, mut less) = (false, false, false, false);
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "nx") {
            new = true;
        } else if args.is(at, "xx") {
            old = true;
        } else if args.is(at, "gt") {
            greater = true;
        } else if args.is(at, "lt") {
            less = true;
        } else if args.is(at, "ch") {
            rules.counts = Counted::AddedAndChanged;
        } else if args.is(at, "incr") {
            rules.increments = Mode::Increment;
        } else {
            break;
        }
        at += 1;
    }
    let words = args.len() - at;
    if words == 0 || !words.is_multiple_of(2) {
        out.syntax_error();
    } else if new && old {
        out.error("ERR XX and NX options at the same time are not compatible");
    } else if [greater, less, new].iter().filter(|&&given| given).count() > 1 {
        out.error("ERR GT, LT, and/or NX options at the same time are not compatible");
    } else if rules.increments == Mode::Increment && words > 2 {
        out.error("ERR INCR option supports a single increment-element pair");
    } else {
        rules.existence = match (new, old) {
            (true, _) => Existence::OnlyNew,
            (_, true) => Existence::OnlyOld,
            _ => Existence::Any,
        };
        rules.order = match (greater, less) {
            (true, _) => Order::OnlyGreater,
            (_, true) => Order::OnlyLess,
            _ => Order::Any,
        };
        return Some((rules, at));
    }
    None
}

/// What became of one member.
enum Outcome {
    Left,
    Added(f64),
    Changed(f64),
    Same(f64),
    NotANumber,
}

fn add_one(
    set: &mut SortedSet,
    member: &[u8],
    score: f64,
    rules: Rules,
    limits: &EncodingLimits,
) -> Outcome {
    let Some(current) = set.score(member) else {
        if rules.existence == Existence::OnlyOld {
            return Outcome::Left;
        }
        set.set(member, score, limits);
        return Outcome::Added(score);
    };
    if rules.existence == Existence::OnlyNew {
        return Outcome::Left;
    }
    let score = if rules.increments == Mode::Increment { current + score } else { score };
    if score.is_nan() {
        return Outcome::NotANumber;
    }
    let refused = match rules.order {
        Order::Any => false,
        Order::OnlyGreater => score <= current,
        Order::OnlyLess => score >= current,
    };
    if refused {
        Outcome::Left
    } else if score == current {
        Outcome::Same(score)
    } else {
        set.set(member, score, limits);
        Outcome::Changed(score)
    }
}

/// ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member…: how many were added. O(log N) for each.
fn zadd(call: &mut Call<'_>) {
    if let Some((rules, first)) = parse_rules(call.args, call.out) {
        add(call, rules, first);
    }
}

/// ZINCRBY key increment member: the new score. O(log N).
fn zincrby(call: &mut Call<'_>) {
    add(call, Rules { increments: Mode::Increment, ..Rules::default() }, 2);
}

fn add(call: &mut Call<'_>, rules: Rules, first: usize) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    if (first..args.len()).step_by(2).any(|at| parse_double(args.at(at)).is_none()) {
        return call.out.not_float();
    }
    let (db, out) = call.db_and_out();
    let limits = db.encoding_limits();
    if rules.existence == Existence::OnlyOld && !db.exists(key, now_ms) {
        return if rules.increments == Mode::Increment { out.null() } else { out.integer(0) };
    }
    let value = db.get_or_insert(key, now_ms, || Value::SortedSet(Box::default()));
    let Some(set) = zset_in_mut(value, out) else { return };
    let (mut added, mut changed, mut last) = (0, 0, None);
    for at in (first..args.len()).step_by(2) {
        let score = parse_double(args.at(at)).unwrap_or_default();
        last = match add_one(set, args.at(at + 1), score, rules, &limits) {
            Outcome::Left => None,
            Outcome::Same(score) => Some(score),
            Outcome::Added(score) => {
                added += 1;
                Some(score)
            }
            Outcome::Changed(score) => {
                changed += 1;
                Some(score)
            }
            Outcome::NotANumber => {
                return out.error("ERR resulting score is not a number (NaN)");
            }
        };
    }
    if added + changed > 0 {
        call.touched(key);
    }
    match (rules.increments, last, rules.counts) {
        (Mode::Increment, Some(score), _) => call.out.double(score),
        (Mode::Increment, None, _) => call.out.null(),
        (Mode::Set, _, Counted::Added) => call.out.integer(added),
        (Mode::Set, _, Counted::AddedAndChanged) => call.out.integer(added + changed),
    }
}

/// ZREM key member…: how many were removed. O(M log N).
fn zrem(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else { return out.integer(0) };
    let Some(set) = zset_in_mut(value, out) else { return };
    let removed = args.from(2).filter(|member| set.remove(member).is_some()).count();
    if set.is_empty() {
        db.remove(key, Free::Now, now_ms);
    }
    if removed > 0 {
        call.touched(key);
    }
    call.out.count(removed);
}

/// ZCARD key: the number of members. O(1).
fn zcard(call: &mut Call<'_>) {
    if let Ok((set, out)) = read(call) {
        out.count(set.map_or(0, SortedSet::len));
    }
}

fn reply_score(score: Option<f64>, out: &mut Reply) {
    match score {
        Some(score) => out.double(score),
        None => out.null(),
    }
}

/// ZSCORE key member: the score, or null. O(1).
fn zscore(call: &mut Call<'_>) {
    let args = call.args;
    if let Ok((set, out)) = read(call) {
        reply_score(set.and_then(|set| set.score(args.at(2))), out);
    }
}

/// ZMSCORE key member…: the scores, null for what is no member. O(N).
fn zmscore(call: &mut Call<'_>) {
    let args = call.args;
    let Ok((set, out)) = read(call) else { return };
    out.array(args.len() - 2);
    args.from(2).for_each(|member| reply_score(set.and_then(|set| set.score(member)), out));
}

/// ZRANK key member: how many members come before it, or null. O(log N).
fn zrank(call: &mut Call<'_>) {
    rank(call, |_, rank| rank);
}

/// ZREVRANK key member: how many members come after it, or null. O(log N).
fn zrevrank(call: &mut Call<'_>) {
    rank(call, |length, rank| length - 1 - rank);
}

fn rank(call: &mut Call<'_>, counted: impl FnOnce(usize, usize) -> usize) {
    let args = call.args;
    let Ok((set, out)) = read(call) else { return };
    match set.and_then(|set| Some((set.len(), set.rank(args.at(2))?))) {
        Some((length, rank)) => out.count(counted(length, rank)),
        None => out.null(),
    }
}

/// ZPOPMIN key [count]: the members with the lowest scores, which are removed. O(M log N).
fn zpopmin(call: &mut Call<'_>) {
    pop(call, End::Head);
}

/// ZPOPMAX key [count]: the members with the highest scores, which are removed. O(M log N).
fn zpopmax(call: &mut Call<'_>) {
    pop(call, End::Tail);
}

fn pop(call: &mut Call<'_>, end: End) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    if args.len() > 3 {
        return call.out.syntax_error();
    }
    let Ok(count) = optional_count(args, 2, call.out) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else { return out.array(0) };
    let Some(set) = zset_in_mut(value, out) else { return };
    let popped = count.unwrap_or(1).min(set.len());
    let nested = out.resp3() && count.is_some();
    out.array(if nested { popped } else { popped * 2 });
    if popped == 0 {
        return;
    }
    for scored in (0..popped).filter_map(|_| set.pop(end)) {
        if nested {
            out.array(2);
        }
        out.bulk(&scored.member);
        out.double(scored.score);
    }
    if set.is_empty() {
        db.remove(key, Free::Now, now_ms);
    }
    call.touched(key);
}

/// A score as ZSCAN shows it: what a listpack would hold as an integer is written as one.
fn scanned_score(score: f64, listpack: bool) -> String {
    /// Larger ones are never tried (`double2ll`).
    const INTEGER_MAX: f64 = (i64::MAX / 2) as f64;
    if listpack && score == score.trunc() && (-INTEGER_MAX..=INTEGER_MAX).contains(&score) {
        return (score as i64).to_string();
    }
    aelab_resp::encode::format_double(score)
}

/// ZSCAN key cursor [MATCH pattern] [COUNT n]: the next cursor, some members and their scores. O(COUNT).
fn zscan(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(cursor) = parse_cursor(args.at(2), call.out) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return reply_empty(out) };
    let Some(set) = zset_in(value, out) else { return };
    let Some(options) = parse_options(args, 3, cursor, out) else { return };
    let listpack = set.encoding() == "listpack";
    reply_scan(&options, out, |cursor, found| {
        set.scan(cursor, |scored| {
            // Member and score are two elements in Redis's count.
            found.visited += 2;
            if options.pattern.matches(&scored.member) {
                found.add(&scored.member);
                found.add(scanned_score(scored.score, listpack).as_bytes());
            }
        })
    });
}
