//! Several sorted sets (or sets) at once: ZUNION ZINTER ZDIFF, their STORE forms and ZINTERCARD.

use crate::args::parse_integer;
use crate::command::arguments::parse_double;
use crate::db::small_bytes::SmallBytes;
use crate::db::sorted_set::{Scored, SortedSet};
use crate::db::{Db, Free, Ttl, Value};
use crate::server::flags::{DENYOOM, MOVABLE_KEYS, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, Keys, NO_KEYS, command, keys};
use std::collections::HashMap;

const TARGET: Keys = keys(1, 1, 1);
const COST: &str = "O(N)+O(M*log(M)) for N members of which M are in the result";

const fn storing(name: &'static str, run: fn(&mut Call<'_>), since: &'static str) -> CommandSpec {
    command(name, -4, WRITE | DENYOOM | MOVABLE_KEYS, TARGET, run).docs(
        Group::SortedSet,
        since,
        COST,
        "Combines sorted sets and stores the result.",
    )
}

const fn reading(name: &'static str, run: fn(&mut Call<'_>)) -> CommandSpec {
    command(name, -3, READONLY | MOVABLE_KEYS, NO_KEYS, run).docs(
        Group::SortedSet,
        "6.2.0",
        COST,
        "Combines sorted sets.",
    )
}

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    storing("zunionstore", |call| store(call, Operation::Union), "2.0.0"),
    storing("zinterstore", |call| store(call, Operation::Inter), "2.0.0"),
    storing("zdiffstore", |call| store(call, Operation::Diff), "6.2.0"),
    reading("zunion", |call| reply(call, Operation::Union)),
    reading("zinter", |call| reply(call, Operation::Inter)),
    reading("zdiff", |call| reply(call, Operation::Diff)),
    command("zintercard", -3, READONLY | MOVABLE_KEYS, NO_KEYS, zintercard).docs(
        Group::SortedSet,
        "7.0.0",
        "O(N*M) for the smallest set's N members and M sets",
        "Counts the members of the intersection, up to a limit.",
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

/// How the scores of one member become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            // Infinities of both signs cancel to 0, as in Redis.
            Aggregate::Sum if (a + b).is_nan() => 0.0,
            Aggregate::Sum => a + b,
            Aggregate::Min => a.min(b),
            Aggregate::Max => a.max(b),
        }
    }
}

struct Request<'a> {
    keys: Vec<&'a [u8]>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

/// Members and scores of a key that may be a set (every score 1).
type Scores = HashMap<SmallBytesKey, f64>;

/// A member as a key of a map.
#[derive(Clone, PartialEq, Eq)]
struct SmallBytesKey(SmallBytes);

impl std::hash::Hash for SmallBytesKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0[..].hash(state);
    }
}

/// Reads numkeys and the keys from `first` on; replies with the error.
fn keys_arg<'a>(call: &mut Call<'a>, first: usize) -> Option<Vec<&'a [u8]>> {
    let args = call.args;
    let count = call.integer_arg(first)?;
    if count < 1 {
        let name = call.spec.full_name();
        call.out.error(format!("ERR at least 1 input key is needed for '{name}' command"));
        return None;
    }
    if count > (args.len() - first - 1) as i64 {
        call.out.syntax_error();
        return None;
    }
    Some(args.from(first + 1).take(count as usize).collect())
}

/// True, with the error written, if a key is neither a sorted set nor a set.
fn wrong_types(call: &mut Call<'_>, keys: &[&[u8]]) -> bool {
    let now_ms = call.now_ms();
    let (db, out) = call.db_and_out();
    let wrong = keys.iter().any(|key| {
        let value = db.lookup_read(key, now_ms);
        value.is_some_and(|value| !matches!(value, Value::SortedSet(_) | Value::Set(_)))
    });
    if wrong {
        out.wrong_type();
    }
    wrong
}

fn parse<'a>(call: &mut Call<'a>, first: usize, operation: Operation) -> Option<Request<'a>> {
    let keys = keys_arg(call, first)?;
    if wrong_types(call, &keys) {
        return None;
    }
    let args = call.args;
    let mut request = Request {
        weights: vec![1.0; keys.len()],
        keys,
        aggregate: Aggregate::Sum,
        with_scores: false,
    };
    let mut at = first + 1 + request.keys.len();
    while at < args.len() {
        let left = args.len() - at;
        if operation != Operation::Diff && left > request.keys.len() && args.is(at, "weights") {
            for index in 0..request.keys.len() {
                let Some(weight) = parse_double(args.at(at + 1 + index)) else {
                    call.out.error("ERR weight value is not a float");
                    return None;
                };
                request.weights[index] = weight;
            }
            at += 1 + request.keys.len();
        } else if operation != Operation::Diff && left >= 2 && args.is(at, "aggregate") {
            request.aggregate = match () {
                () if args.is(at + 1, "sum") => Aggregate::Sum,
                () if args.is(at + 1, "min") => Aggregate::Min,
                () if args.is(at + 1, "max") => Aggregate::Max,
                () => {
                    call.out.syntax_error();
                    return None;
                }
            };
            at += 2;
        } else if first == 1 && args.is(at, "withscores") {
            request.with_scores = true;
            at += 1;
        } else {
            call.out.syntax_error();
            return None;
        }
    }
    Some(request)
}

