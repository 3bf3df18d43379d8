//! One thread's share of one group: what it is made of, when it begins and ends, what becomes of lost requests.
//!
//! Not the connections themselves (the worker owns them), no I/O; `feed` decides which connection takes what is due.
//! Invariant: a request that is created ends in the recorder, whatever becomes of its connection.

pub(crate) mod assign;
pub(crate) mod backlog;
pub(crate) mod cluster;
pub(crate) mod connection_counts;
pub(crate) mod pool;
pub(crate) mod router;

use crate::clock::Nanos;
use crate::conn::Conn;
use crate::conn::handshake::Handshake;
use crate::conn::request::UNSENT;
use crate::error::EngineError;
use crate::group::backlog::Waiting;
use crate::group::connection_counts::{Links, SiteCounts};
use crate::group::pool::Pool;
use crate::group::router::Router;
use crate::io::Token;
use crate::plan::share::{Share, part};
use crate::plan::{
    ArrivalProcess, Endpoint, GroupPlan, OnTimeout, Reception, Reconnect, Role, RunPlan, Target,
};
use crate::record::Recorder;
use crate::replay::Cursor;
use crate::schedule::Schedule;
use crate::schedule::connect_schedule::Dialler;
use crate::workload::Generator;
use crate::workload::message_stamp::{Claim, Receiver};
use crate::workload::rng::Rng;
use std::collections::VecDeque;
use std::sync::Arc;

/// Purposes of random streams, so that no two share numbers.
mod stream {
    pub(crate) const SCHEDULE: u64 = 1;
    pub(crate) const WORKLOAD: u64 = 2;
    pub(crate) const BACKOFF: u64 = 3;
    /// Common to all shares of a group's schedule.
    pub(crate) const SALT: u64 = 5;
}

/// Least pause after an attempt that failed: a server that is gone refuses within microseconds, and asking again and again
/// would take the processor from everything else.
const AGAIN_AT_ONCE: Nanos = Nanos::from_millis(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Group {
    /// Index in the plan.
    pub(crate) index: usize,
    /// Connections of this share.
    pub(crate) tokens: std::ops::Range<Token>,
    /// Its servers, dealt out to connections in turn.
    endpoints: Vec<Endpoint>,
    /// Number, in the whole group, of this share's first connection.
    first_number: u64,
    pub(crate) handshake: Handshake,
    /// Who is greeted, if each connection is to be in a database of its own.
    own_databases: Option<Box<Target>>,
    pub(crate) generator: Generator,
    pub(crate) recorder: Recorder,
    /// Whether its waiting requests make a silence a stall.
    pub(crate) is_watched: bool,
    /// One per connection, if the group waits for data or messages.
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) pipeline: usize,
    pub(crate) timeout: Option<Nanos>,
    pub(crate) on_timeout: OnTimeout,
    /// An open loop's schedule.
    pub(crate) schedule: Option<Schedule>,
    /// When the schedule begins, absolute.
    pub(crate) begin: Nanos,
    start_after: Nanos,
    /// A closed loop's pause.
    pub(crate) think: Nanos,
    /// Measured requests that may still be created.
    quota: Option<u64>,
    /// Whether the run waits for this share's quota.
    pub(crate) quota_is_open: bool,
    window: Window,
    pub(crate) waiting: Waiting,
    /// Connections with a free slot, the one that waits longest first.
    pub(crate) free: VecDeque<Token>,
    /// Slots of a closed loop and when each is due, in order.
    pub(crate) thinking: VecDeque<(Nanos, Token)>,
    reconnect: Reconnect,
    rng: Rng,
    pub(crate) dialler: Dialler,
    pub(crate) pool: Option<Pool>,
    /// Its way to the nodes of a cluster.
    pub(crate) router: Option<Box<Router>>,
    /// Requests a connection takes before it is replaced.
    pub(crate) per_connection: u64,
    pub(crate) links: Links,
}

