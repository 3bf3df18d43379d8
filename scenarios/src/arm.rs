//! A scenario as the lab plays it: everything resolved, every default filled in.
//!
//! Not what the user typed (that is [`crate::raw`], private) and not how it is played: no socket,
//! no clock, no process here. Invariant: a value of these types can be played as it stands.
//! Read next: [`crate::criterion`] for claims, [`crate::resolve`] for the way here.

use crate::criterion::Claim;
use crate::procedure::Procedure;
use crate::units::Rate;
use std::fmt;
use std::time::Duration;

/// An experiment at one scale: a question, the claims it judges, and the arms it compares.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name: the file's, without `.toml`.
    pub name: String,
    /// The question in words.
    pub question: String,
    /// More about it, for `scenario show`; may be empty.
    pub about: String,
    /// The scale this was resolved for.
    pub scale: Scale,
    /// Seed of every random choice.
    pub seed: u64,
    /// How often every arm is played; more than once, they take turns (A B B A A B …).
    pub repeat: u32,
    /// The claims, in the order of the file.
    pub claims: Vec<Claim>,
    /// The arms, in the order of the file; never empty.
    pub arms: Vec<Arm>,
}

impl Scenario {
    /// The arm of that name.
    #[must_use]
    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == name)
    }
}

/// How large an experiment is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// A few seconds: does it work?
    Smoke,
    /// At most about two minutes.
    #[default]
    Default,
    /// The articles' own sizes.
    Full,
}

impl Scale {
    /// All scales, smallest first.
    pub const ALL: [Self; 3] = [Self::Smoke, Self::Default, Self::Full];

    /// The name used in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Default => "default",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One of the things compared: a server, its data, and the load on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// Its name in the file; also the name of its folder.
    pub name: String,
    /// What reports call it.
    pub label: String,
    /// Server directives (`--name value`) that this arm needs, in order of name.
    pub server: Vec<(String, String)>,
    /// Most descriptors that the server may open (`ulimit -n`); `None` leaves it as it is.
    pub nofile: Option<u64>,
    /// Processors that the server is kept on; the load generator gets the others.
    pub cpus: u32,
    /// Without these the arm is left out.
    pub needs: Vec<Need>,
    /// What is in the server before the load starts.
    pub data: DataSet,
    /// What lies between the connections and the server, if anything.
    pub link: Option<Link>,
    /// How the load generator works.
    pub engine: Engine,
    /// The groups of connections, in the order of the file; empty only with a procedure.
    pub groups: Vec<Group>,
    /// What is done beside the groups, from the begin of the measurement.
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

/// What an arm cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The bundled server: options or commands that others do not have.
    Bundled,
    /// A server that the lab has started itself, so that it may be loaded beyond its limits.
    Fresh,
}

impl Need {
    /// All needs.
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
    /// What it adds to a round trip.
    pub rtt: Duration,
    /// How far the round trip varies up and down.
    pub jitter: Duration,
    /// Bytes per second in each direction; `None` is without limit.
    pub bandwidth: Option<u64>,
    /// Connections to the server that all clients share; `None` gives each its own.
    pub share: Option<u32>,
}

/// How the load generator works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// Threads; at least one.
    pub threads: u32,
    /// How they wait for the next due request.
    pub pacing: Pacing,
    /// Follow one request in so many through the bundled server (`AE TRACE`); 0 follows none.
    pub trace: u32,
}

/// How an engine thread waits for the next due request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// Asleep on a kernel timer.
    Timerfd,
    /// Asleep, then spinning for the last stretch.
    Precise,
    /// Spinning.
    Spin,
}

impl Pacing {
    /// All ways.
    pub const ALL: [Self; 3] = [Self::Timerfd, Self::Precise, Self::Spin];

    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Timerfd => "timerfd",
            Self::Precise => "precise",
            Self::Spin => "spin",
        }
    }
}

/// What the server holds before the load starts: string keys `PREFIX` + twelve digits, and
/// collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// Number of string keys; zero leaves the server empty.
    pub keys: u64,
    /// Size of each value.
    pub value_bytes: u64,
    /// What every key starts with.
    pub key_prefix: String,
    /// Lists, sets, hashes and sorted sets, in order of kind and name.
    pub collections: Vec<Collection>,
    /// What every element starts with; the rest are twelve digits, in no order.
    pub element_prefix: String,
}

impl DataSet {
    /// Whether there is nothing to fill in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys == 0 && self.collections.is_empty()
    }
}

