//! Which connection takes the next due request: free slots, lines, thinking users, pools.
//!
//! Not when it is due (see `schedule`) and not what it says (see `workload`).
//! Invariant: while a request waits in the backlog, no ready connection of the group has a free slot.

use crate::clock::Nanos;
use crate::conn::Conn;
use crate::conn::request::Due;
use crate::conn::state::State;
use crate::group::Group;
use crate::io::Token;
use crate::plan::{PoolOrder, Reception};

/// Requests created per turn: a millisecond's work, so that after a long stall, or at a rate beyond all means, replies and
/// cancellations are still looked after.
const CREATED_PER_TURN: usize = 10_000;

/// Who gets the next request.
impl Group {
    /// Creates what an open loop's schedule has due by `now`; gives each token that got a request to `touch`.
    pub(crate) fn create_due(
        &mut self,
        now: Nanos,
        conns: &mut [Conn],
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        if self.router.is_some() {
            return self.create_routed(now, conns, touch);
        }
        for _ in 0..CREATED_PER_TURN {
            let Some(due) = self.next_due().filter(|due| *due <= now) else { break };
            if let Some(schedule) = &mut self.schedule {
                let captured = schedule.connection().map(|number| self.tokens.start + number);
                schedule.advance();
                if !self.admit(due) {
                    break;
                }
                self.recorder.noticed(due, now);
                match self.place(captured, conns) {
                    Place::Slot(token) => {
                        self.recorder.created(due);
                        self.recorder.waited(due, Nanos::ZERO);
                        let conn = &mut conns[token as usize];
                        conn.assign(self.choose(token, due), &mut self.generator);
                        self.list_free(token, conn);
                        touch(token, conn);
                    }
                    Place::Line(token) if self.waiting.has_room() => {
                        self.recorder.created(due);
                        let due = self.choose(token, due);
                        self.waiting.push(token, due);
                    }
                    Place::Line(_) => self.recorder.shed(due),
                }
            } else if let Some((due, token)) = self.thinking.pop_front() {
                let conn = &mut conns[token as usize];
                conn.thinking -= 1;
                // A lost connection starts its slots anew when it is back.
                self.generator.turn_to(token - self.tokens.start);
                if conn.is_ready() && self.generator.has_next() && self.admit(due) {
                    self.recorder.created(due);
                    conn.assign(self.choose(token, due), &mut self.generator);
                    touch(token, conn);
                }
            }
        }
    }

    /// A subscriber's connection is open since `now`: it says what it wants to hear.
    pub(crate) fn subscribe(&mut self, token: Token, conn: &mut Conn, now: Nanos) {
        self.recorder.created(now);
        conn.assign(self.choose(token, now), &mut self.generator);
    }

    /// Whether all of its connections that subscribe have been answered.
    pub(crate) fn listens(&self) -> bool {
        self.recorder.reception() != Reception::Messages || self.recorder.open.count == 0
    }

    /// What is due at `intended`. A request has its command from the moment it is due, wherever it may end.
    #[inline]
    fn choose(&mut self, token: Token, intended: Nanos) -> Due {
        self.generator.turn_to(token - self.tokens.start);
        Due { intended, command: self.generator.choose() }
    }