fn scores_of(db: &Db, key: &[u8], now_ms: i64) -> Scores {
    let mut scores = Scores::new();
    match db.peek_unchanged(key, now_ms).map(crate::db::Entry::value) {
        Some(Value::SortedSet(set)) => {
            let pairs = set.iter().map(|scored| (scored.member.clone(), scored.score));
            scores.extend(pairs.map(|(member, score)| (SmallBytesKey(member), score)));
        }
        Some(Value::Set(set)) => set.for_each(|member| {
            scores.insert(SmallBytesKey(SmallBytes::new(member)), 1.0);
        }),
        _ => {}
    }
    scores
}

/// The result, in order of score and member.
fn combine(db: &Db, request: &Request<'_>, operation: Operation, now_ms: i64) -> Vec<Scored> {
    let mut result = Scores::new();
    for (index, (key, weight)) in request.keys.iter().zip(&request.weights).enumerate() {
        let mut scores = scores_of(db, key, now_ms);
        for score in scores.values_mut() {
            // An infinite score times a weight of zero is zero.
            let weighted = *score * weight;
            *score = if weighted.is_nan() { 0.0 } else { weighted };
        }
        match (operation, index) {
            (_, 0) => result = scores,
            (Operation::Union, _) => {
                for (member, score) in scores {
                    let known = result.get(&member).copied();
                    let score = known.map_or(score, |known| request.aggregate.of(known, score));
                    result.insert(member, score);
                }
            }
            (Operation::Inter, _) => result.retain(|member, score| {
                let other = scores.get(member);
                *score = other.map_or(*score, |other| request.aggregate.of(*score, *other));
                other.is_some()
            }),
            (Operation::Diff, _) => result.retain(|member, _| !scores.contains_key(member)),
        }
    }
    let mut ordered: Vec<Scored> =
        (result.into_iter()).map(|(member, score)| Scored { member: member.0, score }).collect();
    ordered.sort_by(|a, b| {
        let by_score = a.score.partial_cmp(&b.score).unwrap_or(std::cmp::Ordering::Equal);
        by_score.then_with(|| a.member[..].cmp(&b.member[..]))
    });
    ordered
}

fn reply(call: &mut Call<'_>, operation: Operation) {
    let Some(request) = parse(call, 1, operation) else { return };
    let now_ms = call.now_ms();
    let (db, out) = call.db_and_out();
    let result = combine(db, &request, operation, now_ms);
    let flat = request.with_scores && !out.resp3();
    out.array(if flat { result.len() * 2 } else { result.len() });
    for scored in &result {
        if request.with_scores && !flat {
            out.array(2);
        }
        out.bulk(&scored.member);
        if request.with_scores {
            out.double(scored.score);
        }
    }
}

fn store(call: &mut Call<'_>, operation: Operation) {
    let Some(request) = parse(call, 2, operation) else { return };
    let (target, now_ms) = (call.args.at(1), call.now_ms());
    let db = call.db();
    let result = combine(db, &request, operation, now_ms);
    let changed = if result.is_empty() {
        db.remove(target, Free::Now, now_ms)
    } else {
        let (mut set, limits) = (SortedSet::default(), db.encoding_limits());
        result.iter().for_each(|scored| set.set(&scored.member, scored.score, &limits));
        db.set(target, Value::SortedSet(Box::new(set)), Ttl::Clear, now_ms);
        true
    };
    if changed {
        call.touched(target);
    }
    call.out.count(result.len());
}

/// ZINTERCARD numkeys key… [LIMIT n]: the size of the intersection, up to n. O(N*M).
fn zintercard(call: &mut Call<'_>) {
    let Some(keys) = keys_arg(call, 1) else { return };
    if wrong_types(call, &keys) {
        return;
    }
    let (args, now_ms) = (call.args, call.now_ms());
    let (mut at, mut limit) = (2 + keys.len(), 0);
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
    let weights = vec![1.0; keys.len()];
    let request = Request { keys, weights, aggregate: Aggregate::Sum, with_scores: false };
    let (db, out) = call.db_and_out();
    let count = combine(db, &request, Operation::Inter, now_ms).len();
    out.count(if limit == 0 { count } else { count.min(limit) });
}
