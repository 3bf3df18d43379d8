//! A log of the loop's newest turns: when each step of a turn began (`AE LOOP`).
//!
//! It proves the order of the steps; `metrics` measures them. Off, it costs one relaxed load per turn.
//! Invariant: a turn is recorded after its last step, with the true instants.

use crate::clock::Nanos;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Newest turns kept.
const TURNS_KEPT: usize = 4096;

/// One turn of the loop, as instants on its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The hook before the sleep began.
    pub began: Nanos,
    /// The backend was asked: the sleep began.
    pub polled: Nanos,
    /// The sleep was over.
    pub woke: Nanos,
    /// All handlers of file events had returned.
    pub files_done: Nanos,
    /// All timers that were due had returned.
    pub timers_done: Nanos,
    /// File events that had fired.
    pub files: u32,
    /// Timers that ran.
    pub timers: u32,
}

/// The newest turns, shared between the loop that writes them and the command that shows them.
#[derive(Clone, Debug, Default)]
pub struct TurnLog(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    on: AtomicBool,
    turns: Mutex<VecDeque<Turn>>,
}

impl TurnLog {
    /// Whether turns are recorded.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.on.load(Relaxed)
    }

    /// Removes the old turns and starts recording.
    pub fn switch_on(&self) {
        self.turns().clear();
        self.0.on.store(true, Relaxed);
    }

    /// Stops recording; the recorded turns stay.
    pub fn switch_off(&self) {
        self.0.on.store(false, Relaxed);
    }

    /// The newest turns, oldest of them first.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<Turn> {
        let turns = self.turns();
        turns.iter().skip(turns.len().saturating_sub(count)).copied().collect()
    }

    pub(super) fn write(&self, turn: Turn) {
        let mut turns = self.turns();
        if turns.len() == TURNS_KEPT {
            turns.pop_front();
        }
        turns.push_back(turn);
    }

    fn turns(&self) -> MutexGuard<'_, VecDeque<Turn>> {
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
