//! The life of a worker's connections: opening, losing, retrying, timing out.
//!
//! Not the traffic on them. All of it is rare, so it may search and allocate.
//! Invariant: `opening` is the number of connections connecting or shaking hands; a connection that is lost gives back
//! every request it held.

use super::conn::{Fault, State};
use super::plan::OnTimeout;
use super::wire::{Token, Wire};
use super::worker::{Worker, reason, touch};
use crate::clock::Nanos;
use std::cmp::Reverse;

/// Something that is to happen to a connection at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// It must be ready by now.
    Connect,
    /// It may try again.
    Retry,
    /// Its oldest request may have timed out.
    Request,
}

/// The life of connections: opening, losing, retrying, timing out.
impl<W: Wire> Worker<'_, W> {
    pub(super) fn open(&mut self, token: Token, now: Nanos) {
        self.opening += 1;
        let conn = &mut self.conns[token as usize];
        conn.on_connecting(now);
        let deadline = now.saturating_add(self.connect.timeout);
        self.timers.push(Reverse((deadline, token, Timer::Connect)));
        match self.wire.connect(token, &self.groups[conn.group].endpoint) {
            // Unix sockets are open at once.
            Ok(()) => self.finish_connect(token),
            Err(error) => self.lose(token, &reason(&error)),
        }
    }

    pub(super) fn finish_connect(&mut self, token: Token) {
        match self.wire.finish_connect(token) {
            Ok(false) => {}
            Ok(true) => {
                let now = self.wire.now();
                let conn = &mut self.conns[token as usize];
                let group = &mut self.groups[conn.group];
                if let State::Connecting { since } = conn.state {
                    group.links.connect_time.saturating_record(now.since(since).0);
                }
                conn.on_connected(&group.handshake);
                touch(&mut self.touched, token, conn);
            }
            Err(error) => self.lose(token, &reason(&error)),
        }
    }

    /// The handshake is over.
    pub(super) fn on_handshaken(&mut self, token: Token, since: Nanos, now: Nanos) {
        self.opening -= 1;
        let conn = &mut self.conns[token as usize];
        let group = &mut self.groups[conn.group];
        group.links.ready_time.saturating_record(now.since(since).0);
        conn.attempts = 0;
        if !self.clockwork.has_started() {
            group.links.counts.established += 1;
            self.live.add_connected(group.index, 1);
            return;
        }
        group.links.counts.reconnects += 1;
        // In a closed loop the next request was due when the connection was lost.
        let since = conn.lost_at.take().unwrap_or(now);
        if group.feed(token, conn, since) {
            touch(&mut self.touched, token, conn);
        }
        if self.watched().count > 0 {
            self.watch.on_first_due(since);
        }
    }

    pub(super) fn fault(&mut self, token: Token, fault: &Fault) {
        let group = self.conns[token as usize].group;
        let reason = self.groups[group].note_fault(fault);
        self.lose(token, &reason);
    }

    /// A connection is gone; it tries again later if the plan says so.
    pub(super) fn lose(&mut self, token: Token, reason: &str) {
        let now = self.wire.now();
        self.wire.close(token);
        let conn = &mut self.conns[token as usize];
        let group = &mut self.groups[conn.group];
        group.note_failure(reason);
        match conn.state {
            State::Connecting { .. } | State::Handshaking { .. } => self.opening -= 1,
            State::Ready => {
                group.links.counts.lost += 1;
                conn.lost_at = Some(now);
            }
            State::Idle | State::Backoff { .. } | State::Closed => return,
        }
        group.on_lost(token, conn, now, "disconnected");
        // What could not be opened at the start is left alone: the run begins with what there is, and says so.
        let retries = self.clockwork.has_started();
        match group.pause(conn.attempts).filter(|_| retries) {
            Some(pause) => {
                let until = now.saturating_add(pause);
                conn.attempts += 1;
                conn.state = State::Backoff { until };
                self.timers.push(Reverse((until, token, Timer::Retry)));
            }
            None => {
                conn.state = State::Closed;
                group.links.closed += 1;
            }
        }
        // Unsent requests went back to the backlog: whoever has a free slot takes them.
        let touched = &mut self.touched;
        group.hand_over(token, &mut self.conns, |token, conn| touch(touched, token, conn));
    }

    pub(super) fn run_timers(&mut self, now: Nanos) {
        while let Some(&Reverse((at, token, timer))) = self.timers.peek() {
            if at > now {
                break;
            }
            self.timers.pop();
            let state = self.conns[token as usize].state;
            match (timer, state) {
                (
                    Timer::Connect,
                    State::Connecting { since } | State::Handshaking { since, .. },
                ) if since.saturating_add(self.connect.timeout) <= now => {
                    self.lose(token, "no answer to the handshake in time");
                }
                (Timer::Retry, State::Backoff { until }) if until <= now => {
                    self.open(token, now);
                }
                (Timer::Request, _) => self.check_timeout(token, now),
                _ => {}
            }
        }
    }

    fn check_timeout(&mut self, token: Token, now: Nanos) {
        let conn = &mut self.conns[token as usize];
        conn.listed.timer = false;
        let group = &mut self.groups[conn.group];
        let Some(timeout) = group.timeout else { return };
        let Some(oldest) = conn.oldest_sent() else { return };
        let deadline = oldest.saturating_add(timeout);
        if deadline > now {
            let next = deadline.min(now.saturating_add(timeout));
            conn.listed.timer = true;
            self.timers.push(Reverse((next, token, Timer::Request)));
            return;
        }
        match group.on_timeout {
            OnTimeout::Reconnect => self.lose(token, "a request timed out"),
            OnTimeout::Keep => {
                let recorder = &mut group.recorder;
                conn.expire(Nanos(now.0 - timeout.0), |request| {
                    recorder.timeout(request, request.sent.saturating_add(timeout));
                });
                self.check_timeout(token, now);
            }
        }
    }
}
