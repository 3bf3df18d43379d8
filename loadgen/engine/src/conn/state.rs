//! Where a connection stands, and what can come of bytes that arrive on it.
//!
//! Only the words; `conn` moves from one to the next.
//!
//! ```text
//! Idle ─▶ Connecting ─▶ Handshaking ─▶ Ready ─▶ Closed
//!              │              │          │        ▲
//!              └──────────────┴──────────┴─▶ Backoff ─▶ Connecting …
//! ```

use crate::clock::Nanos;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not begun.
    Idle,
    /// The kernel is opening it.
    Connecting {
        /// Since when.
        since: Nanos,
    },
    /// Open; some replies of the handshake are still to come.
    Handshaking {
        /// When it began to connect.
        since: Nanos,
        /// Handshake replies that have come, and that are expected in all.
        step: u8,
        /// See `step`.
        steps: u8,
    },
    /// Takes requests.
    Ready,
    /// Lost; waits before it tries again.
    Backoff {
        /// When it tries again.
        until: Nanos,
    },
    /// Gone for good.
    Closed,
}

/// Why a connection is being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It never was open.
    First,
    /// It was lost at this time.
    Back {
        /// When.
        since: Nanos,
    },
    /// It had served its number of requests at this time.
    Renewed {
        /// When.
        since: Nanos,
    },
}

/// Why a connection cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server answered the handshake with an error.
    Refused(String),
    /// The bytes are not RESP.
    NotResp(String),
    /// A reply to no request came.
    Unexpected(String),
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// The server, or whatever lies between.
    Theirs,
    /// We did: the bytes could not be understood.
    Unreadable,
    /// We did: a request had no reply within its time limit.
    Overdue,
}

/// The effect of received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing was completed.
    Partial,
    /// The handshake is over; it had begun to connect at this time.
    Ready {
        /// When it began to connect.
        since: Nanos,
    },
    /// Some requests were completed, or went on to their next call.
    Replies,
}
