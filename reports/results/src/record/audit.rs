//! What the load generator measured about itself and its machine. Plain data; times are in µs or ms as the names say.
//!
//! Caveats are derived from it. It is recorded for every run, with caveats or without.

use crate::record::Quantiles;
use serde::{Deserialize, Serialize};

/// The load generator's measurements of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audit {
    /// How a thread waited for the next due request: `timerfd`, `precise` or `spin`; `auto` is recorded as what it came to.
    pub pacing: String,
    /// One per engine thread.
    pub threads: Vec<ThreadAudit>,
    /// Wake-up lag: how late the engine noticed that requests of an open loop were due. Caused by the engine or its machine; it
    /// does not include waiting for a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_lag: Option<Quantiles>,
    /// Approximate share of the measured waiting time that the wake-up lag explains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_share: Option<f64>,
    /// Gaps in a loop that only reads the clock, before the run, on the worst of the engine's cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaps: Option<Gaps>,
    /// What the machine did while measuring.
    pub machine: Machine,
    /// How the warm-up ended, if it was automatic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Warmup>,
}

/// One engine thread while measuring.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThreadAudit {
    /// Share of one core that it used.
    pub cpu_share: f64,
    /// Share of the time in which it waited for a due time by spinning: part of `cpu_share`, and no load.
    pub spun_share: f64,
    /// Share of the time in which it was ready to run and had no CPU; `None` if the kernel does not say.
    pub queued_share: Option<f64>,
    /// Involuntary context switches.
    pub involuntary_switches: Option<u64>,
    /// The longest time between a wake-up it had planned and the real one, in µs, warm-up included.
    pub late_max_us: f64,
    /// The core it was pinned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u64>,
    /// How long before each due time it stopped sleeping, in µs, with precise pacing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin_us: Option<f64>,
}

/// Gaps in a loop that only reads the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gaps {
    /// How long the loop ran, in ms.
    pub length_ms: f64,
    /// The longest gap, in µs.
    pub max_us: f64,
    /// 99 % of the gaps were no longer, in µs.
    pub p99_us: f64,
    /// Share of the time in gaps of 10 µs or more.
    pub lost_share: f64,
}

/// What the machine did while measuring. What could not be found out stays `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Share of its CPU time that the hypervisor gave to others.
    pub steal_share: Option<f64>,
    /// How often the CPU quota of our control group had run out.
    pub throttled_count: Option<u64>,
    /// For how long in all, in ms.
    pub throttled_ms: Option<f64>,
    /// How far the wall clock moved against the monotonic one, in ms.
    pub clock_step_ms: Option<f64>,
    /// Lowest frequency seen on our cores, in MHz.
    pub mhz_min: Option<f64>,
    /// Highest.
    pub mhz_max: Option<f64>,
}

/// An automatic warm-up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Warmup {
    /// How long it took, in seconds.
    pub length_s: f64,
    /// Whether the server reached a steady state; if not, the measurement began anyway.
    pub settled: bool,
    /// What still changed at its end.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub moving: String,
}
