//! A server in the test's own thread, turned by hand: no thread, no waiting for another process.
//!
//! A test writes to a socket, turns the loop and reads. The speed of the machine does not matter: a
//! missing reply is detected by counting turns, not seconds.

use aelab_server::clock::Clock;
use aelab_server::{Config, Instance, Quiet};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Turns after which a reply counts as missing.
const TURNS_MAX: usize = 20_000;

/// With threads in the server, the pause between two turns.
const BREATH: Duration = Duration::from_millis(1);

const IO_THREADS: &str = "--io-threads";
/// With these, threads read and write for a single client too.
pub(crate) const ALWAYS_THREADED: [&str; 4] =
    ["--io-threads-do-reads", "yes", "--io-threads-always-active", "yes"];

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A path that no other test uses.
pub(crate) fn fresh_path(ending: &str) -> PathBuf {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("aelab-{}-{number}.{ending}", std::process::id()))
}

/// What the environment asks for (`AELAB_TEST_BACKEND`, `AELAB_TEST_IO_MODEL`, `AELAB_TEST_IO_THREADS`),
/// so that one run of the suite can be made on each.
/// A test that chooses the model by itself has no use for threads of the loop, nor, with `busy-poll`,
/// for a backend.
fn environment_flags(args: &[&str]) -> Vec<String> {
    let own_model = args.contains(&"--io-model");
    let gives_way = |flag: &str| match flag {
        IO_THREADS => own_model,
        "--ae-backend" | "--select-oversize" => args.contains(&"busy-poll"),
        _ => false,
    };
    let mut flags = Vec::new();
    for (variable, flag) in [
        ("AELAB_TEST_BACKEND", "--ae-backend"),
        ("AELAB_TEST_SELECT_OVERSIZE", "--select-oversize"),
        ("AELAB_TEST_IO_MODEL", "--io-model"),
        ("AELAB_TEST_IO_THREADS", IO_THREADS),
    ] {
        if let Ok(value) = std::env::var(variable)
            && !gives_way(flag)
        {
            flags.extend([flag.to_owned(), value]);
            if flag == IO_THREADS {
                flags.extend(ALWAYS_THREADED.map(str::to_owned));
            }
        }
    }
    flags
}

/// The I/O model that the environment asks for.
pub(crate) fn io_model() -> String {
    std::env::var("AELAB_TEST_IO_MODEL").unwrap_or_else(|_| "ae".into())
}

/// Whether the loop itself serves the clients, so that the commands of all clients have one order.
pub(crate) fn loop_serves() -> bool {
    matches!(io_model().as_str(), "ae" | "busy-poll")
}

/// The error that these arguments give.
pub(crate) fn refusal(args: &[&str]) -> String {
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    Config::from_args(&args).expect_err("refused").to_string()
}

/// A TCP port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("an address").port()
}

/// See the module's text.
pub(crate) struct Driven {
    pub(crate) instance: Instance,
    pub(crate) path: PathBuf,
    /// Nanoseconds on the server's clock.
    time: Arc<AtomicU64>,
    /// The server has threads of its own, which need real time between turns.
    threaded: bool,
}

impl Driven {
    /// A server on a Unix socket, with further arguments; its clock stands still.
    pub(crate) fn start(args: &[&str]) -> Self {
        let path = fresh_path("sock");
        let mut all = vec!["--port", "0", "--unixsocket", path.to_str().expect("UTF-8")];
        all.extend(args);
        Self::start_at(path.clone(), &all)
    }

    /// A server on a TCP port of this machine.
    pub(crate) fn start_tcp(port: u16, args: &[&str]) -> Self {
        let port = port.to_string();
        let mut all = vec!["--port", &port, "--bind", "127.0.0.1"];
        all.extend(args);
        Self::start_at(PathBuf::new(), &all)
    }

    fn start_at(path: PathBuf, args: &[&str]) -> Self {
        let mut flags = environment_flags(args);
        // Tests with many keys do the same in each run.
        flags.extend(["--hash-seed", "0"].map(str::to_owned));
        flags.extend(args.iter().map(ToString::to_string));
        let args = flags;
        let config = Config::from_args(&args).expect("a good configuration");
        // Not at zero: times before the start must be possible.
        let time = Arc::new(AtomicU64::new(1_700_000_000_000_000_000));
        let clock = Clock::manual(Arc::clone(&time));
        let instance = Instance::start(config, clock, Quiet::Yes).expect("the server starts");
        let threaded = args.iter().any(|arg| arg == "thread-per-connection");
        Driven { instance, path, time, threaded }
    }

    /// Moves the server's clock.
    pub(crate) fn advance_ms(&self, ms: u64) {
        self.time.fetch_add(ms * 1_000_000, Ordering::Relaxed);
    }

