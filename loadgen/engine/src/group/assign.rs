//! Due requests to connections: creating them, filling free slots, and what a lost connection leaves.
//!
//! Not when they are due (see `schedule`) and not what they say (see `workload`). What differs between the kinds of
//! [`Assignment`] is matched here once for each step; the part of a cluster is in `cluster`.
//! Invariant: while a request waits, no ready connection that may take it has a free slot.

use crate::clock::Nanos;
use crate::conn::Conn;
use crate::conn::request::{Due, InFlight, UNSENT};
use crate::conn::state::State;
use crate::group::Group;
use crate::group::arrival::Arrival;
use crate::group::assignment::{Assignment, Place};
use crate::group::router::Env;
use crate::io::Token;
use crate::plan::Reception;
use crate::workload::order::Cycle;

/// Requests created per turn: a millisecond's work, so that replies and cancellations are still handled after a long stall,
/// or at a rate beyond what the thread can send.
const CREATED_PER_TURN: usize = 10_000;

impl Group {
    /// Creates what is due by `now`; calls `touch` for each connection that got a request.
    pub(crate) fn create_due(
        &mut self,
        now: Nanos,
        conns: &mut [Conn],
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        for _ in 0..CREATED_PER_TURN {
            let Some(due) = self.next_due().filter(|due| *due <= now) else { break };
            match &mut self.arrival {
                Arrival::Open(schedule) => {
                    let captured = schedule.connection().map(|number| self.tokens.start + number);
                    schedule.advance();
                    if !self.admission.admit(due) {
                        break;
                    }
                    self.recorder.note_wakeup_lag(due, now);
                    self.send(due, captured, conns, &mut touch);
                }
                Arrival::Closed(users) => {
                    let Some((due, token)) = users.thinking.pop_front() else { break };
                    self.stop_thinking(due, token, conns, &mut touch);
                }
            }
        }
    }

    /// Creates a request of an open loop: it goes to a free slot, or waits for one, or is shed.
    fn send(
        &mut self,
        due: Nanos,
        captured: Option<Token>,
        conns: &mut [Conn],
        touch: &mut impl FnMut(Token, &mut Conn),
    ) {
        if let Assignment::Cluster(router) = &mut self.assignment {
            let mut env = Env { conns, pipeline: self.pipeline, touch };
            return router.send(due, &mut self.generator, &mut self.recorder, &mut env);
        }
        match self.assignment.place(captured, self.tokens.start, conns, self.pipeline) {
            Place::Slot(token) => {
                self.recorder.created(due);
                self.recorder.waited(due, Nanos::ZERO);
                let conn = &mut conns[token as usize];
                conn.assign(self.choose(token, due), &mut self.generator);
                self.assignment.list_free(token, conn, self.pipeline);
                touch(token, conn);
            }
            Place::Queue(token) if self.assignment.has_room() => {
                self.recorder.created(due);
                let due = self.choose(token, due);
                self.assignment.push(token, due);
            }
            Place::Queue(_) => self.recorder.shed(due),
        }
    }

    /// The pause of a closed loop's user is over.
    fn stop_thinking(
        &mut self,
        due: Nanos,
        token: Token,
        conns: &mut [Conn],
        touch: &mut impl FnMut(Token, &mut Conn),
    ) {
        if let Assignment::Cluster(router) = &mut self.assignment {
            if self.admission.admit(due) {
                let mut env = Env { conns, pipeline: self.pipeline, touch };
                router.send(due, &mut self.generator, &mut self.recorder, &mut env);
            }
            return;
        }
        let conn = &mut conns[token as usize];
        conn.thinking -= 1;
        // A lost connection starts its slots anew when it is back.
        self.generator.turn_to(token - self.tokens.start);
        if conn.is_ready() && self.generator.has_next() && self.admission.admit(due) {
            self.recorder.created(due);
            conn.assign(self.choose(token, due), &mut self.generator);
            touch(token, conn);
        }
    }

    /// A subscriber's connection is open since `now`: it subscribes.
    pub(crate) fn subscribe(&mut self, token: Token, conn: &mut Conn, now: Nanos) {
        self.recorder.created(now);
        conn.assign(self.choose(token, now), &mut self.generator);
    }

    /// What is due at `intended`. A request has its command from the moment it is due, wherever it may end.
    #[inline]
    fn choose(&mut self, token: Token, intended: Nanos) -> Due {
        self.generator.turn_to(token - self.tokens.start);
        Due { intended, command: self.generator.choose() }
    }

