//! The file events, in an array by descriptor as in ae.
//!
//! Invariant: a descriptor's generation changes whenever it stops being watched altogether, so an
//! event that was polled for a closed descriptor cannot reach the next user of its number.

use super::FileProc;
use super::api::{Fired, Mask};
use crate::sys::range_error;
use std::io;
use std::os::fd::RawFd;

struct FileEvent<S> {
    mask: Mask,
    generation: u32,
    read: Option<FileProc<S>>,
    write: Option<FileProc<S>>,
    data: u64,
}

impl<S> FileEvent<S> {
    fn unused() -> Self {
        FileEvent { mask: Mask::NONE, generation: 0, read: None, write: None, data: 0 }
    }
}

pub(super) struct FileEvents<S> {
    events: Vec<FileEvent<S>>,
    setsize: usize,
}

impl<S> FileEvents<S> {
    pub(super) fn new(setsize: usize) -> Self {
        // Grown as descriptors come: a set size of a million costs nothing until they are used.
        FileEvents { events: Vec::new(), setsize }
    }

    fn at(&self, fd: RawFd) -> Option<&FileEvent<S>> {
        self.events.get(usize::try_from(fd).ok()?)
    }

    fn slot(&mut self, fd: RawFd) -> &mut FileEvent<S> {
        let index = fd as usize;
        if index >= self.events.len() {
            self.events.resize_with(index + 1, FileEvent::unused);
        }
        &mut self.events[index]
    }

    pub(super) fn mask(&self, fd: RawFd) -> Mask {
        self.at(fd).map_or(Mask::NONE, |event| event.mask)
    }

    pub(super) fn generation(&self, fd: RawFd) -> u32 {
        self.at(fd).map_or(0, |event| event.generation)
    }

    /// The handler to call for `side` of `fired`, if it is still installed.
    pub(super) fn due(&self, fired: Fired, side: Mask) -> Option<(FileProc<S>, u64)> {
        let event = self.at(fired.fd)?;
        let wanted = event.mask.only(fired.mask).contains(side);
        if !wanted || event.generation != fired.generation {
            return None;
        }
        let run = if side == Mask::READABLE { event.read } else { event.write };
        run.map(|run| (run, event.data))
    }

    pub(super) fn check_range(&self, fd: RawFd) -> io::Result<()> {
        if usize::try_from(fd).is_ok_and(|fd| fd < self.setsize) {
            Ok(())
        } else {
            Err(range_error())
        }
    }

    pub(super) fn add(&mut self, fd: RawFd, mask: Mask, run: FileProc<S>, data: u64) {
        let event = self.slot(fd);
        event.mask = event.mask.with(mask);
        event.data = data;
        if mask.contains(Mask::READABLE) {
            event.read = Some(run);
        }
        if mask.contains(Mask::WRITABLE) {
            event.write = Some(run);
        }
    }

    /// Removes `mask` and returns what is left.
    pub(super) fn del(&mut self, fd: RawFd, mask: Mask) -> Mask {
        let event = self.slot(fd);
        event.mask = event.mask.without(mask);
        if event.mask.without(Mask::BARRIER).is_empty() {
            *event =
                FileEvent { generation: event.generation.wrapping_add(1), ..FileEvent::unused() };
        }
        event.mask
    }

    pub(super) fn setsize(&self) -> usize {
        self.setsize
    }

    pub(super) fn check_resize(&self, setsize: usize) -> io::Result<()> {
        let highest = self.events.iter().rposition(|event| !event.mask.is_empty());
        if highest.is_some_and(|fd| fd >= setsize) { Err(range_error()) } else { Ok(()) }
    }

    pub(super) fn resize(&mut self, setsize: usize) {
        self.setsize = setsize;
        self.events.truncate(setsize);
    }
}
