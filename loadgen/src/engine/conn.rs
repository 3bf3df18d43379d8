//! One connection as a state machine: bytes and times go in, requests to write and finished requests come out.
//!
//! Not a socket and not a clock; it decides neither when a request is due nor what it says.
//! Invariant: requests are answered in the order of their bytes, so the front of the ring is what the next reply belongs
//! to; the last `unrendered` of the ring have no bytes yet, and the `unstamped` before them have bytes of which the kernel
//! has not taken the first.

use super::handshake::{Greeting, Handshake};
use super::parcel::{ASKING, Entry, Parcel, REDIRECTS_MAX};
use super::request::{Due, InFlight, Iteration, Mark, Sink, UNSENT};
use super::slots::Redirect;
use super::state::{Fault, Progress, Purpose, State};
use super::workload::Generator;
use crate::clock::Nanos;
use aelab_resp::{ReplyKind, ReplyScanner, ScannedReply};
use std::collections::VecDeque;

/// Bytes rendered before they are offered to the kernel: one socket buffer's worth, so that large values do not pile up.
const RENDER_BYTES_MAX: usize = 64 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Conn {
    /// Index of its group.
    pub(super) group: usize,
    /// Where it stands.
    pub(super) state: State,
    ring: VecDeque<InFlight>,
    unrendered: usize,
    unstamped: usize,
    scanner: ReplyScanner,
    /// Bytes the kernel has not taken, from `pending_at` on.
    pending: Vec<u8>,
    pending_at: usize,
    /// Stream positions modulo 2^32: what has been rendered, what the kernel has taken.
    rendered: u32,
    taken: u32,
    iterations: VecDeque<Iteration>,
    /// How many of the last of `iterations` belong to unrendered requests.
    unrendered_calls: usize,
    /// One for each of `ring`, if it is a cluster's.
    parcels: VecDeque<Parcel>,
    /// Window slots that are thinking.
    pub(super) thinking: usize,
    /// Failures in a row.
    pub(super) attempts: u32,
    /// Why it is being opened, or was.
    pub(super) purpose: Purpose,
    /// When it began to open, until the first reply comes.
    pub(super) dialled: Option<Nanos>,
    /// Requests it may still take before it is closed.
    pub(super) left: u64,
    /// Lists of the worker that hold this connection.
    pub(super) listed: Listed,
}

/// Membership in the worker's lists, kept here so that joining one costs no search.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Listed {
    /// Among those with a free slot.
    pub(super) free: bool,
    /// Among those to be written this turn.
    pub(super) touched: bool,
    /// A timeout is armed.
    pub(super) timer: bool,
}

impl Conn {
    /// A connection of this group, not begun.
    pub(super) fn new(group: usize) -> Self {
        Self {
            group,
            state: State::Idle,
            ring: VecDeque::new(),
            unrendered: 0,
            unstamped: 0,
            scanner: ReplyScanner::default(),
            pending: Vec::new(),
            pending_at: 0,
            rendered: 0,
            taken: 0,
            iterations: VecDeque::new(),
            unrendered_calls: 0,
            parcels: VecDeque::new(),
            thinking: 0,
            attempts: 0,
            purpose: Purpose::First,
            dialled: None,
            left: u64::MAX,
            listed: Listed::default(),
        }
    }

    /// Requests that hold a window slot.
    #[inline]
    pub(super) fn in_flight(&self) -> usize {
        self.ring.len()
    }

    /// Whether there is anything to write.
    pub(super) fn wants_write(&self) -> bool {
        self.unrendered > 0 || self.pending_at < self.pending.len()
    }

    /// The kernel has begun to open the connection.
    pub(super) fn on_connecting(&mut self, now: Nanos) {
        self.state = State::Connecting { since: now };
        self.dialled = Some(now);
        self.scanner = ReplyScanner::default();
    }

    /// The connection is open: the handshake is what is written first. [`Progress::Ready`] if there is none.
    pub(super) fn on_connected(&mut self, handshake: &Handshake) -> Progress {
        let State::Connecting { since } = self.state else { return Progress::Partial };
        let greeting = match self.purpose {
            Purpose::First | Purpose::Back { .. } => Greeting::Full,
            Purpose::Renewed { .. } => Greeting::Short,
        };
        let steps = handshake.steps(greeting);
        if steps == 0 {
            self.state = State::Ready;
            return Progress::Ready { since };
        }
        let bytes = handshake.bytes(greeting);
        self.state = State::Handshaking { since, step: 0, steps };
        self.pending.extend_from_slice(bytes);
        self.rendered = self.rendered.wrapping_add(bytes.len() as u32);
        Progress::Partial
    }

