//! A server that does nothing for a known time, as if it were executing a long command.
//!
//! By `DEBUG SLEEP`, which the bundled server and redis-server (with `enable-debug-command`) know. Invariant: whoever sends a
//! server to sleep has seen it agree to a nap of no length before.

use crate::procedure::Site;
use crate::procedure::raw_client::{Peer, command};
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use std::thread::JoinHandle;
use std::time::Duration;

/// A nap under way.
#[derive(Debug)]
pub(crate) struct Nap {
    waiting: JoinHandle<Result<Nanos, Failure>>,
    /// When it was asked for.
    pub(crate) from: Nanos,
}

impl Nap {
    /// Sends the server to sleep for this long.
    ///
    /// # Errors
    /// It cannot be reached, or does not allow DEBUG.
    pub(crate) fn begin(site: &Site<'_>, length: Duration) -> Result<Self, Failure> {
        let mut peer = Peer::connect(&site.target)?;
        if let Value::Error(text) = peer.ask(&["DEBUG", "SLEEP", "0"])? {
            return Err(Failure::usage(format!(
                "the server refuses DEBUG SLEEP ({}); start it with --enable-debug-command yes",
                String::from_utf8_lossy(&text)
            )));
        }
        let from = clock::now();
        peer.send(&command(&["DEBUG", "SLEEP", &length.as_secs_f64().to_string()]))?;
        let waiting = std::thread::spawn(move || peer.reply().map(|_| clock::now()));
        Ok(Self { waiting, from })
    }

    /// Whether the server has woken up.
    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_finished()
    }

    /// Waits for the end: the instant at which the server's answer was here.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) fn end(self) -> Result<Nanos, Failure> {
        self.waiting.join().unwrap_or_else(|_| Err(Failure::invalid("a thread ended early")))
    }
}
