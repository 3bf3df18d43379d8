//! Many clients on few connections: matches each reply to its client.
//!
//! No sockets, no clock: bytes of clients and of upstream connections go in, bytes for either come out of their outboxes. A
//! connection replies in the order of its requests, so a queue of clients per connection gives the client of the next reply. A
//! client with replies outstanding keeps to one connection; otherwise the least busy one serves it. Invariant: a client gets
//! exactly the replies to its own commands, in its own order, whatever happens to other clients.

mod local;

use crate::relay::outbox::Outbox;
use crate::relay::policy::{self, Decision, Local, Reason};
use crate::relay::{Credentials, ShareStats};
use aelab_resp::{ArgRange, Parsed, ReplyKind, ReplyScanner, RequestLimits, RequestParser, encode};
use std::collections::{HashMap, VecDeque};

/// Longest request in bytes. It is passed on only when it is complete, so it has to be held.
const REQUEST_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Bytes waiting for a peer above which the sources of more are not read.
const OUTBOX_FULL_BYTES: usize = 1024 * 1024;
/// Outstanding replies of one client at which it is not read: each costs a few bytes, also those of refused commands.
const SLOTS_FULL: usize = 64 * 1024;
/// Unread replies at which a client is given up. The connection cannot wait for one client without stopping all others.
const UNREAD_MAX_BYTES: usize = 64 * 1024 * 1024;

/// A client, never reused.
pub(crate) type ClientId = u64;

/// A client or connection that needs the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    /// It has something to send, or is to be closed.
    Client(ClientId),
    /// The connection of this number has something to send, or is to be closed.
    Upstream(usize),
}

/// What happens to a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Goes on.
    Open,
    /// Is closed when its outbox is empty.
    Finish,
    /// Is closed at once.
    Drop,
}

/// Why an upstream connection cannot be used any longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// It does not speak RESP.
    #[error("upstream does not speak the Redis protocol ({0}); check --upstream")]
    Protocol(aelab_resp::ProtocolError),
    /// It sent a reply without a request.
    #[error("upstream said '{0}' unasked; is its client limit reached?")]
    Unasked(String),
    /// It refused the relay's password.
    #[error("upstream refused the login: {0}; check --user and --password")]
    Login(String),
}

/// Something still to be sent to a client, in order.
#[derive(Debug)]
enum Slot {
    /// The next reply that arrives for it.
    Reply,
    /// A reply of the relay's own.
    Local(Vec<u8>),
    /// Nothing: the client ends here.
    Close,
}

#[derive(Debug)]
struct Client {
    inbox: Vec<u8>,
    parser: RequestParser,
    limits: RequestLimits,
    out: Outbox,
    /// Empty, or begins with a reply that is still to come.
    slots: VecDeque<Slot>,
    /// The connection that its outstanding replies come from.
    upstream: usize,
    fate: Fate,
    /// No more commands are read: it has ended its stream, said QUIT, or broken the protocol.
    input: Input,
    touched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Client(ClientId),
    /// The relay's own AUTH.
    Login,
}

#[derive(Debug, Default)]
struct Upstream {
    out: Outbox,
    scanner: ReplyScanner,
    owners: VecDeque<Owner>,
    link: Link,
    touched: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Link {
    /// Nothing was sent since it was last lost.
    #[default]
    Down,
    /// In use, or wanted.
    Up,
}

/// The clients and the shared connections; see the module.
#[derive(Debug)]
pub(crate) struct Share {
    clients: HashMap<ClientId, Client>,
    next_client: ClientId,
    upstreams: Vec<Upstream>,
    credentials: Option<Credentials>,
    touched: Vec<Touched>,
    args: Vec<ArgRange>,
    pub(crate) stats: ShareStats,
}

impl Share {
    /// Shares `count` connections. With credentials, clients must log in with the same before their commands are passed on.
    pub(crate) fn new(count: usize, credentials: Option<Credentials>) -> Self {
        Self {
            clients: HashMap::new(),
            next_client: 1,
            upstreams: (0..count).map(|_| Upstream::default()).collect(),
            credentials,
            touched: Vec::new(),
            args: Vec::new(),
            stats: ShareStats::default(),
        }
    }

