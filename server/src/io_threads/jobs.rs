//! What an I/O thread does for one client: one read with its parsing, or one write.

use super::{Batch, Job};
use crate::client::{ClientKey, Pass, READ_QUANTUM_BYTES, Unfinished, fill, push};
use crate::clock::{Clock, Nanos};
use crate::prefetch::{End, Prefetch};
use crate::sys::{Transfer, Wait};
use aelab_resp::{RequestLimits, Trust};
use std::os::fd::BorrowedFd;

/// One read from one client.
pub(crate) struct ReadJob {
    pub(crate) key: ClientKey,
    /// Stays open until the job is back: no client is freed before that.
    pub(crate) fd: Option<BorrowedFd<'static>>,
    pub(crate) limits: RequestLimits,
    /// Parsing is timed.
    pub(crate) timed: bool,
    pub(crate) unfinished: Box<Unfinished>,
    pub(crate) prefetch: Prefetch,
    pub(crate) outcome: Outcome,
}

/// Result of reading and parsing.
pub(crate) struct Outcome {
    pub(crate) got: Transfer,
    /// The read filled its buffer: the socket may have more.
    pub(crate) filled: bool,
    /// Where the parser stopped and why. `None` if parsing was left to the first thread.
    pub(crate) parsed: Option<(usize, End)>,
    pub(crate) parse_time: Nanos,
}

pub(crate) const NOTHING: Outcome =
    Outcome { got: Transfer::WouldBlock, filled: false, parsed: None, parse_time: Nanos::ZERO };

impl Job for ReadJob {
    fn run(&mut self, clock: &Clock) {
        self.outcome = NOTHING;
        let Some(fd) = self.fd else { return };
        let outcome = &mut self.outcome;
        (outcome.got, outcome.filled) = fill(fd, &mut self.unfinished);
        let came = matches!(outcome.got, Transfer::Bytes(count) if count > 0);
        // A successful AUTH changes the limits for the client's next command.
        if !came || self.limits.trust == Trust::Unauthenticated {
            return;
        }
        let began = if self.timed { clock.now() } else { Nanos::ZERO };
        let Unfinished { buf, parser, args } = &mut *self.unfinished;
        let mut at = 0;
        let end = self.prefetch.parse_all(buf, &mut at, parser, &self.limits, args);
        outcome.parsed = Some((at, end));
        if self.timed {
            outcome.parse_time = clock.now() - began;
        }
    }

    fn pack(jobs: Vec<Self>) -> Batch {
        Batch::Reads(jobs)
    }

    fn unpack(batch: Batch) -> Vec<Self> {
        match batch {
            Batch::Reads(jobs) => jobs,
            Batch::Writes(_) => Vec::new(),
        }
    }
}

impl ReadJob {
    pub(crate) fn new(key: ClientKey, limits: RequestLimits) -> ReadJob {
        ReadJob {
            key,
            fd: None,
            limits,
            timed: false,
            unfinished: Box::default(),
            prefetch: Prefetch::default(),
            outcome: NOTHING,
        }
    }

    /// The empty job, for reuse. `None` if its buffer is so large that the next read would exceed its
    /// quantum.
    pub(crate) fn cleared(mut self) -> Option<ReadJob> {
        let Unfinished { buf, parser, args } = &mut *self.unfinished;
        buf.clear();
        args.clear();
        *parser = aelab_resp::RequestParser::default();
        self.fd = None;
        (buf.capacity() <= READ_QUANTUM_BYTES).then_some(self)
    }
}

/// One write to one client.
pub(crate) struct WriteJob {
    pub(crate) key: ClientKey,
    /// Stays open until the job is back: no client is freed before that.
    pub(crate) fd: Option<BorrowedFd<'static>>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) sent: usize,
    /// The request timeline needs the times.
    pub(crate) followed: bool,
    pub(crate) pass: Pass,
    pub(crate) calls: u64,
    pub(crate) at: (Nanos, Nanos),
}

impl Job for WriteJob {
    fn run(&mut self, clock: &Clock) {
        let Some(fd) = self.fd else { return };
        let now = |on: bool| if on { clock.now() } else { Nanos::ZERO };
        self.at.0 = now(self.followed);
        (self.pass, self.calls) = push(fd, &self.bytes, &mut self.sent, Wait::No);
        self.at.1 = now(self.followed);
    }

    fn pack(jobs: Vec<Self>) -> Batch {
        Batch::Writes(jobs)
    }

    fn unpack(batch: Batch) -> Vec<Self> {
        match batch {
            Batch::Writes(jobs) => jobs,
            Batch::Reads(_) => Vec::new(),
        }
    }
}
