//! A client's socket, one read from it and one pass of writing. Needs no server.

use crate::sys::{self, Transfer, Wait};
use aelab_resp::{ArgRange, RequestParser};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

/// Most bytes read from one client in one tick (`PROTO_IOBUF_LEN`).
pub(crate) const READ_QUANTUM_BYTES: usize = 16 * 1024;
/// Bulk arguments of at least this size are read into a buffer of their own (`PROTO_MBULK_BIG_ARG`).
const BIG_ARG_BYTES: usize = 32 * 1024;

/// Most bytes written to one client per pass (`NET_MAX_WRITES_PER_EVENT`).
pub(crate) const WRITE_QUANTUM_BYTES: usize = 64 * 1024;

/// Outcome of one pass of writing to one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Done,
    /// The quantum is used up; the socket would take more.
    Cut,
    /// The socket is full.
    Full,
    Failed,
}

/// A client's socket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Closed with the client.
    Own(OwnedFd),
    /// Shared with the thread that serves the client, which may be in a system call on it.
    Shared(Arc<OwnedFd>),
}

impl Socket {
    /// What the client's thread is to use.
    pub(crate) fn shared(&self) -> Option<Arc<OwnedFd>> {
        match self {
            Socket::Own(_) => None,
            Socket::Shared(fd) => Some(Arc::clone(fd)),
        }
    }
}

impl AsFd for Socket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Own(fd) => fd.as_fd(),
            Socket::Shared(fd) => fd.as_fd(),
        }
    }
}

impl AsRawFd for Socket {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// A command of which only a part has arrived.
#[derive(Default)]
pub(crate) struct Unfinished {
    pub(crate) buf: Vec<u8>,
    pub(crate) parser: RequestParser,
    pub(crate) args: Vec<ArgRange>,
}

/// One read, appended to what has already arrived, and whether it filled its buffer.
pub(crate) fn fill(fd: impl AsFd, unfinished: &mut Unfinished) -> (Transfer, bool) {
    let have = unfinished.buf.len();
    // The buffer for a big argument grows with the bytes that have arrived, not with the announced
    // length: a header alone must not allocate half a gigabyte.
    let room = match unfinished.parser.wanted_bytes() {
        Some(total) if total >= BIG_ARG_BYTES => (total - have).clamp(1, have.max(BIG_ARG_BYTES)),
        _ => READ_QUANTUM_BYTES,
    };
    unfinished.buf.reserve_exact(room);
    let spare = unfinished.buf.capacity() - have;
    let got = sys::read_append(fd, &mut unfinished.buf);
    (got, got == Transfer::Bytes(spare))
}

/// Writes `bytes` from `sent` on, which moves, until the quantum is used up, the socket is full or
/// nothing is left. Also returns how many calls took something.
pub(crate) fn push(fd: impl AsFd, bytes: &[u8], sent: &mut usize, wait: Wait) -> (Pass, u64) {
    let mut budget = WRITE_QUANTUM_BYTES;
    let mut calls = 0;
    while *sent < bytes.len() {
        if budget == 0 {
            return (Pass::Cut, calls);
        }
        let end = bytes.len().min(*sent + budget);
        match sys::write_waiting(&fd, &bytes[*sent..end], wait) {
            Transfer::Bytes(count) => {
                *sent += count;
                budget -= count;
                calls += 1;
            }
            Transfer::WouldBlock => return (Pass::Full, calls),
            Transfer::Failed => return (Pass::Failed, calls),
        }
    }
    (Pass::Done, calls)
}
