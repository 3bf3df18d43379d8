//! The outcome of a planner: what rate, how many connections, how large a pool. Plain data.

use serde::{Deserialize, Serialize};

/// The answer of `loadgen plan`, by kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Plan {
    /// The highest rate that meets an objective.
    Slo(SloPlan),
    /// The number of connections where throughput stops growing.
    Knee(KneePlan),
    /// The size of a connection pool.
    Pool(PoolPlan),
    /// Connections, descriptors and memory of a fleet of clients.
    Fleet(FleetPlan),
}

/// A service level objective.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Objective {
    /// Percentile, in percent.
    pub p: f64,
    /// Its highest acceptable value, in µs.
    pub us: f64,
    /// Highest acceptable share of errors and timeouts.
    pub error_share: f64,
}

/// Rates tried against an objective.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SloPlan {
    /// What had to hold.
    pub objective: Objective,
    /// Highest rate confirmed to hold, requests per second; `None` if none held.
    pub rate: Option<f64>,
    /// Lowest rate confirmed not to hold; `None` if all held.
    pub upper_rate: Option<f64>,
    /// Every trial, in the order made.
    pub trials: Vec<SloTrial>,
}

/// One trial at one rate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SloTrial {
    /// Offered, requests per second.
    pub rate: f64,
    /// Achieved, replies per second.
    pub achieved_rate: f64,
    /// Length in seconds.
    pub duration_s: f64,
    /// Share of requests above the objective.
    pub over_share: f64,
    /// Whether the objective held.
    pub holds: bool,
}

/// Throughput against connections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KneePlan {
    /// Connections at the knee.
    pub connections: u64,
    /// The fitted law.
    pub usl: Usl,
    /// The measured points.
    pub points: Vec<KneePoint>,
}

/// Universal scalability law: X(N) = λN / (1 + σ(N − 1) + κN(N − 1)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usl {
    /// Rate of one connection, requests per second.
    pub lambda: f64,
    /// Contention.
    pub sigma: f64,
    /// Coherence.
    pub kappa: f64,
    /// Connections at the highest throughput; `None` without retrograde part.
    pub n_max: Option<f64>,
}

/// A measured point of the throughput curve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KneePoint {
    /// Connections.
    pub connections: u64,
    /// Replies per second.
    pub rate: f64,
    /// p99 response time in µs, if supported.
    pub p99_us: Option<f64>,
}

/// A pool size and the runs that verified it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolPlan {
    /// Recommended `maxTotal`.
    pub size: u64,
    /// Recommended `minIdle`.
    pub min_idle: u64,
    /// p99 of the wait for a connection at that size, in µs.
    pub wait_p99_us: Option<f64>,
    /// What was measured at and around it.
    pub verified: Vec<PoolTrial>,
}

/// A measured pool size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolTrial {
    /// Connections in the pool.
    pub size: u64,
    /// p99 of the wait for a connection, in µs.
    pub wait_p99_us: Option<f64>,
    /// Whether the objective held.
    pub holds: bool,
}

/// What a fleet of clients needs from one server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FleetPlan {
    /// Connections at the worst moment.
    pub need: u64,
    /// `maxclients` to set.
    pub maxclients: u64,
    /// `ulimit -n` to set.
    pub nofile: u64,
    /// Memory of the connections in bytes.
    pub memory_bytes: u64,
    /// The limit that is hit first as things stand.
    pub first_limit: Option<String>,
}
