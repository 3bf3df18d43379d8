//! Every way in which a client's life can end, in every state and reply mode. Each must free the
//! client's slot, close its descriptor, and leave the loop idle.

use crate::harness::{Driven, command};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

/// Turns within which the server must have freed a client.
const TURNS: usize = 200;
/// More events than this in [`IDLE_TURNS`] turns: the loop does not rest. The question itself causes
/// a few.
const EVENTS_MAX: u64 = 20;
const IDLE_TURNS: usize = 40;
/// More than a socket's buffers hold.
const LARGE_BYTES: usize = 4 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Quit,
    KillsItself,
    Killed,
    ProtocolError,
    Http,
    /// `RESET` does not end the client; the peer then closes.
    Reset,
    HalfClose,
    QuitAndHalfClose,
    Close,
}

const ENDS: [End; 9] = [
    End::Quit,
    End::KillsItself,
    End::Killed,
    End::ProtocolError,
    End::Http,
    End::Reset,
    End::HalfClose,
    End::QuitAndHalfClose,
    End::Close,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    On,
    Off,
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Idle,
    /// A reply that the client does not read fills the socket.
    RepliesDue,
    Blocked,
    InMulti,
    Subscribed,
    Monitor,
    Paused,
    /// Half of a command has arrived.
    Unfinished,
}

const STATES: [State; 8] = [
    State::Idle,
    State::RepliesDue,
    State::Blocked,
    State::InMulti,
    State::Subscribed,
    State::Monitor,
    State::Paused,
    State::Unfinished,
];

/// Whether the server must free the client although its peer does not close.
fn frees_by_itself(end: End, state: State) -> bool {
    match end {
        End::Killed | End::HalfClose | End::QuitAndHalfClose => true,
        // Where the command is executed, and no reply is still to be read.
        End::Quit => matches!(state, State::Idle | State::InMulti | State::Subscribed),
        End::KillsItself => state == State::Idle,
        End::ProtocolError | End::Http => matches!(state, State::Idle | State::InMulti),
        End::Reset | End::Close => false,
    }
}

/// One server and what it is called in messages.
struct Arena {
    server: Driven,
    name: String,
    /// The loop serves several clients at a time.
    shared: bool,
    /// `INFO eventloop` counts the loop's events.
    counts_events: bool,
}

impl Arena {
    fn start(args: &[&str]) -> Arena {
        let name = args.join(" ");
        let has = |word: &str| args.contains(&word);
        let mut server = Driven::start(args);
        let mut stream = server.connect();
        let value = vec![b'x'; LARGE_BYTES];
        server.expect(&mut stream, &command(&[b"SET", b"large", &value]), b"+OK\r\n");
        drop(stream);
        let own_loop = !has("thread-per-connection") && !has("busy-poll") && !has("blocking");
        Arena { server, name, shared: !has("blocking"), counts_events: own_loop }
    }

    /// What a client of its own gets as reply.
    fn ask(&mut self, words: &str) -> String {
        let mut stream = self.server.connect();
        let text = format!("{words}\r\nQUIT\r\n");
        let reply = self.server.exchange(&mut stream, text.as_bytes(), usize::MAX);
        String::from_utf8_lossy(&reply).into_owned()
    }

    fn turns(&mut self, count: usize) {
        for _ in 0..count {
            self.server.turn();
        }
    }

    fn events(&mut self) -> u64 {
        self.server.info("eventloop", "events")
    }

    /// Panics if the loop turns on events although no client does anything.
    fn check_idle(&mut self, case: &str) {
        if !self.counts_events {
            return;
        }
        let before = self.events();
        self.turns(IDLE_TURNS);
        let events = self.events() - before;
        assert!(events <= EVENTS_MAX, "{case}: {events} events in {IDLE_TURNS} idle turns");
    }

    fn clients(&mut self) -> u64 {
        self.server.info("clients", "connected_clients") - 1
    }
}

/// Puts a client into a state and a reply mode; then it ends.
fn prepare(state: State, mode: Mode) -> Vec<u8> {
    let mode: &[u8] = match mode {
        Mode::On => b"",
        Mode::Off => b"CLIENT REPLY OFF\r\n",
        Mode::Skip => b"CLIENT REPLY SKIP\r\n",
    };
    let state_bytes: &[u8] = match state {
        State::Idle => b"",
        State::RepliesDue => b"GET large\r\nGET large\r\n",
        State::Blocked => b"BLPOP none 0\r\n",
        State::InMulti => b"MULTI\r\nSET k v\r\n",
        State::Subscribed => b"SUBSCRIBE c\r\n",
        State::Monitor => b"MONITOR\r\n",
        State::Paused => b"CLIENT PAUSE 100000000 WRITE\r\nSET k v\r\n",
        State::Unfinished => b"*2\r\n$4\r\nECHO\r\n$100\r\nab",
    };
    // Replies that are due must be written before they are suppressed.
    match state {
        State::RepliesDue => [state_bytes, mode].concat(),
        _ => [mode, state_bytes].concat(),
    }
}

