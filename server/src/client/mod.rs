//! One client: its socket, what it has asked to be, what it has not finished sending or receiving.
//!
//! An idle client owns no buffer: reading goes through one buffer of the server, replies through
//! buffers lent from its pool, and everything rare (transactions, subscriptions, names) is boxed.
//! Invariant: a client is freed only between events (`Server::free_queued_clients`), never inside
//! a handler that may still hold its key.

use crate::blocking::Held;
use crate::command::{Args, CommandSpec, Protocol};
use crate::pubsub::Kind;
use aelab_resp::{ArgRange, RequestParser};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

/// Whether the connection is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Open,
    /// Read no more; close once the replies are out.
    CloseAfterReply,
    /// On the free queue: neither read nor write.
    Closing,
}

/// `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    On,
    Off,
    /// The next command's reply is to be left out.
    SkipNext,
    /// This command's reply is left out.
    Skip,
}

/// How the replies of a client are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Nothing to send.
    Idle,
    /// On the list that is flushed before the loop sleeps.
    Queued,
    /// The socket was full or the quantum used up: the write handler is installed.
    Blocked,
    /// With the thread that serves this client; what comes meanwhile is collected here.
    Lent,
}

/// Replies that have not left yet.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) buf: Vec<u8>,
    /// Bytes of `buf` that the kernel has taken already.
    pub(crate) sent: usize,
    /// Bytes that the client's thread has taken and not yet written, all of them.
    pub(crate) lent: usize,
    pub(crate) state: Sending,
    /// Since when the soft limit is exceeded (seconds).
    pub(crate) soft_since_s: Option<i64>,
}

impl Output {
    /// Bytes still to be sent; none while a command of this client runs, as the buffer is with the command then.
    pub(crate) fn pending(&self) -> usize {
        self.buf.len().saturating_sub(self.sent)
    }

    /// The same, with what its thread has taken: what limits and `CLIENT LIST` count.
    pub(crate) fn waiting(&self) -> usize {
        self.pending() + self.lent
    }
}

/// A command of which only a part has arrived.
#[derive(Default)]
pub(crate) struct Unfinished {
    pub(crate) buf: Vec<u8>,
    pub(crate) parser: RequestParser,
    pub(crate) args: Vec<ArgRange>,
}

/// A command's arguments, kept for later.
pub(crate) struct Words {
    bytes: Box<[u8]>,
    ranges: Box<[ArgRange]>,
}

impl Words {
    /// A copy of `args`.
    pub(crate) fn copy(args: Args<'_>) -> Words {
        let mut bytes = Vec::with_capacity(args.total_bytes());
        let mut ranges = Vec::with_capacity(args.len());
        for arg in args.from(0) {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(arg);
            ranges.push(ArgRange { start, end: bytes.len() as u32 });
        }
        Words { bytes: bytes.into_boxed_slice(), ranges: ranges.into_boxed_slice() }
    }

    /// The arguments.
    pub(crate) fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.ranges)
    }

    /// Bytes of the arguments.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// A command waiting for `EXEC`.
pub(crate) struct Queued {
    pub(crate) id: u16,
    pub(crate) spec: &'static CommandSpec,
    pub(crate) words: Words,
}

/// An open transaction.
#[derive(Default)]
pub(crate) struct Multi {
    pub(crate) queue: Vec<Queued>,
    pub(crate) bytes: usize,
    /// A command was refused while queueing: `EXEC` will refuse as well.
    pub(crate) refused: bool,
}

/// A key whose change fails the client's next `EXEC`.
pub(crate) struct Watched {
    pub(crate) db: usize,
    pub(crate) key: Box<[u8]>,
    /// It was there when it was watched; if it is gone at `EXEC` without a trace, it expired.
    pub(crate) existed: bool,
}

/// What a client listens to.
#[derive(Default)]
pub(crate) struct Subscriptions {
    channels: BTreeSet<Box<[u8]>>,
    patterns: BTreeSet<Box<[u8]>>,
    shards: BTreeSet<Box<[u8]>>,
}

impl Subscriptions {
    /// The names of a kind.
    pub(crate) const fn of(&self, kind: Kind) -> &BTreeSet<Box<[u8]>> {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shards,
        }
    }

    /// The same, to be changed.
    pub(crate) const fn of_mut(&mut self, kind: Kind) -> &mut BTreeSet<Box<[u8]>> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }
}

