//! The measuring engine: sends what a [`RunPlan`] says, when it says, and times every reply.
//!
//! Not the lab: it starts no server, prints nothing, derives no percentile.
//! Invariant: every request carries its intended time from the schedule to the histogram, whatever happens on the way.
//!
//! Read in this order: [`plan`], [`result`], `schedule`, `conn`, `worker`, `traffic`, `poller`.

mod arrival;
mod arrived;
pub mod audit;
mod check;
mod clockwork;
mod command;
mod command_recorder;
mod conn;
mod dial;
mod dispatch;
mod draw;
mod feed;
mod group;
mod handshake;
mod lateness;
mod links;
pub mod live;
mod merge;
mod metric;
mod parcel;
pub(crate) mod placeholder;
pub mod plan;
mod poller;
mod pool;
mod postmark;
mod profile;
mod random;
mod recorder;
mod replies;
mod request;
pub mod result;
mod route;
mod run;
mod schedule;
mod secure;
pub mod settle;
pub mod sim;
mod sim_broker;
mod sim_cluster;
pub mod slots;
pub mod sparse;
mod stall;
mod stamping;
mod stamps;
mod state;
mod tally;
mod template;
mod timers;
mod traffic;
mod values;
mod waiting;
mod wire;
mod worker;
mod workload;
mod zipf;

pub(crate) use handshake::{may_answer_ping, out_of_step};
pub use live::{Live, LiveCounts, Phase};
pub use plan::RunPlan;
pub use result::RunResult;
pub(crate) use tally::{CLOSED_AFTER_TIMEOUT, DISCONNECTED, POOL_EXHAUSTED};

use std::io;
use std::sync::atomic::AtomicBool;

/// Why a run could not be made, or had nothing to give.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The plan contradicts itself.
    #[error("{0}")]
    Plan(String),
    /// No connection of a group could be opened.
    #[error("cannot connect to {endpoint} for group '{group}': {reason}")]
    Unreachable {
        /// The group.
        group: String,
        /// Its server.
        endpoint: String,
        /// The most frequent reason.
        reason: String,
    },
    /// The server answered the handshake with an error, or not in RESP.
    #[error("{endpoint} refused group '{group}': {reason}")]
    Refused {
        /// The group.
        group: String,
        /// Its server.
        endpoint: String,
        /// The server's words, or ours if it does not speak RESP.
        reason: String,
    },
    /// The system's limit of descriptors is too low.
    #[error(
        "{needed} open files are needed and {limit} are allowed; raise the limit (ulimit -n {needed}) or ask for fewer connections"
    )]
    Descriptors {
        /// What the plan needs.
        needed: u64,
        /// What the system gives.
        limit: u64,
    },
    /// A system call that must work did not.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Runs `plan` to its end, or until `cancel` is set; blocks meanwhile.
///
/// A cancelled run returns what was measured so far, with `interrupted` set.
///
/// # Errors
/// Nothing could be measured: see [`EngineError`].
pub fn run(plan: &RunPlan, live: &Live, cancel: &AtomicBool) -> Result<RunResult, EngineError> {
    run::run(plan, live, cancel)
}
