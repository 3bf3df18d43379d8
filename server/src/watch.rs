//! Which clients watch which keys (`WATCH`).
//!
//! Invariant: a client is listed here exactly for the keys in its own `extras.watched`.

use crate::client::ClientKey;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// By database and key.
pub(crate) struct Watchers {
    dbs: Vec<HashMap<Box<[u8]>, Vec<ClientKey>, RandomState>>,
    count: usize,
}

impl Watchers {
    pub(crate) fn new(databases: usize) -> Self {
        Watchers { dbs: vec![HashMap::default(); databases], count: 0 }
    }

    /// Whether no key is watched. This is the usual case, and is checked at every write.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The clients that watch `key`.
    pub(crate) fn of(&self, db: usize, key: &[u8]) -> &[ClientKey] {
        self.dbs[db].get(key).map_or(&[], Vec::as_slice)
    }

    /// All watched keys of a database with their clients.
    pub(crate) fn in_db(&self, db: usize) -> impl Iterator<Item = (&[u8], &[ClientKey])> {
        self.dbs[db].iter().map(|(key, clients)| (&**key, clients.as_slice()))
    }

    pub(crate) fn add(&mut self, db: usize, key: &[u8], client: ClientKey) {
        self.dbs[db].entry(key.into()).or_default().push(client);
        self.count += 1;
    }

    pub(crate) fn remove(&mut self, db: usize, key: &[u8], client: ClientKey) {
        if let Some(clients) = self.dbs[db].get_mut(key) {
            let before = clients.len();
            clients.retain(|&other| other != client);
            self.count -= before - clients.len();
            if clients.is_empty() {
                self.dbs[db].remove(key);
            }
        }
    }
}