fn send(stream: &mut UnixStream, bytes: &[u8]) {
    // A server that has closed already is what the case asks for.
    let _ = stream.write(bytes);
}

/// Runs one case, and panics with its name if the client is not freed.
fn run(arena: &mut Arena, end: End, mode: Mode, state: State) {
    let case = format!("{}: {end:?}, replies {mode:?}, {state:?}", arena.name);
    let mut stream = arena.server.connect();
    let reply = arena.server.exchange(&mut stream, b"CLIENT ID\r\n", 4);
    let id = String::from_utf8_lossy(&reply).trim_start_matches(':').trim().to_owned();
    send(&mut stream, &prepare(state, mode));
    arena.turns(3);
    match end {
        End::Quit | End::QuitAndHalfClose => send(&mut stream, b"QUIT\r\n"),
        End::KillsItself => {
            send(&mut stream, format!("CLIENT KILL ID {id} SKIPME no\r\n").as_bytes());
        }
        End::Killed => drop(arena.ask(&format!("CLIENT KILL ID {id}"))),
        End::ProtocolError => send(&mut stream, b"*abc\r\n"),
        End::Http => send(&mut stream, b"POST / HTTP/1.1\r\n"),
        End::Reset => send(&mut stream, b"RESET\r\n"),
        End::HalfClose | End::Close => {}
    }
    arena.turns(2);
    if matches!(end, End::HalfClose | End::QuitAndHalfClose) {
        let _ = stream.shutdown(Shutdown::Write);
    }
    if frees_by_itself(end, state) {
        wait_until_freed(arena, &case);
        // The descriptor is closed: after what was sent, the peer sees the end.
        let mut rest = vec![0; 65_536];
        loop {
            match stream.read(&mut rest) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    let open = error.kind() == std::io::ErrorKind::WouldBlock;
                    assert!(!open, "{case}: the descriptor is open");
                    break;
                }
            }
        }
    } else if end != End::Close && arena.shared {
        arena.check_idle(&format!("{case}, before the peer closes"));
    }
    drop(stream);
    wait_until_freed(arena, &case);
    if state == State::Paused {
        arena.ask("CLIENT UNPAUSE");
    }
    arena.check_idle(&case);
}

fn wait_until_freed(arena: &mut Arena, case: &str) {
    arena.turns(2);
    for _ in 0..TURNS / 10 {
        if arena.shared && arena.clients() == 0 {
            return;
        }
        arena.turns(10);
    }
    assert_eq!(arena.clients(), 0, "{case}: the client is still there");
}

fn all_cases(args: &[&str]) {
    let mut arena = Arena::start(args);
    for end in ENDS {
        for state in STATES {
            let needs_others = end == End::Killed || state == State::Paused;
            if !arena.shared && needs_others {
                continue;
            }
            for mode in [Mode::On, Mode::Off, Mode::Skip] {
                run(&mut arena, end, mode, state);
            }
        }
    }
}

#[test]
fn clients_end_on_every_backend() {
    for backend in ["mio", "epoll", "poll", "select"] {
        let args = ["--ae-backend", backend, "--select-oversize", "yes"];
        all_cases(if backend == "select" { &args } else { &args[..2] });
    }
}

#[test]
fn clients_end_with_a_thread_per_connection() {
    all_cases(&["--io-model", "thread-per-connection"]);
}

#[test]
fn clients_end_when_clients_are_served_one_at_a_time() {
    all_cases(&["--io-model", "blocking"]);
}

#[test]
fn clients_end_with_busy_polling() {
    all_cases(&["--io-model", "busy-poll"]);
}

#[test]
fn clients_end_with_io_threads_that_read() {
    let threads = ["--io-threads", "3", "--io-threads-do-reads", "yes"];
    all_cases(&[&threads[..], &["--io-threads-always-active", "yes"]].concat());
    all_cases(&threads);
}

#[test]
fn clients_end_in_batches() {
    all_cases(&["--ae-batch", "yes"]);
}

/// A slot for each of them, and no more: the attack must not lock other clients out.
#[test]
fn clients_that_quit_without_replies_free_their_slots() {
    for args in [&[][..], &["--io-model", "thread-per-connection"], &["--ae-batch", "yes"]] {
        let mut server = Driven::start(&[&["--maxclients", "10"], args].concat());
        for _ in 0..50 {
            let mut stream = server.connect();
            send(&mut stream, b"CLIENT REPLY OFF\r\nQUIT\r\n");
            server.until_closed(&mut stream);
        }
        let mut stream = server.connect();
        server.expect(&mut stream, b"PING\r\n", b"+PONG\r\n");
    }
}
