//! Clients that wait: for an element of a list or sorted set, for replicas, or for a pause to end.
//!
//! A waiting client's input is read but not executed. Redis's rules: the client that has waited
//! longest for a key is served first; whoever waits is served after the command (transaction, script)
//! that brought something, before any other command; deadlines are looked at before the loop sleeps.
//! Invariant: a client stands in the queue of each key it waits for, and nowhere else.

use crate::clock::Nanos;
use crate::command::{Args, Reply, Served, Wish, serve};
use crate::dispatch;
use crate::net::ClientKey;
use crate::net::client::{Client, Life, ReplyMode, Words};
use crate::server::Server;
use foldhash::fast::FixedState;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// What a client waits for.
pub(crate) enum Waiting {
    /// Elements: of the first of these keys that gets some.
    Keys { db: usize, keys: Vec<Box<[u8]>>, wish: Wish, command: u16, deadline_ms: Option<i64> },
    /// Replicas, of which there are none: only time can end this.
    Replicas { command: u16, deadline_ms: Option<i64> },
    /// The end of `CLIENT PAUSE`.
    Pause,
}

/// What a client has that waits, or that has not caught up with its input since.
#[derive(Default)]
pub(crate) struct Held {
    /// `None` if it waits no longer.
    pub(crate) waiting: Option<Waiting>,
    /// Commands that came meanwhile, to be executed in order.
    backlog: VecDeque<Words>,
    /// Bytes of their arguments.
    pub(crate) backlog_bytes: usize,
}

/// Why a client is let go without what it wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// Its time is up, or `CLIENT UNBLOCK` says so.
    Up,
    /// `CLIENT UNBLOCK … ERROR`.
    Error,
}

/// Who waits for one key.
#[derive(Clone, Default)]
struct Queue {
    /// Longest first.
    clients: VecDeque<ClientKey>,
    /// The key stands among those that changed.
    noted: bool,
}

type Queues = HashMap<Box<[u8]>, Queue, FixedState>;

/// Everybody who waits.
pub(crate) struct Blocking {
    /// By database and key, who waits longest first.
    queues: Vec<Queues>,
    /// Entries in all queues.
    entries: usize,
    /// Keys that changed while somebody waited for them, in that order.
    ready: Vec<(usize, Box<[u8]>)>,
    deadlines: BTreeSet<(i64, ClientKey)>,
    /// Clients that wait no longer, and may have input to go on with.
    pub(crate) released: VecDeque<ClientKey>,
    /// Clients that wait for the end of a pause, in the order of their commands.
    postponed: VecDeque<ClientKey>,
    /// How many clients wait.
    pub(crate) count: usize,
}

impl Blocking {
    pub(crate) fn new(databases: usize) -> Self {
        Blocking {
            queues: vec![Queues::default(); databases],
            entries: 0,
            ready: Vec::new(),
            deadlines: BTreeSet::new(),
            released: VecDeque::new(),
            postponed: VecDeque::new(),
            count: 0,
        }
    }

    /// Notes that `key` changed, if somebody waits for it. Asked at every write.
    #[inline]
    pub(crate) fn changed(&mut self, db: usize, key: &[u8]) {
        if self.entries > 0 {
            self.note(db, key);
        }
    }

    fn note(&mut self, db: usize, key: &[u8]) {
        if let Some(queue) = self.queues[db].get_mut(key)
            && !std::mem::replace(&mut queue.noted, true)
        {
            self.ready.push((db, key.into()));
        }
    }

    /// The keys that have changed since the last call.
    fn take_ready(&mut self) -> Vec<(usize, Box<[u8]>)> {
        let ready = std::mem::take(&mut self.ready);
        for (db, key) in &ready {
            if let Some(queue) = self.queues[*db].get_mut(key) {
                queue.noted = false;
            }
        }
        ready
    }

    /// A whole database has got other contents (`SWAPDB`).
    pub(crate) fn all_changed(&mut self, db: usize) {
        let keys: Vec<Box<[u8]>> = self.queues[db].keys().cloned().collect();
        keys.iter().for_each(|key| self.note(db, key));
    }

    /// Who stands at this place of a key's queue.
    fn waiting_at(&self, db: usize, key: &[u8], at: usize) -> Option<ClientKey> {
        self.queues[db].get(key)?.clients.get(at).copied()
    }

    /// Whether somebody may have to be served.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many clients will be let go by a deadline.
    pub(crate) fn deadline_count(&self) -> usize {
        self.deadlines.len()
    }

