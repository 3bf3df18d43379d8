//! One direction of one connection: from a socket into the queue, and from the queue into a socket.
//!
//! Not the decision what a connection's end means. Invariant: a socket is read only as far as the queue has room, and written
//! only with what is due.

use crate::relay::Stats;
use crate::relay::delay_queue::{DelayQueue, End};
use crate::relay::sys::{Peer, Ready, Socket};
use crate::relay::wire::Wire;
use aelab_engine::clock::{self, Nanos};
use std::io;

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
/// Reads of one socket in a row, before other sockets are read.
const READS_MAX: usize = 8;
/// An arrival longer ago than this is a step of the wall clock and not an arrival.
const AGE_MAX: Nanos = Nanos::from_secs(1);

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) socket: Socket,
    /// Reading may give something: no read has come back short since the last report.
    pub(crate) readable: bool,
    /// The end of the stream is in the kernel. It brings no further report, so a short read is not the last.
    ended: bool,
    /// Writing may work, likewise.
    pub(crate) writable: bool,
}

impl Side {
    /// A connection that has just been accepted.
    pub(crate) fn open(socket: Socket) -> Self {
        Self { socket, readable: true, ended: false, writable: true }
    }

    /// A connection that is being made.
    pub(crate) fn connecting(socket: Socket) -> Self {
        Self { socket, readable: false, ended: false, writable: false }
    }

    /// Notes what was reported.
    pub(crate) fn note(&mut self, ready: Ready) {
        self.readable |= ready.readable;
        self.ended |= ready.peer != Peer::Open;
        self.writable |= ready.writable;
    }

    /// Reads once. `None`: there is nothing, for now.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
    ) -> io::Result<Option<(usize, Option<u64>)>> {
        match self.socket.receive(buffer) {
            Ok(read) => {
                self.readable = self.ended || read.0 == buffer.len();
                Ok(Some(read))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            // The next call returns the error.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes once; how many bytes were taken.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.socket.send(bytes) {
            Ok(taken) => Ok(taken),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// A buffer to read into, for all connections of a thread.
pub(crate) fn read_buffer() -> Vec<u8> {
    vec![0; READ_BYTES]
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) queue: DelayQueue,
    /// The receiver did not take all that was due: the relay does not cause further delay.
    pub(crate) cut: bool,
    /// The earliest time that is booked for this flow.
    pub(crate) booked: Nanos,
}

impl Flow {
    pub(crate) fn new(queue: DelayQueue) -> Self {
        Self { queue, cut: false, booked: Nanos::MAX }
    }

    /// Writes what is due. Returns the bytes written.
    ///
    /// # Errors
    /// The receiver is gone.
    pub(crate) fn release(&mut self, to: &mut Side, stats: &mut Stats) -> io::Result<u64> {
        let mut total = 0;
        while to.writable {
            let now = clock::now();
            let (due, at) = (self.queue.due(now), self.queue.next_due());
            if due.is_empty() {
                self.cut = false;
                break;
            }
            let taken = to.send(due)?;
            if !self.cut && taken > 0 {
                // The histogram ends at one hour.
                stats.scheduling_delay.saturating_record(now.since(at.unwrap_or(now)).0);
            }
            self.cut = taken < due.len();
            total += taken as u64;
            self.queue.consume(taken);
        }
        Ok(total)
    }

    /// Reads as much as fits and adds it to the queue. Returns when to try again, if that is known.
    pub(crate) fn take_in(
        &mut self,
        from: &mut Side,
        wire: &mut Wire,
        buffer: &mut [u8],
        stats: &mut Stats,
    ) -> Option<Nanos> {
        for _ in 0..READS_MAX {
            if !from.readable || self.queue.has_ended() {
                return None;
            }
            let now = clock::now();
            let closed_until = wire.opens_at(now);
            if closed_until.is_some() {
                return closed_until;
            }
            let room = self.queue.room_bytes(now).min(buffer.len());
            if room == 0 {
                return None;
            }
            match from.receive(&mut buffer[..room]) {
                Ok(None) => {}
                Ok(Some((0, _))) => self.queue.push_end(wire, clock::now(), End::Closed),
                Ok(Some((count, stamp))) => {
                    let arrived = arrival(stamp);
                    stats.unstamped_reads += u64::from(arrived.is_none());
                    let arrived = arrived.unwrap_or(now);
                    self.queue.push(wire, arrived, &buffer[..count]);
                }
                Err(_) => self.queue.push_end(wire, clock::now(), End::Reset),
            }
        }
        Some(clock::now())
    }

    /// The earliest time worth booking, given whether the receiver takes bytes; none if it is booked already.
    pub(crate) fn next_booking(
        &mut self,
        receiver: Receiver,
        again: Option<Nanos>,
    ) -> Option<Nanos> {
        let due = match receiver {
            Receiver::Takes => self.queue.next_due(),
            Receiver::Full => self.queue.reset_due(),
        };
        let at = due.into_iter().chain(again).min()?;
        (at < self.booked).then(|| {
            self.booked = at;
            at
        })
    }
}

/// Whether a receiver takes bytes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    Takes,
    Full,
}

impl Receiver {
    pub(crate) fn of(side: Option<&Side>) -> Self {
        if side.is_some_and(|side| side.writable) { Self::Takes } else { Self::Full }
    }
}

/// The monotonic time of a packet stamped by the wall clock. The kernel stamps before it wakes the relay, so that the
/// wake-up does not count as part of the link.
fn arrival(stamp: Option<u64>) -> Option<Nanos> {
    let age = Nanos(clock::wall_ns().checked_sub(stamp?)?);
    (age <= AGE_MAX).then(|| Nanos(clock::now().0.saturating_sub(age.0)))
}
