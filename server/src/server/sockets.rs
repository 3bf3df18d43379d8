//! What the network layer and cron keep in the server between turns of the loop.

use crate::client::{ClientKey, Unfinished};
use crate::clock::Nanos;
use crate::sys;
use aelab_resp::ArgRange;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// One listening socket.
pub(crate) struct Listener {
    pub(crate) fd: OwnedFd,
    /// Removed from the file system when the server ends.
    pub(crate) path: Option<PathBuf>,
    /// Not watched for the moment, because there were no descriptors left.
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
pub(crate) type Batch = Vec<(ClientKey, Box<Unfinished>)>;

/// What all clients share for reading; taken out of the server while it is in use.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Empty until the first read, and in what stands in for a scratch in use: taking it is free.
    pub(crate) buf: Vec<u8>,
    pub(crate) args: Vec<ArgRange>,
}

/// How a thread tells the loop that something is to be done that only the loop does.
pub(crate) struct Waker {
    sender: UnixStream,
    pub(crate) receiver: UnixStream,
    /// The loop has been told and has not come yet.
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
            // A full pipe wakes as well as one more byte.
            let _ = self.sender.write(b"w");
        }
    }
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
