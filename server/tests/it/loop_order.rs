//! The order of one turn of the loop, on a scripted backend and a clock that stands still.

use aelab_server::ae::{Api, EventLoop, Fired, Mask, Next, TimerId};
use aelab_server::clock::{Clock, Nanos};
use std::cell::RefCell;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

type Log = Rc<RefCell<Vec<String>>>;
type Polls = Rc<RefCell<Vec<Vec<(RawFd, Mask)>>>>;

/// Reports what it was told to, poll by poll, and notes how long it might have slept.
struct Scripted {
    polls: Polls,
    log: Log,
}

impl Api for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn add(&mut self, _: RawFd, _: Mask, _: Mask) -> io::Result<()> {
        Ok(())
    }

    fn del(&mut self, _: RawFd, _: Mask, _: Mask) {}

    fn poll(&mut self, timeout: Option<Nanos>, fired: &mut Vec<Fired>) -> io::Result<()> {
        let timeout = timeout.map_or_else(|| "forever".into(), |t| format!("{}ms", t.as_ms()));
        self.log.borrow_mut().push(format!("poll {timeout}"));
        let mut polls = self.polls.borrow_mut();
        if polls.is_empty() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        fired.extend(polls.remove(0).into_iter().map(|(fd, mask)| Fired::new(fd, mask)));
        Ok(())
    }

    fn resize(&mut self, _: usize) -> io::Result<()> {
        Ok(())
    }
}

/// What handlers see: the log, the time, and what the next call is to do.
struct State {
    log: Log,
    time: Arc<AtomicU64>,
    remove: Option<RawFd>,
    replace: Option<RawFd>,
    timer_delay: Option<Nanos>,
    dont_wait: bool,
}

struct Bench {
    el: EventLoop<State>,
    state: State,
    polls: Polls,
}

fn bench() -> Bench {
    let log = Log::default();
    let polls = Polls::default();
    let time = Arc::new(AtomicU64::new(0));
    let api = Scripted { polls: Rc::clone(&polls), log: Rc::clone(&log) };
    let mut el = EventLoop::new(Box::new(api), 64, Clock::manual(Arc::clone(&time)));
    el.set_hooks(before_sleep, after_sleep);
    let state =
        State { log, time, remove: None, replace: None, timer_delay: None, dont_wait: false };
    Bench { el, state, polls }
}

impl Bench {
    fn turn(&mut self, fired: &[(RawFd, Mask)]) -> String {
        self.polls.borrow_mut().push(fired.to_vec());
        self.turn_interrupted()
    }

    fn turn_interrupted(&mut self) -> String {
        self.el.tick(&mut self.state).expect("the loop turns");
        self.state.log.borrow_mut().drain(..).collect::<Vec<_>>().join(", ")
    }

    fn watch(&mut self, fd: RawFd, mask: Mask) {
        if mask.contains(Mask::READABLE) {
            self.el.add_file(fd, Mask::READABLE, on_read, 7).expect("watched");
        }
        if mask.contains(Mask::WRITABLE) {
            let mask = mask.without(Mask::READABLE);
            self.el.add_file(fd, mask, on_write, 7).expect("watched");
        }
    }
}

fn before_sleep(el: &mut EventLoop<State>, state: &mut State) {
    state.log.borrow_mut().push("before".into());
    el.set_dont_wait(state.dont_wait);
    if let Some(delay) = state.timer_delay.take() {
        el.add_timer(delay, once);
    }
}

fn after_sleep(_: &mut EventLoop<State>, state: &mut State) {
    state.log.borrow_mut().push("after".into());
}

fn acted(el: &mut EventLoop<State>, state: &mut State, what: String) {
    state.log.borrow_mut().push(what);
    if let Some(fd) = state.remove.take() {
        el.del_file(fd, Mask::BOTH);
    }
    if let Some(fd) = state.replace.take() {
        el.del_file(fd, Mask::BOTH);
        el.add_file(fd, Mask::READABLE, on_read, 8).expect("watched");
    }
    if let Some(delay) = state.timer_delay.take() {
        el.add_timer(delay, once);
    }
}

fn on_read(el: &mut EventLoop<State>, state: &mut State, fd: RawFd, data: u64, _: Mask) {
    assert!(data == 7 || data == 8);
    acted(el, state, format!("read {fd}"));
}

fn on_write(el: &mut EventLoop<State>, state: &mut State, fd: RawFd, _: u64, _: Mask) {
    acted(el, state, format!("write {fd}"));
}

fn once(el: &mut EventLoop<State>, state: &mut State, _: TimerId) -> Next {
    acted(el, state, "timer".into());
    Next::Never
}

/// Takes 30 ms of its 100 ms period.
fn slow_periodic(_: &mut EventLoop<State>, state: &mut State, _: TimerId) -> Next {
    state.log.borrow_mut().push(format!("periodic at {}", state.time.load(Relaxed) / 1_000_000));
    state.time.fetch_add(30_000_000, Relaxed);
    Next::After(Nanos::from_ms(100))
}

#[test]
fn before_sleep_then_timeout_then_poll_then_after_sleep_then_files_then_timers() {
    let mut bench = bench();
    bench.watch(3, Mask::READABLE);
    bench.el.add_timer(Nanos::ZERO, once);
    assert_eq!(bench.turn(&[(3, Mask::READABLE)]), "before, poll 0ms, after, read 3, timer");
    assert_eq!(bench.turn(&[]), "before, poll forever, after");
}

