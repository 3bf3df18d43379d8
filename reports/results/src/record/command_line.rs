//! The command line in a record, without passwords.
//!
//! Invariant: there is no way to make one that holds a password: words are masked when they come from a program and when they
//! come from a file.

use crate::text::secret;
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// A command line, word by word, with its passwords masked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// These words, masked.
    #[must_use]
    pub fn new(words: &[String]) -> Self {
        Self(secret::command_line(words))
    }
}

impl From<Vec<String>> for CommandLine {
    fn from(words: Vec<String>) -> Self {
        Self::new(&words)
    }
}

impl<const N: usize> From<[String; N]> for CommandLine {
    fn from(words: [String; N]) -> Self {
        Self::new(&words)
    }
}

impl From<CommandLine> for Vec<String> {
    fn from(line: CommandLine) -> Self {
        line.0
    }
}

impl Deref for CommandLine {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_from_a_file_is_masked_too() {
        let line: CommandLine = serde_json::from_str(r#"["run","-a","s3cr3t"]"#).expect("reads");
        assert_eq!(serde_json::to_string(&line).expect("writes"), r#"["run","-a","***"]"#);
    }
}
