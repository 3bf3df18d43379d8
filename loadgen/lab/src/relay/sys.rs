//! System calls of the relay that neither the standard library nor the engine's poller offers: listening and accepting in
//! one poll set with connecting, aborting a connection, and the kernel's time of arrival of what is read.
//!
//! Not the place for decisions: each function is one call, or a few that belong together, with arguments translated.
//! Invariant: every socket made here is non-blocking and closed on exec, and TCP ones have Nagle off.
#![expect(unsafe_code, reason = "a timer's descriptor is borrowed by number")]

use aelab_engine::plan::{Endpoint, TlsEndpoint};
use aelab_engine::sys::{self, Timer, stamp_arrivals};
use rustix::event::epoll;
use rustix::net::{
    AddressFamily, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// Connections the kernel may keep until they are accepted, as far as `somaxconn` allows: clients come in bursts.
const BACKLOG: i32 = 4096;

/// A socket that listens. A Unix one is removed from its folder at the end.
#[derive(Debug)]
pub(crate) struct Listener {
    fd: OwnedFd,
    endpoint: Endpoint,
}

impl Listener {
    /// Listens there. A Unix socket without a listener is replaced.
    pub(crate) fn bind(endpoint: &Endpoint) -> io::Result<Self> {
        let (fd, endpoint) = match endpoint {
            Endpoint::Tcp(addr) | Endpoint::Tls(TlsEndpoint { addr, .. }) => {
                let listener = TcpListener::bind(addr)?;
                listener.set_nonblocking(true)?;
                let bound = listener.local_addr()?;
                (OwnedFd::from(listener), Endpoint::Tcp(bound))
            }
            Endpoint::Unix(path) => {
                let listener = bind_unix(path)?;
                listener.set_nonblocking(true)?;
                (OwnedFd::from(listener), endpoint.clone())
            }
        };
        rustix::net::listen(&fd, BACKLOG)?;
        if matches!(endpoint, Endpoint::Tcp(_)) {
            // Accepted sockets inherit it, and the kernel stamps packets as long as a socket wants it.
            stamp_arrivals(fd.as_fd())?;
        }
        Ok(Self { fd, endpoint })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The next client; `WouldBlock` if there is none.
    pub(crate) fn accept(&self) -> io::Result<Socket> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::accept_with(&self.fd, flags)?;
        let is_tcp = matches!(self.endpoint, Endpoint::Tcp(_));
        if is_tcp {
            sockopt::set_tcp_nodelay(&fd, true)?;
        }
        Ok(Socket { fd })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Endpoint::Unix(path) = &self.endpoint {
            // If this fails, the file has no listener any longer.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let probe = UnixStream::connect(path).map(drop).map_err(|error| error.kind());
            if probe != Err(io::ErrorKind::ConnectionRefused) {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        other => other,
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// Begins to connect. Readiness for writing means that it has succeeded or failed ([`Self::take_error`]).
    pub(crate) fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let make = |family| rustix::net::socket_with(family, SocketType::STREAM, flags, None);
        let (fd, result) = match endpoint {
            // Encrypted bytes pass unchanged.
            Endpoint::Tcp(addr) | Endpoint::Tls(TlsEndpoint { addr, .. }) => {
                let is_v4 = matches!(addr, SocketAddr::V4(_));
                let fd = make(if is_v4 { AddressFamily::INET } else { AddressFamily::INET6 })?;
                sockopt::set_tcp_nodelay(&fd, true)?;
                stamp_arrivals(fd.as_fd())?;
                let result = rustix::net::connect(&fd, addr);
                (fd, result)
            }
            Endpoint::Unix(path) => {
                let fd = make(AddressFamily::UNIX)?;
                let result = rustix::net::connect(&fd, &SocketAddrUnix::new(path)?);
                (fd, result)
            }
        };
        match result {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(Self { fd }),
            Err(error) => Err(error.into()),
        }
    }

    /// Why connecting failed, if it did.
    pub(crate) fn take_error(&self) -> io::Result<()> {
        sockopt::socket_error(&self.fd)?.map_err(io::Error::from)
    }

    /// Writes as much as the kernel accepts.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.fd, bytes, SendFlags::NOSIGNAL)?)
    }

    /// Reads into `buffer`; with the time at which the last packet of it arrived, by the wall clock in ns, if known.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<u64>)> {
        sys::receive_stamped(self.fd.as_fd(), buffer)
    }

    /// Ends the stream to the other side.
    pub(crate) fn finish(&self) {
        // It fails only if the connection is lost, which the next read reports.
        let _ = rustix::net::shutdown(&self.fd, Shutdown::Write);
    }

    /// Makes closing abort the connection, so that the other side sees a reset.
    pub(crate) fn abort(self) {
        // If it fails the other side sees an ordinary end.
        let _ = sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Something happened to a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// As it was added.
    pub(crate) token: u64,
    /// Bytes, the end of the stream, or an error can be read.
    pub(crate) readable: bool,
    /// Bytes can be written, or connecting has come to an end.
    pub(crate) writable: bool,
    pub(crate) peer: Peer,
}

/// The state of the other side in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It may send more.
    Open,
    /// It has ended its stream; no further event says so.
    Ended,
    /// The connection is dead in both directions.
    Broken,
}

/// A set of sockets, each reported once per change (edge-triggered).
pub(crate) struct PollSet {
    fd: OwnedFd,
    events: Vec<epoll::Event>,
}

impl fmt::Debug for PollSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollSet").field("fd", &self.fd).finish_non_exhaustive()
    }
}

impl PollSet {
    pub(crate) fn new() -> io::Result<Self> {
        /// Events per wait: with more, due bytes would wait for all of them.
        const EVENTS_PER_WAIT: usize = 64;
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { fd, events: Vec::with_capacity(EVENTS_PER_WAIT) })
    }

    /// Watches a descriptor for everything until it is closed.
    pub(crate) fn add(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        Ok(epoll::add(&self.fd, fd, epoll::EventData::new_u64(token), flags)?)
    }

    /// Watches a timer, whose descriptor must stay open as long as it is to be reported.
    pub(crate) fn add_timer(&self, timer: &Timer, token: u64) -> io::Result<()> {
        // SAFETY: the timer is borrowed, so its descriptor is open during this call.
        self.add(unsafe { BorrowedFd::borrow_raw(timer.raw_fd()) }, token)
    }

    /// Waits for at most `timeout`, and appends what happened.
    pub(crate) fn wait(&mut self, timeout: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = rustix::time::Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        self.events.clear();
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.fd, spare, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().map(|event| {
            let (data, flags) = (event.data, event.flags);
            let broken = epoll::EventFlags::ERR | epoll::EventFlags::HUP;
            let readable = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | broken;
            Ready {
                token: data.u64(),
                readable: flags.intersects(readable),
                writable: flags.intersects(epoll::EventFlags::OUT | broken),
                peer: if flags.intersects(broken) {
                    Peer::Broken
                } else if flags.intersects(epoll::EventFlags::RDHUP) {
                    Peer::Ended
                } else {
                    Peer::Open
                },
            }
        }));
        Ok(())
    }
}