    /// Where the next due request goes.
    /// `captured` is the connection of a captured command.
    fn place(&mut self, captured: Option<Token>, conns: &mut [Conn]) -> Place {
        if let Some(token) = captured.or_else(|| self.waiting.take_turn(conns)) {
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
    pub(crate) fn feed(&mut self, token: Token, conn: &mut Conn, since: Nanos, now: Nanos) -> bool {
        let before = conn.in_flight();
        while conn.has_room(self.pipeline) {
            let Some(due) = self.waiting.pop(token) else { break };
            self.recorder.waited(due.intended, now.since(due.intended));
            conn.assign(due, &mut self.generator);
        }
        if self.schedule.is_some() {
            self.list_free(token, conn);
        } else if self.think == Nanos::ZERO {
            let due = since.max(self.begin);
            if due > since {
                self.let_think(token, conn, due);
            }
            self.generator.turn_to(token - self.tokens.start);
            while conn.has_room(self.pipeline.saturating_sub(conn.thinking))
                && self.generator.has_next()
                && self.admit(since)
            {
                self.recorder.created(since);
                conn.assign(self.choose(token, since), &mut self.generator);
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
    pub(crate) fn begin(&mut self, token: Token, conn: &mut Conn, now: Nanos) -> bool {
        if self.schedule.is_none() && self.think > Nanos::ZERO {
            let count = u64::from(self.tokens.end - self.tokens.start);
            let place = u64::from(token - self.tokens.start);
            let offset = u128::from(self.think.0) * u128::from(place) / u128::from(count);
            self.let_think(token, conn, self.begin.saturating_add(Nanos(offset as u64)));
            return false;
        }
        // It has subscribed as soon as it was open.
        if self.recorder.reception() == Reception::Messages {
            return false;
        }
        self.feed(token, conn, now, now)
    }

    /// Connection `token` was lost, with what it had not sent: whoever has a free slot takes that over.
    pub(crate) fn hand_over(
        &mut self,
        token: Token,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        if self.router.is_some() {
            return self.hand_over_routed(conns, now, touch);
        }
        // One that has its own line and comes back finds it there.
        if conns[token as usize].state == State::Closed {
            for due in self.waiting.take_line(token) {
                let heir = self.waiting.take_turn(conns).unwrap_or(token);
                self.waiting.push(heir, due);
                let conn = &mut conns[heir as usize];
                if conn.is_ready() && self.feed(heir, conn, due.intended, now) {
                    touch(heir, conn);
                }
            }
        }
        while !self.waiting.is_empty()
            && let Some(token) = self.take_free(conns)
            && let Some(due) = self.waiting.pop_common()
        {
            self.recorder.waited(due.intended, now.since(due.intended));
            let conn = &mut conns[token as usize];
            conn.assign(due, &mut self.generator);
            self.list_free(token, conn);
            touch(token, conn);
        }
    }

    /// Whether requests that are due wait for a free slot.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.router.as_ref().is_some_and(|router| router.waiting > 0)
    }

    /// When the next waiting request has waited too long for a connection of the pool.
    pub(crate) fn next_turning_away(&self) -> Option<Nanos> {
        Some(self.waiting.front()?.intended.saturating_add(self.pool.as_ref()?.max_wait?))
    }

    /// Turns away those who have waited too long by `now`.
    pub(crate) fn turn_away(&mut self, now: Nanos) {
        while let Some(limit) = self.next_turning_away().filter(|limit| *limit <= now)
            && let Some(due) = self.waiting.pop_common()
            && let Some(pool) = &mut self.pool
        {
            // As the errors that they are: those of the warm-up are not among the measured.
            pool.counts.turned_away += u64::from(self.recorder.is_measured(due.intended));
            self.recorder.turned_away(due, limit);
        }
    }

    /// A connection that the pool wants opened.
    pub(crate) fn grow_pool(&mut self) -> Option<Token> {
        self.pool.as_mut()?.grow(self.waiting.len(), self.free.len())
    }

    /// Whether an idle connection is to be closed: the pool has too many, or it has served its number of requests.
    pub(crate) fn is_surplus(&self, conn: &Conn) -> bool {
        let Some(pool) = &self.pool else { return false };
        conn.is_used_up() || (conn.listed.free && pool.has_surplus(self.free.len()))
    }

    /// A connection is not idle any more, whatever it is.
    pub(crate) fn unlist(&mut self, token: Token, conn: &mut Conn) {
        if conn.listed.free {
            conn.listed.free = false;
            self.free.retain(|listed| *listed != token);
        }
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