    /// Takes a window slot for a request. The caller has checked that one is free.
    #[inline]
    pub(super) fn assign(&mut self, due: Due, generator: &mut Generator) {
        let Due { intended, command } = due;
        let mut mark = Mark::Plain;
        if generator.follows_cursor(command) {
            mark = Mark::Call;
            let numbers = generator.numbers_of(command);
            self.iterations.push_back(Iteration { cursor: 0, numbers });
            self.unrendered_calls += 1;
        }
        self.ring.push_back(InFlight { intended, sent: UNSENT, start: 0, command, mark });
        self.unrendered += 1;
        self.left = self.left.saturating_sub(1);
    }

    /// Takes a window slot for a request to a cluster.
    pub(super) fn assign_parcel(&mut self, parcel: Parcel) {
        let mark = match parcel.entry {
            Entry::Plain => Mark::Routed,
            Entry::Asking => Mark::Asking,
        };
        let (intended, sent, command) = (parcel.intended, parcel.sent, parcel.command);
        self.ring.push_back(InFlight { intended, sent, start: 0, command, mark });
        self.parcels.push_back(parcel);
        self.unrendered += 1;
        self.left = self.left.saturating_sub(1);
    }

    /// How many of the last requests have not begun to leave.
    pub(super) const fn unsent(&self) -> usize {
        self.unrendered + self.unstamped
    }

    /// What belongs to the requests of a cluster; call before [`Conn::take_requests`].
    pub(super) fn take_parcels(&mut self) -> VecDeque<Parcel> {
        std::mem::take(&mut self.parcels)
    }

    /// Whether it may take one more request in a window of `pipeline`.
    #[inline]
    pub(super) fn has_room(&self, pipeline: usize) -> bool {
        self.ring.len() < pipeline && self.left > 0
    }

