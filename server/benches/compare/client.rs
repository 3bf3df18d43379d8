//! The clients: redis-benchmark or our loadgen for load, and a plain connection for everything else.

use crate::Failure;
use crate::options::Options;
use crate::sys;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

/// Keys that the load is spread over.
const KEYSPACE: &str = "100000";
/// Size of a value, in bytes.
const VALUE_BYTES: &str = "32";

/// A load in redis-benchmark's terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) command: &'static str,
    pub(crate) connections: usize,
    pub(crate) pipeline: usize,
    pub(crate) requests: usize,
}

/// What a load came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Server CPU time per request, in microseconds.
    pub(crate) cpu_us: f64,
    pub(crate) per_second: f64,
}

/// Sends load to the server on `port`, whose process is `pid`, from the clients' cores.
pub(crate) fn load(
    options: &Options,
    (port, pid): (u16, u32),
    load: Load,
) -> Result<Outcome, Failure> {
    let number = |number: usize| number.to_string();
    let before = sys::cpu_seconds(pid);
    // The words after the program mean the same to both; loadgen calls this job `run`.
    let job: &[&str] = if options.client.ends_with("redis-benchmark") { &[] } else { &["run"] };
    let output = Command::new("taskset")
        .args(["-c", &options.client_cpus, &options.client])
        .args(job)
        .args(["--csv", "-p", &port.to_string()])
        .args(["-t", load.command, "-r", KEYSPACE, "-d", VALUE_BYTES])
        .args(["-n", &number(load.requests), "-c", &number(load.connections)])
        .args(["-P", &number(load.pipeline)])
        .output()
        .map_err(|e| format!("{} cannot be started with taskset: {e}", options.client))?;
    let cpu = sys::cpu_seconds(pid) - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let per_second = text
        .lines()
        .rev()
        .find_map(|line| line.split(',').nth(1)?.trim_matches('"').parse::<f64>().ok())
        .ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            format!("{} gave no figure: {text} {said}", options.client)
        })?;
    Ok(Outcome { cpu_us: cpu * 1e6 / load.requests as f64, per_second })
}

/// A connection of this process.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port));
        let stream = stream.map_err(|e| format!("no connection to port {port}: {e}"))?;
        sys::close_by_reset(&stream);
        let _ = stream.set_nodelay(true);
        Ok(Connection { stream })
    }

    /// Sends one command and returns its first piece of reply.
    pub(crate) fn ask(&mut self, command: &str) -> Result<String, Failure> {
        let problem = |e| format!("{command}: the connection broke: {e}");
        self.stream.write_all(format!("{command}\r\n").as_bytes()).map_err(problem)?;
        let mut reply = [0; 16 * 1024];
        let count = self.stream.read(&mut reply).map_err(problem)?;
        let reply = String::from_utf8_lossy(&reply[..count]).into_owned();
        match reply.strip_prefix('-') {
            Some(error) => Err(format!("{command}: {}", error.trim_end())),
            None if reply.is_empty() => Err(format!("{command}: the server closed the connection")),
            None => Ok(reply),
        }
    }

    /// Waits until the server counts so many clients.
    pub(crate) fn wait_for_clients(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..2_000 {
            let info = self.ask("INFO clients")?;
            let connected = info.lines().find_map(|line| line.strip_prefix("connected_clients:"));
            if connected.and_then(|n| n.trim().parse::<usize>().ok()).is_some_and(|n| n >= count) {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Err(format!("the server never counted {count} clients"))
    }
}
