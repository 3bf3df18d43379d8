//! The relay that shares connections: sockets around [`crate::relay::share`], with the link between the relay and the upstream.
//!
//! Not the matching of replies. Clients are next to the relay, as an application is to its sidecar, so only the upstream's
//! side is delayed. Invariant: a client is read only while its connection upstream accepts its commands.

use crate::relay::delay_queue::{DelayQueue, End};
use crate::relay::flow::{Flow, Receiver, Side, read_buffer};
use crate::relay::hub::Hub;
use crate::relay::outbox::Outbox;
use crate::relay::pass::RETRY;
use crate::relay::share::{ClientId, Fate, Share, Touched};
use crate::relay::sys::{Listener, Peer, Ready, Socket};
use crate::relay::wire::Wire;
use crate::relay::{Options, RelayError, Stats};
use aelab_engine::clock::{self, Nanos};
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Token = number × 4 + one of these: a client's socket; an upstream connection, for its socket and for each direction.
const CLIENT: u64 = 0;
const THERE: u64 = 1;
const BACK: u64 = 2;
const CONNECT: u64 = 3;
/// Bytes added to the queue at a time.
const FEED_BYTES: usize = 64 * 1024;
/// No client has the number 0.
const LISTENER: u64 = 0;

/// One of the shared connections.
#[derive(Debug)]
struct Upstream {
    side: Option<Side>,
    phase: Phase,
    there: Flow,
    back: Flow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// To be connected when there is something to send.
    Down,
    /// A Unix socket's queue is full; tried again soon.
    Waiting,
    Connecting,
    Open,
}

/// The relay with shared connections; see the module.
#[derive(Debug)]
pub(crate) struct Sharing<'a> {
    listener: Listener,
    options: &'a Options,
    hub: Hub,
    up: Wire,
    down: Wire,
    share: Share,
    clients: HashMap<ClientId, Side>,
    /// Clients with more to read than is accepted now.
    paused: Vec<ClientId>,
    upstreams: Vec<Upstream>,
    buffer: Vec<u8>,
    stats: Stats,
}

impl<'a> Sharing<'a> {
    /// Begins to watch the listener. Upstream connections are made when they are needed.
    pub(crate) fn new(
        listener: Listener,
        options: &'a Options,
        hub: Hub,
        count: usize,
    ) -> Result<Self, RelayError> {
        hub.add(listener.as_fd(), LISTENER).map_err(RelayError::system("watch its socket"))?;
        let shape = options.shape();
        Ok(Self {
            listener,
            options,
            hub,
            up: Wire::new(shape, options.seed),
            down: Wire::new(shape, !options.seed),
            share: Share::new(count, options.credentials.clone()),
            clients: HashMap::new(),
            paused: Vec::new(),
            upstreams: (0..count).map(|_| Upstream::down(options)).collect(),
            buffer: read_buffer(),
            stats: Stats::default(),
        })
    }

    /// Relays until `cancel` is set.
    pub(crate) fn run(mut self, cancel: &AtomicBool) -> Result<Stats, RelayError> {
        let (mut ready, mut due) = (Vec::new(), Vec::new());
        while !cancel.load(Relaxed) {
            self.hub.wait(&mut ready, &mut due).map_err(RelayError::system("wait"))?;
            for token in due.drain(..) {
                self.on_due(token);
            }
            for event in ready.drain(..) {
                self.on_ready(event);
            }
            self.look_at_touched();
            for id in std::mem::take(&mut self.paused) {
                self.read_client(id);
            }
            self.look_at_touched();
        }
        self.stats.share = self.share.stats;
        Ok(self.stats)
    }

    fn on_due(&mut self, token: u64) {
        let index = (token / 4) as usize;
        match token % 4 {
            CLIENT => self.accept_all(),
            CONNECT => self.connect(index),
            direction => {
                let upstream = &mut self.upstreams[index];
                let flow =
                    if direction == THERE { &mut upstream.there } else { &mut upstream.back };
                flow.booked = Nanos::MAX;
                self.turn_upstream(index);
            }
        }
    }

