//! What a group does with requests to a cluster: creates them, feeds connections, follows redirections, survives losses.
//!
//! Not which node takes a request (see `route`). Invariant: a redirected or unsent request is in a line or on a connection
//! again before anything else is read.

use crate::clock::Nanos;
use crate::conn::Conn;
use crate::conn::request::{Due, InFlight, Mark, UNSENT};
use crate::conn::routed_request::{Entry, Parcel};
use crate::error::UNKNOWN_NODE;
use crate::group::Group;
use crate::group::connection_counts::SiteCounts;
use crate::group::router::{Env, Place};
use crate::io::Token;
use crate::plan::cluster_slots::{Redirect, RedirectKind};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Requests created per turn, as for other groups.
const CREATED_PER_TURN: usize = 10_000;

/// A group's traffic to a cluster.
impl Group {
    /// Creates what is due by `now`.
    pub(crate) fn create_routed(
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
            } else {
                self.thinking.pop_front();
                if !self.admit(due) {
                    continue;
                }
            }
            self.send_routed(due, conns, &mut touch);
        }
    }

    /// Writes a request that is due and gives it to a connection, or puts it into a line.
    fn send_routed(&mut self, due: Nanos, conns: &mut [Conn], touch: impl FnMut(Token, &mut Conn)) {
        let Some(router) = &mut self.router else { return };
        let parcel = router.parcel(&mut self.generator, due);
        let lane = router.lane_for(parcel.slot);
        let is_free = router.lanes[lane].line.is_empty() && !router.lanes[lane].free.is_empty();
        if !is_free && router.waiting >= router.waiting_max {
            self.recorder.shed(due);
            router.recycle(parcel);
            return;
        }
        self.recorder.created(due);
        router.queue(lane, parcel, Place::Back);
        router.serve(lane, &mut Env { conns, pipeline: self.pipeline, touch });
    }

    /// The run begins: the users of a closed loop send their first requests, spread over the think time if there is one.
    pub(crate) fn begin_routed(
        &mut self,
        conns: &mut [Conn],
        origin: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        let pipeline = self.pipeline;
        let Some(router) = &mut self.router else { return };
        for token in self.tokens.clone() {
            let conn = &mut conns[token as usize];
            if conn.is_ready() {
                router.users += pipeline as u64;
                router.list_free(token, conn, pipeline);
            }
        }
        if self.schedule.is_none() && self.think > Nanos::ZERO {
            let users = router.users;
            for user in 0..users {
                let offset = u128::from(self.think.0) * u128::from(user) / u128::from(users);
                let due = self.begin.saturating_add(Nanos(offset as u64));
                self.thinking.push_back((due, self.tokens.start));
            }
        }
        self.pump(conns, origin, &mut touch);
    }

    /// Users of a closed loop that have nothing under way since `since` send their next request, or think.
    fn pump(&mut self, conns: &mut [Conn], since: Nanos, touch: &mut impl FnMut(Token, &mut Conn)) {
        if self.schedule.is_some() {
            return;
        }
        let users = self.router.as_ref().map_or(0, |router| router.users);
        let due = since.max(self.begin).saturating_add(self.think);
        while self.recorder.open.count + (self.thinking.len() as u64) < users {
            if due > since {
                self.thinking.push_back((due, self.tokens.start));
            } else if self.admit(since) {
                self.send_routed(since, conns, &mut *touch);
            } else {
                break;
            }
        }
    }

    /// A connection has free slots: replies have come, or it is ready.
    pub(crate) fn feed_routed(
        &mut self,
        token: Token,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        let Some(router) = &mut self.router else { return };
        let pipeline = self.pipeline;
        let answered = router.endpoint(token).addr().map(|addr| addr.ip());
        router.list_free(token, &mut conns[token as usize], pipeline);
        for (parcel, redirect) in std::mem::take(&mut router.redirected) {
            self.follow(parcel, &redirect, answered, conns, now, &mut touch);
        }
        let Some(router) = &mut self.router else { return };
        let lane = router.site(token);
        router.serve(lane, &mut Env { conns, pipeline, touch: &mut touch });
        self.pump(conns, now, &mut touch);
    }

    /// Sends a request where the server says.
    fn follow(
        &mut self,
        mut parcel: Parcel,
        redirect: &Redirect,
        answered: Option<IpAddr>,
        conns: &mut [Conn],
        now: Nanos,
        touch: &mut impl FnMut(Token, &mut Conn),
    ) {
        let Some(router) = &mut self.router else { return };
        let known = router.lanes.len();
        let Some(lane) = router.lane_of_node(redirect, answered) else {
            // A name that we would have to look up: the watcher will.
            router.topology.want();
            let word = match redirect.kind {
                RedirectKind::Moved => "MOVED",
                RedirectKind::Ask => "ASK",
            };
            let text = format!("{UNKNOWN_NODE} {word} {} {}", redirect.slot, redirect.name);
            self.recorder.error(&parcel.in_flight(), text.as_bytes(), now);
            router.recycle(parcel);
            return;
        };
        parcel.redirects += 1;
        match redirect.kind {
            RedirectKind::Moved => {
                router.counts.moved += 1;
                parcel.entry = Entry::Plain;
                router.slots[usize::from(redirect.slot)] = lane as u16;
                router.topology.want();
            }
            RedirectKind::Ask => {
                router.counts.asked += 1;
                parcel.entry = Entry::Asking;
            }
        }
        router.queue(lane, parcel, Place::Front);
        router.serve(lane, &mut Env { conns: &mut *conns, pipeline: self.pipeline, touch });
        if known < router.lanes.len() {
            self.rebalance(conns);
        }
    }

    /// Deals the connections out again, after nodes came or went.
    fn rebalance(&mut self, conns: &mut [Conn]) {
        let Some(router) = &mut self.router else { return };
        router.balance(conns);
        for name in router.lanes.iter().skip(self.links.sites.len()).map(|lane| lane.name.clone()) {
            self.links.sites.push(SiteCounts::of(name, 0));
        }
    }

    /// Takes over a newer layout, if there is one.
    pub(crate) fn refresh_layout(
        &mut self,
        conns: &mut [Conn],
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        let Some(router) = &mut self.router else { return };
        let Some(layout) = router.topology.newer(&mut router.version) else { return };
        router.adopt(&layout);
        self.rebalance(conns);
        let Some(router) = &mut self.router else { return };
        let waiting: Vec<Parcel> =
            router.lanes.iter_mut().flat_map(|lane| std::mem::take(&mut lane.line)).collect();
        router.waiting = 0;
        for mut parcel in waiting {
            parcel.entry = Entry::Plain;
            let lane = router.lane_for(parcel.slot);
            router.queue(lane, parcel, Place::Back);
        }
        let mut env = Env { conns, pipeline: self.pipeline, touch: &mut touch };
        for lane in 0..router.lanes.len() {
            router.serve(lane, &mut env);
        }
    }

    /// A connection is lost: what it had sent is finished as errors (or timeouts), the rest waits again in its node's line.
    pub(crate) fn lose_routed(&mut self, token: Token, conn: &mut Conn, now: Nanos, text: &str) {
        let Some(router) = &mut self.router else { return };
        router.topology.want();
        if conn.listed.free {
            conn.listed.free = false;
            let lane = router.site(token);
            router.lanes[lane].free.retain(|listed| *listed != token);
        }
        let unsent = conn.unsent();
        let parcels = conn.take_parcels();
        let requests = conn.take_requests();
        let sent = requests.len() - unsent;
        for (number, (request, mut parcel)) in requests.into_iter().zip(parcels).enumerate().rev() {
            let limit = self.timeout.map(|timeout| request.sent.saturating_add(timeout));
            if request.is_gone {
            } else if number >= sent {
                parcel.entry = Entry::Plain;
                parcel.sent = request.sent;
                let lane = router.lane_for(parcel.slot);
                router.queue(lane, parcel, Place::Front);
                continue;
            } else if let Some(limit) = limit.filter(|limit| *limit <= now) {
                self.recorder.timeout(&request, limit);
            } else {
                self.recorder.lost(&request, text, now);
            }
            router.recycle(parcel);
        }
    }

    /// After a loss: other connections of the node take what waits, and users whose requests were lost send their next.
    pub(crate) fn hand_over_routed(
        &mut self,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        let Some(router) = &mut self.router else { return };
        let mut env = Env { conns: &mut *conns, pipeline: self.pipeline, touch: &mut touch };
        for lane in 0..router.lanes.len() {
            router.serve(lane, &mut env);
        }
        self.pump(conns, now, &mut touch);
    }

    /// Gives up what was sent, was told to go elsewhere, and has waited for its node beyond its time limit.
    pub(crate) fn expire_lines(
        &mut self,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        let (Some(router), Some(timeout)) = (&mut self.router, self.timeout) else { return };
        let limit = |parcel: &Parcel| parcel.sent.saturating_add(timeout);
        let is_late = |parcel: &Parcel| parcel.sent != UNSENT && limit(parcel) <= now;
        let mut late = Vec::new();
        for lane in router.lanes.iter_mut().filter(|lane| lane.line.iter().any(is_late)) {
            let (gone, kept): (VecDeque<Parcel>, _) =
                std::mem::take(&mut lane.line).into_iter().partition(is_late);
            late.extend(gone);
            lane.line = kept;
        }
        if late.is_empty() {
            return;
        }
        router.waiting -= late.len();
        for parcel in late {
            self.recorder.timeout(&parcel.in_flight(), limit(&parcel));
            router.recycle(parcel);
        }
        self.pump(conns, now, &mut touch);
    }

    /// Ends the recording of what waits in lines.
    pub(crate) fn abandon_routed(&mut self, ended: Nanos) {
        let Some(router) = &mut self.router else { return };
        for parcel in router.lanes.iter_mut().flat_map(|lane| std::mem::take(&mut lane.line)) {
            let due = Due { intended: parcel.intended, command: parcel.command };
            self.recorder.unfinished(due, parcel.sent, ended);
        }
        router.waiting = 0;
        debug_assert!(router.redirected.is_empty(), "redirections are followed when they come");
    }
}

impl Parcel {
    /// As a request that was on its way.
    fn in_flight(&self) -> InFlight {
        InFlight {
            intended: self.intended,
            sent: if self.sent == UNSENT { self.intended } else { self.sent },
            start: 0,
            command: self.command,
            mark: Mark::Routed,
            is_gone: false,
        }
    }
}
