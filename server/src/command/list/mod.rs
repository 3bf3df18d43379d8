//! Lists: LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LLEN LRANGE LINDEX LSET LTRIM LREM LINSERT.

pub(super) mod blocking;
pub(super) mod moves;

use crate::command::arguments::{clamp_range, optional_count};
use crate::db::list::{End, List};
use crate::db::{Free, Value};
use crate::reply::Reply;
use crate::server::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const ONE_KEY: crate::server::Keys = keys(1, 1, 1);

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("lpush", -3, WRITE | DENYOOM | FAST, ONE_KEY, lpush).docs(
        Group::List,
        "1.0.0",
        "O(N) for N items",
        "Adds items at the head of a list.",
    ),
    command("rpush", -3, WRITE | DENYOOM | FAST, ONE_KEY, rpush).docs(
        Group::List,
        "1.0.0",
        "O(N) for N items",
        "Adds items at the tail of a list.",
    ),
    command("lpushx", -3, WRITE | DENYOOM | FAST, ONE_KEY, lpushx).docs(
        Group::List,
        "2.2.0",
        "O(N) for N items",
        "Adds items at the head of a list that exists.",
    ),
    command("rpushx", -3, WRITE | DENYOOM | FAST, ONE_KEY, rpushx).docs(
        Group::List,
        "2.2.0",
        "O(N) for N items",
        "Adds items at the tail of a list that exists.",
    ),
    command("lpop", -2, WRITE | FAST, ONE_KEY, lpop).docs(
        Group::List,
        "1.0.0",
        "O(N) for N items",
        "Takes items from the head of a list.",
    ),
    command("rpop", -2, WRITE | FAST, ONE_KEY, rpop).docs(
        Group::List,
        "1.0.0",
        "O(N) for N items",
        "Takes items from the tail of a list.",
    ),
    command("llen", 2, READONLY | FAST, ONE_KEY, llen).docs(
        Group::List,
        "1.0.0",
        "O(1)",
        "Returns the length of a list.",
    ),
    command("lrange", 4, READONLY, ONE_KEY, lrange).docs(
        Group::List,
        "1.0.0",
        "O(S+N) for N items, S away from an end",
        "Returns a range of a list.",
    ),
    command("lindex", 3, READONLY, ONE_KEY, lindex).docs(
        Group::List,
        "1.0.0",
        "O(N) for an item N away from an end",
        "Returns an item by its index.",
    ),
    command("lset", 4, WRITE | DENYOOM, ONE_KEY, lset).docs(
        Group::List,
        "1.0.0",
        "O(N) for an item N away from an end",
        "Replaces an item by its index.",
    ),
    command("ltrim", 4, WRITE, ONE_KEY, ltrim).docs(
        Group::List,
        "1.0.0",
        "O(N) for N items removed",
        "Cuts a list down to a range.",
    ),
    command("lrem", 4, WRITE, ONE_KEY, lrem).docs(
        Group::List,
        "1.0.0",
        "O(N) for N items",
        "Removes items that are equal to a value.",
    ),
    command("linsert", 5, WRITE | DENYOOM, ONE_KEY, linsert).docs(
        Group::List,
        "2.2.0",
        "O(N) for N items before the pivot",
        "Inserts an item before or after another.",
    ),
];

/// The list in a value; otherwise the type error is written.
fn list_in<'v>(value: &'v Value, out: &mut Reply) -> Option<&'v List> {
    match value {
        Value::List(list) => Some(list),
        _ => {
            out.wrong_type();
            None
        }
    }
}

/// The same, mutable.
fn list_in_mut<'v>(value: &'v mut Value, out: &mut Reply) -> Option<&'v mut List> {
    match value {
        Value::List(list) => Some(list),
        _ => {
            out.wrong_type();
            None
        }
    }
}

/// LPUSH key item…: the new length; each item comes before those named before it. O(N).
fn lpush(call: &mut Call<'_>) {
    push(call, End::Head, Missing::Create);
}

/// RPUSH key item…: the new length. O(N).
fn rpush(call: &mut Call<'_>) {
    push(call, End::Tail, Missing::Create);
}

/// LPUSHX key item…: as LPUSH, but 0 if there is no list. O(N).
fn lpushx(call: &mut Call<'_>) {
    push(call, End::Head, Missing::Leave);
}

/// RPUSHX key item…: as RPUSH, but 0 if there is no list. O(N).
fn rpushx(call: &mut Call<'_>) {
    push(call, End::Tail, Missing::Leave);
}

/// What to do if the list does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Create,
    Leave,
}