/// Everything that few clients have.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) name: Box<[u8]>,
    pub(crate) lib_name: Box<[u8]>,
    pub(crate) lib_ver: Box<[u8]>,
    pub(crate) watched: Vec<Watched>,
    /// A watched key has changed.
    pub(crate) watch_failed: bool,
    pub(crate) subscriptions: Subscriptions,
}

/// A client's socket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Closed with the client.
    Own(OwnedFd),
    /// Also in the hands of the thread that serves the client, which may be in a call on it.
    Shared(Arc<OwnedFd>),
}

impl Socket {
    /// What the client's thread is to use.
    pub(crate) fn shared(&self) -> Option<Arc<OwnedFd>> {
        match self {
            Socket::Own(_) => None,
            Socket::Shared(fd) => Some(Arc::clone(fd)),
        }
    }
}

impl AsFd for Socket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Own(fd) => fd.as_fd(),
            Socket::Shared(fd) => fd.as_fd(),
        }
    }
}

impl AsRawFd for Socket {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// See the module's text.
pub(crate) struct Client {
    pub(crate) fd: Socket,
    pub(crate) id: u64,
    /// `None` on a Unix socket.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) db: usize,
    pub(crate) protocol: Protocol,
    pub(crate) life: Life,
    pub(crate) reply_mode: ReplyMode,
    pub(crate) authenticated: bool,
    pub(crate) no_evict: bool,
    /// Its commands do not count as uses of their keys.
    pub(crate) no_touch: bool,
    pub(crate) created_s: i64,
    pub(crate) active_s: i64,
    pub(crate) last_command: Option<u16>,
    pub(crate) net_in: u64,
    pub(crate) net_out: u64,
    pub(crate) commands: u64,
    pub(crate) output: Output,
    /// What its buffers were last accounted for with.
    pub(crate) extra_bytes: usize,
    pub(crate) unfinished: Option<Box<Unfinished>>,
    pub(crate) multi: Option<Box<Multi>>,
    /// What it waits for, and the commands that wait with it.
    pub(crate) held: Option<Box<Held>>,
    extras: Option<Box<Extras>>,
}

impl Client {
    pub(crate) fn new(fd: Socket, id: u64, peer: Option<SocketAddr>, now_s: i64) -> Self {
        Client {
            fd,
            id,
            peer,
            db: 0,
            protocol: Protocol::Resp2,
            life: Life::Open,
            reply_mode: ReplyMode::On,
            authenticated: false,
            no_evict: false,
            no_touch: false,
            created_s: now_s,
            active_s: now_s,
            last_command: None,
            net_in: 0,
            net_out: 0,
            commands: 0,
            output: Output {
                buf: Vec::new(),
                sent: 0,
                lent: 0,
                state: Sending::Idle,
                soft_since_s: None,
            },
            extra_bytes: 0,
            unfinished: None,
            multi: None,
            held: None,
            extras: None,
        }
    }

    /// The rarely used part, if there is one.
    pub(crate) fn extras(&self) -> Option<&Extras> {
        self.extras.as_deref()
    }

    /// The rarely used part, made on demand.
    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// The name set with `CLIENT SETNAME`; empty without.
    pub(crate) fn name(&self) -> &[u8] {
        self.extras().map_or(&[], |extras| &extras.name)
    }

    /// How many channels and patterns it is subscribed to, those of shards included.
    pub(crate) fn subscription_count(&self) -> usize {
        // Asked before every command; hardly a client has extras.
        let Some(extras) = self.extras() else { return 0 };
        Kind::ALL.into_iter().map(|kind| extras.subscriptions.of(kind).len()).sum()
    }

    /// How many names of this kind it is subscribed to.
    pub(crate) fn subscribed_to(&self, kind: Kind) -> usize {
        self.extras().map_or(0, |extras| extras.subscriptions.of(kind).len())
    }

    /// Whether it waits for something.
    pub(crate) fn is_blocked(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.waiting.is_some())
    }

    /// Whether it is connected from this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.peer.is_none_or(|peer| peer.ip().to_canonical().is_loopback())
    }
}
