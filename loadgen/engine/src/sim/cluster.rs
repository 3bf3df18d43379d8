//! A scripted cluster for runs in virtual time: which node serves which slot, and when slots move.
//!
//! Not the time and not the network (see `sim`). Commands have their key as the first argument; PING has none.
//! Invariant: every slot has one owner at any time.

use crate::clock::Nanos;
use crate::plan::Endpoint;
use crate::plan::cluster_slots::{Layout, Node, SLOTS, slot_of};
use aelab_resp::encode;
use std::net::SocketAddr;
use std::ops::Range;

/// Nodes and what moves between them. Slots are dealt out evenly, in order, before anything moves.
#[derive(Clone, Debug, Default)]
pub struct ClusterScript {
    /// The nodes, at least one.
    pub nodes: Vec<SocketAddr>,
    /// In order of time.
    pub moves: Vec<Move>,
    /// A newer layout that the engine is given at the end of the first interval.
    pub newer: Option<Layout>,
    /// So many nodes at the end of the list have no slots at first, so that no layout names them.
    pub without_slots: usize,
    /// How a redirection names a node.
    pub naming: Naming,
    /// What the nodes' host names stand for: `host:port` and the address.
    pub names: Vec<(String, SocketAddr)>,
}

/// How a redirection names a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// By its address.
    #[default]
    Address,
    /// By its port: the host is that of the node which answers.
    Port,
    /// By a host name, see [`ClusterScript::names`].
    Host,
}

/// Slots that go to another node. Times count from the begin of the schedule.
#[derive(Clone, Debug)]
pub struct Move {
    /// Which.
    pub slots: Range<u16>,
    /// Index of the new node.
    pub to: usize,
    /// From then on their keys are on the new node, which serves them after ASKING; the old one answers ASK.
    pub ask_from: Nanos,
    /// From then on they are the new node's; the old one answers MOVED.
    pub moved_from: Nanos,
}

impl ClusterScript {
    /// This many nodes, on ports from 7000 on.
    pub fn of(count: u16) -> Self {
        let nodes = (0..count).map(|node| ([127, 0, 0, 1], 7_000 + node).into()).collect();
        Self { nodes, ..Self::default() }
    }

    /// The layout before anything moves.
    pub fn layout(&self) -> Layout {
        let node =
            |addr: &SocketAddr| Node { name: addr.to_string(), endpoint: Endpoint::Tcp(*addr) };
        Layout {
            nodes: self.nodes[..self.first_nodes()].iter().map(node).collect(),
            slots: (0..SLOTS).map(|slot| self.first_owner(slot as u16) as u16).collect(),
        }
    }

    fn first_owner(&self, slot: u16) -> usize {
        usize::from(slot) * self.first_nodes() / SLOTS
    }

    /// How many nodes have slots at first.
    fn first_nodes(&self) -> usize {
        self.nodes.len() - self.without_slots
    }

    /// What a redirection calls this node.
    fn name_of(&self, node: SocketAddr) -> String {
        let by_host = self.names.iter().find(|(_, addr)| *addr == node);
        match (self.naming, by_host) {
            (Naming::Port, _) => format!(":{}", node.port()),
            (Naming::Host, Some((name, _))) => name.clone(),
            (Naming::Host, None) | (Naming::Address, _) => node.to_string(),
        }
    }

    /// Times count from `origin`.
    pub(crate) fn begin(&mut self, origin: Nanos) {
        for one in &mut self.moves {
            one.ask_from = one.ask_from + origin;
            one.moved_from = one.moved_from + origin;
        }
    }

    /// What the node at `asked` says to a command instead of serving it.
    pub(crate) fn refusal(
        &self,
        asked: SocketAddr,
        args: &[&[u8]],
        said_asking: bool,
        now: Nanos,
    ) -> Option<Vec<u8>> {
        let slot = slot_of(args.get(1)?);
        let moves = || self.moves.iter().filter(|one| one.slots.contains(&slot));
        let done = moves().rfind(|one| one.moved_from <= now);
        let owner = self.nodes[done.map_or_else(|| self.first_owner(slot), |one| one.to)];
        let under_way = moves().find(|one| one.ask_from <= now && now < one.moved_from);
        let new = under_way.map(|one| self.nodes[one.to]);
        let redirect = |word: &str, to: SocketAddr| {
            let mut reply = Vec::new();
            let to = self.name_of(to);
            encode::error(&mut reply, format!("{word} {slot} {to}").as_bytes());
            Some(reply)
        };
        match new {
            Some(new) if asked == owner => redirect("ASK", new),
            Some(new) if asked == new && said_asking => None,
            _ if asked == owner => None,
            _ => redirect("MOVED", owner),
        }
    }
}
