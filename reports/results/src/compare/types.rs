//! A comparison as plain data: `compare.json`. Formats nothing.

use serde::{Deserialize, Serialize};

/// The comparison of two folders.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Comparison {
    /// Version of this layout: 1.
    pub schema: u32,
    /// The first folder.
    pub a: Side,
    /// The second folder; ratios are B over A.
    pub b: Side,
    /// Each group that both have, arm by arm.
    pub pairs: Vec<Pair>,
    /// Arms and groups that only one side has: `a: arms/keys`.
    pub unpaired: Vec<String>,
    /// Settings, machine, server and load, where they differ.
    pub setup: Vec<SetupRow>,
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// One of the two folders.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Side {
    /// Its path, as given.
    pub dir: String,
    /// What the user calls it; may be empty.
    pub title: String,
    /// Start of the measurement, UTC.
    pub started_at: String,
    /// Ids of caveats by which it must not be used.
    pub invalid: Vec<String>,
}

/// A group of both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pair {
    /// The arm; empty in a plain run.
    pub arm: String,
    /// The group.
    pub group: String,
    /// Which time the percentiles are of: `response time` or `service time`.
    pub time: String,
    /// Repetitions of A and of B.
    pub repetitions: [usize; 2],
    /// The metrics.
    pub metrics: Vec<MetricRatio>,
    /// B over A at matched quantiles of all repetitions together.
    pub shift: Vec<ShiftPoint>,
}

impl Pair {
    /// Arm and group as text.
    #[must_use]
    pub fn place(&self) -> String {
        match self.arm.as_str() {
            "" => self.group.clone(),
            arm => format!("{arm}, {}", self.group),
        }
    }
}

/// One metric of a pair.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricRatio {
    /// `p50`, `p99.9`, `rate`, `errors`.
    pub name: String,
    /// `us`, `1/s` or `share`.
    pub unit: String,
    /// The value of A; the geometric mean of its repetitions.
    pub a: Option<f64>,
    /// The value of B, likewise.
    pub b: Option<f64>,
    /// B over A.
    pub ratio: Option<f64>,
    /// Lower end of its 95 % interval.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
    /// Where the interval comes from.
    pub basis: Basis,
    /// Why there is no ratio or no interval; else empty.
    pub why: String,
}

/// Where an interval comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// From repetitions on both sides.
    Repetitions,
    /// From the course of one run each.
    WithinRun,
    /// There is no interval.
    #[default]
    None,
}

/// One quantile of the shift function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShiftPoint {
    /// In percent.
    pub p: f64,
    /// The value of A in µs.
    pub a_us: f64,
    /// The value of B in µs.
    pub b_us: f64,
    /// B over A.
    pub ratio: f64,
    /// Lower end of its interval within the runs, if they are long enough for one.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
}

/// Something in which the two setups differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetupRow {
    /// `environment`, `server`, `server setting`, `load` or `program`.
    pub area: String,
    /// What it is.
    pub name: String,
    /// In A; empty if it has none.
    pub a: String,
    /// In B.
    pub b: String,
}
