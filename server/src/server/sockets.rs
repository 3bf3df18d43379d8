//! What the network layer and cron keep in the server between turns of the loop.

use super::Server;
use crate::client::{ClientKey, Unfinished};
use crate::clock::Nanos;
use crate::io_threads::{IoThreads, ReadJob};
use crate::prefetch::Prefetch;
use crate::sys;
use aelab_resp::ArgRange;
use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// Gives every client but one a turn, although that one's command is still running. The network layer
/// passes it in, as nothing below it may call it.
pub(crate) type ServeOthers = fn(&mut Server, ClientKey, Nanos);

/// What the network layer keeps: listeners, clients that wait for something to be done, and buffers.
pub(crate) struct Net {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) next_client_id: u64,
    /// All clients in the order in which cron visits them; may hold keys of clients that are gone.
    pub(crate) cron_queue: VecDeque<ClientKey>,
    /// Accepted clients that an I/O model other than the loop serves, oldest first.
    pub(crate) accepted: VecDeque<ClientKey>,
    /// Clients that were accepted while the loop was blocked, and that it does not watch yet.
    pub(crate) accepted_unwatched: Vec<ClientKey>,
    /// Clients with replies that have not been tried yet, oldest first.
    pub(crate) pending_writes: Vec<ClientKey>,
    pub(crate) free_queue: Vec<ClientKey>,
    pub(crate) scratch: Scratch,
    pub(crate) prefetch: Prefetch,
    /// With `ae-batch`: unfinished input that is executed before the loop sleeps.
    pub(crate) batch: Batch,
    /// With I/O threads that read: what they have read and parsed, in the order of execution.
    pub(crate) reads_done: VecDeque<ReadJob>,
    /// Read jobs kept for their buffers.
    pub(crate) spare_reads: Vec<ReadJob>,
    /// Clients whose sockets may have more bytes. The loop is told before it sleeps.
    pub(crate) undrained: Vec<ClientKey>,
    /// Output buffers for the next replies.
    pub(super) spare: Vec<Vec<u8>>,
    /// The threads that help with reading and writing, if there are any; taken out while they do.
    pub(crate) io_threads: Option<Box<IoThreads>>,
    /// Whether they took part in the last writing.
    pub(crate) io_threads_active: bool,
    /// How the threads of clients call the loop, if there are any.
    pub(crate) waker: Option<Waker>,
    /// Where the signal handlers write.
    pub(crate) signals: Option<UnixStream>,
    pub(crate) serve_others: ServeOthers,
}

impl Net {
    pub(super) fn new(serve_others: ServeOthers) -> Net {
        Net {
            listeners: Vec::new(),
            next_client_id: 0,
            cron_queue: VecDeque::new(),
            accepted: VecDeque::new(),
            accepted_unwatched: Vec::new(),
            pending_writes: Vec::new(),
            free_queue: Vec::new(),
            scratch: Scratch::default(),
            prefetch: Prefetch::default(),
            batch: Batch::default(),
            reads_done: VecDeque::new(),
            spare_reads: Vec::new(),
            undrained: Vec::new(),
            spare: Vec::new(),
            io_threads: None,
            io_threads_active: false,
            waker: None,
            signals: None,
            serve_others,
        }
    }
}

/// One listening socket.
pub(crate) struct Listener {
    pub(crate) fd: OwnedFd,
    /// Removed from the file system when the server ends.
    pub(crate) path: Option<PathBuf>,
    /// Not watched for now, because no descriptors were left.
    pub(crate) paused: bool,
}

impl Listener {
    /// Its TCP address, with the port that the system chose if 0 was asked for.
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        sys::local_addr(self.fd.as_fd())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What the batch mode has read, by client.
pub(crate) type Batch = VecDeque<(ClientKey, Box<Unfinished>)>;

/// What all clients share for reading; taken out of the server while it is in use.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Empty until the first read, and while another function has taken the buffer.
    pub(crate) buf: Vec<u8>,
    pub(crate) args: Vec<ArgRange>,
}

/// Wakes the loop from another thread.
pub(crate) struct Waker {
    sender: UnixStream,
    pub(crate) receiver: UnixStream,
    /// The loop has been woken and has not reacted yet.
    pub(crate) told: bool,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Waker> {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        sender.set_nonblocking(true)?;
        Ok(Waker { sender, receiver, told: false })
    }

    pub(crate) fn wake(&mut self) {
        if !self.told {
            self.told = true;
            // If the pipe is full, the loop wakes anyway.
            let _ = self.sender.write(b"w");
        }
    }
}

/// When memory was last given back to the system.
#[derive(Debug, Default)]
pub(crate) struct ReturnedMemory {
    /// Used memory at the last look.
    pub(crate) last_used_bytes: u64,
    /// The most since memory was given back.
    pub(crate) high_used_bytes: u64,
}

/// What cron keeps between turns.
#[derive(Debug, Default)]
pub(crate) struct CronState {
    /// The frequency in use, after `dynamic-hz`.
    pub(crate) hz: u32,
    pub(crate) turns: u64,
    /// What all turns took, and the longest, since the statistics began.
    pub(crate) busy: Nanos,
    pub(crate) longest: Nanos,
    pub(crate) last_sample: Nanos,
    pub(crate) returned: ReturnedMemory,
    pub(crate) rehash_db: usize,
    /// Resident memory at the last sample.
    pub(crate) resident_bytes: u64,
}

impl CronState {
    /// From the end of one turn to the beginning of the next.
    pub(crate) fn period(&self) -> Nanos {
        Nanos(1_000_000_000 / u64::from(self.hz.max(1)))
    }
}
