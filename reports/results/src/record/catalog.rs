//! Many scenarios on one or several servers: the verdict of each claim. Plain data.

use crate::record::Claim;
use serde::{Deserialize, Serialize};

/// The outcome of many scenarios.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Catalog {
    /// The size they were run at, e.g. `smoke`.
    pub scale: String,
    /// The servers, in the order of their columns.
    pub servers: Vec<String>,
    /// Each scenario on each server, in the order they were run.
    pub runs: Vec<CatalogRun>,
}

/// One scenario on one server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CatalogRun {
    /// The scenario's name.
    pub scenario: String,
    /// One of [`Catalog::servers`].
    pub server: String,
    /// What the server calls itself, with its version; empty if nothing was run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// Its folder, relative to the whole's; empty if nothing was run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dir: String,
    /// Arms that were left out, and why it ended early, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Its claims, judged; if nothing was run, as they would have been.
    pub claims: Vec<Claim>,
}
