//! What the connections of a group receive besides replies.
//!
//! Not the recording. Invariant: a group that waits for data or messages has one receiver per connection.

use crate::plan::Reception;
use crate::workload::message_stamp::{Claim, Receiver};

/// See the module.
#[derive(Debug)]
pub(crate) enum Inbox {
    /// Nothing: requests are answered.
    Replies,
    /// Stamped messages, by connection.
    Stamped(Vec<Receiver>),
}

impl Inbox {
    /// For so many connections.
    pub(super) fn new(reception: Reception, connections: u64) -> Self {
        let claim = match reception {
            Reception::Replies => return Self::Replies,
            Reception::Data => Claim::Share,
            Reception::Messages => Claim::All,
        };
        Self::Stamped((0..connections).map(|_| Receiver::new(claim)).collect())
    }

    /// Whether bytes may come that answer no request.
    pub(crate) const fn has_receivers(&self) -> bool {
        matches!(self, Self::Stamped(_))
    }

    /// The receiver of connection `number` of the share, if it has one.
    #[inline]
    pub(crate) fn receiver(&mut self, number: u32) -> Option<&mut Receiver> {
        match self {
            Self::Replies => None,
            Self::Stamped(receivers) => receivers.get_mut(number as usize),
        }
    }
}
