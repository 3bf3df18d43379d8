//! What the server and the system said of an arm beside its replies: INFO, slow log, latency events, AE, the process, TCP. Plain
//! data.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The server's own view of a run, as it gave it; what it does not know is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerView {
    /// INFO when the load began.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub info_before: BTreeMap<String, String>,
    /// INFO when it had ended.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub info_after: BTreeMap<String, String>,
    /// SLOWLOG, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slowlog: Vec<SlowCommand>,
    /// LATENCY LATEST and HISTORY, event by event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<LatencyEvent>,
    /// Numbers of `AE STATS` at the end of the measurement, by their names from the outside in; times in nanoseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ae_stats: BTreeMap<String, f64>,
    /// The first records of `AE TRACE`, newest first: the command, and its numbers by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ae_trace: Vec<TracedRequest>,
    /// The process by moment: `before` (connecting), `connected`, `begun` (the measurement), `ended`; its figures by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub process: BTreeMap<String, BTreeMap<String, u64>>,
    /// What the kernel said of some of the load generator's connections while it measured (TCP_INFO).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tcp_info: Vec<BTreeMap<String, u64>>,
}

/// An entry of the slow log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlowCommand {
    /// Rises with each entry.
    pub id: i64,
    /// When it was logged, in seconds since 1970.
    pub at_unix_s: i64,
    /// How long it executed.
    pub duration_us: u64,
    /// Its name.
    pub command: String,
}

/// A kind of event of the server's latency monitor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatencyEvent {
    /// The event, such as `command`.
    pub event: String,
    /// The latest, in milliseconds.
    pub latest_ms: u64,
    /// The longest, in milliseconds.
    pub longest_ms: u64,
    /// When, in seconds since 1970, and how long, in milliseconds; oldest first.
    pub history: Vec<(i64, u64)>,
}

/// A request that the bundled server followed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TracedRequest {
    /// The command.
    pub command: String,
    /// Its numbers by name; instants in nanoseconds of the server's clock.
    pub numbers: BTreeMap<String, f64>,
}
