//! The relay on real sockets: bytes, ends, pressure and counts. How exact the delay is, is measured in `relay_accuracy.rs`.

use aelab_engine::clock::{self, Nanos};
use aelab_engine::plan::Endpoint;
use aelab_lab::relay::{Credentials, Options, Relay, Stats, run};
use aelab_resp::{Parsed, RequestLimits, RequestParser, encode};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

fn local(port: u16) -> Endpoint {
    Endpoint::Tcp(([127, 0, 0, 1], port).into())
}

/// A relay on a thread.
struct Running {
    addr: Option<SocketAddr>,
    cancel: Arc<AtomicBool>,
    thread: JoinHandle<Stats>,
}

impl Running {
    fn start(options: &Options) -> Self {
        let relay = Relay::bind(options).expect("the relay listens");
        let addr = match relay.endpoint() {
            Endpoint::Tcp(addr) => Some(*addr),
            Endpoint::Tls(_) | Endpoint::Unix(_) => None,
        };
        let cancel = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&cancel);
        let thread = thread::spawn(move || relay.run(&seen).expect("the relay runs"));
        Self { addr, cancel, thread }
    }

    fn to(upstream: SocketAddr, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::new(local(0), Endpoint::Tcp(upstream));
        change(&mut options);
        Self::start(&options)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr.expect("TCP")).expect("the relay accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        stream
    }

    fn stop(self) -> Stats {
        self.cancel.store(true, SeqCst);
        self.thread.join().expect("the relay ends")
    }
}

/// A server that hands each connection to `serve` on a thread of its own.
fn server(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_nodelay(true).expect("no delay");
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    addr
}

/// Sends back what it gets; half-closes when its peer has.
fn echo(mut stream: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
    // Its failure means that nobody is there to be told.
    let _ = stream.shutdown(Shutdown::Write);
}

/// Answers `ECHO x` with `x`, everything else with OK.
fn echo_commands(mut stream: TcpStream) {
    let (mut buffer, mut args) = (Vec::new(), Vec::new());
    let mut parser = RequestParser::default();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut part) {
        buffer.extend_from_slice(&part[..count]);
        let mut out = Vec::new();
        while let Ok(Parsed::Command { consumed }) =
            parser.parse(&mut buffer, &RequestLimits::default(), &mut args)
        {
            match args.get(1).filter(|_| args[0].of(&buffer).eq_ignore_ascii_case(b"ECHO")) {
                Some(arg) => encode::bulk(&mut out, arg.of(&buffer)),
                None => encode::simple(&mut out, b"OK"),
            }
            buffer.drain(..consumed);
            if buffer.is_empty() {
                break;
            }
        }
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}

/// What a case asks of its relay.
type Change = fn(&mut Options);

fn noise(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * at / 7 % 253) as u8).collect()
}

/// Sends `bytes` through an echo, half-closes, and expects the same bytes and then the end.
#[track_caller]
fn check_round_trip(stream: TcpStream, bytes: &[u8]) {
    let mut writer = stream.try_clone().expect("a second handle");
    let sent = bytes.to_vec();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).expect("the relay takes it");
        writer.shutdown(Shutdown::Write).expect("a half-close");
    });
    let mut got = Vec::new();
    (&stream).read_to_end(&mut got).expect("everything comes back, then the end");
    writing.join().expect("the writer");
    assert!(got == bytes, "{} bytes of {} came back, or others", got.len(), bytes.len());
}

#[test]
fn a_megabyte_comes_back_whole_and_a_half_close_passes() {
    let upstream = server(echo);
    let cases: [(&str, Change); 4] = [
        ("nothing added", |_| {}),
        ("delay and jitter", |options| {
            options.rtt = Nanos::from_millis(2);
            options.jitter = Nanos::from_micros(500);
        }),
        ("bandwidth", |options| options.bandwidth = Some(20_000_000)),
        ("a small window", |options| {
            options.rtt = Nanos::from_micros(200);
            options.window_bytes = 10_000;
        }),
    ];
    for (name, change) in cases {
        let relay = Running::to(upstream, change);
        check_round_trip(relay.connect(), &noise(1 << 20));
        let stats = relay.stop();
        assert_eq!((stats.connections, stats.bytes_up), (1, 1 << 20), "{name}");
        assert_eq!((stats.bytes_down, stats.resets), (1 << 20, 0), "{name}");
    }
}

