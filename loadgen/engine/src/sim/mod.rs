//! A run in virtual time against a scripted server: the same worker as over sockets, no socket, no waiting.
//!
//! Not a model of a network: bytes take a fixed time each way and arrive in order. With several threads, each has its own
//! copy of the server. Used by tests, and to learn what a stall would do before causing one.
//! Invariant: the outcome depends on the plan and the script alone.

mod broker;
mod cluster;

use crate::clock::Nanos;
use crate::error::EngineError;
use crate::io::{Ready, Token, Wait, Wire};
use crate::plan::validate::check;
use crate::plan::{Endpoint, RunPlan};
use crate::record::live::Live;
use crate::record::result::RunResult;
use crate::resources::Resources;
use crate::run::merge::merge;
use crate::run::{divide, needed_shares, open_quotas};
use crate::sim::broker::Broker;
pub use crate::sim::cluster::{ClusterScript, Move, Naming};
use crate::topology::Lookup;
use crate::worker::Worker;
use crate::worker::phases::{Control, Phases};
use crate::workload::rng::Rng;
use aelab_resp::{ArgRange, Parsed, RequestLimits, RequestParser, encode};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

/// Time between the last connection and the first request.
const START_DELAY: Nanos = Nanos::from_millis(1);
/// Length of every list.
const LIST_LEN: usize = 250;
/// How soon a connection whose write was cut can be written again.
const DRAIN_TIME: Nanos = Nanos::from_micros(5);

/// What the server does. Times of freezes and outages count from the begin of the schedule.
#[derive(Clone, Debug)]
pub struct Script {
    /// How long a command takes; commands run one after the other.
    pub service: Service,
    /// How long bytes take each way.
    pub network: Nanos,
    /// Spans in which no command starts.
    pub freezes: Vec<Range<Nanos>>,
    /// Spans in which the server is gone: connections are reset at the begin and refused until the end.
    pub outages: Vec<Range<Nanos>>,
    /// Calls a cursor takes from 0 to 0.
    pub scan_calls: u64,
    /// Most bytes taken by one write, most given by one read.
    pub chunk_bytes: usize,
    /// What a write costs the engine: time on its CPU.
    pub write_cost: Nanos,
    /// How late the engine wakes up from each sleep.
    pub wake_late: Nanos,
    /// How long before its due time a request is prepared where nothing else can happen.
    pub lead: Nanos,
    /// Spans in which the engine is stopped, as by a signal; the server and the network go on.
    pub engine_stops: Vec<Range<Nanos>>,
    /// Several nodes that send requests to each other, in place of one server. They share one CPU.
    pub cluster: Option<ClusterScript>,
}

/// How long a command takes.
#[derive(Clone, Copy, Debug)]
pub enum Service {
    /// Always this long.
    Fixed(Nanos),
    /// Exponential with this mean.
    Exponential(Nanos),
}

impl Script {
    /// A server that answers each command after `service` and does nothing else.
    pub const fn steady(service: Nanos) -> Self {
        Self {
            service: Service::Fixed(service),
            network: Nanos::ZERO,
            freezes: Vec::new(),
            outages: Vec::new(),
            scan_calls: 3,
            chunk_bytes: usize::MAX,
            write_cost: Nanos::ZERO,
            wake_late: Nanos::ZERO,
            lead: Nanos::ZERO,
            engine_stops: Vec::new(),
            cluster: None,
        }
    }
}

