//! The measuring engine: sends requests as a [`RunPlan`] says and times every reply.
//!
//! Not the lab: it starts no server, prints nothing, derives no percentile.
//! Invariant: every request carries its intended time from the schedule to the histogram, whatever happens on the way.
//!
//! Read in this order: [`plan`], [`record`], `schedule`, `conn`, `worker`, `io`.

pub mod clock;
mod conn;
pub mod error;
pub mod files;
mod group;
mod io;
pub mod machine;
pub mod plan;
pub mod record;
pub mod replay;
mod resources;
mod run;
mod schedule;
pub mod sim;
pub mod sys;
pub mod tls;
mod topology;
mod worker;
pub mod workload;

pub use conn::handshake::{may_answer_ping, out_of_step};
pub use error::{CLOSED_AFTER_TIMEOUT, DISCONNECTED, EngineError, POOL_EXHAUSTED};
pub use plan::RunPlan;
pub use record::live::{Live, LiveCounts, Phase};
pub use record::result::RunResult;
pub use topology::{Lookup, Topology};

use std::sync::atomic::AtomicBool;

/// Checks all that can be known of a plan before anything is sent: that it makes sense, that its commands can be written, and
/// that their keys share a slot of a cluster.
///
/// # Errors
/// The first thing that is wrong: see [`EngineError`].
pub fn check(plan: &RunPlan) -> Result<(), EngineError> {
    run::check_before(plan)
}

/// Runs `plan` to its end, or until `cancel` is set. Blocks until then.
///
/// A cancelled run returns what was measured so far, with `interrupted` set.
///
/// # Errors
/// Nothing could be measured: see [`EngineError`].
pub fn run(plan: &RunPlan, live: &Live, cancel: &AtomicBool) -> Result<RunResult, EngineError> {
    run::run(plan, live, cancel)
}
