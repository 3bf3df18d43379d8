//! Listening sockets: opening them, and accepting a bounded number of clients per tick.

use super::read;
use crate::ae::{EventLoop, Mask};
use crate::client::{Client, ClientKey, Life, Socket, data_of};
use crate::config::{IoModel, Settings};
use crate::metrics::Phase;
use crate::reply::Reply;
use crate::server::{Listener, Server};
use crate::sys::{self, AcceptError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Most connections accepted per listener per tick (`MAX_ACCEPTS_PER_CALL` of Redis 7.0).
const ACCEPTS_PER_CALL_MAX: usize = 1000;

const DENIED: &str = "DENIED Redis is running in protected mode because protected mode is enabled \
and no password is set for the default user. In this mode connections are only accepted from the \
loopback interface. If you want to connect from external computers to Redis you may adopt one of \
the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET \
protected-mode no' from the loopback interface by connecting to Redis from the same host the \
server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. \
Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the \
protected mode by editing the Redis configuration file, and setting the protected mode option to \
'no', and then restarting the server. 3) If you started the server manually just for testing, \
restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the \
default user. NOTE: You only need to do one of the above things in order for the server to start \
accepting connections from the outside.";

/// Opens every listening socket that the settings ask for.
///
/// # Errors
/// One line: which address failed, why, and what to do.
pub(crate) fn open(settings: &Settings) -> Result<Vec<Listener>, String> {
    let mut listeners = Vec::new();
    if settings.net.port != 0 {
        for name in &settings.net.bind {
            let (name, optional) = match name.strip_prefix('-') {
                Some(rest) => (rest, true),
                None => (name.as_str(), false),
            };
            match open_tcp(name, settings) {
                Ok(fd) => listeners.push(Listener { fd, path: None, paused: false }),
                Err(error) if optional && not_available(&error) => {}
                Err(error) => {
                    return Err(format!(
                        "Could not create server TCP listening socket {name}:{}: {error}; choose \
                         another --port or --bind",
                        settings.net.port
                    ));
                }
            }
        }
    }
    if let Some(path) = &settings.net.unixsocket {
        let path = Path::new(path);
        remove_stale_socket(path)?;
        let fd = sys::listen_unix(path, settings.net.unixsocketperm, settings.net.tcp_backlog)
            .map_err(|error| {
                format!(
                    "Failed opening Unix socket {}: {error}; the directory must exist and the \
                     path be shorter than 108 bytes",
                    path.display()
                )
            })?;
        listeners.push(Listener { fd, path: Some(path.to_owned()), paused: false });
    }
    if listeners.is_empty() {
        return Err("There is nothing to listen on: give --port or --unixsocket".into());
    }
    Ok(listeners)
}

/// Removes a socket file of an earlier run. Redis removes any file of that name, even a data file or the
/// socket of a running server.
fn remove_stale_socket(path: &Path) -> Result<(), String> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let shown = path.display();
    if !found.file_type().is_socket() {
        return Err(format!(
            "Failed opening Unix socket {shown}: a file of that name exists and is not a socket; choose \
             another --unixsocket"
        ));
    }
    if UnixStream::connect(path).is_ok() {
        return Err(format!(
            "Failed opening Unix socket {shown}: another server listens on it; end that one or \
             choose another --unixsocket"
        ));
    }
    // If it cannot be removed, listening fails and reports the reason.
    let _ = std::fs::remove_file(path);
    Ok(())
}

fn not_available(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, Unsupported};
    // EAFNOSUPPORT (a machine without IPv6) has no `ErrorKind`.
    matches!(error.kind(), AddrNotAvailable | Unsupported) || error.raw_os_error() == Some(97)
}

fn open_tcp(name: &str, settings: &Settings) -> io::Result<OwnedFd> {
    use std::net::ToSocketAddrs;
    let addr = match name {
        "*" => SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), settings.net.port),
        "::*" => SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), settings.net.port),
        host => (host, settings.net.port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::other("the name has no address"))?,
    };
    sys::listen_tcp(addr, settings.net.tcp_backlog)
}

/// Watches all listeners (again).
pub(crate) fn watch(el: &mut EventLoop<Server>, server: &mut Server) -> io::Result<()> {
    for (index, listener) in server.net.listeners.iter_mut().enumerate() {
        el.add_file(listener.fd.as_raw_fd(), Mask::READABLE, acceptable, index as u64)?;
        listener.paused = false;
    }
    Ok(())
}

/// Stops watching the listeners: connections wait in their queues.
pub(crate) fn unwatch(el: &mut EventLoop<Server>, server: &Server) {
    for listener in &server.net.listeners {
        el.del_file(listener.fd.as_raw_fd(), Mask::READABLE);
    }
}

