//! Arbitrary bytes in arbitrary pieces, over several connections, to a whole server in this process.
//!
//! It checks that there is no panic, that all replies are RESP, and that a turn of the loop does not sleep
//! while a byte of a connection is unread. Scripts that run too long are ended.
//!
//! The input: one byte that chooses the server's flags, then steps. A step is a byte (two bits for the
//! connection, the rest for what to do), a length, and so many bytes.
#![no_main]

mod sys;
mod watchdog;

use aelab_resp::{ProtocolError, ReplyScanner, encode};
use aelab_server::clock::Clock;
use aelab_server::{Config, Instance, Quiet};
use libfuzzer_sys::fuzz_target;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 4;
/// The loop's only timer runs once a second, so a sleep takes about this long.
const CRON_PERIOD_NS: u64 = 1_000_000_000;
/// A turn that took longer has slept.
const ASLEEP: Duration = Duration::from_millis(700);
/// Turns in which everything sent must have been read: more than 16 KiB a turn.
const TURNS_MAX: usize = 64;

struct Connection {
    stream: UnixStream,
    scanner: ReplyScanner,
    rest: Vec<u8>,
    open: bool,
}

impl Connection {
    /// Reads what is there; all of it must be replies.
    fn receive(&mut self) {
        let mut chunk = [0; 16 * 1024];
        while self.open {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.open = false,
                Ok(count) => self.rest.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.open = false,
            }
        }
        let mut at = 0;
        while at < self.rest.len() {
            let used = match self.scanner.scan(&self.rest[at..]) {
                Ok((used, _)) => used,
                // A script may return more tables in tables than the scanner follows, as in Redis.
                Err(ProtocolError::NestingTooDeep) => {
                    self.open = false;
                    return;
                }
                Err(error) => panic!("the reply is not RESP: {error}"),
            };
            if used == 0 {
                break;
            }
            at += used;
        }
        self.rest.drain(..at);
    }
}

struct Bench {
    instance: Instance,
    time: Arc<AtomicU64>,
    connections: Vec<Connection>,
    path: PathBuf,
    /// A turn took as long as if it had slept, with bytes unread.
    slept: bool,
    /// Scripts take time, which looks the same.
    has_scripts: bool,
}

impl Bench {
    fn new(flags: u8) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("aelab-fuzz-{}-{number}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let socket = path.to_str().expect("UTF-8").to_owned();
        let backend = ["mio", "epoll", "poll", "select"][usize::from(flags & 3)];
        let yes = |bit: u8| if flags & bit == 0 { "no" } else { "yes" };
        let args = [
            ["--port", "0"],
            ["--unixsocket", &socket],
            ["--ae-backend", backend],
            ["--ae-batch", yes(4)],
            ["--reply-immediately", yes(8)],
            ["--hz", "1"],
            ["--dynamic-hz", "no"],
            ["--maxmemory", if flags & 16 == 0 { "0" } else { "1mb" }],
            ["--maxmemory-policy", if flags & 32 == 0 { "noeviction" } else { "allkeys-lru" }],
            ["--proto-max-bulk-len", "1mb"],
            ["--client-query-buffer-limit", "4mb"],
            ["--enable-debug-command", "no"],
        ];
        let args: Vec<String> = args.iter().flatten().map(ToString::to_string).collect();
        let config = Config::from_args(&args).expect("a good configuration");
        let time = Arc::new(AtomicU64::new(1_700_000_000_000_000_000));
        let clock = Clock::manual(Arc::clone(&time));
        let instance = Instance::start(config, clock, Quiet::Yes).expect("the server starts");
        let connections = (0..CONNECTIONS).map(|_| connect(&path)).collect();
        let mut bench = Bench { instance, time, connections, path, slept: false, has_scripts: false };
        bench.cron();
        bench
    }

    /// One turn in which the timer is due. False once the server ends.
    fn cron(&mut self) -> bool {
        self.time.fetch_add(CRON_PERIOD_NS + 1, Ordering::Relaxed);
        self.tick()
    }

    fn tick(&mut self) -> bool {
        let Bench { instance, time, path, .. } = self;
        watchdog::during(path, time, || instance.tick()).expect("the loop turns")
    }

    /// Sends to one connection and turns until all is read. False once the server ends.
    fn send(&mut self, which: usize, mut bytes: &[u8]) -> bool {
        for _ in 0..TURNS_MAX {
            let connection = &mut self.connections[which];
            match connection.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => connection.open = false,
            }
            connection.receive();
            if !connection.open || (bytes.is_empty() && sys::unread(&connection.stream) == 0) {
                break;
            }
            // The timer is not due: only unread bytes keep the loop awake.
            let began = Instant::now();
            if !self.tick() {
                return false;
            }
            let long = began.elapsed() >= ASLEEP;
            let connection = &mut self.connections[which];
            connection.receive();
            // Bytes of a connection that the server has closed do not count.
            self.slept |= long && connection.open && !self.has_scripts;
        }
        true
    }

    fn step(&mut self, action: u8, bytes: &[u8]) -> bool {
        let which = usize::from(action & 3);
        let going = match action >> 2 & 7 {
            // As they are.
            0..=2 => self.send(which, bytes),
            // The words of a command.
            3..=5 => {
                let mut command = Vec::new();
                let words: Vec<&[u8]> = bytes.split(|&byte| byte == b' ').collect();
                encode::command(&mut command, &words);
                self.send(which, &command)
            }
            6 => {
                let _ = self.connections[which].stream.shutdown(Shutdown::Both);
                self.connections[which] = connect(&self.path);
                true
            }
            _ => self.cron(),
        };
        self.connections.iter_mut().for_each(Connection::receive);
        if !self.connections[which].open {
            self.connections[which] = connect(&self.path);
        }
        going && self.cron()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn connect(path: &std::path::Path) -> Connection {
    let stream = UnixStream::connect(path).expect("the server listens");
    stream.set_nonblocking(true).expect("non-blocking");
    Connection { stream, scanner: ReplyScanner::default(), rest: Vec::new(), open: true }
}

fn has(input: &[u8], text: &[u8]) -> bool {
    input.windows(text.len()).any(|word| word.eq_ignore_ascii_case(text))
}

/// Settings under which nothing ends a script: a password, a limit of clients, no BUSY replies.
fn locks_out(input: &[u8]) -> bool {
    has(input, b"config") || has(input, b"pause")
}

/// Runs an input to its end; returns whether a turn seems to have slept with unread bytes.
fn run_input(input: &[u8]) -> bool {
    let Some((&flags, mut rest)) = input.split_first() else { return false };
    let mut bench = Bench::new(flags);
    // A word may be sent in two pieces.
    let mut sent: [Vec<u8>; CONNECTIONS] = Default::default();
    while let [action, len, after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        let so_far = &mut sent[usize::from(action & 3)];
        so_far.extend_from_slice(bytes);
        bench.has_scripts |= has(so_far, b"eval");
        if (bench.has_scripts && sent.iter().any(|sent| locks_out(sent)))
            || !bench.step(*action, bytes)
        {
            break;
        }
        rest = after;
    }
    bench.slept
}

fuzz_target!(|input: &[u8]| {
    // A process that loses the CPU for a while looks the same, but not three times for one input.
    let sleeps = (0..3).all(|_| run_input(input));
    assert!(!sleeps, "the loop slept over unread bytes");
});