    fn leave(&mut self, client: ClientKey, waiting: &Waiting) {
        self.count -= 1;
        let deadline_ms = match waiting {
            Waiting::Pause => {
                self.postponed.retain(|&other| other != client);
                return;
            }
            Waiting::Replicas { deadline_ms, .. } => deadline_ms,
            Waiting::Keys { db, keys, deadline_ms, .. } => {
                for key in keys {
                    if let Some(queue) = self.queues[*db].get_mut(key) {
                        // Who is served stands in front, and is found at once.
                        if let Some(at) = queue.clients.iter().position(|&other| other == client) {
                            queue.clients.remove(at);
                            self.entries -= 1;
                        }
                        if queue.clients.is_empty() {
                            self.queues[*db].remove(key);
                        }
                    }
                }
                deadline_ms
            }
        };
        if let Some(deadline_ms) = deadline_ms {
            self.deadlines.remove(&(*deadline_ms, client));
        }
    }
}

/// Makes a client wait.
pub(crate) fn wait(server: &mut Server, key: ClientKey, waiting: Waiting) {
    let Some(client) = server.clients.get_mut(key) else { return };
    let blocking = &mut server.blocking;
    blocking.count += 1;
    match &waiting {
        Waiting::Pause => blocking.postponed.push_back(key),
        Waiting::Replicas { deadline_ms, .. } => {
            blocking.deadlines.extend(deadline_ms.map(|at| (at, key)));
        }
        Waiting::Keys { db, keys, deadline_ms, .. } => {
            for name in keys {
                let queue = &mut blocking.queues[*db].entry(name.clone()).or_default().clients;
                // The same key may be named twice: then this client came last.
                if queue.back() != Some(&key) {
                    queue.push_back(key);
                    blocking.entries += 1;
                }
            }
            blocking.deadlines.extend(deadline_ms.map(|at| (at, key)));
        }
    }
    client.held.get_or_insert_default().waiting = Some(waiting);
}

/// A command has to wait for the end of a pause.
pub(crate) fn postpone(server: &mut Server, key: ClientKey, args: Args<'_>) {
    wait(server, key, Waiting::Pause);
    if let Some(held) = server.clients.get_mut(key).and_then(|client| client.held.as_mut()) {
        let words = Words::copy(args);
        held.backlog_bytes += cost(&words);
        // It was first in the backlog, if it came from there.
        held.backlog.push_front(words);
    }
}

/// Keeps a command of a client that waits. Closes it if that becomes too much.
#[cold]
pub(crate) fn hold(server: &mut Server, key: ClientKey, args: Args<'_>) {
    let limit = server.config.settings().query_buffer_max_bytes;
    let Some(held) = server.clients.get_mut(key).and_then(|client| client.held.as_mut()) else {
        return;
    };
    let words = Words::copy(args);
    held.backlog_bytes += cost(&words);
    held.backlog.push_back(words);
    if held.backlog_bytes > limit {
        server.log.warning("Closing client that reached max query buffer length");
        server.stats.query_buffer_limit_disconnections += 1;
        return server.free_later(key);
    }
    server.account_client(key);
}

/// Memory of a command that is kept.
fn cost(words: &Words) -> usize {
    words.bytes() + size_of::<Words>()
}

/// Takes from a client what it waits for. Its further input is executed soon.
fn release(server: &mut Server, key: ClientKey) -> Option<Waiting> {
    let waiting = server.clients.get_mut(key)?.held.as_mut()?.waiting.take()?;
    server.blocking.leave(key, &waiting);
    server.blocking.released.push_back(key);
    Some(waiting)
}

/// A client goes, whatever it waits for.
pub(crate) fn forget(server: &mut Server, key: ClientKey, client: &Client) {
    if let Some(waiting) = client.held.as_ref().and_then(|held| held.waiting.as_ref()) {
        server.blocking.leave(key, waiting);
    }
}

/// Executes what those have sent who wait no longer, until they wait again or have caught up.
pub(crate) fn resume(server: &mut Server) {
    while let Some(key) = server.blocking.released.pop_front() {
        let Some(mut out) = server.lend_reply(key) else { continue };
        let mut started = server.clock.now();
        while let Some(words) = next_words(server, key) {
            started = dispatch::process_now(server, key, words.args(), &mut out, started);
        }
        server.return_reply(key, out);
    }
}

