//! Replies on their way out: everything executed in a tick leaves together, before the loop sleeps.
//!
//! As in Redis the clients are flushed newest first, each with one write of at most
//! [`WRITE_QUANTUM_BYTES`]; what is left is sent by the write handler, a quantum per tick, so a
//! reply of a gigabyte never holds the others up.

use super::threaded_writes;
use crate::ae::{EventLoop, Mask};
use crate::client::{Client, ClientKey, Life, Pass, Sending, data_of, key_of, push};
use crate::clock::Nanos;
use crate::server::{STATIC_BUFFER_BYTES, Server};
use crate::sys::Wait;
use std::os::fd::{AsRawFd, RawFd};

/// Writes to every client that got a reply in this tick.
pub(crate) fn flush_pending(el: &mut EventLoop<Server>, server: &mut Server) {
    let mut pending = std::mem::take(&mut server.net.pending_writes);
    if server.net.io_threads.is_some() {
        threaded_writes::flush(el, server, &mut pending);
    }
    while let Some(key) = pending.pop() {
        let Some(client) = server.clients.get_mut(key) else { continue };
        client.output.state = Sending::Idle;
        if client.life == Life::Closing {
            continue;
        }
        let pass = pass(server, key, Wait::No);
        settle(el, server, key, pass);
    }
    server.net.pending_writes = pending;
}

/// What follows from the first write of a tick to a client.
pub(super) fn settle(el: &mut EventLoop<Server>, server: &mut Server, key: ClientKey, pass: Pass) {
    match pass {
        Pass::Done => finished(server, key),
        Pass::Failed => server.free_later(key),
        // Installing the handler re-arms an edge, so even a cut pass will be continued.
        Pass::Cut | Pass::Full => {
            let Some(client) = server.clients.get_mut(key) else { return };
            client.output.state = Sending::Blocked;
            let fd = client.fd.as_raw_fd();
            if el.add_file(fd, Mask::WRITABLE, writable, data_of(key)).is_err() {
                server.free_later(key);
            }
        }
    }
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
    server.observe.meter.charge(crate::metrics::Phase::Write, el.clock().now());
}

/// Sends what `reply-immediately` wants out at once. What the socket does not take now is left to
/// [`flush_pending`], on whose list the client is.
pub(crate) fn at_once(server: &mut Server, key: ClientKey) {
    let queued = |client: &Client| client.output.state == Sending::Queued;
    if server.clients.get(key).is_some_and(queued) && pass(server, key, Wait::No) == Pass::Failed {
        server.free_later(key);
    }
}

/// Replies that a client's thread takes along to write them.
pub(crate) struct Parcel {
    bytes: Vec<u8>,
    from: usize,
    /// Bytes sent to the client altogether once these are.
    end: u64,
    /// Whether anybody wants to know when it is written.
    awaited: bool,
}

impl Parcel {
    /// What is to be written.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Whether [`arrived`] must be called afterwards.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited
    }

    /// Its buffer, to be used again.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// Gives a client's thread what is to be sent. `None` if there is nothing, if the loop is sending
/// already, or if nobody is to get it. Counts it as sent.
pub(crate) fn take(server: &mut Server, key: ClientKey) -> Option<Parcel> {
    let followed = server.observe.timeline.awaits(key);
    let monitor = server.monitors.contains(&key);
    let client = server.clients.get_mut(key)?;
    if client.output.state != Sending::Queued || client.life == Life::Closing {
        return None;
    }
    // Others may append to the output of a subscriber, a monitor and a client that waits; large replies
    // count against limits; a client that is to be closed must be closed.
    let appended = monitor || client.subscription_count() > 0 || client.held.is_some();
    let output = &mut client.output;
    let count = output.pending();
    let awaited = followed || appended || count > STATIC_BUFFER_BYTES || client.life != Life::Open;
    let from = std::mem::take(&mut output.sent);
    let bytes = std::mem::take(&mut output.buf);
    (output.state, output.lent) = if awaited { (Sending::Lent, count) } else { (Sending::Idle, 0) };
    client.counters.net_out += count as u64;
    let end = client.counters.net_out;
    server.observe.stats.net_output_bytes += count as u64;
    server.observe.stats.writes += 1;
    server.net.pending_writes.retain(|&other| other != key);
    Some(Parcel { bytes, from, end, awaited })
}

/// A client's thread has written a parcel, in the time between `began` and `ended`. What has come
/// meanwhile is on the list afterwards.
pub(crate) fn arrived(
    server: &mut Server,
    key: ClientKey,
    parcel: Parcel,
    (began, ended): (Nanos, Nanos),
) {
    if server.observe.timeline.awaits(key) {
        server.observe.timeline.wrote(key, began, ended, parcel.end);
    }
    server.recycle(parcel.bytes);
    let Some(client) = server.clients.get_mut(key) else { return };
    client.output.lent = 0;
    if client.output.pending() > 0 {
        client.output.state = Sending::Queued;
        server.net.pending_writes.push(key);
    } else {
        client.output.state = Sending::Idle;
        finished(server, key);
    }
}

/// Sends all that the only client is due, for a driver without a write handler: waits for the socket
/// as long as its timeout allows. What is left then is tried again by the next call.
pub(crate) fn send_all(server: &mut Server, key: ClientKey, wait: Wait) {
    server.net.pending_writes.retain(|&other| other != key);
    let due = |client: &Client| matches!(client.output.state, Sending::Queued | Sending::Blocked);
    if !server.clients.get(key).is_some_and(due) {
        return;
    }
    let pass = loop {
        match pass(server, key, wait) {
            Pass::Cut => {}
            end => break end,
        }
    };
    let Some(client) = server.clients.get_mut(key) else { return };
    match pass {
        Pass::Done => {
            client.output.state = Sending::Idle;
            finished(server, key);
        }
        // So that cron holds it to its output limit.
        Pass::Full | Pass::Cut => client.output.state = Sending::Blocked,
        Pass::Failed => server.free_later(key),
    }
}

/// One pass, with the times of followed requests noted.
fn pass(server: &mut Server, key: ClientKey, wait: Wait) -> Pass {
    if !server.observe.timeline.awaits(key) {
        return send(server, key, wait);
    }
    let began = server.clock.now();
    let pass = send(server, key, wait);
    let sent = server.clients.get(key).map_or(0, |client| client.counters.net_out);
    server.observe.timeline.wrote(key, began, server.clock.now(), sent);
    pass
}

/// One pass, with its accounting.
fn send(server: &mut Server, key: ClientKey, wait: Wait) -> Pass {
    let Some(client) = server.clients.get_mut(key) else { return Pass::Failed };
    let output = &mut client.output;
    let before = output.sent;
    let (pass, calls) = push(&client.fd, &output.buf, &mut output.sent, wait);
    let count = (output.sent - before) as u64;
    client.counters.net_out += count;
    server.observe.stats.net_output_bytes += count;
    server.observe.stats.writes += calls;
    pass
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
