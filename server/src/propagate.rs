//! The one seam through which a change of the data set is announced.
//!
//! All code that changes keys calls it, once per effective change: commands ([`Call::touched`]), eviction,
//! and serving blocked clients. It informs everything that follows the data: the dirty counter,
//! transactions that watch the key, and clients that wait for it.
//! Keyspace events, client tracking, the append-only file and replicas belong here as well, once they
//! exist. Expired keys are removed inside `db` and are not announced: a watched key that has expired
//! is found by `EXEC`.

use crate::client::ClientKey;
use crate::server::{Call, Server};

impl Call<'_> {
    /// Announces that `key` of the selected database has changed. Call it after every effective write.
    #[inline]
    pub(crate) fn touched(&mut self, key: &[u8]) {
        self.server.key_changed(self.db, key);
    }
}

impl Server {
    /// `key` of database `db` has changed, which counts as one change.
    #[inline]
    pub(crate) fn key_changed(&mut self, db: usize, key: &[u8]) {
        self.changes.dirty += 1;
        self.signal_key(db, key);
    }

    /// The same for a change that does not count (`DEBUG POPULATE`).
    #[inline]
    pub(crate) fn signal_key(&mut self, db: usize, key: &[u8]) {
        self.blocking.changed(db, key);
        if !self.changes.watchers.is_empty() {
            for client in self.changes.watchers.of(db, key) {
                if let Some(client) = self.clients.get_mut(*client) {
                    client.extras_mut().watch_failed = true;
                }
            }
        }
    }

    /// All keys of database `db` are about to be removed: call it while they still exist.
    pub(crate) fn before_flush(&mut self, db: usize) {
        self.fail_watchers(db, db);
        self.changes.dirty += self.dbs[db].len() as u64;
    }

    /// `FLUSHALL` itself counts as a change.
    pub(crate) fn all_flushed(&mut self) {
        self.changes.dirty += 1;
    }

    /// Databases `a` and `b` have exchanged their contents.
    pub(crate) fn databases_swapped(&mut self, a: usize, b: usize) {
        self.fail_watchers(a, b);
        self.fail_watchers(b, a);
        self.blocking.all_changed(a);
        self.blocking.all_changed(b);
        self.changes.dirty += 1;
    }

    /// Fails the transactions that watch a key of `db` which exists there or in `other`.
    fn fail_watchers(&mut self, db: usize, other: usize) {
        if self.changes.watchers.is_empty() {
            return;
        }
        let failed: Vec<ClientKey> = self
            .changes
            .watchers
            .in_db(db)
            .filter(|(key, _)| self.key_exists(db, key) || self.key_exists(other, key))
            .flat_map(|(_, clients)| clients.iter().copied())
            .collect();
        for client in failed {
            if let Some(client) = self.clients.get_mut(client) {
                client.extras_mut().watch_failed = true;
            }
        }
    }
}
