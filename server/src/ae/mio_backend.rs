//! The default backend: mio, which is epoll on Linux and kqueue on BSD and macOS.
//!
//! mio is edge-triggered by design; [`super::ready`] restores ae's level-triggered contract. The
//! only file of this crate that names mio.

use super::api::{Api, Fired, Mask};
use super::ready::ReadySet;
use crate::clock::Nanos;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::os::fd::RawFd;

/// Most events taken from the kernel per poll; the next poll gets the rest.
const EVENTS_MAX: usize = 16 * 1024;

pub(super) struct MioBackend {
    poll: Poll,
    events: Events,
    ready: ReadySet,
}

impl MioBackend {
    pub(super) fn new(setsize: usize) -> io::Result<Self> {
        Ok(MioBackend {
            poll: Poll::new()?,
            events: Events::with_capacity(setsize.clamp(64, EVENTS_MAX)),
            ready: ReadySet::default(),
        })
    }
}

/// mio has no empty interest: `None` means that the descriptor must be deregistered.
fn interest(mask: Mask) -> Option<Interest> {
    match (mask.contains(Mask::READABLE), mask.contains(Mask::WRITABLE)) {
        (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
        (true, false) => Some(Interest::READABLE),
        (false, true) => Some(Interest::WRITABLE),
        (false, false) => None,
    }
}

impl Api for MioBackend {
    fn name(&self) -> &'static str {
        "mio"
    }

    fn add(&mut self, fd: RawFd, mask: Mask, before: Mask) -> io::Result<()> {
        let Some(wanted) = interest(mask.with(before)) else { return Ok(()) };
        let registry = self.poll.registry();
        let token = Token(fd as usize);
        if interest(before).is_some() {
            // Also re-arms the edge: what is ready now is reported again.
            registry.reregister(&mut SourceFd(&fd), token, wanted)
        } else {
            registry.register(&mut SourceFd(&fd), token, wanted)
        }
    }

    fn del(&mut self, fd: RawFd, mask: Mask, remaining: Mask) {
        self.ready.remove(fd, mask, remaining);
        let registry = self.poll.registry();
        // An error means that the kernel has already removed the descriptor, which is the goal.
        let _ = match interest(remaining) {
            Some(wanted) => registry.reregister(&mut SourceFd(&fd), Token(fd as usize), wanted),
            None => registry.deregister(&mut SourceFd(&fd)),
        };
    }

    fn poll(&mut self, timeout: Option<Nanos>, fired: &mut Vec<Fired>) -> io::Result<()> {
        let timeout = if self.ready.is_empty() { timeout } else { Some(Nanos::ZERO) };
        match self.poll.poll(&mut self.events, timeout.map(Into::into)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(()) => {
                for event in &self.events {
                    let fd = event.token().0 as RawFd;
                    let mut mask = Mask::NONE;
                    if event.is_readable() {
                        mask = mask.with(Mask::READABLE);
                    }
                    if event.is_writable() {
                        mask = mask.with(Mask::WRITABLE);
                    }
                    if event.is_error() || (event.is_read_closed() && event.is_write_closed()) {
                        mask = Mask::BOTH;
                        self.ready.insert_hang_up(fd, Mask::BOTH);
                    } else if event.is_read_closed() {
                        // A short read does not prove that the socket is drained.
                        mask = mask.with(Mask::READABLE);
                        self.ready.insert_hang_up(fd, Mask::READABLE);
                    }
                    fired.push(Fired::new(fd, mask));
                }
            }
        }
        self.ready.merge_into(fired);
        Ok(())
    }

    fn not_drained(&mut self, fd: RawFd, mask: Mask) {
        self.ready.insert(fd, mask);
    }

    fn resize(&mut self, setsize: usize) -> io::Result<()> {
        self.events = Events::with_capacity(setsize.clamp(64, EVENTS_MAX));
        Ok(())
    }
}
