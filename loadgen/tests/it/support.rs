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
