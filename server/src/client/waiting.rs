//! Blocked clients and the keys they wait for. State only: blocking and serving are in
//! `crate::blocking`.
//!
//! Invariant: a client is in the queue of each key it waits for, and in no other queue.

use super::{ClientKey, name_bytes};
use crate::args::Words;
use crate::db::list::End;
use foldhash::fast::RandomState;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// What a command pops from a key.
#[derive(Clone, Debug)]
pub(crate) enum PopRequest {
    /// BLPOP, BRPOP: key and item.
    Item(End),
    /// LMPOP, BLMPOP: key and up to so many items.
    Items(End, usize),
    /// BLMOVE: the item, which is pushed to the target list.
    Move { from: End, to: End, target: Box<[u8]> },
    /// BZPOPMIN, BZPOPMAX: key, member and score.
    Member(End),
    /// ZMPOP, BZMPOP: key and up to so many members with their scores.
    Members(End, usize),
}

/// What a client waits for.
pub(crate) enum Waiting {
    /// Elements of the first of these keys that gets some.
    Keys {
        db: usize,
        keys: Vec<Box<[u8]>>,
        request: PopRequest,
        command: u16,
        deadline_ms: Option<i64>,
    },
    /// Replicas. There are none, so only the timeout ends this.
    Replicas { command: u16, deadline_ms: Option<i64> },
    /// The end of `CLIENT PAUSE`.
    Pause,
}

/// State of a client that is blocked, or that still has a backlog from then.
#[derive(Default)]
pub(crate) struct Held {
    /// `None` if it is no longer blocked.
    pub(crate) waiting: Option<Waiting>,
    /// Commands that arrived while it was blocked, to be executed in order.
    pub(crate) backlog: VecDeque<Words>,
    /// Bytes of their arguments.
    pub(crate) backlog_bytes: usize,
    /// Bytes of the keys that it waits for.
    pub(crate) keys_bytes: usize,
}

/// Why a client is unblocked without an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnblockReason {
    /// Its timeout has passed, or `CLIENT UNBLOCK … TIMEOUT`.
    Timeout,
    /// `CLIENT UNBLOCK … ERROR`.
    Error,
}

/// The clients that wait for one key.
#[derive(Clone, Default)]
struct Queue {
    /// Longest first.
    clients: VecDeque<ClientKey>,
    /// The key is in the list of changed keys.
    noted: bool,
}

type Queues = HashMap<Box<[u8]>, Queue, RandomState>;

/// All blocked clients.
pub(crate) struct Blocking {
    /// By database and key; the client that has waited longest is first.
    queues: Vec<Queues>,
    /// Entries in all queues.
    entries: usize,
    /// Keys that changed while clients waited for them, in order of the changes.
    ready: Vec<(usize, Box<[u8]>)>,
    deadlines: BTreeSet<(i64, ClientKey)>,
    /// Clients that are no longer blocked and may have a backlog.
    pub(crate) released: VecDeque<ClientKey>,
    /// Clients that wait for the end of a pause, in the order of their commands.
    postponed: VecDeque<ClientKey>,
    /// How many clients are blocked.
    pub(crate) count: usize,
}

impl Waiting {
    /// Bytes of the keys that are waited for.
    pub(crate) fn keys_bytes(&self) -> usize {
        match self {
            Waiting::Keys { keys, .. } => keys.iter().map(|key| name_bytes(key)).sum(),
            Waiting::Replicas { .. } | Waiting::Pause => 0,
        }
    }
}

impl Blocking {
    pub(crate) fn new(databases: usize) -> Self {
        Blocking {
            queues: vec![Queues::default(); databases],
            entries: 0,
            ready: Vec::new(),
            deadlines: BTreeSet::new(),
            released: VecDeque::new(),
            postponed: VecDeque::new(),
            count: 0,
        }
    }

