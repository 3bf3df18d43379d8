//! Time limits: of opening a connection, of a pause before the next attempt, of a request.
//!
//! Not the schedule. Invariant: a request is given up only after all that had come for its connection has been read.

use crate::clock::Nanos;
use crate::conn::state::{Parting, State};
use crate::io::{Token, Wire};
use crate::plan::OnTimeout;
use crate::worker::state::{Timer, Worker};
use crate::worker::touched::touch;
use std::cmp::Reverse;

impl<W: Wire> Worker<'_, W> {
    pub(crate) fn run_timers(&mut self, now: Nanos) {
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

    /// Gives up what waits for nodes of a cluster for too long.
    pub(crate) fn expire_redirected(&mut self, now: Nanos) {
        let before = self.watched();
        for group in &mut self.groups {
            let touched = &mut self.touched;
            group
                .expire_redirected(&mut self.conns, now, |token, conn| touch(touched, token, conn));
        }
        let after = self.watched();
        if after != before {
            self.watch.on_departures(now, before, after);
        }
    }

    /// Gives up what `token` has waited for too long, or comes back when it will have.
    fn check_timeout(&mut self, token: Token, now: Nanos) {
        self.conns[token as usize].listed.timer = false;
        if self.overdue(token, now).is_none() {
            return;
        }
        // This thread may be what is late: replies that lie in the socket are not.
        self.read_all(token);
        let Some(timeout) = self.overdue(token, now) else { return };
        let group = self.conns[token as usize].group as usize;
        match self.groups[group].on_timeout {
            OnTimeout::Reconnect => self.part(token, Parting::Overdue, "a request timed out"),
            OnTimeout::Keep => {
                let before = self.watched();
                let group = &mut self.groups[group];
                self.conns[token as usize].expire(Nanos(now.0 - timeout.0), |request| {
                    group.recorder.timeout(request, request.sent.saturating_add(timeout));
                    group.end_insertion(request);
                });
                let after = self.watched();
                self.watch.on_departures(now, before, after);
                // None is left: it only sets the timer for the next.
                self.overdue(token, now);
            }
        }
    }

    /// The limit that the oldest request of `token` has reached by `now`. If it has not, it will be looked at again.
    fn overdue(&mut self, token: Token, now: Nanos) -> Option<Nanos> {
        let conn = &mut self.conns[token as usize];
        let timeout = self.groups[conn.group as usize].timeout?;
        let deadline = conn.oldest_sent()?.saturating_add(timeout);
        if deadline <= now {
            return Some(timeout);
        }
        if !conn.listed.timer {
            conn.listed.timer = true;
            // What is not sent yet has no deadline.
            let next = deadline.min(now.saturating_add(timeout));
            self.timers.push(Reverse((next, token, Timer::Request)));
        }
        None
    }
}
