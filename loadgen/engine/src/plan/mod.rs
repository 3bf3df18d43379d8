//! What the engine is asked to do: a [`RunPlan`], resolved and immutable.
//!
//! Not what was typed: addresses are resolved, defaults filled in, seeds chosen before it is built.
//! Invariant: a plan alone decides which requests are sent, and when each is due; nothing at run time moves the schedule.

pub mod arrival;
pub mod cluster_slots;
pub mod command;
mod connections;
mod pacing;
pub(crate) mod rate_profile;
mod shape;
pub(crate) mod share;
mod target;
pub mod validate;
pub mod values;
mod warmup_end;

use crate::clock::Nanos;
pub use crate::plan::arrival::{ArrivalProcess, Rate, parse_trace};
pub use crate::plan::cluster_slots::ClusterPlan;
pub(crate) use crate::plan::command::PAGE_MAX;
pub use crate::plan::command::{CommandPlan, Cursor, Framing, Reception, Seeks, Sending};
pub use crate::plan::connections::{
    Assignment, ConnectPlan, ConnectSchedulePlan, OnTimeout, PoolOrder, PoolPlan, Reconnect,
};
pub use crate::plan::pacing::Pacing;
pub use crate::plan::shape::Shape;
pub use crate::plan::target::{Endpoint, Protocol, Target};
pub use crate::plan::values::{KeyDistribution, KeySpace, ValueSize, Walk};
pub use crate::plan::warmup_end::WarmupEndPlan;
use crate::replay::Replay;
pub use crate::tls::TlsEndpoint;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One run: groups of connections, driven by some threads through warm-up, measurement and drain.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunPlan {
    /// The groups, all running at once. At least one.
    pub groups: Vec<GroupPlan>,
    /// Engine threads; each owns a share of every group's connections and schedule. At least one.
    pub threads: usize,
    /// How long each phase lasts.
    pub phases: Phases,
    /// Length of a reporting interval.
    pub interval: Nanos,
    /// Where every random choice starts.
    pub seed: u64,
    /// One CPU per thread to pin it to (used in turn when there are fewer than threads); `None` leaves it to the kernel.
    pub cpus: Option<Vec<usize>>,
    /// How a thread waits for the next due request.
    pub pacing: Pacing,
    /// A span without any reply while requests wait counts as a stall from this length on.
    pub stall_threshold: Nanos,
    /// Whose times a reply carries.
    pub timestamps: Timestamps,
    /// How connections are opened.
    pub connect: ConnectPlan,
    /// For at most this long each thread only reads the clock before it connects, to see whether other threads use its CPU.
    pub look_for_gaps: Option<Nanos>,
    /// The warm-up lasts until the server has come to rest, in place of [`Phases::warmup`].
    pub warmup_end: Option<WarmupEndPlan>,
}

impl RunPlan {
    /// Longest look for gaps: several slices of the scheduler (3 to 4 ms). On a quiet machine, it takes two fifths of this.
    const GAPS_SPAN_MAX: Nanos = Nanos::from_millis(20);
    /// Longest look before a short run, so that a script of many short runs does not pay for it.
    const GAPS_SPAN_SHORT: Nanos = Nanos::from_millis(5);
    /// A run without a measurement time is short if it sends fewer requests.
    const SHORT_RUN_REQUESTS: u64 = 10_000;
    /// Reporting interval unless asked otherwise: short enough to show a stall, long enough to hold samples.
    pub const DEFAULT_INTERVAL: Nanos = Nanos::from_millis(100);
    /// Shortest stall worth naming unless asked otherwise: well above scheduling noise, well below what a user calls slow.
    pub const DEFAULT_STALL_THRESHOLD: Nanos = Nanos::from_millis(20);

    /// A plan with these groups and phases, one thread, seed 1, and the defaults for the rest.
    pub fn new(groups: Vec<GroupPlan>, phases: Phases) -> Self {
        Self {
            groups,
            threads: 1,
            phases,
            interval: Self::DEFAULT_INTERVAL,
            seed: 1,
            cpus: None,
            pacing: Pacing::Auto,
            stall_threshold: Self::DEFAULT_STALL_THRESHOLD,
            timestamps: Timestamps::Program,
            connect: ConnectPlan::default(),
            look_for_gaps: None,
            warmup_end: None,
        }
    }

    /// The look for gaps that suits this plan, for [`RunPlan::look_for_gaps`]: up to 20 ms, and 5 ms before a short run.
    #[must_use]
    pub fn gaps_span(&self) -> Nanos {
        let requests: u64 =
            self.groups.iter().filter_map(|group| group.requests).fold(0, u64::saturating_add);
        match self.phases.measure {
            Some(measure) => {
                Nanos(measure.0 / 50).clamp(Self::GAPS_SPAN_SHORT, Self::GAPS_SPAN_MAX)
            }
            None if requests < Self::SHORT_RUN_REQUESTS => Self::GAPS_SPAN_SHORT,
            None => Self::GAPS_SPAN_MAX,
        }
    }
}

/// The lengths of the phases. A request belongs to the phase its *intended* time falls into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Not measured, from the start.
    pub warmup: Nanos,
    /// Measured, after the warm-up; `None` lasts until every group that has a request limit has reached it.
    pub measure: Option<Nanos>,
    /// After the measurement nothing new is due; this long at most we wait for what is still unanswered.
    pub drain_max: Nanos,
}

impl Phases {
    /// Drain unless asked otherwise: long enough for a stall that began at the end to show its length.
    pub const DEFAULT_DRAIN_MAX: Nanos = Nanos::from_secs(5);
}