/// Runs `plan` in virtual time.
///
/// # Errors
/// The plan contradicts itself, or could never end.
pub fn simulate(plan: &RunPlan, script: &Script) -> Result<RunResult, EngineError> {
    check(plan)?;
    let live = Live::new(plan);
    if let Some(newer) = script.cluster.as_ref().and_then(|cluster| cluster.newer.clone()) {
        live.topology().publish(newer);
    }
    for (name, addr) in script.cluster.iter().flat_map(|cluster| &cluster.names) {
        live.topology().publish_name(name, Lookup::Found(*addr));
    }
    let shares = divide(plan, &Resources::open(plan, live.shared_topology())?)?;
    let cancel = AtomicBool::new(false);
    let mut control = Control::new(&cancel, open_quotas(&shares), needed_shares(&shares));
    let stuck = |source| EngineError::System { what: "waiting in virtual time", source };
    let mut results = Vec::new();
    for share in shares {
        if plan.phases.measure.is_none() {
            // The threads run one after another here: each ends with its own quota.
            let own = std::slice::from_ref(&share);
            control = Control::new(&cancel, open_quotas(own), needed_shares(own));
        }
        let wire = Server::new(script.clone(), share.conns.len(), plan.seed);
        let phases = Phases::new(plan);
        let mut worker = Worker::new(wire, share.groups, share.conns, phases, plan.connect, &live);
        worker.connect_all(&control).map_err(stuck)?;
        // The same on every thread, however long connecting took.
        let origin = Nanos::from_secs(3_600).max(worker.wire.now.saturating_add(START_DELAY));
        worker.wire.begin(origin);
        worker.start(origin);
        let ended = worker.run(&control).map_err(stuck)?;
        worker.finish(ended);
        results.push(worker.into_result(ended, None, None));
    }
    Ok(merge(plan, results, 0))
}

/// What will happen at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Open(Token),
    Writable(Token),
    Reply(Token, u64, Vec<u8>),
    Reset,
}

/// The server and the network before it.
#[derive(Debug)]
struct Server {
    script: Script,
    /// The script's spans, absolute; none before the schedule begins.
    freezes: Vec<Range<Nanos>>,
    outages: Vec<Range<Nanos>>,
    engine_stops: Vec<Range<Nanos>>,
    now: Nanos,
    /// CPU time that the engine has used.
    cpu: Nanos,
    events: BinaryHeap<Reverse<(Nanos, u64, Event)>>,
    event_count: u64,
    /// When the command before this one is done.
    free_at: Nanos,
    conns: Vec<Link>,
    broker: Broker,
    rng: Rng,
}

/// The server's end of a connection.
#[derive(Debug, Default)]
struct Link {
    state: LinkState,
    /// Counts openings, so that replies to an earlier connection are lost.
    generation: u64,
    requests: Vec<u8>,
    parser: RequestParser,
    /// Arguments of a request that came in pieces.
    args: Vec<ArgRange>,
    replies: Vec<u8>,
    /// The node of a cluster it leads to.
    node: Option<SocketAddr>,
    /// The command before this one was ASKING.
    said_asking: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LinkState {
    #[default]
    Closed,
    Opening,
    /// The server's answer has come.
    Answered,
    Open,
    Reset,
}

impl Server {
    fn new(script: Script, connections: usize, seed: u64) -> Self {
        Self {
            script,
            freezes: Vec::new(),
            outages: Vec::new(),
            engine_stops: Vec::new(),
            now: Nanos::from_secs(1),
            cpu: Nanos::ZERO,
            events: BinaryHeap::new(),
            event_count: 0,
            free_at: Nanos::ZERO,
            conns: (0..connections).map(|_| Link::default()).collect(),
            broker: Broker::default(),
            rng: Rng::new(seed, &[u64::MAX]),
        }
    }

    /// The schedule begins at `origin`: the script's times are counted from there.
    fn begin(&mut self, origin: Nanos) {
        let absolute = |spans: &[Range<Nanos>]| {
            spans.iter().map(|span| span.start + origin..span.end + origin).collect()
        };
        self.freezes = absolute(&self.script.freezes);
        self.outages = absolute(&self.script.outages);
        self.engine_stops = absolute(&self.script.engine_stops);
        if let Some(cluster) = &mut self.script.cluster {
            cluster.begin(origin);
        }
        for outage in self.outages.clone() {
            self.at(outage.start, Event::Reset);
        }
    }

    fn at(&mut self, at: Nanos, event: Event) {
        self.event_count += 1;
        self.events.push(Reverse((at, self.event_count, event)));
    }

    fn is_down(&self) -> bool {
        self.outages.iter().any(|outage| outage.contains(&self.now))
    }

    /// When a command that has arrived starts: after the one before it, and not in a freeze.
    fn start_of(&self, arrival: Nanos) -> Nanos {
        let mut start = arrival.max(self.free_at);
        while let Some(freeze) = self.freezes.iter().find(|span| span.contains(&start)) {
            start = freeze.end;
        }
        start
    }

