//! The command table: one row per command, joined from the command files and looked up by name.
//!
//! A row says everything the server knows of a command (arity, flags, keys, documentation), so
//! `COMMAND`, arity checks, `INFO commandstats` and the dispatcher can never disagree.
//! To add a command, add a row to its file's `TABLE` and a function `fn(&mut Call<'_>)` to it.

mod admin;
mod ae;
mod bitfield;
mod bits;
mod bits_op;
mod blocking;
pub(crate) mod call;
mod client;
mod client_kill;
mod client_pause;
mod config;
mod connection;
mod debug;
mod generic_args;
mod getkeys;
mod hash;
mod hash_random;
mod introspect;
mod keyspace;
mod keyspace_expire;
mod keyspace_object;
mod latency;
mod list;
mod list_move;
mod memory;
mod monitor;
mod pop_many;
mod pubsub;
mod random_pairs;
pub(crate) mod reply;
mod scan;
mod script;
mod set;
mod set_algebra;
mod slowlog;
mod sort;
mod standalone;
mod string;
mod string_lcs;
mod string_long_double;
mod string_number;
mod string_set;
mod table;
mod transaction;
mod zset;
mod zset_algebra;
mod zset_random;
mod zset_range;

pub(crate) use call::{Args, Call, parse_integer};
pub(crate) use client::{memory_bytes as client_memory_bytes, peer_text};
pub(crate) use pop_many::{Served, Wish, serve};
pub(crate) use reply::{Protocol, Reply};
pub(crate) use table::{CommandTable, Found};
pub(crate) use transaction::{discard_transaction, touch_database};

use std::borrow::Cow;

/// Properties of a command, as `COMMAND INFO` names them. Combine with `|`.
pub(crate) mod flags {
    /// May change the data set.
    pub(crate) const WRITE: u32 = 1 << 0;
    /// Only reads the data set.
    pub(crate) const READONLY: u32 = 1 << 1;
    /// May need memory: refused when over `maxmemory`.
    pub(crate) const DENYOOM: u32 = 1 << 2;
    /// For administrators.
    pub(crate) const ADMIN: u32 = 1 << 3;
    /// Publish and subscribe.
    pub(crate) const PUBSUB: u32 = 1 << 4;
    /// Not from scripts.
    pub(crate) const NOSCRIPT: u32 = 1 << 5;
    /// May block the client.
    pub(crate) const BLOCKING: u32 = 1 << 6;
    /// Allowed while loading.
    pub(crate) const LOADING: u32 = 1 << 7;
    /// Allowed on a stale replica.
    pub(crate) const STALE: u32 = 1 << 8;
    /// Not shown to `MONITOR`.
    pub(crate) const SKIP_MONITOR: u32 = 1 << 9;
    /// Not shown in `SLOWLOG`.
    pub(crate) const SKIP_SLOWLOG: u32 = 1 << 10;
    /// Constant or logarithmic time.
    pub(crate) const FAST: u32 = 1 << 11;
    /// Allowed before authentication.
    pub(crate) const NO_AUTH: u32 = 1 << 12;
    /// May replicate.
    pub(crate) const MAY_REPLICATE: u32 = 1 << 13;
    /// Not inside `MULTI`.
    pub(crate) const NO_MULTI: u32 = 1 << 14;
    /// Keys cannot be told from their position alone.
    pub(crate) const MOVABLE_KEYS: u32 = 1 << 15;
    /// Allowed while a script runs too long.
    pub(crate) const ALLOW_BUSY: u32 = 1 << 16;
    /// Not run asynchronously while loading.
    pub(crate) const NO_ASYNC_LOADING: u32 = 1 << 17;
    /// Makes sense without keys although it may have some.
    pub(crate) const NO_MANDATORY_KEYS: u32 = 1 << 18;
}

/// Which arguments are keys: the first, the last (negative counts from the end) and the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) first: i16,
    pub(crate) last: i16,
    pub(crate) step: i16,
}

/// No argument is a key.
pub(crate) const NO_KEYS: Keys = keys(0, 0, 0);

/// `first`, `last` and `step` as `COMMAND INFO` shows them.
pub(crate) const fn keys(first: i16, last: i16, step: i16) -> Keys {
    Keys { first, last, step }
}

/// The groups of the Redis documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Bitmap,
    Cluster,
    Connection,
    Generic,
    Hash,
    List,
    Pubsub,
    Scripting,
    Server,
    Set,
    SortedSet,
    String,
    Transactions,
}