#[test]
fn the_timeout_is_computed_after_before_sleep() {
    let mut bench = bench();
    bench.state.timer_delay = Some(Nanos::from_ms(40));
    assert_eq!(bench.turn(&[]), "before, poll 40ms, after");
    bench.state.dont_wait = true;
    assert_eq!(bench.turn(&[]), "before, poll 0ms, after");
}

#[test]
fn an_interrupted_sleep_still_runs_hooks_and_timers() {
    let mut bench = bench();
    bench.el.add_timer(Nanos::ZERO, once);
    assert_eq!(bench.turn_interrupted(), "before, poll 0ms, after, timer");
}

#[test]
fn readable_comes_before_writable_and_the_barrier_inverts_them() {
    let mut bench = bench();
    bench.watch(4, Mask::BOTH);
    bench.watch(5, Mask::BOTH.with(Mask::BARRIER));
    let log = bench.turn(&[(4, Mask::BOTH), (5, Mask::BOTH)]);
    assert_eq!(log, "before, poll forever, after, read 4, write 4, write 5, read 5");
    // The barrier goes with the writable side.
    bench.el.del_file(5, Mask::WRITABLE);
    assert_eq!(bench.el.file_mask(5), Mask::READABLE);
}

#[test]
fn one_handler_for_both_sides_is_called_once() {
    let mut bench = bench();
    bench.el.add_file(6, Mask::BOTH, on_read, 7).expect("watched");
    assert_eq!(bench.turn(&[(6, Mask::BOTH)]), "before, poll forever, after, read 6");
}

#[test]
fn only_what_is_watched_is_called() {
    let mut bench = bench();
    bench.watch(4, Mask::READABLE);
    let log = bench.turn(&[(4, Mask::BOTH), (9, Mask::BOTH), (63, Mask::READABLE)]);
    assert_eq!(log, "before, poll forever, after, read 4");
}

#[test]
fn a_handler_may_remove_another_descriptor_that_has_fired() {
    let mut bench = bench();
    bench.watch(4, Mask::READABLE);
    bench.watch(5, Mask::BOTH);
    bench.state.remove = Some(5);
    let log = bench.turn(&[(4, Mask::READABLE), (5, Mask::BOTH)]);
    assert_eq!(log, "before, poll forever, after, read 4");
}

#[test]
fn a_read_handler_may_remove_its_own_descriptor() {
    let mut bench = bench();
    bench.watch(5, Mask::BOTH);
    bench.state.remove = Some(5);
    assert_eq!(bench.turn(&[(5, Mask::BOTH)]), "before, poll forever, after, read 5");
}

#[test]
fn an_event_does_not_reach_the_next_user_of_its_number() {
    let mut bench = bench();
    bench.watch(4, Mask::READABLE);
    bench.watch(5, Mask::READABLE);
    bench.state.replace = Some(5);
    let log = bench.turn(&[(4, Mask::READABLE), (5, Mask::READABLE)]);
    assert_eq!(log, "before, poll forever, after, read 4");
    assert_eq!(bench.turn(&[(5, Mask::READABLE)]), "before, poll forever, after, read 5");
}

#[test]
fn timers_created_during_a_pass_wait_for_the_next() {
    let mut bench = bench();
    bench.el.add_timer(Nanos::ZERO, once);
    bench.state.timer_delay = None;
    bench.watch(4, Mask::READABLE);
    bench.turn(&[]);
    // Now a timer that creates one which is due at once.
    bench.el.add_timer(Nanos::ZERO, creating);
    assert_eq!(bench.turn(&[]), "before, poll 0ms, after, creating");
    assert_eq!(bench.turn(&[]), "before, poll 0ms, after, timer");
}

fn creating(el: &mut EventLoop<State>, state: &mut State, _: TimerId) -> Next {
    state.log.borrow_mut().push("creating".into());
    el.add_timer(Nanos::ZERO, once);
    Next::Never
}

#[test]
fn a_timers_period_counts_from_its_completion() {
    let mut bench = bench();
    bench.el.add_timer(Nanos::ZERO, slow_periodic);
    assert_eq!(bench.turn(&[]), "before, poll 0ms, after, periodic at 0");
    assert_eq!(bench.turn(&[]), "before, poll 100ms, after");
    bench.state.time.store(130_000_000, Relaxed);
    assert_eq!(bench.turn(&[]), "before, poll 0ms, after, periodic at 130");
}

#[test]
fn a_deleted_timer_neither_runs_nor_shortens_the_sleep() {
    let mut bench = bench();
    let id = bench.el.add_timer(Nanos::from_ms(5), once);
    bench.el.add_timer(Nanos::from_ms(50), once);
    bench.el.del_timer(id);
    assert_eq!(bench.turn(&[]), "before, poll 50ms, after");
    bench.state.time.store(10_000_000, Relaxed);
    assert_eq!(bench.turn(&[]), "before, poll 40ms, after");
}

#[test]
fn the_set_size_is_a_limit_and_does_not_shrink_below_what_is_watched() {
    let mut bench = bench();
    let refused = bench.el.add_file(64, Mask::READABLE, on_read, 7).expect_err("beyond the set");
    assert_eq!(refused.raw_os_error(), Some(34), "ERANGE");
    bench.watch(40, Mask::READABLE);
    assert!(bench.el.resize(40).is_err());
    bench.el.resize(41).expect("large enough");
    bench.el.resize(100).expect("growing is free");
    bench.watch(99, Mask::READABLE);
}
