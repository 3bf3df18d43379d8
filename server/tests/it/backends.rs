//! The contract of the backends, tested on each: the same behaviours over pipes and socket pairs. No test
//! here depends on time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use aelab_server::ae::{Api, Backend, Fired, Mask};
use aelab_server::clock::Nanos;
use rustix::process::{Resource, Rlimit, Signal};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SETSIZE: usize = 4096;
const READABLE: Mask = Mask::READABLE;
const WRITABLE: Mask = Mask::WRITABLE;
const BOTH: Mask = Mask::BOTH;

/// A backend together with what the loop would remember about it.
struct Watch {
    backend: Backend,
    api: Box<dyn Api>,
    masks: BTreeMap<RawFd, Mask>,
}

impl Watch {
    fn new(backend: Backend) -> Self {
        let api = backend.create(SETSIZE).unwrap();
        Watch { backend, api, masks: BTreeMap::new() }
    }

    fn mask(&self, fd: &impl AsRawFd) -> Mask {
        self.masks.get(&fd.as_raw_fd()).copied().unwrap_or_default()
    }

    fn add(&mut self, fd: &impl AsRawFd, mask: Mask) {
        let before = self.mask(fd);
        self.api.add(fd.as_raw_fd(), mask, before).unwrap();
        self.masks.insert(fd.as_raw_fd(), before.with(mask));
    }

    fn del(&mut self, fd: &impl AsRawFd, mask: Mask) {
        let remaining = self.mask(fd).without(mask);
        self.masks.insert(fd.as_raw_fd(), remaining);
        self.api.del(fd.as_raw_fd(), mask, remaining);
    }

    /// A handler that did not finish says so.
    fn left(&mut self, fd: &impl AsRawFd, mask: Mask) {
        self.api.not_drained(fd.as_raw_fd(), mask);
    }

    /// Polls, and keeps what is watched, as the loop does. In the order of descriptors.
    fn poll(&mut self, timeout: Option<Nanos>) -> Vec<(RawFd, Mask)> {
        let mut fired: Vec<Fired> = Vec::new();
        // The signal of another test may stray here.
        while let Err(error) = self.api.poll(timeout, &mut fired) {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{:?}", self.backend);
        }
        let mut seen: Vec<(RawFd, Mask)> = fired.iter().map(|f| (f.fd, f.mask)).collect();
        seen.sort_by_key(|&(fd, _)| fd);
        let count = seen.len();
        seen.dedup_by_key(|&mut (fd, _)| fd);
        assert_eq!(seen.len(), count, "{:?} reported a descriptor twice", self.backend);
        for (fd, mask) in &mut seen {
            *mask = mask.only(self.masks.get(fd).copied().unwrap_or_default());
        }
        seen.retain(|(_, mask)| !mask.is_empty());
        seen
    }

    #[track_caller]
    fn expect(&mut self, expected: &[(&dyn AsRawFd, Mask)]) {
        let mut expected: Vec<_> = expected.iter().map(|(fd, m)| (fd.as_raw_fd(), *m)).collect();
        expected.sort_by_key(|&(fd, _)| fd);
        assert_eq!(self.poll(Some(Nanos::ZERO)), expected, "{:?}", self.backend);
    }
}

/// Runs `behaviour` on every backend.
fn on_every_backend(behaviour: impl Fn(&mut Watch)) {
    for &backend in Backend::ALL {
        behaviour(&mut Watch::new(backend));
    }
}

fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (a, b)
}

fn fill(mut socket: &UnixStream) {
    while socket.write(&[0; 64 * 1024]).is_ok() {}
}

fn drain(mut socket: &UnixStream) {
    let mut buf = vec![0; 64 * 1024];
    while socket.read(&mut buf).is_ok_and(|count| count > 0) {}
}

#[test]
fn a_silent_descriptor_is_not_reported() {
    on_every_backend(|watch| {
        let (ours, _theirs) = pair();
        watch.expect(&[]);
        watch.add(&ours, READABLE);
        watch.expect(&[]);
        assert_eq!(watch.poll(Some(Nanos::from_us(1))), []);
        assert_eq!(watch.poll(Some(Nanos::from_ms(2))), []);
    });
}

#[test]
fn readable_is_reported_as_long_as_bytes_are_left() {
    on_every_backend(|watch| {
        let (mut ours, mut theirs) = pair();
        watch.add(&ours, READABLE);
        theirs.write_all(b"0123456789").unwrap();
        let mut quantum = [0; 4];
        for count in [4, 4, 2] {
            watch.expect(&[(&ours, READABLE)]);
            assert_eq!(ours.read(&mut quantum).unwrap(), count);
            if count == quantum.len() {
                watch.left(&ours, READABLE);
            }
        }
        watch.expect(&[]);
        theirs.write_all(b"more").unwrap();
        watch.expect(&[(&ours, READABLE)]);
    });
}

