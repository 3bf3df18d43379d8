//! Newer layouts of a cluster, exchanged during a run between the engine and the thread that asks the cluster.
//!
//! Not the asking: the engine only says that it needs a newer layout. Invariant: a version is never given out twice.

use crate::plan::cluster_slots::Layout;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub struct Topology {
    wanted: AtomicBool,
    version: AtomicU64,
    latest: Mutex<Option<Layout>>,
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
}
