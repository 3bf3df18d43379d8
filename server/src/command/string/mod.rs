//! Strings, whole: GET MGET GETSET GETDEL GETEX, MSET MSETNX SETNX SETEX PSETEX, STRLEN GETRANGE SUBSTR SETRANGE APPEND.
//!
//! SET with its options is in `string_set`, the INCR family in `string_number`, LCS in `string_lcs`.

pub(super) mod lcs;
pub(super) mod number;
pub(super) mod set;

use crate::args::Args;
use crate::command::arguments::{Base, ExpireArg, Unit, clamp_string_range, expire_option};
use crate::db::{Free, Ttl, Value};
use crate::reply::Reply;
use crate::server::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const ONE_KEY: crate::server::Keys = keys(1, 1, 1);

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("get", 2, READONLY | FAST, ONE_KEY, get).docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "Returns the string value of a key.",
    ),
    command("mget", -2, READONLY | FAST, keys(1, -1, 1), mget)
        .docs(
            Group::String,
            "1.0.0",
            "O(N) for N keys",
            "Returns the string values of several keys.",
        )
        .tips(&["request_policy:multi_shard"]),
    command("getset", 3, WRITE | DENYOOM | FAST, ONE_KEY, getset).docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "Sets a string and returns the one before.",
    ),
    command("getdel", 2, WRITE | FAST, ONE_KEY, getdel).docs(
        Group::String,
        "6.2.0",
        "O(1)",
        "Returns a string and deletes its key.",
    ),
    command("getex", -2, WRITE | FAST, ONE_KEY, getex).docs(
        Group::String,
        "6.2.0",
        "O(1)",
        "Returns a string and changes when it expires.",
    ),
    command("mset", -3, WRITE | DENYOOM, keys(1, -1, 2), mset)
        .docs(Group::String, "1.0.1", "O(N) for N keys", "Sets several strings.")
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    command("msetnx", -3, WRITE | DENYOOM, keys(1, -1, 2), msetnx)
        .docs(
            Group::String,
            "1.0.1",
            "O(N) for N keys",
            "Sets several strings if none of the keys exists.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_min"]),
    command("setnx", 3, WRITE | DENYOOM | FAST, ONE_KEY, setnx).docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "Sets a string if the key does not exist.",
    ),
    command("setex", 4, WRITE | DENYOOM, ONE_KEY, setex).docs(
        Group::String,
        "2.0.0",
        "O(1)",
        "Sets a string that expires after seconds.",
    ),
    command("psetex", 4, WRITE | DENYOOM, ONE_KEY, psetex).docs(
        Group::String,
        "2.6.0",
        "O(1)",
        "Sets a string that expires after milliseconds.",
    ),
    command("strlen", 2, READONLY | FAST, ONE_KEY, strlen).docs(
        Group::String,
        "2.2.0",
        "O(1)",
        "Returns the length of a string.",
    ),
    command("getrange", 4, READONLY, ONE_KEY, getrange).docs(
        Group::String,
        "2.4.0",
        "O(N) for N bytes returned",
        "Returns a part of a string.",
    ),
    command("substr", 4, READONLY, ONE_KEY, getrange).docs(
        Group::String,
        "1.0.0",
        "O(N) for N bytes returned",
        "Returns a part of a string (old name).",
    ),
    command("setrange", 4, WRITE | DENYOOM, ONE_KEY, setrange).docs(
        Group::String,
        "2.2.0",
        "O(N) for N bytes written",
        "Overwrites a part of a string.",
    ),
    command("append", 3, WRITE | DENYOOM | FAST, ONE_KEY, append).docs(
        Group::String,
        "2.0.0",
        "O(1) amortised",
        "Appends to a string, or makes one.",
    ),
];

/// Replies with a string, null if there is none, or the type error; false after the latter.
pub(crate) fn reply_string(value: Option<&Value>, out: &mut Reply) -> bool {
    let Some(value) = value else {
        out.null();
        return true;
    };
    match value.bytes(&mut itoa::Buffer::new()) {
        Some(bytes) => out.bulk(bytes),
        None => {
            out.wrong_type();
            return false;
        }
    }
    true
}

/// GET key: the string, or null. O(1).
fn get(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    reply_string(db.lookup_read(key, now_ms), out);
}