    /// Records that `key` changed, if a client waits for it. Called at every write.
    #[inline]
    pub(crate) fn changed(&mut self, db: usize, key: &[u8]) {
        if self.entries > 0 {
            self.note(db, key);
        }
    }

    fn note(&mut self, db: usize, key: &[u8]) {
        if let Some(queue) = self.queues[db].get_mut(key)
            && !std::mem::replace(&mut queue.noted, true)
        {
            self.ready.push((db, key.into()));
        }
    }

    /// The keys that have changed since the last call.
    pub(crate) fn take_ready(&mut self) -> Vec<(usize, Box<[u8]>)> {
        let ready = std::mem::take(&mut self.ready);
        for (db, key) in &ready {
            if let Some(queue) = self.queues[*db].get_mut(key) {
                queue.noted = false;
            }
        }
        ready
    }

    /// A whole database has new contents (`SWAPDB`).
    pub(crate) fn all_changed(&mut self, db: usize) {
        let keys: Vec<Box<[u8]>> = self.queues[db].keys().cloned().collect();
        keys.iter().for_each(|key| self.note(db, key));
    }

    /// The client at this position of a key's queue.
    pub(crate) fn waiting_at(&self, db: usize, key: &[u8], at: usize) -> Option<ClientKey> {
        self.queues[db].get(key)?.clients.get(at).copied()
    }

    /// Whether a key has changed that clients wait for.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many blocked clients have a deadline.
    pub(crate) fn deadline_count(&self) -> usize {
        self.deadlines.len()
    }

    /// The earliest deadline and its client.
    pub(crate) fn first_deadline(&self) -> Option<(i64, ClientKey)> {
        self.deadlines.first().copied()
    }

    /// Removes a deadline that no client waits for.
    pub(crate) fn remove_deadline(&mut self, deadline_ms: i64, client: ClientKey) {
        self.deadlines.remove(&(deadline_ms, client));
    }

    /// The clients that waited for the end of a pause, in the order of their commands.
    pub(crate) fn take_postponed(&mut self) -> VecDeque<ClientKey> {
        std::mem::take(&mut self.postponed)
    }

    /// A client begins to wait.
    pub(crate) fn join(&mut self, client: ClientKey, waiting: &Waiting) {
        self.count += 1;
        match waiting {
            Waiting::Pause => self.postponed.push_back(client),
            Waiting::Replicas { deadline_ms, .. } => {
                self.deadlines.extend(deadline_ms.map(|at| (at, client)));
            }
            Waiting::Keys { db, keys, deadline_ms, .. } => {
                for name in keys {
                    let queue = &mut self.queues[*db].entry(name.clone()).or_default().clients;
                    // If the same key is named twice, this client is already the last.
                    if queue.back() != Some(&client) {
                        queue.push_back(client);
                        self.entries += 1;
                    }
                }
                self.deadlines.extend(deadline_ms.map(|at| (at, client)));
            }
        }
    }

    /// A client no longer waits.
    pub(crate) fn leave(&mut self, client: ClientKey, waiting: &Waiting) {
        self.count -= 1;
        let deadline_ms = match waiting {
            Waiting::Pause => {
                self.postponed.retain(|&other| other != client);
                return;
            }
            Waiting::Replicas { deadline_ms, .. } => deadline_ms,
            Waiting::Keys { db, keys, deadline_ms, .. } => {
                for key in keys {
                    if let Some(queue) = self.queues[*db].get_mut(key) {
                        // A client that is served is the first in the queue, so it is found at once.
                        if let Some(at) = queue.clients.iter().position(|&other| other == client) {
                            queue.clients.remove(at);
                            self.entries -= 1;
                        }
                        if queue.clients.is_empty() {
                            self.queues[*db].remove(key);
                        }
                    }
                }
                deadline_ms
            }
        };
        if let Some(deadline_ms) = deadline_ms {
            self.deadlines.remove(&(*deadline_ms, client));
        }
    }
}
