//! A turn of networking aside of the loop, for when one command holds the loop up on purpose.
//!
//! Accepts, reads, executes and writes like a tick, but registers and frees nothing: newcomers are
//! handed to the loop before it sleeps next ([`watch_accepted`]), and what is left unread or unsent
//! is the loop's, which has not forgotten any event: level-triggered backends see it again, and an
//! edge that came meanwhile is still to be reported.

use super::{listener, read, write};
use crate::ae::{EventLoop, Mask};
use crate::client::{ClientKey, Life, data_of};
use crate::clock::Nanos;
use crate::server::Server;
use crate::sys;
use std::os::fd::{AsFd, AsRawFd};

/// One turn for everybody but `except`, whose command holds the loop up.
pub(crate) fn turn(server: &mut Server, except: ClientKey, now: Nanos) {
    listener::accept_while_blocked(server);
    let settings = server.config.settings();
    let keys: Vec<ClientKey> = if settings.io.ae_batch || settings.io.io_threads_do_reads {
        // Others may have been read already and wait to be executed: their next bytes must not
        // overtake those.
        server.net.accepted_unwatched.clone()
    } else {
        let open = server.clients.iter().filter(|(_, client)| client.life == Life::Open);
        open.map(|(key, _)| key).filter(|&key| key != except).collect()
    };
    let keys: Vec<ClientKey> =
        keys.into_iter().filter(|&key| server.clients.contains_key(key)).collect();
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

/// Clients that came and went aside: the loop never knew them, so they can go here.
fn forget_closed(server: &mut Server) {
    let mut newcomers = std::mem::take(&mut server.net.accepted_unwatched);
    newcomers.retain(|&key| match server.clients.get(key) {
        Some(client) if client.life == Life::Closing => {
            server.forget_client(key);
            false
        }
        Some(_) => true,
        None => false,
    });
    server.net.accepted_unwatched = newcomers;
}

/// Hands the clients that were accepted aside to the loop.
pub(crate) fn watch_accepted(el: &mut EventLoop<Server>, server: &mut Server) {
    for key in std::mem::take(&mut server.net.accepted_unwatched) {
        let Some(client) = server.clients.get(key) else { continue };
        let fd = client.fd.as_raw_fd();
        if el.add_file(fd, Mask::READABLE, read::readable, data_of(key)).is_err() {
            server.free_later(key);
        }
    }
}
