//! Newer layouts of a cluster and addresses of its nodes, exchanged during a run between the engine and the thread that asks for
//! them.
//!
//! Not the asking: the engine only says what it needs. Invariant: a version is never given out twice.

use crate::plan::cluster_slots::Layout;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub struct Topology {
    wanted: AtomicBool,
    version: AtomicU64,
    latest: Mutex<Option<Layout>>,
    /// Nodes that redirections name by a host name: `host:port`, and what is known of it.
    names: Mutex<Vec<(String, Lookup)>>,
}

/// What is known of a node's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It is still to be looked up.
    Wanted,
    /// It has this address.
    Found(SocketAddr),
    /// It has no address. It is looked up again when the layout is asked for.
    Failed,
}

impl Topology {
    /// The engine has seen a sign that the layout has changed.
    pub fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether it has, since the last time this was asked.
    pub fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::Relaxed)
    }

    /// Publishes a layout for the engine.
    pub fn publish(&self, layout: Layout) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref() != Some(&layout) {
            *latest = Some(layout);
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// The latest layout, if it is newer than `version`, which is then updated.
    pub fn newer(&self, version: &mut u64) -> Option<Layout> {
        let latest = self.version.load(Ordering::Acquire);
        if latest == *version {
            return None;
        }
        *version = latest;
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is known of a node that a redirection names. The first question has it looked up.
    pub fn look_up(&self, name: &str) -> Lookup {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = names.iter().find(|(known, _)| known == name) {
            return *found;
        }
        names.push((name.to_owned(), Lookup::Wanted));
        Lookup::Wanted
    }

    /// The names without an address: not looked up yet, or in vain.
    pub fn unknown_names(&self) -> Vec<(String, Lookup)> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let is_unknown = |(_, found): &&(String, Lookup)| !matches!(found, Lookup::Found(_));
        names.iter().filter(is_unknown).cloned().collect()
    }

    /// Publishes what was found out about a name.
    pub fn publish_name(&self, name: &str, found: Lookup) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|(known, _)| known != name);
        names.push((name.to_owned(), found));
    }
}
