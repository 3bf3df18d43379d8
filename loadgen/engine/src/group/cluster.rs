//! What a group does with requests to a cluster: sends them, follows redirections, survives losses.
//!
//! Not which node takes a request (see `router`). Invariant: a redirected or unsent request is in a queue or on a connection
//! again before anything else is read.

use crate::clock::Nanos;
use crate::conn::Conn;
use crate::conn::request::{Due, UNSENT};
use crate::conn::routed_request::{Entry, RoutedRequest};
use crate::error::UNKNOWN_NODE;
use crate::group::Group;
use crate::group::arrival::Arrival;
use crate::group::assign::nth_part;
use crate::group::connection_counts::EndpointCounts;
use crate::group::router::{Env, Missing, Place, Router, Unresolved};
use crate::io::Token;
use crate::plan::cluster_slots::{Redirect, RedirectKind};
use crate::record::Recorder;
use crate::workload::Generator;
use std::collections::VecDeque;
use std::net::IpAddr;

/// How long a request waits for the address of the node that it was sent to: as long as a resolver tries a dead name server.
const LOOK_UP_MAX: Nanos = Nanos::from_secs(5);

/// The steps of [`Group`] for a cluster. Each is called for a group with a router only.
impl Group {
    /// The run begins: the users of a closed loop send their first requests, spread over the think time if there is one.
    pub(super) fn begin_nodes(
        &mut self,
        conns: &mut [Conn],
        origin: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        let pipeline = self.pipeline;
        let Some(router) = self.assignment.router() else { return };
        for token in self.tokens.clone() {
            let conn = &mut conns[token as usize];
            if conn.is_ready() {
                router.users += pipeline as u64;
                router.list_free(token, conn, pipeline);
            }
        }
        if let Arrival::Closed(closed) = &mut self.arrival
            && closed.think > Nanos::ZERO
        {
            let users = router.users;
            for user in 0..users {
                let offset = nth_part(closed.think, user, users);
                let due = self.admission.begin().saturating_add(offset);
                closed.thinking.push_back((due, self.tokens.start));
            }
        }
        self.pump(conns, origin, &mut touch);
    }

    /// Users of a closed loop that have nothing under way since `since` send their next request, or think.
    pub(super) fn pump(
        &mut self,
        conns: &mut [Conn],
        since: Nanos,
        touch: &mut impl FnMut(Token, &mut Conn),
    ) {
        let Arrival::Closed(closed) = &mut self.arrival else { return };
        let Some(router) = self.assignment.router() else { return };
        let due = since.max(self.admission.begin()).saturating_add(closed.think);
        while self.recorder.open.count + (closed.thinking.len() as u64) < router.users {
            if due > since {
                closed.thinking.push_back((due, self.tokens.start));
            } else if self.admission.admit(since) {
                let mut env =
                    Env { conns: &mut *conns, pipeline: self.pipeline, touch: &mut *touch };
                router.send(since, &mut self.generator, &mut self.recorder, &mut env);
            } else {
                break;
            }
        }
    }

    /// A connection has free slots: replies have come, or it is ready.
    pub(super) fn fill_node_slots(
        &mut self,
        token: Token,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        let pipeline = self.pipeline;
        let Some(router) = self.assignment.router() else { return };
        let answered = router.endpoint(token).addr().map(|addr| addr.ip());
        router.list_free(token, &mut conns[token as usize], pipeline);
        for (routed, redirect) in std::mem::take(&mut router.redirected) {
            self.follow(routed, &redirect, answered, conns, now, &mut touch);
        }
        let Some(router) = self.assignment.router() else { return };
        let node = router.node_index(token);
        router.serve(node, &mut Env { conns: &mut *conns, pipeline, touch: &mut touch });
        self.pump(conns, now, &mut touch);
    }

