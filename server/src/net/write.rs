//! Replies on their way out: everything executed in a tick leaves together, before the loop sleeps.
//!
//! As in Redis the clients are flushed newest first, each with one write of at most
//! [`WRITE_QUANTUM_BYTES`]; what is left is sent by the write handler, a quantum per tick, so a
//! reply of a gigabyte never holds the others up.

use super::client::{Client, Life, Sending};
use super::{ClientKey, data_of, key_of};
use crate::ae::{EventLoop, Mask};
use crate::server::Server;
use crate::sys::{self, Transfer, Wait};
use std::os::fd::{AsRawFd, RawFd};

/// Most bytes written to one client per pass (`NET_MAX_WRITES_PER_EVENT`).
pub(crate) const WRITE_QUANTUM_BYTES: usize = 64 * 1024;

/// What one pass over one client came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Done,
    /// The quantum is used up; the socket would take more.
    Cut,
    /// The socket is full.
    Full,
    Failed,
}

/// Writes to every client that got a reply in this tick.
pub(crate) fn flush_pending(el: &mut EventLoop<Server>, server: &mut Server) {
    let mut pending = std::mem::take(&mut server.pending_writes);
    while let Some(key) = pending.pop() {
        let Some(client) = server.clients.get_mut(key) else { continue };
        client.output.state = Sending::Idle;
        if client.life == Life::Closing {
            continue;
        }
        let fd = client.fd.as_raw_fd();
        match pass(server, key, Wait::No) {
            Pass::Done => finished(server, key),
            Pass::Failed => server.free_later(key),
            // Installing the handler re-arms an edge, so even a cut pass will be continued.
            Pass::Cut | Pass::Full => {
                if el.add_file(fd, Mask::WRITABLE, writable, data_of(key)).is_err() {
                    server.free_later(key);
                } else if let Some(client) = server.clients.get_mut(key) {
                    client.output.state = Sending::Blocked;
                }
            }
        }
    }
    server.pending_writes = pending;
}

/// The write handler of clients.
pub(crate) fn writable(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    fd: RawFd,
    data: u64,
    _: Mask,
) {
    let key = key_of(data);
    match server.clients.get(key) {
        Some(client) if client.life != Life::Closing => {}
        _ => return,
    }
    match pass(server, key, Wait::No) {
        Pass::Done => {
            el.del_file(fd, Mask::WRITABLE);
            if let Some(client) = server.clients.get_mut(key) {
                client.output.state = Sending::Idle;
            }
            finished(server, key);
        }
        Pass::Cut => el.not_drained(fd, Mask::WRITABLE),
        Pass::Full => {}
        Pass::Failed => server.free_later(key),
    }
    server.meter.charge(crate::metrics::Phase::Write, el.clock().now());
}

/// Sends what `reply-immediately` wants out at once. What the socket does not take now is left to
/// [`flush_pending`], on whose list the client is.
pub(crate) fn at_once(server: &mut Server, key: ClientKey) {
    let queued = |client: &Client| client.output.state == Sending::Queued;
    if server.clients.get(key).is_some_and(queued) && pass(server, key, Wait::No) == Pass::Failed {
        server.free_later(key);
    }
}

/// Sends all that the only client is due, for a driver without a write handler: waits for the socket
/// as long as its timeout allows. What is left then stays on the list.
pub(crate) fn send_all(server: &mut Server, key: ClientKey, wait: Wait) {
    if server.clients.get(key).is_none_or(|client| client.output.state != Sending::Queued) {
        return;
    }
    let pass = loop {
        match pass(server, key, wait) {
            Pass::Cut => {}
            end => break end,
        }
    };
    match pass {
        Pass::Full | Pass::Cut => return,
        Pass::Failed => server.free_later(key),
        Pass::Done => {
            if let Some(client) = server.clients.get_mut(key) {
                client.output.state = Sending::Idle;
            }
            finished(server, key);
        }
    }
    server.pending_writes.retain(|&other| other != key);
}

/// One pass, with the times of followed requests noted.
fn pass(server: &mut Server, key: ClientKey, wait: Wait) -> Pass {
    if !server.timeline.awaits(key) {
        return send(server, key, wait);
    }
    let began = server.clock.now();
    let pass = send(server, key, wait);
    let sent = server.clients.get(key).map_or(0, |client| client.net_out);
    server.timeline.wrote(key, began, server.clock.now(), sent);
    pass
}

/// Writes until the quantum is used up, the socket is full or nothing is left.
fn send(server: &mut Server, key: ClientKey, wait: Wait) -> Pass {
    let Some(client) = server.clients.get_mut(key) else { return Pass::Failed };
    let output = &mut client.output;
    let mut budget = WRITE_QUANTUM_BYTES;
    while output.pending() > 0 {
        if budget == 0 {
            return Pass::Cut;
        }
        let end = output.buf.len().min(output.sent + budget);
        match sys::write_waiting(&client.fd, &output.buf[output.sent..end], wait) {
            Transfer::Bytes(count) => {
                output.sent += count;
                budget -= count;
                client.net_out += count as u64;
                server.stats.net_output_bytes += count as u64;
                server.stats.writes += 1;
            }
            Transfer::WouldBlock => return Pass::Full,
            Transfer::Failed => return Pass::Failed,
        }
    }
    Pass::Done
}

/// Everything is out: the buffer goes back to the pool, and a client that was only waiting for its
/// last reply is closed.
fn finished(server: &mut Server, key: ClientKey) {
    let Some(client) = server.clients.get_mut(key) else { return };
    let buf = std::mem::take(&mut client.output.buf);
    client.output.sent = 0;
    client.output.soft_since_s = None;
    let closing = client.life == Life::CloseAfterReply;
    let accounted = client.extra_bytes > 0;
    server.recycle(buf);
    if accounted {
        server.account_client(key);
    }
    if closing {
        server.free_later(key);
    }
}
