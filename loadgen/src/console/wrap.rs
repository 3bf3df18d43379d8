//! Long lines folded at words, for people at a terminal.
//!
//! Pure. Invariant: only spaces between words become line ends; a word that is wider than the page stays whole, and so does the
//! row of a table.

/// How much further in a folded line goes on.
const HANG: usize = 4;
/// Narrower pages are left to the terminal.
const WIDTH_MIN: usize = 40;

/// `text` with every line folded to `width` columns.
#[must_use]
pub fn folded(text: &str, width: usize) -> String {
    if width < WIDTH_MIN {
        return text.to_owned();
    }
    text.lines().map(|line| fold(line, width)).collect::<Vec<_>>().join("\n")
}

fn fold(line: &str, width: usize) -> String {
    // Several gaps inside a line are a table's: its columns mean something only where they stand.
    let is_row = line.trim_start().matches("  ").count() > 1;
    if line.chars().count() <= width || is_row {
        return line.to_owned();
    }
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let hang = " ".repeat(indent + HANG);
    let mut out = " ".repeat(indent);
    let mut column = indent;
    let mut is_first = true;
    for word in line.split_whitespace() {
        let length = word.chars().count();
        if !is_first && column + 1 + length > width {
            out.push('\n');
            out.push_str(&hang);
            column = hang.len();
        } else if !is_first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        is_first = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_fold_at_words_and_short_ones_stay() {
        let text = "caveat x: one two three four five six seven eight nine ten\n  short   line";
        let want =
            "caveat x: one two three four five six\n    seven eight nine ten\n  short   line";
        assert_eq!(folded(text, 40), want);
        let row = format!("  GET   {}", "1us  ".repeat(20));
        assert_eq!(folded(&row, 40), row, "a table's row");
        assert!(folded("  holds  one two three four five six seven eight", 40).contains('\n'));
        let word = "y".repeat(100);
        assert_eq!(folded(&word, 80), word);
        assert_eq!(folded(text, 10), text, "left to the terminal");
    }
}
