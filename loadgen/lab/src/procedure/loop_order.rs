//! The order of the steps of the bundled server's loop, turn by turn (A8).
//!
//! The server writes down when each step of its turns begins (`AE LOOP`) while some clients ask, and the diary is read back.
//! Invariant: every turn of the diary is checked, none is left out.

use crate::observe::numbers;
use crate::procedure::raw_client::Peer;
use crate::procedure::{Findings, Site};
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// How long clients ask.
    pub watch: Duration,
    /// Connections.
    pub connections: usize,
}

/// The instants of a turn, in the order that they must have.
const STEPS: [&str; 5] = ["began", "polled", "woke", "files_done", "timers_done"];
/// All turns that the server keeps.
const ALL: &str = "1000000";

/// Plays it.
///
/// # Errors
/// The server cannot be reached, or has no diary.
pub fn run(site: &Site<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut peers = (0..params.connections.max(1))
        .map(|_| Peer::connect(&site.target))
        .collect::<Result<Vec<_>, _>>()?;
    if let Value::Error(text) = peers[0].ask(&["AE", "LOOP", "ON"])? {
        let text = String::from_utf8_lossy(&text).into_owned();
        return Err(Failure::usage(format!("only the bundled server keeps a diary: {text}")));
    }
    let from = clock::now();
    while Duration::from(clock::now().since(from)) < params.watch {
        site.go_on()?;
        for peer in &mut peers {
            peer.ask(&["PING"])?;
        }
        // Slow enough that the diary holds several runs of the timer, whose period is 100 ms.
        std::thread::sleep(Duration::from_millis(2));
    }
    peers[0].ask(&["AE", "LOOP", "OFF"])?;
    let reply = peers[0].ask(&["AE", "LOOP", "GET", ALL])?;
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