/// MGET key…: the strings; null for what is absent or of another type. O(N).
fn mget(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let (db, out) = call.db_and_out();
    out.array(args.len() - 1);
    for key in args.from(1) {
        let mut digits = itoa::Buffer::new();
        match db.lookup_read(key, now_ms).and_then(|value| value.bytes(&mut digits)) {
            Some(bytes) => out.bulk(bytes),
            None => out.null(),
        }
    }
}

/// GETSET key value: sets, and returns what was there. O(1).
fn getset(call: &mut Call<'_>) {
    let (key, value, now_ms) = (call.args.at(1), call.args.at(2), call.now_ms());
    let (db, out) = call.db_and_out();
    if reply_string(db.lookup_read(key, now_ms), out) {
        db.set(key, Value::string(value), Ttl::Clear, now_ms);
        call.touched(key);
    }
}

/// GETDEL key: returns the string and deletes the key. O(1).
fn getdel(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    if reply_string(db.lookup_read(key, now_ms), out) && db.remove(key, Free::Now, now_ms) {
        call.touched(key);
    }
}

/// What GETEX is to do with the deadline.
enum Change<'a> {
    None,
    Persist,
    Set(ExpireArg<'a>),
}

/// Whether all options with a value are the first one.
fn same_option_again(args: Args<'_>) -> bool {
    (4..args.len()).step_by(2).all(|at| args.at(at).eq_ignore_ascii_case(args.at(2)))
}

/// GETEX key [EX|PX|EXAT|PXAT time | PERSIST]: returns the string and changes its deadline. O(1).
fn getex(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let change = match (args.len(), args.get(2), args.get(3)) {
        (2, ..) => Change::None,
        (3.., Some(_), _) if args.from(2).all(|word| word.eq_ignore_ascii_case(b"persist")) => {
            Change::Persist
        }
        (4.., Some(word), Some(_)) => match expire_option(word) {
            // The same option again replaces its value.
            Some((unit, base)) if args.len() % 2 == 0 && same_option_again(args) => {
                Change::Set(ExpireArg { text: args.at(args.len() - 1), unit, base })
            }
            _ => return call.out.syntax_error(),
        },
        _ => return call.out.syntax_error(),
    };
    let (db, out) = call.db_and_out();
    match db.peek(key, now_ms) {
        Some(entry) if matches!(entry.value().kind(), crate::db::value::Kind::String) => {}
        _ => {
            reply_string(db.lookup_read(key, now_ms), out);
            return;
        }
    }
    let deadline = match change {
        Change::Set(argument) => match call.deadline_arg(argument) {
            Some(deadline) => Some((deadline, argument.base)),
            None => return,
        },
        _ => None,
    };
    let (db, out) = call.db_and_out();
    reply_string(db.lookup_read(key, now_ms), out);
    let changed = match (change, deadline) {
        (Change::Persist, _) => db.clear_deadline(key),
        (_, Some((deadline, Base::Epoch))) if deadline <= now_ms => {
            db.remove(key, Free::Now, now_ms)
        }
        (_, Some((deadline, _))) => db.set_deadline(key, deadline),
        _ => false,
    };
    if changed {
        call.touched(key);
    }
}

/// MSET key value…: sets them all. O(N).
fn mset(call: &mut Call<'_>) {
    if call.args.len().is_multiple_of(2) {
        return call.wrong_arity();
    }
    set_pairs(call);
    call.out.ok();
}

/// MSETNX key value…: sets them all if none of the keys exists, and says whether it did. O(N).
fn msetnx(call: &mut Call<'_>) {
    if call.args.len().is_multiple_of(2) {
        return call.wrong_arity();
    }
    let (args, now_ms) = (call.args, call.now_ms());
    if args.from(1).step_by(2).any(|key| call.db().exists(key, now_ms)) {
        return call.out.integer(0);
    }
    set_pairs(call);
    call.out.integer(1);
}

fn set_pairs(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    for at in (1..args.len()).step_by(2) {
        let (key, value) = (args.at(at), args.at(at + 1));
        call.db().set(key, Value::string(value), Ttl::Clear, now_ms);
        call.touched(key);
    }
}

