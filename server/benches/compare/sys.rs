//! System calls of the comparison, in safe form: limits, signals, sockets that leave no trace.

use rustix::process::{Pid, Resource, Rlimit, Signal};
use std::net::TcpStream;
use std::time::Duration;

/// Lets this process, and the servers that it starts, open as many descriptors as the system allows.
pub(crate) fn raise_descriptor_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // If not, a section that needs more says which connection failed.
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
}

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Stop,
    Continue,
}

/// Halts a process, or lets it go on.
pub(crate) fn set_running(pid: u32, run: Run) {
    let signal = match run {
        Run::Stop => Signal::STOP,
        Run::Continue => Signal::CONT,
    };
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Closes by a reset: tens of thousands of ports would wait for a minute otherwise.
pub(crate) fn close_by_reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

/// CPU time that a process has used so far, all threads, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Field 2 may contain spaces; the fields after its closing parenthesis do not.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        rest.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> f64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    pages * rustix::param::page_size() as f64
}
