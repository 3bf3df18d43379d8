//! COMMAND GETKEYS GETKEYSANDFLAGS: which words of a command line are keys, and what is done to them.

use crate::args::{Args, parse_integer};
use crate::server::flags::{BLOCKING, MOVABLE_KEYS, NO_MANDATORY_KEYS, READONLY};
use crate::server::{Call, CommandSpec, Keys, NO_KEYS};

/// For arguments that choose the shard like a key but are not keys.
const NOT_KEYS: &str = "not_key";

/// What commands do to their first key and to the others, in Redis's words: `RO`, `RW`, `OW` and `RM`
/// say whether the value is read, changed, overwritten or removed without being looked at. Commands
/// that only read, and are not named here, do `RO access`.
const ACCESS: &[(&[&str], &str, &str)] = &[
    (&["msetnx", "setnx"], "OW insert", "OW insert"),
    (&["mset", "psetex", "setex", "set"], "OW update", "OW update"),
    (
        &["sdiffstore", "sunionstore", "zdiffstore", "zinterstore", "zunionstore"],
        "OW update",
        "RO access",
    ),
    (&["sinterstore"], "RW update", "RO access"),
    (&["bitop", "zrangestore"], "OW update", "RO access"),
    (&["del", "unlink"], "RM delete", "RM delete"),
    (
        &[
            "exists",
            "hexists",
            "hlen",
            "hstrlen",
            "llen",
            "scard",
            "sismember",
            "strlen",
            "touch",
            "type",
            "watch",
            "zcard",
            "encoding",
            "freq",
            "idletime",
            "refcount",
            "usage",
        ],
        "RO",
        "RO",
    ),
    (&["spublish", "ssubscribe", "sunsubscribe"], NOT_KEYS, NOT_KEYS),
    (&["copy", "sort"], "RO access", "OW update"),
    (
        &[
            "getdel", "lpop", "rpop", "spop", "zpopmax", "zpopmin", "blpop", "brpop", "bzpopmin",
            "bzpopmax", "lmpop", "blmpop", "zmpop", "bzmpop",
        ],
        "RW access delete",
        "RW access delete",
    ),
    (&["renamenx"], "RW access delete", "OW insert"),
    (&["rename"], "RW access delete", "OW update"),
    (&["lmove", "blmove", "rpoplpush", "brpoplpush", "smove"], "RW access delete", "RW insert"),
    (
        &[
            "decr",
            "decrby",
            "getex",
            "getset",
            "hincrby",
            "hincrbyfloat",
            "incr",
            "incrby",
            "incrbyfloat",
            "move",
            "setbit",
            "zincrby",
        ],
        "RW access update",
        "",
    ),
    (&["eval", "evalsha"], "RW access update", "RW access update"),
    (
        &[
            "hdel",
            "lrem",
            "ltrim",
            "srem",
            "zrem",
            "zremrangebylex",
            "zremrangebyrank",
            "zremrangebyscore",
        ],
        "RW delete",
        "",
    ),
    (
        &["append", "hsetnx", "linsert", "lpush", "lpushx", "rpush", "rpushx", "sadd"],
        "RW insert",
        "",
    ),
];

/// The words for the first key of a command and for the others, if its arguments change nothing.
pub(super) fn usual_access(spec: &CommandSpec) -> (&'static str, &'static str) {
    match ACCESS.iter().find(|(names, ..)| names.contains(&spec.name)) {
        Some(&(_, first, others)) => (first, others),
        None if spec.has(READONLY) => ("RO access", "RO access"),
        None => ("RW update", "RW update"),
    }
}

