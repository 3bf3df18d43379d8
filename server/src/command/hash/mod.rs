//! Hashes: HSET HMSET HSETNX HGET HMGET HGETALL HKEYS HVALS HDEL HLEN HEXISTS HSTRLEN HINCRBY HINCRBYFLOAT HSCAN.

pub(super) mod random;

use crate::command::generic::scan::{parse_cursor, parse_options, reply_empty, reply_scan};
use crate::db::hash::Hash;
use crate::db::value::parse_canonical_integer;
use crate::db::{Free, Value};
use crate::number::long_double::LongDouble;
use crate::reply::Reply;
use crate::server::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const ONE_KEY: crate::server::Keys = keys(1, 1, 1);
const UNORDERED: &[&str] = &["nondeterministic_output_order"];

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("hset", -4, WRITE | DENYOOM | FAST, ONE_KEY, hset).docs(
        Group::Hash,
        "2.0.0",
        "O(N) for N fields",
        "Sets fields of a hash.",
    ),
    command("hmset", -4, WRITE | DENYOOM | FAST, ONE_KEY, hmset).docs(
        Group::Hash,
        "2.0.0",
        "O(N) for N fields",
        "Sets fields of a hash (old name).",
    ),
    command("hsetnx", 4, WRITE | DENYOOM | FAST, ONE_KEY, hsetnx).docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "Sets a field that does not exist.",
    ),
    command("hget", 3, READONLY | FAST, ONE_KEY, hget).docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "Returns the value of a field.",
    ),
    command("hmget", -3, READONLY | FAST, ONE_KEY, hmget).docs(
        Group::Hash,
        "2.0.0",
        "O(N) for N fields",
        "Returns the values of several fields.",
    ),
    command("hgetall", 2, READONLY, ONE_KEY, hgetall)
        .docs(Group::Hash, "2.0.0", "O(N) for N fields", "Returns all fields and values.")
        .tips(UNORDERED),
    command("hkeys", 2, READONLY, ONE_KEY, hkeys)
        .docs(Group::Hash, "2.0.0", "O(N) for N fields", "Returns all fields.")
        .tips(UNORDERED),
    command("hvals", 2, READONLY, ONE_KEY, hvals)
        .docs(Group::Hash, "2.0.0", "O(N) for N fields", "Returns all values.")
        .tips(UNORDERED),
    command("hdel", -3, WRITE | FAST, ONE_KEY, hdel).docs(
        Group::Hash,
        "2.0.0",
        "O(N) for N fields",
        "Deletes fields.",
    ),
    command("hlen", 2, READONLY | FAST, ONE_KEY, hlen).docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "Returns the number of fields.",
    ),
    command("hexists", 3, READONLY | FAST, ONE_KEY, hexists).docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "Says whether a field exists.",
    ),
    command("hstrlen", 3, READONLY | FAST, ONE_KEY, hstrlen).docs(
        Group::Hash,
        "3.2.0",
        "O(1)",
        "Returns the length of the value of a field.",
    ),
    command("hincrby", 4, WRITE | DENYOOM | FAST, ONE_KEY, hincrby).docs(
        Group::Hash,
        "2.0.0",
        "O(1)",
        "Adds to the integer in a field.",
    ),
    command("hincrbyfloat", 4, WRITE | DENYOOM | FAST, ONE_KEY, hincrbyfloat).docs(
        Group::Hash,
        "2.6.0",
        "O(1)",
        "Adds to the number with decimals in a field.",
    ),
    command("hscan", -3, READONLY, ONE_KEY, hscan)
        .docs(
            Group::Hash,
            "2.8.0",
            "O(1) for a call, O(N) for a whole iteration",
            "Iterates over fields and values.",
        )
        .tips(&["nondeterministic_output"]),
];

/// The hash in a value; otherwise the type error is written.
fn hash_in<'v>(value: &'v Value, out: &mut Reply) -> Option<&'v Hash> {
    match value {
        Value::Hash(hash) => Some(hash),
        _ => {
            out.wrong_type();
            None
        }
    }
}

