//! A link between clients and a server, emulated in user space: round-trip time, jitter and bandwidth without privileges;
//! and, with `share`, the smallest proxy that lets many clients share few connections.
//!
//! Not a network simulator: nothing is lost or reordered, TCP itself sees two short links with a pause in between.
//! Invariant: bytes leave when they are due, counted from when the kernel received them, and never before; what the
//! receiver does not take, the sender is not allowed to send.
//!
//! Read next: `wire` (when), `delay_queue` (what is in flight), `pass` (one connection for each client), then `share` and
//! `policy` (many clients on few connections) with `shared`. `hub` waits; `flow` moves bytes; `sys` holds the system calls.

mod delay_queue;
mod flow;
mod hub;
mod margin;
mod options;
mod outbox;
mod pass;
mod policy;
mod share;
mod shared;
mod sys;
mod wire;

#[cfg(test)]
mod tests;

pub use options::{Credentials, Options, RelayError, Waiting, parse_endpoint};

use aelab_engine::plan::Endpoint;
use aelab_results::histogram::{self, Histogram};
use std::sync::atomic::AtomicBool;

/// Counts of a relay.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Clients accepted.
    pub connections: u64,
    /// Most clients at a time.
    pub open_max: u64,
    /// Times the upstream could not be reached. Without sharing, each cost one client its connection.
    pub upstream_refused: u64,
    /// Connections aborted by either side.
    pub resets: u64,
    /// Bytes from clients to the upstream.
    pub bytes_up: u64,
    /// Bytes from the upstream to clients.
    pub bytes_down: u64,
    /// How late bytes left, in ns after they were due. Bytes that the receiver did not accept are not counted.
    pub scheduling_delay: Histogram,
    /// Reads without the kernel's time of arrival (Unix sockets have none): delayed from when they were seen instead.
    pub unstamped_reads: u64,
    /// The last error, as text.
    pub last_error: Option<String>,
    /// Only with sharing.
    pub share: ShareStats,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            connections: 0,
            open_max: 0,
            upstream_refused: 0,
            resets: 0,
            bytes_up: 0,
            bytes_down: 0,
            scheduling_delay: histogram::new(),
            unstamped_reads: 0,
            last_error: None,
            share: ShareStats::default(),
        }
    }
}

/// Counts of a relay that shares connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShareStats {
    /// Connections opened to the upstream.
    pub upstream_connections: u64,
    /// Commands passed on.
    pub commands_forwarded: u64,
    /// Commands about a client's own connection (AUTH, HELLO, QUIT …), answered by the relay.
    pub commands_answered: u64,
    /// Commands that cannot work over a shared connection, or came before AUTH.
    pub commands_refused: u64,
    /// Replies whose client had disconnected.
    pub replies_orphaned: u64,
    /// Clients closed because their connection upstream was lost, or because they did not read.
    pub clients_dropped: u64,
}

/// A relay that listens.
#[derive(Debug)]
pub struct Relay {
    listener: sys::Listener,
    options: Options,
}

impl Relay {
    /// Checks `options` and starts to listen. Nothing is accepted before [`Self::run`].
    ///
    /// # Errors
    /// A value is out of range, or the address cannot be used.
    pub fn bind(options: &Options) -> Result<Self, RelayError> {
        options.check()?;
        aelab_engine::sys::raise_descriptor_limit();
        let listener = sys::Listener::bind(&options.listen).map_err(|source| {
            RelayError::Listen { endpoint: options.listen.to_string(), source }
        })?;
        Ok(Self { listener, options: options.clone() })
    }

    /// Where it listens: the port that was chosen, if port 0 was asked for.
    pub fn endpoint(&self) -> &Endpoint {
        self.listener.endpoint()
    }

    /// Relays until `cancel` is set, and blocks until then. Checks `cancel` at least every 100 ms.
    ///
    /// # Errors
    /// The kernel refuses a call that the relay needs. Errors of single connections are counted instead.
    pub fn run(self, cancel: &AtomicBool) -> Result<Stats, RelayError> {
        let Self { listener, options } = self;
        let hub = hub::Hub::new(options.waiting).map_err(RelayError::system("set up polling"))?;
        match options.share {
            None => pass::PassThrough::new(listener, &options, hub)?.run(cancel),
            Some(count) => shared::Sharing::new(listener, &options, hub, count)?.run(cancel),
        }
    }
}

/// Relays until `cancel` is set: [`Relay::bind`] and [`Relay::run`].
///
/// # Errors
/// As those two.
pub fn run(options: &Options, cancel: &AtomicBool) -> Result<Stats, RelayError> {
    Relay::bind(options)?.run(cancel)
}
