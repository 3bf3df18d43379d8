//! The outcome of a scenario: its arms and a verdict per claim. Plain data.

use serde::{Deserialize, Serialize};

/// An experiment with arms and claims.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scenario {
    /// Name in the catalog, e.g. `keys-vs-scan`.
    pub name: String,
    /// One line that says what it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The question it answers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub question: String,
    /// The size it was run at, e.g. `smoke`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scale: String,
    /// The things compared, in the order they are shown.
    pub arms: Vec<Arm>,
    /// What the scenario set out to test.
    pub claims: Vec<Claim>,
}

/// One of the things compared; its own record lies in `dir`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Arm {
    /// Short name, unique in the scenario.
    pub name: String,
    /// Folder relative to the scenario's, `arms/NAME`.
    pub dir: String,
    /// What sets this arm apart, one line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// A statement put to the test.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// Its number, e.g. `A13`.
    pub id: String,
    /// The statement.
    pub text: String,
    /// The article's own figure, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub article: String,
    /// The one number that decides, with its interval, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// Within which bounds that number had to be, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wanted: String,
    /// What that number is about, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub decided_by: String,
    /// What must be known about the verdict, such as whose behaviour was measured.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Why it could not be judged on this server at all; empty if it was.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub left_out: String,
    /// Its criteria one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ClaimPart>,
    /// What would confirm it.
    pub expected: String,
    /// What was found.
    pub measured: String,
    /// The outcome.
    pub verdict: ClaimVerdict,
}

/// One criterion of a claim, in words for people.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimPart {
    /// What it means if it holds.
    pub says: String,
    /// Within which bounds the number had to be.
    pub wanted: String,
    /// The number with its unit and interval.
    pub number: String,
    /// `holds`, `fails` or `open`.
    pub outcome: String,
    /// Why it is open; else empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// The outcome of a claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimVerdict {
    /// The criterion was met.
    Confirmed,
    /// It was clearly not met.
    Refuted,
    /// The measurement cannot tell.
    #[default]
    Inconclusive,
}

impl ClaimVerdict {
    /// The word used in files and pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Inconclusive => "inconclusive",
        }
    }
}
