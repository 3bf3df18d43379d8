//! A request from its due time to its reply, and who is told how it ended.
//!
//! Not the bytes. Invariant: `intended` never changes.

use super::parcel::Parcel;
use super::slots::Redirect;
use crate::clock::Nanos;
use aelab_resp::ScannedReply;

/// The send time of what has not been sent.
pub(super) const UNSENT: Nanos = Nanos::MAX;

/// A request that is due and has no connection yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// When it is, or was, due.
    pub(super) intended: Nanos,
    /// Index of its command.
    pub(super) command: u16,
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    /// When it was due.
    pub(super) intended: Nanos,
    /// When its first byte left, or [`UNSENT`].
    pub(super) sent: Nanos,
    /// Stream position of its first byte, modulo 2^32.
    pub(super) start: u32,
    /// Index of its command.
    pub(super) command: u16,
    pub(super) mark: Mark,
}

/// What is special about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Plain,
    /// A call of a followed cursor; its [`Iteration`] waits in `iterations`.
    Call,
    /// Timed out and counted; its reply will be dropped.
    Gone,
    /// The same, for a call of a followed cursor.
    GoneCall,
    /// Of a cluster's; its [`Parcel`] waits in `parcels`.
    Routed,
    /// The same, with ASKING before it: two replies will come.
    Asking,
    /// Of a cluster's, timed out and counted.
    GoneRouted,
    /// The same, with ASKING before it.
    GoneAsking,
}

/// A followed cursor between two calls.
#[derive(Debug)]
pub(super) struct Iteration {
    pub(super) cursor: u64,
    pub(super) numbers: Vec<u64>,
}

/// What a connection reports about its requests.
pub(super) trait Sink {
    /// Answered, not with an error.
    fn ok(&mut self, request: &InFlight, reply: &ScannedReply);
    /// Answered with this error.
    fn error(&mut self, request: &InFlight, text: &[u8]);
    /// A further call follows a cursor.
    fn cursor_step(&mut self);
    /// Answered by a cluster with where to ask instead.
    fn redirected(&mut self, parcel: Parcel, redirect: Redirect);
    /// A request to a cluster is over.
    fn recycle(&mut self, parcel: Parcel);
}

impl InFlight {
    /// What it was before it had a connection.
    pub(super) const fn due(&self) -> Due {
        Due { intended: self.intended, command: self.command }
    }

    /// Whether it was counted as timed out already.
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self.mark, Mark::Gone | Mark::GoneCall | Mark::GoneRouted | Mark::GoneAsking)
    }
}