/// When requests may be due.
#[derive(Clone, Copy, Debug)]
struct Window {
    measure_from: Nanos,
    until: Nanos,
}

impl Group {
    /// The share of group `index` that belongs to `thread`, its connections numbered from `first_token`; `None` if the
    /// group has fewer connections than there are threads and none is left for this one.
    ///
    /// # Errors
    /// The workload does not compile.
    pub(crate) fn new(
        plan: &RunPlan,
        index: usize,
        thread: usize,
        first_token: Token,
        block: Arc<[u8]>,
    ) -> Result<Option<Self>, EngineError> {
        let group = &plan.groups[index];
        // A pool is one pool, however many threads there are.
        let most = if group.pool.is_some() { 1 } else { group.connections };
        let shards = plan.threads.min(most);
        // Groups with few connections begin on different threads.
        let shard = (thread + plan.threads - index % plan.threads) % plan.threads;
        if shard >= shards {
            return Ok(None);
        }
        let coordinates = |purpose| [index as u64, shard as u64, purpose];
        let share = Share { index: shard as u64, of: shards as u64 };
        let rng = |purpose| Rng::new(plan.seed, &coordinates(purpose));
        let wrong = |reason| EngineError::Plan(format!("group '{}': {reason}", group.name));
        let captured = captured(group, share);
        let quota = quota(group, captured.as_ref(), share);
        let generator =
            Generator::new(&group.workload, block, share, rng(stream::WORKLOAD), captured)
                .map_err(wrong)?;
        let reception = group.reception().map_err(wrong)?;
        let salt = Rng::new(plan.seed, &[index as u64, stream::SALT]).next_u64();
        let schedule = Schedule::new(
            group.own_arrival(reception),
            share,
            salt,
            rng(stream::SCHEDULE),
            group.replay.clone(),
        )
        .map_err(wrong)?;
        let connections = part(group.connections as u64, share.index, share.of);
        let tokens = first_token..first_token + connections as Token;
        let first_number = share.before(group.connections as u64);
        let pool = group.pool.as_ref().map(|plan| Pool::new(plan, &tokens));
        let first =
            group.pool.as_ref().map_or_else(|| tokens.clone(), |plan| Pool::first(plan, &tokens));
        let router = |cluster| Box::new(Router::new(group, cluster, &tokens, first_number));
        let router = group.cluster.as_ref().map(router);
        let (handshake, own_databases) = greeting(group);
        let share_of_group = Self {
            index,
            router,
            waiting: Waiting::new(group.assignment, &tokens, group.backlog_max),
            tokens,
            endpoints: group.target.endpoints().cloned().collect(),
            first_number,
            handshake,
            own_databases,
            recorder: Recorder::new(group, &generator.shapes(), reception)
                .with_stamps(reception, plan.timestamps),
            generator,
            is_watched: is_watched(plan, group, reception),
            receivers: receivers(reception, connections),
            pipeline: group.pipeline,
            timeout: group.timeout,
            on_timeout: group.on_timeout,
            schedule,
            begin: Nanos::MAX,
            start_after: group.start_after,
            think: closed_think(group),
            quota,
            quota_is_open: group.requests.is_some(),
            window: Window { measure_from: Nanos::MAX, until: Nanos::MAX },
            free: VecDeque::new(),
            thinking: VecDeque::new(),
            reconnect: group.reconnect,
            rng: rng(stream::BACKOFF),
            links: Links::new(connections, first.len() as u64),
            dialler: Dialler::new(group.dialling, first, share),
            per_connection: group.requests_per_connection.unwrap_or(u64::MAX),
            pool,
        };
        Ok(Some(share_of_group.with_sites()))
    }

    /// Tells the links which servers the connections are for.
    fn with_sites(mut self) -> Self {
        let names: Vec<String> = match &self.router {
            Some(router) => router.names().map(str::to_owned).collect(),
            None => self.endpoints.iter().map(ToString::to_string).collect(),
        };
        let mut asked = vec![0; names.len()];
        self.tokens.clone().for_each(|token| asked[self.site(token)] += 1);
        let sites = names.into_iter().zip(asked);
        self.links.sites = sites.map(|(name, asked)| SiteCounts::of(name, asked)).collect();
        self
    }

