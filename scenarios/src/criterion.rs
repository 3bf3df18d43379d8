//! Claims and the language of their criteria: which figure, against which, within which bounds.
//!
//! A criterion is data: `measure` and `against` are paths to measured figures
//! (`keys.victims.response.p99.5`), compared as value, ratio or difference. Judging is pure; where
//! figures come from is the lab's business. Invariant: a figure that is missing, or an interval
//! that lies on both sides of a bound, never confirms and never refutes.

pub use crate::dimension::Dimension;
pub use crate::quantity::{
    CONNECTION_COUNTS, COUNTS, Metric, POOL_COUNTS, ProcessField, Quantity, SpanStat, StallCause,
    Stat, Subject, TraceField, TracePart, Window,
};

/// A statement of the articles and what decides it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its number, such as `A13`.
    pub id: String,
    /// The statement.
    pub text: String,
    /// The article's own figure, in words; empty where it gives none.
    pub article: String,
    /// It is about what Redis does by itself, such as a default: on a server that imitates it the verdict says so.
    pub of_redis: bool,
    /// Without these the experiment says nothing: a failure makes the claim inconclusive.
    pub requires: Vec<Criterion>,
    /// All of these hold: confirmed. One does not: refuted.
    pub holds: Vec<Criterion>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// What it means if it holds, in words.
    pub says: String,
    /// The figure that is judged.
    pub measure: Quantity,
    /// What it is compared with; `None` judges the figure itself.
    pub against: Option<Reference>,
    /// How the two are put together.
    pub compare: Compare,
    /// Lowest value that holds, in base units (seconds, bytes, counts, a plain ratio).
    pub min: Option<f64>,
    /// Highest value that holds.
    pub max: Option<f64>,
    /// If the two figures differ by no more than this (base units of `measure`), it holds.
    pub slack: f64,
    /// What a plain number counts, for people: `events`; `%` shows a share in percent. May be empty.
    pub unit: String,
}

/// The other side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// Another measured figure.
    Quantity(Quantity),
    /// A number from the articles, in base units.
    Figure(f64),
}

/// How a figure and its reference become one number.
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
