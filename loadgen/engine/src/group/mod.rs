//! One thread's share of one group: what it is made of, when it begins and ends.
//!
//! Not the connections themselves (the worker owns them), no I/O. Read next: `arrival` (when requests are due), `assignment`
//! (which connection takes them), `assign` (how they get there).
//! Invariant: a request that is created ends in the recorder, whatever becomes of its connection.

pub(crate) mod arrival;
pub(crate) mod assign;
pub(crate) mod assignment;
pub(crate) mod backlog;
pub(crate) mod cluster;
pub(crate) mod connection_counts;
pub(crate) mod free_list;
pub(crate) mod inbox;
pub(crate) mod pool;
pub(crate) mod reconnection;
pub(crate) mod router;
pub(crate) mod servers;

use crate::clock::Nanos;
use crate::conn::handshake::Handshake;
use crate::conn::request::InFlight;
use crate::error::EngineError;
use crate::group::arrival::{Admission, Arrival, Users};
use crate::group::assignment::Assignment;
use crate::group::connection_counts::{Connections, EndpointCounts};
use crate::group::inbox::Inbox;
use crate::group::pool::Pool;
use crate::group::reconnection::Reconnection;
use crate::group::router::Router;
use crate::group::servers::Servers;
use crate::io::Token;
use crate::plan::share::{Share, part};
use crate::plan::{ArrivalProcess, Endpoint, GroupPlan, OnTimeout, Reception, Role, RunPlan};
use crate::record::Recorder;
use crate::replay::cursor::Cursor;
use crate::resources::Resources;
use crate::schedule::Schedule;
use crate::schedule::connect_schedule::ConnectSchedule;
use crate::workload::new_keys::Insertions;
use crate::workload::order::Seat;
use crate::workload::rng::Rng;
use crate::workload::{Common, Generator};
use std::sync::Arc;

/// Purposes of random streams, so that no two share numbers.
mod stream {
    pub(crate) const SCHEDULE: u64 = 1;
    pub(crate) const WORKLOAD: u64 = 2;
    pub(crate) const BACKOFF: u64 = 3;
    /// Common to all shares of a group's schedule.
    pub(crate) const SALT: u64 = 5;
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Group {
    /// Index in the plan.
    pub(crate) index: usize,
    /// Connections of this share.
    pub(crate) tokens: std::ops::Range<Token>,
    servers: Servers,
    pub(crate) generator: Generator,
    /// Which new keys are in the server, if the load inserts any.
    pub(crate) insertions: Option<Box<Insertions>>,
    pub(crate) recorder: Recorder,
    /// Whether its waiting requests make a silence a stall.
    pub(crate) is_watched: bool,
    pub(crate) inbox: Inbox,
    pub(crate) pipeline: usize,
    pub(crate) timeout: Option<Nanos>,
    pub(crate) on_timeout: OnTimeout,
    pub(crate) arrival: Arrival,
    pub(crate) admission: Admission,
    pub(crate) assignment: Assignment,
    pub(crate) reconnection: Reconnection,
    pub(crate) connect_schedule: ConnectSchedule,
    /// Requests a connection takes before it is replaced.
    pub(crate) per_connection: u64,
    pub(crate) connections: Connections,
}

/// What reading a reply needs of a group.
pub(crate) struct ReplyParts<'a> {
    pub(crate) handshake: &'a Handshake,
    pub(crate) recorder: &'a mut Recorder,
    /// The way to a cluster's nodes.
    pub(crate) router: Option<&'a mut Router>,
    pub(crate) insertions: Option<&'a mut Insertions>,
}