    /// Index of the server that a connection is for.
    pub(crate) fn site(&self, token: Token) -> usize {
        if let Some(router) = &self.router {
            return router.site(token);
        }
        let number = self.first_number + u64::from(token - self.tokens.start);
        (number % self.endpoints.len() as u64) as usize
    }

    /// The server that a connection is for.
    pub(crate) fn endpoint(&self, token: Token) -> &Endpoint {
        match &self.router {
            Some(router) => router.endpoint(token),
            None => &self.endpoints[self.site(token)],
        }
    }

    /// What a connection says first, if it is not what all say; it has as many steps.
    pub(crate) fn own_handshake(&self, token: Token) -> Option<Handshake> {
        let target = self.own_databases.as_ref()?;
        let db = self.generator.database(token - self.tokens.start)?;
        Some(Handshake::into_database(target, db))
    }

    /// The schedule begins: `origin` and the bounds of the measurement, absolute.
    pub(crate) fn start(&mut self, origin: Nanos, measure_from: Nanos, until: Nanos) {
        self.begin = origin.saturating_add(self.start_after);
        self.window = Window { measure_from, until };
        self.recorder.start(origin, measure_from);
        let first = ((self.index as u64) << 20).wrapping_add(self.first_number) as u32;
        if let Some(sender) = self.generator.sender() {
            sender.start(first, origin);
        }
        if self.dialler.is_during_run() {
            self.dialler.begin(self.begin);
        }
    }

    /// The bounds of the measurement, absolute, which were not known at the start.
    pub(crate) fn measure(&mut self, from: Nanos, until: Nanos) {
        self.window = Window { measure_from: from, until: self.window.until.min(until) };
        self.recorder.measure_from(from);
    }

    /// The measurement begins. What a closed loop still waits for takes part in it, if the quota has room.
    pub(crate) fn begin_measurement(&mut self) {
        if self.schedule.is_some() {
            return;
        }
        let open = self.recorder.open_in_warmup();
        match &mut self.quota {
            Some(left) if *left < open => return,
            Some(left) => *left -= open,
            None => {}
        }
        // Whoever has lost a connection has been waiting since then: that request is measured, so it is one of the quota.
        self.window.measure_from = Nanos::ZERO;
        self.recorder.adopt_open();
    }

    /// Nothing is due from `until` on.
    pub(crate) fn stop(&mut self, until: Nanos) {
        self.window.until = self.window.until.min(until);
    }

