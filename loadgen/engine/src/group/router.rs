//! Requests of a group to the nodes of a cluster: one line and one set of connections for each.
//!
//! Not the connections (the worker owns them), no I/O. A request is written when it is due, so that its key tells its node;
//! whichever connection of that node has a free slot longest takes it. In a closed loop there are as many users as slots of
//! connections; each sends its next request when it has its reply, to whatever node the key says.
//! Invariant: while a request waits in a node's line, no ready connection to that node has a free slot.

use crate::clock::Nanos;
use crate::conn::Conn;
use crate::conn::routed_request::Parcel;
use crate::io::Token;
use crate::plan::cluster_slots::{ClusterPlan, Layout, NOWHERE, Redirect, Topology, slot_of};
use crate::plan::{Endpoint, GroupPlan};
use crate::record::result::RedirectCounts;
use crate::workload::Generator;
use crate::workload::cluster_keys::argument;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// Buffers kept for requests to come; beyond a burst's worth memory is given back.
const SPARE_MAX: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) lanes: Vec<Lane>,
    /// Lane of each slot.
    pub(crate) slots: Vec<u16>,
    /// Per command, the argument that tells the slot.
    keys: Vec<Option<usize>>,
    first: Token,
    /// Lane of each connection.
    lane_of: Vec<u16>,
    /// Fewer connections than nodes, since a node has joined.
    pub(crate) is_short: bool,
    /// Connections that are being opened to a node which is not theirs any more.
    stale: Vec<Token>,
    /// Connections to be closed as soon as they are idle, and opened to their new node.
    moving: Vec<Token>,
    pub(crate) waiting: usize,
    pub(crate) waiting_max: usize,
    /// Users of a closed loop.
    pub(crate) users: u64,
    /// Where the next request without a key goes.
    turn: usize,
    spare: Vec<Vec<u8>>,
    pub(crate) redirected: Vec<(Parcel, Redirect)>,
    pub(crate) topology: Arc<Topology>,
    pub(crate) version: u64,
    pub(crate) counts: RedirectCounts,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) name: String,
    endpoint: Endpoint,
    /// Its connections with a free slot, the one that waits longest first.
    pub(crate) free: VecDeque<Token>,
    pub(crate) line: VecDeque<Parcel>,
    serves: Serves,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serves {
    Slots,
    Nothing,
}

impl Router {
    /// For the connections `tokens` of a group, the first of which has this number in the whole group.
    pub(crate) fn new(
        plan: &GroupPlan,
        cluster: &ClusterPlan,
        tokens: &Range<Token>,
        first_number: u64,
    ) -> Self {
        let lane = |node: &crate::plan::cluster_slots::Node| Lane {
            name: node.name.clone(),
            endpoint: node.endpoint.clone(),
            free: VecDeque::new(),
            line: VecDeque::new(),
            serves: Serves::Slots,
        };
        let count = cluster.layout.nodes.len() as u64;
        let numbers = first_number..first_number + tokens.len() as u64;
        Self {
            lanes: cluster.layout.nodes.iter().map(lane).collect(),
            slots: cluster.layout.slots.to_vec(),
            keys: cluster.keys.iter().map(|keys| keys.first().copied()).collect(),
            first: tokens.start,
            lane_of: numbers.map(|number| (number % count) as u16).collect(),
            is_short: false,
            stale: Vec::new(),
            moving: Vec::new(),
            waiting: 0,
            waiting_max: plan.backlog_max,
            users: 0,
            turn: 0,
            spare: Vec::new(),
            redirected: Vec::new(),
            topology: Arc::clone(&cluster.topology),
            version: 0,
            counts: RedirectCounts::default(),
        }
    }

    /// Index of the node that a connection is for.
    pub(crate) fn site(&self, token: Token) -> usize {
        usize::from(self.lane_of[(token - self.first) as usize])
    }

    /// The node that a connection is for.
    pub(crate) fn endpoint(&self, token: Token) -> &Endpoint {
        &self.lanes[self.site(token)].endpoint
    }

