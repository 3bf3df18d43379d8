//! The servers of a group: which connection is for which, and what it says first.
//!
//! Not a cluster's nodes (see `router`). Invariant: connections are dealt out to the servers in turn, over all threads.

use crate::conn::handshake::Handshake;
use crate::io::Token;
use crate::plan::{Endpoint, GroupPlan, Target};

/// See the module.
#[derive(Debug)]
pub(crate) struct Servers {
    endpoints: Vec<Endpoint>,
    first_token: Token,
    /// Number, in the whole group, of this share's first connection.
    pub(super) first_number: u64,
    pub(super) handshake: Handshake,
    /// The target, if each connection is to be in a database of its own.
    pub(super) own_databases: Option<Box<Target>>,
}

impl Servers {
    /// For connections from `first_token` on, the first of which has this number in the whole group.
    pub(super) fn new(group: &GroupPlan, first_token: Token, first_number: u64) -> Self {
        let (handshake, own_databases) = greeting(group);
        let endpoints = group.target.endpoints().cloned().collect();
        Self { endpoints, first_token, first_number, handshake, own_databases }
    }

    /// The names of the servers.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.endpoints.iter().map(ToString::to_string)
    }

    /// Index of the server that a connection is for.
    pub(super) fn index(&self, token: Token) -> usize {
        let number = self.first_number + u64::from(token - self.first_token);
        (number % self.endpoints.len() as u64) as usize
    }

    /// The server that a connection is for.
    pub(super) fn endpoint(&self, token: Token) -> &Endpoint {
        &self.endpoints[self.index(token)]
    }
}

/// What connections say first, and to whom, if each is to be in a database of its own.
fn greeting(group: &GroupPlan) -> (Handshake, Option<Box<Target>>) {
    match &group.replay {
        Some(replay) if !replay.databases().is_empty() => {
            (Handshake::into_database(&group.target, 0), Some(Box::new(group.target.clone())))
        }
        _ => (Handshake::new(&group.target), None),
    }
}
