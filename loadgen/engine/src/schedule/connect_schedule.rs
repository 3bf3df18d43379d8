//! When a group's connections are opened for the first time: at once, at a rate, or in the middle of a run.
//!
//! Not the opening (see `connections`) and not reconnecting. Invariant: each connection is handed out once, in order; at a rate,
//! opening k is due at k/rate from the begin, whatever became of those before it.

use crate::clock::Nanos;
use crate::io::Token;
use crate::plan::share::Share;
use crate::plan::{ConnectSchedulePlan, Rate};
use std::ops::Range;

/// See the module.
#[derive(Debug)]
pub(crate) struct ConnectSchedule {
    left: Range<Token>,
    plan: ConnectSchedulePlan,
    /// Number of the next opening among those of all threads, and how far the one after it is.
    k: u64,
    step: u64,
    begin: Option<Nanos>,
}

impl ConnectSchedule {
    /// For the connections of one thread's share.
    pub(crate) const fn new(plan: ConnectSchedulePlan, tokens: Range<Token>, share: Share) -> Self {
        Self { left: tokens, plan, k: share.index, step: share.of, begin: None }
    }

    /// Whether connections are opened while the run is on.
    pub(crate) const fn is_during_run(&self) -> bool {
        matches!(self.plan, ConnectSchedulePlan::During(_))
    }

    /// Opening begins at this time.
    pub(crate) const fn begin(&mut self, at: Nanos) {
        self.begin = Some(at);
    }

    /// Whether there is nothing left to open.
    pub(crate) fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    const fn rate(&self) -> Option<Rate> {
        match self.plan {
            ConnectSchedulePlan::AtOnce => None,
            ConnectSchedulePlan::Before(rate) | ConnectSchedulePlan::During(rate) => Some(rate),
        }
    }

    /// When the next opening is due, if a rate says so.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        if self.is_done() {
            return None;
        }
        Some(self.begin?.saturating_add(self.rate()?.due(self.k)))
    }

    /// The next connection to open, if one is due; `has_room` says whether one more may be on its way if no rate says when.
    pub(crate) fn take(&mut self, now: Nanos, has_room: impl FnOnce() -> bool) -> Option<Token> {
        let is_due = match self.next_due() {
            Some(due) => due <= now,
            None => self.begin.is_some() && self.rate().is_none() && has_room(),
        };
        if !is_due {
            return None;
        }
        self.k += self.step;
        self.left.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_storm_interleave() {
        let rate = Rate::per_second(1_000.0).expect("a rate");
        let mut opened = Vec::new();
        for index in 0..3 {
            let share = Share { index, of: 3 };
            let mut connect_schedule =
                ConnectSchedule::new(ConnectSchedulePlan::During(rate), 0..4, share);
            assert_eq!(connect_schedule.take(Nanos::MAX, || true), None);
            connect_schedule.begin(Nanos::from_secs(1));
            while let Some(due) = connect_schedule.next_due() {
                assert_eq!(connect_schedule.take(Nanos(due.0 - 1), || true), None);
                assert!(connect_schedule.take(due, || false).is_some());
                opened.push(due);
            }
            assert!(connect_schedule.is_done());
        }
        opened.sort_unstable();
        let want: Vec<Nanos> = (1_000..1_012).map(Nanos::from_millis).collect();
        assert_eq!(opened, want);
    }

    #[test]
    fn without_a_rate_there_is_no_waiting_but_for_room() {
        let mut connect_schedule =
            ConnectSchedule::new(ConnectSchedulePlan::AtOnce, 5..7, Share { index: 0, of: 1 });
        connect_schedule.begin(Nanos::ZERO);
        assert_eq!(connect_schedule.take(Nanos::ZERO, || false), None);
        assert_eq!(connect_schedule.take(Nanos::ZERO, || true), Some(5));
        assert_eq!(connect_schedule.take(Nanos::ZERO, || true), Some(6));
        assert_eq!(connect_schedule.take(Nanos::ZERO, || true), None);
    }
}
