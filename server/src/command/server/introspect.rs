//! COMMAND COUNT LIST INFO DOCS GETKEYS HELP: the command table as clients see it.
//!
//! Everything is derived from the rows of the table, so it agrees with what the dispatcher does.

use crate::command::server::getkeys::{count_at, getkeys, getkeysandflags, usual_access};
use crate::db::glob::{Case, matches};
use crate::reply::Reply;
use crate::server::flags::{self, LOADING, STALE};
use crate::server::{Call, CommandSpec, Found, Group, Keys, NO_KEYS, command, container};

pub(crate) const TABLE: &[CommandSpec] = &[container("command", -1, SUBCOMMANDS)
    .alone(LOADING | STALE, all)
    .docs(
        Group::Server,
        "2.8.13",
        "O(N) where N is the total number of Redis commands",
        "Get array of Redis command details",
    )
    .tips(&["nondeterministic_output_order"])];

const SUBCOMMANDS: &[CommandSpec] = &[
    command("count", 2, LOADING | STALE, NO_KEYS, count).of("command").docs(
        Group::Server,
        "2.8.13",
        "O(1)",
        "Get total number of Redis commands",
    ),
    command("list", -2, LOADING | STALE, NO_KEYS, list)
        .of("command")
        .docs(
            Group::Server,
            "7.0.0",
            "O(N) where N is the total number of Redis commands",
            "Get an array of Redis command names",
        )
        .tips(&["nondeterministic_output_order"]),
    command("info", -2, LOADING | STALE, NO_KEYS, info)
        .of("command")
        .docs(
            Group::Server,
            "2.8.13",
            "O(N) where N is the number of commands to look up",
            "Get array of specific Redis command details, or all when no argument is given.",
        )
        .tips(&["nondeterministic_output_order"]),
    command("docs", -2, LOADING | STALE, NO_KEYS, docs)
        .of("command")
        .docs(
            Group::Server,
            "7.0.0",
            "O(N) where N is the number of commands to look up",
            "Get array of specific Redis command documentation",
        )
        .tips(&["nondeterministic_output_order"]),
    command("getkeys", -4, LOADING | STALE, NO_KEYS, getkeys).of("command").docs(
        Group::Server,
        "2.8.13",
        "O(N) where N is the number of arguments to the command",
        "Extract keys given a full Redis command",
    ),
    command("getkeysandflags", -4, LOADING | STALE, NO_KEYS, getkeysandflags).of("command").docs(
        Group::Server,
        "7.0.0",
        "O(N) where N is the number of arguments to the command",
        "Extract keys and access flags given a full Redis command",
    ),
    command("help", 2, LOADING | STALE, NO_KEYS, help).of("command").docs(
        Group::Server,
        "5.0.0",
        "O(1)",
        "Show helpful text about the different subcommands",
    ),
];

/// The words for the flags, in Redis's order.
const FLAG_WORDS: &[(u32, &str)] = &[
    (flags::WRITE, "write"),
    (flags::READONLY, "readonly"),
    (flags::DENYOOM, "denyoom"),
    (flags::ADMIN, "admin"),
    (flags::PUBSUB, "pubsub"),
    (flags::NOSCRIPT, "noscript"),
    (flags::BLOCKING, "blocking"),
    (LOADING, "loading"),
    (STALE, "stale"),
    (flags::SKIP_MONITOR, "skip_monitor"),
    (flags::SKIP_SLOWLOG, "skip_slowlog"),
    (flags::FAST, "fast"),
    (flags::NO_AUTH, "no_auth"),
    (flags::MAY_REPLICATE, "may_replicate"),
    (flags::NO_ASYNC_LOADING, "no_async_loading"),
    (flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (flags::NO_MULTI, "no_multi"),
    (flags::MOVABLE_KEYS, "movablekeys"),
    (flags::ALLOW_BUSY, "allow_busy"),
];

/// Commands that Redis marks as dangerous although they are not for administrators only.
const DANGEROUS: &[&str] =
    &["flushall", "flushdb", "keys", "sort", "sort_ro", "info", "role", "swapdb", "lastsave"];

/// Commands of the server group that work on the keyspace.
const KEYSPACE_TOO: &[&str] = &["dbsize", "flushall", "flushdb", "swapdb"];
/// Commands that Redis counts as administration without the flag.
const ADMIN_TOO: &[&str] = &["lastsave", "role"];

impl Group {
    /// The word in `COMMAND DOCS`.
    fn name(self) -> &'static str {
        match self {
            Group::Bitmap => "bitmap",
            Group::Cluster => "cluster",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Pubsub => "pubsub",
            Group::Scripting => "scripting",
            Group::Server => "server",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::String => "string",
            Group::Transactions => "transactions",
        }
    }

    /// The ACL category that goes with the group, if there is one.
    fn category(self) -> Option<&'static str> {
        Some(match self {
            Group::Bitmap => "bitmap",
            Group::Connection => "connection",
            Group::Generic => "keyspace",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Scripting => "scripting",
            Group::Set => "set",
            Group::SortedSet => "sortedset",
            Group::String => "string",
            Group::Transactions => "transaction",
            Group::Cluster | Group::Pubsub | Group::Server => return None,
        })
    }
}

