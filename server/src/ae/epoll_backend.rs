//! `epoll(7)` as ae uses it: level-triggered, so that a handler may leave bytes behind.
//!
//! Costs O(ready) per wake-up, however many descriptors are watched. Not the default: see
//! `mio_backend`, which differs in being edge-triggered and portable.

use super::api::{Api, Fired, Mask};
use super::sys::{borrow, epoll, spare_capacity, timespec};
use crate::clock::Nanos;
use epoll::{CreateFlags, Event, EventData, EventFlags};
use std::io;
use std::os::fd::{OwnedFd, RawFd};

/// Most events taken from the kernel per poll. The next poll gets the rest: the kernel rotates its list
/// of ready descriptors, so no client starves.
const EVENTS_MAX: usize = 16 * 1024;

pub(super) struct EpollBackend {
    epoll: OwnedFd,
    /// Filled and emptied by every poll; kept for its memory.
    events: Vec<Event>,
}

impl EpollBackend {
    pub(super) fn new(setsize: usize) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(EpollBackend { epoll, events: Vec::with_capacity(capacity(setsize)) })
    }
}

fn capacity(setsize: usize) -> usize {
    setsize.clamp(64, EVENTS_MAX)
}

/// What to ask for. No `ET`, and no `RDHUP`: a half-closed peer is readable anyway.
fn interest(mask: Mask) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, mask.contains(Mask::READABLE));
    flags.set(EventFlags::OUT, mask.contains(Mask::WRITABLE));
    flags
}

fn fired_mask(flags: EventFlags) -> Mask {
    if flags.intersects(EventFlags::ERR | EventFlags::HUP) {
        // The handler that is installed finds out that the peer has closed.
        return Mask::BOTH;
    }
    let mut mask = Mask::NONE;
    if flags.contains(EventFlags::IN) {
        mask = mask.with(Mask::READABLE);
    }
    if flags.contains(EventFlags::OUT) {
        mask = mask.with(Mask::WRITABLE);
    }
    mask
}

impl Api for EpollBackend {
    fn name(&self) -> &'static str {
        "epoll"
    }

    fn add(&mut self, fd: RawFd, mask: Mask, before: Mask) -> io::Result<()> {
        let (source, data) = (borrow(fd)?, EventData::new_u64(fd as u64));
        let wanted = interest(mask.with(before));
        if interest(before).is_empty() {
            epoll::add(&self.epoll, source, data, wanted)?;
        } else {
            epoll::modify(&self.epoll, source, data, wanted)?;
        }
        Ok(())
    }

    fn del(&mut self, fd: RawFd, _mask: Mask, remaining: Mask) {
        let Ok(source) = borrow(fd) else { return };
        let wanted = interest(remaining);
        // An error means that the kernel has already removed the descriptor, which is the goal.
        let _ = if wanted.is_empty() {
            epoll::delete(&self.epoll, source)
        } else {
            epoll::modify(&self.epoll, source, EventData::new_u64(fd as u64), wanted)
        };
    }

    /// The timeout is rounded up to milliseconds, as ae's is: never early, up to 1 ms late. Waiting
    /// to the nanosecond is `epoll_pwait2`, which some sandboxes end a process for.
    fn poll(&mut self, timeout: Option<Nanos>, fired: &mut Vec<Fired>) -> io::Result<()> {
        let timeout = timeout.map(timespec);
        epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref())?;
        fired.extend(self.events.drain(..).map(|event| {
            let (flags, data) = (event.flags, event.data);
            Fired::new(data.u64() as RawFd, fired_mask(flags))
        }));
        Ok(())
    }

    fn resize(&mut self, setsize: usize) -> io::Result<()> {
        self.events = Vec::with_capacity(capacity(setsize));
        Ok(())
    }
}
