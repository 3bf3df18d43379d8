//! What the program prints: results on stdout, notes and progress on stderr.
//!
//! The only place of this crate that prints. Invariant: a reader that closes the pipe ends the output, not the program.

pub mod compat;
pub mod live;
pub mod progress;
pub mod selftest;
pub mod table;
pub mod verdict;
pub mod wrap;

use std::io::Write as _;

/// A result, on stdout.
pub fn result(text: &str) {
    // A closed pipe (`| head`) is the reader's way to say that it has enough.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A result that people read, on stdout: folded to the terminal's width, if it is one.
pub fn text(text: &str) {
    let stdout = std::io::stdout();
    match crate::sys::columns(&stdout) {
        Some(columns) => result(&wrap::folded(text, columns)),
        None => result(text),
    }
}

/// Something that is no result, on stderr.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Text that draws over itself, on stderr.
fn raw(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// A failure's one line, on stderr.
pub fn failure(text: &str) {
    note(&format!("loadgen: {text}"));
}
