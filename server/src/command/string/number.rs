//! Strings that are numbers: INCR DECR INCRBY DECRBY INCRBYFLOAT.

use crate::db::Value;
use crate::db::value::parse_canonical_integer;
use crate::number::long_double::LongDouble;
use crate::server::flags::{DENYOOM, FAST, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const FLAGS: u32 = WRITE | DENYOOM | FAST;

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("incr", 2, FLAGS, keys(1, 1, 1), incr).docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "Adds one to an integer.",
    ),
    command("decr", 2, FLAGS, keys(1, 1, 1), decr).docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "Subtracts one from an integer.",
    ),
    command("incrby", 3, FLAGS, keys(1, 1, 1), incrby).docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "Adds to an integer.",
    ),
    command("decrby", 3, FLAGS, keys(1, 1, 1), decrby).docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "Subtracts from an integer.",
    ),
    command("incrbyfloat", 3, FLAGS, keys(1, 1, 1), incrbyfloat).docs(
        Group::String,
        "2.6.0",
        "O(1)",
        "Adds to a number with decimals.",
    ),
];

/// INCR key: adds 1 to an integer (0 if there is no such key). O(1).
fn incr(call: &mut Call<'_>) {
    add(call, 1);
}

/// DECR key: subtracts 1. O(1).
fn decr(call: &mut Call<'_>) {
    add(call, -1);
}

/// INCRBY key increment: adds an integer. O(1).
fn incrby(call: &mut Call<'_>) {
    if let Some(increment) = call.integer_arg(2) {
        add(call, increment);
    }
}

/// DECRBY key decrement: subtracts an integer. O(1).
fn decrby(call: &mut Call<'_>) {
    let Some(decrement) = call.integer_arg(2) else { return };
    match decrement.checked_neg() {
        Some(increment) => add(call, increment),
        None => call.out.error("ERR decrement would overflow"),
    }
}

fn add(call: &mut Call<'_>, increment: i64) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let value = db.get_or_insert(key, now_ms, || Value::Int(0));
    let Some(sum) = add_in_place(value, increment, out) else {
        return;
    };
    call.touched(key);
    call.out.integer(sum);
}

/// A value that was made for the key's sake is 0, to which every increment can be added: no key is left behind on error.
fn add_in_place(value: &mut Value, increment: i64, out: &mut crate::reply::Reply) -> Option<i64> {
    // Besides numbers, integers that are stored as text: APPEND and SETRANGE leave such.
    let number = match &*value {
        Value::Int(number) => *number,
        other => match other.bytes(&mut itoa::Buffer::new()).map(parse_canonical_integer) {
            Some(Some(number)) => number,
            Some(None) => {
                out.not_integer();
                return None;
            }
            None => {
                out.wrong_type();
                return None;
            }
        },
    };
    let sum = number.checked_add(increment);
    match sum {
        Some(sum) => *value = Value::Int(sum),
        None => out.error("ERR increment or decrement would overflow"),
    }
    sum
}

/// INCRBYFLOAT key increment: adds in 80-bit floating point and returns the sum. O(1).
fn incrbyfloat(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let number = match call.db().lookup_write(key, now_ms) {
        None => Some(LongDouble::from_integer(0)),
        Some(Value::Int(number)) => Some(LongDouble::from_integer(*number)),
        Some(value) => match value.bytes(&mut itoa::Buffer::new()) {
            Some(bytes) => LongDouble::parse(bytes),
            None => return call.out.wrong_type(),
        },
    };
    let (Some(number), Some(increment)) = (number, LongDouble::parse(call.args.at(2))) else {
        return call.out.not_float();
    };
    let Some(text) = number.plus(increment).format() else {
        return call.out.error("ERR increment would produce NaN or Infinity");
    };
    *call.db().get_or_insert(key, now_ms, || Value::Int(0)) = Value::text(text.as_bytes());
    call.touched(key);
    call.out.bulk(text.as_bytes());
}