    /// A ready connection has free slots, for a closed loop since `since`: fills them with what waits, then with new
    /// requests. Calls `touch` for each connection that has something to write.
    #[inline]
    pub(crate) fn fill_slots(
        &mut self,
        token: Token,
        conns: &mut [Conn],
        since: Nanos,
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        if self.assignment.is_cluster() {
            return self.fill_node_slots(token, conns, now, touch);
        }
        let conn = &mut conns[token as usize];
        let before = conn.in_flight();
        while conn.has_room(self.pipeline) {
            let Some(due) = self.assignment.pop(token) else { break };
            self.recorder.waited(due.intended, now.since(due.intended));
            conn.assign(due, &mut self.generator);
        }
        match &self.arrival {
            Arrival::Open(_) => self.assignment.list_free(token, conn, self.pipeline),
            Arrival::Closed(users) => {
                let think = users.think;
                self.go_on(token, conn, since, think);
            }
        }
        if conn.in_flight() > before || conn.wants_write() {
            touch(token, conn);
        }
    }

    /// The users of a closed loop's connection send their next requests, or pause first.
    #[inline]
    fn go_on(&mut self, token: Token, conn: &mut Conn, since: Nanos, think: Nanos) {
        let due = since.max(self.admission.begin());
        if think > Nanos::ZERO {
            return self.let_think(token, conn, due.saturating_add(think));
        }
        if due > since {
            self.let_think(token, conn, due);
        }
        self.generator.turn_to(token - self.tokens.start);
        while conn.has_room(self.pipeline.saturating_sub(conn.thinking))
            && self.generator.has_next()
            && self.admission.admit(since)
        {
            self.recorder.created(since);
            conn.assign(self.choose(token, since), &mut self.generator);
        }
    }

    /// The free slots of a closed loop pause until `due`.
    fn let_think(&mut self, token: Token, conn: &mut Conn, due: Nanos) {
        let Arrival::Closed(users) = &mut self.arrival else { return };
        while conn.has_room(self.pipeline.saturating_sub(conn.thinking))
            && (conn.thinking as u64) < conn.left
        {
            conn.thinking += 1;
            users.thinking.push_back((due, token));
        }
    }

    /// The run begins at `now`: free slots become known, and the users of a closed loop send their first requests. With a
    /// think time they begin evenly spread over one think time, so that they do not send in step.
    pub(crate) fn begin(
        &mut self,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        if self.assignment.is_cluster() {
            return self.begin_nodes(conns, now, touch);
        }
        // A subscriber has subscribed as soon as it was open.
        if self.recorder.reception() == Reception::Messages {
            return;
        }
        let think = match &self.arrival {
            Arrival::Open(_) => Nanos::ZERO,
            Arrival::Closed(users) => users.think,
        };
        if self.tokens.clone().any(|token| !conns[token as usize].is_ready()) {
            self.generator.cycle().map(Cycle::lift_limit);
        }
        let count = self.tokens.len() as u64;
        for (place, token) in (0..).zip(self.tokens.clone()) {
            if !conns[token as usize].is_ready() {
                continue;
            }
            if think > Nanos::ZERO {
                let due = self.admission.begin().saturating_add(nth_part(think, place, count));
                self.let_think(token, &mut conns[token as usize], due);
            } else {
                self.fill_slots(token, conns, now, now, &mut touch);
            }
        }
    }

    /// A connection may not come back: the others send what it has not, if it was to send a part of its own.
    pub(crate) fn share_out(
        &mut self,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        if self.generator.cycle().is_some_and(Cycle::lift_limit) {
            for token in self.tokens.clone() {
                if conns[token as usize].is_ready() {
                    self.fill_slots(token, conns, now, now, &mut touch);
                }
            }
        }
    }

