//! Waits for sockets and for due times, with an error of a few microseconds.
//!
//! Not a scheduler: it reports that a token is due, and the caller knows why. Invariant: a wait ends before the
//! earliest booked time, or finds it passed; no poll time-out decides when.
//!
//! The wait is an absolute kernel timer in the poll set, set to the time less a margin which covers the usual delay of
//! waking up, and then polling sockets and clock in turn.

use crate::relay::margin::Margin;
use crate::relay::options::Waiting;
use crate::relay::sys::{PollSet, Ready};
use aelab_engine::clock::{self, Nanos};
use aelab_engine::sys::Timer;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// The timer's token.
const TIMER: u64 = u64::MAX;
/// How long to wait without anything booked: how soon a cancellation is noticed.
const IDLE: Duration = Duration::from_millis(100);
/// The poll set and the due times; see the module.
#[derive(Debug)]
pub(crate) struct Hub {
    poll: PollSet,
    timer: Timer,
    timer_at: Nanos,
    margin: Margin,
    waiting: Waiting,
    booked: BinaryHeap<Reverse<(Nanos, u64)>>,
}

impl Hub {
    /// Nothing watched, nothing booked.
    pub(crate) fn new(waiting: Waiting) -> io::Result<Self> {
        let poll = PollSet::new()?;
        let timer = Timer::new()?;
        poll.add_timer(&timer, TIMER)?;
        Ok(Self {
            poll,
            timer,
            timer_at: Nanos::MAX,
            margin: Margin::new(),
            waiting,
            booked: BinaryHeap::new(),
        })
    }

    /// Watches a socket until it is closed.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.poll.add(fd, token)
    }

    /// [`Self::wait`] and [`Self::take_due`] shall report `token` at this time.
    pub(crate) fn book(&mut self, at: Nanos, token: u64) {
        self.booked.push(Reverse((at, token)));
    }

    /// Waits until a socket is ready or a token is due. `ready` receives the events of sockets, `due` the tokens that are due.
    pub(crate) fn wait(&mut self, ready: &mut Vec<Ready>, due: &mut Vec<u64>) -> io::Result<()> {
        let timeout = if self.may_sleep()? { IDLE } else { Duration::ZERO };
        self.poll.wait(timeout, ready)?;
        let now = clock::now();
        let others = ready.len();
        ready.retain(|event| event.token != TIMER);
        if timeout == IDLE && ready.len() < others {
            self.margin.learn(now.since(self.timer_at));
        }
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
        let wake_at = self.margin.before(*at);
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
