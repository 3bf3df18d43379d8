//! The ways from the load generator to a server: TCP, a Unix socket, or a link with delay that the lab emulates.
//!
//! Invariant: the link's thread ends, and its clients with it, when a [`Ways`] is dropped.

use crate::relay::{Credentials, Options, Relay};
use aelab_engine::error::Failure;
use aelab_engine::plan::{Endpoint, Target};
use aelab_scenarios::model::{Link, Socket, Via};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

/// All ways to one server.
#[derive(Debug)]
pub struct Ways {
    /// Directly, by TCP or however the server was named.
    pub direct: Target,
    /// By its Unix socket, if it has one.
    pub unix: Option<Target>,
    link: Option<RunningLink>,
}

#[derive(Debug)]
struct RunningLink {
    target: Target,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ways {
    /// Opens the link, if there is one.
    ///
    /// # Errors
    /// The link's values make no sense, or the kernel refuses it a socket.
    pub fn open(
        direct: Target,
        unix: Option<Target>,
        link: Option<&Link>,
        seed: u64,
    ) -> Result<Self, Failure> {
        let link = link.map(|link| RunningLink::start(&direct, link, seed)).transpose()?;
        Ok(Self { direct, unix, link })
    }

    /// Over the link, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<&Target> {
        self.link.as_ref().map(|link| &link.target)
    }

    /// The way that a group takes.
    ///
    /// # Errors
    /// It needs a Unix socket and the server has none.
    pub fn of(&self, socket: Socket, via: Via) -> Result<&Target, String> {
        match (socket, via) {
            (Socket::Unix, _) => {
                self.unix.as_ref().ok_or_else(|| "the server has no Unix socket".to_owned())
            }
            (Socket::Tcp, Via::Link) => Ok(self.link().unwrap_or(&self.direct)),
            (Socket::Tcp, Via::Direct) => Ok(&self.direct),
        }
    }
}

impl RunningLink {
    fn start(direct: &Target, link: &Link, seed: u64) -> Result<Self, Failure> {
        let listen = Endpoint::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let mut options = Options::new(listen, direct.endpoint.clone());
        options.rtt = link.rtt.into();
        options.jitter = link.jitter.into();
        options.bandwidth = link.bandwidth;
        options.share = link.share.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        options.seed = seed;
        // The relay opens the shared connections, so it needs the password.
        options.credentials = direct
            .password
            .clone()
            .map(|password| Credentials { user: direct.user.clone(), password });
        let relay = Relay::bind(&options)?;
        let target = Target { endpoint: relay.endpoint().clone(), ..direct.clone() };
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || {
                // Errors of the link show as lost connections of the run, with their reasons.
                let _ = relay.run(&seen);
            })
            .map_err(|error| Failure::invalid(format!("cannot start the link: {error}")))?;
        Ok(Self { target, stop, thread: Some(thread) })
    }
}

impl Drop for RunningLink {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
