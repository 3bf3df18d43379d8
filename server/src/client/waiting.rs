//! Clients that wait, and who waits for which key. State only: waiting and serving are in
//! `crate::blocking`.
//!
//! Invariant: a client stands in the queue of each key it waits for, and nowhere else.

use super::ClientKey;
use crate::args::Words;
use crate::db::list::End;
use foldhash::fast::FixedState;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// What is wanted of a key.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// BLPOP, BRPOP: key and item.
    Item(End),
    /// LMPOP, BLMPOP: key and up to so many items.
    Items(End, usize),
    /// BLMOVE: the item, which goes to the other list.
    Move { from: End, to: End, target: Box<[u8]> },
    /// BZPOPMIN, BZPOPMAX: key, member and score.
    Member(End),
    /// ZMPOP, BZMPOP: key and up to so many members with their scores.
    Members(End, usize),
}

/// What a client waits for.
pub(crate) enum Waiting {
    /// Elements: of the first of these keys that gets some.
    Keys { db: usize, keys: Vec<Box<[u8]>>, wish: Wish, command: u16, deadline_ms: Option<i64> },
    /// Replicas, of which there are none: only time can end this.
    Replicas { command: u16, deadline_ms: Option<i64> },
    /// The end of `CLIENT PAUSE`.
    Pause,
}

/// What a client has that waits, or that has not caught up with its input since.
#[derive(Default)]
pub(crate) struct Held {
    /// `None` if it waits no longer.
    pub(crate) waiting: Option<Waiting>,
    /// Commands that came meanwhile, to be executed in order.
    pub(crate) backlog: VecDeque<Words>,
    /// Bytes of their arguments.
    pub(crate) backlog_bytes: usize,
}

/// Why a client is let go without what it wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// Its time is up, or `CLIENT UNBLOCK` says so.
    Up,
    /// `CLIENT UNBLOCK … ERROR`.
    Error,
}

/// Who waits for one key.
#[derive(Clone, Default)]
struct Queue {
    /// Longest first.
    clients: VecDeque<ClientKey>,
    /// The key stands among those that changed.
    noted: bool,
}

type Queues = HashMap<Box<[u8]>, Queue, FixedState>;

/// Everybody who waits.
pub(crate) struct Blocking {
    /// By database and key, who waits longest first.
    queues: Vec<Queues>,
    /// Entries in all queues.
    entries: usize,
    /// Keys that changed while somebody waited for them, in that order.
    ready: Vec<(usize, Box<[u8]>)>,
    deadlines: BTreeSet<(i64, ClientKey)>,
    /// Clients that wait no longer, and may have input to go on with.
    pub(crate) released: VecDeque<ClientKey>,
    /// Clients that wait for the end of a pause, in the order of their commands.
    postponed: VecDeque<ClientKey>,
    /// How many clients wait.
    pub(crate) count: usize,
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

    /// Notes that `key` changed, if somebody waits for it. Asked at every write.
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

    /// A whole database has got other contents (`SWAPDB`).
    pub(crate) fn all_changed(&mut self, db: usize) {
        let keys: Vec<Box<[u8]>> = self.queues[db].keys().cloned().collect();
        keys.iter().for_each(|key| self.note(db, key));
    }

    /// Who stands at this place of a key's queue.
    pub(crate) fn waiting_at(&self, db: usize, key: &[u8], at: usize) -> Option<ClientKey> {
        self.queues[db].get(key)?.clients.get(at).copied()
    }

    /// Whether somebody may have to be served.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many clients will be let go by a deadline.
    pub(crate) fn deadline_count(&self) -> usize {
        self.deadlines.len()
    }

    /// The deadline that comes first, and whose it is.
    pub(crate) fn first_deadline(&self) -> Option<(i64, ClientKey)> {
        self.deadlines.first().copied()
    }

    /// Removes a deadline that no client waits for.
    pub(crate) fn forget_deadline(&mut self, deadline_ms: i64, client: ClientKey) {
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
                    // The same key may be named twice: then this client came last.
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
                        // Who is served stands in front, and is found at once.
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