    fn serve(&mut self, token: Token, reply: Vec<u8>) {
        let service = match self.script.service {
            Service::Fixed(service) => service,
            Service::Exponential(mean) => Nanos((mean.0 as f64 * self.rng.exponential()) as u64),
        };
        let start = self.start_of(self.now + self.script.network);
        self.free_at = start + service;
        let generation = self.conns[token as usize].generation;
        let at = self.free_at + self.script.network;
        self.at(at, Event::Reply(token, generation, reply));
    }

    fn happen(&mut self, event: Event, ready: &mut Vec<Ready>) {
        match event {
            Event::Open(token) => {
                let state = &mut self.conns[token as usize].state;
                if *state == LinkState::Opening {
                    *state = LinkState::Answered;
                    ready.push(Ready { token, writable: true, ..Ready::default() });
                }
            }
            Event::Writable(token) => {
                ready.push(Ready { token, writable: true, ..Ready::default() });
            }
            Event::Reply(token, generation, bytes) => {
                let link = &mut self.conns[token as usize];
                if link.generation == generation && link.state == LinkState::Open {
                    link.replies.extend_from_slice(&bytes);
                    ready.push(Ready { token, readable: true, ..Ready::default() });
                }
            }
            Event::Reset => {
                self.free_at = Nanos::ZERO;
                self.broker = Broker::default();
                for (token, link) in (0..).zip(&mut self.conns) {
                    if link.state == LinkState::Open {
                        link.state = LinkState::Reset;
                        ready.push(Ready { token, hung_up: true, ..Ready::default() });
                    }
                }
            }
        }
    }
}

/// What the server answers, and whether the command was a cursor's.
fn answer(args: &[&[u8]], scan_calls: u64) -> Vec<u8> {
    let mut reply = Vec::new();
    match args.first().map(|name| name.to_ascii_uppercase()).as_deref() {
        Some(b"PING") => encode::simple(&mut reply, b"PONG"),
        Some(b"GET") => encode::bulk(&mut reply, b"value"),
        Some(b"NIL") => encode::null_bulk(&mut reply),
        Some(b"FAIL") => encode::error(&mut reply, b"OOM command not allowed"),
        // More than any server holds.
        Some(b"HUGE") => reply.extend_from_slice(b"$999999999999\r\n"),
        Some(b"EXEC") => reply.extend_from_slice(b"*2\r\n+OK\r\n:1\r\n"),
        // A transaction with a command that failed, and one that was refused when it was queued.
        Some(b"EXECFAIL") => reply.extend_from_slice(b"*2\r\n+OK\r\n-WRONGTYPE not a list\r\n"),
        Some(b"EXECABORT") => encode::error(&mut reply, b"EXECABORT discarded"),
        Some(b"LRANGE") => {
            let index = |at: usize| {
                args.get(at)
                    .and_then(|arg| std::str::from_utf8(arg).ok()?.parse().ok())
                    .unwrap_or(0)
            };
            let end = LIST_LEN.min(index(3) + 1);
            let count = end.saturating_sub(index(2));
            encode::array(&mut reply, count);
            (0..count).for_each(|_| encode::bulk(&mut reply, b"element"));
        }
        Some(name @ (b"SCAN" | b"SSCAN" | b"HSCAN" | b"ZSCAN")) => {
            let cursor = args
                .get(if name == b"SCAN" { 1 } else { 2 })
                .and_then(|arg| std::str::from_utf8(arg).ok());
            let next = cursor.and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
            let next = if next >= scan_calls { 0 } else { next };
            encode::array(&mut reply, 2);
            encode::bulk(&mut reply, next.to_string().as_bytes());
            encode::array(&mut reply, 1);
            encode::bulk(&mut reply, b"key:1");
        }
        _ => encode::simple(&mut reply, b"OK"),
    }
    reply
}

impl Wire for Server {
    fn now(&mut self) -> Nanos {
        self.now
    }

    fn cpu(&self) -> Nanos {
        self.cpu
    }

    fn lead(&self) -> Nanos {
        self.script.lead
    }

