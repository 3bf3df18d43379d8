//! A request from its due time to its reply.
//!
//! Not the bytes. Invariant: `intended` never changes.

use crate::clock::Nanos;

/// The send time of what has not been sent.
pub(crate) const UNSENT: Nanos = Nanos::MAX;

/// A request that is due and has no connection yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// When it is, or was, due.
    pub(crate) intended: Nanos,
    /// Index of its command.
    pub(crate) command: u16,
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight {
    /// When it was due.
    pub(crate) intended: Nanos,
    /// When its first byte left, or [`UNSENT`].
    pub(crate) sent: Nanos,
    /// Stream position of its first byte, modulo 2^32.
    pub(crate) start: u32,
    /// Index of its command.
    pub(crate) command: u16,
    pub(crate) mark: Mark,
    /// Timed out and counted; what still comes for it will be dropped.
    pub(crate) is_gone: bool,
    /// The first new key that it inserts, counted from the first of its thread, or none.
    pub(crate) new_key: u64,
}

/// How its replies are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// One reply.
    Plain,
    /// As many replies as its commands, which were sent together.
    Several,
    /// Further calls may follow its reply; its [`Iteration`] waits in `iterations`.
    Call,
    /// Of a cluster's; its bytes wait in `routed`.
    Routed,
    /// The same, with ASKING before it: two replies will come.
    Asking,
}

/// A request between two of its calls.
#[derive(Debug)]
pub(crate) struct Iteration {
    /// A cursor, the first index of a page, or the number of a command.
    pub(crate) position: u64,
    pub(crate) numbers: Vec<u64>,
}

impl InFlight {
    /// What it was before it had a connection.
    pub(crate) const fn due(&self) -> Due {
        Due { intended: self.intended, command: self.command }
    }
}
