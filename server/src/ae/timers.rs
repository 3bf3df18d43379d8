//! Time events: an unsorted list, newest first, as in ae. It takes `now` and reads no clock.
//!
//! A server has one or two timers, so a linear search for the nearest is the cheapest solution.

use super::EventLoop;
use crate::clock::Nanos;

/// Names a timer for its whole life; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(u64);

/// When a timer runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Run again, so long after the completion of this run.
    After(Nanos),
    /// Never again.
    Never,
}

/// Called when a timer is due.
pub type TimeProc<S> = fn(&mut EventLoop<S>, &mut S, TimerId) -> Next;

enum State {
    Due(Nanos),
    Deleted,
}

struct Timer<S> {
    id: TimerId,
    state: State,
    run: TimeProc<S>,
}

pub(super) struct Timers<S> {
    /// Oldest first; walked backwards.
    list: Vec<Timer<S>>,
    next_id: u64,
}

impl<S> Default for Timers<S> {
    fn default() -> Self {
        Timers { list: Vec::new(), next_id: 0 }
    }
}

impl<S> Timers<S> {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn add(&mut self, due: Nanos, run: TimeProc<S>) -> TimerId {
        let id = TimerId(self.next_id);
        self.next_id += 1;
        self.list.push(Timer { id, state: State::Due(due), run });
        id
    }

    /// Only marks: a timer may delete itself or another while the list is being walked.
    pub(super) fn delete(&mut self, id: TimerId) {
        if let Some(timer) = self.list.iter_mut().find(|timer| timer.id == id) {
            timer.state = State::Deleted;
        }
    }

    pub(super) fn forget_deleted(&mut self) {
        self.list.retain(|timer| matches!(timer.state, State::Due(_)));
    }

    pub(super) fn nearest(&self) -> Option<Nanos> {
        let due = self.list.iter().filter_map(|timer| match timer.state {
            State::Due(due) => Some(due),
            State::Deleted => None,
        });
        due.min()
    }

    pub(super) fn due(&self, index: usize, now: Nanos) -> Option<(TimerId, TimeProc<S>)> {
        let timer = &self.list[index];
        match timer.state {
            State::Due(due) if due <= now => Some((timer.id, timer.run)),
            _ => None,
        }
    }

    pub(super) fn completed(&mut self, index: usize, next: Next, now: Nanos) {
        let timer = &mut self.list[index];
        if let State::Due(_) = timer.state {
            timer.state = match next {
                Next::After(delay) => State::Due(now + delay),
                Next::Never => State::Deleted,
            };
        }
    }
}
