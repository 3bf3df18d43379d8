//! Writing with I/O threads: a job carries the replies and brings back what was not sent.

use super::write;
use crate::ae::{EventLoop, borrow};
use crate::client::{ClientKey, Life, Pass, Sending};
use crate::clock::Nanos;
use crate::io_threads::{IoThreads, WriteJob, fan_out, place};
use crate::server::{Server, Shutdown};
use std::os::fd::AsRawFd;

/// Writes to the clients on the list, newest first, and removes them from it. Does nothing if they are
/// too few for threads.
pub(super) fn flush(el: &mut EventLoop<Server>, server: &mut Server, pending: &mut Vec<ClientKey>) {
    let Some(mut io) = server.net.io_threads.take() else { return };
    let count = pending.len();
    // INFO shows whether threads took part in the last turn that had something to write.
    if count > 0 {
        server.net.io_threads_active = io.worth_it(count);
    }
    if io.worth_it(count) {
        distribute(el, server, &mut io, pending);
    }
    server.net.io_threads = Some(io);
}

fn distribute(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    io: &mut IoThreads,
    pending: &mut Vec<ClientKey>,
) {
    let shares = io.shares();
    let mut count = 0;
    while let Some(key) = pending.pop() {
        let followed = server.observe.timeline.awaits(key);
        let Some(client) = server.clients.get_mut(key) else { continue };
        client.output.state = Sending::Idle;
        if client.life == Life::Closing {
            continue;
        }
        io.writes[place(count, shares).0].push(WriteJob {
            key,
            fd: borrow(client.fd.as_raw_fd()).ok(),
            bytes: std::mem::take(&mut client.output.buf),
            sent: client.output.sent,
            followed,
            pass: Pass::Failed,
            calls: 0,
            at: (Nanos::ZERO, Nanos::ZERO),
        });
        count += 1;
    }
    if fan_out(&mut io.workers, &mut io.writes, &io.clock).is_err() {
        server.log.warning("An I/O thread has ended unexpectedly, shutting down");
        server.shutdown = Shutdown::Requested;
        return;
    }
    server.observe.stats.io_threaded_writes += count as u64;
    for index in 0..count {
        let (share, at) = place(index, shares);
        take_back(el, server, &mut io.writes[share][at]);
    }
    io.writes.iter_mut().for_each(Vec::clear);
}

/// Returns the output buffer to the client, then continues as after a write of the first thread.
fn take_back(el: &mut EventLoop<Server>, server: &mut Server, job: &mut WriteJob) {
    let Some(client) = server.clients.get_mut(job.key) else { return };
    let count = (job.sent - client.output.sent) as u64;
    client.output.buf = std::mem::take(&mut job.bytes);
    client.output.sent = job.sent;
    client.counters.net_out += count;
    let sent = client.counters.net_out;
    server.observe.stats.net_output_bytes += count;
    server.observe.stats.writes += job.calls;
    if job.followed {
        server.observe.timeline.wrote(job.key, job.at.0, job.at.1, sent);
    }
    write::after_pass(el, server, job.key, job.pass);
}
