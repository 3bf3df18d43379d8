//! `--wait-ready`: waits for a server that is starting, loading its data or busy.
//!
//! Invariant: only what passes by itself is waited for. A wrong password or a peer that is no Redis is an error at once.

use crate::console;
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_engine::plan::Target;
use aelab_lab::control::Control;
use aelab_lab::server::cluster::is_complete;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Ids of failures that may pass by themselves.
const PASSING: [&str; 7] = [
    "connect-failed",
    "connection-closed",
    "no-answer",
    "loading",
    "busy",
    "master-down",
    "cluster-down",
];

/// Waits until each server of the target takes commands; with `is_cluster`, until its cluster is complete. Without a limit it
/// looks at nothing.
///
/// # Errors
/// The limit is over, or what is wrong does not pass by itself (exit 6); or the user interrupted (exit 4).
pub(super) fn wait(
    target: &Target,
    is_cluster: bool,
    limit: Duration,
    cancel: &AtomicBool,
) -> Result<(), Failure> {
    if limit.is_zero() {
        return Ok(());
    }
    let begin = clock::now();
    for target in target.each() {
        let mut has_said = false;
        while let Err(failure) = look(&target, is_cluster) {
            let waited = Duration::from(clock::now().since(begin));
            if cancel.load(Relaxed) {
                return Err(Failure::invalid("interrupted while waiting for the server")
                    .with_id("interrupted"));
            }
            if !PASSING.contains(&failure.id.as_ref()) {
                return Err(failure);
            }
            if waited >= limit {
                let message = format!(
                    "{} is not ready after {limit:?}: {}",
                    target.endpoint, failure.message
                );
                return Err(failure.with_message(message));
            }
            if !has_said {
                console::note(&format!(
                    "waiting up to {limit:?} for {}: {}",
                    target.endpoint, failure.id
                ));
                has_said = true;
            }
            sleep(PAUSE.min(limit - waited));
        }
    }
    Ok(())
}

/// Whether a server takes commands now.
fn look(target: &Target, is_cluster: bool) -> Result<(), Failure> {
    let mut control = Control::open(target)?;
    match is_cluster {
        true => is_complete(&mut control, &target.endpoint),
        false => Ok(()),
    }
}