#[test]
fn while_something_is_left_the_backend_does_not_sleep() {
    on_every_backend(|watch| {
        let (mut ours, mut theirs) = pair();
        watch.add(&ours, READABLE);
        theirs.write_all(b"0123456789").unwrap();
        for _ in 0..3 {
            // For ever, if it forgot.
            assert_eq!(watch.poll(None), [(ours.as_raw_fd(), READABLE)]);
            assert_eq!(ours.read(&mut [0; 2]).unwrap(), 2);
            watch.left(&ours, READABLE);
        }
    });
}

#[test]
fn writable_is_reported_unless_the_buffer_is_full() {
    on_every_backend(|watch| {
        let (ours, theirs) = pair();
        watch.add(&ours, WRITABLE);
        watch.expect(&[(&ours, WRITABLE)]);
        fill(&ours);
        watch.expect(&[]);
        drain(&theirs);
        watch.expect(&[(&ours, WRITABLE)]);
    });
}

#[test]
fn both_sides_come_as_one_event() {
    on_every_backend(|watch| {
        let (ours, mut theirs) = pair();
        watch.add(&ours, READABLE);
        theirs.write_all(b"x").unwrap();
        watch.add(&ours, WRITABLE);
        watch.expect(&[(&ours, BOTH)]);
    });
}

#[test]
fn a_barrier_is_the_loops_affair() {
    on_every_backend(|watch| {
        let (ours, mut theirs) = pair();
        theirs.write_all(b"x").unwrap();
        watch.add(&ours, READABLE.with(Mask::BARRIER));
        watch.expect(&[(&ours, READABLE)]);
        watch.del(&ours, READABLE);
        watch.expect(&[]);
    });
}

#[test]
fn a_peer_that_is_gone_is_reported_until_it_is_dealt_with() {
    for watched in [READABLE, BOTH] {
        on_every_backend(|watch| {
            let (ours, theirs) = pair();
            watch.add(&ours, watched);
            drop(theirs);
            for _ in 0..3 {
                let fired = watch.poll(None);
                assert_eq!(fired.len(), 1, "{:?}", watch.backend);
                assert!(fired[0].1.contains(READABLE), "{:?}: {fired:?}", watch.backend);
            }
            watch.del(&ours, watched);
            watch.expect(&[]);
        });
    }
}

#[test]
fn a_peer_that_sends_no_more_is_reported_behind_its_last_bytes() {
    on_every_backend(|watch| {
        let (mut ours, mut theirs) = pair();
        watch.add(&ours, READABLE);
        theirs.write_all(b"bye").unwrap();
        theirs.shutdown(Shutdown::Write).unwrap();
        let mut buf = [0; 16];
        for count in [3, 0, 0] {
            watch.expect(&[(&ours, READABLE)]);
            // Short reads, so no handler reports that something is left.
            assert_eq!(ours.read(&mut buf).unwrap(), count, "{:?}", watch.backend);
        }
    });
}

#[test]
fn a_reader_that_is_gone_wakes_who_waits_to_write() {
    on_every_backend(|watch| {
        let (reader, writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        while (&writer).write(&[0; 4096]).is_ok() {}
        watch.add(&writer, WRITABLE);
        watch.expect(&[]);
        drop(reader);
        watch.expect(&[(&writer, WRITABLE)]);
    });
}

#[test]
fn a_removed_side_is_silent_and_the_other_stays() {
    on_every_backend(|watch| {
        let (mut ours, mut theirs) = pair();
        watch.add(&ours, BOTH);
        theirs.write_all(b"x").unwrap();
        watch.expect(&[(&ours, BOTH)]);
        watch.del(&ours, WRITABLE);
        watch.expect(&[(&ours, READABLE)]);
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), 1);
        watch.expect(&[]);
        watch.del(&ours, READABLE);
        theirs.write_all(b"x").unwrap();
        watch.expect(&[]);
    });
}

#[test]
fn what_arrived_before_a_descriptor_is_watched_again_is_reported() {
    on_every_backend(|watch| {
        let (ours, mut theirs) = pair();
        watch.add(&ours, READABLE);
        theirs.write_all(b"x").unwrap();
        watch.expect(&[(&ours, READABLE)]);
        watch.del(&ours, READABLE);
        theirs.write_all(b"y").unwrap();
        watch.expect(&[]);
        watch.add(&ours, READABLE);
        watch.expect(&[(&ours, READABLE)]);
    });
}

#[test]
fn the_next_user_of_a_number_starts_clean() {
    on_every_backend(|watch| {
        let (ours, theirs) = pair();
        watch.add(&ours, BOTH);
        drop(theirs);
        assert_eq!(watch.poll(Some(Nanos::ZERO)).len(), 1);
        watch.left(&ours, BOTH);
        watch.del(&ours, BOTH);
        let number = ours.as_raw_fd();
        drop(ours);
        let (ours, mut theirs) = pair();
        // Another test of this process may have been quicker to take the number.
        if ours.as_raw_fd() == number {
            watch.add(&ours, READABLE);
            watch.expect(&[]);
            theirs.write_all(b"x").unwrap();
            watch.expect(&[(&ours, READABLE)]);
        }
    });
}

