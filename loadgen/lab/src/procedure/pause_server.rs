//! Pauses a server for a known time, as a long command would.
//!
//! With `DEBUG SLEEP`, which the bundled server and redis-server (with `enable-debug-command`) have. Invariant: the server has
//! accepted a `DEBUG SLEEP` of zero length before it is paused.

use crate::procedure::ServerUnderTest;
use crate::procedure::raw_client::{RawClient, command};
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use std::thread::JoinHandle;
use std::time::Duration;

/// A pause of the server that has begun.
#[derive(Debug)]
pub(crate) struct Pause {
    waiting: JoinHandle<Result<Nanos, Failure>>,
    /// When it was requested.
    pub(crate) from: Nanos,
}

impl Pause {
    /// Pauses the server for this long.
    ///
    /// # Errors
    /// The server cannot be reached, or does not allow DEBUG.
    pub(crate) fn begin(
        under_test: &ServerUnderTest<'_>,
        length: Duration,
    ) -> Result<Self, Failure> {
        let mut client = RawClient::connect(&under_test.target)?;
        if let Value::Error(text) = client.ask(&["DEBUG", "SLEEP", "0"])? {
            return Err(Failure::usage(format!(
                "the server refuses DEBUG SLEEP ({}); start it with --enable-debug-command yes",
                String::from_utf8_lossy(&text)
            )));
        }
        let from = clock::now();
        client.send(&command(&["DEBUG", "SLEEP", &length.as_secs_f64().to_string()]))?;
        let waiting = std::thread::spawn(move || client.reply().map(|_| clock::now()));
        Ok(Self { waiting, from })
    }

    /// Whether the pause is over.
    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_finished()
    }

    /// Waits for the end of the pause; returns when the server's reply arrived.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) fn end(self) -> Result<Nanos, Failure> {
        self.waiting.join().unwrap_or_else(|_| Err(Failure::invalid("a thread ended early")))
    }
}
