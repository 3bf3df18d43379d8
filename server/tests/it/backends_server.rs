//! A whole server on every backend: long pipelines, large values, bursts of connections, clients
//! that leave, a stopped process, and select's limit as a client and an operator meet it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use aelab_server::ae::Backend;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Long enough for a busy machine; a missing reply is an error after it.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// A server process that ends with the test.
struct Program {
    child: Child,
    port: u16,
    log: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(backend: Backend, more: &[&str]) -> Self {
        // Another process may take the free port before the server does.
        let started = (0..10).find_map(|_| Self::try_start(backend, more));
        started.expect("a server that starts")
    }

    fn try_start(backend: Backend, more: &[&str]) -> Option<Self> {
        let port = free_port();
        let oversize = backend == Backend::SelectOversize;
        let name = backend.create(64).unwrap().name();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ae-server"))
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--ae-backend", if oversize { "select" } else { name }])
            .args(["--select-oversize", if oversize { "yes" } else { "no" }])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        let mut program = Program { child, port, log };
        program.is_ready().then_some(program)
    }

    /// Reads the log up to the line that says so; false if there is none.
    fn is_ready(&mut self) -> bool {
        let mut lines = self.log.by_ref().lines().map_while(Result::ok);
        lines.any(|line| line.contains("Ready to accept connections"))
    }

    fn connect(&self) -> Client {
        Client::new(TcpStream::connect(("127.0.0.1", self.port)).unwrap())
    }

    fn info(&self, field: &str) -> String {
        self.connect().info(field)
    }

    /// Changes how many descriptors the running server may have; returns what it was.
    fn limit_descriptors(&self, count: u64) -> u64 {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let pid = Pid::from_child(&self.child);
        // The upper limit stays where it is, so that the lower one can be raised again.
        let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit { current: Some(count), maximum };
        prlimit(Some(pid), Resource::Nofile, limit).unwrap().current.unwrap()
    }

    /// User and system time used, in hundredths of a second.
    fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(REPLY_TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(BufReader::new(stream))
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    fn ask(&mut self, request: &str) -> String {
        self.send(request.as_bytes());
        self.line()
    }

    fn info(&mut self, field: &str) -> String {
        let info = self.bulk("INFO everything\r\n");
        let start = format!("{field}:");
        let value = info.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned));
        value.unwrap_or_else(|| panic!("INFO has no {field}"))
    }

    fn bulk(&mut self, request: &str) -> String {
        let header = self.ask(request);
        let length: usize = header.trim_start_matches('$').trim().parse().expect("a bulk");
        let mut bytes = vec![0; length + 2];
        self.0.read_exact(&mut bytes).unwrap();
        bytes.truncate(length);
        String::from_utf8(bytes).unwrap()
    }
}

fn on_every_backend(behaviour: impl Fn(Backend, &mut Program)) {
    for &backend in Backend::ALL {
        behaviour(backend, &mut Program::start(backend, &[]));
    }
}

#[test]
fn info_names_the_backend() {
    on_every_backend(|backend, server| {
        let name = backend.create(64).unwrap().name();
        assert_eq!(server.info("multiplexing_api"), name);
    });
}

#[test]
fn a_pipeline_longer_than_the_quanta_is_answered_whole() {
    const REQUESTS: usize = 30_000;
    on_every_backend(|backend, server| {
        let mut client = server.connect();
        let value = "v".repeat(100);
        client.ask(&format!("SET key {value}\r\n"));
        // Sent from another thread: neither side may wait for the other to read.
        let mut sender = client.0.get_ref().try_clone().unwrap();
        let requests = "GET key\r\n".repeat(REQUESTS);
        let sending = std::thread::spawn(move || sender.write_all(requests.as_bytes()).unwrap());
        for at in 0..REQUESTS {
            assert_eq!(client.line(), "$100\r\n", "{backend:?}, reply {at}");
            assert_eq!(client.line().trim_end(), value, "{backend:?}, reply {at}");
        }
        sending.join().unwrap();
    });
}

#[test]
fn a_value_larger_than_any_socket_buffer_comes_back_as_it_went() {
    const BYTES: usize = 20 * 1024 * 1024;
    on_every_backend(|backend, server| {
        let mut client = server.connect();
        let value: String = (0..BYTES / 8).map(|at| format!("{at:08}")).collect();
        client.send(format!("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n${BYTES}\r\n{value}\r\n").as_bytes());
        assert_eq!(client.line(), "+OK\r\n");
        assert!(client.bulk("GET key\r\n") == value, "{backend:?} returned another value");
    });
}

