//! Whether a server is on this machine, and how to reach it there: by its process id and its Unix socket.
//!
//! The only place that decides it. Invariant: a server at another address has no process id here, whatever its INFO says.

use crate::control::Control;
use crate::server::info::Info;
use aelab_engine::plan::{Endpoint, Target};
use std::path::PathBuf;

/// Whether the target is on this machine: a Unix socket, or a loopback address.
#[must_use]
pub fn is_local(target: &Target) -> bool {
    target.endpoint.addr().is_none_or(|addr| addr.ip().is_loopback())
}

/// The process id that a server on this machine reports in INFO; `None` for a server elsewhere.
#[must_use]
pub fn process_id(target: &Target, info: &Info) -> Option<u32> {
    info.text("process_id").filter(|_| is_local(target))?.parse().ok()
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
    }
}
