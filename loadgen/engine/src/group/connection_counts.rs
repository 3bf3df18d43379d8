//! What became of the connections of one share of a group, in all and by server.
//!
//! Not the connections. Invariant: every attempt to open one, every loss and every return is counted once.

use crate::conn::state::{Fault, Parting};
use crate::record::live::Phase;
use crate::record::result::{ConnectionCounts, OpeningTimes};

/// What became of a share's connections.
#[derive(Debug)]
pub(crate) struct Connections {
    wanted: u64,
    pub(crate) counts: ConnectionCounts,
    /// The same by server.
    pub(crate) endpoints: Vec<EndpointCounts>,
    pub(crate) failures: Vec<(String, u64)>,
    pub(crate) refused: bool,
    pub(crate) unexpected: u64,
    /// The first reason why bytes on an open connection could not be understood.
    pub(crate) unreadable: Option<String>,
    pub(crate) opening: OpeningTimes,
    /// Connections that will never be ready again.
    pub(crate) closed: usize,
    /// The run goes on for this share, as long as it has a connection.
    pub(crate) is_needed: bool,
}

impl Connections {
    /// Of this many connections, none of which has begun; `wanted` of them should be ready at the first chance. The run goes on
    /// for them if they are needed.
    pub(crate) fn new(connections: u64, wanted: u64, is_needed: bool) -> Self {
        Self {
            wanted,
            counts: ConnectionCounts { asked: connections, ..ConnectionCounts::default() },
            endpoints: Vec::new(),
            failures: Vec::new(),
            refused: false,
            unexpected: 0,
            unreadable: None,
            opening: OpeningTimes::default(),
            closed: 0,
            is_needed,
        }
    }

    /// Whether none is left, and none will be opened.
    pub(crate) const fn are_gone(&self) -> bool {
        self.closed as u64 == self.counts.asked
    }

    /// Whether the last one has gone that the run went on for. True once.
    pub(crate) const fn become_gone(&mut self) -> bool {
        let is_over = self.is_needed && self.are_gone();
        if is_over {
            self.is_needed = false;
        }
        is_over
    }

    /// What is not ready now counts as failed.
    pub(crate) const fn note_failed(&mut self) {
        self.counts.failed = self.wanted.saturating_sub(self.counts.established);
    }

    /// A connection that took requests is gone, in this phase. What we ended ourselves while measuring is counted apart.
    pub(crate) fn note_lost(&mut self, parting: Parting, reason: &str, phase: Phase) {
        self.counts.lost += 1;
        let is_early = (phase as u8) < Phase::Measure as u8;
        self.counts.lost_in_warmup += u64::from(is_early);
        let is_measured = u64::from(!is_early);
        match parting {
            Parting::Theirs => {}
            Parting::Overdue => self.counts.overdue += is_measured,
            Parting::Unreadable => {
                self.counts.unreadable += is_measured;
                self.unreadable.get_or_insert_with(|| reason.to_owned());
            }
        }
    }

    /// Notes why a connection cannot go on, in words.
    pub(crate) fn note_fault(&mut self, fault: &Fault) -> String {
        match fault {
            Fault::Refused(reason) => {
                self.refused = true;
                reason.clone()
            }
            Fault::NotResp(reason) => {
                self.refused = true;
                format!("the answer is not RESP: {reason}")
            }
            Fault::Unexpected(head) => {
                self.refused = true;
                self.unexpected += 1;
                match head.is_empty() {
                    true => "a reply to no request".to_owned(),
                    false => format!("a reply to no request: '{head}'"),
                }
            }
        }
    }
}

/// What became of the connections to one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EndpointCounts {
    pub(crate) name: String,
    asked: u64,
    pub(crate) established: u64,
    pub(crate) lost: u64,
    pub(crate) reconnects: u64,
    /// Attempts that came to nothing, and why the first did.
    pub(crate) failed_attempts: Option<(u64, String)>,
    /// Whether any connection was ready.
    pub(crate) is_reached: bool,
}

impl EndpointCounts {
    /// Of this many connections, none of which has begun.
    pub(crate) fn of(name: String, asked: u64) -> Self {
        Self { name, asked, ..Self::default() }
    }

    /// A connection could not be opened.
    pub(crate) fn note_failed_attempt(&mut self, reason: &str) {
        self.failed_attempts.get_or_insert_with(|| (0, reason.to_owned())).0 += 1;
    }

    /// Adds them to another thread's.
    pub(crate) const fn add_to(&self, counts: &mut ConnectionCounts) {
        counts.asked += self.asked;
        counts.established += self.established;
        counts.failed += self.asked.saturating_sub(self.established);
        counts.lost += self.lost;
        counts.reconnects += self.reconnects;
    }
}