    /// One turn. The clock moves by a cron period, so that the loop never sleeps for long.
    pub(crate) fn turn(&mut self) -> bool {
        self.advance_ms(100);
        if self.threaded {
            std::thread::sleep(BREATH);
        }
        self.instance.tick().expect("the loop turns")
    }

    /// A connection over the Unix socket.
    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).expect("the server listens");
        stream.set_nonblocking(true).expect("non-blocking");
        stream
    }

    /// Sends `bytes` and turns the loop until `expected` bytes have come or the server has closed.
    pub(crate) fn exchange<S: Read + Write>(
        &mut self,
        stream: &mut S,
        bytes: &[u8],
        expected: usize,
    ) -> Vec<u8> {
        let (mut sent, mut got) = (0, Vec::new());
        for _ in 0..TURNS_MAX {
            if sent < bytes.len() {
                match stream.write(&bytes[sent..]) {
                    Ok(count) => sent += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // The server has closed; what it said before is still to be read.
                    Err(_) => sent = bytes.len(),
                }
            }
            let running = self.turn();
            let closed = read_all(stream, &mut got);
            if closed || !running || (sent == bytes.len() && got.len() >= expected) {
                return got;
            }
        }
        panic!("only {} of {expected} bytes after {TURNS_MAX} turns", got.len());
    }

    /// Sends and expects exactly this.
    pub(crate) fn expect<S: Read + Write>(
        &mut self,
        stream: &mut S,
        bytes: &[u8],
        expected: &[u8],
    ) {
        let got = self.exchange(stream, bytes, expected.len());
        assert_eq!(
            String::from_utf8_lossy(&got),
            String::from_utf8_lossy(expected),
            "after {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
        );
    }

    /// Turns until the server has closed this connection; returns what it said before.
    pub(crate) fn until_closed<S: Read>(&mut self, stream: &mut S) -> Vec<u8> {
        let mut got = Vec::new();
        for _ in 0..TURNS_MAX {
            if read_all(stream, &mut got) {
                return got;
            }
            self.turn();
        }
        panic!("still open after {TURNS_MAX} turns");
    }

    /// Runs `client` on connections of `count` threads at once and turns the loop until all are done.
    pub(crate) fn concurrently(&mut self, count: usize, client: fn(UnixStream)) {
        self.at_once(&vec![client; count]);
    }

    /// The same with different clients.
    pub(crate) fn at_once(&mut self, clients: &[fn(UnixStream)]) {
        let threads: Vec<_> = clients
            .iter()
            .copied()
            .map(|client| {
                let stream = UnixStream::connect(&self.path).expect("the server listens");
                std::thread::spawn(move || client(stream))
            })
            .collect();
        while !threads.iter().all(std::thread::JoinHandle::is_finished) {
            self.turn();
        }
        for thread in threads {
            thread.join().expect("the client got what it expected");
        }
    }

    /// One number of `INFO everything` (or `INFO eventloop`).
    pub(crate) fn info(&mut self, section: &str, field: &str) -> u64 {
        let mut stream = if self.path.as_os_str().is_empty() {
            let addr = self.instance.addr().expect("a TCP listener");
            Either::Tcp(TcpStream::connect(addr).expect("the server listens"))
        } else {
            Either::Unix(self.connect())
        };
        stream.set_nonblocking();
        let command = format!("INFO {section}\r\nQUIT\r\n");
        let text = self.exchange(&mut stream, command.as_bytes(), usize::MAX);
        let text = String::from_utf8_lossy(&text).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {field} in {text}"))
    }
}

/// Reads what is there. True at the end of the stream.
fn read_all(stream: &mut impl Read, into: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 65_536];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return true,
            Ok(count) => into.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return true,
        }
    }
}

enum Either {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Either {
    fn set_nonblocking(&self) {
        match self {
            Either::Tcp(stream) => stream.set_nonblocking(true),
            Either::Unix(stream) => stream.set_nonblocking(true),
        }
        .expect("non-blocking");
    }
}

impl Read for Either {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Either::Tcp(stream) => stream.read(buf),
            Either::Unix(stream) => stream.read(buf),
        }
    }
}

impl Write for Either {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match self {
            Either::Tcp(stream) => stream.write(buf),
            Either::Unix(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sends `input` to a fresh server and compares all its output.
pub(crate) fn check(input: &str, expected: &str) {
    check_with(&[], input, expected);
}

/// As [`check`], on a server with these arguments.
pub(crate) fn check_with(args: &[&str], input: &str, expected: &str) {
    let mut server = Driven::start(args);
    let mut stream = server.connect();
    server.expect(&mut stream, input.as_bytes(), expected.as_bytes());
}

/// A command as RESP.
pub(crate) fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    aelab_resp::encode::command(&mut out, words);
    out
}
