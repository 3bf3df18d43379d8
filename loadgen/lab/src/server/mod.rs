//! A server process of the lab: started, waited for, always stopped.
//!
//! Not the server itself: this starts a process, the bundled one (`loadgen serve`) or any binary that takes redis-server's
//! arguments. Invariant: when a [`ServerProcess`] is dropped, its process has ended and its folder is removed.

pub mod changes;
pub mod cluster;
pub mod fill;
pub mod info;
pub mod local;
pub mod memory_check;
pub mod quiesce;

use crate::control::Control;
use crate::sys::{self, Signal};
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_engine::plan::{Endpoint, Target};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

/// A server that does not answer for this long after its start has failed.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Interval between two checks whether a starting server is up.
const KNOCK_PAUSE: Duration = Duration::from_millis(20);
/// A server that has not ended this long after SIGTERM is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Lines of the log that are shown when it does not start.
const LOG_LINES: usize = 5;
/// The text between how a server ended and the end of its log.
pub(crate) const LOG_END: &str = "; end of its log: ";
/// Attempts to start: another process may take the free port before the server binds it.
const START_ATTEMPTS: usize = 3;

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerKind {
    /// The server in this program.
    Bundled,
    /// Another binary that takes redis-server's arguments.
    Binary(PathBuf),
}

impl ServerKind {
    fn command(&self) -> Result<Command, Failure> {
        match self {
            Self::Bundled => {
                let own = std::env::current_exe().map_err(|error| {
                    Failure::usage(format!(
                        "cannot find this program to start its server: {error}; use --server-bin"
                    ))
                })?;
                let mut command = Command::new(own);
                command.arg("serve");
                // Two runs must walk their keys in the same order.
                command.args(["--hash-seed", "0"]);
                Ok(command)
            }
            Self::Binary(path) => Ok(Command::new(from_here(path))),
        }
    }

    /// Its name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Bundled => "the bundled server".to_owned(),
            Self::Binary(path) => path.display().to_string(),
        }
    }
}

/// How to start it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// The port; `None` takes a free one.
    pub port: Option<u16>,
    /// Arguments of the program, before all directives. A directive among them replaces the lab's own.
    pub args: Vec<String>,
    /// Directives, by name.
    pub directives: Vec<(String, String)>,
    /// Most descriptors it may open.
    pub nofile: Option<u64>,
    /// The cores to pin it to; none leaves it to the kernel.
    pub cpus: Vec<usize>,
}

/// A running server and the folder it lives in.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    dir: PathBuf,
    /// Where it listens.
    pub target: Target,
    /// Its Unix socket.
    pub unix: Target,
    /// The core it is pinned to, or the first of them.
    pub cpu: Option<usize>,
}

impl ServerProcess {
    /// Starts a server with these directives on a free port, pins it if asked, and waits until it answers.
    ///
    /// # Errors
    /// It does not start or does not answer (exit 6, with the last lines of its log), or the user interrupted.
    pub fn start(
        kind: &ServerKind,
        directives: &[(String, String)],
        cpu: Option<usize>,
        cancel: &AtomicBool,
    ) -> Result<Self, Failure> {
        Self::start_at(None, kind, directives, cpu, cancel)
    }

