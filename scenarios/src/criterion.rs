//! Claims and their criteria: the figure, its reference, and the bounds.
//!
//! A criterion is data: `measure` and `against` are paths to measured figures
//! (`keys.victims.response.p99.5`). They are judged as a value, a ratio or a difference. The lab
//! supplies the figures. Invariant: a missing figure, or an interval that contains a bound, never
//! confirms and never refutes a claim.

pub use crate::dimension::Dimension;
pub use crate::quantity::{
    CONNECTION_COUNTS, COUNTS, Metric, POOL_COUNTS, ProcessField, Quantity, SpanStat, StallCause,
    Stat, Subject, TraceField, TracePart, Window,
};

/// A statement of the articles, and the criteria that decide it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The ID, such as `A13`.
    pub id: String,
    /// The statement.
    pub text: String,
    /// The article's own figure, in words; empty if it has none.
    pub article: String,
    /// Whether the claim is about Redis itself, such as a default; the verdict on the bundled server, which
    /// imitates Redis, then has a note.
    pub of_redis: bool,
    /// Requirements of the experiment: if one does not hold, the claim is inconclusive.
    pub requires: Vec<Criterion>,
    /// If all of these hold, the claim is confirmed; if one fails, it is refuted.
    pub holds: Vec<Criterion>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// The statement that is true if the criterion holds.
    pub says: String,
    /// The figure to judge.
    pub measure: Quantity,
    /// The reference to compare with; `None` judges the figure itself.
    pub against: Option<Reference>,
    /// How to compare them.
    pub compare: Compare,
    /// Lowest accepted value, in base units (seconds, bytes, counts, a plain ratio).
    pub min: Option<f64>,
    /// Highest accepted value.
    pub max: Option<f64>,
    /// The criterion also holds if the two figures differ by at most this (base units of `measure`).
    pub slack: f64,
    /// What a plain number counts: `events`; `%` shows a share in percent. May be empty.
    pub unit: String,
}

/// The reference of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// Another measured figure.
    Quantity(Quantity),
    /// A number from the article, in base units.
    Figure(f64),
}

/// How to compare a figure with its reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// The figure itself.
    Value,
    /// Figure divided by reference.
    Ratio,
    /// Figure minus reference.
    Difference,
}

impl Compare {
    /// All ways to compare.
    pub const ALL: [Self; 3] = [Self::Value, Self::Ratio, Self::Difference];

    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Ratio => "ratio",
            Self::Difference => "difference",
        }
    }
}
