//! Requests of a group to the nodes of a cluster: one queue and one set of connections for each.
//!
//! Not the connections (the worker owns them), no I/O. A request is written when it is due, so that its key tells its node;
//! whichever connection of that node has a free slot longest takes it. In a closed loop there are as many users as slots of
//! connections; each sends its next request when it has its reply, to whatever node the key says.
//! Invariant: while a request waits in a node's queue, no ready connection to that node has a free slot.

use crate::clock::Nanos;
use crate::conn::Conn;
use crate::conn::routed_request::RoutedRequest;
use crate::group::free_list::FreeList;
use crate::io::Token;
use crate::plan::cluster_slots::{ClusterPlan, Layout, NOWHERE, Redirect, RedirectKind, slot_of};
use crate::plan::{Endpoint, GroupPlan, PoolOrder};
use crate::record::result::RedirectCounts;
use crate::topology::{Lookup, Topology};
use crate::workload::Generator;
use crate::workload::cluster_keys::argument;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

/// Buffers kept for requests to come; beyond a burst's worth memory is given back.
const SPARE_MAX: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) nodes: Vec<Node>,
    /// Index of the node of each slot.
    pub(crate) slots: Vec<u16>,
    /// Per command, the argument that tells the slot.
    keys: Vec<Option<usize>>,
    first: Token,
    /// Index of the node of each connection.
    node_of: Vec<u16>,
    /// Fewer connections than nodes, since a node has joined.
    pub(crate) is_short: bool,
    /// Connections that are being opened to a node which is not theirs any more.
    stale: Vec<Token>,
    /// Connections to be closed as soon as they are idle, and opened to their new node.
    moving: Vec<Token>,
    pub(crate) waiting: usize,
    waiting_max: usize,
    /// Users of a closed loop.
    pub(crate) users: u64,
    /// Where the next request without a key goes.
    turn: usize,
    spare: Vec<Vec<u8>>,
    pub(crate) redirected: Vec<(RoutedRequest, Redirect)>,
    /// Those whose new node has a host name that is being looked up.
    pub(super) unresolved: Vec<Unresolved>,
    pub(crate) topology: Arc<Topology>,
    pub(crate) version: u64,
    pub(crate) counts: RedirectCounts,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    endpoint: Endpoint,
    /// Its connections with a free slot.
    pub(crate) free: FreeList,
    pub(crate) queue: VecDeque<RoutedRequest>,
    serves: Serves,
}

/// What a node gets connections for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serves {
    /// Its own slots.
    Slots,
    /// Slots that are on their way to it: only redirections name it, and no layout does. `Lately` is since the last layout.
    Asked(Lately),
    /// Nothing.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lately {
    Yes,
    No,
}

/// A request whose node is being looked up.
#[derive(Debug)]
pub(super) struct Unresolved {
    pub(super) routed: RoutedRequest,
    pub(super) redirect: Redirect,
    /// Who sent it elsewhere.
    pub(super) answered: Option<IpAddr>,
    /// When that was.
    pub(super) since: Nanos,
}

impl Router {
    /// For the connections `tokens` of a group, the first of which has this number in the whole group.
    pub(crate) fn new(
        plan: &GroupPlan,
        cluster: &ClusterPlan,
        topology: &Arc<Topology>,
        tokens: &Range<Token>,
        first_number: u64,
    ) -> Self {
        let node = |node: &crate::plan::cluster_slots::Node| Node {
            name: node.name.clone(),
            endpoint: node.endpoint.clone(),
            free: FreeList::new(),
            queue: VecDeque::new(),
            serves: Serves::Slots,
        };
        let count = cluster.layout.nodes.len() as u64;
        let numbers = first_number..first_number + tokens.len() as u64;
        Self {
            nodes: cluster.layout.nodes.iter().map(node).collect(),
            slots: cluster.layout.slots.to_vec(),
            keys: cluster.keys.iter().map(|keys| keys.first().copied()).collect(),
            first: tokens.start,
            node_of: numbers.map(|number| (number % count) as u16).collect(),
            is_short: false,
            stale: Vec::new(),
            moving: Vec::new(),
            waiting: 0,
            waiting_max: plan.backlog_max,
            users: 0,
            turn: 0,
            spare: Vec::new(),
            redirected: Vec::new(),
            unresolved: Vec::new(),
            topology: Arc::clone(topology),
            version: 0,
            counts: RedirectCounts::default(),
        }
    }

    /// Index of the node that a connection is for.
    pub(crate) fn node_index(&self, token: Token) -> usize {
        usize::from(self.node_of[(token - self.first) as usize])
    }

    /// The node that a connection is for.
    pub(crate) fn endpoint(&self, token: Token) -> &Endpoint {
        &self.nodes[self.node_index(token)].endpoint
    }