    /// A connection is lost: its sent requests are finished as errors (or as timeouts, if their limit is over), the others go
    /// back to the head of their queue with their due times.
    pub(crate) fn on_lost(&mut self, token: Token, conn: &mut Conn, now: Nanos, text: &str) {
        if self.insertions.is_some() {
            // What is sent again inserts another key. In a cluster it is the same.
            let sent = |request: &InFlight| !self.assignment.is_cluster() || request.sent != UNSENT;
            let lost: Vec<InFlight> = conn.requests().copied().filter(sent).collect();
            lost.iter().for_each(|request| self.end_insertion(request));
        }
        match &mut self.assignment {
            Assignment::Cluster(router) => {
                return router.on_lost(token, conn, now, text, self.timeout, &mut self.recorder);
            }
            Assignment::Pool(pool) => pool.backlog.free.unlist(token, conn),
            Assignment::AnyFree(_) | Assignment::Pinned(_) => {}
        }
        let requests = conn.take_requests();
        if self.recorder.reception() == Reception::Messages {
            // It subscribes again when it is back; no other connection can do that for it.
            requests.iter().for_each(|request| self.recorder.lost(request, text, now));
            return;
        }
        for request in requests.iter().rev() {
            if request.sent == UNSENT {
                self.assignment.push_front(token, request.due());
            }
        }
        self.generator.rewind(token - self.tokens.start, self.assignment.len_of(token));
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

    /// Connection `token` was lost, with what it had not sent: connections with a free slot take that over.
    pub(crate) fn hand_over(
        &mut self,
        token: Token,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        match &mut self.assignment {
            Assignment::Cluster(router) => {
                let touch: &mut _ = &mut touch;
                router.serve_all(&mut Env {
                    conns: &mut *conns,
                    pipeline: self.pipeline,
                    touch: &mut *touch,
                });
                return self.pump(conns, now, touch);
            }
            // One that comes back finds its own queue.
            Assignment::Pinned(backlog) if conns[token as usize].state == State::Closed => {
                let queue = backlog.take_queue(token);
                return self.inherit(queue, conns, now, touch);
            }
            Assignment::Pinned(_) => return,
            Assignment::AnyFree(_) | Assignment::Pool(_) => {}
        }
        while self.assignment.has_waiting()
            && let Some(token) = self.assignment.take_free(conns, self.pipeline)
            && let Some(due) = self.assignment.pop_shared()
        {
            self.recorder.waited(due.intended, now.since(due.intended));
            let conn = &mut conns[token as usize];
            conn.assign(due, &mut self.generator);
            self.assignment.list_free(token, conn, self.pipeline);
            touch(token, conn);
        }
    }

    /// Deals the queue of a connection that is closed for good out to the others.
    fn inherit(
        &mut self,
        queue: impl IntoIterator<Item = Due>,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        for due in queue {
            let Assignment::Pinned(backlog) = &mut self.assignment else { return };
            let heir = backlog.take_turn(conns);
            backlog.push(heir, due);
            if conns[heir as usize].is_ready() {
                self.fill_slots(heir, conns, due.intended, now, &mut touch);
            }
        }
    }

    /// The run is over: ends the recording of what waits.
    pub(crate) fn abandon(&mut self, ended: Nanos) {
        let waiting = match &mut self.assignment {
            Assignment::AnyFree(backlog) => backlog.take_all(),
            Assignment::Pinned(backlog) => backlog.take_all(),
            Assignment::Pool(pool) => pool.backlog.take_all(),
            Assignment::Cluster(router) => return router.abandon(&mut self.recorder, ended),
        };
        for due in waiting {
            self.recorder.unfinished(due, UNSENT, ended);
        }
    }

    /// When the next waiting request has waited too long for a connection of the pool.
    pub(crate) fn next_pool_timeout(&self) -> Option<Nanos> {
        match &self.assignment {
            Assignment::Pool(pool) => pool.next_timeout(),
            _ => None,
        }
    }

    /// Ends what has waited too long for a connection of the pool by `now`.
    pub(crate) fn expire_pool_waits(&mut self, now: Nanos) {
        let Assignment::Pool(pool) = &mut self.assignment else { return };
        while let Some(limit) = pool.next_timeout().filter(|limit| *limit <= now)
            && let Some(due) = pool.backlog.pop()
        {
            // As the errors that they are: those of the warm-up are not among the measured.
            pool.counts.pool_timeouts += u64::from(self.recorder.is_measured(due.intended));
            self.recorder.pool_timeout(due, limit);
        }
    }

    /// Whether an idle connection is to be closed: the pool has too many, or it has served its number of requests.
    #[inline]
    pub(crate) fn is_surplus(&self, conn: &Conn) -> bool {
        let Assignment::Pool(pool) = &self.assignment else { return false };
        conn.is_used_up() || (conn.listed.free && pool.has_surplus())
    }
}

/// `place`/`count` of a span.
pub(super) fn nth_part(span: Nanos, place: u64, count: u64) -> Nanos {
    Nanos((u128::from(span.0) * u128::from(place) / u128::from(count)) as u64)
}
