//! One connection as a state machine: bytes and times go in, requests to write and finished requests come out.
//!
//! Not a socket and not a clock; it decides neither when a request is due nor what it says.
//! Invariant: requests are answered in the order of their bytes, so the front of the ring is what the next reply belongs
//! to; the last `unrendered` of the ring have no bytes yet, and the `unstamped` before them have bytes of which the kernel
//! has not taken the first.

pub(crate) mod handshake;
mod multi_reply;
pub(crate) mod request;
pub(crate) mod routed_request;
pub(crate) mod sink;
pub(crate) mod state;

use crate::clock::Nanos;
use crate::conn::handshake::{Greeting, Handshake};
use crate::conn::request::{Due, InFlight, Iteration, Mark, UNSENT};
use crate::conn::routed_request::{ASKING, Entry, RoutedRequest};
use crate::conn::sink::Sink;
use crate::conn::state::{Fault, Progress, Purpose, State};
use crate::workload::Generator;
use crate::workload::new_keys::NO_KEY;
use crate::workload::reply_shape::Shape;
use aelab_resp::{ReplyKind, ReplyScanner, ScannedReply};
use aelab_results::text::escape::escaped;
use std::collections::VecDeque;

/// Bytes rendered before they are offered to the kernel: one socket buffer's worth, so that large values do not pile up.
const RENDER_BYTES_MAX: usize = 64 * 1024;

/// Longest window whose memory is taken at once.
const RING_RESERVED_MAX: usize = 128;

/// A connection.
///
/// What a reply touches comes first: with thousands of connections each line of memory that is read for one is a miss.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Conn {
    ring: VecDeque<InFlight>,
    unrendered: u32,
    unstamped: u32,
    /// Stream positions modulo 2^32: what has been rendered, what the kernel has taken.
    rendered: u32,
    taken: u32,
    /// Replies that have come for the request at the front.
    parts: u32,
    /// Index of its group.
    pub(crate) group: u32,
    /// Lists of the worker that hold this connection.
    pub(crate) listed: Listed,
    /// Whether there are bytes in `pending`.
    is_cut: bool,
    /// Whether `torn` holds the first half of a reply.
    is_torn: bool,
    /// Where it stands.
    pub(crate) state: State,
    /// Window slots that are thinking.
    pub(crate) thinking: usize,
    /// Requests it may still take before it is closed.
    pub(crate) left: u64,
    /// When it began to open, until the first reply comes.
    pub(crate) dialled: Option<Nanos>,
    torn: Option<Box<ReplyScanner>>,
    pending: Pending,
    calls: Calls,
    /// The first error among the replies of the request at the front.
    failure: Option<Box<[u8]>>,
    /// One for each of `ring`, if it is a cluster's.
    routed: VecDeque<RoutedRequest>,
    pub(crate) opening: Opening,
}

/// Requests of several calls, between two of them.
#[derive(Debug, Default)]
struct Calls {
    iterations: VecDeque<Iteration>,
    /// How many of the last of `iterations` belong to unrendered requests.
    unrendered: usize,
}

/// How and why a connection is being opened, or was.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Failures in a row.
    pub(crate) attempts: u32,
    pub(crate) purpose: Purpose,
}

/// Bytes that the kernel has not taken.
#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    /// Where they begin.
    at: usize,
}

// Ten thousand of them, each with its ring and its socket, are what a run may take 4 KiB apiece for.
const _: () = assert!(size_of::<Conn>() <= 320, "a connection has grown");

/// Membership in the worker's lists, kept here so that joining one costs no search.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listed {
    /// Among those with a free slot.
    pub(crate) free: bool,
    /// Among those to be written this turn.
    pub(crate) touched: bool,
    /// A timeout is armed.
    pub(crate) timer: bool,
}

