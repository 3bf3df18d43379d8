//! Writing by threads: the replies travel with the job and come back with what was not taken.

use super::{Batch, IoThreads, Job, fan_out, place};
use crate::ae::{EventLoop, borrow};
use crate::clock::{Clock, Nanos};
use crate::net::ClientKey;
use crate::net::client::{Life, Sending};
use crate::net::write::{self, Pass};
use crate::server::{Server, Shutdown};
use crate::sys::Wait;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One client's turn to be written to.
pub(super) struct WriteJob {
    key: ClientKey,
    /// Open until the job is back: nothing frees clients meanwhile.
    fd: Option<BorrowedFd<'static>>,
    bytes: Vec<u8>,
    sent: usize,
    /// The request timeline wants to know when.
    followed: bool,
    pass: Pass,
    calls: u64,
    at: (Nanos, Nanos),
}

impl Job for WriteJob {
    fn run(&mut self, clock: &Clock) {
        let Some(fd) = self.fd else { return };
        let now = |on: bool| if on { clock.now() } else { Nanos::ZERO };
        self.at.0 = now(self.followed);
        (self.pass, self.calls) = write::push(fd, &self.bytes, &mut self.sent, Wait::No);
        self.at.1 = now(self.followed);
    }

    fn pack(jobs: Vec<Self>) -> Batch {
        Batch::Writes(jobs)
    }

    fn unpack(batch: Batch) -> Vec<Self> {
        match batch {
            Batch::Writes(jobs) => jobs,
            Batch::Reads(_) => Vec::new(),
        }
    }
}

/// Writes to the clients on the list, newest first; takes those off it that it wrote to, which is none
/// if they are too few.
pub(in crate::net) fn flush(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    pending: &mut Vec<ClientKey>,
) {
    let Some(mut io) = server.io_threads.take() else { return };
    let count = pending.len();
    // What there is to write in most turns tells whether threads take part: INFO shows that.
    if count > 0 {
        server.io_threads_active = io.worth_it(count);
    }
    if io.worth_it(count) {
        deal_out(el, server, &mut io, pending);
    }
    server.io_threads = Some(io);
}

fn deal_out(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    io: &mut IoThreads,
    pending: &mut Vec<ClientKey>,
) {
    let lanes = io.lanes();
    let mut count = 0;
    while let Some(key) = pending.pop() {
        let followed = server.timeline.awaits(key);
        let Some(client) = server.clients.get_mut(key) else { continue };
        client.output.state = Sending::Idle;
        if client.life == Life::Closing {
            continue;
        }
        io.writes[place(count, lanes).0].push(WriteJob {
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
    server.stats.io_threaded_writes += count as u64;
    for index in 0..count {
        let (lane, at) = place(index, lanes);
        settle(el, server, &mut io.writes[lane][at]);
    }
    io.writes.iter_mut().for_each(Vec::clear);
}

/// Gives the client back what is its own, and goes on as after a write of the first thread.
fn settle(el: &mut EventLoop<Server>, server: &mut Server, job: &mut WriteJob) {
    let Some(client) = server.clients.get_mut(job.key) else { return };
    let count = (job.sent - client.output.sent) as u64;
    client.output.buf = std::mem::take(&mut job.bytes);
    client.output.sent = job.sent;
    client.net_out += count;
    let sent = client.net_out;
    server.stats.net_output_bytes += count;
    server.stats.writes += job.calls;
    if job.followed {
        server.timeline.wrote(job.key, job.at.0, job.at.1, sent);
    }
    write::settle(el, server, job.key, job.pass);
}
