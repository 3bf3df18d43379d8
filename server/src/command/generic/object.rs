//! Internals of a value: OBJECT (ENCODING FREQ IDLETIME REFCOUNT HELP).

use crate::db::value::SHARED_INTEGERS;
use crate::db::{AccessMode, Entry, Value};
use crate::server::flags::{LOADING, READONLY, STALE};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, container, keys};

const SECOND_WORD: crate::server::Keys = keys(2, 2, 1);
const CHANGES: &[&str] = &["nondeterministic_output"];
/// The reference count that Redis shows for its shared integers (OBJ_SHARED_REFCOUNT).
const SHARED_REFCOUNT: i64 = 2_147_483_647;

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[container("object", -2, OBJECT_SUBS).docs(
    Group::Generic,
    "2.2.3",
    "Depends on subcommand.",
    "Looks behind the value of a key.",
)];

const OBJECT_SUBS: &[CommandSpec] = &[
    object_sub("encoding", encoding, "Returns how a value is represented."),
    object_sub("freq", freq, "Returns how often a key is used, on a logarithmic scale."),
    object_sub("idletime", idletime, "Returns the seconds since a key was last used."),
    object_sub("refcount", refcount, "Returns how many places refer to a value."),
    command("help", 2, LOADING | STALE, NO_KEYS, object_help).of("object").docs(
        Group::Generic,
        "6.2.0",
        "O(1)",
        "Lists the subcommands.",
    ),
];

const fn object_sub(
    name: &'static str,
    run: fn(&mut Call<'_>),
    summary: &'static str,
) -> CommandSpec {
    command(name, 3, READONLY, SECOND_WORD, run)
        .of("object")
        .docs(Group::Generic, "2.2.3", "O(1)", summary)
        .tips(CHANGES)
}

/// The entry of the key in the third word, without using it; null is replied if there is none.
fn entry<'a>(call: &'a mut Call<'_>) -> Option<&'a Entry> {
    let (key, now_ms) = (call.args.at(2), call.now_ms());
    if !call.db().exists(key, now_ms) {
        call.out.null();
        return None;
    }
    call.db().peek(key, now_ms)
}

/// OBJECT ENCODING key: Redis's name for the representation. O(1).
fn encoding(call: &mut Call<'_>) {
    if let Some(encoding) = entry(call).map(|entry| entry.value().encoding()) {
        call.out.bulk(encoding.as_bytes());
    }
}

/// OBJECT REFCOUNT key: 1, except for the small integers that Redis shares. O(1).
fn refcount(call: &mut Call<'_>) {
    let count = entry(call).map(|entry| match entry.value() {
        Value::Int(number) if (0..SHARED_INTEGERS).contains(number) => SHARED_REFCOUNT,
        _ => 1,
    });
    if let Some(count) = count {
        call.out.integer(count);
    }
}

/// OBJECT IDLETIME key: seconds since the last use. O(1).
fn idletime(call: &mut Call<'_>) {
    let now_ms = call.now_ms();
    let Some(clock) = entry(call).map(Entry::clock) else { return };
    match call.db().access_mode() {
        AccessMode::Lru => call.out.integer(AccessMode::idle_seconds(clock, now_ms).into()),
        AccessMode::Lfu { .. } => call.out.error(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ),
    }
}

/// OBJECT FREQ key: the logarithmic use counter. O(1).
fn freq(call: &mut Call<'_>) {
    let now_ms = call.now_ms();
    let Some(clock) = entry(call).map(Entry::clock) else { return };
    match call.db().access_mode() {
        mode @ AccessMode::Lfu { .. } => call.out.integer(mode.frequency(clock, now_ms).into()),
        AccessMode::Lru => call.out.error(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
             that when switching between policies at runtime LRU and LFU data will take some time to \
             adjust.",
        ),
    }
}

/// OBJECT HELP. O(1).
fn object_help(call: &mut Call<'_>) {
    help(call, OBJECT_HELP);
}

fn help(call: &mut Call<'_>, lines: &[&str]) {
    call.out.array(lines.len());
    lines.iter().for_each(|line| call.out.simple(line.as_bytes()));
}

const OBJECT_HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];