    fn on_ready(&mut self, event: Ready) {
        if event.token == LISTENER {
            return self.accept_all();
        }
        if event.token % 4 == CLIENT {
            let id = event.token / 4;
            if let Some(side) = self.clients.get_mut(&id) {
                side.note(event);
                if event.peer == Peer::Broken && side.socket.take_error().is_err() {
                    return self.close_client(id);
                }
                self.flush_client(id);
                self.read_client(id);
            }
            return;
        }
        let index = (event.token / 4) as usize;
        let upstream = &mut self.upstreams[index];
        // An event of a connection that was closed in the same turn finds none, or a new one that it does not harm.
        let Some(side) = &mut upstream.side else { return };
        if upstream.phase == Phase::Connecting {
            match side.socket.take_error() {
                Ok(()) => {
                    upstream.phase = Phase::Open;
                    self.share.stats.upstream_connections += 1;
                }
                Err(error) => return self.refused(index, &error),
            }
        }
        side.note(event);
        if event.peer == Peer::Broken && side.socket.take_error().is_err() {
            self.stats.resets += 1;
            return self.lose(index, "the upstream aborted a shared connection".to_owned());
        }
        self.turn_upstream(index);
    }

    fn accept_all(&mut self) {
        loop {
            let socket = match self.listener.accept() {
                Ok(socket) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.stats.last_error = Some(format!("accepting a client: {error}"));
                    return self.hub.book(clock::now() + RETRY, LISTENER);
                }
            };
            let id = self.share.open_client();
            if let Err(error) = self.hub.add(socket.as_fd(), id * 4 + CLIENT) {
                self.stats.last_error = Some(format!("watching a client: {error}"));
                self.share.close_client(id);
                continue;
            }
            self.clients.insert(id, Side::open(socket));
            self.stats.connections += 1;
            self.stats.open_max = self.stats.open_max.max(self.clients.len() as u64);
        }
    }

    /// Reads a client as long as its commands are accepted; otherwise remembers that it has more.
    fn read_client(&mut self, id: ClientId) {
        loop {
            let Some(side) = self.clients.get_mut(&id).filter(|side| side.readable) else { return };
            if !self.share.wants_client_bytes(id) {
                if self.share.fate(id) == Fate::Open {
                    self.paused.push(id);
                }
                return;
            }
            match side.receive(&mut self.buffer) {
                Ok(None) => {}
                Ok(Some((0, _))) => {
                    side.readable = false;
                    self.share.end_input(id);
                }
                Ok(Some((count, _))) => {
                    self.stats.bytes_up += count as u64;
                    self.share.client_bytes(id, &self.buffer[..count]);
                }
                Err(_) => return self.close_client(id),
            }
        }
    }

    fn flush_client(&mut self, id: ClientId) {
        let Some(side) = self.clients.get_mut(&id) else { return };
        let fate = self.share.fate(id);
        let Some(out) = self.share.client_out(id) else { return };
        while fate != Fate::Drop && side.writable && !out.is_empty() {
            match side.send(out.pending()) {
                Ok(taken) => {
                    self.stats.bytes_down += taken as u64;
                    out.take(taken);
                }
                Err(_) => return self.close_client(id),
            }
        }
        if fate == Fate::Drop || (fate == Fate::Finish && out.is_empty()) {
            self.close_client(id);
        }
    }

    fn close_client(&mut self, id: ClientId) {
        self.clients.remove(&id);
        self.share.close_client(id);
    }

    fn look_at_touched(&mut self) {
        loop {
            let touched = self.share.take_touched();
            if touched.is_empty() {
                return;
            }
            for one in touched {
                match one {
                    Touched::Client(id) => self.flush_client(id),
                    Touched::Upstream(index) => self.turn_upstream(index),
                }
            }
        }
    }

    fn connect(&mut self, index: usize) {
        let upstream = &mut self.upstreams[index];
        let connected = Socket::connect(&self.options.upstream).and_then(|socket| {
            self.hub.add(socket.as_fd(), index as u64 * 4 + THERE)?;
            Ok(socket)
        });
        match connected {
            Ok(socket) => {
                upstream.phase = Phase::Connecting;
                upstream.side = Some(Side::connecting(socket));
                // Over the link the handshake would take a round trip before the first bytes could leave.
                let shape = self.options.shape();
                let floor = clock::now() + self.options.rtt + shape.delay;
                upstream.there = Flow::new(DelayQueue::new(self.options.window_bytes, floor));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                upstream.phase = Phase::Waiting;
                self.hub.book(clock::now() + RETRY, index as u64 * 4 + CONNECT);
            }
            Err(error) => self.refused(index, &error),
        }
    }

    fn refused(&mut self, index: usize, error: &io::Error) {
        self.stats.upstream_refused += 1;
        let upstream = &self.options.upstream;
        let text =
            format!("{upstream} cannot be reached: {error}; check that the server runs there");
        self.lose(index, text);
    }

    /// Closes a connection; it is opened again when a client needs it.
    fn lose(&mut self, index: usize, why: String) {
        self.stats.last_error = Some(why);
        self.upstreams[index] = Upstream::down(self.options);
        self.share.lose_upstream(index);
    }

    /// Moves what can be moved on one connection, and books what comes next.
    fn turn_upstream(&mut self, index: usize) {
        if self.upstreams[index].phase == Phase::Down {
            if self.share.upstream_out(index).is_empty() {
                return;
            }
            self.connect(index);
        }
        if let Err(why) = self.move_bytes(index) {
            self.lose(index, why);
        }
    }

    /// Fails with the reason why the connection cannot be used any longer.
    fn move_bytes(&mut self, index: usize) -> Result<(), String> {
        let Self { upstreams, up, down, share, stats, buffer, hub, .. } = self;
        let Upstream { side, phase, there, back } = &mut upstreams[index];
        let Some(side) = side else { return Ok(()) };
        let mut feed_again = feed(&mut there.queue, share.upstream_out(index), up);
        let mut read_again = None;
        if *phase == Phase::Open {
            let lost = |error| format!("writing to the upstream: {error}");
            while there.release(side, stats).map_err(lost)? > 0 {
                feed_again = feed(&mut there.queue, share.upstream_out(index), up);
            }
            read_again = back.take_in(side, down, buffer, stats);
        }
        let now = clock::now();
        loop {
            let (due, at) = (back.queue.due(now), back.queue.next_due());
            if due.is_empty() {
                break;
            }
            stats.scheduling_delay.saturating_record(now.since(at.unwrap_or(now)).0);
            share.upstream_bytes(index, due).map_err(|broken| broken.to_string())?;
            let count = due.len();
            back.queue.consume(count);
        }
        match back.queue.end_due(now) {
            None => {}
            Some(End::Closed) => return Err("the upstream closed a shared connection".to_owned()),
            Some(End::Reset) => {
                stats.resets += 1;
                return Err("the upstream aborted a shared connection".to_owned());
            }
        }
        let receiver = Receiver::of(Some(side));
        if let Some(at) = there.next_booking(receiver, feed_again) {
            hub.book(at, index as u64 * 4 + THERE);
        }
        if let Some(at) = back.next_booking(Receiver::Takes, read_again) {
            hub.book(at, index as u64 * 4 + BACK);
        }
        Ok(())
    }
}

impl Upstream {
    fn down(options: &Options) -> Self {
        let flow = || Flow::new(DelayQueue::new(options.window_bytes, Nanos::ZERO));
        Self { side: None, phase: Phase::Down, there: flow(), back: flow() }
    }
}

/// Adds what is to be sent to the queue, as far as there is room. Returns when to try again, if that is known.
fn feed(queue: &mut DelayQueue, out: &mut Outbox, wire: &mut Wire) -> Option<Nanos> {
    while !out.is_empty() {
        let now = clock::now();
        let closed_until = wire.opens_at(now);
        if closed_until.is_some() {
            return closed_until;
        }
        // In pieces, so that the queue of the link is checked in between.
        let count = queue.room_bytes(now).min(out.len()).min(FEED_BYTES);
        if count == 0 {
            return None;
        }
        queue.push(wire, now, &out.pending()[..count]);
        out.take(count);
    }
    None
}
