//! One thread's share of one group: what is due, what waits, and which of its connections may take it.
//!
//! Not the connections themselves (the worker owns them) and no I/O.
//! Invariant: while a request waits in the backlog, no ready connection of the group has a free slot.

use super::EngineError;
use super::conn::{Conn, InFlight, Sink, State, UNSENT};
use super::dial::Dialler;
use super::handshake::Handshake;
use super::links::Links;
use super::plan::{
    ArrivalProcess, Endpoint, GroupPlan, OnTimeout, PoolOrder, Reconnect, Role, RunPlan,
};
use super::pool::Pool;
use super::random::Rng;
use super::recorder::Recorder;
use super::schedule::Schedule;
use super::waiting::Waiting;
use super::wire::Token;
use super::workload::{Generator, Share};
use crate::clock::Nanos;
use aelab_resp::{ReplyKind, ScannedReply};
use std::collections::VecDeque;
use std::sync::Arc;

/// Requests created per turn: a millisecond's work, so that after a long stall, or at a rate beyond all means, replies and
/// cancellations are still looked after.
const CREATED_PER_TURN: usize = 10_000;

/// Purposes of random streams, so that no two share numbers.
mod stream {
    pub(super) const SCHEDULE: u64 = 1;
    pub(super) const WORKLOAD: u64 = 2;
    pub(super) const BACKOFF: u64 = 3;
    /// Common to all shares of a group's schedule.
    pub(super) const SALT: u64 = 5;
}

/// See the module.
#[derive(Debug)]
pub(super) struct Group {
    /// Index in the plan.
    pub(super) index: usize,
    /// Connections of this share.
    pub(super) tokens: std::ops::Range<Token>,
    pub(super) endpoint: Endpoint,
    pub(super) handshake: Handshake,
    pub(super) generator: Generator,
    pub(super) recorder: Recorder,
    /// Whether its waiting requests make a silence a stall.
    pub(super) is_watched: bool,
    pub(super) pipeline: usize,
    pub(super) timeout: Option<Nanos>,
    pub(super) on_timeout: OnTimeout,
    /// An open loop's schedule.
    schedule: Option<Schedule>,
    /// When the schedule begins, absolute.
    begin: Nanos,
    start_after: Nanos,
    /// A closed loop's pause.
    think: Nanos,
    /// Measured requests that may still be created.
    quota: Option<u64>,
    /// Whether the run waits for this share's quota.
    pub(super) quota_is_open: bool,
    window: Window,
    waiting: Waiting,
    /// Connections with a free slot, the one that waits longest first.
    free: VecDeque<Token>,
    /// Slots of a closed loop and when each is due, in order.
    thinking: VecDeque<(Nanos, Token)>,
    reconnect: Reconnect,
    rng: Rng,
    pub(super) dialler: Dialler,
    pub(super) pool: Option<Pool>,
    /// Requests a connection takes before it is replaced.
    pub(super) per_connection: u64,
    pub(super) links: Links,
}

/// When requests may be due.
#[derive(Clone, Copy, Debug)]
struct Window {
    measure_from: Nanos,
    until: Nanos,
}

/// Part `index` of `of` nearly equal parts of `whole`.
pub(super) const fn part(whole: u64, index: u64, of: u64) -> u64 {
    whole / of + if index < whole % of { 1 } else { 0 }
}

