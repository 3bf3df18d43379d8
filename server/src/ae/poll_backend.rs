//! `poll(2)`: one array of all watched descriptors, passed to the kernel at every wake-up.
//!
//! It shows the cost of this interface: the kernel checks every descriptor, and the result is searched
//! in the whole array, so a wake-up is O(watched). There is no limit on descriptor numbers. It is
//! level-triggered.
//!
//! Invariant: `place[fd]` is where `fd` stands in `entries`, and every entry is watched for
//! something.

use super::api::{Api, Fired, Mask};
use super::sys::{PollFd, PollFlags, borrow, poll, timespec};
use crate::clock::Nanos;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// In `place`: the descriptor is not watched.
const NOWHERE: u32 = u32::MAX;

#[derive(Default)]
pub(super) struct PollBackend {
    /// The array for the kernel. Unordered: a removal moves the last entry into the gap.
    entries: Vec<PollFd<'static>>,
    /// By descriptor.
    place: Vec<u32>,
}

impl PollBackend {
    /// Where `fd` stands in the array.
    fn find(&self, fd: RawFd) -> Option<usize> {
        let place = *self.place.get(usize::try_from(fd).ok()?)?;
        (place != NOWHERE).then_some(place as usize)
    }

    fn set_place(&mut self, fd: RawFd, place: u32) {
        let index = fd as usize;
        if index >= self.place.len() {
            self.place.resize(index + 1, NOWHERE);
        }
        self.place[index] = place;
    }

    fn remove(&mut self, fd: RawFd) {
        let Some(gap) = self.find(fd) else { return };
        self.entries.swap_remove(gap);
        self.set_place(fd, NOWHERE);
        if let Some(moved) = self.entries.get(gap) {
            let moved = moved.as_fd().as_raw_fd();
            self.set_place(moved, gap as u32);
        }
    }
}

/// What to ask for; `None` if that is nothing.
fn interest(mask: Mask) -> Option<PollFlags> {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, mask.contains(Mask::READABLE));
    flags.set(PollFlags::OUT, mask.contains(Mask::WRITABLE));
    (!flags.is_empty()).then_some(flags)
}

fn fired_mask(flags: PollFlags) -> Mask {
    if flags.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
        // The handler that is installed finds out that the peer has closed.
        return Mask::BOTH;
    }
    let mut mask = Mask::NONE;
    if flags.contains(PollFlags::IN) {
        mask = mask.with(Mask::READABLE);
    }
    if flags.contains(PollFlags::OUT) {
        mask = mask.with(Mask::WRITABLE);
    }
    mask
}

impl Api for PollBackend {
    fn name(&self) -> &'static str {
        "poll"
    }

    fn add(&mut self, fd: RawFd, mask: Mask, before: Mask) -> io::Result<()> {
        let Some(wanted) = interest(mask.with(before)) else { return Ok(()) };
        let entry = PollFd::from_borrowed_fd(borrow(fd)?, wanted);
        match self.find(fd) {
            Some(place) => self.entries[place] = entry,
            None => {
                self.set_place(fd, self.entries.len() as u32);
                self.entries.push(entry);
            }
        }
        Ok(())
    }

    fn del(&mut self, fd: RawFd, _mask: Mask, remaining: Mask) {
        match (interest(remaining), self.find(fd), borrow(fd)) {
            (Some(wanted), Some(place), Ok(source)) => {
                self.entries[place] = PollFd::from_borrowed_fd(source, wanted);
            }
            _ => self.remove(fd),
        }
    }

    /// The timeout is exact to the nanosecond, by `ppoll`.
    fn poll(&mut self, timeout: Option<Nanos>, fired: &mut Vec<Fired>) -> io::Result<()> {
        let timeout = timeout.map(timespec);
        let count = poll(&mut self.entries, timeout.as_ref())?;
        let ready = self.entries.iter().filter(|entry| !entry.revents().is_empty());
        fired.extend(
            ready
                .take(count)
                .map(|entry| Fired::new(entry.as_fd().as_raw_fd(), fired_mask(entry.revents()))),
        );
        Ok(())
    }

    fn resize(&mut self, _setsize: usize) -> io::Result<()> {
        Ok(())
    }
}
