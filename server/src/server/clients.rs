//! Clients as the server keeps them: their limits, their addresses, and how they are freed.

use super::Server;
use crate::client::{Client, ClientKey, Kind, Life};
use crate::sys;
use aelab_resp::{RequestLimits, Trust};
use std::net::SocketAddr;
use std::os::fd::AsFd;

impl Server {
    /// Puts a client on the free queue. It is neither read nor written from now on.
    pub(crate) fn free_later(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key)
            && client.life != Life::Closing
        {
            client.life = Life::Closing;
            self.net.free_queue.push(key);
        }
    }

    /// Which request limits apply to a client.
    pub(crate) fn request_limits(&self, key: ClientKey) -> RequestLimits {
        let settings = self.config.settings();
        let mut limits = settings.clients.request;
        if settings.clients.requirepass.is_some()
            && !self.clients.get(key).is_some_and(|client| client.authenticated)
        {
            limits.trust = Trust::Unauthenticated;
        }
        limits
    }

    /// Frees a client that the loop no longer watches, and everything that refers to it.
    pub(crate) fn remove_client(&mut self, key: ClientKey) {
        let Some(mut client) = self.clients.remove(key) else { return };
        if let Some(waiting) = client.held.as_ref().and_then(|held| held.waiting.as_ref()) {
            self.blocking.leave(key, waiting);
        }
        self.observe.timeline.forget(key);
        self.recycle(std::mem::take(&mut client.output.buf));
        self.memory.client_extra_bytes -= client.extra_bytes;
        self.monitors.retain(|&monitor| monitor != key);
        let Some(extras) = client.extras() else { return };
        for watched in &extras.watched {
            self.changes.watchers.remove(watched.db, &watched.key, key);
        }
        for kind in Kind::ALL {
            for name in extras.subscriptions.of(kind) {
                self.pubsub.remove(kind, name, key);
            }
        }
    }

    /// A client's address, as Redis writes it: `127.0.0.1:50000`, `[::1]:50000` or `/path:0`.
    pub(crate) fn peer_text(&self, client: &Client) -> String {
        self.addr_text(client.peer)
    }

    /// The address of this server that a client is connected to, in the same form.
    pub(crate) fn local_text(&self, client: &Client) -> String {
        self.addr_text(sys::local_addr(client.fd.as_fd()))
    }

    fn addr_text(&self, addr: Option<SocketAddr>) -> String {
        match addr {
            Some(addr) => addr.to_string(),
            None => {
                let path = self.config.settings().net.unixsocket.as_deref();
                format!("{}:0", path.unwrap_or_default())
            }
        }
    }
}
