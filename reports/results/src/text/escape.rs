//! Texts from outside, fit for a terminal: on one line, and nothing in them moves the cursor.
//!
//! Pure. Invariant: what is printable stays as it came.

use std::borrow::Cow;

/// What a server said, with its control characters escaped.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().collect() } else { vec![c] };
    Cow::Owned(text.chars().flat_map(escaped).collect())
}

/// A word as a shell would need it.
#[must_use]
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_is_escaped() {
        assert_eq!(shown("ERR \u{1b}[31mré\u{7}d\r\nx"), "ERR \\u{1b}[31mré\\u{7}d\\r\\nx");
    }

    #[test]
    fn a_shell_reads_a_word_as_it_was() {
        assert_eq!(quoted("key:1"), "key:1");
        assert_eq!(quoted("it's {tag}"), "'it'\\''s {tag}'");
        assert_eq!(quoted(""), "''");
    }
}
