//! Running the built program and its own server in tests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

/// The program under test.
pub(crate) const LOADGEN: &str = env!("CARGO_BIN_EXE_loadgen");

/// What a call of the program gave.
pub(crate) struct Called {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Called {
    fn from(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Whether a run was made: with success, or one that is not to be used because the machine had no time for it, as
    /// other tests run beside.
    pub(crate) fn ran(&self) -> bool {
        matches!(self.code, 0 | 4)
    }

    /// The failure's line: the last on stderr, as progress may stand above it.
    pub(crate) fn failure(&self) -> &str {
        self.stderr.lines().last().unwrap_or_default()
    }
}

/// Calls `loadgen` and waits for its end.
pub(crate) fn loadgen(args: &[&str]) -> Called {
    let output = Command::new(LOADGEN).args(args).env_remove("REDISCLI_AUTH").output();
    Called::from(&output.expect("loadgen runs"))
}

/// Calls `loadgen` in a folder and waits for its end.
pub(crate) fn loadgen_in(dir: &Path, args: &[String]) -> Called {
    let output =
        Command::new(LOADGEN).args(args).current_dir(dir).env_remove("REDISCLI_AUTH").output();
    Called::from(&output.expect("loadgen runs"))
}

/// Calls `loadgen` and expects a failure: this exit code, and one line that begins with the program's name and contains `part`.
#[track_caller]
pub(crate) fn check_failure(args: &[&str], code: i32, part: &str) {
    let called = loadgen(args);
    let line = called.failure();
    assert_eq!(called.code, code, "{args:?}: {}", called.stderr);
    assert!(line.starts_with("loadgen: ") && line.contains(part), "{args:?}: {line}");
    let failures = called.stderr.lines().filter(|line| line.starts_with("loadgen: ")).count();
    assert_eq!(failures, 1, "one line: {}", called.stderr);
}

/// Calls `loadgen` and expects the failure with this id: `loadgen: error[ID]: …`, and this exit code.
#[track_caller]
pub(crate) fn check_failure_id(args: &[&str], code: i32, id: &str) {
    check_failure(args, code, &format!("error[{id}]: "));
}

/// A folder below the system's for temporary files, removed at the end.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let dir = std::env::temp_dir().join(format!("aelab-it-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A path inside, as an argument.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain path").to_owned()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The bundled server on a free port, killed at the end.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start(directives: &[&str]) -> Self {
        Self::start_on(free_port(), directives)
    }

    pub(crate) fn start_on(port: u16, directives: &[&str]) -> Self {
        let child = Command::new(LOADGEN)
            .args(["serve", "--port", &port.to_string(), "--save", ""])
            .args(directives)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Self { child, port };
        for _ in 0..500 {
            if ask(port, "PING").is_some() {
                return server;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("the server does not answer on port {port}");
    }

    pub(crate) fn port_arg(&self) -> String {
        self.port.to_string()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stop(mut self) {
        self.kill();
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Sends an inline command and gives the first line of the reply.
pub(crate) fn ask(port: u16, command: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    (!line.is_empty()).then(|| line.trim_end().to_owned())
}

/// A peer that answers everything with a fixed text, for as long as the test runs.
pub(crate) fn impostor(answer: &'static str) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

/// Three real nodes of a cluster, if there is a redis-server; ended at the end.
pub(crate) struct Nodes {
    children: Vec<Child>,
    pub(crate) ports: Vec<u16>,
}

impl Nodes {
    /// Starts them with their files in `dir`; `None` if there is no redis-server (unless AELAB_REQUIRE_REDIS=1).
    pub(crate) fn start(dir: &TempDir) -> Option<Self> {
        let mut nodes = Self { children: Vec::new(), ports: Vec::new() };
        for number in 0..3 {
            // The bus of a node is on its port plus 10 000.
            let port = loop {
                let port = free_port();
                if port < 50_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
                    break port;
                }
            };
            let home = dir.path().join(format!("node-{number}"));
            std::fs::create_dir_all(&home).expect("a folder");
            let child = Command::new("redis-server")
                .current_dir(home)
                .args(["--port", &port.to_string(), "--cluster-enabled", "yes", "--save", ""])
                .args(["--cluster-node-timeout", "5000"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let required = std::env::var("AELAB_REQUIRE_REDIS").is_ok_and(|value| value == "1");
            match child {
                Ok(child) => nodes.children.push(child),
                Err(_) if !required => return None,
                Err(error) => panic!("AELAB_REQUIRE_REDIS=1, but redis-server: {error}"),
            }
            nodes.ports.push(port);
        }
        nodes.until(|port| ask(port, "PING").is_some());
        let places = nodes.ports.iter().map(|port| format!("127.0.0.1:{port}"));
        let args: Vec<String> = ["--cluster".to_owned(), "create".to_owned()]
            .into_iter()
            .chain(places)
            .chain(["--cluster-yes".to_owned()])
            .collect();
        nodes.cli(&args);
        nodes.until(|port| ask(port, "CLUSTER KEYSLOT x").is_some() && nodes.is_whole(port));
        Some(nodes)
    }

    fn is_whole(&self, port: u16) -> bool {
        let info =
            Command::new("redis-cli").args(["-p", &port.to_string(), "cluster", "info"]).output();
        info.is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).contains("cluster_state:ok")
        })
    }

    fn until(&self, holds: impl Fn(u16) -> bool) {
        for _ in 0..1_000 {
            if self.ports.iter().all(|port| holds(*port)) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("the nodes do not get ready");
    }

    /// Moves this many slots from the first node to the second.
    pub(crate) fn reshard(&self, slots: u16) {
        let id = |port: u16| {
            let id = Command::new("redis-cli")
                .args(["-p", &port.to_string(), "cluster", "myid"])
                .output();
            String::from_utf8_lossy(&id.expect("redis-cli runs").stdout).trim().to_owned()
        };
        let place = format!("127.0.0.1:{}", self.ports[0]);
        let words = ["--cluster", "reshard", &place, "--cluster-from", &id(self.ports[0])]
            .into_iter()
            .chain(["--cluster-to", &id(self.ports[1]), "--cluster-slots", &slots.to_string()])
            .chain(["--cluster-yes", "--cluster-pipeline", "100"])
            .map(str::to_owned)
            .collect::<Vec<_>>();
        self.cli(&words);
    }

    fn cli(&self, args: &[String]) {
        let output = Command::new("redis-cli").args(args).output().expect("redis-cli runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