impl Group {
    /// The share of group `index` that belongs to `thread`, its connections numbered from `first_token`; `None` if the
    /// group has fewer connections than there are threads and none is left for this one.
    ///
    /// # Errors
    /// The workload does not compile.
    pub(crate) fn new(
        plan: &RunPlan,
        resources: &Resources,
        index: usize,
        thread: usize,
        first_token: Token,
        common: &Common,
    ) -> Result<Option<Self>, EngineError> {
        let group = &plan.groups[index];
        let shards = shares_of(plan, group);
        // Groups with few connections begin on different threads.
        let shard = (thread + plan.threads - index % plan.threads) % plan.threads;
        if shard >= shards {
            return Ok(None);
        }
        let coordinates = |purpose| [index as u64, shard as u64, purpose];
        let share = Share { index: shard as u64, of: shards as u64 };
        let rng = |purpose| Rng::new(plan.seed, &coordinates(purpose));
        let wrong = |reason| EngineError::Plan(format!("group '{}': {reason}", group.name));
        let captured = resources.replays[index]
            .as_ref()
            .map(|replay| Cursor::new(Arc::clone(replay), share.index as usize, share.of as usize));
        let quota = quota(group, captured.as_ref(), share);
        let mut generator =
            Generator::new(&group.workload, common, share, rng(stream::WORKLOAD), captured)
                .map_err(wrong)?;
        let reception = group.reception().map_err(wrong)?;
        let salt = Rng::new(plan.seed, &[index as u64, stream::SALT]).next_u64();
        let own_arrival = group.own_arrival(reception);
        let schedule =
            Schedule::new(own_arrival, share, salt, rng(stream::SCHEDULE), group.replay.clone())
                .map_err(wrong)?;
        let connections = part(group.connections as u64, share.index, share.of);
        let tokens = first_token..first_token + connections as Token;
        let first_number = share.before(group.connections as u64);
        match group.cluster {
            // Any connection of a node takes its requests: a thread counts as one.
            Some(_) => generator.seat(Seat::new(share.index, share.of), 1),
            None => {
                let seat = Seat::new(first_number, group.connections as u64);
                generator.seat(seat, connections as usize);
            }
        }
        if let (Some(quota), Some(cycle)) = (quota, generator.cycle())
            && has_equal_parts(plan, group)
        {
            cycle.limit(quota, connections);
        }
        let first =
            group.pool.as_ref().map_or_else(|| tokens.clone(), |plan| Pool::first(plan, &tokens));
        let share_of_group = Self {
            index,
            servers: Servers::new(group, tokens.start, first_number),
            recorder: Recorder::new(group, &generator.shapes(), reception)
                .with_kernel_times(reception, plan.timestamps),
            insertions: generator.insertions(common).map(Box::new),
            generator,
            is_watched: is_watched(plan, group, reception),
            inbox: Inbox::new(reception, connections),
            pipeline: group.pipeline,
            timeout: group.timeout,
            on_timeout: group.on_timeout,
            arrival: schedule.map_or_else(|| Arrival::Closed(users(own_arrival)), Arrival::Open),
            admission: Admission::new(group.start_after, quota),
            assignment: Assignment::new(group, &resources.topology, &tokens, first_number),
            reconnection: Reconnection::new(group.reconnect, rng(stream::BACKOFF)),
            connections: Connections::new(connections, first.len() as u64, is_needed(plan, group)),
            connect_schedule: ConnectSchedule::new(group.connect_schedule, first, share),
            per_connection: group.requests_per_connection.unwrap_or(u64::MAX),
            tokens,
        };
        Ok(Some(share_of_group.with_endpoints()))
    }

    /// Names the servers that the connections are for.
    fn with_endpoints(mut self) -> Self {
        let names: Vec<String> = match &self.assignment {
            Assignment::Cluster(router) => router.names().map(str::to_owned).collect(),
            _ => self.servers.names().collect(),
        };
        let mut asked = vec![0; names.len()];
        self.tokens.clone().for_each(|token| asked[self.endpoint_index(token)] += 1);
        let endpoints = names.into_iter().zip(asked);
        self.connections.endpoints =
            endpoints.map(|(name, asked)| EndpointCounts::of(name, asked)).collect();
        self
    }

    /// Index of the server that a connection is for.
    pub(crate) fn endpoint_index(&self, token: Token) -> usize {
        match &self.assignment {
            Assignment::Cluster(router) => router.node_index(token),
            _ => self.servers.index(token),
        }
    }

    /// The server that a connection is for.
    pub(crate) fn endpoint(&self, token: Token) -> &Endpoint {
        match &self.assignment {
            Assignment::Cluster(router) => router.endpoint(token),
            _ => self.servers.endpoint(token),
        }
    }

    /// What all connections say first.
    pub(crate) const fn handshake(&self) -> &Handshake {
        &self.servers.handshake
    }