/// One class of load: who it is, what it sends, when, and over which connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupPlan {
    /// Unique within the run; appears in reports and in tags of the interval log.
    pub name: String,
    /// What the group stands for.
    pub role: Role,
    /// The server.
    pub target: Target,
    /// For a cluster: who serves what, and what tells a request's node. The target's servers must be its nodes.
    pub cluster: Option<ClusterPlan>,
    /// Connections in all, over all threads.
    pub connections: usize,
    /// Most requests in flight on one connection (a sliding window).
    pub pipeline: usize,
    /// When requests are due.
    pub arrival: ArrivalProcess,
    /// Which connection takes a due request of an open loop.
    pub assignment: Assignment,
    /// Span after the start of the run at which the group's schedule begins.
    pub start_after: Nanos,
    /// What is sent.
    pub workload: Workload,
    /// Stop after this many measured requests, over all threads.
    pub requests: Option<u64>,
    /// A request unanswered for this long after it was sent counts as timed out.
    pub timeout: Option<Nanos>,
    /// What happens to a connection whose request timed out.
    pub on_timeout: OnTimeout,
    /// What happens when a connection is lost.
    pub reconnect: Reconnect,
    /// Emulates a client library's pool, of at most `connections`; they are opened when needed. Wants an open loop and a
    /// pipeline of 1; all of it runs on one thread.
    pub pool: Option<PoolPlan>,
    /// Captured commands to send in place of the workload's, whose commands then only name the rows. Each connection has
    /// its own; wants pinned requests and as many connections as were captured.
    pub replay: Option<Arc<Replay>>,
    /// When connections are opened.
    pub connect_schedule: ConnectSchedulePlan,
    /// After this many requests a connection is closed and another opened in its place (1: one for each request). Those
    /// that replace another send no PING first.
    pub requests_per_connection: Option<u64>,
    /// Most requests that may be due and waiting for a free connection, per thread; what comes on top is shed.
    pub backlog_max: usize,
    /// Keep every measured request's three instants (for offenders, whose requests are few and long).
    pub log_requests: RequestLog,
}

impl GroupPlan {
    /// Waiting requests unless asked otherwise: ten seconds of 100,000 requests/s, 16 MB at most.
    pub const DEFAULT_BACKLOG_MAX: usize = 1_000_000;

    /// A victim group in a closed loop with one request in flight per connection and no time limit.
    pub fn new(name: &str, target: Target, connections: usize, workload: Workload) -> Self {
        Self {
            name: name.to_owned(),
            role: Role::Victim,
            target,
            cluster: None,
            connections,
            pipeline: 1,
            arrival: ArrivalProcess::Closed { think: Nanos::ZERO },
            assignment: Assignment::AnyFree,
            start_after: Nanos::ZERO,
            workload,
            requests: None,
            timeout: None,
            on_timeout: OnTimeout::Reconnect,
            reconnect: Reconnect::default(),
            pool: None,
            replay: None,
            connect_schedule: ConnectSchedulePlan::AtOnce,
            requests_per_connection: None,
            backlog_max: Self::DEFAULT_BACKLOG_MAX,
            log_requests: RequestLog::Off,
        }
    }
}

impl GroupPlan {
    /// What the group's connections wait for. What was captured is replayed as it was, and waits for replies.
    ///
    /// # Errors
    /// Its commands do not go together.
    pub fn reception(&self) -> Result<Reception, String> {
        match self.replay {
            Some(_) => Ok(Reception::Replies),
            None => Reception::of(&self.workload.commands),
        }
    }

    /// When its requests are due, seen by what it waits for: a subscriber asks once, and after that it only listens.
    pub(crate) const fn own_arrival(&self, reception: Reception) -> &ArrivalProcess {
        match reception {
            Reception::Messages => &ArrivalProcess::Idle,
            Reception::Replies | Reception::Data => &self.arrival,
        }
    }
}

/// What a group stands for in an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Only suffers; its numbers are the headline.
    Victim,
    /// Its commands cause the stalls.
    Offender,
    /// Load that is neither.
    Background,
    /// Sparse requests that watch the server.
    Probe,
}

impl Role {
    /// The word used in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Victim => "victim",
            Self::Offender => "offender",
            Self::Background => "background",
            Self::Probe => "probe",
        }
    }
}

/// What a connection sends: commands by weight, the keys they touch, the values they carry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Workload {
    /// At least one; each request has one by weight.
    pub commands: Vec<CommandPlan>,
    /// What `__key__` becomes.
    pub keys: KeySpace,
    /// What `__data__` becomes.
    pub values: ValueSize,
    /// Share of each value, 0 to 1, that a compressor makes vanish: one byte repeated.
    pub compressible: f64,
    /// In which order the commands come.
    #[serde(default)]
    pub order: CommandOrder,
}

/// In which order the commands of a workload come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandOrder {
    /// Each request draws its command by weight.
    #[default]
    Random,
    /// Each connection sends as many requests of the first command as its weight says, then of the second, and so on, over and
    /// over, as memtier does.
    Exact,
}

/// Whether the three instants of every measured request are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestLog {
    /// No.
    Off,
    /// Up to this many per thread; what comes later is only counted.
    Keep {
        /// Most entries per thread, 40 bytes each.
        max: usize,
    },
}

/// Whose times a reply carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timestamps {
    /// When we have read it.
    #[default]
    Program,
    /// That, and when the kernel got it (TCP only).
    Kernel,
}
