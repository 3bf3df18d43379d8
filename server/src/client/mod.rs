//! One client: its socket, its state, and its unfinished input and output.
//!
//! An idle client owns no buffer: reading goes through one buffer of the server, replies through
//! buffers lent from its pool, and everything rare (transactions, subscriptions, names) is boxed.
//! Invariant: a client is freed only between events (`run::free_queued_clients`), never inside a
//! handler that may still hold its key.

mod key;
mod socket;
mod subscriptions;
mod waiting;

pub(crate) use key::{ClientKey, data_of, key_of};
pub(crate) use socket::{Pass, READ_QUANTUM_BYTES, Socket, Unfinished, fill, push};
pub(crate) use subscriptions::{Kind, Subscriptions};
pub(crate) use waiting::{Blocking, Held, PopRequest, UnblockReason, Waiting};

use crate::args::Words;
use crate::reply::Protocol;
use std::net::SocketAddr;

/// Whether the connection stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Open,
    /// No more reads; closed once all replies are sent.
    CloseAfterReply,
    /// On the free queue: neither read nor write.
    Closing,
}

/// `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    On,
    Off,
    /// The reply to the next command is suppressed.
    SkipNext,
    /// The reply to this command is suppressed.
    Skip,
}

/// State of a client's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Nothing to send.
    Idle,
    /// On the list that is flushed before the loop sleeps.
    Queued,
    /// The socket was full or the quantum used up: the write handler is installed.
    Blocked,
    /// The thread that serves this client is sending; replies from elsewhere are collected here.
    Lent,
}

/// Replies that are not sent yet.
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
    /// Bytes still to be sent. Zero while a command of this client runs, because the command has the buffer.
    pub(crate) fn pending(&self) -> usize {
        self.buf.len().saturating_sub(self.sent)
    }

    /// The same, with what its thread has taken: what limits and `CLIENT LIST` count.
    pub(crate) fn waiting(&self) -> usize {
        self.pending() + self.lent
    }
}

/// A command waiting for `EXEC`.
pub(crate) struct Queued {
    /// Its place in the command table.
    pub(crate) id: u16,
    /// Its flags there.
    pub(crate) flags: u32,
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
    /// The key existed when it was watched. If it does not at `EXEC`, and was not changed, it expired.
    pub(crate) existed: bool,
}

/// State that few clients have.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) name: Box<[u8]>,
    pub(crate) lib_name: Box<[u8]>,
    pub(crate) lib_ver: Box<[u8]>,
    pub(crate) watched: Vec<Watched>,
    /// A watched key has changed.
    pub(crate) watch_failed: bool,
    pub(crate) subscriptions: Subscriptions,
    /// Bytes of the names that it watches or is subscribed to: [`name_bytes`] of each.
    pub(crate) names_bytes: usize,
}

/// Memory of a name that the server keeps for a client: in the client and in the list of the name.
pub(crate) fn name_bytes(name: &[u8]) -> usize {
    /// Two boxes, a node of a tree and a slot of a hash table with its list.
    const OVERHEAD: usize = 160;
    2 * name.len() + OVERHEAD
}

/// What `CLIENT LIST` shows as totals.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Bytes read from the client.
    pub(crate) net_in: u64,
    /// Bytes that the kernel has taken for it.
    pub(crate) net_out: u64,
    pub(crate) commands: u64,
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
    pub(crate) counters: Counters,
    pub(crate) output: Output,
    /// Bytes of its buffers when they were last accounted for.
    pub(crate) extra_bytes: usize,
    pub(crate) unfinished: Option<Box<Unfinished>>,
    pub(crate) multi: Option<Box<Multi>>,
    /// What it waits for, and its backlog of commands.
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
            counters: Counters::default(),
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
        // Checked before every command; few clients have extras.
        let Some(extras) = self.extras() else { return 0 };
        Kind::ALL.into_iter().map(|kind| extras.subscriptions.of(kind).len()).sum()
    }

    /// How many names of this kind it is subscribed to.
    pub(crate) fn subscribed_to(&self, kind: Kind) -> usize {
        self.extras().map_or(0, |extras| extras.subscriptions.of(kind).len())
    }

    /// Bytes that it takes, with its buffers and its queued commands: `tot-mem` of `CLIENT LIST`.
    pub(crate) fn memory_bytes(&self) -> usize {
        let unfinished = self.unfinished.as_deref().map_or(0, |u| u.buf.capacity());
        let multi = self.multi.as_deref().map_or(0, |multi| multi.bytes);
        let held = self.held.as_deref().map_or(0, |held| held.backlog_bytes + held.keys_bytes);
        let extras = self.extras().map_or(0, |extras| size_of::<Extras>() + extras.names_bytes);
        size_of::<Client>() + held + extras + self.output.buf.capacity() + unfinished + multi
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
