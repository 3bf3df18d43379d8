//! Rules about the sources, each a function from files to violations.
//!
//! What clippy and rustc can check is in the workspace's lints. This is the rest: which words may
//! stand in which crate, and what a file must be.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Longest source file in lines, tests included. A longer file holds two ideas.
pub const FILE_LINES_MAX: usize = 500;

/// The crates of the workspace, which are also its top-level folders.
pub const CRATES: &[&str] = &["resp", "server", "scenarios", "reports", "ci", "loadgen"];

/// One source file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path from the repository's root, with forward slashes.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Whether the file is a test or a benchmark rather than part of a program.
    #[must_use]
    pub fn is_test(&self) -> bool {
        let lies_in = |part: &&str| self.path.contains(*part);
        // Unit tests in a file of their own have the name of the file or folder they test.
        ["/tests/", "/benches/", "fuzz/"].iter().any(lies_in)
            || self.path.ends_with("_tests.rs")
            || self.name() == "tests.rs"
    }

    /// The file's name without its folders.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The part of the text before its unit tests, where the rules for programs apply.
    #[must_use]
    pub fn program(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap_or(&self.text)
    }

    /// Lines of code with their numbers, comments left out.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.program().lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// A broken rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path from the repository's root.
    pub path: String,
    /// Line number from 1, or 0 for the file as a whole.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Reads every Rust source below the crates' folders.
///
/// # Errors
/// A folder or file cannot be read.
pub fn sources(root: &Path) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    for name in CRATES {
        found.extend(sources_below(root, name)?);
    }
    Ok(found)
}

/// Reads every Rust source below one folder of `root`. Paths count from `root`.
///
/// # Errors
/// A folder or file cannot be read.
pub fn sources_below(root: &Path, folder: &str) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    collect(root, &root.join(folder), &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            collect(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            let text = fs::read_to_string(&path)?;
            found.push(Source { path: relative.to_string_lossy().replace('\\', "/"), text });
        }
    }
    Ok(())
}

/// Every file opens by saying what it is.
#[must_use]
pub fn opens_with_a_description(source: &Source) -> Vec<Violation> {
    if source.text.starts_with("//! ") {
        return Vec::new();
    }
    violation(source, 1, "opens without `//!`: say what the file is, is not, and keeps")
}

/// No file is longer than [`FILE_LINES_MAX`]; the listed files are exempt.
#[must_use]
pub fn is_not_too_long(source: &Source, exempt: &[&str]) -> Vec<Violation> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES_MAX || exempt.contains(&source.path.as_str()) {
        return Vec::new();
    }
    violation(source, 0, &format!("{lines} lines, {FILE_LINES_MAX} allowed: split it"))
}

/// A word may occur only in the allowed files of some crates.
#[derive(Debug, Clone, Copy)]
pub struct Confinement<'a> {
    /// Any of these in a line of code is an occurrence.
    pub words: &'a [&'a str],
    /// Crates the rule speaks about.
    pub crates: &'a [&'a str],
    /// Paths, or bare file names, where the words may stand.
    pub allowed: &'a [&'a str],
    /// Why, and where to go instead.
    pub reason: &'a str,
}

impl Confinement<'_> {
    /// The occurrences outside the allowed files.
    #[must_use]
    pub fn check(&self, source: &Source) -> Vec<Violation> {
        let in_scope = self.crates.iter().any(|name| source.path.starts_with(&format!("{name}/")));
        let is_allowed = self.allowed.iter().any(|a| *a == source.path || *a == source.name());
        if !in_scope || is_allowed || source.is_test() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (line, text) in source.code_lines() {
            if let Some(word) = self.words.iter().find(|word| contains_word(text, word)) {
                let message = format!("`{word}` does not belong here: {}", self.reason);
                found.extend(violation(source, line, &message));
            }
        }
        found
    }
}

/// Whether `word` occurs in `text` and is not a part of a longer identifier.
#[must_use]
pub fn contains_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let continues = |inner: Option<char>, outer: Option<char>| {
        inner.is_some_and(is_part) && outer.is_some_and(is_part)
    };
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !continues(word.chars().next(), before) && !continues(word.chars().next_back(), after)
    })
}

fn violation(source: &Source, line: usize, message: &str) -> Vec<Violation> {
    vec![Violation { path: source.path.clone(), line, message: message.to_owned() }]
}

#[cfg(test)]
mod tests {
    use super::contains_word;

    #[test]
    fn words_are_whole() {
        assert!(contains_word("use mio::Poll;", "mio::"));
        assert!(!contains_word("let mion = 1;", "mio"));
        assert!(!contains_word("permio::Poll", "mio::"));
        assert!(contains_word("static mut X", "static mut"));
        assert!(!contains_word("mio_backend()", "mio"));
    }
}
