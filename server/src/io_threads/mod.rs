//! `io-threads N`: N - 1 threads that help the first to read, parse and write. Commands run on the
//! first thread alone.
//!
//! As in Redis 6, work is distributed at two points of a turn, before the loop sleeps: reads (with
//! `io-threads-do-reads`) and writes. Each thread has a queue, takes one batch of jobs from it and
//! returns it. The first thread does its own share and waits for the others. A job carries all that it
//! needs, so nothing is locked or shared. Between the two points no thread holds anything of a client,
//! so clients can be killed, freed and limited as without threads.
//!
//! Below [`CLIENTS_PER_THREAD`] clients per thread the first thread does all work, because that is
//! faster.

mod jobs;

pub(crate) use jobs::{ReadJob, WriteJob};

use crate::client::ClientKey;
use crate::clock::Clock;
use crate::config::Settings;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// Read jobs kept for their buffers: 2 MiB at most.
pub(crate) const SPARE_JOBS_MAX: usize = 128;
/// Fewest clients per thread for which threads take part (Redis: `pending < io_threads_num * 2`).
const CLIENTS_PER_THREAD: usize = 2;

/// A piece of work that carries all that it needs.
pub(crate) trait Job: Sized {
    fn run(&mut self, clock: &Clock);
    fn pack(jobs: Vec<Self>) -> Batch;
    fn unpack(batch: Batch) -> Vec<Self>;
}

/// The jobs sent to a thread and back.
pub(crate) enum Batch {
    Reads(Vec<ReadJob>),
    Writes(Vec<WriteJob>),
}

impl Batch {
    fn run(&mut self, clock: &Clock) {
        match self {
            Batch::Reads(jobs) => jobs.iter_mut().for_each(|job| job.run(clock)),
            Batch::Writes(jobs) => jobs.iter_mut().for_each(|job| job.run(clock)),
        }
    }
}

/// One thread and its queue.
pub(crate) struct Worker {
    /// `None` once it is to end.
    inbox: Option<SyncSender<Batch>>,
    done: Receiver<Batch>,
    /// It has a batch.
    busy: bool,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(number: usize, clock: Clock) -> io::Result<Worker> {
        // There is at most one batch at a time.
        let (inbox, jobs) = sync_channel::<Batch>(1);
        let (results, done) = sync_channel(1);
        let work = move || {
            while let Ok(mut batch) = jobs.recv() {
                batch.run(&clock);
                if results.send(batch).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name(format!("io_thd_{number}")).spawn(work)?;
        Ok(Worker { inbox: Some(inbox), done, busy: false, thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inbox = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A thread has ended unexpectedly, and its jobs are lost.
pub(crate) struct ThreadLost;

/// The threads and their work.
pub(crate) struct IoThreads {
    pub(crate) workers: Vec<Worker>,
    pub(crate) clock: Clock,
    pub(crate) do_reads: bool,
    pub(crate) always: bool,
    pub(crate) pending_reads: Vec<ClientKey>,
    /// By thread, the first thread's own share first.
    pub(crate) reads: Vec<Vec<ReadJob>>,
    pub(crate) writes: Vec<Vec<WriteJob>>,
}

impl IoThreads {
    /// Starts as many threads as the settings ask for, less one.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(crate) fn start(settings: &Settings, clock: &Clock) -> io::Result<IoThreads> {
        let count = settings.io.io_threads;
        Ok(IoThreads {
            workers: (1..count)
                .map(|number| Worker::start(number, clock.clone()))
                .collect::<io::Result<_>>()?,
            clock: clock.clone(),
            do_reads: settings.io.io_threads_do_reads,
            always: settings.io.io_threads_always_active,
            pending_reads: Vec::new(),
            reads: (0..count).map(|_| Vec::new()).collect(),
            writes: (0..count).map(|_| Vec::new()).collect(),
        })
    }

    /// Postpones a read until the reads are distributed. False if the threads do not read.
    pub(crate) fn postpone_read(&mut self, key: ClientKey) -> bool {
        if self.do_reads {
            self.pending_reads.push(key);
        }
        self.do_reads
    }

    /// Whether to distribute work for so many clients.
    pub(crate) fn worth_it(&self, clients: usize) -> bool {
        clients > 0 && (self.always || clients >= self.shares() * CLIENTS_PER_THREAD)
    }

    pub(crate) fn shares(&self) -> usize {
        self.workers.len() + 1
    }
}

/// The thread of the `index`-th client of a batch, and its position there. Clients are distributed in
/// turn, starting with the second thread.
pub(crate) fn place(index: usize, shares: usize) -> (usize, usize) {
    ((index + 1) % shares, index / shares)
}

/// Runs each thread's share, the first one on the calling thread, and waits for all.
pub(crate) fn fan_out<J: Job>(
    workers: &mut [Worker],
    shares: &mut [Vec<J>],
    clock: &Clock,
) -> Result<(), ThreadLost> {
    let Some((own, others)) = shares.split_first_mut() else { return Ok(()) };
    for (worker, share) in workers.iter_mut().zip(&mut *others) {
        worker.busy = !share.is_empty();
        if worker.busy {
            let inbox = worker.inbox.as_ref().ok_or(ThreadLost)?;
            inbox.send(J::pack(std::mem::take(share))).map_err(|_| ThreadLost)?;
        }
    }
    own.iter_mut().for_each(|job| job.run(clock));
    for (worker, share) in workers.iter_mut().zip(others) {
        if std::mem::take(&mut worker.busy) {
            *share = J::unpack(worker.done.recv().map_err(|_| ThreadLost)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_dealt_out_in_turn_and_found_again() {
        let mut shares = vec![Vec::new(); 3];
        for index in 0..11 {
            let (share, at) = place(index, 3);
            assert_eq!(at, shares[share].len());
            shares[share].push(index);
        }
        assert_eq!(shares, [vec![2, 5, 8], vec![0, 3, 6, 9], vec![1, 4, 7, 10]]);
    }
}
