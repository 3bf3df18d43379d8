//! The loop's guarantees on every backend: fairness, nothing left unread while it sleeps, handlers
//! that remove one another, the set size, and an interrupted sleep.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use aelab_server::ae::{Backend, EventLoop, Mask};
use aelab_server::clock::Clock;
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
use proptest::test_runner::Config;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

const SETSIZE: usize = 4096;
/// Bytes that the test's clients read per turn: small, so that most turns leave something.
const QUANTUM_BYTES: usize = 8;
const ERANGE: i32 = 34;

fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (a, b)
}

/// A loop that never sleeps: a poll that finds nothing is one that would have slept.
fn sleepless<S>(backend: Backend) -> EventLoop<S> {
    let mut el = EventLoop::new(backend.create(SETSIZE).unwrap(), SETSIZE, Clock::system());
    el.set_dont_wait(true);
    el
}

struct Reader {
    ours: UnixStream,
    theirs: UnixStream,
    unread: usize,
    reads_this_tick: usize,
}

struct Readers(Vec<Reader>);

fn read_quantum(el: &mut EventLoop<Readers>, state: &mut Readers, fd: RawFd, at: u64, _: Mask) {
    let reader = &mut state.0[at as usize];
    let count = reader.ours.read(&mut [0; QUANTUM_BYTES]).unwrap_or(0);
    reader.unread -= count;
    reader.reads_this_tick += 1;
    if count == QUANTUM_BYTES {
        el.not_drained(fd, Mask::READABLE);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A client sends so many bytes.
    Send {
        client: usize,
        bytes: usize,
    },
    /// The loop turns.
    Tick,
    /// A client is not watched for a while, and then again.
    Unwatch {
        client: usize,
    },
    Watch {
        client: usize,
    },
}

const CLIENTS: usize = 5;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0..CLIENTS;
    let step = prop_oneof![
        4 => (client.clone(), 1..40usize).prop_map(|(client, bytes)| Step::Send { client, bytes }),
        6 => Just(Step::Tick),
        1 => client.clone().prop_map(|client| Step::Unwatch { client }),
        1 => client.prop_map(|client| Step::Watch { client }),
    ];
    proptest::collection::vec(step, 1..80)
}

/// One turn: each watched client with bytes is read exactly once, a client without bytes not at all.
fn fair_tick(el: &mut EventLoop<Readers>, state: &mut Readers, backend: Backend) {
    let due: Vec<bool> = (state.0.iter())
        .map(|reader| reader.unread > 0 && !el.file_mask(reader.ours.as_raw_fd()).is_empty())
        .collect();
    el.tick(state).unwrap();
    for (at, reader) in state.0.iter_mut().enumerate() {
        let reads = std::mem::take(&mut reader.reads_this_tick);
        if due[at] {
            assert_eq!(reads, 1, "{backend:?}: client {at} was ready");
        } else {
            // After a read that took exactly everything, one read may find nothing.
            assert!(reads <= 1, "{backend:?}: client {at} was read {reads} times");
        }
    }
}

