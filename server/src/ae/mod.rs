//! The ae event loop: file events by descriptor, time events, a backend, two hooks around sleep.
//!
//! One turn is [`EventLoop::tick`]. Its order is that of Redis (`ae.c`, `aeProcessEvents`); a comment says
//! why where a step must not move. The loop knows no clients and no commands: `S` is the state that is
//! passed down to every handler, so no handler holds a borrow across another.
//!
//! ae is level-triggered: a handler may leave bytes in a socket and will be called again. Backends
//! for which that is not so keep a set of descriptors that are still ready, see [`api::Api`].
//! Read next: [`api`], `mio_backend`, [`timers`].

pub mod api;
#[cfg(target_os = "linux")]
mod epoll_backend;
mod events;
mod mio_backend;
mod poll_backend;
mod ready;
mod select_backend;
mod sweep;
mod sys;
pub mod timers;
mod turn_log;

pub use api::{Api, Backend, Fired, Mask};
pub use sweep::Sweep;
pub(crate) use sys::borrow;
pub use timers::{Next, TimeProc, TimerId};
pub use turn_log::{Turn, TurnLog};

use crate::clock::{Clock, Nanos};
use events::FileEvents;
use std::io;
use std::os::fd::RawFd;
use timers::Timers;

/// Called when a descriptor is ready: the loop, the state, the descriptor, the word given with it,
/// and which of readable and writable fired.
pub type FileProc<S> = fn(&mut EventLoop<S>, &mut S, RawFd, u64, Mask);

/// Called around sleep.
pub type Hook<S> = fn(&mut EventLoop<S>, &mut S);

/// The loop. See the module's text.
pub struct EventLoop<S> {
    files: FileEvents<S>,
    timers: Timers<S>,
    api: Box<dyn Api>,
    fired: Vec<Fired>,
    before_sleep: Hook<S>,
    after_sleep: Hook<S>,
    clock: Clock,
    now: Nanos,
    dont_wait: bool,
    stop: bool,
    turn_log: TurnLog,
}

impl<S> EventLoop<S> {
    /// A loop for descriptors below `setsize`.
    pub fn new(api: Box<dyn Api>, setsize: usize, clock: Clock) -> Self {
        let now = clock.now();
        EventLoop {
            files: FileEvents::new(setsize),
            timers: Timers::default(),
            api,
            fired: Vec::new(),
            before_sleep: |_, _| {},
            after_sleep: |_, _| {},
            clock,
            now,
            dont_wait: false,
            stop: false,
            turn_log: TurnLog::default(),
        }
    }

    /// Sets the hooks that run before and after sleeping.
    pub fn set_hooks(&mut self, before_sleep: Hook<S>, after_sleep: Hook<S>) {
        self.before_sleep = before_sleep;
        self.after_sleep = after_sleep;
    }

    /// Turns until [`EventLoop::stop`].
    ///
    /// # Errors
    /// If the backend fails. Interruptions are not errors.
    pub fn run(&mut self, state: &mut S) -> io::Result<()> {
        while !self.stop {
            self.tick(state)?;
        }
        Ok(())
    }

    /// One turn of the loop.
    ///
    /// # Errors
    /// As [`EventLoop::run`].
    pub fn tick(&mut self, state: &mut S) -> io::Result<()> {
        if self.turn_log.is_on() {
            return self.tick_logged(state);
        }
        let timeout = self.before(state);
        self.wait(timeout)?;
        self.react(state);
        Ok(())
    }

    /// The same turn, with the start of each step recorded.
    fn tick_logged(&mut self, state: &mut S) -> io::Result<()> {
        let began = self.clock.now();
        let timeout = self.before(state);
        let polled = self.clock.now();
        self.wait(timeout)?;
        let woke = self.now;
        (self.after_sleep)(self, state);
        self.process_files(state);
        let files_done = self.clock.now();
        let timers = self.process_timers(state);
        let files = u32::try_from(self.fired.len()).unwrap_or(u32::MAX);
        let timers_done = self.clock.now();
        self.turn_log.write(Turn { began, polled, woke, files_done, timers_done, files, timers });
        Ok(())
    }

    /// The log of turns.
    pub fn turn_log(&self) -> TurnLog {
        self.turn_log.clone()
    }

    /// The first step of [`EventLoop::tick`]: the hook, and then how long the sleep may last (`None`:
    /// for ever).
    pub fn before(&mut self, state: &mut S) -> Option<Nanos> {
        (self.before_sleep)(self, state);
        // After the hook, which may have created a timer or asked not to sleep.
        self.poll_timeout()
    }

    /// The second step: the sleep. The state is not needed for it.
    ///
    /// # Errors
    /// As [`EventLoop::run`].
    pub fn wait(&mut self, timeout: Option<Nanos>) -> io::Result<()> {
        self.poll(timeout)
    }

    /// The third step: the second hook, the handlers, the timers.
    pub fn react(&mut self, state: &mut S) {
        // Before all handlers: it refreshes the cached time that they use.
        (self.after_sleep)(self, state);
        self.process_files(state);
        // After file events, so that timers do not delay requests that are ready, and see their
        // changes.
        self.process_timers(state);
    }

    /// Replaces the second step for a driver that slept in a system call of its own: no event fired; runs
    /// the second hook.
    pub fn woke_elsewhere(&mut self, state: &mut S) {
        self.fired.clear();
        self.now = self.clock.now();
        (self.after_sleep)(self, state);
    }

    /// Polls the backend without waiting and calls the handlers, between [`EventLoop::woke_elsewhere`]
    /// and [`EventLoop::run_timers`].
    ///
    /// # Errors
    /// As [`EventLoop::run`].
    pub fn look_around(&mut self, state: &mut S) -> io::Result<()> {
        self.poll(Some(Nanos::ZERO))?;
        self.process_files(state);
        Ok(())
    }

