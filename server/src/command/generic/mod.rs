//! Keys of any type: DEL UNLINK EXISTS TOUCH TYPE RANDOMKEY RENAME RENAMENX COPY MOVE.

pub(super) mod expire;
pub(super) mod object;
pub(super) mod scan;
pub(super) mod sort;
pub(super) mod wait;

use crate::command::arguments::NOT_32_BITS;
use crate::db::{Free, Ttl};
use crate::server::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, keys};

const ALL_KEYS: crate::server::Keys = keys(1, -1, 1);
const SUM_OF_SHARDS: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("del", -2, WRITE, ALL_KEYS, del)
        .docs(
            Group::Generic,
            "1.0.0",
            "O(N) for N keys, O(M) more for M members of collections",
            "Deletes keys.",
        )
        .tips(SUM_OF_SHARDS),
    command("unlink", -2, WRITE | FAST, ALL_KEYS, unlink)
        .docs(
            Group::Generic,
            "4.0.0",
            "O(1) for each key; members are freed by another thread",
            "Deletes keys, freeing large values in the background.",
        )
        .tips(SUM_OF_SHARDS),
    command("exists", -2, READONLY | FAST, ALL_KEYS, exists)
        .docs(Group::Generic, "1.0.0", "O(N) for N keys", "Counts how many of the keys exist.")
        .tips(SUM_OF_SHARDS),
    command("touch", -2, READONLY | FAST, ALL_KEYS, touch)
        .docs(
            Group::Generic,
            "3.2.1",
            "O(N) for N keys",
            "Counts existing keys and marks them as used.",
        )
        .tips(SUM_OF_SHARDS),
    command("type", 2, READONLY | FAST, keys(1, 1, 1), type_of).docs(
        Group::Generic,
        "1.0.0",
        "O(1)",
        "Returns the type of the value of a key.",
    ),
    command("randomkey", 1, READONLY, NO_KEYS, randomkey)
        .docs(Group::Generic, "1.0.0", "O(1)", "Returns a random key.")
        .tips(&["request_policy:all_shards", "nondeterministic_output"]),
    command("rename", 3, WRITE, keys(1, 2, 1), rename).docs(
        Group::Generic,
        "1.0.0",
        "O(1)",
        "Renames a key, replacing the new name's value.",
    ),
    command("renamenx", 3, WRITE | FAST, keys(1, 2, 1), renamenx).docs(
        Group::Generic,
        "1.0.0",
        "O(1)",
        "Renames a key if the new name is free.",
    ),
    command("copy", -3, WRITE | DENYOOM, keys(1, 2, 1), copy).docs(
        Group::Generic,
        "6.2.0",
        "O(N) for N members",
        "Copies the value of a key to another.",
    ),
    command("move", 3, WRITE | FAST, keys(1, 1, 1), move_key).docs(
        Group::Generic,
        "1.0.0",
        "O(1)",
        "Moves a key to another database.",
    ),
];

/// The same key in the same database was named twice.
const SAME_OBJECT: &str = "ERR source and destination objects are the same";

/// DEL key…: deletes keys, freeing what they hold at once (unless `lazyfree-lazy-user-del`). O(N), and O(M) for
/// collections of M members.
fn del(call: &mut Call<'_>) {
    let lazily = call.server.config.settings().data.lazy_user_del;
    delete(call, if lazily { Free::Lazily } else { Free::Now });
}

/// UNLINK key…: deletes keys; large values are freed by another thread. O(N).
fn unlink(call: &mut Call<'_>) {
    delete(call, Free::Lazily);
}

fn delete(call: &mut Call<'_>, free: Free) {
    let (args, now_ms) = (call.args, call.now_ms());
    let mut count = 0;
    for key in args.from(1) {
        if call.db().remove(key, free, now_ms) {
            call.touched(key);
            count += 1;
        }
    }
    call.out.integer(count);
}

/// EXISTS key…: how many exist; one named twice counts twice. O(N).
fn exists(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let count = args.from(1).filter(|key| call.db().peek_read(key, now_ms).is_some()).count();
    call.out.count(count);
}

/// TOUCH key…: how many exist; each is used now. O(N).
fn touch(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let count = args.from(1).filter(|key| call.db().lookup_read(key, now_ms).is_some()).count();
    call.out.count(count);
}