    /// As [`Self::start`], on a given port: for a server that replaces another.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_at(
        port: Option<u16>,
        kind: &ServerKind,
        directives: &[(String, String)],
        cpu: Option<usize>,
        cancel: &AtomicBool,
    ) -> Result<Self, Failure> {
        let directives = directives.to_vec();
        let cpus = cpu.into_iter().collect();
        Self::launch(kind, &Start { port, directives, cpus, ..Start::default() }, cancel)
    }

    /// As [`Self::start`], with all options.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn launch(kind: &ServerKind, start: &Start, cancel: &AtomicBool) -> Result<Self, Failure> {
        let mut last = Failure::unreachable("the server was not started");
        for _ in 0..START_ATTEMPTS {
            let mut server = Self::spawn(kind, start)?;
            match server.wait_until_up(kind, cancel) {
                Ok(()) => return Ok(server),
                Err(failure) if failure.message.contains("in use") => last = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(last)
    }

    fn spawn(kind: &ServerKind, start: &Start) -> Result<Self, Failure> {
        let cannot = |what: &str, error: std::io::Error| {
            Failure::unreachable(format!("cannot {what} for {}: {error}", kind.name()))
        };
        let dir = fresh_dir().map_err(|error| cannot("make a folder", error))?;
        let port = match start.port {
            Some(port) => port,
            None => free_port().map_err(|error| cannot("find a free port", error))?,
        };
        let log = File::create(dir.join("log")).map_err(|error| cannot("open a log", error))?;
        let both = log.try_clone().map_err(|error| cannot("open a log", error))?;
        let socket = dir.join("socket");
        let mut command = limited(kind.command()?, start.nofile);
        command
            .args(arguments(port, &socket, start))
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(both)
            // A process group of its own: ^C must not reach the server, which is needed until the run has ended.
            .process_group(0);
        let child = command.spawn().map_err(|error| {
            // The folder holds only the log; a failure to remove it has no remedy.
            let _ = fs::remove_dir_all(&dir);
            Failure::unreachable(format!(
                "cannot start {}: {error}; give the path of a server with --server-bin",
                kind.name()
            ))
        })?;
        // Without pinning the figures are noisier, not wrong.
        let pinned = !start.cpus.is_empty() && sys::pin_process(child.id(), &start.cpus).is_ok();
        let cpu = start.cpus.first().copied().filter(|_| pinned);
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let password = start.directives.iter().rev().find(|(name, _)| name == "requirepass");
        let password = password.map(|(_, password)| password.clone());
        let at = |endpoint| Target { password: password.clone(), ..Target::plain(endpoint) };
        let (target, unix) = (at(Endpoint::Tcp(addr)), at(Endpoint::Unix(socket)));
        Ok(Self { child, dir, target, unix, cpu })
    }

    fn wait_until_up(&mut self, kind: &ServerKind, cancel: &AtomicBool) -> Result<(), Failure> {
        let from = clock::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Failure::unreachable(format!(
                    "{} ended at once ({status}); end of its log: {}",
                    kind.name(),
                    self.last_log_lines()
                )));
            }
            let why = match Control::knock(&self.target, Duration::from_secs(1)) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            if cancel.load(Relaxed) {
                return Err(Failure::invalid("interrupted while the server was starting"));
            }
            if Duration::from(clock::now().since(from)) > START_TIMEOUT {
                return Err(Failure::unreachable(format!(
                    "{} does not answer after {START_TIMEOUT:?} ({why}); end of its log: {}",
                    kind.name(),
                    self.last_log_lines()
                )));
            }
            sleep(KNOCK_PAUSE);
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself, and how.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("{status}{LOG_END}{}", self.last_log_lines()))
    }

    /// The end of its log, on one line.
    #[must_use]
    pub fn last_log_lines(&self) -> String {
        last_lines(&self.dir.join("log"))
    }

    /// Ends the whole process group, because a wrapper may leave its own server process behind.
    fn stop(&mut self) {
        let pid = self.child.id();
        // If all have ended already, the loop below sees it.
        let _ = sys::signal_group(pid, Signal::TERM);
        let from = clock::now();
        while Duration::from(clock::now().since(from)) < STOP_TIMEOUT {
            // A process that has ended counts as part of the group until it was waited for.
            let ended = !matches!(self.child.try_wait(), Ok(None));
            if ended && !sys::group_exists(pid) {
                return;
            }
            sleep(KNOCK_PAUSE);
        }
        let _ = sys::signal_group(pid, Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.stop();
        // A folder that cannot be removed is no failure of the run.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// An absolute path, because the server runs in another folder. A bare name is searched by the system.
fn from_here(path: &Path) -> PathBuf {
    match path.components().count() {
        0 | 1 => path.to_owned(),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

/// redis-server's arguments: nothing is saved unless asked, and only this machine can connect.
fn arguments(port: u16, socket: &Path, start: &Start) -> Vec<OsString> {
    let port = port.to_string();
    let socket = socket.to_string_lossy();
    let place = [
        ("port", port.as_str()),
        ("bind", "127.0.0.1"),
        ("unixsocket", &*socket),
        ("daemonize", "no"),
    ];
    let quiet = [("save", ""), ("appendonly", "no")];
    let own = place.into_iter().chain(quiet);
    let asked = start.directives.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let directives = own
        .chain(asked)
        .filter(|(name, _)| !names_directive(&start.args, name))
        .flat_map(|(name, value)| [OsString::from(format!("--{name}")), OsString::from(value)]);
    start.args.iter().map(OsString::from).chain(directives).collect()
}

/// Whether a directive is among the arguments: `--name`, `value`, or both in one argument.
fn names_directive(args: &[String], name: &str) -> bool {
    args.iter().any(|arg| {
        let typed = arg.strip_prefix("--").and_then(|arg| arg.split_ascii_whitespace().next());
        typed.is_some_and(|typed| typed.eq_ignore_ascii_case(name))
    })
}

/// The command with a limit of open files, which a shell sets before it executes the server.
fn limited(command: Command, nofile: Option<u64>) -> Command {
    let Some(nofile) = nofile else { return command };
    let mut shell = Command::new("sh");
    let script = format!("ulimit -n {nofile}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
    shell
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A new folder below the system's folder for temporary files.
fn fresh_dir() -> std::io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Relaxed);
    let name = format!("aelab-server-{}-{number}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

fn last_lines(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    if last.is_empty() { "(none)".to_owned() } else { last.join(" | ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_of_the_program_replaces_the_labs_own_directive() {
        let start = Start {
            args: ["my.conf", "--appendonly yes", "--HZ", "50"].map(str::to_owned).to_vec(),
            directives: vec![("hz".into(), "10".into()), ("maxclients".into(), "9".into())],
            ..Start::default()
        };
        let typed = arguments(7, Path::new("/s"), &start);
        let typed: Vec<String> =
            typed.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let wanted = "my.conf|--appendonly yes|--HZ|50|--port|7|--bind|127.0.0.1|--unixsocket|/s|\
                      --daemonize|no|--save||--maxclients|9";
        assert_eq!(typed.join("|"), wanted);
    }
}