fn run_steps(backend: Backend, steps: &[Step]) {
    let mut el = sleepless(backend);
    let reader = |_| {
        let (ours, theirs) = pair();
        Reader { ours, theirs, unread: 0, reads_this_tick: 0 }
    };
    let mut state = Readers((0..CLIENTS).map(reader).collect());
    let watch = |el: &mut EventLoop<Readers>, state: &Readers, at: usize| {
        let fd = state.0[at].ours.as_raw_fd();
        el.add_file(fd, Mask::READABLE, read_quantum, at as u64).unwrap();
    };
    for at in 0..CLIENTS {
        watch(&mut el, &state, at);
    }
    for step in steps {
        match *step {
            Step::Send { client, bytes } => {
                let reader = &mut state.0[client];
                reader.theirs.write_all(&vec![b'x'; bytes]).unwrap();
                reader.unread += bytes;
            }
            Step::Tick => fair_tick(&mut el, &mut state, backend),
            Step::Unwatch { client } => {
                el.del_file(state.0[client].ours.as_raw_fd(), Mask::READABLE);
            }
            Step::Watch { client } => watch(&mut el, &state, client),
        }
    }
    for at in 0..CLIENTS {
        watch(&mut el, &state, at);
    }
    loop {
        fair_tick(&mut el, &mut state, backend);
        if el.fired_count() == 0 {
            break;
        }
    }
    let unread: usize = state.0.iter().map(|reader| reader.unread).sum();
    assert_eq!(unread, 0, "{backend:?} would sleep over {unread} bytes");
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]
    #[test]
    fn nobody_is_read_twice_and_nothing_stays_unread(steps in steps()) {
        for &backend in Backend::ALL {
            run_steps(backend, &steps);
        }
    }
}

#[derive(Default)]
struct Removals {
    called: Vec<u64>,
    fds: Vec<RawFd>,
}

fn remove_the_others(
    el: &mut EventLoop<Removals>,
    state: &mut Removals,
    fd: RawFd,
    data: u64,
    _: Mask,
) {
    state.called.push(data);
    let others = state.fds.iter().filter(|&&other| other != fd);
    others.for_each(|&other| el.del_file(other, Mask::BOTH));
}

#[test]
fn a_handler_may_remove_descriptors_that_have_fired() {
    for &backend in Backend::ALL {
        let mut el = sleepless(backend);
        let mut state = Removals::default();
        let mut pairs: Vec<_> = (0..4).map(|_| pair()).collect();
        for (at, (ours, theirs)) in pairs.iter_mut().enumerate() {
            theirs.write_all(b"x").unwrap();
            state.fds.push(ours.as_raw_fd());
            el.add_file(ours.as_raw_fd(), Mask::READABLE, remove_the_others, at as u64).unwrap();
        }
        el.tick(&mut state).unwrap();
        assert_eq!(el.fired_count(), 4, "{backend:?}");
        assert_eq!(state.called.len(), 1, "{backend:?} called {:?}", state.called);
    }
}

fn remove_itself(
    el: &mut EventLoop<Removals>,
    state: &mut Removals,
    fd: RawFd,
    data: u64,
    _: Mask,
) {
    state.called.push(data);
    el.del_file(fd, Mask::BOTH);
}

fn never(_: &mut EventLoop<Removals>, _: &mut Removals, _: RawFd, _: u64, _: Mask) {
    panic!("the handler was removed");
}

#[test]
fn a_handler_may_remove_its_own_other_side() {
    for &backend in Backend::ALL {
        let mut el = sleepless(backend);
        let mut state = Removals::default();
        let (ours, mut theirs) = pair();
        theirs.write_all(b"x").unwrap();
        el.add_file(ours.as_raw_fd(), Mask::READABLE, remove_itself, 7).unwrap();
        el.add_file(ours.as_raw_fd(), Mask::WRITABLE, never, 7).unwrap();
        el.tick(&mut state).unwrap();
        assert_eq!(state.called, [7], "{backend:?}");
        el.tick(&mut state).unwrap();
        assert_eq!(el.fired_count(), 0, "{backend:?}");
    }
}

#[test]
fn a_descriptor_beyond_the_set_size_is_out_of_range() {
    for &backend in Backend::ALL {
        let setsize = 2;
        let mut el = EventLoop::new(backend.create(setsize).unwrap(), setsize, Clock::system());
        let (ours, _theirs) = pair();
        let error = el.add_file(ours.as_raw_fd(), Mask::READABLE, never, 0).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(ERANGE), "{backend:?}");
        el.resize(1000).unwrap();
        el.add_file(ours.as_raw_fd(), Mask::READABLE, never, 0).unwrap();
        assert!(el.resize(2).is_err(), "{backend:?} would lose a descriptor");
    }
}
