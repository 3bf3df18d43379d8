//! The built-in scenarios.
//!
//! They are embedded, so the binary needs no other files. Invariant: every entry parses at every
//! scale (a test reads them all). A new scenario needs a file in `catalog/` and one line here.

use crate::error::ScenarioError;
use crate::model::{Scale, Scenario};
use aelab_units::nearest;

/// A scenario of the catalog, not yet parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// The text of its file.
    pub text: &'static str,
}

/// All scenarios, in the order of `scenario list`.
pub const CATALOG: &[Entry] = &[
    Entry { name: "io-models", text: include_str!("../catalog/io-models.toml") },
    Entry { name: "multiplexing-cost", text: include_str!("../catalog/multiplexing-cost.toml") },
    Entry { name: "ae-anatomy", text: include_str!("../catalog/ae-anatomy.toml") },
    Entry { name: "server-cron", text: include_str!("../catalog/server-cron.toml") },
    Entry { name: "request-lifecycle", text: include_str!("../catalog/request-lifecycle.toml") },
    Entry { name: "large-reply", text: include_str!("../catalog/large-reply.toml") },
    Entry { name: "keys-vs-scan", text: include_str!("../catalog/keys-vs-scan.toml") },
    Entry { name: "lrange-stall", text: include_str!("../catalog/lrange-stall.toml") },
    Entry { name: "sort-stall", text: include_str!("../catalog/sort-stall.toml") },
    Entry { name: "smembers-stall", text: include_str!("../catalog/smembers-stall.toml") },
    Entry { name: "threaded-io", text: include_str!("../catalog/threaded-io.toml") },
    Entry { name: "tcp-vs-uds", text: include_str!("../catalog/tcp-vs-uds.toml") },
    Entry { name: "connection-state", text: include_str!("../catalog/connection-state.toml") },
    Entry { name: "split-command", text: include_str!("../catalog/split-command.toml") },
    Entry { name: "flow-control", text: include_str!("../catalog/flow-control.toml") },
    Entry { name: "pipelining", text: include_str!("../catalog/pipelining.toml") },
    Entry {
        name: "pipeline-is-not-a-transaction",
        text: include_str!("../catalog/pipeline-is-not-a-transaction.toml"),
    },
    Entry { name: "accept-queue", text: include_str!("../catalog/accept-queue.toml") },
    Entry { name: "connection-cost", text: include_str!("../catalog/connection-cost.toml") },
    Entry { name: "maxclients", text: include_str!("../catalog/maxclients.toml") },
    Entry { name: "pool-vs-connect", text: include_str!("../catalog/pool-vs-connect.toml") },
    Entry { name: "pool-min-idle", text: include_str!("../catalog/pool-min-idle.toml") },
    Entry { name: "pool-max-total", text: include_str!("../catalog/pool-max-total.toml") },
    Entry { name: "serverless-churn", text: include_str!("../catalog/serverless-churn.toml") },
];

impl Entry {
    /// Resolves the scenario for a scale.
    ///
    /// # Errors
    /// The embedded file is invalid; a test excludes this.
    pub fn resolve(&self, scale: Scale) -> Result<Scenario, ScenarioError> {
        Scenario::parse(self.name, &format!("{}.toml", self.name), self.text, scale)
    }
}

/// The scenario of that name.
///
/// # Errors
/// No scenario has that name; the message suggests the nearest one.
pub fn find(name: &str) -> Result<Entry, String> {
    if let Some(entry) = CATALOG.iter().find(|entry| entry.name == name) {
        return Ok(*entry);
    }
    let hint = match nearest(name, CATALOG.iter().map(|entry| entry.name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "list all scenarios with `loadgen scenario list`".to_owned(),
    };
    Err(format!("unknown scenario `{name}`; {hint}"))
}
