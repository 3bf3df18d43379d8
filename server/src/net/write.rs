//! Sending replies: all replies of a tick are sent before the loop sleeps.
//!
//! As in Redis, the newest client is served first, each with at most
//! [`WRITE_QUANTUM_BYTES`](crate::client::WRITE_QUANTUM_BYTES). The write handler sends the rest, one
//! quantum per tick, so that a reply of a gigabyte does not delay other clients.

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
        after_pass(el, server, key, pass);
    }
    server.net.pending_writes = pending;
}

/// Continues after the first write of a tick to a client.
pub(super) fn after_pass(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    key: ClientKey,
    pass: Pass,
) {
    match pass {
        Pass::Done => finished(server, key),
        Pass::Failed => server.free_later(key),
        // Installing the handler re-arms an edge, so a pass that was cut off continues as well.
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

/// Sends a reply at once, for `reply-immediately`. [`flush_pending`] sends what the socket does not take
/// now.
pub(crate) fn at_once(server: &mut Server, key: ClientKey) {
    let queued = |client: &Client| client.output.state == Sending::Queued;
    if server.clients.get(key).is_some_and(queued) && pass(server, key, Wait::No) == Pass::Failed {
        server.free_later(key);
    }
}

/// Replies that a client's thread writes.
pub(crate) struct OutgoingReplies {
    bytes: Vec<u8>,
    from: usize,
    /// Total bytes sent to the client once these are sent.
    end: u64,
    /// Whether [`replies_written`] must be called afterwards.
    awaited: bool,
}

impl OutgoingReplies {
    /// The bytes to write.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Whether [`replies_written`] must be called afterwards.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited
    }

    /// Its buffer, for reuse.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// Gives a client's thread the replies to send, and counts them as sent. `None` if there are none, if the
/// loop is already sending, or if the client is closing.
pub(crate) fn take_replies(server: &mut Server, key: ClientKey) -> Option<OutgoingReplies> {
    let followed = server.observe.timeline.awaits(key);
    let monitor = server.monitors.contains(&key);
    let client = server.clients.get_mut(key)?;
    if client.output.state != Sending::Queued || client.life == Life::Closing {
        return None;
    }
    // Other clients may append to the output of a subscriber, a monitor and a blocked client. Large
    // replies count against limits. A client that closes after its reply must be closed.
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
    Some(OutgoingReplies { bytes, from, end, awaited })
}

/// A client's thread has written its replies between `began` and `ended`. If more have been appended
/// since, the client is on the list of pending writes afterwards.
pub(crate) fn replies_written(
    server: &mut Server,
    key: ClientKey,
    replies: OutgoingReplies,
    (began, ended): (Nanos, Nanos),
) {
    if server.observe.timeline.awaits(key) {
        server.observe.timeline.wrote(key, began, ended, replies.end);
    }
    server.recycle(replies.bytes);
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

/// Sends all replies of a client, for an I/O model without a write handler. Waits for the socket until
/// its timeout. The next call tries the rest.
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
        // Cron enforces the output limit in this state.
        Pass::Full | Pass::Cut => client.output.state = Sending::Blocked,
        Pass::Failed => server.free_later(key),
    }
}

/// One pass. Records the times of followed requests.
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

/// One pass, recorded in the statistics.
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

/// All replies are sent: returns the buffer to the pool, and closes a client that waited only for its
/// last reply.
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