/// The same, mutable.
fn hash_in_mut<'v>(value: &'v mut Value, out: &mut Reply) -> Option<&'v mut Hash> {
    match value {
        Value::Hash(hash) => Some(hash),
        _ => {
            out.wrong_type();
            None
        }
    }
}

/// Runs `reply` on the hash of a reading command; `Err` if it was of another type.
fn read<'c>(call: &'c mut Call<'_>) -> Result<(Option<&'c Hash>, &'c mut Reply), ()> {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    match db.lookup_read(key, now_ms) {
        None => Ok((None, out)),
        Some(Value::Hash(hash)) => Ok((Some(hash), out)),
        Some(_) => {
            out.wrong_type();
            Err(())
        }
    }
}

fn new_hash() -> Value {
    Value::Hash(Box::default())
}

/// HSET key field value…: how many fields are new. O(N).
fn hset(call: &mut Call<'_>) {
    if let Some(created) = set_fields(call) {
        call.out.count(created);
    }
}

/// HMSET key field value…: as HSET, with OK as the reply. O(N).
fn hmset(call: &mut Call<'_>) {
    if set_fields(call).is_some() {
        call.out.ok();
    }
}

/// Sets the fields and returns how many are new; `None` if an error is written.
fn set_fields(call: &mut Call<'_>) -> Option<usize> {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    if !args.len().is_multiple_of(2) {
        call.wrong_arity();
        return None;
    }
    let (db, out) = call.db_and_out();
    let limits = db.encoding_limits();
    let hash = hash_in_mut(db.get_or_insert(key, now_ms, new_hash), out)?;
    args.from(2).for_each(|argument| hash.convert_if_long(argument, &limits));
    let created = (2..args.len())
        .step_by(2)
        .filter(|&at| hash.set(args.at(at), args.at(at + 1), &limits))
        .count();
    call.touched(key);
    Some(created)
}

/// HSETNX key field value: 1 if it was set, 0 if the field exists. O(1).
fn hsetnx(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let limits = db.encoding_limits();
    let Some(hash) = hash_in_mut(db.get_or_insert(key, now_ms, new_hash), out) else { return };
    if hash.get(args.at(2)).is_some() {
        return out.integer(0);
    }
    args.from(2).for_each(|argument| hash.convert_if_long(argument, &limits));
    hash.set(args.at(2), args.at(3), &limits);
    call.touched(key);
    call.out.integer(1);
}

fn reply_value(value: Option<&[u8]>, out: &mut Reply) {
    match value {
        Some(value) => out.bulk(value),
        None => out.null(),
    }
}

/// HGET key field: the value, or null. O(1).
fn hget(call: &mut Call<'_>) {
    let args = call.args;
    if let Ok((hash, out)) = read(call) {
        reply_value(hash.and_then(|hash| hash.get(args.at(2))), out);
    }
}

/// HMGET key field…: the values, null for those that do not exist. O(N).
fn hmget(call: &mut Call<'_>) {
    let args = call.args;
    let Ok((hash, out)) = read(call) else { return };
    out.array(args.len() - 2);
    args.from(2).for_each(|field| reply_value(hash.and_then(|hash| hash.get(field)), out));
}

/// HGETALL key: fields and values. O(N); a large hash stalls all clients.
fn hgetall(call: &mut Call<'_>) {
    let Ok((hash, out)) = read(call) else { return };
    let Some(hash) = hash else { return out.map(0) };
    out.map(hash.len());
    hash.for_each(|field, value| {
        out.bulk(field);
        out.bulk(value);
    });
}

/// HKEYS key: the fields. O(N).
fn hkeys(call: &mut Call<'_>) {
    let Ok((hash, out)) = read(call) else { return };
    let Some(hash) = hash else { return out.array(0) };
    out.array(hash.len());
    hash.for_each(|field, _| out.bulk(field));
}

