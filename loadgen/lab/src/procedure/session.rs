//! Whether one client's session makes another client wait (A1).
//!
//! The first client connects, sends requests with pauses, and closes after a fixed time. The second connects shortly after the
//! first and sends one request. On a server that serves one client at a time, the second waits for the whole session.
//! Invariant: the second client's wait counts from its connect, as a user's would.

use crate::procedure::raw_client::RawClient;
use crate::procedure::{Findings, ServerUnderTest};
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// How long the first client stays.
    pub session: Duration,
    /// Pause between its requests.
    pub pause: Duration,
}

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached or goes away.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut first = RawClient::connect(&under_test.target)?;
    let began = clock::now();
    let (mut slowest, mut requests) = (Nanos::ZERO, 0);
    let (session, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| -> Result<Nanos, Failure> {
            let from = clock::now();
            RawClient::connect(&under_test.target)?.ask(&["PING"])?;
            Ok(clock::now().since(from))
        });
        let outcome = (|| -> Result<(), Failure> {
            while Duration::from(clock::now().since(began)) < params.session {
                under_test.go_on()?;
                let asked = clock::now();
                first.ask(&["PING"])?;
                slowest = slowest.max(clock::now().since(asked));
                requests += 1;
                std::thread::sleep(params.pause);
            }
            Ok(())
        })();
        // The second may only be served now: the first must leave before it is waited for.
        drop(first);
        let session = clock::now().since(began);
        let second = second
            .join()
            .unwrap_or_else(|_| Err(Failure::invalid("the thread of the second client broke")));
        outcome.and(second).map(|wait| (session, wait))
    })?;
    let mut findings = Findings::default();
    findings.add("session_s", session.as_secs_f64());
    findings.add("second_wait_s", second.as_secs_f64());
    findings.add("share_waited", second.as_secs_f64() / session.as_secs_f64());
    findings.add("first_slowest_s", slowest.as_secs_f64());
    findings.add_count("first_requests", requests);
    Ok(findings)
}
