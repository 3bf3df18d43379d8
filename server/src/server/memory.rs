//! How much memory data and clients take: what `maxmemory` and `maxmemory-clients` are compared with.

use super::Server;
use crate::client::{Client, ClientKey, Life};
use crate::db::Db;

impl Server {
    /// Estimated bytes of data and clients: what `maxmemory` is compared with. O(databases).
    pub(crate) fn used_memory(&self) -> usize {
        self.dbs.iter().map(Db::used_bytes).sum::<usize>() + self.client_memory()
    }

    /// Estimated bytes of all clients. O(1).
    pub(crate) fn client_memory(&self) -> usize {
        self.clients.len() * size_of::<Client>() + self.memory.client_extra_bytes
    }

    /// Updates the account of a client's buffers.
    pub(crate) fn account_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if client.life == Life::Closing {
            return;
        }
        let now = client.memory_bytes() - size_of::<Client>();
        self.memory.client_extra_bytes = self.memory.client_extra_bytes + now - client.extra_bytes;
        client.extra_bytes = now;
    }
}