    /// The nodes' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| &*node.name)
    }

    /// Whether another request may wait.
    pub(crate) const fn has_room(&self) -> bool {
        self.waiting < self.waiting_max
    }

    /// Writes the next request.
    pub(crate) fn write(&mut self, generator: &mut Generator, intended: Nanos) -> RoutedRequest {
        // The node is known when the key is, so the order is the thread's.
        generator.turn_to(0);
        let command = generator.choose();
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        generator.write(command, &mut bytes);
        let key = self.keys.get(usize::from(command)).copied().flatten();
        let slot = key.and_then(|index| argument(&bytes, index)).map(slot_of);
        RoutedRequest::new(intended, command, bytes, slot, generator.take_fresh())
    }

    /// A request is over: its buffer serves another.
    pub(crate) fn recycle(&mut self, routed: RoutedRequest) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(routed.bytes);
        }
    }

    /// A request is to go elsewhere.
    pub(crate) fn redirect(&mut self, routed: RoutedRequest, redirect: Redirect) {
        self.redirected.push((routed, redirect));
    }

    /// Index of the node of a slot. A slot that no node serves, or no slot, may go to any node.
    pub(crate) fn node_for(&mut self, slot: Option<u16>) -> usize {
        match slot.map(|slot| self.slots[usize::from(slot)]) {
            Some(node) if node != NOWHERE => usize::from(node),
            _ => {
                let count = self.nodes.len();
                let any = (1..=count).map(|step| (self.turn + step) % count);
                let mut serving = any.filter(|node| self.nodes[*node].serves == Serves::Slots);
                self.turn = serving.next().unwrap_or(0);
                self.turn
            }
        }
    }

    /// Lists a ready connection with its node if it has a free slot.
    pub(crate) fn list_free(&mut self, token: Token, conn: &mut Conn, pipeline: usize) {
        if conn.is_ready() {
            let node = self.node_index(token);
            self.nodes[node].free.list(token, conn, pipeline);
        }
    }

    /// Takes a connection off the list of its node, if it is there.
    pub(crate) fn unlist(&mut self, token: Token, conn: &mut Conn) {
        let node = self.node_index(token);
        self.nodes[node].free.unlist(token, conn);
    }

    /// Gives requests of a node's queue to its free connections.
    pub(crate) fn serve(&mut self, node: usize, env: &mut Env<'_, impl FnMut(Token, &mut Conn)>) {
        while !self.nodes[node].queue.is_empty()
            && !self.must_yield(node)
            && let Some(token) =
                self.nodes[node].free.take(PoolOrder::Fifo, env.conns, env.pipeline)
            && let Some(routed) = self.nodes[node].queue.pop_front()
        {
            self.waiting -= 1;
            let conn = &mut env.conns[token as usize];
            conn.assign_routed(routed);
            self.list_free(token, conn, env.pipeline);
            (env.touch)(token, conn);
        }
    }

    /// Whether the connections of a node are to become idle, since a node without any has a request that was due earlier. Only
    /// with fewer connections than nodes.
    fn must_yield(&self, node: usize) -> bool {
        if !self.is_short {
            return false;
        }
        let first = |node: usize| self.nodes[node].queue.front().map(|routed| routed.intended);
        let own = first(node);
        let mut poor = (0..self.nodes.len()).filter(|node| !self.node_of.contains(&(*node as u16)));
        poor.any(|other| first(other).is_some_and(|due| own.is_some_and(|own| due < own)))
    }

    /// A request is sent to this node. Whether it is one that had no connections so far.
    pub(super) fn note_use(&mut self, node: usize, kind: RedirectKind) -> bool {
        let node = &mut self.nodes[node];
        let was = node.serves;
        node.serves = match (kind, was) {
            (RedirectKind::Moved, _) | (_, Serves::Slots) => Serves::Slots,
            (RedirectKind::Ask, _) => Serves::Asked(Lately::Yes),
        };
        was == Serves::Nothing
    }

    /// Puts a request into a line.
    pub(crate) fn queue(&mut self, node: usize, routed: RoutedRequest, place: Place) {
        self.waiting += 1;
        match place {
            Place::Front => self.nodes[node].queue.push_front(routed),
            Place::Back => self.nodes[node].queue.push_back(routed),
        }
    }

    /// Index of a node by the name that the cluster gives it, or by its address; a new node is added.
    ///
    /// # Errors
    /// It cannot be reached, or not yet.
    pub(crate) fn node_at(
        &mut self,
        redirect: &Redirect,
        answered: Option<IpAddr>,
    ) -> Result<usize, Missing> {
        if let Some(node) = self.nodes.iter().position(|node| node.name == redirect.name) {
            return Ok(node);
        }
        match redirect.addr(answered) {
            Some(addr) => self.node_of_addr(addr, &addr.ip().to_string(), addr.to_string()),
            None => match self.topology.look_up(&redirect.name) {
                Lookup::Found(addr) => {
                    let host = redirect.name.rsplit_once(':').map_or("", |(host, _)| host);
                    self.node_of_addr(addr, host, redirect.name.clone())
                }
                Lookup::Wanted => Err(Missing::Address),
                Lookup::Failed => Err(Missing::Node),
            },
        }
    }

    fn node_of_addr(
        &mut self,
        addr: SocketAddr,
        host: &str,
        name: String,
    ) -> Result<usize, Missing> {
        let by_addr = self.nodes.iter().position(|node| node.endpoint.addr() == Some(addr));
        by_addr.map_or_else(
            || {
                let endpoint = self.nodes[0].endpoint.sibling(host, addr);
                endpoint.map(|endpoint| self.add_node(name, endpoint)).ok_or(Missing::Node)
            },
            Ok,
        )
    }

    fn add_node(&mut self, name: String, endpoint: Endpoint) -> usize {
        let (free, queue) = (FreeList::new(), VecDeque::new());
        self.nodes.push(Node { name, endpoint, free, queue, serves: Serves::Nothing });
        self.nodes.len() - 1
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

    /// Sees to it that every node with slots, or with slots on their way to it, has its part of the connections, and no other any.
    pub(crate) fn balance(&mut self, conns: &mut [Conn]) {
        for (index, node) in (0_u16..).zip(&mut self.nodes) {
            node.serves = match node.serves {
                _ if self.slots.contains(&index) => Serves::Slots,
                Serves::Asked(lately) => Serves::Asked(lately),
                Serves::Slots | Serves::Nothing => Serves::Nothing,
            };
        }
        let serving = |nodes: &[Node], index: usize| nodes[index].serves != Serves::Nothing;
        let nodes = (0..self.nodes.len()).filter(|index| serving(&self.nodes, *index)).count();
        if nodes == 0 {
            return;
        }
        let mut held = vec![0_usize; self.nodes.len()];
        self.node_of.iter().for_each(|node| held[usize::from(*node)] += 1);
        let fair = (self.node_of.len() / nodes).max(1);
        self.is_short = nodes > self.node_of.len();
        for place in 0..self.node_of.len() {
            let from = usize::from(self.node_of[place]);
            let poorest = (0..self.nodes.len())
                .filter(|index| serving(&self.nodes, *index))
                .min_by_key(|index| held[*index]);
            let Some(to) = poorest else { break };
            let is_spare = !serving(&self.nodes, from) || (held[from] > fair && held[to] < fair);
            if is_spare && from != to {
                held[from] -= 1;
                held[to] += 1;
                self.move_connection(place, to, conns);
            }
        }
    }

    /// With fewer connections than nodes they are shared: one that has nothing to do, and whose own node has no request that was
    /// due earlier, goes to a node that has one and no connection.
    pub(crate) fn lend(&mut self, conns: &mut [Conn]) {
        if !self.is_short {
            return;
        }
        for to in 0..self.nodes.len() {
            if self.nodes[to].queue.is_empty() || self.node_of.contains(&(to as u16)) {
                continue;
            }
            let is_idle = |place: &usize| {
                let conn = &conns[self.first as usize + *place];
                let node = usize::from(self.node_of[*place]);
                let is_free = self.nodes[node].queue.is_empty() || self.must_yield(node);
                conn.is_ready() && conn.in_flight() == 0 && is_free
            };
            let Some(place) = (0..self.node_of.len()).find(is_idle) else { return };
            self.move_connection(place, to, conns);
        }
    }

    fn move_connection(&mut self, place: usize, to: usize, conns: &mut [Conn]) {
        let token = self.first + place as Token;
        let conn = &mut conns[token as usize];
        self.unlist(token, conn);
        self.node_of[place] = to as u16;
        if conn.is_ready() {
            self.moving.push(token);
        } else if conn.is_opening() {
            self.stale.push(token);
        }
    }

    /// Takes over which node serves which slots. A node keeps its index.
    pub(crate) fn adopt(&mut self, layout: &Layout) {
        let mut indexes = Vec::new();
        for new in &layout.nodes {
            let known = self.nodes.iter().position(|node| {
                node.name == new.name || node.endpoint.addr() == new.endpoint.addr()
            });
            let index =
                known.unwrap_or_else(|| self.add_node(new.name.clone(), new.endpoint.clone()));
            indexes.push(index as u16);
        }
        // A migration that goes on names its node again.
        for node in &mut self.nodes {
            node.serves = match node.serves {
                Serves::Asked(Lately::No) if node.queue.is_empty() => Serves::Nothing,
                Serves::Asked(_) => Serves::Asked(Lately::No),
                serves => serves,
            };
        }
        for (slot, node) in self.slots.iter_mut().zip(&*layout.slots) {
            *slot = indexes.get(usize::from(*node)).copied().unwrap_or(NOWHERE);
        }
    }
}

/// Where a request goes in a line.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Front,
    Back,
}

/// Why a request cannot go where it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The address is being looked up.
    Address,
    /// There is no such node.
    Node,
}

/// What the router needs of the worker to hand out requests.
pub(crate) struct Env<'a, T> {
    pub(crate) conns: &'a mut [Conn],
    pub(crate) pipeline: usize,
    pub(crate) touch: T,
}