    fn not_before(&mut self, at: Nanos) -> Nanos {
        self.now = self.now.max(at);
        self.now
    }

    fn wait(&mut self, wait: Wait, ready: &mut Vec<Ready>) -> io::Result<()> {
        let next = self.events.peek().map(|Reverse((at, ..))| *at);
        if let Wait::Until(until) = wait {
            let until = next.map_or(until, |next| next.min(until));
            if until == Nanos::MAX {
                return Err(io::Error::other("nothing would ever happen"));
            }
            if until > self.now {
                self.now = until.saturating_add(self.script.wake_late);
            }
        }
        if let Some(stop) = self.engine_stops.iter().find(|span| span.contains(&self.now)) {
            self.now = stop.end;
        }
        while let Some(Reverse((at, ..))) = self.events.peek()
            && *at <= self.now
            && let Some(Reverse((.., event))) = self.events.pop()
        {
            self.happen(event, ready);
        }
        Ok(())
    }

    fn connect(&mut self, token: Token, endpoint: &Endpoint) -> io::Result<()> {
        self.conns[token as usize].node = endpoint.addr();
        self.conns[token as usize].state = LinkState::Opening;
        self.at(self.now + self.script.network + self.script.network, Event::Open(token));
        Ok(())
    }

    fn finish_connect(&mut self, token: Token) -> io::Result<bool> {
        if self.conns[token as usize].state != LinkState::Answered {
            return Ok(false);
        }
        if self.is_down() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let link = &mut self.conns[token as usize];
        let (generation, node) = (link.generation + 1, link.node);
        *link = Link { state: LinkState::Open, generation, node, ..Link::default() };
        Ok(true)
    }

    fn read(&mut self, token: Token, buffer: &mut [u8]) -> io::Result<usize> {
        let link = &mut self.conns[token as usize];
        let len = link.replies.len().min(buffer.len()).min(self.script.chunk_bytes);
        if len == 0 {
            let reset = link.state == LinkState::Reset;
            return if reset { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        buffer[..len].copy_from_slice(&link.replies[..len]);
        link.replies.drain(..len);
        if !link.replies.is_empty() {
            // A short read with more behind it: as if the rest had only just arrived.
            let generation = link.generation;
            self.at(self.now, Event::Reply(token, generation, Vec::new()));
        }
        Ok(len)
    }

    fn write(&mut self, token: Token, bytes: &[u8]) -> io::Result<usize> {
        let link = &mut self.conns[token as usize];
        if link.state != LinkState::Open {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.script.chunk_bytes);
        link.requests.extend_from_slice(&bytes[..taken]);
        let mut mail = Vec::new();
        let limits = RequestLimits::default();
        loop {
            match link.parser.parse(&mut link.requests, &limits, &mut link.args) {
                Ok(Parsed::Command { consumed }) => {
                    let args: Vec<&[u8]> = link
                        .args
                        .iter()
                        .map(|arg| &link.requests[arg.start as usize..arg.end as usize])
                        .collect();
                    let cluster = self.script.cluster.as_ref().zip(link.node);
                    let refusal = cluster.and_then(|(cluster, node)| {
                        cluster.refusal(node, &args, link.said_asking, self.now)
                    });
                    link.said_asking = args.first() == Some(&b"ASKING".as_slice());
                    match refusal {
                        Some(refusal) => mail.push((token, refusal)),
                        None => match self.broker.serve(token, &args) {
                            Some(sent) => mail.extend(sent),
                            None => mail.push((token, answer(&args, self.script.scan_calls))),
                        },
                    }
                    link.requests.drain(..consumed);
                }
                Ok(Parsed::Empty { consumed }) => {
                    link.requests.drain(..consumed);
                }
                Ok(Parsed::Incomplete) => break,
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        }
        for (to, reply) in mail {
            self.serve(to, reply);
        }
        if taken < bytes.len() {
            self.at(self.now + DRAIN_TIME, Event::Writable(token));
        }
        self.now = self.now + self.script.write_cost;
        self.cpu = self.cpu + self.script.write_cost;
        Ok(taken)
    }

    fn close(&mut self, token: Token) {
        self.conns[token as usize].state = LinkState::Closed;
        self.broker.forget(token);
    }
}
