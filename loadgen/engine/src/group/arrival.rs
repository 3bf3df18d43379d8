//! When requests of a share become due, and whether they still may.
//!
//! Not which connection takes them (see `assignment`). Invariant: a request is admitted once, and only while the group's
//! window is open and its quota is not used up.

use crate::clock::Nanos;
use crate::io::Token;
use crate::schedule::Schedule;
use std::collections::VecDeque;

/// Where due times come from.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// An open loop: a schedule says when requests are due, whatever the server does.
    Open(Schedule),
    /// A closed loop: a reply makes the next request due.
    Closed(Users),
}

impl Arrival {
    /// Whether due times come from a schedule.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// The pause of a closed loop's users.
    pub(crate) const fn think_time(&self) -> Nanos {
        match self {
            Self::Open(_) => Nanos::ZERO,
            Self::Closed(users) => users.think,
        }
    }
}

/// The users of a closed loop: one per slot of a connection.
#[derive(Debug, Default)]
pub(crate) struct Users {
    /// The pause between a reply and the next request of that slot.
    pub(crate) think: Nanos,
    /// Slots that pause, and when the next request of each is due, in order.
    pub(crate) thinking: VecDeque<(Nanos, Token)>,
}

/// When requests may be due.
#[derive(Clone, Copy, Debug)]
struct Window {
    measure_from: Nanos,
    until: Nanos,
}

/// Which due times may become requests.
#[derive(Debug)]
pub(crate) struct Admission {
    /// When the schedule begins, absolute.
    begin: Nanos,
    start_after: Nanos,
    window: Window,
    /// Measured requests that may still be created.
    quota: Option<u64>,
    /// Whether the run waits for this share's quota.
    quota_is_open: bool,
}

impl Admission {
    /// Not begun. The schedule begins `start_after` the start of the run; `quota` is the number of measured requests.
    pub(crate) const fn new(start_after: Nanos, quota: Option<u64>) -> Self {
        Self {
            begin: Nanos::MAX,
            start_after,
            window: Window { measure_from: Nanos::MAX, until: Nanos::MAX },
            quota,
            quota_is_open: quota.is_some(),
        }
    }

    /// The run starts at `origin`; the bounds of the measurement are absolute.
    pub(crate) fn start(&mut self, origin: Nanos, measure_from: Nanos, until: Nanos) {
        self.begin = origin.saturating_add(self.start_after);
        self.window = Window { measure_from, until };
    }

    /// When the schedule begins, absolute.
    #[inline]
    pub(crate) const fn begin(&self) -> Nanos {
        self.begin
    }

    /// The bounds of the measurement, absolute, which were not known at the start.
    pub(crate) fn measure(&mut self, from: Nanos, until: Nanos) {
        self.window = Window { measure_from: from, until: self.window.until.min(until) };
    }

    /// Makes `open` requests of a closed loop's warm-up part of the measurement; `false` if the quota has no room for them.
    pub(crate) const fn adopt(&mut self, open: u64) -> bool {
        match &mut self.quota {
            Some(left) if *left < open => return false,
            Some(left) => *left -= open,
            None => {}
        }
        // A user that lost its connection has waited since then: that request is measured and counts for the quota.
        self.window.measure_from = Nanos::ZERO;
        true
    }

    /// Nothing is due from `until` on.
    pub(crate) fn stop(&mut self, until: Nanos) {
        self.window.until = self.window.until.min(until);
    }

    /// Whether a request due at `due` could be admitted, without admitting it.
    #[inline]
    pub(crate) fn is_open_at(&self, due: Nanos) -> bool {
        due < self.window.until && self.quota != Some(0)
    }

    /// Whether a request due at `intended` may be created; takes it off the quota.
    #[inline]
    pub(crate) fn admit(&mut self, intended: Nanos) -> bool {
        if intended >= self.window.until {
            return false;
        }
        match &mut self.quota {
            None => true,
            Some(_) if intended < self.window.measure_from => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// Whether the run still waits for the quota of this share.
    pub(crate) const fn has_open_quota(&self) -> bool {
        self.quota_is_open
    }

    /// Whether the quota was done just now, or never will be. `open` requests are unfinished. True once.
    pub(crate) fn becomes_complete(&mut self, open: u64, is_cut_off: bool) -> bool {
        let is_done = self.quota == Some(0) && open == 0;
        let is_complete = self.quota_is_open && (is_cut_off || is_done);
        if is_complete {
            self.quota_is_open = false;
        }
        is_complete
    }
}