/// ACL categories of a command, derived as Redis derives them.
fn categories(spec: &CommandSpec) -> Vec<&'static str> {
    let mut list = Vec::new();
    let command_itself =
        matches!(spec.name, "command" | "wait" | "readonly" | "readwrite" | "asking")
            || spec.parent == Some("command");
    if command_itself {
        list.push("connection");
    } else if KEYSPACE_TOO.contains(&spec.name) {
        list.push("keyspace");
    } else if spec.name.starts_with("sort") {
        list.extend(["set", "sortedset", "list"]);
    } else if spec.subcommands.is_empty() {
        list.extend(spec.group.category());
    }
    let dangerous = DANGEROUS.contains(&spec.name) && spec.parent.is_none();
    for (applies, word) in [
        (spec.has(flags::READONLY) && spec.group != Group::Scripting, "read"),
        (spec.has(flags::WRITE), "write"),
        (spec.has(flags::PUBSUB), "pubsub"),
        (spec.has(flags::ADMIN) || ADMIN_TOO.contains(&spec.name), "admin"),
        (spec.has(flags::FAST), "fast"),
        (!spec.has(flags::FAST), "slow"),
        (spec.has(flags::BLOCKING), "blocking"),
        (spec.has(flags::ADMIN) || dangerous, "dangerous"),
    ] {
        if applies && !list.contains(&word) {
            list.push(word);
        }
    }
    list
}

/// All commands in detail. O(N) for N commands.
fn all(call: &mut Call<'_>) {
    let rows: Vec<&CommandSpec> = top_level(call).collect();
    call.out.array(rows.len());
    rows.into_iter().for_each(|spec| describe(call.out, spec));
}

fn top_level<'a>(call: &Call<'a>) -> impl Iterator<Item = &'static CommandSpec> + use<'a> {
    let rows: Vec<&'static CommandSpec> =
        call.server.commands.rows().iter().copied().filter(|row| row.parent.is_none()).collect();
    rows.into_iter()
}

/// The command or subcommand (`config|get`) of that name.
fn find(call: &Call<'_>, name: &[u8]) -> Option<&'static CommandSpec> {
    let commands = &call.server.commands;
    match name.iter().position(|&b| b == b'|') {
        None => commands.find(name).map(|found| found.spec),
        Some(bar) => {
            let container = commands.find(&name[..bar])?;
            commands.find_sub(container, &name[bar + 1..]).map(|found: Found| found.spec)
        }
    }
}

/// How many commands there are. O(1).
fn count(call: &mut Call<'_>) {
    let count = top_level(call).count();
    call.out.count(count);
}

/// The names of all commands, or of a category, or matching a pattern. O(N) for N commands.
fn list(call: &mut Call<'_>) {
    let filter: Box<dyn Fn(&CommandSpec) -> bool> = match call.args.len() {
        2 => Box::new(|_| true),
        5 if call.args.is(2, "filterby") => {
            let wanted = call.args.at(4);
            if call.args.is(3, "module") {
                Box::new(|_| false)
            } else if call.args.is(3, "aclcat") {
                Box::new(move |spec| {
                    categories(spec).iter().any(|c| c.as_bytes().eq_ignore_ascii_case(wanted))
                })
            } else if call.args.is(3, "pattern") {
                Box::new(move |spec| matches(wanted, spec.full_name().as_bytes(), Case::Ignored))
            } else {
                return call.out.syntax_error();
            }
        }
        _ => return call.out.syntax_error(),
    };
    let names: Vec<_> = call
        .server
        .commands
        .rows()
        .iter()
        .filter(|row| filter(row))
        .map(|row| row.full_name())
        .collect();
    call.out.array(names.len());
    names.iter().for_each(|name| call.out.bulk(name.as_bytes()));
}

/// Details of the given commands, null for unknown ones. O(N) for N names.
fn info(call: &mut Call<'_>) {
    if call.args.len() == 2 {
        return all(call);
    }
    call.out.array(call.args.len() - 2);
    for name in call.args.from(2) {
        match find(call, name) {
            Some(spec) => describe(call.out, spec),
            None => call.out.null(),
        }
    }
}

fn describe(out: &mut Reply, spec: &CommandSpec) {
    out.array(10);
    out.bulk(spec.full_name().as_bytes());
    out.integer(spec.arity.into());
    let words: Vec<&str> =
        FLAG_WORDS.iter().filter(|(flag, _)| spec.has(*flag)).map(|(_, word)| *word).collect();
    out.set(words.len());
    words.iter().for_each(|word| out.simple(word.as_bytes()));
    out.integer(spec.keys.first.into());
    out.integer(spec.keys.last.into());
    out.integer(spec.keys.step.into());
    let categories = categories(spec);
    out.set(categories.len());
    categories.iter().for_each(|category| out.simple(format!("@{category}").as_bytes()));
    out.set(spec.tips.len());
    spec.tips.iter().for_each(|tip| out.bulk(tip.as_bytes()));
    key_specs(out, spec);
    if spec.subcommands.is_empty() {
        return out.set(0);
    }
    out.array(spec.subcommands.len());
    spec.subcommands.iter().for_each(|sub| describe(out, sub));
}

/// A part of a key specification: its type and its numbers.
type Part<'a> = (&'a str, &'a [(&'a str, i64)]);