    /// Sends a request where the server says.
    fn follow(
        &mut self,
        mut routed: RoutedRequest,
        redirect: &Redirect,
        answered: Option<IpAddr>,
        conns: &mut [Conn],
        now: Nanos,
        touch: &mut impl FnMut(Token, &mut Conn),
    ) {
        let Some(router) = self.assignment.router() else { return };
        let node = match router.node_at(redirect, answered) {
            Ok(node) => node,
            Err(missing) => {
                router.topology.want();
                let redirect = redirect.clone();
                let unresolved = Unresolved { routed, redirect, answered, since: now };
                return match missing {
                    Missing::Address => router.unresolved.push(unresolved),
                    Missing::Node => self.give_up_unresolved(unresolved, now),
                };
            }
        };
        routed.redirects += 1;
        match redirect.kind {
            RedirectKind::Moved => {
                router.counts.moved += 1;
                routed.entry = Entry::Plain;
                router.slots[usize::from(redirect.slot)] = node as u16;
                router.topology.want();
            }
            RedirectKind::Ask => {
                router.counts.asked += 1;
                routed.entry = Entry::Asking;
            }
        }
        let had_no_connections = router.note_use(node, redirect.kind);
        router.queue(node, routed, Place::Front);
        router.serve(node, &mut Env { conns: &mut *conns, pipeline: self.pipeline, touch });
        if had_no_connections {
            self.rebalance(conns);
        }
    }

    /// A request was sent to a node that cannot be found.
    fn give_up_unresolved(&mut self, unresolved: Unresolved, now: Nanos) {
        let Unresolved { routed, redirect, .. } = unresolved;
        let word = match redirect.kind {
            RedirectKind::Moved => "MOVED",
            RedirectKind::Ask => "ASK",
        };
        let text = format!("{UNKNOWN_NODE} {word} {} {}", redirect.slot, redirect.name);
        self.recorder.error(&routed.in_flight(), text.as_bytes(), now);
        self.end_insertion(&routed.in_flight());
        if let Some(router) = self.assignment.router() {
            router.recycle(routed);
        }
    }

    /// Sends what was redirected to a host name to it, if that has been looked up by now.
    fn follow_resolved(
        &mut self,
        conns: &mut [Conn],
        now: Nanos,
        touch: &mut impl FnMut(Token, &mut Conn),
    ) {
        let Some(router) = self.assignment.router() else { return };
        if router.unresolved.is_empty() {
            return;
        }
        for unresolved in std::mem::take(&mut router.unresolved) {
            let Some(router) = self.assignment.router() else { return };
            let is_late = now.since(unresolved.since) >= LOOK_UP_MAX;
            match router.node_at(&unresolved.redirect, unresolved.answered) {
                Err(Missing::Address) if !is_late => router.unresolved.push(unresolved),
                Err(_) => self.give_up_unresolved(unresolved, now),
                Ok(_) => {
                    let Unresolved { routed, redirect, answered, .. } = unresolved;
                    self.follow(routed, &redirect, answered, conns, now, touch);
                }
            }
        }
        self.pump(conns, now, touch);
    }

    /// Deals the connections out again, after nodes came or went.
    fn rebalance(&mut self, conns: &mut [Conn]) {
        let Some(router) = self.assignment.router() else { return };
        router.balance(conns);
        for name in
            router.nodes.iter().skip(self.connections.endpoints.len()).map(|node| node.name.clone())
        {
            self.connections.endpoints.push(EndpointCounts::of(name, 0));
        }
    }

    /// Takes over a newer layout, if there is one.
    pub(crate) fn refresh_layout(
        &mut self,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        self.follow_resolved(conns, now, &mut touch);
        let Some(router) = self.assignment.router() else { return };
        let Some(layout) = router.topology.newer(&mut router.version) else { return };
        router.adopt(&layout);
        self.rebalance(conns);
        let Some(router) = self.assignment.router() else { return };
        for routed in router.take_plain() {
            let node = router.node_for(routed.slot);
            router.queue(node, routed, Place::Back);
        }
        router.serve_all(&mut Env { conns, pipeline: self.pipeline, touch });
    }

    /// Ends what was sent, was redirected, and has waited for its node beyond its time limit.
    pub(crate) fn expire_redirected(
        &mut self,
        conns: &mut [Conn],
        now: Nanos,
        mut touch: impl FnMut(Token, &mut Conn),
    ) {
        let (Some(router), Some(timeout)) = (self.assignment.router(), self.timeout) else {
            return;
        };
        let limit = |routed: &RoutedRequest| routed.sent.saturating_add(timeout);
        let mut late = router.take_late(|routed| routed.sent != UNSENT && limit(routed) <= now);
        let unresolved = router.unresolved.extract_if(.., |one| limit(&one.routed) <= now);
        late.extend(unresolved.map(|one| one.routed));
        if late.is_empty() {
            return;
        }
        for routed in late {
            self.recorder.timeout(&routed.in_flight(), limit(&routed));
            self.end_insertion(&routed.in_flight());
            if let Some(router) = self.assignment.router() {
                router.recycle(routed);
            }
        }
        self.pump(conns, now, &mut touch);
    }
}

