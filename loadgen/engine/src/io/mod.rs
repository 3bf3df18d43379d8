//! What the worker needs from the outside: a clock, readiness, and bytes in and out of numbered connections.
//!
//! Implemented twice: over sockets (`poller`) and over a scripted server in virtual time ([`crate::sim`]). The worker is
//! compiled once for each, so nothing is dispatched at run time.

pub(crate) mod kernel_timestamps;
pub(crate) mod margin;
pub(crate) mod poller;
pub(crate) mod tls_stream;

use crate::clock::Nanos;
use crate::plan::Endpoint;
use std::io;

/// The number of a connection within its thread.
pub(crate) type Token = u32;

/// Something happened to a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    /// Which.
    pub(crate) token: Token,
    /// Bytes, or the end of the stream, can be read.
    pub(crate) readable: bool,
    /// Bytes can be written; the connection is open, or has failed to open.
    pub(crate) writable: bool,
    /// The other side has closed, or an error waits: read until the end.
    pub(crate) hung_up: bool,
}

/// How long to wait for something to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not at all.
    Look,
    /// Until this time at the latest.
    Until(Nanos),
}

/// See the module.
pub(crate) trait Wire {
    /// Whether reads have the kernel's time stamps. Known to the compiler, so that those without pay nothing.
    const STAMPED: bool = false;

    /// When the kernel got the last of what was read last, which was just before `now`, if it said so.
    fn arrived(&self, _now: Nanos) -> Option<Nanos> {
        None
    }

    /// Compares the clocks of stamps and of times again.
    fn compare_clocks(&mut self) {}

    /// The clock.
    fn now(&mut self) -> Nanos;

    /// CPU time that the calling thread has used so far.
    fn cpu(&self) -> Nanos;

    /// How long the calling thread has spun so far, waiting for a time with nothing else to do.
    fn spun(&self) -> Nanos {
        Nanos::ZERO
    }

    /// How long before a due time requests are prepared, where nothing else can happen: the first code after a long sleep is
    /// slow, since its caches are cold. Zero where the thread is late anyway.
    fn lead(&self) -> Nanos {
        Nanos::ZERO
    }

    /// The clock, at `at` or later: spins until then.
    fn not_before(&mut self, at: Nanos) -> Nanos;

    /// Waits, then fills `ready` with what happened; it may stay empty.
    ///
    /// # Errors
    /// The waiting itself failed; nothing can go on.
    fn wait(&mut self, wait: Wait, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// Begins to open a connection. [`Wire::finish_connect`] says whether it is open.
    ///
    /// # Errors
    /// It cannot even begin.
    fn connect(&mut self, token: Token, endpoint: &Endpoint) -> io::Result<()>;

    /// Whether the connection is open by now.
    ///
    /// # Errors
    /// It failed to open.
    fn finish_connect(&mut self, token: Token) -> io::Result<bool>;

    /// Reads once.
    ///
    /// # Errors
    /// As a socket's: `WouldBlock` when there is nothing.
    fn read(&mut self, token: Token, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes once.
    ///
    /// # Errors
    /// As a socket's: `WouldBlock` when there is no room.
    fn write(&mut self, token: Token, bytes: &[u8]) -> io::Result<usize>;

    /// Gives the connection up. Its token may be connected again.
    fn close(&mut self, token: Token);
}
