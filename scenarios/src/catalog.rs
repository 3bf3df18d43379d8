//! The scenarios that come with the program.
//!
//! Embedded, so that the binary needs no files beside it. Invariant: every entry parses at every
//! scale (a test reads them all). A new scenario is a file in `catalog/` and one line here.

use crate::error::ScenarioError;
use crate::model::{Scale, Scenario};
use crate::nearest::nearest;

/// A scenario of the catalogue, not yet read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

/// All scenarios, in the order of `scenario list`.
pub const CATALOG: &[Entry] =
    &[Entry { name: "keys-vs-scan", text: include_str!("../catalog/keys-vs-scan.toml") }];

impl Entry {
    /// Resolves it for a scale.
    ///
    /// # Errors
    /// Only if the embedded file is broken, which a test rules out.
    pub fn resolve(&self, scale: Scale) -> Result<Scenario, ScenarioError> {
        Scenario::parse(self.name, &format!("{}.toml", self.name), self.text, scale)
    }
}

/// The scenario of that name, or an error text that names the nearest one.
///
/// # Errors
/// When there is none of that name.
pub fn find(name: &str) -> Result<Entry, String> {
    if let Some(entry) = CATALOG.iter().find(|entry| entry.name == name) {
        return Ok(*entry);
    }
    let hint = match nearest(name, CATALOG.iter().map(|entry| entry.name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`loadgen scenario list` shows all".to_owned(),
    };
    Err(format!("no scenario is called `{name}`; {hint}"))
}
