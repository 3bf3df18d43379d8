//! How much memory data and clients take: what `maxmemory` and `maxmemory-clients` are compared with.

use super::Server;
use crate::client::{Client, ClientKey, Life};
use crate::db::Db;

impl Server {
    /// Estimated bytes of all that clients make the server keep: data, clients and scripts. This is what
    /// `maxmemory` is compared with. O(databases).
    pub(crate) fn used_memory(&self) -> usize {
        let data = self.dbs.iter().map(Db::used_bytes).sum::<usize>();
        data + self.client_memory() + self.script_memory()
    }

    /// Bytes of the known scripts and of the Lua state. O(1).
    pub(crate) fn script_memory(&self) -> usize {
        self.scripting.memory_bytes() + self.scripting.lua_bytes
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