impl Group {
    /// The share of group `index` that belongs to `thread`, its connections numbered from `first_token`; `None` if the
    /// group has fewer connections than there are threads and none is left for this one.
    ///
    /// # Errors
    /// The workload does not compile.
    pub(super) fn new(
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
        let generator =
            Generator::new(&group.workload, block, share, rng(stream::WORKLOAD)).map_err(wrong)?;
        let salt = Rng::new(plan.seed, &[index as u64, stream::SALT]).next_u64();
        let schedule =
            Schedule::new(&group.arrival, share, salt, rng(stream::SCHEDULE)).map_err(wrong)?;
        let connections = part(group.connections as u64, share.index, share.of);
        let tokens = first_token..first_token + connections as Token;
        let pool = group.pool.as_ref().map(|plan| Pool::new(plan, &tokens));
        let first =
            group.pool.as_ref().map_or_else(|| tokens.clone(), |plan| Pool::first(plan, &tokens));
        let first_count = first.len() as u64;
        let only_offenders = plan.groups.iter().all(|group| group.role == Role::Offender);
        Ok(Some(Self {
            index,
            waiting: Waiting::new(group.assignment, &tokens, group.backlog_max),
            tokens,
            endpoint: group.target.endpoint.clone(),
            handshake: Handshake::new(&group.target),
            generator,
            recorder: Recorder::new(group),
            is_watched: only_offenders || group.role != Role::Offender,
            pipeline: group.pipeline,
            timeout: group.timeout,
            on_timeout: group.on_timeout,
            schedule,
            begin: Nanos::MAX,
            start_after: group.start_after,
            think: closed_think(group),
            quota: group.requests.map(|requests| part(requests, share.index, share.of)),
            quota_is_open: group.requests.is_some(),
            window: Window { measure_from: Nanos::MAX, until: Nanos::MAX },
            free: VecDeque::new(),
            thinking: VecDeque::new(),
            reconnect: group.reconnect,
            rng: rng(stream::BACKOFF),
            dialler: Dialler::new(group.dialling, first, share),
            per_connection: group.requests_per_connection.unwrap_or(u64::MAX),
            pool,
            links: Links::new(connections, first_count),
        }))
    }

    /// The schedule begins: `origin` and the bounds of the measurement, absolute.
    pub(super) fn start(&mut self, origin: Nanos, measure_from: Nanos, until: Nanos) {
        self.begin = origin.saturating_add(self.start_after);
        self.window = Window { measure_from, until };
        self.recorder.start(origin, measure_from);
        if self.dialler.is_during_run() {
            self.dialler.begin(self.begin);
        }
    }

    /// Nothing is due from `until` on.
    pub(super) fn stop(&mut self, until: Nanos) {
        self.window.until = self.window.until.min(until);
    }

