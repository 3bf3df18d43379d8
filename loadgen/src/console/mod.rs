//! What the program prints: results on stdout, notes and progress on stderr.
//!
//! The only place of this crate that prints. Invariant: a reader that closes the pipe ends the output, not the program.

mod columns;
pub mod comparison;
pub mod compat;
pub mod figures;
pub mod lines;
pub mod live;
pub mod progress;
pub mod selftest;
pub mod table;
pub mod verdict;
pub mod wrap;

use aelab_engine::error::Failure;
use aelab_results::text::secret;
use std::borrow::Cow;
use std::io::{self, Write as _};

/// A result that is elsewhere, too (in a folder), on stdout.
pub fn result(text: &str) {
    let _ = print(text);
}

/// A result, on stdout.
///
/// # Errors
/// It could not be written, as on a full disk. A closed pipe (`| head`) is no error but the reader's way to say that it has
/// enough.
pub fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// How many columns stdout has, if it is a terminal.
pub fn page() -> Option<usize> {
    aelab_engine::sys::columns(&io::stdout())
}

/// A text for stdout: folded to the terminal's width, if it is one.
pub fn folded(text: &str) -> Cow<'_, str> {
    match page() {
        Some(columns) => Cow::Owned(wrap::folded(text, columns)),
        None => Cow::Borrowed(text),
    }
}

/// A result that people read, on stdout.
pub fn text(text: &str) {
    result(&folded(text));
}

/// Several lines that are no result, on stderr: folded to the terminal's width, if it is one.
pub fn notes(text: &str) {
    match aelab_engine::sys::columns(&io::stderr()) {
        Some(columns) => note(&wrap::folded(text, columns)),
        None => note(text),
    }
}

/// Something that is no result, on stderr. It may quote what was typed, so logins in URLs are masked.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", secret::in_text(text));
}

/// Text that draws over itself, on stderr.
fn raw(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// A failure's one line, on stderr: its id, then what, where and what to do. A terminal folds it at words.
pub fn failure(failure: &Failure) {
    notes(&format!("loadgen: error[{}]: {}", failure.id, failure.message));
}