fn push(call: &mut Call<'_>, end: End, missing: Missing) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    if missing == Missing::Leave && !db.exists(key, now_ms) {
        return out.integer(0);
    }
    let value = db.get_or_insert(key, now_ms, || Value::List(Box::default()));
    let Some(list) = list_in_mut(value, out) else { return };
    args.from(2).for_each(|item| list.push(end, item));
    let length = list.len();
    call.touched(key);
    call.out.count(length);
}

/// LPOP key [count]: items from the head. O(N).
fn lpop(call: &mut Call<'_>) {
    pop(call, End::Head);
}

/// RPOP key [count]: items from the tail. O(N).
fn rpop(call: &mut Call<'_>) {
    pop(call, End::Tail);
}

fn pop(call: &mut Call<'_>, end: End) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    if args.len() > 3 {
        return call.wrong_arity();
    }
    let Ok(count) = optional_count(args, 2, call.out) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else {
        return if count.is_some() { out.null_array() } else { out.null() };
    };
    let Some(list) = list_in_mut(value, out) else { return };
    if let Some(count) = count {
        let count = count.min(list.len());
        out.array(count);
        if count == 0 {
            return;
        }
        (0..count).filter_map(|_| list.pop(end)).for_each(|item| out.bulk(&item));
    } else if let Some(item) = list.pop(end) {
        out.bulk(&item);
    }
    if list.is_empty() {
        db.remove(key, Free::Now, now_ms);
    }
    call.touched(key);
}

/// LLEN key: the length, 0 if there is no list. O(1).
fn llen(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.integer(0) };
    if let Some(list) = list_in(value, out) {
        out.count(list.len());
    }
}

/// LRANGE key start stop: the items from start to stop inclusive. O(S+N).
fn lrange(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some(start) = call.integer_arg(2) else { return };
    let Some(stop) = call.integer_arg(3) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.array(0) };
    let Some(list) = list_in(value, out) else { return };
    match clamp_range(start, stop, list.len()) {
        None => out.array(0),
        Some((start, count)) => {
            out.array(count);
            list.range(start, count).for_each(|item| out.bulk(item));
        }
    }
}

/// LINDEX key index: the item, or null. O(N).
fn lindex(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.null() };
    let Some(list) = list_in(value, out) else { return };
    let Some(index) = crate::args::parse_integer(args.at(2)) else { return out.not_integer() };
    match list.resolve(index).and_then(|index| list.get(index)) {
        Some(item) => out.bulk(item),
        None => out.null(),
    }
}

/// LSET key index item: replaces an item. O(N).
fn lset(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else { return out.no_such_key() };
    let Some(list) = list_in_mut(value, out) else { return };
    let Some(index) = crate::args::parse_integer(args.at(2)) else { return out.not_integer() };
    let Some(index) = list.resolve(index) else { return out.error("ERR index out of range") };
    list.set(index, args.at(3));
    call.touched(key);
    call.out.ok();
}

/// LTRIM key start stop: keeps the items from start to stop. O(N) for N items removed.
fn ltrim(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some(start) = call.integer_arg(2) else { return };
    let Some(stop) = call.integer_arg(3) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else { return out.ok() };
    let Some(list) = list_in_mut(value, out) else { return };
    let (start, count) = clamp_range(start, stop, list.len()).unwrap_or((0, 0));
    list.trim(start, count);
    if list.is_empty() {
        db.remove(key, Free::Now, now_ms);
    }
    call.touched(key);
    call.out.ok();
}

/// LREM key count item: removes up to |count| equal items, from the tail if count is negative, all if it is 0. O(N).
fn lrem(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(count) = call.integer_arg(2) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else { return out.integer(0) };
    let Some(list) = list_in_mut(value, out) else { return };
    let limit = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let from = if count < 0 { End::Tail } else { End::Head };
    let removed = list.remove_equal(args.at(3), limit, from);
    if list.is_empty() {
        db.remove(key, Free::Now, now_ms);
    }
    if removed > 0 {
        call.touched(key);
    }
    call.out.count(removed);
}

/// LINSERT key BEFORE|AFTER pivot item: the new length, -1 without such a pivot, 0 without list. O(N).
fn linsert(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let after = if args.is(2, "after") {
        1
    } else if args.is(2, "before") {
        0
    } else {
        return call.out.syntax_error();
    };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else { return out.integer(0) };
    let Some(list) = list_in_mut(value, out) else { return };
    let Some(pivot) = list.iter().position(|item| item == args.at(3)) else {
        return out.integer(-1);
    };
    list.insert(pivot + after, args.at(4));
    let length = list.len();
    call.touched(key);
    call.out.count(length);
}