    /// Runs the timers that are due: the last step of a driver that sleeps by itself.
    pub fn run_timers(&mut self, state: &mut S) {
        self.process_timers(state);
    }

    /// Whether a timer is due now.
    pub fn timer_is_due(&mut self) -> bool {
        self.timers.nearest().is_some_and(|nearest| nearest <= self.clock.now())
    }

    /// How long the backend may sleep: not at all, until the nearest timer, or without limit (`None`).
    fn poll_timeout(&mut self) -> Option<Nanos> {
        if self.dont_wait {
            return Some(Nanos::ZERO);
        }
        let nearest = self.timers.nearest()?;
        self.now = self.clock.now();
        Some(nearest - self.now)
    }

    fn poll(&mut self, timeout: Option<Nanos>) -> io::Result<()> {
        self.fired.clear();
        match self.api.poll(timeout, &mut self.fired) {
            // A signal: no event, but the hook and the timers still run.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.fired.clear(),
            other => other?,
        }
        for fired in &mut self.fired {
            fired.generation = self.files.generation(fired.fd);
        }
        self.now = self.clock.now();
        Ok(())
    }

    /// Calls the handlers of all events. The generation is checked before each call: the previous handler
    /// may have removed this descriptor, or closed it so that its number was reused.
    fn process_files(&mut self, state: &mut S) {
        for index in 0..self.fired.len() {
            let fired = self.fired[index];
            let inverted = self.files.mask(fired.fd).contains(Mask::BARRIER);
            let order = if inverted {
                [Mask::WRITABLE, Mask::READABLE]
            } else {
                [Mask::READABLE, Mask::WRITABLE]
            };
            let mut called = None;
            for side in order {
                let Some((run, data)) = self.files.due(fired, side) else { continue };
                // One handler for both sides is called once per event.
                if called.is_some_and(|earlier: FileProc<S>| std::ptr::fn_addr_eq(earlier, run)) {
                    continue;
                }
                run(self, state, fired.fd, data, fired.mask);
                called = Some(run);
            }
        }
    }

    /// Runs the timers that are due and returns how many. A timer created by one of them runs in the next pass.
    fn process_timers(&mut self, state: &mut S) -> u32 {
        if self.timers.is_empty() {
            return 0;
        }
        let mut ran = 0;
        self.now = self.clock.now();
        self.timers.forget_deleted();
        for index in (0..self.timers.len()).rev() {
            let Some((id, run)) = self.timers.due(index, self.now) else { continue };
            let next = run(self, state, id);
            // Read again: the delay counts from completion, so a slow timer drifts, as in ae.
            self.now = self.clock.now();
            self.timers.completed(index, next, self.now);
            ran += 1;
        }
        ran
    }

    /// Watches `fd` for `mask` too (merged with what is watched already) and sets the handler.
    ///
    /// # Errors
    /// `ERANGE` for a descriptor not below the set size; what the backend says otherwise.
    pub fn add_file(
        &mut self,
        fd: RawFd,
        mask: Mask,
        run: FileProc<S>,
        data: u64,
    ) -> io::Result<()> {
        self.files.check_range(fd)?;
        let before = self.files.mask(fd);
        if !before.contains(mask.without(Mask::BARRIER)) {
            self.api.add(fd, mask, before)?;
        }
        self.files.add(fd, mask, run, data);
        Ok(())
    }

    /// Stops watching `fd` for `mask`; the barrier goes with the writable side.
    pub fn del_file(&mut self, fd: RawFd, mask: Mask) {
        let before = self.files.mask(fd);
        if before.is_empty() {
            return;
        }
        let mask = if mask.contains(Mask::WRITABLE) { mask.with(Mask::BARRIER) } else { mask };
        // The mask changes before the call, as in ae: a failing call leaves no handler.
        let remaining = self.files.del(fd, mask);
        self.api.del(fd, mask, remaining);
    }

    /// What `fd` is watched for.
    pub fn file_mask(&self, fd: RawFd) -> Mask {
        self.files.mask(fd)
    }

    /// Called by a handler that did not drain `fd`: it is called again even if nothing more arrives.
    /// Level-triggered backends do this by themselves.
    pub fn not_drained(&mut self, fd: RawFd, mask: Mask) {
        self.api.not_drained(fd, mask);
    }

    /// A timer that first runs `delay` from now.
    pub fn add_timer(&mut self, delay: Nanos, run: TimeProc<S>) -> TimerId {
        self.timers.add(self.clock.now() + delay, run)
    }

    /// Removes a timer, if it still exists.
    pub fn del_timer(&mut self, id: TimerId) {
        self.timers.delete(id);
    }

    /// Whether the next turns may sleep.
    pub fn set_dont_wait(&mut self, dont_wait: bool) {
        self.dont_wait = dont_wait;
    }

    /// Ends [`EventLoop::run`] after this turn.
    pub fn stop(&mut self) {
        self.stop = true;
    }

    /// Descriptors below this can be watched.
    pub fn setsize(&self) -> usize {
        self.files.setsize()
    }

    /// Changes the set size.
    ///
    /// # Errors
    /// If a descriptor at or above it is being watched, or the backend has a limit of its own.
    pub fn resize(&mut self, setsize: usize) -> io::Result<()> {
        self.files.check_resize(setsize)?;
        self.api.resize(setsize)?;
        self.files.resize(setsize);
        Ok(())
    }

    /// The backend's name (`INFO multiplexing_api`).
    pub fn api_name(&self) -> &'static str {
        self.api.name()
    }

    /// How many events the last poll brought.
    pub fn fired_count(&self) -> usize {
        self.fired.len()
    }

    /// The time of the last clock read: after the poll, or before and between timers.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The loop's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
