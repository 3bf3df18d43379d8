//! A server as a process of its own, for attacks that may end it, with a limit on its memory.

use crate::harness::{command, fresh_path};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Address space of the process: an attack must not take the memory of the machine.
const ADDRESS_SPACE_KIB: u32 = 4 * 1024 * 1024;
/// Longest wait for a reply. Only a server that hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// The ways of serving clients. Each is a set of flags.
pub(super) const SERVED_BY: [&[&str]; 9] = [
    &["--ae-backend", "mio"],
    &["--ae-backend", "epoll"],
    &["--ae-backend", "poll"],
    &["--ae-backend", "select", "--select-oversize", "yes"],
    &["--io-model", "busy-poll"],
    &["--ae-batch", "yes"],
    &["--io-threads", "2", "--io-threads-do-reads", "yes", "--io-threads-always-active", "yes"],
    &["--io-model", "thread-per-connection"],
    &["--io-model", "blocking"],
];

/// See the module's text. It ends with this value.
pub(super) struct Process {
    pub(super) child: Child,
    path: PathBuf,
    pub(super) log: Receiver<String>,
}

impl Process {
    /// Starts a server with these flags and waits until it is ready.
    pub(super) fn start(flags: &[&str]) -> Process {
        let path = fresh_path("sock");
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -v {ADDRESS_SPACE_KIB}; exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_ae-server"))
            .args(["--port", "0", "--unixsocket", path.to_str().expect("UTF-8")])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = "now ready to accept connections at";
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains(ready)), "{flags:?}");
        let (sender, log) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line).ok())
        });
        Process { child, path, log }
    }

    /// A connection that waits for replies, but not for ever.
    pub(super) fn connect(&self) -> Peer {
        let stream = UnixStream::connect(&self.path).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.set_write_timeout(Some(PATIENCE)).expect("set");
        Peer { reader: BufReader::new(stream) }
    }

    /// Sends a signal by its name (`TERM`).
    pub(super) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Its exit code, once it has ended by itself. Panics if it does not.
    pub(super) fn exit_code(&mut self) -> Option<i32> {
        let pause = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
            if let Some(status) = self.ended() {
                return status.code();
            }
            std::thread::sleep(pause);
        }
        panic!("the server does not end");
    }

    /// Whether it has ended, and how.
    pub(super) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("the child's state")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// One client of a [`Process`].
pub(super) struct Peer {
    reader: BufReader<UnixStream>,
}

impl Peer {
    /// Sends a command and does not wait.
    pub(super) fn send(&mut self, words: &[&[u8]]) {
        self.reader.get_mut().write_all(&command(words)).expect("sent");
    }

    /// Sends a command during which the server may close the connection.
    pub(super) fn send_until_closed(&mut self, words: &[&[u8]]) {
        // How much was sent does not matter.
        let _ = self.reader.get_mut().write_all(&command(words));
    }

    /// Sends a command and returns its whole reply as text, without the lengths of strings.
    pub(super) fn ask(&mut self, words: &[&[u8]]) -> String {
        self.send(words);
        self.reply()
    }

    /// The script's reply.
    pub(super) fn eval(&mut self, script: &str, args: &[&[u8]]) -> String {
        let mut words: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), b"0"];
        words.extend(args);
        self.ask(&words)
    }

    /// The next reply: `+OK`, `-ERR …`, `:1`, the bytes of a string, the items of an array in brackets.
    /// Empty if the connection ended.
    pub(super) fn reply(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a reply in time");
        let line = line.trim_end().to_owned();
        let Some(kind) = line.chars().next() else { return line };
        let count = line[1..].parse::<i64>().unwrap_or(-1);
        match kind {
            '$' if count >= 0 => {
                let mut bytes = vec![0; count as usize + 2];
                self.reader.read_exact(&mut bytes).expect("a whole string");
                bytes.truncate(count as usize);
                String::from_utf8_lossy(&bytes).into_owned()
            }
            '*' if count >= 0 => {
                let items: Vec<String> = (0..count).map(|_| self.reply()).collect();
                format!("[{}]", items.join(", "))
            }
            _ => line,
        }
    }

    /// Everything until the server closes the connection.
    pub(super) fn rest(mut self) -> String {
        let mut text = Vec::new();
        let _ = self.reader.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}