    /// What reading a reply needs.
    #[inline]
    pub(crate) fn reply_parts(&mut self) -> ReplyParts<'_> {
        ReplyParts {
            handshake: &self.servers.handshake,
            recorder: &mut self.recorder,
            router: self.assignment.router(),
            insertions: self.insertions.as_deref_mut(),
        }
    }

    /// A request is over that may have inserted new keys.
    pub(crate) fn end_insertion(&mut self, request: &InFlight) {
        if let Some(insertions) = &mut self.insertions {
            insertions.end(request.new_key, request.command);
        }
    }

    /// What a connection says first, if it is not what all say; it has as many steps.
    pub(crate) fn own_handshake(&self, token: Token) -> Option<Handshake> {
        let target = self.servers.own_databases.as_ref()?;
        let db = self.generator.database(token - self.tokens.start)?;
        Some(Handshake::into_database(target, db))
    }

    /// The schedule begins: `origin` and the bounds of the measurement, absolute.
    pub(crate) fn start(&mut self, origin: Nanos, measure_from: Nanos, until: Nanos) {
        self.admission.start(origin, measure_from, until);
        self.recorder.start(origin, measure_from);
        let first = ((self.index as u64) << 20).wrapping_add(self.servers.first_number) as u32;
        if let Some(sender) = self.generator.sender() {
            sender.start(first, origin);
        }
        if self.connect_schedule.is_during_run() {
            self.connect_schedule.begin(self.admission.begin());
        }
    }

    /// The bounds of the measurement, absolute, which were not known at the start.
    pub(crate) fn measure(&mut self, from: Nanos, until: Nanos) {
        self.admission.measure(from, until);
        self.recorder.measure_from(from);
    }

    /// The measurement begins. What a closed loop still waits for takes part in it, if the quota has room.
    pub(crate) fn begin_measurement(&mut self) {
        if !self.arrival.is_open() && self.admission.adopt(self.recorder.open_in_warmup()) {
            self.recorder.adopt_open();
        }
    }

    /// When the next request becomes due without any reply, if ever.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        let due = match &self.arrival {
            Arrival::Open(schedule) => self.admission.begin().saturating_add(schedule.next_due()),
            Arrival::Closed(users) => users.thinking.front()?.0,
        };
        self.admission.is_open_at(due).then_some(due)
    }

    /// Whether all of its connections that subscribe have been answered.
    pub(crate) fn listens(&self) -> bool {
        self.recorder.reception() != Reception::Messages || self.recorder.open.count == 0
    }

    /// Whether it has just done all the requests of its quota, or has just lost its last connection for good.
    /// True once.
    pub(crate) fn becomes_complete(&mut self) -> bool {
        let is_cut_off = self.connections.are_gone();
        self.admission.becomes_complete(self.recorder.open.count, is_cut_off)
    }

    /// Requests whose ends the run waits for at `now`: open ones, and one if some have fallen due and are not created yet.
    /// A command may wait for ever for data that no client sends, and without a connection nothing is answered any more.
    pub(crate) fn unfinished(&self, now: Nanos) -> u64 {
        if self.connections.are_gone() {
            return 0;
        }
        let waits = match self.recorder.reception() {
            Reception::Data => 0,
            Reception::Replies | Reception::Messages => self.recorder.open.count,
        };
        waits + u64::from(self.next_due().is_some_and(|due| due <= now))
    }
}

/// Whether each connection sends an equal part of the requests: that keeps a fixed order of commands exact. What is sent before the
/// measurement is not counted, and a schedule does not wait for a connection.
fn has_equal_parts(plan: &RunPlan, group: &GroupPlan) -> bool {
    let has_warmup = plan.phases.warmup > Nanos::ZERO || plan.warmup_end.is_some();
    let is_closed = matches!(group.arrival, ArrivalProcess::Closed { .. });
    is_closed && !has_warmup && group.cluster.is_none()
}

/// How many threads have a share of a group.
pub(crate) fn shares_of(plan: &RunPlan, group: &GroupPlan) -> usize {
    // A pool is one pool, however many threads there are.
    let most = if group.pool.is_some() { 1 } else { group.connections };
    plan.threads.min(most)
}

/// Requests of a share. Shares of a capture are as unequal as its connections.
fn quota(group: &GroupPlan, captured: Option<&Cursor>, share: Share) -> Option<u64> {
    let even = |requests| part(requests, share.index, share.of);
    group.requests.map(|requests| captured.map_or_else(|| even(requests), Cursor::count))
}

/// Whether the waiting requests of a group make a silence a stall: not those of an offender (unless all groups are offenders),
/// and not those that wait on purpose.
fn is_watched(plan: &RunPlan, group: &GroupPlan, reception: Reception) -> bool {
    let only_offenders = || plan.groups.iter().all(|group| group.role == Role::Offender);
    reception == Reception::Replies && (group.role != Role::Offender || only_offenders())
}

/// Whether a run goes on while this group has connections. Those that stay idle on purpose are not enough, unless there are no
/// others.
fn is_needed(plan: &RunPlan, group: &GroupPlan) -> bool {
    let is_idle = |group: &GroupPlan| matches!(group.arrival, ArrivalProcess::Idle);
    !is_idle(group) || plan.groups.iter().all(is_idle)
}

/// The users of a closed loop.
fn users(arrival: &ArrivalProcess) -> Users {
    let think = match arrival {
        ArrivalProcess::Closed { think } => *think,
        _ => Nanos::ZERO,
    };
    Users { think, ..Users::default() }
}
