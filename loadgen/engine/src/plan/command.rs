//! A command of a workload, as the plan says it: its words, how often it comes, what its replies mean.
//!
//! Not its compiled form (see `template`). Invariant: plain values; nothing here is looked at while a run is on.

use aelab_resp::ReplyKind;
use serde::{Deserialize, Serialize};

/// Largest page: a reply of so many elements is no page any more.
pub(crate) const PAGE_MAX: u64 = 1_000_000_000;

/// A command with placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandPlan {
    /// The row it is reported under, by default the command's name in capitals.
    pub label: String,
    /// Name and arguments; an argument `;` separates the commands of one operation (`\\;` stands for itself). `__key__`, `__data__`, `__rand_int__`, `{key …}`, `{rand …}` are filled in per request.
    pub args: Vec<Vec<u8>>,
    /// Share among the group's commands.
    pub weight: u32,
    /// Whether a cursor in the reply is followed.
    pub cursor: Cursor,
    /// How it is put on the wire.
    pub framing: Framing,
    /// How the commands of an operation are sent.
    pub sending: Sending,
}

/// Commands that answer `nil`, nothing but `nil`, or an empty list when what they look for is not there.
const READING: [&str; 44] = [
    "GET",
    "GETEX",
    "GETDEL",
    "MGET",
    "HGET",
    "HMGET",
    "HGETALL",
    "HKEYS",
    "HVALS",
    "HRANDFIELD",
    "LINDEX",
    "LRANGE",
    "LPOP",
    "RPOP",
    "LMPOP",
    "LMOVE",
    "RPOPLPUSH",
    "LPOS",
    "SMEMBERS",
    "SPOP",
    "SRANDMEMBER",
    "SORT",
    "SORT_RO",
    "ZRANGE",
    "ZREVRANGE",
    "ZRANGEBYSCORE",
    "ZREVRANGEBYSCORE",
    "ZRANGEBYLEX",
    "ZREVRANGEBYLEX",
    "ZSCORE",
    "ZMSCORE",
    "ZRANK",
    "ZREVRANK",
    "ZRANDMEMBER",
    "ZPOPMIN",
    "ZPOPMAX",
    "ZMPOP",
    "XRANGE",
    "XREVRANGE",
    "DUMP",
    "RANDOMKEY",
    "GEODIST",
    "GEOPOS",
    "GEOHASH",
];
/// Commands that answer 0 when what they look for is not there.
const COUNTING: [&str; 8] =
    ["EXISTS", "STRLEN", "LLEN", "HLEN", "HEXISTS", "SCARD", "SISMEMBER", "ZCARD"];

/// What a command looks for, and so what its reply is when that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeks {
    /// It does not look for anything that could be missing; `nil` is still counted.
    Nothing,
    /// A value, or several: `nil`, or a list that is empty or holds nothing but `nil`.
    Value,
    /// A number: 0, or `nil`.
    Count,
}

impl Seeks {
    /// Whether a reply of this kind that holds nothing is a miss.
    #[must_use]
    pub fn misses(self, kind: ReplyKind) -> bool {
        match kind {
            ReplyKind::Null => true,
            ReplyKind::Integer => self == Self::Count,
            _ => self == Self::Value,
        }
    }
}

/// How a request is put on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Framing {
    /// An array of strings, as every client library does.
    #[default]
    Resp,
    /// Words on a line, as typed into a terminal; without placeholders.
    Inline,
}

impl CommandPlan {
    /// A command of weight 1, reported under its name.
    pub fn new<A: AsRef<[u8]>>(args: &[A]) -> Self {
        let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_ref().to_vec()).collect();
        let label = label_of(&args);
        Self {
            label,
            args,
            weight: 1,
            cursor: Cursor::Ignore,
            framing: Framing::Resp,
            sending: Sending::default(),
        }
    }
}

