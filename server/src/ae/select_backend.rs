//! `select(2)` as in ae: two bitmaps, copied for every call because the kernel overwrites them, and
//! then searched from descriptor 0 to the highest.
//!
//! It shows the cost of this interface, and its limit: an `fd_set` has 1024 bits, and ae writes past its
//! end for a larger descriptor. This backend refuses such a descriptor. With [`SetLimit::None`] the
//! bitmaps are as large as needed, which the kernel allows but the `fd_set` of C libraries does not.
//!
//! Invariant: `bound` is one more than the highest watched descriptor, and both bitmaps reach it.

use super::api::{Api, Fired, Mask};
use super::sys::{self, Word, timespec};
use crate::clock::Nanos;
use crate::sys::range_error;
use std::io;
use std::os::fd::RawFd;

/// Descriptors that fit into an `fd_set`: `FD_SETSIZE`, fixed by the C library's interface.
pub(super) const FD_SETSIZE: usize = 1024;
/// Descriptors per word of a bitmap.
const WORD_BITS: usize = Word::BITS as usize;

/// Whether the bitmaps are an `fd_set` or larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetLimit {
    /// Descriptors below [`FD_SETSIZE`] only.
    FdSetSize,
    /// Any descriptor.
    None,
}

/// Why a descriptor or a set size was refused; the cause beneath it is `ERANGE`.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what} {number} is beyond what select can watch, descriptors below FD_SETSIZE ({FD_SETSIZE}): \
     lower maxclients, choose another ae-backend, or set select-oversize yes (ERANGE)"
)]
struct BeyondSet {
    what: &'static str,
    number: usize,
    #[source]
    cause: io::Error,
}

fn beyond_set(what: &'static str, number: usize) -> io::Error {
    let cause = range_error();
    io::Error::new(cause.kind(), BeyondSet { what, number, cause })
}

pub(super) struct SelectBackend {
    limit: SetLimit,
    watched: Sets,
    /// What the kernel reads and answers in.
    answer: Sets,
    bound: usize,
}

#[derive(Default)]
struct Sets {
    readable: Vec<Word>,
    writable: Vec<Word>,
}

impl Sets {
    fn grow(&mut self, word_count: usize) {
        if word_count > self.readable.len() {
            self.readable.resize(word_count, 0);
            self.writable.resize(word_count, 0);
        }
    }

    fn mask(&self, fd: usize) -> Mask {
        let (word, shift) = (fd / WORD_BITS, fd % WORD_BITS);
        let mut mask = Mask::NONE;
        if self.readable[word] >> shift & 1 == 1 {
            mask = mask.with(Mask::READABLE);
        }
        if self.writable[word] >> shift & 1 == 1 {
            mask = mask.with(Mask::WRITABLE);
        }
        mask
    }

    fn set_mask(&mut self, fd: usize, mask: Mask) {
        let (word, bit) = (fd / WORD_BITS, 1 << (fd % WORD_BITS));
        for (set, side) in
            [(&mut self.readable, Mask::READABLE), (&mut self.writable, Mask::WRITABLE)]
        {
            if mask.contains(side) {
                set[word] |= bit;
            } else {
                set[word] &= !bit;
            }
        }
    }

    fn copy_from(&mut self, other: &Sets, word_count: usize) {
        self.readable[..word_count].copy_from_slice(&other.readable[..word_count]);
        self.writable[..word_count].copy_from_slice(&other.writable[..word_count]);
    }
}

impl SelectBackend {
    pub(super) fn new(limit: SetLimit) -> Self {
        SelectBackend { limit, watched: Sets::default(), answer: Sets::default(), bound: 0 }
    }

    fn check(&self, what: &'static str, number: usize, excess: usize) -> io::Result<()> {
        if self.limit == SetLimit::FdSetSize && number >= FD_SETSIZE + excess {
            return Err(beyond_set(what, number));
        }
        Ok(())
    }
}

impl Api for SelectBackend {
    fn name(&self) -> &'static str {
        match self.limit {
            SetLimit::FdSetSize => "select",
            SetLimit::None => "select-oversize",
        }
    }

    fn add(&mut self, fd: RawFd, mask: Mask, before: Mask) -> io::Result<()> {
        let fd = usize::try_from(fd).map_err(|_| range_error())?;
        self.check("descriptor", fd, 0)?;
        let word_count = fd / WORD_BITS + 1;
        self.watched.grow(word_count);
        self.answer.grow(word_count);
        self.watched.set_mask(fd, mask.with(before));
        self.bound = self.bound.max(fd + 1);
        Ok(())
    }

    fn del(&mut self, fd: RawFd, _mask: Mask, remaining: Mask) {
        let Ok(fd) = usize::try_from(fd) else { return };
        if fd >= self.bound {
            return;
        }
        self.watched.set_mask(fd, remaining);
        while self.bound > 0 && self.watched.mask(self.bound - 1).is_empty() {
            self.bound -= 1;
        }
    }

    /// The timeout is exact to the nanosecond, by `pselect6`.
    fn poll(&mut self, timeout: Option<Nanos>, fired: &mut Vec<Fired>) -> io::Result<()> {
        let timeout = timeout.map(timespec);
        let answer = &mut self.answer;
        answer.copy_from(&self.watched, self.bound.div_ceil(WORD_BITS));
        sys::select(self.bound, &mut answer.readable, &mut answer.writable, timeout.as_ref())?;
        // One by one, as in ae. Skipping empty words would be faster, but programs on select do it
        // this way, and the kernel's own pass over the descriptors costs far more.
        for fd in 0..self.bound {
            let mask = answer.mask(fd);
            if !mask.is_empty() {
                fired.push(Fired::new(fd as RawFd, mask));
            }
        }
        Ok(())
    }

    fn resize(&mut self, setsize: usize) -> io::Result<()> {
        // A set size is one more than a descriptor.
        self.check("a set size of", setsize, 1)
    }
}
