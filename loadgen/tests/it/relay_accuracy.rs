//! How exact the relay's delay is on this machine. Measures, so it is not part of `cargo test`:
//!
//! ```sh
//! cargo test -p aelab-loadgen --test it -- --ignored --nocapture relay_accuracy
//! ```
//!
//! Each round trip through the relay is paired with one to a server that lets the same time pass before it answers. Whoever
//! waits for a reply is then equally deep asleep in both, and what the machine takes for itself cancels out.
//! docs/relay.md says what came out and what it means.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use aelab_engine::clock::{self, Nanos};
use aelab_engine::plan::Endpoint;
use aelab_lab::relay::{Options, Relay, Waiting};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// Round trips per line of the table.
const ROUNDS: usize = 2_000;
/// Pause between round trips: requests that come one by one, each of which finds everybody asleep.
const PAUSE: Duration = Duration::from_micros(300);

/// Says at once what it is told, or after `rtt` if it is told something that begins with `W`.
fn server(rtt: Nanos) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            stream.set_nodelay(true).expect("no delay");
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    let until = clock::now() + rtt;
                    while buffer[0] == b'W' && clock::now() < until {}
                    if stream.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    addr
}

fn round_trip(stream: &mut TcpStream, what: &[u8; 14]) -> Nanos {
    let mut reply = [0; 14];
    let sent = clock::now();
    stream.write_all(what).expect("sent");
    stream.read_exact(&mut reply).expect("an echo");
    clock::now().since(sent)
}

const PING: &[u8; 14] = b"*1\r\n$4\r\nPING\r\n";
const WAIT: &[u8; 14] = b"W1\r\n$4\r\nPING\r\n";

fn quantile(sorted: &[i64], q: f64) -> i64 {
    sorted[((sorted.len() - 1) as f64 * q) as usize]
}

fn measure(rtt: Nanos, waiting: Waiting) {
    let server = server(rtt);
    let listen = Endpoint::Tcp(([127, 0, 0, 1], 0).into());
    let options = Options { rtt, waiting, ..Options::new(listen, Endpoint::Tcp(server)) };
    let relay = Relay::bind(&options).expect("the relay listens");
    let Endpoint::Tcp(addr) = *relay.endpoint() else { panic!("TCP was asked for") };
    let cancel = AtomicBool::new(false);
    thread::scope(|scope| {
        let running = scope.spawn(|| relay.run(&cancel).expect("the relay runs"));
        let connect = |addr: SocketAddr| {
            let stream = TcpStream::connect(addr).expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            stream
        };
        let (mut direct, mut relayed) = (connect(server), connect(addr));
        round_trip(&mut relayed, PING);
        let (mut bases, mut errors) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            thread::sleep(PAUSE);
            let base = round_trip(&mut direct, WAIT).0 as i64;
            thread::sleep(PAUSE);
            let through = round_trip(&mut relayed, PING).0 as i64;
            bases.push(base - rtt.0 as i64);
            errors.push(through);
        }
        bases.sort_unstable();
        let own = quantile(&bases, 0.5) + rtt.0 as i64;
        errors.iter_mut().for_each(|error| *error -= own);
        errors.sort_unstable();
        cancel.store(true, SeqCst);
        let stats = running.join().expect("the relay ends");
        let us = |ns: i64| ns as f64 / 1e3;
        println!(
            "{waiting:?} rtt {rtt}: error p50 {:.1} p90 {:.1} p99 {:.1} max {:.1} us; without relay, beyond the wait, p50 {:.1} p99 {:.1} us; \
             left late p50 {:.1} p99 {:.1} us; {} of {} reads without a stamp",
            us(quantile(&errors, 0.5)),
            us(quantile(&errors, 0.9)),
            us(quantile(&errors, 0.99)),
            us(quantile(&errors, 1.0)),
            us(quantile(&bases, 0.5)),
            us(quantile(&bases, 0.99)),
            us(stats.scheduling_delay.value_at_quantile(0.5) as i64),
            us(stats.scheduling_delay.value_at_quantile(0.99) as i64),
            stats.unstamped_reads,
            2 * ROUNDS,
        );
    });
}

#[test]
#[ignore = "measures; wants a quiet machine"]
fn relay_accuracy() {
    let all = [Waiting::Precise, Waiting::Spin];
    // Spinning takes a processor: AELAB_RELAY_SPIN=no leaves it to others.
    let modes = if std::env::var_os("AELAB_RELAY_SPIN").is_some() { &all[..1] } else { &all };
    for &waiting in modes {
        for rtt_us in [200, 1_000, 5_000] {
            measure(Nanos::from_micros(rtt_us), waiting);
        }
    }
}