impl Conn {
    /// A connection of this group, not begun, for windows of this many requests.
    pub(crate) fn new(group: usize, pipeline: usize) -> Self {
        Self {
            group: group as u32,
            state: State::Idle,
            // As large as it will get: a ring that grew would be several times what a window needs.
            ring: VecDeque::with_capacity(pipeline.min(RING_RESERVED_MAX)),
            unrendered: 0,
            unstamped: 0,
            parts: 0,
            is_cut: false,
            is_torn: false,
            torn: None,
            pending: Pending::default(),
            rendered: 0,
            taken: 0,
            calls: Calls::default(),
            failure: None,
            routed: VecDeque::new(),
            thinking: 0,
            opening: Opening { attempts: 0, purpose: Purpose::First },
            dialled: None,
            left: u64::MAX,
            listed: Listed::default(),
        }
    }

    /// Requests that hold a window slot.
    #[inline]
    pub(crate) fn in_flight(&self) -> usize {
        self.ring.len()
    }

    /// Whether there is anything to write.
    #[inline]
    pub(crate) fn wants_write(&self) -> bool {
        self.unrendered > 0 || self.is_cut
    }

    /// The kernel has begun to open the connection.
    pub(crate) fn on_connecting(&mut self, now: Nanos) {
        self.state = State::Connecting { since: now };
        self.dialled = Some(now);
        self.is_torn = false;
        self.torn = None;
    }

    /// The connection is open: the handshake is what is written first. [`Progress::Ready`] if there is none.
    pub(crate) fn on_connected(&mut self, handshake: &Handshake) -> Progress {
        let State::Connecting { since } = self.state else { return Progress::Partial };
        let greeting = match self.opening.purpose {
            Purpose::First | Purpose::Back { .. } => Greeting::Full,
            Purpose::Renewed { .. } => Greeting::Short,
        };
        let steps = handshake.steps(greeting);
        if steps == 0 {
            self.state = State::Ready;
            return Progress::Ready { since };
        }
        let bytes = handshake.bytes(greeting);
        self.state = State::Handshaking { since, step: 0, steps: steps as u8 };
        self.pending.bytes.extend_from_slice(bytes);
        self.is_cut = true;
        self.rendered = self.rendered.wrapping_add(bytes.len() as u32);
        Progress::Partial
    }

    /// Takes a window slot for a request. The caller has checked that one is free.
    #[inline]
    pub(crate) fn assign(&mut self, due: Due, generator: &mut Generator) {
        let Due { intended, command } = due;
        let mut new_key = NO_KEY;
        let mark = match generator.shape(command) {
            Shape::Plain => Mark::Plain,
            Shape::Together(_) => Mark::Several,
            Shape::InTurn(_) | Shape::Cursor | Shape::Pages(_) => {
                let numbers = generator.numbers_of(command);
                self.calls.iterations.push_back(Iteration { position: 0, numbers });
                self.calls.unrendered += 1;
                new_key = generator.take_fresh();
                Mark::Call
            }
        };
        self.ring.push_back(InFlight {
            intended,
            sent: UNSENT,
            start: 0,
            command,
            mark,
            is_gone: false,
            new_key,
        });
        self.unrendered += 1;
        self.left = self.left.saturating_sub(1);
    }

    /// Takes a window slot for a request to a cluster.
    pub(crate) fn assign_routed(&mut self, routed: RoutedRequest) {
        let mark = match routed.entry {
            Entry::Plain => Mark::Routed,
            Entry::Asking => Mark::Asking,
        };
        self.ring.push_back(InFlight { sent: routed.sent, mark, ..routed.in_flight() });
        self.routed.push_back(routed);
        self.unrendered += 1;
        self.left = self.left.saturating_sub(1);
    }

    /// How many of the last requests have not begun to leave.
    pub(crate) const fn unsent(&self) -> usize {
        (self.unrendered + self.unstamped) as usize
    }

    /// What belongs to the requests of a cluster; call before [`Conn::take_requests`].
    pub(crate) fn take_routed(&mut self) -> VecDeque<RoutedRequest> {
        std::mem::take(&mut self.routed)
    }

    /// Whether it may take one more request in a window of `pipeline`.
    #[inline]
    pub(crate) fn has_room(&self, pipeline: usize) -> bool {
        self.ring.len() < pipeline && self.left > 0
    }

    /// Whether it has answered all the requests it was to take.
    #[inline]
    pub(crate) fn is_used_up(&self) -> bool {
        self.left == 0 && self.ring.is_empty() && self.state == State::Ready
    }