    /// A client has connected.
    pub(crate) fn open_client(&mut self) -> ClientId {
        let id = self.next_client;
        self.next_client += 1;
        let client = Client {
            inbox: Vec::new(),
            parser: RequestParser::default(),
            limits: limits(self.credentials.is_some()),
            out: Outbox::default(),
            slots: VecDeque::new(),
            upstream: 0,
            fate: Fate::Open,
            input: Input::Open,
            touched: false,
        };
        self.clients.insert(id, client);
        id
    }

    /// Whether bytes of this client should be read now.
    pub(crate) fn wants_client_bytes(&self, id: ClientId) -> bool {
        self.clients.get(&id).is_some_and(|client| {
            // With nothing outstanding it may go to any connection, so the least busy one decides.
            let upstream =
                if client.slots.is_empty() { self.least_busy() } else { client.upstream };
            client.input == Input::Open
                && client.slots.len() < SLOTS_FULL
                && client.out.len() < OUTBOX_FULL_BYTES
                && self.upstreams[upstream].out.len() < OUTBOX_FULL_BYTES
        })
    }

    /// Bytes of a client have arrived.
    pub(crate) fn client_bytes(&mut self, id: ClientId, bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.input == Input::Ended {
            return;
        }
        let mut inbox = std::mem::take(&mut client.inbox);
        inbox.extend_from_slice(bytes);
        let used = self.run_commands(id, &mut inbox);
        inbox.drain(..used);
        if inbox.is_empty() {
            inbox.shrink_to(OUTBOX_FULL_BYTES);
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.inbox = inbox;
        }
    }

    /// Runs the complete commands of `inbox`; returns the bytes they took.
    fn run_commands(&mut self, id: ClientId, inbox: &mut [u8]) -> usize {
        let mut at = 0;
        let mut args = std::mem::take(&mut self.args);
        while at < inbox.len() {
            let Some(client) = self.clients.get_mut(&id) else { break };
            if client.input == Input::Ended {
                break;
            }
            let rest = &mut inbox[at..];
            match client.parser.parse(rest, &client.limits, &mut args) {
                Ok(Parsed::Incomplete) => {
                    if rest.len() > REQUEST_MAX_BYTES {
                        self.refuse_rest(id, b"ERR Protocol error: too big request for a relay that shares connections");
                    }
                    break;
                }
                Ok(Parsed::Empty { consumed }) => at += consumed,
                Ok(Parsed::Command { consumed }) => {
                    self.run_command(id, &rest[..consumed], &args);
                    at += consumed;
                }
                Err(error) => {
                    let mut text = b"ERR Protocol error: ".to_vec();
                    error.write_text(&mut text);
                    self.refuse_rest(id, &text);
                    break;
                }
            }
        }
        self.args = args;
        at
    }

    /// The client broke the protocol: it gets an error after its outstanding replies, and is closed.
    fn refuse_rest(&mut self, id: ClientId, text: &[u8]) {
        self.answer(id, |out| encode::error(out, text));
        self.end_input(id);
    }

    fn run_command(&mut self, id: ClientId, raw: &[u8], args: &[ArgRange]) {
        let words = || args.iter().map(|arg| arg.of(raw));
        let decision = policy::decide(words());
        let needs_login = match decision {
            Decision::Local(local) => matches!(local, Local::ClientId | Local::Ok),
            Decision::Forward | Decision::Refuse(_) => true,
        };
        if needs_login && self.is_stranger(id) {
            self.stats.commands_refused += 1;
            return self.answer(id, |out| encode::error(out, b"NOAUTH Authentication required."));
        }
        match decision {
            Decision::Local(local) => {
                self.stats.commands_answered += 1;
                let words: Vec<&[u8]> = words().collect();
                self.run_local(id, local, &words);
            }
            Decision::Refuse(reason) => {
                self.stats.commands_refused += 1;
                self.refuse(id, args[0].of(raw), reason);
            }
            Decision::Forward => self.forward(id, raw, args),
        }
    }

