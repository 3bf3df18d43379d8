//! The bytes of one stream in flight on the link: a queue in which each byte has a time at which it leaves.
//!
//! No sockets, no clock. Invariant: bytes leave in the order of their arrival, each exactly once, none before its time,
//! and the end of the stream after all of them.

use crate::relay::wire::Wire;
use aelab_engine::clock::Nanos;
use std::collections::VecDeque;

/// Memory that an empty queue may keep: most streams carry small messages, and there may be ten thousand.
const KEPT_BYTES: usize = 16 * 1024;

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The sender will send no more.
    Closed,
    /// The connection was aborted.
    Reset,
}

/// A run of bytes with one time.
#[derive(Clone, Copy, Debug)]
struct Mark {
    due: Nanos,
    bytes: usize,
}

/// One direction of one connection.
#[derive(Debug)]
pub(crate) struct DelayQueue {
    bytes: VecDeque<u8>,
    marks: VecDeque<Mark>,
    end: Option<(Nanos, End)>,
    /// Nothing leaves before this: the time of earlier bytes, or the time it takes to open the connection.
    floor: Nanos,
    capacity_bytes: usize,
}

impl DelayQueue {
    /// An empty queue of at most `capacity_bytes`, from which nothing leaves before `floor`.
    pub(crate) fn new(capacity_bytes: usize, floor: Nanos) -> Self {
        Self { bytes: VecDeque::new(), marks: VecDeque::new(), end: None, floor, capacity_bytes }
    }

    /// Bytes it accepts now: none once the stream has ended, nor while bytes wait that should have left.
    ///
    /// The last rule keeps flow control working: a link stores only what is in flight, and a closed window of the receiver must
    /// stop the sender.
    pub(crate) fn room_bytes(&self, now: Nanos) -> usize {
        if self.end.is_some() || self.marks.front().is_some_and(|mark| mark.due < now) {
            return 0;
        }
        self.capacity_bytes.saturating_sub(self.bytes.len())
    }

    /// Adds `input`, which reached the link at `arrived`.
    pub(crate) fn push(&mut self, wire: &mut Wire, arrived: Nanos, input: &[u8]) {
        debug_assert!(self.end.is_none(), "bytes after the end of a stream");
        for segment in input.chunks(wire.segment_bytes()) {
            let due = wire.carry(arrived, segment.len()).max(self.floor);
            self.floor = due;
            match self.marks.back_mut() {
                Some(last) if last.due == due => last.bytes += segment.len(),
                _ => self.marks.push_back(Mark { due, bytes: segment.len() }),
            }
        }
        self.bytes.extend(input);
    }

    /// Adds the end of the stream. The first one counts, except that a reset overtakes a close, even one that has
    /// been passed on: a sender that has closed may still abort.
    pub(crate) fn push_end(&mut self, wire: &mut Wire, at: Nanos, end: End) {
        let counts = match self.end {
            None => true,
            Some((_, before)) => before == End::Closed && end == End::Reset,
        };
        if counts {
            let due = wire.carry_end(at).max(self.floor);
            self.floor = due;
            self.end = Some((due, end));
        }
    }

    /// When the next bytes or the end leave.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        let bytes = self.marks.front().map(|mark| mark.due);
        bytes.or_else(|| self.end.map(|(due, _)| due).filter(|due| *due != Nanos::MAX))
    }

    /// Bytes to deliver now. Empty when nothing is due; after [`Self::consume`] there may be more.
    pub(crate) fn due(&self, now: Nanos) -> &[u8] {
        let (front, _) = self.bytes.as_slices();
        let mut len = 0;
        for mark in self.marks.iter().take_while(|mark| mark.due <= now) {
            len += mark.bytes;
            if len >= front.len() {
                break;
            }
        }
        &front[..len.min(front.len())]
    }

    /// The receiver has taken `count` of the bytes that were due.
    pub(crate) fn consume(&mut self, count: usize) {
        self.bytes.drain(..count);
        let mut left = count;
        while left > 0 {
            let Some(mark) = self.marks.front_mut() else { break };
            let taken = left.min(mark.bytes);
            mark.bytes -= taken;
            left -= taken;
            if mark.bytes == 0 {
                self.marks.pop_front();
            }
        }
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_BYTES {
            self.bytes.shrink_to(KEPT_BYTES);
        }
    }

    /// The end of the stream, once it is due. A close waits until all bytes have left; a reset does not wait for a receiver
    /// that takes none.
    pub(crate) fn end_due(&self, now: Nanos) -> Option<End> {
        let (due, end) = self.end?;
        let may_pass = end == End::Reset || self.bytes.is_empty();
        (may_pass && due <= now).then_some(end)
    }

    /// Whether the end of the stream is in the queue, or has been passed on.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// The end has been passed on.
    pub(crate) fn take_end(&mut self) {
        self.end = Some((Nanos::MAX, End::Closed));
    }

    /// Whether the end has been passed on: nothing follows.
    pub(crate) fn is_over(&self) -> bool {
        self.end == Some((Nanos::MAX, End::Closed))
    }

    /// When a reset in the queue leaves.
    pub(crate) fn reset_due(&self) -> Option<Nanos> {
        self.end.and_then(|(due, end)| (end == End::Reset).then_some(due))
    }
}
