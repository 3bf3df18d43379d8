//! What a caveat depends on beside its figures: remedies differ by it.
//!
//! No sentences and no limits.

use std::fmt;

/// What sets the pace of a load: remedies differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A schedule: an open loop.
    Schedule,
    /// The replies: a closed loop has no rate to lower.
    Replies,
}

/// What a reader can change about how a load reaches the server: remedies differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Means {
    /// Connections, a pipeline, a warm-up.
    #[default]
    Connections,
    /// The size of an emulated pool, in place of a number of connections.
    Pool,
    /// A capture: connections and the warm-up are its own.
    Capture {
        /// Of the times at which requests are due.
        times: CaptureTimes,
    },
}

/// When the requests of a capture are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureTimes {
    /// As captured, slower or faster.
    Captured,
    /// At a rate of its own, or after the replies.
    Own,
}

/// Why the load generator did not read replies and did not send due requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It had no CPU, or was stopped.
    Kept,
    /// It was running, but busy with one long operation, such as copying a huge value.
    Busy,
}

/// What subscribers and blocking commands did not receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// Data that a command waits for.
    Data,
    /// Messages.
    Messages,
    /// Messages arrived, but without the time when they were sent.
    Marks,
    /// All of their requests ended in errors, most often this one.
    Entry(String),
}

/// How far a run came before it ended, and how far it was to go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reached {
    /// A number of requests.
    Requests {
        /// That were made.
        made: u64,
        /// That were asked for.
        asked: u64,
    },
    /// A length of the measurement.
    Seconds {
        /// That it took.
        made: f64,
        /// That was asked for.
        asked: f64,
    },
}

impl Reached {
    /// What was reached and what was asked for, as plain numbers.
    pub(crate) const fn numbers(self) -> (f64, f64) {
        match self {
            Self::Requests { made, asked } => (made as f64, asked as f64),
            Self::Seconds { made, asked } => (made, asked),
        }
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests { made, asked } => write!(f, "{made} of {asked} requests"),
            Self::Seconds { made, asked } => write!(f, "{made:.1} of {asked:.1} s"),
        }
    }
}