    fn refuse(&mut self, id: ClientId, name: &[u8], reason: Reason) {
        let name: String = String::from_utf8_lossy(name).to_ascii_uppercase();
        let text = format!(
            "ERR {name} does not work over a shared connection: {}. Connect to the server itself, or run the relay without --share",
            reason.text()
        );
        self.answer(id, |out| encode::error(out, text.as_bytes()));
    }

    fn forward(&mut self, id: ClientId, raw: &[u8], args: &[ArgRange]) {
        let least_busy = self.least_busy();
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.slots.is_empty() {
            client.upstream = least_busy;
        }
        client.slots.push_back(Slot::Reply);
        let index = client.upstream;
        let upstream = &mut self.upstreams[index];
        if upstream.link == Link::Down {
            upstream.link = Link::Up;
            if let Some(credentials) = &self.credentials {
                credentials.write_auth(upstream.out.tail());
                upstream.owners.push_back(Owner::Login);
            }
        }
        upstream.owners.push_back(Owner::Client(id));
        if raw.first() == Some(&b'*') {
            upstream.out.tail().extend_from_slice(raw);
        } else {
            // The parser has unescaped an inline command where it lay.
            let words: Vec<&[u8]> = args.iter().map(|arg| arg.of(raw)).collect();
            encode::command(upstream.out.tail(), &words);
        }
        self.stats.commands_forwarded += 1;
        self.touch_upstream(index);
    }

    fn least_busy(&self) -> usize {
        let busy = |index: &usize| self.upstreams[*index].owners.len();
        (0..self.upstreams.len()).min_by_key(busy).unwrap_or(0)
    }

    /// Adds a reply of the relay's own after the client's outstanding replies.
    fn answer(&mut self, id: ClientId, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.slots.is_empty() {
            write(client.out.tail());
        } else {
            let mut text = Vec::new();
            write(&mut text);
            client.slots.push_back(Slot::Local(text));
        }
        self.touch_client(id);
    }

    /// The client sends no more; it still gets its outstanding replies.
    pub(crate) fn end_input(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.input == Input::Ended {
            return;
        }
        client.input = Input::Ended;
        client.slots.push_back(Slot::Close);
        client.settle();
        self.touch_client(id);
    }

    /// The client has disconnected. Its replies are discarded when they arrive.
    pub(crate) fn close_client(&mut self, id: ClientId) {
        self.clients.remove(&id);
    }

    /// What happens to a client; an unknown one is closed.
    pub(crate) fn fate(&self, id: ClientId) -> Fate {
        self.clients.get(&id).map_or(Fate::Drop, |client| client.fate)
    }

    /// Bytes for a client.
    pub(crate) fn client_out(&mut self, id: ClientId) -> Option<&mut Outbox> {
        self.clients.get_mut(&id).map(|client| &mut client.out)
    }

    /// Bytes for an upstream connection. If there is no connection and there are bytes, one is wanted.
    pub(crate) fn upstream_out(&mut self, index: usize) -> &mut Outbox {
        &mut self.upstreams[index].out
    }