#[test]
fn many_connections_keep_their_bytes_apart() {
    let relay = Running::to(server(echo), |options| {
        options.rtt = Nanos::from_millis(1);
        options.jitter = Nanos::from_millis(1);
    });
    thread::scope(|scope| {
        for number in 0..20_usize {
            let stream = relay.connect();
            scope.spawn(move || check_round_trip(stream, &noise(10_000 + number * 777)));
        }
    });
    assert_eq!(relay.stop().connections, 20);
}

#[test]
fn no_reply_is_early_and_a_connection_costs_its_round_trip() {
    let rtt = Nanos::from_millis(5);
    let relay = Running::to(server(echo), |options| options.rtt = rtt);
    let before = clock::now();
    let mut stream = relay.connect();
    let mut reply = [0; 4];
    for round in 0..5_u64 {
        let sent = clock::now();
        stream.write_all(b"ping").expect("sent");
        stream.read_exact(&mut reply).expect("a reply");
        assert!(clock::now().since(sent) >= rtt, "round {round} is early");
        if round == 0 {
            assert!(clock::now().since(before) >= rtt + rtt, "the handshake was free");
        }
    }
    relay.stop();
}

#[test]
fn a_reset_passes_in_both_directions() {
    // The server aborts: it closes with bytes unread.
    let upstream = server(|mut stream| {
        stream.read_exact(&mut [0; 1]).expect("the first byte");
        thread::sleep(Duration::from_millis(20));
    });
    let relay = Running::to(upstream, |options| options.rtt = Nanos::from_millis(1));
    let mut stream = relay.connect();
    stream.write_all(b"12345").expect("sent");
    let error = stream.read(&mut [0; 10]).expect_err("a reset, not an end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(relay.stop().resets, 1);

    // The client aborts, likewise.
    let (told, seen) = std::sync::mpsc::channel();
    let upstream = server(move |mut stream| {
        stream.write_all(b"12345").expect("sent");
        let _ = told.send(stream.read(&mut [0; 10]).map_err(|error| error.kind()));
    });
    let relay = Running::to(upstream, |options| options.rtt = Nanos::from_millis(1));
    let mut stream = relay.connect();
    stream.read_exact(&mut [0; 1]).expect("the first byte");
    thread::sleep(Duration::from_millis(20));
    drop(stream);
    let outcome = seen.recv_timeout(PATIENCE).expect("the server hears of it");
    assert_eq!(outcome, Err(ErrorKind::ConnectionReset));
    relay.stop();
}

#[test]
fn a_receiver_that_does_not_read_stops_the_sender_and_nothing_is_lost() {
    let (go, wait) = (Arc::new(AtomicBool::new(false)), Duration::from_millis(5));
    let gate = Arc::clone(&go);
    let (told, seen) = std::sync::mpsc::channel();
    let upstream = server(move |mut stream| {
        while !gate.load(SeqCst) {
            thread::sleep(wait);
        }
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("everything");
        let _ = told.send(all);
    });
    let relay = Running::to(upstream, |options| options.rtt = Nanos::from_millis(1));
    let mut stream = relay.connect();
    stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    // The kernel's buffers of two connections and the line's window end somewhere; 256 MiB is beyond all of them.
    let bytes = noise(1 << 20);
    let mut sent = Vec::new();
    while sent.len() < 256 << 20 {
        match stream.write(&bytes) {
            Ok(count) => sent.extend_from_slice(&bytes[..count]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                break;
            }
        }
    }
    assert!(sent.len() < 256 << 20, "the relay swallowed everything");
    go.store(true, SeqCst);
    stream.shutdown(Shutdown::Write).expect("a half-close");
    let got = seen.recv_timeout(PATIENCE).expect("the server has read");
    assert!(got == sent, "{} bytes of {}", got.len(), sent.len());
    relay.stop();
}

#[test]
fn an_upstream_that_is_not_there_costs_the_client_and_not_the_relay() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it");
    for share in [None, Some(2)] {
        let relay = Running::to(nobody, |options| options.share = share);
        for _ in 0..3 {
            let mut stream = relay.connect();
            // It may be closed before this is sent.
            let _ = stream.write_all(b"PING\r\n");
            let end = stream.read(&mut [0; 10]);
            let is_closed = matches!(&end, Ok(0))
                || end.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
            assert!(is_closed, "{end:?}");
        }
        let stats = relay.stop();
        assert_eq!((stats.connections, stats.upstream_refused), (3, 3), "{share:?}");
        let text = stats.last_error.expect("a reason");
        assert!(text.contains("cannot be reached") && text.contains("refused"), "{text}");
    }
}

