//! A turn of networking while one command blocks the loop (Redis: `processEventsWhileBlocked`).
//!
//! It accepts, reads, executes and writes like a tick, but registers and frees no descriptor that the
//! loop knows. The loop watches new clients before it sleeps next ([`watch_accepted`]). It misses no
//! event: level-triggered backends report it again, and an edge is still to be reported.

use super::{listener, read, threaded_reads, write};
use crate::ae::{EventLoop, Mask};
use crate::client::{ClientKey, Life, data_of};
use crate::clock::Nanos;
use crate::server::Server;
use crate::sys;
use std::os::fd::{AsFd, AsRawFd};

/// One turn for all clients but `except`, whose command blocks the loop.
pub(crate) fn turn(server: &mut Server, except: ClientKey, now: Nanos) {
    listener::accept_while_blocked(server);
    // What was read before the script began comes before what these clients have sent since.
    read::execute_batch(server, now);
    threaded_reads::execute_done(server, now);
    let open = server.clients.iter().filter(|(_, client)| client.life == Life::Open);
    let keys: Vec<ClientKey> = open.map(|(key, _)| key).filter(|&key| key != except).collect();
    let ready = sys::readable(keys.iter().map(|&key| server.clients[key].fd.as_fd()));
    for key in keys.into_iter().zip(ready).filter_map(|(key, ready)| ready.then_some(key)) {
        read::while_blocked(server, key, now);
    }
    for key in server.net.pending_writes.clone() {
        if key != except {
            write::at_once(server, key);
        }
    }
    forget_closed(server);
}

/// Frees clients that were accepted and closed during this turn. The loop never watched them.
fn forget_closed(server: &mut Server) {
    let mut newcomers = std::mem::take(&mut server.net.accepted_unwatched);
    newcomers.retain(|&key| match server.clients.get(key) {
        Some(client) if client.life == Life::Closing => {
            server.remove_client(key);
            false
        }
        Some(_) => true,
        None => false,
    });
    server.net.accepted_unwatched = newcomers;
}

/// Lets the loop watch the clients that were accepted while it was blocked.
pub(crate) fn watch_accepted(el: &mut EventLoop<Server>, server: &mut Server) {
    for key in std::mem::take(&mut server.net.accepted_unwatched) {
        let Some(client) = server.clients.get(key) else { continue };
        let fd = client.fd.as_raw_fd();
        if el.add_file(fd, Mask::READABLE, read::readable, data_of(key)).is_err() {
            server.free_later(key);
        }
    }
}