    /// Bytes of an upstream connection have arrived.
    ///
    /// # Errors
    /// The connection cannot be used any longer; the caller closes it and calls [`Self::lose_upstream`].
    pub(crate) fn upstream_bytes(&mut self, index: usize, bytes: &[u8]) -> Result<(), Broken> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let upstream = &mut self.upstreams[index];
            let Some(owner) = upstream.owners.front().copied() else {
                let said = rest.split(|byte| *byte == b'\r').next().unwrap_or_default();
                let said = said.get(..said.len().min(80)).unwrap_or_default();
                return Err(Broken::Unasked(String::from_utf8_lossy(said).into_owned()));
            };
            let (used, reply) = upstream.scanner.scan(rest).map_err(Broken::Protocol)?;
            let (piece, after) = rest.split_at(used);
            rest = after;
            if let (Owner::Login, Some(reply)) = (owner, reply)
                && reply.kind == ReplyKind::Error
            {
                let text = String::from_utf8_lossy(upstream.scanner.head()).into_owned();
                return Err(Broken::Login(text));
            }
            if reply.is_some() {
                upstream.owners.pop_front();
            }
            if let Owner::Client(id) = owner {
                self.deliver(id, piece, reply.is_some());
            }
        }
        Ok(())
    }

    /// Hands a client a piece of the reply it waits for.
    fn deliver(&mut self, id: ClientId, piece: &[u8], is_last: bool) {
        let Some(client) = self.clients.get_mut(&id) else {
            self.stats.replies_orphaned += u64::from(is_last);
            return;
        };
        debug_assert!(
            matches!(client.slots.front(), Some(Slot::Reply)),
            "a reply without a request"
        );
        client.out.tail().extend_from_slice(piece);
        if is_last {
            client.slots.pop_front();
            client.settle();
        }
        if client.out.len() > UNREAD_MAX_BYTES && client.fate != Fate::Drop {
            client.fate = Fate::Drop;
            self.stats.clients_dropped += 1;
        }
        self.touch_client(id);
    }

    /// The connection is lost. Clients that wait for its replies lose their own connections, as without a relay: it is unknown
    /// which of their commands were executed.
    pub(crate) fn lose_upstream(&mut self, index: usize) {
        let upstream = &mut self.upstreams[index];
        upstream.out.clear();
        upstream.scanner = ReplyScanner::default();
        upstream.link = Link::Down;
        for owner in std::mem::take(&mut upstream.owners) {
            let Owner::Client(id) = owner else { continue };
            let Some(client) = self.clients.get_mut(&id) else { continue };
            if client.fate != Fate::Drop {
                client.fate = Fate::Drop;
                self.stats.clients_dropped += 1;
            }
            self.touch_client(id);
        }
    }

    /// Clients and connections that need attention since the last call; each once.
    pub(crate) fn take_touched(&mut self) -> Vec<Touched> {
        for touched in &self.touched {
            match *touched {
                Touched::Upstream(index) => self.upstreams[index].touched = false,
                Touched::Client(id) => {
                    if let Some(client) = self.clients.get_mut(&id) {
                        client.touched = false;
                    }
                }
            }
        }
        std::mem::take(&mut self.touched)
    }

    fn touch_client(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id)
            && !client.touched
        {
            client.touched = true;
            self.touched.push(Touched::Client(id));
        }
    }

    fn touch_upstream(&mut self, index: usize) {
        if !self.upstreams[index].touched {
            self.upstreams[index].touched = true;
            self.touched.push(Touched::Upstream(index));
        }
    }
}

impl Client {
    /// Sends what no longer waits behind an outstanding reply.
    fn settle(&mut self) {
        loop {
            match self.slots.front() {
                None | Some(Slot::Reply) => return,
                Some(Slot::Local(text)) => self.out.tail().extend_from_slice(text),
                Some(Slot::Close) => {
                    if self.fate == Fate::Open {
                        self.fate = Fate::Finish;
                    }
                }
            }
            self.slots.pop_front();
        }
    }
}

/// What a client may do before and after it has logged in.
fn limits(is_stranger: bool) -> RequestLimits {
    let limits =
        if is_stranger { RequestLimits::unauthenticated() } else { RequestLimits::default() };
    RequestLimits { bulk_max_bytes: REQUEST_MAX_BYTES, ..limits }
}
