//! A group: connections that send the same kind of load.
//!
//! Plain data, all defaults filled in.

use aelab_units::Rate;
use std::time::Duration;

/// The purpose of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Suffers from stalls; reports show its response time first.
    Victim,
    /// Its commands cause stalls.
    Offender,
    /// Load that is not judged.
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
    /// The name in the file.
    pub name: String,
    /// The purpose.
    pub role: Role,
    /// Number of connections; at least one.
    pub connections: u32,
    /// Most unanswered requests per connection; at least one.
    pub pipeline: u32,
    /// When requests are due.
    pub arrival: Arrival,
    /// The commands to send, with weights; empty only if the group is idle.
    pub commands: Vec<Command>,
    /// How `__key__` is chosen from the data set, as for `--key-dist`.
    pub keys: String,
    /// Size of `__data__`, as for `--data-size`; `None` uses the value size of the data set.
    pub data_size: Option<String>,
    /// A request without a reply for this long counts as a timeout; zero waits forever.
    pub timeout: Duration,
    /// From the start of the run (warm-up included) to the start of the group's schedule.
    pub start_after: Duration,
    /// Requests after which a connection is replaced; zero keeps it.
    pub churn: u64,
    /// An emulated client library pool of at most `connections`.
    pub pool: Option<Pool>,
    /// When connections are opened.
    pub connect: ConnectSchedule,
    /// The server's socket.
    pub socket: Socket,
    /// Whether to use the arm's link.
    pub via: Via,
}

/// An emulated connection pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Idle connections that it opens in advance.
    pub min_idle: u32,
    /// Idle connections that it keeps.
    pub max_idle: u32,
    /// A request that waits longer for a connection fails; zero waits forever.
    pub max_wait: Duration,
    /// Which idle connection is used next.
    pub order: PoolOrder,
}

/// Which idle connection a pool uses next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolOrder {
    /// The most recently used.
    Lifo,
    /// The longest idle.
    Fifo,
}

impl PoolOrder {
    /// Both orders.
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
pub enum ConnectSchedule {
    /// Before the load starts, as fast as the server accepts them.
    AtOnce,
    /// Before the load starts, at this rate.
    Before(Rate),
    /// During the load, at this rate: a connection storm.
    During(Rate),
}

/// The server's socket.
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

/// The route to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Over the arm's link, if it has one.
    Link,
    /// Directly.
    Direct,
}

impl Via {
    /// Both routes.
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
    /// Each connection sends the next request after the reply and a pause.
    Closed {
        /// The pause.
        think: Duration,
    },
    /// Equal gaps, at this total rate of the group.
    Constant(Rate),
    /// Exponential gaps, at this total rate of the group.
    Poisson(Rate),
    /// One request (or one whole iteration) per period.
    Every(Duration),
    /// A rate profile that the engine parses, as for `--arrival`: `ramp:…`, `step:…`, `burst:…`,
    /// `sine:…`, `uniform`.
    Profile {
        /// The text.
        text: String,
        /// The mean rate, if the profile does not contain one.
        rate: Option<Rate>,
    },
    /// Never: connections are opened and stay idle.
    Idle,
}

/// A command template and its weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The command with placeholders (`GET __key__`). With `{cursor}` it is an iteration, which
    /// continues until the server reports the end.
    pub template: String,
    /// Its share of the group's commands.
    pub weight: u32,
}
