//! Errors of scenario files: file, line, column, what is wrong, what to do.
//!
//! Invariant: `Display` is one line. Messages of the TOML parser are rewritten here, because they
//! span several lines and do not suggest a name. Read next: [`crate::resolve`].

use aelab_units::nearest;
use std::fmt;
use std::ops::Range;

/// An error in a scenario file, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file name as the user typed it.
    pub file: String,
    /// Line, from one.
    pub line: usize,
    /// Column in characters, from one.
    pub column: usize,
    /// What is wrong and what to do, in one line.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl std::error::Error for ScenarioError {}

/// A file's name and text, to convert byte positions into lines and columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// An error at a byte position of the file.
    pub(crate) fn error(&self, span: &Range<usize>, message: impl Into<String>) -> ScenarioError {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        ScenarioError {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        }
    }

    /// An error of the TOML parser, in one line and with the nearest known key.
    pub(crate) fn toml_error(&self, error: &toml::de::Error) -> ScenarioError {
        self.error(&error.span().unwrap_or(0..0), reword(error.message()))
    }
}

/// Converts "unknown field `x`, expected one of `a`, `b`" into a suggestion, and puts other messages
/// on one line.
fn reword(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let kind = if message.starts_with("unknown field") { "key" } else { "value" };
    if let Some(field) = message.strip_prefix("missing field ") {
        return format!("key {field} is missing: add it");
    }
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return message.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let Some((typed, known)) = quoted.split_first() else { return message.to_owned() };
    unknown(kind, typed, known)
}

/// "unknown KIND `typed`", with the nearest known name, or all names if none is near.
pub(crate) fn unknown(kind: &str, typed: &str, known: &[&str]) -> String {
    match nearest(typed, known.iter().copied()) {
        Some(name) => format!("unknown {kind} `{typed}`; did you mean `{name}`?"),
        None => format!("unknown {kind} `{typed}`; known: {}", known.join(", ")),
    }
}
