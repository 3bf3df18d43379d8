//! The life of a worker's connections: opening, losing, retrying.
//!
//! Not the traffic on them, nor its time limits. All of it is rare, so it may search and allocate.
//! Invariant: `opening` is the number of connections connecting or shaking hands; a connection that is lost gives back
//! every request it held.

use crate::clock::Nanos;
use crate::conn::state::{Fault, Parting, Progress, Purpose, State};
use crate::error::{CLOSED_AFTER_TIMEOUT, DISCONNECTED, PROTOCOL_ERROR, reason};
use crate::group::Group;
use crate::group::pool::Pool;
use crate::io::{Token, Wire};
use crate::plan::Reception;
use crate::record::error_counts::count_word;
use crate::record::live::Phase;
use crate::record::stall_detector::Stranded;
use crate::worker::phases::{Control, Phases};
use crate::worker::state::{Timer, Worker};
use crate::worker::touched::touch;
use std::cmp::Reverse;
use std::io;

/// The life of connections: opening, losing, retrying, timing out.
impl<W: Wire> Worker<'_, W> {
    /// Opens the connections that are wanted before the run and sees them through their handshakes; returns when each is
    /// ready (a subscriber's when it has subscribed) or has failed.
    ///
    /// # Errors
    /// Waiting failed.
    pub(crate) fn connect_all(&mut self, control: &Control<'_>) -> io::Result<()> {
        let begin = self.wire.now();
        for group in self.groups.iter_mut().filter(|group| !group.connect_schedule.is_during_run())
        {
            group.connect_schedule.begin(begin);
        }
        let mut patience = None;
        loop {
            let now = self.wire.now();
            self.run_timers(now);
            self.dial(now);
            self.flush();
            let is_done = |group: &Group| {
                group.connect_schedule.is_during_run() || group.connect_schedule.is_done()
            };
            if self.opening == 0 && self.groups.iter().all(is_done) {
                // Messages published before SUBSCRIBE completes are not counted as lost.
                let limit =
                    *patience.get_or_insert_with(|| now.saturating_add(self.connect.timeout));
                if self.groups.iter().all(Group::listens) || limit <= now {
                    break;
                }
            }
            if control.is_cancelled() {
                break;
            }
            let look = now.saturating_add(Phases::LONGEST_WAIT);
            self.wait(
                [self.next_timer(), self.next_dial()].into_iter().flatten().fold(look, Nanos::min),
            )?;
            self.read_ready();
            self.flush();
        }
        for group in self.groups.iter_mut().filter(|group| !group.connect_schedule.is_during_run())
        {
            group.connections.note_failed();
        }
        Ok(())
    }

    /// When the next connection is to be opened, if it is known.
    pub(crate) fn next_dial(&self) -> Option<Nanos> {
        self.groups.iter().filter_map(|group| group.connect_schedule.next_due()).min()
    }

    /// Opens what is to be opened by `now`.
    pub(crate) fn dial(&mut self, now: Nanos) {
        for index in 0..self.groups.len() {
            loop {
                let (opening, in_parallel) = (self.opening, self.connect.in_parallel);
                let connect_schedule = &mut self.groups[index].connect_schedule;
                let Some(token) = connect_schedule.take(now, || opening < in_parallel) else {
                    break;
                };
                self.open(token, now);
            }
            if !self.phases.has_started() {
                continue;
            }
            while let Some(token) = self.groups[index].assignment.pool().and_then(Pool::grow) {
                self.conns[token as usize].opening.purpose = Purpose::Renewed { since: now };
                self.open(token, now);
            }
        }
    }

    /// Closes a connection that is idle for good reason: its pool has enough, or it has served its number of requests.
    /// Whether it did.
    #[inline]
    pub(crate) fn retire(&mut self, token: Token, now: Nanos) -> bool {
        let conn = &mut self.conns[token as usize];
        if conn.in_flight() > 0 {
            return false;
        }
        let group = &mut self.groups[conn.group as usize];
        // When nothing is due any more, only what still waits needs another connection.
        if self.phases.phase == Phase::Drain && !group.assignment.has_waiting() {
            return false;
        }
        if group.is_surplus(conn) {
            conn.state = State::Idle;
            self.wire.close(token);
            if let Some(pool) = group.assignment.pool() {
                pool.backlog.free.unlist(token, conn);
                pool.counts.closed += 1;
                pool.on_shut(token);
            }
            return true;
        }
        let is_used_up = conn.is_used_up();
        if is_used_up {
            self.renew(token, now);
        }
        is_used_up
    }

    /// A connection has served its number of requests: another takes its place.
    fn renew(&mut self, token: Token, now: Nanos) {
        self.wire.close(token);
        let conn = &mut self.conns[token as usize];
        conn.opening.purpose = Purpose::Renewed { since: now };
        self.open(token, now);
    }

    pub(crate) fn open(&mut self, token: Token, now: Nanos) {
        self.opening += 1;
        let conn = &mut self.conns[token as usize];
        conn.on_connecting(now);
        let deadline = now.saturating_add(self.connect.timeout);
        self.timers.push(Reverse((deadline, token, Timer::Connect)));
        match self.wire.connect(token, self.groups[conn.group as usize].endpoint(token)) {
            // Unix sockets are open at once.
            Ok(()) => self.finish_connect(token),
            Err(error) => self.lose(token, &reason(&error)),
        }
    }

    pub(crate) fn finish_connect(&mut self, token: Token) {
        match self.wire.finish_connect(token) {
            Ok(false) => {}
            Ok(true) => {
                let now = self.wire.now();
                let conn = &mut self.conns[token as usize];
                let group = &mut self.groups[conn.group as usize];
                if let State::Connecting { since } = conn.state {
                    group.connections.opening.connected.saturating_record(now.since(since).0);
                }
                let own = group.own_handshake(token);
                match conn.on_connected(own.as_ref().unwrap_or_else(|| group.handshake())) {
                    Progress::Ready { since } => {
                        self.on_handshaken(token, since, now);
                        // Its node may have no request left by now: without a handshake, no read follows that would see it.
                        if self.is_of_cluster(token) {
                            self.retire(token, now);
                        }
                    }
                    _ => touch(&mut self.touched, token, conn),
                }
            }
            Err(error) => self.lose(token, &reason(&error)),
        }
    }

    fn is_of_cluster(&self, token: Token) -> bool {
        self.groups[self.conns[token as usize].group as usize].assignment.is_cluster()
    }

    /// The handshake is over.
    pub(crate) fn on_handshaken(&mut self, token: Token, since: Nanos, now: Nanos) {
        self.opening -= 1;
        let conn = &mut self.conns[token as usize];
        let group = &mut self.groups[conn.group as usize];
        group.connections.opening.ready.saturating_record(now.since(since).0);
        conn.opening.attempts = 0;
        conn.left = group.per_connection;
        if let Some(pool) = group.assignment.pool() {
            pool.on_ready();
        }
        let endpoint = group.endpoint_index(token);
        group.connections.endpoints[endpoint].is_reached = true;
        let since = match conn.opening.purpose {
            Purpose::First => {
                group.connections.counts.established += 1;
                group.connections.endpoints[endpoint].established += 1;
                self.live.add_connected(group.index, 1);
                if !self.phases.has_started() {
                    if group.recorder.reception() == Reception::Messages {
                        group.subscribe(token, conn, now);
                        touch(&mut self.touched, token, conn);
                    }
                    return;
                }
                now
            }
            // In a closed loop the next request was due when the connection was lost, or done.
            Purpose::Back { since } => {
                group.connections.counts.reconnects += 1;
                group.connections.endpoints[endpoint].reconnects += 1;
                since
            }
            Purpose::Renewed { since } => {
                group.connections.counts.renewed += 1;
                since
            }
        };
        if group.recorder.reception() == Reception::Messages {
            if conn.opening.purpose == Purpose::First
                && let Some(receiver) = group.inbox.receiver(token - group.tokens.start)
            {
                receiver.come_late();
            }
            group.subscribe(token, conn, now);
            touch(&mut self.touched, token, conn);
        } else {
            self.fill_slots(token, since, now);
        }
        if self.watched().count > 0 {
            self.watch.on_first_due(since);
        }
    }

    /// A ready connection has free slots, for a closed loop since `since`. In a cluster others may get requests by it, and it
    /// may go to another node.
    #[inline]
    pub(crate) fn fill_slots(&mut self, token: Token, since: Nanos, now: Nanos) {
        let index = self.conns[token as usize].group as usize;
        let group = &mut self.groups[index];
        let is_cluster = group.assignment.is_cluster();
        if is_cluster && group.assignment.router().is_some_and(|router| router.take_stale(token)) {
            self.renew(token, now);
            return;
        }
        let touched = &mut self.touched;
        group.fill_slots(token, &mut self.conns, since, now, |token, conn| {
            touch(touched, token, conn)
        });
        if is_cluster {
            self.move_connections(index, Some(token), now);
        }
    }

    /// Takes over a newer layout of the cluster, if there is one.
    pub(crate) fn refresh_layouts(&mut self, now: Nanos) {
        for index in 0..self.groups.len() {
            if !self.groups[index].assignment.is_cluster() {
                continue;
            }
            let touched = &mut self.touched;
            self.groups[index]
                .refresh_layout(&mut self.conns, now, |token, conn| touch(touched, token, conn));
            self.move_connections(index, None, now);
        }
    }

    /// Connections that are to go to another node: at once if they are idle, else when they will be. The one that is just
    /// being read is seen to by its reader.
    pub(crate) fn move_connections(&mut self, group: usize, read: Option<Token>, now: Nanos) {
        let Some(router) = self.groups[group].assignment.router() else { return };
        router.lend(&mut self.conns);
        for token in router.take_moving() {
            let conn = &mut self.conns[token as usize];
            conn.left = 0;
            if conn.is_used_up() && read != Some(token) {
                self.renew(token, now);
            }
        }
    }

    /// The measurement is over: which requests were unanswered, and for how long.
    pub(crate) fn note_silence(&mut self) {
        let users = self.stranded(|group| {
            group.is_watched && !group.arrival.is_open() && !group.assignment.is_cluster()
        });
        let subscribers = self.stranded(|group| group.recorder.reception() != Reception::Replies);
        let until = self.phases.measure_until;
        self.watch.end_measurement(until, users, subscribers);
    }

    /// Connections of these groups that were lost and are to come back, and since when the first of their clients waits.
    fn stranded(&self, is_meant: impl Fn(&Group) -> bool) -> Option<Stranded> {
        let groups = self.groups.iter().filter(|group| is_meant(group));
        let waits = groups.flat_map(|group| {
            let think = group.arrival.think_time();
            group.tokens.clone().filter_map(move |token| {
                let conn = &self.conns[token as usize];
                let is_coming = conn.is_opening() || matches!(conn.state, State::Backoff { .. });
                let (Purpose::Back { since } | Purpose::Renewed { since }) = conn.opening.purpose
                else {
                    return None;
                };
                let due = since.saturating_add(think);
                (is_coming && group.admission.is_open_at(due)).then_some(due)
            })
        });
        waits.fold(None, |sum: Option<Stranded>, due| {
            let (since, count) = sum.map_or((due, 0), |sum| (sum.since.min(due), sum.count));
            Some(Stranded { since, count: count + 1 })
        })
    }

    pub(crate) fn fault(&mut self, token: Token, fault: &Fault) {
        let group = self.conns[token as usize].group as usize;
        let reason = self.groups[group].connections.note_fault(fault);
        self.part(token, Parting::Unreadable, &reason);
    }

    /// A connection is gone; it tries again later if the plan says so.
    pub(crate) fn lose(&mut self, token: Token, reason: &str) {
        self.part(token, Parting::Theirs, reason);
    }

    pub(crate) fn part(&mut self, token: Token, parting: Parting, reason: &str) {
        let now = self.wire.now();
        let before = self.watched();
        self.drop_connection(token, parting, reason, now);
        let after = self.watched();
        self.watch.on_departures(now, before, after);
    }

    fn drop_connection(&mut self, token: Token, parting: Parting, reason: &str, now: Nanos) {
        self.wire.close(token);
        let conn = &mut self.conns[token as usize];
        let group = &mut self.groups[conn.group as usize];
        count_word(&mut group.connections.failures, reason, 1);
        match conn.state {
            State::Connecting { .. } | State::Handshaking { .. } => {
                self.opening -= 1;
                let endpoint = group.endpoint_index(token);
                group.connections.endpoints[endpoint].note_failed_attempt(reason);
            }
            State::Ready => {
                group.connections.note_lost(parting, reason, self.phases.phase);
                let endpoint = group.endpoint_index(token);
                group.connections.endpoints[endpoint].lost += 1;
                conn.opening.purpose = Purpose::Back { since: now };
            }
            State::Idle | State::Backoff { .. } | State::Closed => return,
        }
        let was_open = conn.state == State::Ready;
        match parting {
            Parting::Theirs => group.on_lost(token, conn, now, DISCONNECTED),
            Parting::Overdue => group.on_lost(token, conn, now, CLOSED_AFTER_TIMEOUT),
            Parting::Unreadable => {
                group.on_lost(token, conn, now, &format!("{PROTOCOL_ERROR} {reason}"));
            }
        }
        // What could not be opened at the start is left alone: the run begins with what there is, and says so.
        let retries = self.phases.has_started();
        if let Some(pool) = group.assignment.pool()
            && was_open
        {
            pool.on_lost();
        }
        match group.reconnection.pause(conn.opening.attempts).filter(|_| retries) {
            None if group.assignment.pool().is_some() && !retries => {
                conn.state = State::Idle;
                if let Some(pool) = group.assignment.pool() {
                    pool.on_given_up();
                    pool.on_shut(token);
                }
            }
            Some(pause) => {
                let until = now.saturating_add(pause);
                conn.opening.attempts += 1;
                conn.state = State::Backoff { until };
                self.timers.push(Reverse((until, token, Timer::Retry)));
            }
            None => {
                conn.state = State::Closed;
                group.connections.closed += 1;
                if let Some(pool) = group.assignment.pool() {
                    pool.on_given_up();
                }
            }
        }
        // Unsent requests went back to the backlog: any connection with a free slot takes them.
        let touched = &mut self.touched;
        group.hand_over(token, &mut self.conns, now, |token, conn| touch(touched, token, conn));
        let may_stay_away = !was_open || self.conns[token as usize].state == State::Closed;
        if retries && may_stay_away {
            group.share_out(&mut self.conns, now, |token, conn| touch(touched, token, conn));
        }
    }
}
