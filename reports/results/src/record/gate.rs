//! The outcome of a gate: is B slower than A? Plain data; the decision is made elsewhere.

use serde::{Deserialize, Serialize};

/// A comparison of two arms over blocks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gate {
    /// The decision over all gating metrics.
    pub verdict: GateVerdict,
    /// Blocks that were used.
    pub blocks: u64,
    /// Blocks that were measured and thrown away as invalid.
    pub dropped_blocks: u64,
    /// The metrics, gating ones first.
    pub metrics: Vec<GateMetric>,
}

/// One metric of a comparison; ratios are B over A.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GateMetric {
    /// Scenario it was measured in.
    pub scenario: String,
    /// E.g. `p99`.
    pub name: String,
    /// Estimate of B over A.
    pub ratio: Option<f64>,
    /// Lower end of its interval.
    pub lo: Option<f64>,
    /// Upper end of its interval.
    pub hi: Option<f64>,
    /// Relative change that is still acceptable, 0.05 for 5 %.
    pub tolerance: f64,
    /// Whether it takes part in the decision.
    pub gating: bool,
    /// The decision on this metric.
    pub verdict: GateVerdict,
    /// Blocks that would be needed to tell, where it is inconclusive.
    pub need_blocks: Option<u64>,
}

/// What a gate can decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateVerdict {
    /// Not worse than tolerated.
    Pass,
    /// Worse than tolerated.
    Regression,
    /// Better by more than the tolerance.
    Improvement,
    /// The data cannot tell.
    #[default]
    Inconclusive,
    /// The data must not be used.
    Invalid,
}

impl GateVerdict {
    /// The word used in files and pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Regression => "regression",
            Self::Improvement => "improvement",
            Self::Inconclusive => "inconclusive",
            Self::Invalid => "invalid",
        }
    }
}