/// SETNX key value: sets a string if the key does not exist. O(1).
fn setnx(call: &mut Call<'_>) {
    let (key, value, now_ms) = (call.args.at(1), call.args.at(2), call.now_ms());
    if call.db().exists(key, now_ms) {
        return call.out.integer(0);
    }
    call.db().set(key, Value::string(value), Ttl::Clear, now_ms);
    call.touched(key);
    call.out.integer(1);
}

/// SETEX key seconds value: sets a string that expires. O(1).
fn setex(call: &mut Call<'_>) {
    set_expiring(call, Unit::Seconds);
}

/// PSETEX key milliseconds value: sets a string that expires. O(1).
fn psetex(call: &mut Call<'_>) {
    set_expiring(call, Unit::Milliseconds);
}

fn set_expiring(call: &mut Call<'_>, unit: Unit) {
    let (key, value, now_ms) = (call.args.at(1), call.args.at(3), call.now_ms());
    let argument = ExpireArg { text: call.args.at(2), unit, base: Base::Now };
    let Some(deadline) = call.deadline_arg(argument) else { return };
    let db = call.db();
    db.set(key, Value::string(value), Ttl::Keep, now_ms);
    db.set_deadline(key, deadline);
    call.touched(key);
    call.out.ok();
}

/// STRLEN key: the length in bytes, 0 if there is no such key. O(1).
fn strlen(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.integer(0) };
    match value.bytes(&mut itoa::Buffer::new()) {
        Some(bytes) => out.count(bytes.len()),
        None => out.wrong_type(),
    }
}

/// GETRANGE key start end: the bytes from start to end inclusive. O(N) for N bytes.
fn getrange(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some(start) = call.integer_arg(2) else { return };
    let Some(end) = call.integer_arg(3) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.bulk(b"") };
    let mut digits = itoa::Buffer::new();
    let Some(bytes) = value.bytes(&mut digits) else { return out.wrong_type() };
    // Two negative indexes in the wrong order give an empty range.
    let crossed = start < 0 && end < 0 && start > end;
    match clamp_string_range(start, end, bytes.len()).filter(|_| !crossed) {
        Some((start, count)) => out.bulk(&bytes[start..start + count]),
        None => out.bulk(b""),
    }
}

/// SETRANGE key offset value: overwrites from an offset on, filling a gap with zeros. O(N) for N bytes.
fn setrange(call: &mut Call<'_>) {
    let (key, patch, now_ms) = (call.args.at(1), call.args.at(3), call.now_ms());
    let Some(offset) = call.integer_arg(2) else { return };
    let Ok(offset) = usize::try_from(offset) else {
        return call.out.error("ERR offset is out of range");
    };
    let length = match call.db().lookup_write(key, now_ms) {
        None => 0,
        Some(value) => match value.bytes(&mut itoa::Buffer::new()) {
            Some(bytes) => bytes.len(),
            None => return call.out.wrong_type(),
        },
    };
    if patch.is_empty() {
        return call.out.count(length);
    }
    if !call.string_size_allowed(offset, patch.len()) {
        return;
    }
    let value = call.db().get_or_insert(key, now_ms, || Value::Raw(Vec::new()));
    let Some(bytes) = value.make_raw() else { return };
    let end = offset + patch.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(patch);
    let length = bytes.len();
    call.touched(key);
    call.out.count(length);
}

/// APPEND key value: appends, or sets; returns the new length. O(1) amortised.
fn append(call: &mut Call<'_>) {
    let (key, tail, now_ms) = (call.args.at(1), call.args.at(2), call.now_ms());
    let length = match call.db().lookup_write(key, now_ms) {
        None => {
            call.db().set(key, Value::string(tail), Ttl::Clear, now_ms);
            tail.len()
        }
        Some(value) => {
            let Some(length) = value.bytes(&mut itoa::Buffer::new()).map(<[u8]>::len) else {
                return call.out.wrong_type();
            };
            if !call.string_size_allowed(length, tail.len()) {
                return;
            }
            let value = call.db().lookup_write(key, now_ms);
            let Some(bytes) = value.and_then(Value::make_raw) else { return };
            bytes.extend_from_slice(tail);
            bytes.len()
        }
    };
    call.touched(key);
    call.out.count(length);
}
