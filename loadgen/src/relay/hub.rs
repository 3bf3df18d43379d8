//! Waiting: for sockets, and for the times at which something is due, to a few microseconds.
//!
//! Not a scheduler: it says that a token's time has come, whoever booked it knows why. Invariant: a wait ends before the
//! earliest booked time, or finds it passed; no poll time-out decides when.
//!
//! The wait is an absolute kernel timer in the poll set, set to the time less a margin which covers the usual delay of
//! waking up (measured at the start), and then looking at sockets and clock in turn.

use super::options::Waiting;
use super::sys::{PollSet, Ready};
use crate::clock::{self, Nanos};
use crate::sys::Timer;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// The timer's token.
const TIMER: u64 = u64::MAX;
/// How long to wait without anything booked: how soon a cancellation is noticed.
const IDLE: Duration = Duration::from_millis(100);
/// Naps taken at the start to measure how late this machine wakes up: 64 of 200 µs are over in 20 ms.
const NAPS: usize = 64;
const NAP: Nanos = Nanos::from_micros(200);
/// Of the naps' delays, the one that the margin covers: 9 in 10. Covering more costs a processor for the rare case.
const NAP_QUANTILE: usize = NAPS * 9 / 10;
/// Bounds of the margin: below, a timer is not worth setting; above, waiting by looking takes too much of a processor.
const MARGIN_MIN: Nanos = Nanos::from_micros(20);
const MARGIN_MAX: Nanos = Nanos::from_micros(200);

/// See the module.
#[derive(Debug)]
pub(super) struct Hub {
    poll: PollSet,
    timer: Timer,
    timer_at: Nanos,
    margin: Nanos,
    waiting: Waiting,
    booked: BinaryHeap<Reverse<(Nanos, u64)>>,
}

impl Hub {
    /// Measures how late the machine wakes up; takes about 20 ms.
    pub(super) fn new(waiting: Waiting) -> io::Result<Self> {
        let poll = PollSet::new()?;
        let timer = Timer::new()?;
        poll.add_timer(&timer, TIMER)?;
        let mut hub = Self {
            poll,
            timer,
            timer_at: Nanos::MAX,
            margin: MARGIN_MAX,
            waiting,
            booked: BinaryHeap::new(),
        };
        if waiting == Waiting::Precise {
            hub.margin = hub.measure_margin()?;
        }
        Ok(hub)
    }

    fn measure_margin(&mut self) -> io::Result<Nanos> {
        let mut delays = Vec::with_capacity(NAPS);
        for _ in 0..NAPS {
            let until = clock::now() + NAP;
            self.timer.set(until.0)?;
            self.poll.wait(IDLE, &mut Vec::new())?;
            delays.push(clock::now().since(until));
        }
        delays.sort_unstable();
        Ok(delays[NAP_QUANTILE].clamp(MARGIN_MIN, MARGIN_MAX))
    }

    /// Watches a socket until it is closed.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.poll.add(fd, token)
    }

    /// [`Self::wait`] and [`Self::take_due`] shall report `token` at this time.
    pub(super) fn book(&mut self, at: Nanos, token: u64) {
        self.booked.push(Reverse((at, token)));
    }

    /// Waits until something happens or is due. `ready` gets what happened to sockets, `due` the tokens whose time has come.
    pub(super) fn wait(&mut self, ready: &mut Vec<Ready>, due: &mut Vec<u64>) -> io::Result<()> {
        let timeout = if self.may_sleep()? { IDLE } else { Duration::ZERO };
        self.poll.wait(timeout, ready)?;
        ready.retain(|event| event.token != TIMER);
        let now = clock::now();
        while let Some(Reverse((at, token))) = self.booked.peek().copied() {
            if at > now {
                break;
            }
            self.booked.pop();
            due.push(token);
        }
        Ok(())
    }

    /// Whether there is time to sleep; if so, the timer is set.
    fn may_sleep(&mut self) -> io::Result<bool> {
        if self.waiting == Waiting::Spin {
            return Ok(false);
        }
        let Some(Reverse((at, _))) = self.booked.peek() else { return Ok(true) };
        let wake_at = Nanos(at.0.saturating_sub(self.margin.0));
        if clock::now() >= wake_at {
            return Ok(false);
        }
        if wake_at != self.timer_at {
            self.timer.set(wake_at.0)?;
            self.timer_at = wake_at;
        }
        Ok(true)
    }
}
