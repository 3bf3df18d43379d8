//! What became of stamped messages.
//!
//! Not their times. Invariant: each delivery is counted once.

/// What became of the messages that subscribers and waiting commands should get, warm-up included. Only messages with a
/// `{stamp}` of this run count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Delivered, each once for each receiver.
    pub received: u64,
    /// Those of them that were due in the measurement: the samples of the response time.
    pub measured: u64,
    /// Missing before one that came; what is missing after the last is not known. Not judged where receivers share.
    pub lost: u64,
    /// Delivered again.
    pub duplicated: u64,
    /// Delivered after a later one of the same sender.
    pub out_of_order: u64,
    /// With a stamp of another run: left over in a list.
    pub foreign: u64,
}

impl DeliveryCounts {
    /// Adds another thread's counts.
    pub const fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.measured += other.measured;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.foreign += other.foreign;
    }
}
