//! The order of the steps of the bundled server's loop, iteration by iteration (A8).
//!
//! The server logs when each step of its loop iterations begins (`AE LOOP`) while some clients send requests; the log is
//! read back.
//! Invariant: every iteration in the log is checked.

use crate::observe::numbers;
use crate::procedure::raw_client::RawClient;
use crate::procedure::{Findings, ServerUnderTest};
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// How long clients ask.
    pub watch: Duration,
    /// Connections.
    pub connections: usize,
}

/// The instants of an iteration, in the order that they must have.
const STEPS: [&str; 5] = ["began", "polled", "woke", "files_done", "timers_done"];
/// All iterations that the server keeps.
const ALL: &str = "1000000";

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached, or has no loop log.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut clients = (0..params.connections.max(1))
        .map(|_| RawClient::connect(&under_test.target))
        .collect::<Result<Vec<_>, _>>()?;
    if let Value::Error(text) = clients[0].ask(&["AE", "LOOP", "ON"])? {
        let text = String::from_utf8_lossy(&text).into_owned();
        return Err(Failure::usage(format!(
            "only the bundled server logs its loop (AE LOOP): {text}"
        )));
    }
    let from = clock::now();
    while Duration::from(clock::now().since(from)) < params.watch {
        under_test.go_on()?;
        for client in &mut clients {
            client.ask(&["PING"])?;
        }
        // Slow enough that the log covers several runs of the timer, whose period is 100 ms.
        std::thread::sleep(Duration::from_millis(2));
    }
    clients[0].ask(&["AE", "LOOP", "OFF"])?;
    let reply = clients[0].ask(&["AE", "LOOP", "GET", ALL])?;
    let turns: Vec<_> = reply.as_slice().unwrap_or_default().iter().map(numbers).collect();
    let mut findings = Findings::default();
    let (mut disordered, mut overlapping, mut before) = (0, 0, 0.0);
    for turn in &turns {
        let instants: Vec<f64> = STEPS.iter().filter_map(|step| turn.get(*step).copied()).collect();
        let ordered =
            instants.len() == STEPS.len() && instants.windows(2).all(|pair| pair[0] <= pair[1]);
        disordered += usize::from(!ordered);
        let began = instants.first().copied().unwrap_or(0.0);
        overlapping += usize::from(began < before);
        before = instants.last().copied().unwrap_or(before);
    }
    let with = |name: &str| {
        turns.iter().filter(|turn| turn.get(name).is_some_and(|count| *count > 0.0)).count()
    };
    findings.add_count("turns", turns.len());
    findings.add_count("with_file_events", with("files"));
    findings.add_count("with_time_events", with("timers"));
    findings.add_count("out_of_order", disordered);
    findings.add_count("overlapping", overlapping);
    Ok(findings)
}
