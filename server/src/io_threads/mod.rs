//! `io-threads N`: N - 1 threads that help the first to read, parse and write. Commands run on the
//! first thread alone.
//!
//! As in Redis 6, work is dealt out at two points of a turn, before the loop sleeps: what is readable
//! ([`reads`], with `io-threads-do-reads`), and what is to be sent ([`writes`]). Each thread has a
//! queue of its own, takes one batch of jobs from it and gives it back; the first thread does its own
//! share and waits for the others. Whatever a job needs travels with it, so nothing is locked or
//! shared, and between the two points no thread holds anything of a client: a client can be killed,
//! freed or limited exactly as without threads.
//!
//! Few clients are served faster without: below [`CLIENTS_PER_THREAD`] per thread the first does it all.

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
/// Clients per thread from which on threads take part (Redis: `pending < io_threads_num * 2`).
const CLIENTS_PER_THREAD: usize = 2;

/// Something that any thread can do, given only itself.
pub(crate) trait Job: Sized {
    fn run(&mut self, clock: &Clock);
    fn pack(jobs: Vec<Self>) -> Batch;
    fn unpack(batch: Batch) -> Vec<Self>;
}

/// What travels to a thread and back.
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
        // One batch at a time is under way.
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

/// A thread has ended although nobody asked it to: its jobs are lost.
pub(crate) struct Lost;

/// The threads, and the work that is being dealt out.
pub(crate) struct IoThreads {
    pub(crate) workers: Vec<Worker>,
    pub(crate) clock: Clock,
    pub(crate) do_reads: bool,
    pub(crate) always: bool,
    pub(crate) pending_reads: Vec<ClientKey>,
    /// By thread, the first thread's own share first.
    pub(crate) reads: Vec<Vec<ReadJob>>,
    pub(crate) writes: Vec<Vec<WriteJob>>,
    /// Jobs whose buffers are used again.
    pub(crate) spare_reads: Vec<ReadJob>,
}

impl IoThreads {
    /// Starts as many threads as the settings ask for, less one.
    ///
    /// # Errors
    /// If the system has no thread to give.
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
            spare_reads: Vec::new(),
        })
    }

    /// Puts off reading from a client until [`read_pending`]. False if the threads do not read.
    pub(crate) fn postpone_read(&mut self, key: ClientKey) -> bool {
        if self.do_reads {
            self.pending_reads.push(key);
        }
        self.do_reads
    }

    /// Whether to deal out work for so many clients.
    pub(crate) fn worth_it(&self, clients: usize) -> bool {
        clients > 0 && (self.always || clients >= self.lanes() * CLIENTS_PER_THREAD)
    }

    pub(crate) fn lanes(&self) -> usize {
        self.workers.len() + 1
    }
}

/// The thread and the place there of the `index`-th client of a batch: dealt out in turn, the first
/// thread last.
pub(crate) fn place(index: usize, lanes: usize) -> (usize, usize) {
    ((index + 1) % lanes, index / lanes)
}

/// Lets each thread run its lane, the calling thread the first one, and waits for all.
pub(crate) fn fan_out<J: Job>(
    workers: &mut [Worker],
    lanes: &mut [Vec<J>],
    clock: &Clock,
) -> Result<(), Lost> {
    let Some((own, others)) = lanes.split_first_mut() else { return Ok(()) };
    for (worker, lane) in workers.iter_mut().zip(&mut *others) {
        worker.busy = !lane.is_empty();
        if worker.busy {
            let inbox = worker.inbox.as_ref().ok_or(Lost)?;
            inbox.send(J::pack(std::mem::take(lane))).map_err(|_| Lost)?;
        }
    }
    own.iter_mut().for_each(|job| job.run(clock));
    for (worker, lane) in workers.iter_mut().zip(others) {
        if std::mem::take(&mut worker.busy) {
            *lane = J::unpack(worker.done.recv().map_err(|_| Lost)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_dealt_out_in_turn_and_found_again() {
        let mut lanes = vec![Vec::new(); 3];
        for index in 0..11 {
            let (lane, at) = place(index, 3);
            assert_eq!(at, lanes[lane].len());
            lanes[lane].push(index);
        }
        assert_eq!(lanes, [vec![2, 5, 8], vec![0, 3, 6, 9], vec![1, 4, 7, 10]]);
    }
}