#[test]
fn clients_that_leave_are_noticed() {
    on_every_backend(|backend, server| {
        let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
        for client in &mut clients {
            assert_eq!(client.ask("PING\r\n"), "+PONG\r\n", "{backend:?}");
        }
        drop(clients);
        for attempt in 0.. {
            // The one that asks.
            if server.info("connected_clients") == "1" {
                break;
            }
            assert!(attempt < 1000, "{backend:?} still has {}", server.info("connected_clients"));
            std::thread::sleep(Duration::from_millis(10));
        }
    });
}

#[test]
fn a_burst_of_connections_is_accepted_whole() {
    const CONNECTIONS: usize = 400;
    on_every_backend(|backend, server| {
        // Stopped, so that all of them are in the queue when it looks.
        server.signal(rustix::process::Signal::STOP);
        let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(b"PING\r\n");
        }
        server.signal(rustix::process::Signal::CONT);
        for client in &mut clients {
            assert_eq!(client.line(), "+PONG\r\n", "{backend:?}");
        }
    });
}

#[test]
fn a_process_that_was_stopped_goes_on() {
    on_every_backend(|backend, server| {
        let mut client = server.connect();
        for _ in 0..5 {
            assert_eq!(client.ask("PING\r\n"), "+PONG\r\n", "{backend:?}");
            // Asleep by now, most likely; a stop and a start interrupt some of the calls.
            std::thread::sleep(Duration::from_millis(5));
            server.signal(rustix::process::Signal::STOP);
            server.signal(rustix::process::Signal::CONT);
        }
        server.signal(rustix::process::Signal::TERM);
        assert!(server.child.wait().unwrap().success(), "{backend:?}");
    });
}

/// With more clients than select can watch, the rest is turned away, and the server serves on.
#[test]
fn beyond_1024_descriptors_select_turns_clients_away_and_serves_on() {
    const CONNECTIONS: usize = 1_100;
    raise_descriptor_limit();
    for &backend in Backend::ALL {
        let mut server = Program::start(backend, &[]);
        let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| server.connect()).collect();
        let mut served = 0;
        for client in &mut clients {
            // What is turned away may be closed before the request is sent.
            let _ = client.0.get_mut().write_all(b"PING\r\n");
            let mut line = String::new();
            if client.0.read_line(&mut line).is_ok() && line == "+PONG\r\n" {
                served += 1;
            }
        }
        if backend.descriptor_limit().is_some() {
            // 128 descriptors are kept back, and maxclients lowered by as much at start.
            assert_eq!(served, 1024 - 128, "{backend:?}");
        } else {
            assert_eq!(served, CONNECTIONS, "{backend:?}");
        }
        assert_eq!(clients[0].ask("PING\r\n"), "+PONG\r\n", "{backend:?}");
        server.signal(rustix::process::Signal::TERM);
        assert!(server.child.wait().unwrap().success(), "{backend:?}");
    }
}

/// No descriptor is left for a new connection: it waits, the others are served, the loop sleeps
/// between, and the log says so at most once a second. Once there is one, it is served.
#[test]
fn without_descriptors_for_new_clients_the_loop_serves_on_and_takes_them_up_later() {
    on_every_backend(|backend, server| {
        let mut early = server.connect();
        assert_eq!(early.ask("PING\r\n"), "+PONG\r\n");
        let before = server.limit_descriptors(8);
        let mut late: Vec<Client> = (0..20).map(|_| server.connect()).collect();
        late.iter_mut().for_each(|client| client.send(b"PING\r\n"));
        let cycles: u64 = early.info("eventloop_cycles").parse().unwrap();
        let started = server.cpu_ticks();
        std::thread::sleep(Duration::from_millis(1_200));
        let turns = early.info("eventloop_cycles").parse::<u64>().unwrap() - cycles;
        assert!(turns < 100, "{backend:?} turned {turns} times in 1.2 s");
        let ticks = server.cpu_ticks() - started;
        assert!(ticks < 30, "{backend:?} used {ticks} hundredths of a second of CPU");
        assert_eq!(early.ask("PING\r\n"), "+PONG\r\n", "{backend:?}");
        server.limit_descriptors(before);
        for client in &mut late {
            assert_eq!(client.line(), "+PONG\r\n", "{backend:?}");
        }
        server.signal(rustix::process::Signal::TERM);
        assert!(server.child.wait().unwrap().success(), "{backend:?}");
        let said = server.log.by_ref().lines().map_while(Result::ok);
        let complaints = said.filter(|line| line.contains("accept: Too many open files")).count();
        assert!((1..=4).contains(&complaints), "{backend:?} complained {complaints} times");
    });
}

fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(4096, |maximum| maximum.min(4096));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
}