#[test]
fn an_address_that_is_taken_is_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let error = run(&Options::new(local(port), local(1)), &AtomicBool::new(true));
    let text = error.expect_err("it is taken").to_string();
    assert!(text.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")), "{text}");
    assert!(text.contains("give another --listen") && !text.contains('\n'), "{text}");
}

#[test]
fn unix_sockets_work_on_both_sides_and_leave_nothing_behind() {
    let dir = std::env::temp_dir().join(format!("aelab-relay-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let (listen, upstream) = (dir.join("relay.sock"), dir.join("server.sock"));
    let listener = UnixListener::bind(&upstream).expect("a socket");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the relay connects");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("everything");
        stream.write_all(&all).expect("sent back");
    });
    // A socket that somebody left behind is replaced.
    drop(UnixListener::bind(&listen).expect("a socket"));
    let mut options = Options::new(Endpoint::Unix(listen.clone()), Endpoint::Unix(upstream));
    options.rtt = Nanos::from_millis(1);
    let relay = Running::start(&options);
    let mut stream = UnixStream::connect(&listen).expect("the relay accepts");
    let bytes = noise(300_000);
    stream.write_all(&bytes).expect("sent");
    stream.shutdown(Shutdown::Write).expect("a half-close");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("everything comes back");
    assert!(got == bytes);
    relay.stop();
    assert!(!listen.exists(), "the relay's socket is left behind");
    std::fs::remove_dir_all(&dir).expect("the folder goes");
}

#[test]
fn many_short_lived_clients_share_few_connections() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    let upstream = server(move |stream| {
        count.fetch_add(1, SeqCst);
        echo_commands(stream);
    });
    let relay = Running::to(upstream, |options| {
        options.share = Some(2);
        options.rtt = Nanos::from_micros(200);
    });
    thread::scope(|scope| {
        for worker in 0..4 {
            let relay = &relay;
            scope.spawn(move || {
                for round in 0..50 {
                    let text = format!("{worker}:{round}");
                    let (mut ask, mut answer) = (Vec::new(), Vec::new());
                    encode::command(&mut ask, &[b"ECHO", text.as_bytes()]);
                    encode::bulk(&mut answer, text.as_bytes());
                    let mut stream = relay.connect();
                    stream.write_all(&ask).expect("sent");
                    let mut got = vec![0; answer.len()];
                    stream.read_exact(&mut got).expect("a reply");
                    assert_eq!(got, answer);
                }
            });
        }
    });
    let stats = relay.stop();
    assert!(accepted.load(SeqCst) <= 2, "{accepted:?} connections");
    assert_eq!((stats.connections, stats.share.commands_forwarded), (200, 200));
    assert_eq!((stats.share.commands_refused, stats.share.replies_orphaned), (0, 0));
}

#[test]
fn a_shared_connection_says_goodbye_and_keeps_its_password() {
    let relay = Running::to(server(echo_commands), |options| {
        options.share = Some(1);
        options.credentials = Some(Credentials { user: None, password: "secret".to_owned() });
    });
    let mut stream = relay.connect();
    stream
        .write_all(b"ECHO a\r\nAUTH secret\r\nECHO b\r\nMONITOR\r\nECHO c\r\nQUIT\r\n")
        .expect("sent");
    let mut got = String::new();
    stream.read_to_string(&mut got).expect("five replies and the end");
    let lines: Vec<&str> = got.split("\r\n").collect();
    assert_eq!(lines[..4], ["-NOAUTH Authentication required.", "+OK", "$1", "b"]);
    assert!(lines[4].starts_with("-ERR MONITOR does not work over a shared connection"), "{got}");
    assert_eq!(lines[5..], ["$1", "c", "+OK", ""]);
    let stats = relay.stop();
    assert_eq!((stats.share.commands_answered, stats.share.commands_refused), (2, 2));
}