impl CommandPlan {
    /// What its reply holds if it finds what it looks for. Of an operation of several commands or calls only the last reply is
    /// at hand, which says nothing of those before.
    #[must_use]
    pub fn seeks(&self) -> Seeks {
        let Some(name) = self.args.first().filter(|_| !self.takes_several_calls()) else {
            return Seeks::Nothing;
        };
        let is_one_of =
            |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        match self.cursor {
            Cursor::Ignore if is_one_of(&READING) => Seeks::Value,
            Cursor::Ignore if is_one_of(&COUNTING) => Seeks::Count,
            _ => Seeks::Nothing,
        }
    }

    /// Whether one request of it is several commands, or several calls for pages.
    pub fn takes_several_calls(&self) -> bool {
        self.args.iter().any(|arg| arg == b";" || arg.starts_with(b"{page "))
    }
}

/// The names of an operation's commands, joined by `+`; a name that repeats says how often.
fn label_of(args: &[Vec<u8>]) -> String {
    let mut names: Vec<(String, usize)> = Vec::new();
    for words in args.split(|arg| arg == b";") {
        let name = words
            .first()
            .map_or_else(String::new, |name| String::from_utf8_lossy(name).to_ascii_uppercase());
        match names.last_mut() {
            Some((last, count)) if *last == name => *count += 1,
            _ => names.push((name, 1)),
        }
    }
    let one = |(name, count): (String, usize)| {
        if count > 1 { format!("{name}*{count}") } else { name }
    };
    names.into_iter().map(one).collect::<Vec<_>>().join("+")
}

/// How the commands of one operation are sent. Its response time ends with the last reply either way; one error makes it an
/// error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sending {
    /// At once, as transactions are; the operation waits for all replies.
    #[default]
    Together,
    /// Each after the reply to the one before (read, then write), with the same numbers for all placeholders; an error ends
    /// it.
    InTurn,
}

/// What a cursor in the reply means for a command of the SCAN family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// Nothing: one call is one request.
    Ignore,
    /// The whole iteration, from cursor 0 until the server answers 0, is one request; the argument with this index
    /// (0 is the name) is the cursor.
    Follow {
        /// 1 for SCAN, 2 for SSCAN, HSCAN and ZSCAN.
        arg_index: usize,
    },
}

/// Commands that wait for data on purpose, whatever their arguments.
const WAITING: [&str; 8] =
    ["BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"];
/// Commands that turn a connection into a subscriber's.
const SUBSCRIBING: [&str; 3] = ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"];

/// What a group of connections waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reception {
    /// Replies: how long one takes is the result.
    #[default]
    Replies,
    /// Data: `BLPOP` and similar commands wait on purpose. How long they did is a metric of its own; response time is that of the
    /// data, from when it was due at its sender (`{stamp}`).
    Data,
    /// Messages of the channels it subscribes to, timed the same way.
    Messages,
}

impl Reception {
    /// What a workload of these commands waits for.
    ///
    /// # Errors
    /// The commands do not go together.
    pub fn of(commands: &[CommandPlan]) -> Result<Self, String> {
        let mut receptions = commands.iter().map(CommandPlan::reception);
        let first = receptions.next().unwrap_or_default();
        if first == Self::Messages && commands.len() > 1 {
            return Err("a subscriber has one command, with all its channels; put the others into a group of their own"
                .to_owned());
        }
        if receptions.any(|other| other != first) {
            return Err("commands that wait for data need a group of their own, beside the group that sends it"
                .to_owned());
        }
        Ok(first)
    }
}

impl CommandPlan {
    /// What the command waits for.
    fn reception(&self) -> Reception {
        let is = |word: &[u8], names: &[&str]| {
            names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
        };
        let Some(name) = self.args.first() else { return Reception::Replies };
        let blocks = || self.args.iter().any(|word| is(word, &["BLOCK"]));
        if is(name, &SUBSCRIBING) {
            Reception::Messages
        } else if is(name, &WAITING) || (is(name, &["XREAD", "XREADGROUP"]) && blocks()) {
            Reception::Data
        } else {
            Reception::Replies
        }
    }
}
