//! The plain relay: one connection upstream for each client.
//!
//! Not a proxy: it does not know what the bytes mean. Invariant: each client's connection and its upstream one live and end
//! together, half-closes and resets included, each with the delay of the link.

use crate::relay::delay_queue::{DelayQueue, End};
use crate::relay::flow::{Flow, Receiver, Side, read_buffer};
use crate::relay::hub::Hub;
use crate::relay::sys::{Listener, Peer, Ready, Socket};
use crate::relay::wire::Wire;
use crate::relay::{Options, RelayError, Stats};
use aelab_engine::clock::{self, Nanos};
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// How soon to retry what failed for lack of descriptors, or of room in a Unix socket's queue.
pub(crate) const RETRY: Nanos = Nanos::from_millis(1);
/// Pairs are numbered from 1; token = number × 4 + one of these. The listener is number 0.
const THERE: u64 = 0;
const BACK: u64 = 1;
const CONNECT: u64 = 2;
const LISTENER: u64 = 0;

/// A client and its connection upstream.
#[derive(Debug)]
struct Pair {
    client: Side,
    upstream: Option<Side>,
    phase: Phase,
    there: Flow,
    back: Flow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The client's request for a connection is in flight on the link.
    Waiting,
    Connecting,
    Open,
    /// The upstream refused; the refusal is in flight on the link.
    Refused,
}

/// Whether a pair goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    GoesOn,
    Over,
}

/// The plain relay; see the module.
#[derive(Debug)]
pub(crate) struct PassThrough<'a> {
    listener: Listener,
    options: &'a Options,
    hub: Hub,
    /// Towards the upstream, and back.
    up: Wire,
    down: Wire,
    pairs: HashMap<u64, Pair>,
    next: u64,
    buffer: Vec<u8>,
    stats: Stats,
}

impl<'a> PassThrough<'a> {
    /// Begins to watch the listener.
    pub(crate) fn new(
        listener: Listener,
        options: &'a Options,
        hub: Hub,
    ) -> Result<Self, RelayError> {
        hub.add(listener.as_fd(), LISTENER).map_err(RelayError::system("watch its socket"))?;
        let shape = options.shape();
        Ok(Self {
            listener,
            options,
            hub,
            up: Wire::new(shape, options.seed),
            // Another stream of numbers, or both directions would always be late together.
            down: Wire::new(shape, !options.seed),
            pairs: HashMap::new(),
            next: 1,
            buffer: read_buffer(),
            stats: Stats::default(),
        })
    }

    /// Relays until `cancel` is set.
    pub(crate) fn run(mut self, cancel: &AtomicBool) -> Result<Stats, RelayError> {
        let (mut ready, mut due) = (Vec::new(), Vec::new());
        while !cancel.load(Relaxed) {
            self.hub.wait(&mut ready, &mut due).map_err(RelayError::system("wait"))?;
            // What is due first: it has a time, what happened has been noted with its own.
            for token in due.drain(..) {
                self.on_due(token);
            }
            for event in ready.drain(..) {
                self.on_ready(event);
            }
        }
        Ok(self.stats)
    }

    fn on_due(&mut self, token: u64) {
        let id = token / 4;
        match token % 4 {
            _ if token == LISTENER => self.accept_all(),
            CONNECT => self.connect(id),
            direction => {
                if let Some(pair) = self.pairs.get_mut(&id) {
                    let flow = if direction == THERE { &mut pair.there } else { &mut pair.back };
                    flow.booked = Nanos::MAX;
                    self.turn(id);
                }
            }
        }
    }

    fn on_ready(&mut self, event: Ready) {
        if event.token == LISTENER {
            return self.accept_all();
        }
        let id = event.token / 4;
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        if event.token % 4 == THERE {
            pair.client.note(event);
            if event.peer == Peer::Broken {
                note_reset(&pair.client, &mut pair.there, &mut self.up);
            }
        } else if let Some(upstream) = &mut pair.upstream {
            if pair.phase == Phase::Connecting {
                match upstream.socket.take_error() {
                    Ok(()) => pair.phase = Phase::Open,
                    Err(error) => return self.refused(id, &error),
                }
            }
            upstream.note(event);
            if event.peer == Peer::Broken {
                note_reset(upstream, &mut pair.back, &mut self.down);
            }
        }
        self.turn(id);
    }

