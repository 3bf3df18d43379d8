//! What one wake-up costs on each backend, with 3 active connections among more and more idle ones.
//!
//! A wake-up is a poll that finds 3 descriptors ready; reading them costs the same on every backend
//! and is left out. mio and epoll should stay flat, poll and select grow with the number of
//! descriptors. The connections are TCP, as a server's are: what the kernel pays to ask a
//! descriptor depends on its kind.
//!
//! The active connections are the last to have come, so poll and select meet them after all idle
//! ones; on average it would be half-way. Run with `cargo bench -p aelab-server --bench backends`; 9,000 idle
//! connections take 18,020 descriptors, both ends being in this process.

use aelab_server::ae::{Api, Backend, Fired, Mask};
use aelab_server::clock::Nanos;
use divan::Bencher;
use rustix::process::{Resource, Rlimit};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Connections that are ready at each wake-up.
const ACTIVE: usize = 3;
/// Idle connections. Select without its limit lifted has room for the first four.
const IDLE: [usize; 5] = [0, 10, 100, 1_000, 9_000];
/// Descriptors that a process may be asked to open here.
const NOFILE_WANTED: u64 = 20_000;
/// Far longer than a wake-up: the poll must be ready to sleep, but never does.
const TIMEOUT: Nanos = Nanos::from_ms(10_000);

fn main() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(NOFILE_WANTED, |maximum| maximum.min(NOFILE_WANTED));
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised).expect("raising up to the hard limit");
    divan::main();
}

#[divan::bench(args = IDLE, sample_size = 1, sample_count = 4_000, max_time = 4)]
fn mio(bencher: Bencher<'_, '_>, idle: usize) {
    wake_up(bencher, Backend::Mio, idle);
}

#[divan::bench(args = IDLE, sample_size = 1, sample_count = 4_000, max_time = 4)]
fn epoll(bencher: Bencher<'_, '_>, idle: usize) {
    wake_up(bencher, Backend::named("epoll").expect("Linux"), idle);
}

#[divan::bench(args = IDLE, sample_size = 1, sample_count = 4_000, max_time = 4)]
fn poll(bencher: Bencher<'_, '_>, idle: usize) {
    wake_up(bencher, Backend::Poll, idle);
}

#[divan::bench(args = &IDLE[..4], sample_size = 1, sample_count = 4_000, max_time = 4)]
fn select(bencher: Bencher<'_, '_>, idle: usize) {
    wake_up(bencher, Backend::Select, idle);
}

#[divan::bench(args = IDLE, sample_size = 1, sample_count = 4_000, max_time = 4)]
fn select_oversize(bencher: Bencher<'_, '_>, idle: usize) {
    wake_up(bencher, Backend::SelectOversize, idle);
}

fn wake_up(bencher: Bencher<'_, '_>, backend: Backend, idle: usize) {
    let connections = connections(idle + ACTIVE);
    let mut api: Box<dyn Api> = backend.create(NOFILE_WANTED as usize).expect("a backend");
    for (ours, _) in &connections {
        api.add(ours.as_raw_fd(), Mask::READABLE, Mask::NONE).expect("to be watched");
    }
    let active = &connections[idle..];
    let mut fired: Vec<Fired> = Vec::with_capacity(ACTIVE);
    bencher
        .with_inputs(|| {
            for (ours, theirs) in active {
                // What the last wake-up found; nothing at first.
                let _ = rustix::io::read(ours, &mut [0; 8]);
                assert_eq!(rustix::io::write(theirs, b"x"), Ok(1));
            }
        })
        .bench_local_values(|()| {
            fired.clear();
            api.poll(Some(TIMEOUT), &mut fired).expect("a poll");
            assert_eq!(fired.len(), ACTIVE);
        });
}

/// Pairs of connected sockets, the server's ends under the lowest numbers, as they are in a server:
/// select's cost is that of the highest number.
fn connections(count: usize) -> Vec<(OwnedFd, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let mut low: Vec<OwnedFd> =
        (0..count).map(|_| rustix::io::dup(&listener).expect("enough descriptors")).collect();
    let connect = |low: &mut OwnedFd| {
        let theirs = TcpStream::connect(addr).expect("a connection");
        theirs.set_nodelay(true).expect("no delay");
        // Closed by a reset: tens of thousands of ports would wait for a minute otherwise.
        rustix::net::sockopt::set_socket_linger(&theirs, Some(Duration::ZERO)).expect("linger");
        let (ours, _) = listener.accept().expect("the other end");
        ours.set_nonblocking(true).expect("non-blocking");
        rustix::io::dup2(&ours, low).expect("its low number");
        theirs
    };
    let theirs: Vec<TcpStream> = low.iter_mut().map(connect).collect();
    low.into_iter().zip(theirs).collect()
}
