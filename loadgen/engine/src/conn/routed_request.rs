//! A request to a cluster: its bytes are kept from the time it is due until it is answered, as it may have to be sent again.
//!
//! Not where it goes (see `group::router`). Invariant: `intended` never changes; `sent` is the first time it left.

use crate::clock::Nanos;
use crate::conn::request::{InFlight, Mark, UNSENT};

/// See the module.
#[derive(Debug)]
pub(crate) struct RoutedRequest {
    pub(crate) intended: Nanos,
    /// When its first byte first left, or [`UNSENT`].
    pub(crate) sent: Nanos,
    /// Index of its command.
    pub(crate) command: u16,
    pub(crate) bytes: Vec<u8>,
    /// The slot of its keys; `None` may go anywhere.
    pub(crate) slot: Option<u16>,
    /// How often it was sent elsewhere.
    pub(crate) redirects: u8,
    pub(crate) entry: Entry,
    /// See [`InFlight::new_key`].
    pub(crate) new_key: u64,
}

/// Whether a node must be told to take a request for a slot that it is only about to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Plain,
    Asking,
}

/// Sent before a request that a node is to take although the slot is not its own yet.
pub(crate) const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";
/// Most redirections of one request; one more is an error, as a cluster that sends it in circles is broken.
pub(crate) const REDIRECTS_MAX: u8 = 8;

impl RoutedRequest {
    /// A request that is due, in a buffer that may have been used before.
    pub(crate) const fn new(
        intended: Nanos,
        command: u16,
        bytes: Vec<u8>,
        slot: Option<u16>,
        new_key: u64,
    ) -> Self {
        let entry = Entry::Plain;
        Self { intended, sent: UNSENT, command, bytes, slot, redirects: 0, entry, new_key }
    }

    /// As a request that was on its way.
    pub(crate) const fn in_flight(&self) -> InFlight {
        InFlight {
            intended: self.intended,
            sent: if self.sent.0 == UNSENT.0 { self.intended } else { self.sent },
            start: 0,
            command: self.command,
            mark: Mark::Routed,
            is_gone: false,
            new_key: self.new_key,
        }
    }
}
