//! How many calls and replies make one request of a command.
//!
//! Not the parsing of replies. Invariant: what follows a reply depends on the reply and the position of its call alone.

use aelab_resp::{ReplyKind, ScannedReply};

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