    /// When the next request becomes due without any reply, if ever.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        let due = match &self.schedule {
            Some(schedule) => self.begin.saturating_add(schedule.next_due()),
            None => self.thinking.front()?.0,
        };
        (due < self.window.until && self.quota != Some(0)).then_some(due)
    }

    /// Whether a request due at `intended` may be created; takes it off the quota.
    #[inline]
    fn admit(&mut self, intended: Nanos) -> bool {
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

    /// Creates what an open loop's schedule has due by `now`; gives each token that got a request to `touch`.
    pub(super) fn create_due(
        &mut self,
        now: Nanos,
        conns: &mut [Conn],
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        for _ in 0..CREATED_PER_TURN {
            let Some(due) = self.next_due().filter(|due| *due <= now) else { break };
            if let Some(schedule) = &mut self.schedule {
                schedule.advance();
                if !self.admit(due) {
                    break;
                }
                self.recorder.noticed(due, now);
                match self.place(conns) {
                    Place::Slot(token) => {
                        self.recorder.created(due);
                        self.recorder.waited(due, Nanos::ZERO);
                        let conn = &mut conns[token as usize];
                        conn.assign(due, &mut self.generator);
                        self.list_free(token, conn);
                        touch(token, conn);
                    }
                    Place::Line(token) if self.waiting.has_room() => {
                        self.recorder.created(due);
                        self.waiting.push(token, due);
                    }
                    Place::Line(_) => self.recorder.shed(due),
                }
            } else if let Some((due, token)) = self.thinking.pop_front() {
                let conn = &mut conns[token as usize];
                conn.thinking -= 1;
                // A lost connection starts its slots anew when it is back.
                if conn.is_ready() && self.admit(due) {
                    self.recorder.created(due);
                    conn.assign(due, &mut self.generator);
                    touch(token, conn);
                }
            }
        }
    }

    /// Where the next due request goes.
    fn place(&mut self, conns: &mut [Conn]) -> Place {
        if let Some(token) = self.waiting.take_turn(conns) {
            let conn = &conns[token as usize];
            let is_free = conn.is_ready() && conn.has_room(self.pipeline);
            return if is_free { Place::Slot(token) } else { Place::Line(token) };
        }
        self.take_free(conns).map_or(Place::Line(self.tokens.start), Place::Slot)
    }

    /// The ready connection whose free slot waits longest (in some pools, shortest); it leaves the list.
    fn take_free(&mut self, conns: &mut [Conn]) -> Option<Token> {
        let is_lifo = self.pool.as_ref().is_some_and(|pool| pool.order == PoolOrder::Lifo);
        while let Some(token) = if is_lifo { self.free.pop_back() } else { self.free.pop_front() } {
            let conn = &mut conns[token as usize];
            conn.listed.free = false;
            if conn.is_ready() && conn.has_room(self.pipeline) {
                return Some(token);
            }
        }
        None
    }

    fn list_free(&mut self, token: Token, conn: &mut Conn) {
        if self.schedule.is_some()
            && !self.waiting.is_pinned()
            && !conn.listed.free
            && conn.has_room(self.pipeline)
        {
            conn.listed.free = true;
            self.free.push_back(token);
        }
    }

    /// A ready connection has free slots, for a closed loop since `since`: fills them with what waits, then with new
    /// requests. Whether it got any.
    #[inline]
    pub(super) fn feed(&mut self, token: Token, conn: &mut Conn, since: Nanos, now: Nanos) -> bool {
        let before = conn.in_flight();
        while conn.has_room(self.pipeline) {
            let Some(intended) = self.waiting.pop(token) else { break };
            self.recorder.waited(intended, now.since(intended));
            conn.assign(intended, &mut self.generator);
        }
        if self.schedule.is_some() {
            self.list_free(token, conn);
        } else if self.think == Nanos::ZERO {
            let due = since.max(self.begin);
            if due > since {
                self.let_think(token, conn, due);
            }
            while conn.has_room(self.pipeline.saturating_sub(conn.thinking)) && self.admit(since) {
                self.recorder.created(since);
                conn.assign(since, &mut self.generator);
            }
        } else {
            self.let_think(token, conn, since.max(self.begin).saturating_add(self.think));
        }
        conn.in_flight() > before
    }

    /// Puts the free slots of a closed loop to sleep until `due`.
    fn let_think(&mut self, token: Token, conn: &mut Conn, due: Nanos) {
        while conn.has_room(self.pipeline.saturating_sub(conn.thinking))
            && (conn.thinking as u64) < conn.left
        {
            conn.thinking += 1;
            self.thinking.push_back((due, token));
        }
    }

    /// First fill at the start of the run. With a think time, connections begin evenly spread over one think time, so
    /// that they do not march in step.
    pub(super) fn begin(&mut self, token: Token, conn: &mut Conn, now: Nanos) -> bool {
        if self.schedule.is_none() && self.think > Nanos::ZERO {
            let count = u64::from(self.tokens.end - self.tokens.start);
            let place = u64::from(token - self.tokens.start);
            let offset = u128::from(self.think.0) * u128::from(place) / u128::from(count);
            self.let_think(token, conn, self.begin.saturating_add(Nanos(offset as u64)));
            return false;
        }
        self.feed(token, conn, now, now)
    }

    /// A connection is lost: its sent requests are finished as errors (or timeouts, if `expired` says so), the others go
    /// back to the head of the backlog with their due times.
    pub(super) fn on_lost(&mut self, token: Token, conn: &mut Conn, now: Nanos, word: &str) {
        if self.pool.is_some() {
            self.unlist(token, conn);
        }
        let requests = conn.take_requests();
        for request in requests.iter().rev() {
            if request.sent == UNSENT {
                self.waiting.push_front(token, request.intended);
            }
        }
        for request in requests.iter().filter(|request| request.sent != UNSENT) {
            match self.timeout {
                _ if request.is_gone() => {}
                Some(timeout) if request.sent.saturating_add(timeout) <= now => {
                    self.recorder.timeout(request, request.sent.saturating_add(timeout));
                }
                _ => self.recorder.error(request, word.as_bytes(), now),
            }
        }
    }

    /// How long to wait before the next attempt after `attempts` failures in a row; `None` to give up.
    pub(super) fn pause(&mut self, attempts: u32) -> Option<Nanos> {
        let Reconnect::Backoff { first, max } = self.reconnect else { return None };
        let pause = first.0.max(1).saturating_mul(1 << attempts.min(30)).min(max.0.max(1));
        // Up to half is taken off at random, so that lost connections do not return in one wave.
        Some(Nanos(pause - self.rng.below(pause / 2 + 1)))
    }

    /// Whether it has just done all the requests of its quota, or has just lost its last connection for good.
    /// True once.
    pub(super) fn becomes_complete(&mut self) -> bool {
        let all_closed = self.links.closed == self.tokens.len();
        let done = self.quota == Some(0) && self.recorder.open.count == 0;
        if self.quota_is_open && (all_closed || done) {
            self.quota_is_open = false;
            return true;
        }
        false
    }

    /// Connection `token` was lost, with what it had not sent: whoever has a free slot takes that over.
    pub(super) fn hand_over(
        &mut self,
        token: Token,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        // One that has its own line and comes back finds it there.
        if conns[token as usize].state == State::Closed {
            for due in self.waiting.take_line(token) {
                let heir = self.waiting.take_turn(conns).unwrap_or(token);
                self.waiting.push(heir, due);
                let conn = &mut conns[heir as usize];
                if conn.is_ready() && self.feed(heir, conn, due, now) {
                    touch(heir, conn);
                }
            }
        }
        while !self.waiting.is_empty()
            && let Some(token) = self.take_free(conns)
            && let Some(intended) = self.waiting.pop_common()
        {
            self.recorder.waited(intended, now.since(intended));
            let conn = &mut conns[token as usize];
            conn.assign(intended, &mut self.generator);
            self.list_free(token, conn);
            touch(token, conn);
        }
    }

    /// When the next waiting request has waited too long for a connection of the pool.
    pub(super) fn next_turning_away(&self) -> Option<Nanos> {
        Some(self.waiting.front()?.saturating_add(self.pool.as_ref()?.max_wait?))
    }

    /// Turns away those who have waited too long by `now`.
    pub(super) fn turn_away(&mut self, now: Nanos) {
        while let Some(limit) = self.next_turning_away().filter(|limit| *limit <= now)
            && let Some(intended) = self.waiting.pop_common()
            && let Some(pool) = &mut self.pool
        {
            pool.counts.turned_away += 1;
            self.recorder.turned_away(intended, limit);
        }
    }

    /// A connection that the pool wants opened.
    pub(super) fn grow_pool(&mut self) -> Option<Token> {
        self.pool.as_mut()?.grow(self.waiting.len(), self.free.len())
    }

    /// Whether an idle connection is to be closed: the pool has too many, or it has served its number of requests.
    pub(super) fn is_surplus(&self, conn: &Conn) -> bool {
        let Some(pool) = &self.pool else { return false };
        conn.is_used_up() || (conn.listed.free && pool.has_surplus(self.free.len()))
    }

    /// A connection is not idle any more, whatever it is.
    pub(super) fn unlist(&mut self, token: Token, conn: &mut Conn) {
        if conn.listed.free {
            conn.listed.free = false;
            self.free.retain(|listed| *listed != token);
        }
    }

    /// Ends the recording of what waits in the backlog.
    pub(super) fn abandon_backlog(&mut self, ended: Nanos) {
        for intended in self.waiting.take_all() {
            self.recorder.unfinished(intended, UNSENT, ended);
        }
    }
}

const fn closed_think(group: &GroupPlan) -> Nanos {
    match group.arrival {
        ArrivalProcess::Closed { think } => think,
        _ => Nanos::ZERO,
    }
}

/// Where a due request goes.
#[derive(Clone, Copy)]
enum Place {
    /// To a free slot of this connection.
    Slot(Token),
    /// To the end of this connection's line.
    Line(Token),
}

/// Hands what a connection completes to the recorder, with the time of the read it came in.
pub(super) struct Replies<'a> {
    pub(super) recorder: &'a mut Recorder,
    pub(super) now: Nanos,
}

impl Sink for Replies<'_> {
    #[inline]
    fn ok(&mut self, request: &InFlight, reply: &ScannedReply) {
        self.recorder.nulls += u64::from(reply.kind == ReplyKind::Null);
        self.recorder.ok(request, self.now);
    }

    fn error(&mut self, request: &InFlight, text: &[u8]) {
        self.recorder.error(request, text, self.now);
    }

    fn cursor_step(&mut self) {
        self.recorder.cursor_steps += 1;
    }
}