    fn accept_all(&mut self) {
        loop {
            let socket = match self.listener.accept() {
                Ok(socket) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    // A client that left the queue, or no descriptors: others may follow.
                    self.stats.last_error = Some(format!("accepting a client: {error}"));
                    return self.hub.book(clock::now() + RETRY, LISTENER);
                }
            };
            let id = self.next;
            if let Err(error) = self.hub.add(socket.as_fd(), id * 4 + THERE) {
                self.stats.last_error = Some(format!("watching a client: {error}"));
                continue;
            }
            self.next += 1;
            let now = clock::now();
            let half = self.options.shape().delay;
            let window = self.options.window_bytes;
            // The kernel has accepted already, but over the link the handshake would take a round trip before the client's
            // first bytes could leave.
            let floor = now + self.options.rtt + half;
            let pair = Pair {
                client: Side::open(socket),
                upstream: None,
                phase: Phase::Waiting,
                there: Flow::new(DelayQueue::new(window, floor)),
                back: Flow::new(DelayQueue::new(window, Nanos::ZERO)),
            };
            self.pairs.insert(id, pair);
            self.stats.connections += 1;
            self.stats.open_max = self.stats.open_max.max(self.pairs.len() as u64);
            self.hub.book(now + half, id * 4 + CONNECT);
        }
    }

    fn connect(&mut self, id: u64) {
        let Some(pair) = self.pairs.get_mut(&id).filter(|pair| pair.phase == Phase::Waiting) else {
            return;
        };
        let connected = Socket::connect(&self.options.upstream).and_then(|socket| {
            self.hub.add(socket.as_fd(), id * 4 + BACK)?;
            Ok(socket)
        });
        match connected {
            Ok(socket) => {
                pair.upstream = Some(Side::connecting(socket));
                pair.phase = Phase::Connecting;
            }
            // A Unix socket whose queue is full; a TCP connect would wait.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.hub.book(clock::now() + RETRY, id * 4 + CONNECT);
            }
            Err(error) => self.refused(id, &error),
        }
    }

    /// There is no upstream for this client: it gets a reset, after the delay of the link.
    fn refused(&mut self, id: u64, error: &io::Error) {
        self.stats.upstream_refused += 1;
        self.stats.last_error = Some(format!(
            "{} cannot be reached: {error}; check that the server runs there",
            self.options.upstream
        ));
        if let Some(pair) = self.pairs.get_mut(&id) {
            pair.phase = Phase::Refused;
            pair.upstream = None;
            pair.back.queue.push_end(&mut self.down, clock::now(), End::Reset);
            self.turn(id);
        }
    }

    /// Moves what can be moved for one pair, and books what comes next.
    fn turn(&mut self, id: u64) {
        let Some(mut pair) = self.pairs.remove(&id) else { return };
        if self.turn_pair(id, &mut pair) == Life::GoesOn {
            self.pairs.insert(id, pair);
        } else if pair.reset_is_due(clock::now()) {
            self.stats.resets += 1;
            pair.client.socket.abort();
            if let Some(upstream) = pair.upstream {
                upstream.socket.abort();
            }
        }
    }

    fn turn_pair(&mut self, id: u64, pair: &mut Pair) -> Life {
        let Self { up, down, stats, buffer, hub, .. } = self;
        let mut upstream = pair.upstream.as_mut().filter(|_| pair.phase == Phase::Open);
        // Write before reading: what leaves makes room.
        if let Some(upstream) = &mut upstream {
            match pair.there.release(upstream, stats) {
                Ok(bytes) => stats.bytes_up += bytes,
                // The upstream is gone: what was sent will be answered by a reset.
                Err(_) => {
                    pair.back.queue.push_end(down, clock::now(), End::Reset);
                    upstream.writable = false;
                }
            }
        }
        match pair.back.release(&mut pair.client, stats) {
            Ok(bytes) => stats.bytes_down += bytes,
            Err(_) => {
                pair.there.queue.push_end(up, clock::now(), End::Reset);
                pair.client.writable = false;
            }
        }
        let again = upstream.and_then(|side| pair.back.take_in(side, down, buffer, stats));
        let again_there = pair.there.take_in(&mut pair.client, up, buffer, stats);
        if pair.pass_ends(clock::now()) == Life::Over {
            return Life::Over;
        }
        let receiver = match pair.phase {
            Phase::Open => Receiver::of(pair.upstream.as_ref()),
            Phase::Waiting | Phase::Connecting | Phase::Refused => Receiver::Full,
        };
        if let Some(at) = pair.there.next_booking(receiver, again_there) {
            hub.book(at, id * 4 + THERE);
        }
        if let Some(at) = pair.back.next_booking(Receiver::of(Some(&pair.client)), again) {
            hub.book(at, id * 4 + BACK);
        }
        Life::GoesOn
    }
}

impl Pair {
    /// Passes the ends of streams on that are due.
    fn pass_ends(&mut self, now: Nanos) -> Life {
        if self.reset_is_due(now) {
            return Life::Over;
        }
        let upstream = self.upstream.as_ref().filter(|_| self.phase == Phase::Open);
        if let Some(upstream) = upstream
            && self.there.queue.end_due(now) == Some(End::Closed)
        {
            upstream.socket.finish();
            self.there.queue.take_end();
        }
        if self.back.queue.end_due(now) == Some(End::Closed) {
            self.client.socket.finish();
            self.back.queue.take_end();
        }
        let is_over = self.there.queue.is_over() && self.back.queue.is_over();
        if is_over { Life::Over } else { Life::GoesOn }
    }

    fn reset_is_due(&self, now: Nanos) -> bool {
        let queues = [&self.there.queue, &self.back.queue];
        queues.iter().any(|queue| queue.end_due(now) == Some(End::Reset))
    }
}

/// A dead connection is noticed even while its bytes are not read: a full queue must not hide that the sender has disconnected.
fn note_reset(side: &Side, flow: &mut Flow, wire: &mut Wire) {
    if side.socket.take_error().is_err() {
        flow.queue.push_end(wire, clock::now(), End::Reset);
    }
}