/// A key with many elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its type.
    pub kind: CollectionKind,
    /// The key.
    pub name: String,
    /// How many elements.
    pub elements: u64,
}

/// The type of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionKind {
    /// Elements in no order, each once.
    List,
    /// Elements.
    Set,
    /// Fields, each with its own name as its value.
    Hash,
    /// Elements, scores rising with their digits.
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

/// The parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// Load without recording.
    pub warmup: Duration,
    /// Load with recording.
    pub measure: Duration,
    /// The longest wait for what is still unanswered afterwards.
    pub drain: Duration,
    /// A span without any reply while requests wait counts as a stall from this length on.
    pub stall_threshold: Duration,
}

/// What a group is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Only suffers stalls; its response time is the headline.
    Victim,
    /// Its commands cause stalls.
    Offender,
    /// Load that is there but not judged.
    Background,
    /// A light, steady load that only observes.
    Probe,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Victim, Self::Offender, Self::Background, Self::Probe];

    /// The name used in files and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Victim => "victim",
            Self::Offender => "offender",
            Self::Background => "background",
            Self::Probe => "probe",
        }
    }
}

/// Connections that send the same kind of load.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name in the file.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// How many connections; at least one.
    pub connections: u32,
    /// Requests that one connection may have unanswered; at least one.
    pub pipeline: u32,
    /// When requests are due.
    pub arrival: Arrival,
    /// What is sent, with weights; empty only if the group is idle.
    pub commands: Vec<Command>,
    /// How `__key__` is chosen from the data set, as for `--key-dist`.
    pub keys: String,
    /// Size of `__data__`, as for `--data-size`; `None` takes that of the data set.
    pub data_size: Option<String>,
    /// A request unanswered for this long counts as timed out; zero waits for ever.
    pub timeout: Duration,
    /// From the begin of the run (warm-up included) to the begin of the group's schedule.
    pub start_after: Duration,
    /// Requests after which a connection is replaced; zero keeps it.
    pub churn: u64,
    /// Emulates a client library's pool of at most `connections`.
    pub pool: Option<Pool>,
    /// How connections are opened.
    pub dialling: Dialling,
    /// Through which socket.
    pub socket: Socket,
    /// Past the link, if the arm has one.
    pub via: Via,
}

/// An emulated pool of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Idle connections it opens in advance.
    pub min_idle: u32,
    /// Idle connections it keeps.
    pub max_idle: u32,
    /// A request that waits longer for a connection fails; zero waits for ever.
    pub max_wait: Duration,
    /// Which of the idle connections is taken.
    pub order: PoolOrder,
}

/// Which idle connection a pool takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolOrder {
    /// The one that was used last.
    Lifo,
    /// The one that has been idle for longest.
    Fifo,
}

impl PoolOrder {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Lifo, Self::Fifo];

    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lifo => "lifo",
            Self::Fifo => "fifo",
        }
    }
}

/// When connections are opened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dialling {
    /// Before the load begins, as fast as they are accepted.
    AtOnce,
    /// Before the load begins, so many per second.
    Before(Rate),
    /// While the load is on, so many per second: a connect storm.
    During(Rate),
}

/// Which socket of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// TCP.
    Tcp,
    /// A Unix socket.
    Unix,
}

impl Socket {
    /// All sockets.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Unix];

    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Unix => "unix",
        }
    }
}

/// The way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Over the arm's link, if it has one.
    Link,
    /// Directly.
    Direct,
}

impl Via {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::Link, Self::Direct];

    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Direct => "direct",
        }
    }
}

/// When requests are due.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// Each connection sends again when it has its reply, after a pause.
    Closed {
        /// The pause.
        think: Duration,
    },
    /// Equal gaps, at this total rate of the group.
    Constant(Rate),
    /// Exponential gaps, at this total rate of the group.
    Poisson(Rate),
    /// One request (or one whole iteration) each period.
    Every(Duration),
    /// A course that the engine reads, as for `--arrival`: `ramp:…`, `step:…`, `burst:…`, `sine:…`,
    /// `uniform`.
    Course {
        /// The text.
        text: String,
        /// The mean rate, where the course names none.
        rate: Option<Rate>,
    },
    /// Never: connections are opened and left alone.
    Idle,
}

/// A command template and how often it is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The words as one types them, with placeholders (`GET __key__`). `{cursor}` makes it an
    /// iteration that is followed until the server says it is complete.
    pub template: String,
    /// Its share among the group's commands.
    pub weight: u32,
}
