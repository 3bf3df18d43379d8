//! Whether a server is on this machine, and how to reach it there: by its process id and its Unix socket.
//!
//! The only place that decides it. Invariant: a server at another address has no process id here, whatever its INFO says.

use crate::control::Control;
use crate::server::info::Info;
use aelab_engine::plan::{Endpoint, Target};
use std::fs;
use std::path::PathBuf;

/// Whether the target is on this machine: a Unix socket, or a loopback address.
#[must_use]
pub fn is_local(target: &Target) -> bool {
    target.endpoint.is_local()
}

/// How far the age of a server's process may be from the time that the server says it is up, in seconds: the server counts whole
/// ones, from when its configuration was read.
const AGE_SLACK_S: f64 = 3.0;
/// Ticks of /proc/PID/stat in a second: USER_HZ is 100 on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// The process id that a server on this machine reports in INFO; `None` for a server elsewhere.
///
/// A server in a container, or behind a tunnel, has an address of this machine, but its process id belongs to another
/// process here. That one is not as old as the server says.
#[must_use]
pub fn process_id(target: &Target, info: &Info) -> Option<u32> {
    let pid: u32 = info.text("process_id").filter(|_| is_local(target))?.parse().ok()?;
    let ages = info.number("uptime_in_seconds").zip(age_s(pid));
    let is_another = ages.is_some_and(|(up, age)| (up - age).abs() > AGE_SLACK_S);
    (!is_another).then_some(pid)
}

/// How long ago a process of this machine was started, in seconds.
fn age_s(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    // What follows the name is the third field; the start, in ticks since the machine's, is the 22nd.
    let started: u64 = rest.split_whitespace().nth(19)?.parse().ok()?;
    let up = fs::read_to_string("/proc/uptime").ok()?;
    let up_s: f64 = up.split_whitespace().next()?.parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "ticks since the machine's start")]
    let started_s = started as f64 / TICKS_PER_S;
    Some(up_s - started_s)
}

/// The Unix socket of a running server, if it has one whose path exists on this machine.
pub(crate) fn unix_socket(target: &Target, control: &mut Control) -> Option<Target> {
    if let Endpoint::Unix(_) = &target.endpoint {
        return Some(target.clone());
    }
    if !is_local(target) {
        return None;
    }
    let reply = control.command(&[b"CONFIG", b"GET", b"unixsocket"]).ok()?;
    let path = PathBuf::from(reply.as_slice()?.get(1)?.as_str()?);
    let exists = !path.as_os_str().is_empty() && path.exists();
    exists.then(|| Target { endpoint: Endpoint::Unix(path), ..target.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn a_process_id_counts_on_this_machine_only() {
        let info = Info::parse("process_id:42");
        let tcp = |addr: &str| {
            let addr: SocketAddr = addr.parse().expect("an address");
            Target::plain(Endpoint::Tcp(addr))
        };
        for (target, local) in [
            (tcp("127.0.0.1:6379"), true),
            (tcp("[::1]:6379"), true),
            (Target::plain(Endpoint::Unix("/tmp/redis".into())), true),
            (tcp("192.0.2.1:6379"), false),
        ] {
            assert_eq!(is_local(&target), local, "{}", target.endpoint);
            assert_eq!(process_id(&target, &info), local.then_some(42), "{}", target.endpoint);
        }
        assert_eq!(process_id(&tcp("127.0.0.1:1"), &Info::parse("")), None);
        // In a container, 1 is the server; here, it is another process.
        let contained = Info::parse("process_id:1\nuptime_in_seconds:9999999999");
        assert_eq!(process_id(&tcp("127.0.0.1:1"), &contained), None);
        assert_eq!(age_s(u32::MAX), None);
        let age = age_s(std::process::id()).expect("an age").max(0.0);
        let own = format!("process_id:{}\nuptime_in_seconds:{age:.0}", std::process::id());
        let own = process_id(&tcp("127.0.0.1:1"), &Info::parse(&own));
        assert_eq!(own, Some(std::process::id()));
    }
}
