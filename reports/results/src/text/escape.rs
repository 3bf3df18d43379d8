//! Escaping of text from outside: control characters for a terminal, words for a shell.
//!
//! Pure. Invariant: printable characters are unchanged, and the result is one line.

use std::borrow::Cow;

/// The text with its control characters escaped, so that a reply cannot move the cursor or add lines.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if c.is_control() { c.escape_default().collect() } else { vec![c] };
    Cow::Owned(text.chars().flat_map(escape).collect())
}

/// The word as it must be typed in a shell.
#[must_use]
pub fn shell_quoted(word: &str) -> String {
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
    fn control_characters_are_escaped() {
        assert_eq!(escaped("ERR \u{1b}[31mré\u{7}d\r\nx"), "ERR \\u{1b}[31mré\\u{7}d\\r\\nx");
    }

    #[test]
    fn a_shell_reads_the_same_word() {
        assert_eq!(shell_quoted("key:1"), "key:1");
        assert_eq!(shell_quoted("it's {tag}"), "'it'\\''s {tag}'");
        assert_eq!(shell_quoted(""), "''");
    }
}