    /// When the next request becomes due without any reply, if ever.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        let due = match &self.schedule {
            Some(schedule) => self.begin.saturating_add(schedule.next_due()),
            None => self.thinking.front()?.0,
        };
        (due < self.window.until && self.quota != Some(0)).then_some(due)
    }

    /// Whether a request due at `intended` may be created; takes it off the quota.
    #[inline]
    pub(crate) fn admit(&mut self, intended: Nanos) -> bool {
        if intended >= self.window.until {
            return false;
        }
        match &mut self.quota {
            None => true,
            Some(_) if intended < self.window.measure_from => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// A connection is lost: its sent requests are finished as errors (or timeouts, if `expired` says so), the others go
    /// back to the head of the backlog with their due times.
    pub(crate) fn on_lost(&mut self, token: Token, conn: &mut Conn, now: Nanos, text: &str) {
        if self.router.is_some() {
            return self.lose_routed(token, conn, now, text);
        }
        if self.pool.is_some() {
            self.unlist(token, conn);
        }
        let requests = conn.take_requests();
        if self.recorder.reception() == Reception::Messages {
            // It subscribes again when it is back; nobody else can do that for it.
            requests.iter().for_each(|request| self.recorder.lost(request, text, now));
            return;
        }
        for request in requests.iter().rev() {
            if request.sent == UNSENT {
                self.waiting.push_front(token, request.due());
            }
        }
        self.generator.rewind(token - self.tokens.start, self.waiting.len_of(token));
        for request in requests.iter().filter(|request| request.sent != UNSENT) {
            match self.timeout {
                _ if request.is_gone => {}
                Some(timeout) if request.sent.saturating_add(timeout) <= now => {
                    self.recorder.timeout(request, request.sent.saturating_add(timeout));
                }
                _ => self.recorder.lost(request, text, now),
            }
        }
    }

    /// How long to wait before the next attempt after `attempts` failures in a row; `None` to give up.
    pub(crate) fn pause(&mut self, attempts: u32) -> Option<Nanos> {
        let (first, max) = match self.reconnect {
            Reconnect::Backoff { first, max } => (first, max),
            Reconnect::Fixed(pause) if attempts == 0 => return Some(pause),
            Reconnect::Fixed(pause) => return Some(pause.max(AGAIN_AT_ONCE)),
            Reconnect::Never => return None,
        };
        let pause = first.0.max(1).saturating_mul(1 << attempts.min(30)).min(max.0.max(1));
        // Up to half is taken off at random, so that lost connections do not return in one wave.
        Some(Nanos(pause - self.rng.below(pause / 2 + 1)))
    }

    /// Whether it has just done all the requests of its quota, or has just lost its last connection for good.
    /// True once.
    pub(crate) fn becomes_complete(&mut self) -> bool {
        let all_closed = self.links.closed == self.tokens.len();
        let done = self.quota == Some(0) && self.recorder.open.count == 0;
        if self.quota_is_open && (all_closed || done) {
            self.quota_is_open = false;
            return true;
        }
        false
    }

    /// Ends the recording of what waits in the backlog.
    pub(crate) fn abandon_backlog(&mut self, ended: Nanos) {
        self.abandon_routed(ended);
        for due in self.waiting.take_all() {
            self.recorder.unfinished(due, UNSENT, ended);
        }
    }
}

/// Requests of a share. Shares of a capture are as unequal as its connections.
fn quota(group: &GroupPlan, captured: Option<&Cursor>, share: Share) -> Option<u64> {
    let even = |requests| part(requests, share.index, share.of);
    group.requests.map(|requests| captured.map_or_else(|| even(requests), Cursor::count))
}

/// What connections say first, and to whom, if each is to be in a database of its own.
fn greeting(group: &GroupPlan) -> (Handshake, Option<Box<Target>>) {
    match &group.replay {
        Some(replay) if !replay.databases().is_empty() => {
            (Handshake::into_database(&group.target, 0), Some(Box::new(group.target.clone())))
        }
        _ => (Handshake::new(&group.target), None),
    }
}

/// The part of a capture that a share replays.
fn captured(group: &GroupPlan, share: Share) -> Option<Cursor> {
    let replay = group.replay.as_ref()?;
    Some(Cursor::new(Arc::clone(replay), share.index as usize, share.of as usize))
}

/// Whether the waiting requests of a group make a silence a stall: not those of an offender (unless there is nobody else),
/// and not those that wait on purpose.
fn is_watched(plan: &RunPlan, group: &GroupPlan, reception: Reception) -> bool {
    let only_offenders = || plan.groups.iter().all(|group| group.role == Role::Offender);
    reception == Reception::Replies && (group.role != Role::Offender || only_offenders())
}

/// Those who look for marks in what comes.
fn receivers(reception: Reception, connections: u64) -> Vec<Receiver> {
    let claim = match reception {
        Reception::Replies => return Vec::new(),
        Reception::Data => Claim::Share,
        Reception::Messages => Claim::All,
    };
    (0..connections).map(|_| Receiver::new(claim)).collect()
}

const fn closed_think(group: &GroupPlan) -> Nanos {
    match group.arrival {
        ArrivalProcess::Closed { think } => think,
        _ => Nanos::ZERO,
    }
}
