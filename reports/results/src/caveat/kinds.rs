//! What a doubt depends on beside its figures: remedies differ by it.
//!
//! No texts and no limits.

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
    /// As a rate of its own says, or when replies have come.
    Own,
}

/// What kept the load generator from looking at what had come, and from sending what was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Others: it had no processor, or was stopped.
    Kept,
    /// Itself: it was running all the while, with one thing that took long, as copying a huge value does.
    Busy,
}

/// What listeners waited for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// Data that a command waits for.
    Data,
    /// Messages.
    Messages,
    /// Marks in the messages that came, which say when they were sent.
    Marks,
    /// To be let in: all of their requests ended in errors, most often this one.
    Entry(String),
}