    /// Whether it has answered all the requests it was to take.
    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        self.left == 0 && self.ring.is_empty() && self.state == State::Ready
    }

    /// The next bytes to offer to the kernel: what it did not take last time, else as many requests as fit in `scratch`.
    /// Empty if there is nothing to write. Report back through [`Conn::on_written`] with the same `scratch`.
    #[inline]
    pub(super) fn next_write<'a>(
        &'a mut self,
        generator: &mut Generator,
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        scratch.clear();
        if self.pending_at < self.pending.len() {
            return &self.pending[self.pending_at..];
        }
        let base = self.rendered;
        while self.unrendered > 0 && scratch.len() < RENDER_BYTES_MAX {
            let index = self.ring.len() - self.unrendered;
            let request = &mut self.ring[index];
            request.start = base.wrapping_add(scratch.len() as u32);
            match request.mark {
                Mark::Plain | Mark::Gone => generator.write(request.command, scratch),
                Mark::Call | Mark::GoneCall => {
                    let index = self.iterations.len() - self.unrendered_calls;
                    let call = &self.iterations[index];
                    generator.write_call(request.command, &call.numbers, call.cursor, scratch);
                    self.unrendered_calls -= 1;
                }
                Mark::Routed | Mark::GoneRouted => {
                    scratch.extend_from_slice(&self.parcels[index].bytes);
                }
                Mark::Asking | Mark::GoneAsking => {
                    scratch.extend_from_slice(ASKING);
                    scratch.extend_from_slice(&self.parcels[index].bytes);
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
    pub(super) fn on_written(&mut self, count: usize, now: Nanos, scratch: &[u8]) {
        if scratch.is_empty() {
            self.pending_at += count;
            if self.pending_at == self.pending.len() {
                // Memory of a burst is given back: ten thousand connections may each have had one.
                self.pending = Vec::new();
                self.pending_at = 0;
            }
        } else if count < scratch.len() {
            self.pending.extend_from_slice(&scratch[count..]);
        }
        self.taken = self.taken.wrapping_add(count as u32);
        while self.unstamped > 0 {
            let index = self.ring.len() - self.unrendered - self.unstamped;
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

    /// Bytes have come. The time they came at is the sink's to know.
    ///
    /// # Errors
    /// The connection cannot go on; requests completed before are reported to the sink all the same.
    #[inline]
    pub(super) fn on_bytes(
        &mut self,
        mut bytes: &[u8],
        handshake: &Handshake,
        sink: &mut impl Sink,
    ) -> Result<Progress, Fault> {
        let mut progress = Progress::Partial;
        while !bytes.is_empty() {
            let (used, reply) =
                self.scanner.scan(bytes).map_err(|error| Fault::NotResp(error.to_string()))?;
            bytes = &bytes[used..];
            let Some(reply) = reply else { break };
            if reply.kind == ReplyKind::Push {
                continue;
            }
            match self.state {
                State::Ready => {
                    self.on_reply(&reply, sink)?;
                    progress = Progress::Replies;
                }
                State::Handshaking { since, step, steps } => {
                    handshake.judge(step, &reply, self.scanner.head()).map_err(Fault::Refused)?;
                    if step + 1 < steps {
                        self.state = State::Handshaking { since, step: step + 1, steps };
                    } else {
                        self.state = State::Ready;
                        progress = Progress::Ready { since };
                    }
                }
                _ => return Err(self.unexpected()),
            }
        }
        Ok(progress)
    }

    #[inline]
    fn on_reply(&mut self, reply: &ScannedReply, sink: &mut impl Sink) -> Result<(), Fault> {
        if self.ring.len() == self.unrendered + self.unstamped {
            return Err(self.unexpected());
        }
        let Some(request) = self.ring.pop_front() else { return Err(self.unexpected()) };
        match request.mark {
            Mark::Gone => {}
            Mark::GoneCall => {
                self.iterations.pop_front();
            }
            Mark::Call => self.on_call_reply(request, reply, sink),
            Mark::Routed | Mark::GoneRouted | Mark::Asking | Mark::GoneAsking => {
                self.on_routed_reply(request, reply, sink);
            }
            Mark::Plain if reply.kind == ReplyKind::Error => {
                sink.error(&request, self.scanner.head());
            }
            Mark::Plain => sink.ok(&request, reply),
        }
        Ok(())
    }

    /// A call of a followed cursor was answered: the request is over at cursor 0, else its next call goes out.
    fn on_call_reply(&mut self, mut request: InFlight, reply: &ScannedReply, sink: &mut impl Sink) {
        let iteration = self.iterations.pop_front();
        if reply.kind == ReplyKind::Error {
            sink.error(&request, self.scanner.head());
            return;
        }
        let cursor =
            std::str::from_utf8(self.scanner.head()).ok().and_then(|text| text.parse().ok());
        match (cursor, iteration) {
            (Some(0), _) => sink.ok(&request, reply),
            (Some(cursor), Some(iteration)) => {
                self.iterations.push_back(Iteration { cursor, ..iteration });
                self.unrendered_calls += 1;
                request.start = 0;
                self.ring.push_back(request);
                self.unrendered += 1;
                sink.cursor_step();
            }
            _ => sink.error(&request, b"NOCURSOR the reply has no cursor"),
        }
    }

    /// A node of a cluster answered, to the ASKING before a request or to the request itself.
    fn on_routed_reply(&mut self, request: InFlight, reply: &ScannedReply, sink: &mut impl Sink) {
        let mark = match request.mark {
            Mark::Asking => Mark::Routed,
            Mark::GoneAsking => Mark::GoneRouted,
            _ => {
                let Some(mut parcel) = self.parcels.pop_front() else { return };
                let redirect = match reply.kind {
                    ReplyKind::Error if parcel.redirects < REDIRECTS_MAX && !request.is_gone() => {
                        Redirect::parse(self.scanner.head())
                    }
                    _ => None,
                };
                if let Some(redirect) = redirect {
                    parcel.sent = request.sent;
                    sink.redirected(parcel, redirect);
                    return;
                }
                if request.is_gone() {
                } else if reply.kind == ReplyKind::Error {
                    sink.error(&request, self.scanner.head());
                } else {
                    sink.ok(&request, reply);
                }
                sink.recycle(parcel);
                return;
            }
        };
        self.ring.push_front(InFlight { mark, ..request });
    }

    fn unexpected(&self) -> Fault {
        let head = String::from_utf8_lossy(self.scanner.head()).into_owned();
        Fault::Unexpected(if head.is_empty() {
            "a reply nobody asked for".to_owned()
        } else {
            head
        })
    }

    /// When the oldest request left, if one is out.
    pub(super) fn oldest_sent(&self) -> Option<Nanos> {
        self.requests().find(|request| !request.is_gone()).map(|request| request.sent)
    }

    /// Requests on this connection, oldest first.
    pub(super) fn requests(&self) -> impl Iterator<Item = &InFlight> {
        self.ring.iter()
    }

    /// Marks the requests sent at or before `limit` as timed out and gives each to `each`; their slots stay taken.
    pub(super) fn expire(&mut self, limit: Nanos, mut each: impl FnMut(&InFlight)) {
        for request in &mut self.ring {
            if request.sent > limit {
                break;
            }
            request.mark = match request.mark {
                Mark::Plain => Mark::Gone,
                Mark::Call => Mark::GoneCall,
                Mark::Routed => Mark::GoneRouted,
                Mark::Asking => Mark::GoneAsking,
                Mark::Gone | Mark::GoneCall | Mark::GoneRouted | Mark::GoneAsking => continue,
            };
            each(request);
        }
    }

    /// The connection is lost or given up: hands out all its requests, oldest first, and forgets them.
    pub(super) fn take_requests(&mut self) -> VecDeque<InFlight> {
        self.unrendered = 0;
        self.unstamped = 0;
        self.unrendered_calls = 0;
        self.iterations.clear();
        self.pending = Vec::new();
        self.pending_at = 0;
        self.taken = self.rendered;
        std::mem::take(&mut self.ring)
    }
}

impl Conn {
    /// Whether it is being opened.
    pub(super) const fn is_opening(&self) -> bool {
        matches!(self.state, State::Connecting { .. } | State::Handshaking { .. })
    }

    /// Whether it takes requests.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }
}