#[test]
fn among_many_descriptors_exactly_the_ready_ones_are_reported() {
    on_every_backend(|watch| {
        let mut pairs: Vec<_> = (0..120).map(|_| pair()).collect();
        for (ours, _) in &pairs {
            watch.add(ours, READABLE);
        }
        // Removing from the middle moves others about in an array of descriptors.
        for (ours, _) in pairs.iter().step_by(7) {
            watch.del(ours, READABLE);
        }
        for (_, theirs) in pairs.iter_mut().step_by(3) {
            theirs.write_all(b"x").unwrap();
        }
        let ready: Vec<(&dyn AsRawFd, Mask)> = (0..pairs.len())
            .filter(|at| at % 3 == 0 && at % 7 != 0)
            .map(|at| (&pairs[at].0 as &dyn AsRawFd, READABLE))
            .collect();
        watch.expect(&ready);
        for (ours, _) in &pairs {
            watch.del(ours, READABLE);
        }
        watch.expect(&[]);
    });
}

#[test]
fn without_a_timeout_it_waits_for_an_event() {
    on_every_backend(|watch| {
        let (ours, mut theirs) = pair();
        watch.add(&ours, READABLE);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(5));
                theirs.write_all(b"x").unwrap();
                theirs
            });
            assert_eq!(watch.poll(None).len(), 1);
        });
    });
}

#[test]
fn a_signal_ends_the_sleep_without_an_event() {
    let flag = std::sync::Arc::new(AtomicBool::new(false));
    // The handler matters for not ending the process; the system call is interrupted anyway.
    signal_hook::flag::register(signal_hook::consts::SIGUSR1, flag).unwrap();
    on_every_backend(|watch| {
        let (ours, theirs) = pair();
        watch.add(&ours, READABLE);
        let sleeper = rustix::thread::gettid();
        let woken = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !woken.load(Ordering::Relaxed) {
                    // To a thread's own number: the kernel prefers that thread of the process.
                    rustix::process::kill_process(sleeper, Signal::USR1).unwrap();
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let mut fired = Vec::new();
            let outcome = watch.api.poll(None, &mut fired);
            woken.store(true, Ordering::Relaxed);
            if let Err(error) = outcome {
                assert_eq!(error.kind(), ErrorKind::Interrupted, "{:?}", watch.backend);
            }
            assert_eq!(fired, []);
        });
        drop(theirs);
    });
}

/// The same open file under a number of at least `at_least`.
fn high_number(fd: impl AsFd, at_least: RawFd) -> OwnedFd {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = SETSIZE as u64;
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        rustix::process::setrlimit(Resource::Nofile, raised).unwrap();
    }
    rustix::io::fcntl_dupfd_cloexec(fd, at_least).unwrap()
}

#[test]
fn only_select_stops_at_1024_and_says_what_to_do() {
    let (ours, mut theirs) = pair();
    let high = high_number(&ours, 1024);
    theirs.write_all(b"x").unwrap();
    on_every_backend(|watch| {
        let refused = watch.backend.descriptor_limit() == Some(1024);
        assert_eq!(refused, watch.backend == Backend::Select);
        if !refused {
            watch.add(&high, READABLE);
            watch.expect(&[(&high, READABLE)]);
            watch.del(&high, READABLE);
            watch.expect(&[]);
            return;
        }
        let error = watch.api.add(high.as_raw_fd(), READABLE, Mask::NONE).unwrap_err();
        let number = high.as_raw_fd();
        assert_eq!(
            error.to_string(),
            format!(
                "descriptor {number} is beyond what select can watch, descriptors below FD_SETSIZE \
                 (1024): lower maxclients, choose another ae-backend, or set select-oversize yes \
                 (ERANGE)"
            )
        );
        // Nothing was written past the end, and what is below works on.
        watch.add(&ours, READABLE);
        watch.expect(&[(&ours, READABLE)]);
    });
}

#[test]
fn the_last_number_below_1024_is_not_refused() {
    let (ours, mut theirs) = pair();
    let high = high_number(&ours, 1000);
    assert!(high.as_raw_fd() < 1024, "too many descriptors are open to test this");
    theirs.write_all(b"x").unwrap();
    let mut watch = Watch::new(Backend::Select);
    watch.add(&high, READABLE);
    watch.expect(&[(&high, READABLE)]);
}

#[test]
fn a_larger_set_size_is_refused_by_select_only() {
    on_every_backend(|watch| {
        assert!(watch.api.resize(1024).is_ok(), "{:?}", watch.backend);
        let larger = watch.api.resize(1025);
        assert_eq!(larger.is_err(), watch.backend == Backend::Select);
        if let Err(error) = larger {
            assert!(error.to_string().starts_with("a set size of 1025 is beyond what select can"));
        }
    });
}

#[test]
fn names_are_what_the_configuration_says() {
    for name in Backend::NAMES {
        let backend = Backend::named(name).unwrap();
        assert_eq!(backend.create(64).unwrap().name(), *name);
        let oversize = backend.oversize().create(64).unwrap().name();
        assert_eq!(oversize, if *name == "select" { "select-oversize" } else { name });
    }
    assert_eq!(Backend::named("evport"), None);
    assert_eq!(Backend::named("select-oversize"), None);
}