    /// The nodes' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.lanes.iter().map(|lane| &*lane.name)
    }

    /// Writes the next request.
    pub(crate) fn parcel(&mut self, generator: &mut Generator, intended: Nanos) -> Parcel {
        let command = generator.choose();
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        generator.write(command, &mut bytes);
        let key = self.keys.get(usize::from(command)).copied().flatten();
        let slot = key.and_then(|index| argument(&bytes, index)).map(slot_of);
        Parcel::new(intended, command, bytes, slot)
    }

    /// A request is over: its buffer serves another.
    pub(crate) fn recycle(&mut self, parcel: Parcel) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(parcel.bytes);
        }
    }

    /// A request is to go elsewhere.
    pub(crate) fn redirect(&mut self, parcel: Parcel, redirect: Redirect) {
        self.redirected.push((parcel, redirect));
    }

    /// The lane of a slot; a slot that nobody serves, or no slot, may go to any.
    pub(crate) fn lane_for(&mut self, slot: Option<u16>) -> usize {
        match slot.map(|slot| self.slots[usize::from(slot)]) {
            Some(lane) if lane != NOWHERE => usize::from(lane),
            _ => {
                let count = self.lanes.len();
                let any = (1..=count).map(|step| (self.turn + step) % count);
                let mut serving = any.filter(|lane| self.lanes[*lane].serves == Serves::Slots);
                self.turn = serving.next().unwrap_or(0);
                self.turn
            }
        }
    }

    fn take_free(&mut self, lane: usize, conns: &mut [Conn], pipeline: usize) -> Option<Token> {
        while let Some(token) = self.lanes[lane].free.pop_front() {
            let conn = &mut conns[token as usize];
            conn.listed.free = false;
            if conn.is_ready() && conn.has_room(pipeline) {
                return Some(token);
            }
        }
        None
    }

    pub(crate) fn list_free(&mut self, token: Token, conn: &mut Conn, pipeline: usize) {
        if conn.is_ready() && !conn.listed.free && conn.has_room(pipeline) {
            conn.listed.free = true;
            let lane = self.site(token);
            self.lanes[lane].free.push_back(token);
        }
    }

    /// Gives requests of a lane's line to its free connections.
    pub(crate) fn serve(&mut self, lane: usize, env: &mut Env<'_, impl FnMut(Token, &mut Conn)>) {
        while !self.lanes[lane].line.is_empty()
            && let Some(token) = self.take_free(lane, env.conns, env.pipeline)
            && let Some(parcel) = self.lanes[lane].line.pop_front()
        {
            self.waiting -= 1;
            let conn = &mut env.conns[token as usize];
            conn.assign_parcel(parcel);
            self.list_free(token, conn, env.pipeline);
            (env.touch)(token, conn);
        }
    }

    /// Puts a request into a line.
    pub(crate) fn queue(&mut self, lane: usize, parcel: Parcel, place: Place) {
        self.waiting += 1;
        match place {
            Place::Front => self.lanes[lane].line.push_front(parcel),
            Place::Back => self.lanes[lane].line.push_back(parcel),
        }
    }

    /// The lane of a node by the name that the cluster gives it, or by its address; new nodes get one.
    pub(crate) fn lane_of_node(
        &mut self,
        redirect: &Redirect,
        answered: Option<IpAddr>,
    ) -> Option<usize> {
        let by_name = self.lanes.iter().position(|lane| lane.name == redirect.name);
        if by_name.is_some() {
            return by_name;
        }
        let addr = redirect.addr(answered)?;
        let by_addr = self.lanes.iter().position(|lane| lane.endpoint.addr() == Some(addr));
        by_addr.or_else(|| {
            let endpoint = self.lanes[0].endpoint.sibling(&addr.ip().to_string(), addr)?;
            Some(self.add_lane(addr.to_string(), endpoint))
        })
    }

    fn add_lane(&mut self, name: String, endpoint: Endpoint) -> usize {
        let (free, line) = (VecDeque::new(), VecDeque::new());
        self.lanes.push(Lane { name, endpoint, free, line, serves: Serves::Slots });
        self.lanes.len() - 1
    }

    /// Whether the connection was opened to a node that is not its own any more.
    pub(crate) fn take_stale(&mut self, token: Token) -> bool {
        let place = self.stale.iter().position(|stale| *stale == token);
        place.map(|place| self.stale.swap_remove(place)).is_some()
    }

    /// The connections that are to be closed when idle.
    pub(crate) fn take_moving(&mut self) -> Vec<Token> {
        std::mem::take(&mut self.moving)
    }

    /// Sees to it that every node with slots has its part of the connections, and no other any.
    pub(crate) fn balance(&mut self, conns: &mut [Conn]) {
        for (index, lane) in (0_u16..).zip(&mut self.lanes) {
            let serves = self.slots.contains(&index);
            lane.serves = if serves { Serves::Slots } else { Serves::Nothing };
        }
        let serving = |lanes: &[Lane], index: usize| lanes[index].serves == Serves::Slots;
        let nodes = (0..self.lanes.len()).filter(|index| serving(&self.lanes, *index)).count();
        if nodes == 0 {
            return;
        }
        let mut held = vec![0_usize; self.lanes.len()];
        self.lane_of.iter().for_each(|lane| held[usize::from(*lane)] += 1);
        let fair = (self.lane_of.len() / nodes).max(1);
        self.is_short = nodes > self.lane_of.len();
        for place in 0..self.lane_of.len() {
            let from = usize::from(self.lane_of[place]);
            let poorest = (0..self.lanes.len())
                .filter(|index| serving(&self.lanes, *index))
                .min_by_key(|index| held[*index]);
            let Some(to) = poorest else { break };
            let is_spare = !serving(&self.lanes, from) || (held[from] > fair && held[to] < fair);
            if is_spare && from != to {
                held[from] -= 1;
                held[to] += 1;
                self.move_connection(place, to, conns);
            }
        }
    }

    /// With fewer connections than nodes they are shared: one that has nothing to do, and whose own node has no line, goes to a
    /// node that has one and nobody to serve it.
    pub(crate) fn lend(&mut self, conns: &mut [Conn]) {
        if !self.is_short {
            return;
        }
        for to in 0..self.lanes.len() {
            if self.lanes[to].line.is_empty() || self.lane_of.contains(&(to as u16)) {
                continue;
            }
            let is_idle = |place: &usize| {
                let conn = &conns[self.first as usize + *place];
                let lane = usize::from(self.lane_of[*place]);
                conn.is_ready() && conn.in_flight() == 0 && self.lanes[lane].line.is_empty()
            };
            let Some(place) = (0..self.lane_of.len()).find(is_idle) else { return };
            self.move_connection(place, to, conns);
        }
    }

    fn move_connection(&mut self, place: usize, to: usize, conns: &mut [Conn]) {
        let token = self.first + place as Token;
        let conn = &mut conns[token as usize];
        if conn.listed.free {
            conn.listed.free = false;
            let from = self.site(token);
            self.lanes[from].free.retain(|listed| *listed != token);
        }
        self.lane_of[place] = to as u16;
        if conn.is_ready() {
            self.moving.push(token);
        } else if conn.is_opening() {
            self.stale.push(token);
        }
    }

    /// Takes over who serves what. Nodes keep their lanes.
    pub(crate) fn adopt(&mut self, layout: &Layout) {
        let mut lanes = Vec::new();
        for node in &layout.nodes {
            let known = self.lanes.iter().position(|lane| {
                lane.name == node.name || lane.endpoint.addr() == node.endpoint.addr()
            });
            let lane =
                known.unwrap_or_else(|| self.add_lane(node.name.clone(), node.endpoint.clone()));
            lanes.push(lane as u16);
        }
        for (slot, node) in self.slots.iter_mut().zip(&*layout.slots) {
            *slot = lanes.get(usize::from(*node)).copied().unwrap_or(NOWHERE);
        }
    }
}

/// Where a request goes in a line.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Front,
    Back,
}

/// What the router needs of the worker to hand out requests.
pub(crate) struct Env<'a, T> {
    pub(crate) conns: &'a mut [Conn],
    pub(crate) pipeline: usize,
    pub(crate) touch: T,
}