fn next_words(server: &mut Server, key: ClientKey) -> Option<Words> {
    let client = server.clients.get_mut(key).filter(|client| client.life == Life::Open)?;
    let held = client.held.as_mut().filter(|held| held.waiting.is_none())?;
    let words = held.backlog.pop_front();
    match &words {
        Some(words) => {
            held.backlog_bytes = held.backlog_bytes.saturating_sub(cost(words));
        }
        None => client.held = None,
    }
    words
}

/// Serves those who wait for keys that have changed, until nobody can be served any more: being
/// served may itself bring something (BLMOVE).
pub(crate) fn serve_ready(server: &mut Server) {
    while !server.blocking.ready.is_empty() {
        for (db, name) in server.blocking.take_ready() {
            let mut at = 0;
            while let Some(key) = server.blocking.waiting_at(db, &name, at) {
                match serve_one(server, key, db, &name) {
                    Served::Missing => break,
                    // It stays where it is; perhaps the next wants what there is.
                    Served::OtherType => at += 1,
                    Served::Yes | Served::Refused => {}
                }
            }
        }
    }
}

/// Lets one client have what it wants of this key, if it is there.
fn serve_one(server: &mut Server, key: ClientKey, db: usize, name: &[u8]) -> Served {
    let held = server.clients.get_mut(key).and_then(|client| client.held.as_mut());
    let Some(Waiting::Keys { wish, command, .. }) = held.and_then(|held| held.waiting.as_ref())
    else {
        return Served::OtherType;
    };
    let (wish, command, started) = (wish.clone(), *command, server.clock.now());
    let mut outcome = Served::Missing;
    reply_to(server, key, |server, out| outcome = serve(server, db, name, &wish, out));
    if matches!(outcome, Served::Yes | Served::Refused) {
        let failed = outcome == Served::Refused;
        release(server, key);
        count(server, command, server.clock.now() - started, failed);
    }
    outcome
}

/// A call that waited has had its reply.
fn count(server: &mut Server, command: u16, took: Nanos, failed: bool) {
    let tracked = server.config.settings().latency_tracking;
    let stat = &mut server.command_stats[command as usize];
    stat.record(took, tracked);
    stat.failed += u64::from(failed);
    server.note_latency("command-unblocking", took);
}

/// Replies to a client that is not the one executing, unless it wants no replies.
fn reply_to(server: &mut Server, key: ClientKey, write: impl FnOnce(&mut Server, &mut Reply)) {
    let Some(mut out) = server.lend_reply(key) else { return };
    let mark = out.len();
    write(server, &mut out);
    server.count_error(&mut out);
    if let Some(client) = server.clients.get_mut(key)
        && out.len() > mark
        && client.reply_mode != ReplyMode::On
    {
        out.truncate(mark);
        if client.reply_mode == ReplyMode::Skip {
            client.reply_mode = ReplyMode::On;
        }
    }
    server.return_reply(key, out);
}

/// Lets a client go without what it wanted. False if it does not wait for something that can end so.
pub(crate) fn give_up(server: &mut Server, key: ClientKey, given: Given) -> bool {
    let held = server.clients.get(key).and_then(|client| client.held.as_ref());
    let (command, nothing): (u16, fn(&mut Reply)) = match held.and_then(|h| h.waiting.as_ref()) {
        Some(Waiting::Keys { command, .. }) => (*command, Reply::null_array),
        Some(Waiting::Replicas { command, .. }) => (*command, |out| out.integer(0)),
        Some(Waiting::Pause) | None => return false,
    };
    release(server, key);
    reply_to(server, key, |_, out| match given {
        Given::Error => out.error("UNBLOCKED client unblocked via CLIENT UNBLOCK"),
        Given::Up => nothing(out),
    });
    count(server, command, Nanos::ZERO, given == Given::Error);
    true
}

/// Lets those go whose time is up. Before the loop sleeps, as in Redis.
pub(crate) fn look_at_deadlines(server: &mut Server) {
    let now_ms = server.now_ms();
    while let Some(&(deadline_ms, key)) = server.blocking.deadlines.first() {
        if deadline_ms > now_ms {
            break;
        }
        if !give_up(server, key, Given::Up) {
            server.blocking.deadlines.remove(&(deadline_ms, key));
        }
    }
}

/// Ends a pause whose time is up.
pub(crate) fn end_pause(server: &mut Server) {
    if server.pause.is_some_and(|pause| pause.until_ms <= server.now_ms()) {
        server.pause = None;
        release_postponed(server);
    }
}

/// What was postponed is executed next, in its order.
pub(crate) fn release_postponed(server: &mut Server) {
    for key in std::mem::take(&mut server.blocking.postponed) {
        release(server, key);
    }
}