/// Where the keys are, in the form of Redis 7's key specifications.
fn key_specs(out: &mut Reply, spec: &CommandSpec) {
    let (first_words, other_words) = match spec.name {
        // It depends on the other arguments.
        "set" | "bitfield" => ("RW access update variable_flags", ""),
        _ => usual_access(spec),
    };
    let Keys { first, last, .. } = spec.keys;
    let ranges: &[(Keys, &str)] = match () {
        () if spec.keys == NO_KEYS => &[],
        () if last == first || other_words == first_words => &[(spec.keys, first_words)],
        // The first key is used differently from the others.
        () => &[
            (Keys { last: first, ..spec.keys }, first_words),
            (Keys { first: first + 1, ..spec.keys }, other_words),
        ],
    };
    let count_at = count_at(spec).map(|at| at as i64);
    // The keys of BY and GET, and that of STORE.
    let unknown: &[&str] = match spec.name {
        "sort" => &["RO access", "OW update"],
        "sort_ro" => &["RO access"],
        _ => &[],
    };
    out.set(ranges.len() + usize::from(count_at.is_some()) + unknown.len());
    for (keys, words) in ranges {
        let Keys { first, last, step } = *keys;
        // Relative to the first key, unless it counts from the end.
        let last = i64::from(if last < 0 { last } else { last - first });
        let find = [("lastkey", last), ("keystep", step.into()), ("limit", 0)];
        key_spec(out, words, ("index", &[("index", first.into())]), ("range", &find));
    }
    if let Some(at) = count_at {
        let words = if ranges.is_empty() { first_words } else { other_words };
        let find = [("keynumidx", 0), ("firstkey", 1), ("keystep", 1)];
        key_spec(out, words, ("index", &[("index", at)]), ("keynum", &find));
    }
    for words in unknown {
        key_spec(out, words, ("unknown", &[]), ("unknown", &[]));
    }
}

fn key_spec(out: &mut Reply, words: &str, begin: Part<'_>, find: Part<'_>) {
    out.map(3);
    out.bulk(b"flags");
    let words: Vec<&str> = words.split(' ').collect();
    out.set(words.len());
    words.iter().for_each(|word| out.simple(word.as_bytes()));
    for (name, (kind, numbers)) in [("begin_search", begin), ("find_keys", find)] {
        out.bulk(name.as_bytes());
        out.map(2);
        out.bulk(b"type");
        out.bulk(kind.as_bytes());
        out.bulk(b"spec");
        out.map(numbers.len());
        for (name, number) in numbers {
            out.bulk(name.as_bytes());
            out.integer(*number);
        }
    }
}

/// Documentation of all or of the given commands. O(N) for N commands.
fn docs(call: &mut Call<'_>) {
    let specs: Vec<&'static CommandSpec> = if call.args.len() == 2 {
        top_level(call).collect()
    } else {
        call.args.from(2).filter_map(|name| find(call, name)).collect()
    };
    call.out.map(specs.len());
    for spec in specs {
        document(call.out, spec);
    }
}

fn document(out: &mut Reply, spec: &CommandSpec) {
    out.bulk(spec.full_name().as_bytes());
    let fields = [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", spec.group.name()),
        ("complexity", spec.complexity),
    ];
    let has_subs = !spec.subcommands.is_empty();
    out.map(fields.len() + usize::from(has_subs));
    for (name, value) in fields {
        out.bulk(name.as_bytes());
        out.bulk(value.as_bytes());
    }
    if has_subs {
        out.bulk(b"subcommands");
        out.map(spec.subcommands.len());
        spec.subcommands.iter().for_each(|sub| document(out, sub));
    }
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "COMMAND",
        &[
            "(no subcommand)",
            "    Return details about all Redis commands.",
            "COUNT",
            "    Return the total number of commands in this Redis server.",
            "LIST",
            "    Return a list of all commands in this Redis server.",
            "INFO [<command-name> ...]",
            "    Return details about multiple Redis commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "DOCS [<command-name> ...]",
            "    Return documentation details about multiple Redis commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "GETKEYS <full-command>",
            "    Return the keys from a full Redis command.",
        ],
    );
}
