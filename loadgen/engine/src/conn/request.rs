//! A request from its due time to its reply, and who is told how it ended.
//!
//! Not the bytes. Invariant: `intended` never changes.

use crate::clock::Nanos;
use crate::conn::routed_request::Parcel;
use crate::plan::cluster_slots::Redirect;
use aelab_resp::{ReplyKind, ScannedReply};

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
    /// Of a cluster's; its [`Parcel`] waits in `parcels`.
    Routed,
    /// The same, with ASKING before it: two replies will come.
    Asking,
}

/// How many calls and replies make one request of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One each.
    Plain,
    /// Several commands, sent together: as many replies.
    Together(u32),
    /// Several commands, each sent after the reply to the one before.
    InTurn(u32),
    /// Calls until the cursor in the reply is 0.
    Cursor,
    /// Calls for pages of this size, until one comes that is not full.
    Pages(u64),
}

/// What follows the reply to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: the request is over.
    Done,
    /// A call at this position.
    Call(u64),
    /// The reply is none of its kind.
    Wrong(&'static [u8]),
}

impl Shape {
    /// How many replies come for what is sent at once.
    pub(crate) const fn replies(self) -> u32 {
        match self {
            Self::Together(count) => count,
            _ => 1,
        }
    }

    /// What follows a reply that is no error to the call at `position`; `head` is its first text.
    pub(crate) fn next(self, position: u64, reply: &ScannedReply, head: &[u8]) -> Next {
        match self {
            Self::Plain | Self::Together(_) => Next::Done,
            Self::InTurn(count) if position + 1 < u64::from(count) => Next::Call(position + 1),
            Self::InTurn(_) => Next::Done,
            Self::Cursor => {
                match std::str::from_utf8(head).ok().and_then(|text| text.parse().ok()) {
                    Some(0) => Next::Done,
                    Some(cursor) => Next::Call(cursor),
                    None => Next::Wrong(b"NOCURSOR the reply has no cursor"),
                }
            }
            // RESP2 gives members and scores in one flat array.
            Self::Pages(size) if reply.kind == ReplyKind::Array => {
                if reply.integer.unsigned_abs() < size {
                    Next::Done
                } else {
                    Next::Call(position.saturating_add(size))
                }
            }
            Self::Pages(_) => Next::Wrong(b"NOPAGE the reply is no array"),
        }
    }
}

/// A request between two of its calls.
#[derive(Debug)]
pub(crate) struct Iteration {
    /// A cursor, the first index of a page, or the number of a command.
    pub(crate) position: u64,
    pub(crate) numbers: Vec<u64>,
}

/// What a connection reports about its requests.
pub(crate) trait Sink {
    /// Answered, not with an error.
    fn ok(&mut self, request: &InFlight, reply: &ScannedReply);
    /// Answered with this error.
    fn error(&mut self, request: &InFlight, text: &[u8]);
    /// A whole reply of so many bytes came for a request of this command.
    fn received(&mut self, command: u16, bytes: u64);
    /// How the replies of a command are to be read.
    fn shape(&self, command: u16) -> Shape;
    /// Whether messages may come that answer no request.
    fn takes_messages(&self) -> bool;
    /// A further call follows a reply.
    fn cursor_step(&mut self);
    /// Answered by a cluster with where to ask instead.
    fn redirected(&mut self, parcel: Parcel, redirect: Redirect);
    /// A request to a cluster is over.
    fn recycle(&mut self, parcel: Parcel);
}

impl InFlight {
    /// What it was before it had a connection.
    pub(crate) const fn due(&self) -> Due {
        Due { intended: self.intended, command: self.command }
    }
}