    /// The next bytes to offer to the kernel: what it did not take last time, else as many requests as fit in `scratch`.
    /// Empty if there is nothing to write. Report back through [`Conn::on_written`] with the same `scratch`.
    #[inline]
    pub(crate) fn next_write<'a>(
        &'a mut self,
        generator: &mut Generator,
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        scratch.clear();
        if self.is_cut {
            return &self.pending.bytes[self.pending.at..];
        }
        let base = self.rendered;
        while self.unrendered > 0 && scratch.len() < RENDER_BYTES_MAX {
            let index = self.ring.len() - self.unrendered as usize;
            let request = &mut self.ring[index];
            request.start = base.wrapping_add(scratch.len() as u32);
            if let Some(sender) = generator.sender() {
                sender.due(request.intended);
            }
            match request.mark {
                Mark::Plain | Mark::Several => {
                    generator.write(request.command, scratch);
                    request.new_key = generator.take_fresh();
                }
                Mark::Call => {
                    let index = self.calls.iterations.len() - self.calls.unrendered;
                    let call = &self.calls.iterations[index];
                    generator.write_call(request.command, &call.numbers, call.position, scratch);
                    self.calls.unrendered -= 1;
                }
                Mark::Routed => scratch.extend_from_slice(&self.routed[index].bytes),
                Mark::Asking => {
                    scratch.extend_from_slice(ASKING);
                    scratch.extend_from_slice(&self.routed[index].bytes);
                }
            }
            self.unrendered -= 1;
            self.unstamped += 1;
        }
        self.rendered = base.wrapping_add(scratch.len() as u32);
        scratch
    }

    /// The kernel took the first `count` bytes of what [`Conn::next_write`] offered, at `now` (read just before).
    #[inline]
    pub(crate) fn on_written(&mut self, count: usize, now: Nanos, scratch: &[u8]) {
        if scratch.is_empty() {
            self.pending.at += count;
            if self.pending.at == self.pending.bytes.len() {
                // Memory of a burst is given back: ten thousand connections may each have had one.
                self.pending.bytes = Vec::new();
                self.pending.at = 0;
                self.is_cut = false;
            }
        } else if count < scratch.len() {
            self.pending.bytes.extend_from_slice(&scratch[count..]);
            self.is_cut = true;
        }
        self.taken = self.taken.wrapping_add(count as u32);
        while self.unstamped > 0 {
            let index = self.ring.len() - (self.unrendered + self.unstamped) as usize;
            let request = &mut self.ring[index];
            // Positions are within 2 GiB of each other, so the sign of the difference orders them.
            if self.taken.wrapping_sub(request.start) as i32 <= 0 {
                break;
            }
            if request.sent == UNSENT {
                request.sent = now;
            }
            self.unstamped -= 1;
        }
    }

    /// Bytes have come. The time they came at is the sink's to know. `scanner` is any scanner between two replies; it is left
    /// so, unless there is an error.
    ///
    /// # Errors
    /// The connection cannot go on; requests completed before it are still reported to the sink.
    #[inline]
    pub(crate) fn on_bytes(
        &mut self,
        bytes: &[u8],
        handshake: &Handshake,
        scanner: &mut ReplyScanner,
        sink: &mut impl Sink,
    ) -> Result<Progress, Fault> {
        if self.is_torn {
            self.swap_torn(scanner);
        }
        let before = self.state;
        let progress = self.scan(bytes, handshake, scanner, sink);
        if progress.is_err() {
            *scanner = ReplyScanner::default();
            // A handshake that ended in these bytes was not reported, so it is not over.
            self.state = before;
        }
        if !scanner.is_idle() {
            self.swap_torn(scanner);
        }
        progress
    }

    /// Puts half a reply aside, or takes it up again.
    #[cold]
    fn swap_torn(&mut self, scanner: &mut ReplyScanner) {
        std::mem::swap(self.torn.get_or_insert_default().as_mut(), scanner);
        self.is_torn = !self.is_torn;
    }

    #[inline]
    fn scan(
        &mut self,
        mut bytes: &[u8],
        handshake: &Handshake,
        scanner: &mut ReplyScanner,
        sink: &mut impl Sink,
    ) -> Result<Progress, Fault> {
        let mut progress = Progress::Partial;
        while !bytes.is_empty() {
            let (used, reply) =
                scanner.scan(bytes).map_err(|error| Fault::NotResp(error.to_string()))?;
            bytes = &bytes[used..];
            let Some(reply) = reply else { break };
            if reply.kind == ReplyKind::Push && !sink.takes_messages() {
                continue;
            }
            match self.state {
                State::Ready => {
                    self.on_reply(&reply, scanner.head(), sink)?;
                    if progress == Progress::Partial {
                        progress = Progress::Replies;
                    }
                }
                State::Handshaking { since, step, steps } => {
                    handshake.judge(step.into(), &reply, scanner.head()).map_err(Fault::Refused)?;
                    if step + 1 < steps {
                        self.state = State::Handshaking { since, step: step + 1, steps };
                    } else {
                        self.state = State::Ready;
                        progress = Progress::Ready { since };
                    }
                }
                _ => return Err(unexpected(scanner.head())),
            }
        }
        Ok(progress)
    }

    #[inline]
    fn on_reply(
        &mut self,
        reply: &ScannedReply,
        head: &[u8],
        sink: &mut impl Sink,
    ) -> Result<(), Fault> {
        if self.ring.len() == (self.unrendered + self.unstamped) as usize {
            return if sink.takes_messages() { Ok(()) } else { Err(unexpected(head)) };
        }
        let Some(request) = self.ring.front().copied() else { return Err(unexpected(head)) };
        sink.received(request.command, reply.bytes);
        if request.mark == Mark::Several && !self.is_last_part(&request, reply, head, sink) {
            return Ok(());
        }
        self.ring.pop_front();
        let is_error = reply.kind == ReplyKind::Error || reply.errors > 0;
        match (request.mark, self.failure.take()) {
            (Mark::Routed | Mark::Asking, _) => {
                self.on_routed_reply(request, reply, head, sink);
            }
            (Mark::Call, _) => self.on_call_reply(request, reply, head, sink),
            _ if request.is_gone => {}
            (_, Some(text)) => sink.error(&request, &text),
            _ if is_error => sink.error(&request, head),
            _ => sink.ok(&request, reply),
        }
        Ok(())
    }

    /// When the oldest request left, if one is out.
    pub(crate) fn oldest_sent(&self) -> Option<Nanos> {
        self.requests().find(|request| !request.is_gone).map(|request| request.sent)
    }

    /// Requests on this connection, oldest first.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &InFlight> {
        self.ring.iter()
    }

    /// Marks the requests sent at or before `limit` as timed out and gives each to `each`; their slots stay taken.
    pub(crate) fn expire(&mut self, limit: Nanos, mut each: impl FnMut(&InFlight)) {
        for request in &mut self.ring {
            if request.sent > limit {
                break;
            }
            if std::mem::replace(&mut request.is_gone, true) {
                continue;
            }
            each(request);
        }
    }

    /// The connection is lost or given up: hands out all its requests, oldest first, and forgets them.
    pub(crate) fn take_requests(&mut self) -> VecDeque<InFlight> {
        self.unrendered = 0;
        self.unstamped = 0;
        self.calls.unrendered = 0;
        self.calls.iterations.clear();
        self.pending.bytes = Vec::new();
        self.pending.at = 0;
        self.is_cut = false;
        self.parts = 0;
        self.failure = None;
        self.taken = self.rendered;
        std::mem::take(&mut self.ring)
    }
}

impl Conn {
    /// Whether it is being opened.
    pub(crate) const fn is_opening(&self) -> bool {
        matches!(self.state, State::Connecting { .. } | State::Handshaking { .. })
    }

    /// Whether it takes requests.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }
}

/// A reply to no request.
#[cold]
fn unexpected(head: &[u8]) -> Fault {
    Fault::Unexpected(escaped(&String::from_utf8_lossy(head)).into_owned())
}
