//! Reading with I/O threads: distributes the reads, then executes what they have parsed.

use super::read;
use crate::ae::{EventLoop, Mask, borrow};
use crate::client::{ClientKey, Life, Unfinished};
use crate::clock::Nanos;
use crate::io_threads::{IoThreads, ReadJob, SPARE_JOBS_MAX, ThreadLost, fan_out, place};
use crate::server::{Server, Shutdown};
use std::os::fd::AsRawFd;

/// Reads from all clients that were found readable in this tick, and executes what they sent, in the
/// order in which they were found.
pub(crate) fn read_pending(el: &mut EventLoop<Server>, server: &mut Server) {
    let Some(mut io) = server.net.io_threads.take() else { return };
    let mut pending = std::mem::take(&mut io.pending_reads);
    pending.retain(|&key| server.clients.get(key).is_some_and(|client| client.life == Life::Open));
    if io.do_reads && io.worth_it(pending.len()) {
        if distribute(el, server, &mut io, &pending).is_err() {
            server.log.warning("An I/O thread has ended unexpectedly, shutting down");
            server.shutdown = Shutdown::Requested;
        }
    } else {
        for &key in &pending {
            let fd = server.clients.get(key).map(|client| client.fd.as_raw_fd());
            if let Some(fd) = fd {
                read::read_now(el, server, fd, key);
            }
        }
    }
    pending.clear();
    io.pending_reads = pending;
    server.net.io_threads = Some(io);
}

fn distribute(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    io: &mut IoThreads,
    pending: &[ClientKey],
) -> Result<(), ThreadLost> {
    let shares = io.shares();
    let timed = server.observe.timeline.is_on();
    for (index, &key) in pending.iter().enumerate() {
        let limits = server.request_limits(key);
        let mut job = server.net.spare_reads.pop().unwrap_or_else(|| ReadJob::new(key, limits));
        (job.key, job.limits, job.timed) = (key, limits, timed);
        if let Some(client) = server.clients.get_mut(key) {
            job.fd = borrow(client.fd.as_raw_fd()).ok();
            if let Some(unfinished) = client.unfinished.take() {
                job.unfinished = unfinished;
            }
        }
        io.reads[place(index, shares).0].push(job);
    }
    fan_out(&mut io.workers, &mut io.reads, &io.clock)?;
    server.observe.stats.io_threaded_reads += pending.len() as u64;
    let mut shares: Vec<_> = io.reads.iter_mut().map(|share| share.drain(..)).collect();
    let in_order =
        (0..pending.len()).filter_map(|index| shares[place(index, io.workers.len() + 1).0].next());
    server.net.reads_done.extend(in_order);
    execute_done(server, el.clock().now());
    tell_undrained(el, server);
    Ok(())
}

/// Executes what the threads have read, on the first thread. A script that runs too long executes the
/// rest: each of these clients gets a BUSY reply.
pub(crate) fn execute_done(server: &mut Server, now: Nanos) {
    let mut now = now;
    while let Some(mut job) = server.net.reads_done.pop_front() {
        execute(server, &mut job, now);
        now = server.clock.now();
        if server.net.spare_reads.len() < SPARE_JOBS_MAX {
            server.net.spare_reads.extend(job.cleared());
        }
    }
}

/// Lets the loop call the read handlers of sockets that may have more bytes.
fn tell_undrained(el: &mut EventLoop<Server>, server: &mut Server) {
    for key in std::mem::take(&mut server.net.undrained) {
        if let Some(client) = server.clients.get(key) {
            el.not_drained(client.fd.as_raw_fd(), Mask::READABLE);
        }
    }
}

/// Executes the commands of a finished job, on the first thread.
fn execute(server: &mut Server, job: &mut ReadJob, now: Nanos) {
    let key = job.key;
    // An earlier client of this batch may have killed this one.
    if server.clients.get(key).is_none_or(|client| client.life != Life::Open) {
        return;
    }
    if read::receive(server, key, |_| job.outcome.got).is_none() {
        return read::keep(server, key, std::mem::take(&mut job.unfinished));
    }
    if job.outcome.filled {
        server.net.undrained.push(key);
    }
    let Some((at, end)) = job.outcome.parsed.take() else {
        return read::execute_unfinished(server, key, std::mem::take(&mut job.unfinished), now);
    };
    let parse_time = job.outcome.parse_time;
    let Unfinished { buf, parser, .. } = &mut *job.unfinished;
    let alive = read::execute_parsed(server, key, buf, &mut job.prefetch, (end, now, parse_time));
    let finished = at == buf.len() && parser.is_idle();
    if !alive || finished {
        return server.account_client(key);
    }
    let mut unfinished = std::mem::take(&mut job.unfinished);
    if at > 0 {
        unfinished.buf = unfinished.buf[at..].to_vec();
    }
    read::keep(server, key, unfinished);
}
