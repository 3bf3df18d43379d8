//! Limits that the user stated for a run, and whether they hold. Plain data; `stated_limits` judges them.

use crate::text::number::{duration, percent, rate};
use serde::{Deserialize, Serialize};

/// A limit and its outcome.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatedLimit {
    /// The flag without its dashes: `max-p99.9`, `max-error-rate`, `min-rate`.
    pub name: String,
    /// The group whose time is limited; empty for a figure of the whole run.
    pub group: String,
    /// The figure that is limited: `response time`, `service time`, `error rate`, `rate`.
    pub figure: String,
    /// The limit, in `unit`.
    pub limit: f64,
    /// What was measured, in `unit`; `None` if the sample cannot give it.
    pub value: Option<f64>,
    /// Of both.
    pub unit: LimitUnit,
    /// Whether the limit holds.
    pub outcome: LimitOutcome,
    /// Why it is undecided; else empty.
    pub why: String,
}

/// The unit of a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitUnit {
    /// Microseconds.
    #[default]
    #[serde(rename = "us")]
    Micros,
    /// A share of one.
    #[serde(rename = "share")]
    Share,
    /// Per second.
    #[serde(rename = "1/s")]
    PerSecond,
}

impl LimitUnit {
    /// A figure in this unit as text.
    #[must_use]
    pub fn in_words(self, value: f64) -> String {
        match self {
            Self::Micros => duration(value),
            Self::Share => percent(value),
            Self::PerSecond => rate(value),
        }
    }

    /// A figure in this unit with all its digits.
    fn exactly(self, value: f64) -> String {
        match self {
            Self::Micros => format!("{value} µs"),
            Self::Share => format!("{} %", value * 100.0),
            Self::PerSecond => format!("{value}/s"),
        }
    }
}

/// Whether a limit holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitOutcome {
    /// It does.
    #[default]
    Holds,
    /// It does not.
    Exceeded,
    /// The run cannot decide it.
    Undecided,
}

impl LimitOutcome {
    /// The word on a terminal and on pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "pass",
            Self::Exceeded => "FAIL",
            Self::Undecided => "open",
        }
    }
}

impl StatedLimit {
    /// The figure that is limited: `p99 of the response time`, `error rate`.
    #[must_use]
    pub fn about(&self) -> String {
        match self.name.strip_prefix("max-p") {
            Some(p) => format!("p{p} of the {}", self.figure),
            None => self.figure.clone(),
        }
    }

    /// What was measured and the limit, as text; with all digits where three would make them look equal.
    #[must_use]
    pub fn figures(&self) -> (Option<String>, String) {
        let limit = self.unit.in_words(self.limit);
        let Some(value) = self.value else { return (None, limit) };
        let words = self.unit.in_words(value);
        match words == limit && value != self.limit {
            true => (Some(self.unit.exactly(value)), self.unit.exactly(self.limit)),
            false => (Some(words), limit),
        }
    }

    /// Limit and measurement in one sentence, without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let group = match self.group.as_str() {
            "" => String::new(),
            group => format!("{group}: "),
        };
        let (value, limit) = self.figures();
        let (about, flag) = (self.about(), format!("--{} {limit}", self.name));
        let value = value.unwrap_or_else(|| "unknown".to_owned());
        let is_floor = self.name.starts_with("min");
        let relation = match self.outcome {
            LimitOutcome::Holds => "within",
            LimitOutcome::Exceeded if is_floor => "below",
            LimitOutcome::Exceeded => "above",
            LimitOutcome::Undecided => {
                return format!("{group}{about} is {value}, so {flag} is undecided: {}", self.why);
            }
        };
        let why = if self.why.is_empty() { String::new() } else { format!(" ({})", self.why) };
        format!("{group}{about} is {value}{why}, {relation} {flag}")
    }
}