/// HVALS key: the values. O(N).
fn hvals(call: &mut Call<'_>) {
    let Ok((hash, out)) = read(call) else { return };
    let Some(hash) = hash else { return out.array(0) };
    out.array(hash.len());
    hash.for_each(|_, value| out.bulk(value));
}

/// HDEL key field…: how many were deleted. O(N).
fn hdel(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else { return out.integer(0) };
    let Some(hash) = hash_in_mut(value, out) else { return };
    let deleted = args.from(2).filter(|field| hash.remove(field)).count();
    if hash.is_empty() {
        db.remove(key, Free::Now, now_ms);
    }
    if deleted > 0 {
        call.touched(key);
    }
    call.out.count(deleted);
}

/// HLEN key: the number of fields. O(1).
fn hlen(call: &mut Call<'_>) {
    if let Ok((hash, out)) = read(call) {
        out.count(hash.map_or(0, Hash::len));
    }
}

/// HEXISTS key field: 1 or 0. O(1).
fn hexists(call: &mut Call<'_>) {
    let args = call.args;
    if let Ok((hash, out)) = read(call) {
        out.integer(i64::from(hash.is_some_and(|hash| hash.get(args.at(2)).is_some())));
    }
}

/// HSTRLEN key field: the length of the value, 0 if there is none. O(1).
fn hstrlen(call: &mut Call<'_>) {
    let args = call.args;
    if let Ok((hash, out)) = read(call) {
        out.count(hash.and_then(|hash| hash.get(args.at(2))).map_or(0, <[u8]>::len));
    }
}

/// HINCRBY key field increment: the sum. O(1).
fn hincrby(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(increment) = call.integer_arg(3) else { return };
    let (db, out) = call.db_and_out();
    let limits = db.encoding_limits();
    let Some(hash) = hash_in_mut(db.get_or_insert(key, now_ms, new_hash), out) else { return };
    let Some(number) = hash.get(args.at(2)).map_or(Some(0), parse_canonical_integer) else {
        return out.error("ERR hash value is not an integer");
    };
    let Some(sum) = number.checked_add(increment) else {
        return out.error("ERR increment or decrement would overflow");
    };
    hash.set(args.at(2), itoa::Buffer::new().format(sum).as_bytes(), &limits);
    call.touched(key);
    call.out.integer(sum);
}

/// HINCRBYFLOAT key field increment: the sum, in 80-bit floating point. O(1).
fn hincrbyfloat(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(increment) = LongDouble::parse(args.at(3)) else { return call.out.not_float() };
    if increment == LongDouble::Infinite {
        return call.out.error("ERR value is NaN or Infinity");
    }
    let (db, out) = call.db_and_out();
    let limits = db.encoding_limits();
    let Some(hash) = hash_in_mut(db.get_or_insert(key, now_ms, new_hash), out) else { return };
    let zero = Some(LongDouble::from_integer(0));
    let Some(number) = hash.get(args.at(2)).map_or(zero, LongDouble::parse) else {
        return out.error("ERR hash value is not a float");
    };
    let Some(text) = number.plus(increment).format() else {
        return out.error("ERR increment would produce NaN or Infinity");
    };
    hash.set(args.at(2), text.as_bytes(), &limits);
    call.touched(key);
    call.out.bulk(text.as_bytes());
}

/// HSCAN key cursor [MATCH pattern] [COUNT n]: the next cursor, some fields and their values. O(COUNT).
fn hscan(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(cursor) = parse_cursor(args.at(2), call.out) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return reply_empty(out) };
    let Some(hash) = hash_in(value, out) else { return };
    let Some(options) = parse_options(args, 3, cursor, out) else { return };
    reply_scan(&options, out, |cursor, found| {
        hash.scan(cursor, |field, value| {
            // Field and value are two elements in Redis's count.
            found.visited += 2;
            if options.pattern.matches(field) {
                found.add(field);
                found.add(value);
            }
        })
    });
}