/// The words for the key that is the `nth` of its command.
fn access(spec: &CommandSpec, words: Args<'_>, nth: usize) -> &'static str {
    let any = |from: usize, word| (from..words.len()).any(|at| words.is(at, word));
    let writes = any(2, "set") || any(2, "incrby");
    match spec.name {
        "set" if any(3, "get") => "RW access update",
        "bitfield" if writes => "RW access update",
        "bitfield" => "RO access",
        _ if nth == 0 => usual_access(spec).0,
        _ => usual_access(spec).1,
    }
}

/// The position of the argument with the number of keys, if there is one.
pub(super) fn count_at(spec: &CommandSpec) -> Option<usize> {
    match () {
        () if !spec.has(MOVABLE_KEYS) || is_sort(spec) => None,
        // BLMPOP: the timeout comes first; EVAL: the script.
        () if spec.has(BLOCKING | NO_MANDATORY_KEYS) => Some(2),
        () if spec.keys == NO_KEYS => Some(1),
        () => Some(2),
    }
}

/// SORT and SORT_RO, whose other keys are where no rule says.
pub(super) fn is_sort(spec: &CommandSpec) -> bool {
    spec.name.starts_with("sort")
}

/// The places of the keys among `words`; the name is word 0. `None` if they do not fit together.
fn places(spec: &CommandSpec, words: Args<'_>) -> Option<Vec<usize>> {
    let counted = |at: usize| {
        let count = words.get(at).and_then(parse_integer).filter(|&count| count > 0)?;
        let last = usize::try_from(count).ok()?.checked_add(at)?;
        (last < words.len()).then_some(at + 1..=last)
    };
    let Keys { first, last, step } = spec.keys;
    if is_sort(spec) {
        let mut places = vec![1];
        places.extend((2..words.len()).rfind(|&at| words.is(at, "store")).map(|at| at + 1));
        return Some(places).filter(|places| places.iter().all(|&at| at < words.len()));
    }
    if let Some(at) = count_at(spec) {
        let mut places: Vec<usize> = if spec.keys == NO_KEYS { Vec::new() } else { vec![1] };
        match counted(at) {
            Some(counted) => places.extend(counted),
            // EVAL allows a count of zero.
            None if spec.has(NO_MANDATORY_KEYS) => {}
            None => return None,
        }
        return Some(places);
    }
    let last = if last < 0 { words.len() as i64 + i64::from(last) } else { i64::from(last) };
    Some((i64::from(first)..=last).step_by(step.max(1) as usize).map(|at| at as usize).collect())
}

/// The command in the words from the third on, and its keys; replies with the error.
fn resolve<'a>(call: &mut Call<'a>) -> Option<(&'static CommandSpec, Args<'a>, Vec<usize>)> {
    let words = call.args.skip(2);
    let Some(found) = call.server.commands.find(words.at(0)) else {
        call.out.error("ERR Invalid command specified");
        return None;
    };
    let sub = words.get(1).and_then(|word| call.server.commands.find_sub(found, word));
    if sub.is_none() && words.len() > 1 && !found.spec.subcommands.is_empty() {
        call.out.error("ERR Invalid command specified");
        return None;
    }
    let spec = sub.map_or(found.spec, |sub| sub.spec);
    let none = spec.keys == NO_KEYS && !spec.has(MOVABLE_KEYS);
    if none || usual_access(spec).0 == NOT_KEYS {
        call.out.error("ERR The command has no key arguments");
        return None;
    }
    if !spec.accepts(words.len()) {
        call.out.error("ERR Invalid number of arguments specified for command");
        return None;
    }
    let Some(places) = places(spec, words) else {
        call.out.error("ERR Invalid arguments specified for command");
        return None;
    };
    Some((spec, words, places))
}

/// The keys in a full command line. O(N) for N words.
pub(super) fn getkeys(call: &mut Call<'_>) {
    let Some((_, words, places)) = resolve(call) else { return };
    call.out.array(places.len());
    places.into_iter().for_each(|at| call.out.bulk(words.at(at)));
}

/// The same, with what the command does to each. O(N) for N words.
pub(super) fn getkeysandflags(call: &mut Call<'_>) {
    let Some((spec, words, places)) = resolve(call) else { return };
    call.out.array(places.len());
    for (nth, at) in places.into_iter().enumerate() {
        call.out.array(2);
        call.out.bulk(words.at(at));
        let flags: Vec<&str> = access(spec, words, nth).split_whitespace().collect();
        call.out.set(flags.len());
        flags.iter().for_each(|flag| call.out.simple(flag.as_bytes()));
    }
}
