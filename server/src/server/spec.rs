//! One row of the command table: everything the server knows of a command except its code.
//!
//! `COMMAND`, arity checks, `INFO commandstats` and the dispatcher all read the same row, so they
//! cannot disagree. The dispatcher decides by [`flags`], never by a name.

use super::call::Call;
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
    /// The positions of keys depend on other arguments.
    pub(crate) const MOVABLE_KEYS: u32 = 1 << 15;
    /// Allowed while a script runs too long.
    pub(crate) const ALLOW_BUSY: u32 = 1 << 16;
    /// Not run asynchronously while loading.
    pub(crate) const NO_ASYNC_LOADING: u32 = 1 << 17;
    /// Makes sense without keys although it may have some.
    pub(crate) const NO_MANDATORY_KEYS: u32 = 1 << 18;

    // From here on internal: `COMMAND INFO` does not show them.

    /// Runs at once inside `MULTI` instead of being queued.
    pub(crate) const NOT_QUEUED: u32 = 1 << 19;
    /// Executes the queued commands (`EXEC`).
    pub(crate) const RUNS_QUEUE: u32 = 1 << 20;
    /// Ends an open transaction without executing it, which frees its memory.
    pub(crate) const DISCARDS_QUEUE: u32 = 1 << 21;
    /// Allowed in RESP2 while the client is subscribed.
    pub(crate) const IN_SUBSCRIBED_MODE: u32 = 1 << 22;
    /// Its replies are push messages, which `CLIENT REPLY` does not suppress.
    pub(crate) const PUSHES_REPLIES: u32 = 1 << 23;
    /// Needs `enable-debug-command`.
    pub(crate) const PROTECTED: u32 = 1 << 24;
    /// Never blocks the client but waits for other clients, which `io-model blocking` cannot serve.
    pub(crate) const WAITS_FOR_OTHERS: u32 = 1 << 25;
    /// All its arguments are secret: `server::secrets` redacts them.
    pub(crate) const SECRET_ARGS: u32 = 1 << 26;
    /// The two arguments after the word `AUTH` are secret.
    pub(crate) const SECRET_AFTER_AUTH: u32 = 1 << 27;
    /// From the third word on, its arguments are settings and values; those of some settings are secret.
    pub(crate) const SECRET_SETTINGS: u32 = 1 << 29;
    /// Touches no key, but `--inject service=…` without a list of commands applies to it.
    pub(crate) const INJECTED_BY_DEFAULT: u32 = 1 << 28;
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

/// A command whose second word chooses a subcommand. It is never executed itself.
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

    /// What a container does without a subcommand (`COMMAND`).
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
