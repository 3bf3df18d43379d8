//! An arm of a scenario: a server, its data, and the load on it.
//!
//! Plain data, all defaults filled in. Read next: [`crate::group`].

use crate::group::Group;
use crate::procedure::Procedure;
use std::time::Duration;

/// One of the things that a scenario compares.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// The name in the file; also the name of its folder.
    pub name: String,
    /// The name in reports.
    pub label: String,
    /// The server program of this arm; `None` uses that of the command line, or the bundled server.
    pub server_bin: Option<String>,
    /// Arguments of the server program, before all directives.
    pub server_args: Vec<String>,
    /// Server directives (`--name value`) of this arm, sorted by name.
    pub server: Vec<(String, String)>,
    /// Limit of the server's open descriptors (`ulimit -n`); `None` keeps the system's limit.
    pub nofile: Option<u64>,
    /// Cores reserved for the server; the load generator uses the others.
    pub cpus: u32,
    /// Requirements: if one is not met, the arm is skipped.
    pub needs: Vec<Need>,
    /// The data in the server before the load starts.
    pub data: DataSet,
    /// The relay between the connections and the server, if any.
    pub link: Option<Link>,
    /// Settings of the load generator.
    pub engine: Engine,
    /// The groups of connections, in the order of the file; empty only with a procedure.
    pub groups: Vec<Group>,
    /// An experiment that runs beside the groups from the start of the measurement.
    pub procedure: Option<Procedure>,
    /// Warm-up, measurement, drain.
    pub phases: Phases,
}

impl Arm {
    /// The group of that name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}

/// A requirement of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The bundled server, for options or commands that other servers do not have.
    Bundled,
    /// A server that the lab started, because the arm loads it beyond its limits.
    Fresh,
}

impl Need {
    /// All requirements.
    pub const ALL: [Self; 2] = [Self::Bundled, Self::Fresh];

    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bundled => "bundled",
            Self::Fresh => "fresh",
        }
    }
}

/// A relay between the connections and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The delay it adds to a round trip.
    pub rtt: Duration,
    /// How far the round trip varies up and down.
    pub jitter: Duration,
    /// Bytes per second in each direction; `None` is unlimited.
    pub bandwidth: Option<u64>,
    /// Number of connections to the server that all clients share; `None` gives each client its own.
    pub share: Option<u32>,
}

/// Settings of the load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// Threads; at least one.
    pub threads: u32,
    /// How a thread waits for the next due request.
    pub pacing: Pacing,
    /// Trace one request in N through the bundled server (`AE TRACE`); 0 traces none.
    pub trace: u32,
}

/// How an engine thread waits for the next due request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// Precise if each thread has a core of its own, else a timer.
    Auto,
    /// Sleep on a kernel timer.
    Timerfd,
    /// Sleep, then spin shortly before the request is due.
    Precise,
    /// Spin.
    Spin,
}

impl Pacing {
    /// All ways to wait.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Timerfd, Self::Precise, Self::Spin];

    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Timerfd => "timerfd",
            Self::Precise => "precise",
            Self::Spin => "spin",
        }
    }
}

/// The data in the server before the load starts: string keys named `PREFIX` + twelve digits, and
/// collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// Number of string keys.
    pub keys: u64,
    /// Size of each value.
    pub value_bytes: u64,
    /// Prefix of every key.
    pub key_prefix: String,
    /// Lists, sets, hashes and sorted sets, sorted by type and name.
    pub collections: Vec<Collection>,
    /// Prefix of every element; twelve digits follow, in random order.
    pub element_prefix: String,
}

impl DataSet {
    /// Whether there is nothing to load.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys == 0 && self.collections.is_empty()
    }
}

/// A key with many elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The type.
    pub kind: CollectionKind,
    /// The key.
    pub name: String,
    /// Number of elements.
    pub elements: u64,
}

/// The type of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionKind {
    /// Different elements, in random order.
    List,
    /// Elements.
    Set,
    /// Fields; the value of each is its name.
    Hash,
    /// Elements; the scores are the numbers in their names.
    Zset,
}

impl CollectionKind {
    /// All types.
    pub const ALL: [Self; 4] = [Self::List, Self::Set, Self::Hash, Self::Zset];

    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::Zset => "zset",
        }
    }
}

/// The phases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// Load without recording.
    pub warmup: Duration,
    /// Load with recording.
    pub measure: Duration,
    /// Longest wait for unanswered requests after the measurement.
    pub drain: Duration,
    /// A period without replies while requests wait counts as a stall if it is at least this long.
    pub stall_threshold: Duration,
}