/// Requests between a group and the queues of its nodes.
impl Router {
    /// Writes a request that is due and gives it to a connection, or puts it into its node's queue.
    pub(super) fn send(
        &mut self,
        due: Nanos,
        generator: &mut Generator,
        recorder: &mut Recorder,
        env: &mut Env<'_, impl FnMut(Token, &mut Conn)>,
    ) {
        let routed = self.write(generator, due);
        let node = self.node_for(routed.slot);
        let is_free = self.nodes[node].queue.is_empty() && !self.nodes[node].free.is_empty();
        if !is_free && !self.has_room() {
            recorder.shed(due);
            self.recycle(routed);
            return;
        }
        recorder.created(due);
        self.queue(node, routed, Place::Back);
        self.serve(node, env);
    }

    /// Gives waiting requests of all nodes to free connections.
    pub(super) fn serve_all(&mut self, env: &mut Env<'_, impl FnMut(Token, &mut Conn)>) {
        for node in 0..self.nodes.len() {
            self.serve(node, env);
        }
    }

    /// Takes all that wait.
    fn take_waiting(&mut self) -> Vec<RoutedRequest> {
        self.waiting = 0;
        self.nodes.iter_mut().flat_map(|node| std::mem::take(&mut node.queue)).collect()
    }

    /// Takes all that wait for the node that has their slot; what waits for one that is only about to get it stays.
    fn take_plain(&mut self) -> Vec<RoutedRequest> {
        let mut plain = Vec::new();
        for node in &mut self.nodes {
            let queue = std::mem::take(&mut node.queue).into_iter();
            let (taken, kept): (VecDeque<_>, VecDeque<_>) =
                queue.partition(|routed| routed.entry == Entry::Plain);
            plain.extend(taken);
            node.queue = kept;
        }
        self.waiting -= plain.len();
        plain
    }

    /// Takes the waiting requests that are late.
    fn take_late(&mut self, is_late: impl Fn(&RoutedRequest) -> bool) -> Vec<RoutedRequest> {
        let mut late = Vec::new();
        for node in self.nodes.iter_mut().filter(|node| node.queue.iter().any(&is_late)) {
            let (gone, kept): (VecDeque<RoutedRequest>, _) =
                std::mem::take(&mut node.queue).into_iter().partition(&is_late);
            late.extend(gone);
            node.queue = kept;
        }
        self.waiting -= late.len();
        late
    }

    /// A connection is lost: what it had sent is finished as errors (or timeouts), the rest waits again for its node.
    pub(super) fn on_lost(
        &mut self,
        token: Token,
        conn: &mut Conn,
        now: Nanos,
        text: &str,
        timeout: Option<Nanos>,
        recorder: &mut Recorder,
    ) {
        self.topology.want();
        self.unlist(token, conn);
        let unsent = conn.unsent();
        let routed = conn.take_routed();
        let requests = conn.take_requests();
        let sent = requests.len() - unsent;
        for (number, (request, mut routed)) in requests.into_iter().zip(routed).enumerate().rev() {
            let limit = timeout.map(|timeout| request.sent.saturating_add(timeout));
            if request.is_gone {
            } else if number >= sent {
                routed.entry = Entry::Plain;
                routed.sent = request.sent;
                let node = self.node_for(routed.slot);
                self.queue(node, routed, Place::Front);
                continue;
            } else if let Some(limit) = limit.filter(|limit| *limit <= now) {
                recorder.timeout(&request, limit);
            } else {
                recorder.lost(&request, text, now);
            }
            self.recycle(routed);
        }
    }

    /// Ends the recording of what waits.
    pub(super) fn abandon(&mut self, recorder: &mut Recorder, ended: Nanos) {
        let unresolved = std::mem::take(&mut self.unresolved).into_iter().map(|one| one.routed);
        for routed in self.take_waiting().into_iter().chain(unresolved) {
            let due = Due { intended: routed.intended, command: routed.command };
            recorder.unfinished(due, routed.sent, ended);
        }
        debug_assert!(self.redirected.is_empty(), "redirections are followed when they come");
    }
}