/// TYPE key: the type as a status, `none` if there is no such key. O(1).
fn type_of(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let name = call.db().peek_read(key, now_ms).map_or("none", |entry| entry.value().kind().name());
    call.out.simple(name.as_bytes());
}

/// RANDOMKEY: some key, or null. O(1).
fn randomkey(call: &mut Call<'_>) {
    let now_ms = call.now_ms();
    let (db, out) = call.db_and_out();
    match db.random_key(now_ms) {
        Some(key) => out.bulk(&key),
        None => out.null(),
    }
}

/// RENAME key newkey: O(1), and what freeing the old value of newkey costs.
fn rename(call: &mut Call<'_>) {
    if rename_if(call, |_| true).is_some() {
        call.out.ok();
    }
}

/// RENAMENX key newkey: 1 if it was renamed, 0 if the new name was taken. O(1).
fn renamenx(call: &mut Call<'_>) {
    if let Some(renamed) = rename_if(call, |target_exists| !target_exists) {
        call.out.integer(i64::from(renamed));
    }
}

/// Renames if `allowed` returns true for whether the new name exists. `None` after an error.
fn rename_if(call: &mut Call<'_>, allowed: impl FnOnce(bool) -> bool) -> Option<bool> {
    let (source, target, now_ms) = (call.args.at(1), call.args.at(2), call.now_ms());
    let (db, out) = call.db_and_out();
    if !db.exists(source, now_ms) {
        out.no_such_key();
        return None;
    }
    if !allowed(db.exists(target, now_ms)) {
        return Some(false);
    }
    if source != target
        && let Some((value, deadline_ms)) = db.take_value(source, now_ms)
    {
        db.set(target, value, Ttl::Clear, now_ms);
        if let Some(deadline_ms) = deadline_ms {
            db.set_deadline(target, deadline_ms);
        }
        call.touched(source);
        call.touched(target);
    }
    Some(true)
}

/// A database's index; `None` after an error.
fn database_arg(call: &mut Call<'_>, at: usize) -> Option<usize> {
    let index = call.integer_arg(at)?;
    if i32::try_from(index).is_err() {
        call.out.error(NOT_32_BITS);
        return None;
    }
    let index = usize::try_from(index).ok().filter(|&index| index < call.server.dbs.len());
    if index.is_none() {
        call.out.error("ERR DB index is out of range");
    }
    index
}

/// COPY source destination [DB n] [REPLACE]: 1 if copied. O(N) for N members.
fn copy(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let (source, target) = (args.at(1), args.at(2));
    let (mut target_db, mut replaces, mut at) = (call.db, false, 3);
    while at < args.len() {
        if args.is(at, "replace") {
            replaces = true;
        } else if args.is(at, "db") && at + 1 < args.len() {
            at += 1;
            let Some(index) = database_arg(call, at) else { return };
            target_db = index;
        } else {
            return call.out.syntax_error();
        }
        at += 1;
    }
    if target_db == call.db && source == target {
        return call.out.error(SAME_OBJECT);
    }
    let Some(entry) = call.db().peek_read(source, now_ms) else { return call.out.integer(0) };
    let (value, deadline_ms) = (entry.value().duplicate(), entry.deadline_ms());
    let db = &mut call.server.dbs[target_db];
    if db.exists(target, now_ms) && !replaces {
        return call.out.integer(0);
    }
    db.set(target, value, Ttl::Clear, now_ms);
    if let Some(deadline_ms) = deadline_ms {
        db.set_deadline(target, deadline_ms);
    }
    call.server.key_changed(target_db, target);
    call.out.integer(1);
}

/// MOVE key db: 1 if moved, 0 if there is no such key or the other database has one. O(1).
fn move_key(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some(target) = database_arg(call, 2) else { return };
    if target == call.db {
        return call.out.error(SAME_OBJECT);
    }
    if !call.db().exists(key, now_ms) || call.server.dbs[target].exists(key, now_ms) {
        return call.out.integer(0);
    }
    let Some((value, deadline_ms)) = call.db().take_value(key, now_ms) else { return };
    let db = &mut call.server.dbs[target];
    db.set(key, value, Ttl::Clear, now_ms);
    if let Some(deadline_ms) = deadline_ms {
        db.set_deadline(key, deadline_ms);
    }
    call.touched(key);
    call.server.key_changed(target, key);
    call.out.integer(1);
}
