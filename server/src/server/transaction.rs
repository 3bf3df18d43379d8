//! Open transactions and watched keys, as far as more than the transaction commands change them.

use super::Server;
use crate::client::{ClientKey, name_bytes};

impl Server {
    /// Ends an open transaction, if there is one, without executing it; also ends watching.
    pub(crate) fn discard_transaction(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key) {
            client.multi = None;
        }
        self.unwatch_all(key);
    }

    /// Forgets all keys that a client watches. O(1) for every key.
    pub(crate) fn unwatch_all(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if client.extras().is_none() {
            return;
        }
        let extras = client.extras_mut();
        extras.watch_failed = false;
        for watched in std::mem::take(&mut extras.watched) {
            extras.names_bytes -= name_bytes(&watched.key);
            self.changes.watchers.remove(watched.db, &watched.key, key);
        }
        self.account_client(key);
    }

    /// Whether a key exists and has not expired. Changes nothing.
    pub(crate) fn key_exists(&self, db: usize, key: &[u8]) -> bool {
        self.dbs[db].peek_unchanged(key, self.now_ms()).is_some()
    }
}