/// One row of the table. Make it with [`command`] and refine it with the methods.
pub(crate) struct CommandSpec {
    /// Lower case; a subcommand's own word only.
    pub(crate) name: &'static str,
    /// The container's name, for subcommands.
    pub(crate) parent: Option<&'static str>,
    /// Number of words, name included; negative: at least so many.
    pub(crate) arity: i32,
    /// A union of [`flags`].
    pub(crate) flags: u32,
    /// Where its keys are.
    pub(crate) keys: Keys,
    /// What it does.
    pub(crate) run: fn(&mut Call<'_>),
    /// Group in the documentation.
    pub(crate) group: Group,
    /// The Redis version that brought it.
    pub(crate) since: &'static str,
    /// Its cost, in O notation.
    pub(crate) complexity: &'static str,
    /// One line for `COMMAND DOCS`.
    pub(crate) summary: &'static str,
    /// Command tips of `COMMAND INFO`.
    pub(crate) tips: &'static [&'static str],
    /// For containers (`OBJECT`, `CLIENT` …): the second word chooses.
    pub(crate) subcommands: &'static [CommandSpec],
}

/// A row: name, arity, flags, keys, function. Add documentation with [`CommandSpec::docs`].
pub(crate) const fn command(
    name: &'static str,
    arity: i32,
    flags: u32,
    keys: Keys,
    run: fn(&mut Call<'_>),
) -> CommandSpec {
    CommandSpec {
        name,
        parent: None,
        arity,
        flags,
        keys,
        run,
        group: Group::Generic,
        since: "1.0.0",
        complexity: "O(1)",
        summary: "",
        tips: &[],
        subcommands: &[],
    }
}

/// A command whose second word chooses a subcommand; it never runs by itself.
pub(crate) const fn container(
    name: &'static str,
    arity: i32,
    subcommands: &'static [CommandSpec],
) -> CommandSpec {
    let mut spec = command(name, arity, 0, NO_KEYS, container_alone);
    spec.subcommands = subcommands;
    spec.complexity = "Depends on subcommand.";
    spec
}

/// The dispatcher answers a container without a known subcommand itself.
fn container_alone(call: &mut Call<'_>) {
    call.wrong_arity();
}

impl CommandSpec {
    /// Adds group, version, cost and summary.
    pub(crate) const fn docs(
        mut self,
        group: Group,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        self.group = group;
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self
    }

    /// Adds command tips (`nondeterministic_output` …).
    pub(crate) const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    /// What a container does when it stands alone (`COMMAND`).
    pub(crate) const fn alone(mut self, flags: u32, run: fn(&mut Call<'_>)) -> Self {
        self.flags = flags;
        self.run = run;
        self
    }

    /// Makes this row a subcommand of `parent`.
    pub(crate) const fn of(mut self, parent: &'static str) -> Self {
        self.parent = Some(parent);
        self
    }

    /// `get`, or `config|get` for a subcommand.
    pub(crate) fn full_name(&self) -> Cow<'static, str> {
        match self.parent {
            Some(parent) => Cow::Owned(format!("{parent}|{}", self.name)),
            None => Cow::Borrowed(self.name),
        }
    }

    /// Whether any of `flags` is set.
    pub(crate) fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// Whether `words` words (name included) satisfy the arity.
    pub(crate) fn accepts(&self, words: usize) -> bool {
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        let arity = i64::from(self.arity);
        if arity >= 0 { words == arity } else { words >= -arity }
    }
}

/// The tables of the command files, joined in this order.
///
/// A new file needs its `mod` line above and its `TABLE` here; nothing else.
pub(crate) const TABLES: &[&[CommandSpec]] = &[
    connection::TABLE,
    admin::TABLE,
    ae::TABLE,
    config::TABLE,
    debug::TABLE,
    introspect::TABLE,
    slowlog::TABLE,
    client::TABLE,
    transaction::TABLE,
    pubsub::TABLE,
    hash::TABLE,
    hash_random::TABLE,
    keyspace::TABLE,
    keyspace_expire::TABLE,
    keyspace_object::TABLE,
    latency::TABLE,
    bits::TABLE,
    bits_op::TABLE,
    bitfield::TABLE,
    blocking::TABLE,
    list::TABLE,
    list_move::TABLE,
    memory::TABLE,
    monitor::TABLE,
    pop_many::TABLE,
    scan::TABLE,
    script::TABLE,
    set::TABLE,
    set_algebra::TABLE,
    sort::TABLE,
    standalone::TABLE,
    string::TABLE,
    string_lcs::TABLE,
    string_number::TABLE,
    string_set::TABLE,
    zset::TABLE,
    zset_algebra::TABLE,
    zset_random::TABLE,
    zset_range::TABLE,
];

/// Replies with a container's help text, in the shape all of Redis's `HELP` subcommands have.
pub(crate) fn help(out: &mut Reply, name: &str, lines: &[&str]) {
    out.array(lines.len() + 3);
    out.simple(
        format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:").as_bytes(),
    );
    for line in lines {
        out.simple(line.as_bytes());
    }
    out.simple(b"HELP");
    out.simple(b"    Prints this help.");
}

/// Replies that the second word of `container` (upper case) does not go with these arguments.
pub(crate) fn unknown_or_wrong_arity(call: &mut Call<'_>, container: &str) {
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend_from_slice(call.args.at(1));
    text.extend_from_slice(b"'. Try ");
    text.extend_from_slice(container.as_bytes());
    text.extend_from_slice(b" HELP.");
    call.out.error(text);
}