/// Watches paused listeners again, because descriptors may have become free.
pub(crate) fn resume(el: &mut EventLoop<Server>, server: &mut Server) {
    for (index, listener) in server.net.listeners.iter_mut().enumerate() {
        if listener.paused {
            let fd = listener.fd.as_raw_fd();
            listener.paused = el.add_file(fd, Mask::READABLE, acceptable, index as u64).is_err();
        }
    }
}

/// The read handler of listeners.
fn acceptable(el: &mut EventLoop<Server>, server: &mut Server, fd: RawFd, data: u64, _: Mask) {
    let index = data as usize;
    let most = match server.config.settings().io.io_model {
        IoModel::Blocking => 1,
        _ => ACCEPTS_PER_CALL_MAX,
    };
    for _ in 0..most {
        let Some(listener) = server.net.listeners.get(index) else { return };
        match sys::accept(&listener.fd) {
            Ok((socket, peer)) => accept_client(el, server, socket, peer),
            Err(AcceptError::Aborted) => {}
            Err(AcceptError::WouldBlock) => {
                server.observe.meter.charge(Phase::Accept, el.clock().now());
                return;
            }
            Err(AcceptError::Exhausted(errno)) => {
                // The connection stays in the queue and would fire again at once: pause the listener
                // until cron resumes it.
                let error = io::Error::from_raw_os_error(errno);
                server.log.warning_per_second(
                    server.now_s(),
                    format!("Accepting client connection: accept: {error}"),
                );
                el.del_file(fd, Mask::READABLE);
                server.net.listeners[index].paused = true;
                return;
            }
        }
    }
    // The limit was reached: the rest of the queue is accepted in the next tick.
    el.not_drained(fd, Mask::READABLE);
    server.observe.meter.charge(Phase::Accept, el.clock().now());
}

/// Accepts connections while the loop is blocked; see [`super::while_blocked`].
pub(crate) fn accept_while_blocked(server: &mut Server) {
    for index in 0..server.net.listeners.len() {
        for _ in 0..ACCEPTS_PER_CALL_MAX {
            let Ok((socket, peer)) = sys::accept(&server.net.listeners[index].fd) else { break };
            if let Some(key) = create_client(server, socket, peer) {
                server.net.accepted_unwatched.push(key);
            }
        }
    }
}

/// Makes a client of an accepted connection and has the loop watch it.
fn accept_client(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    socket: OwnedFd,
    peer: Option<SocketAddr>,
) {
    let fd = socket.as_raw_fd();
    let Some(key) = create_client(server, socket, peer) else { return };
    if !server.config.settings().io.io_model.loop_serves() {
        return;
    }
    if let Err(error) = el.add_file(fd, Mask::READABLE, read::readable, data_of(key)) {
        // All clients of a burst may fail here; one line a second is enough.
        server.log.warning_per_second(
            server.now_s(),
            format!("Error registering fd event for the new client: {error}"),
        );
        server.free_later(key);
    }
}

/// Makes a client of an accepted connection, or refuses it before anything is allocated.
fn create_client(
    server: &mut Server,
    socket: OwnedFd,
    peer: Option<SocketAddr>,
) -> Option<ClientKey> {
    let settings = server.config.settings();
    if server.clients.len() >= settings.clients.maxclients {
        // Best effort: the buffer of a new socket is empty and takes it.
        let _ = sys::write(&socket, b"-ERR max number of clients reached\r\n");
        server.observe.stats.rejected_connections += 1;
        return None;
    }
    if peer.is_some() {
        let _ = sys::set_nodelay(&socket);
        if settings.net.tcp_keepalive_s > 0 {
            let _ = sys::set_keepalive(&socket, Duration::from_secs(settings.net.tcp_keepalive_s));
        }
    }
    let socket = match settings.io.io_model {
        IoModel::ThreadPerConnection => Socket::Shared(Arc::new(socket)),
        _ => Socket::Own(socket),
    };
    if !settings.io.io_model.loop_serves() {
        let _ = sys::set_blocking(&socket);
    }
    let open = settings.clients.requirepass.is_none();
    let denied = settings.net.protected && open;
    let loop_serves = settings.io.io_model.loop_serves();
    server.net.next_client_id += 1;
    let mut client = Client::new(socket, server.net.next_client_id, peer, server.now_s());
    // It stays authenticated if a password is set later, as in Redis.
    client.authenticated = open;
    let denied = denied && !client.is_local();
    if denied {
        client.life = Life::CloseAfterReply;
        server.observe.stats.rejected_connections += 1;
    }
    let key = server.clients.insert(client);
    server.net.cron_queue.push_back(key);
    server.observe.stats.connections_received += 1;
    server.log.verbose(|| match peer {
        Some(peer) => format!("Accepted {peer}"),
        None => "Accepted connection on the Unix socket".into(),
    });
    if !loop_serves {
        server.net.accepted.push_back(key);
    }
    if denied {
        let mut reply = Reply::default();
        reply.error(DENIED);
        server.return_reply(key, reply);
    }
    Some(key)
}
