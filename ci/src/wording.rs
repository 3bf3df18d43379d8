//! Rules about texts for people: words to avoid, and the length of lines.

use crate::hygiene::{Violation, contains_word};

/// Longest line of Markdown, in characters.
pub const COLUMNS_MAX: usize = 100;

/// Words that are not plain, in lower case, each with what to write instead.
const AVOID: &[(&str, &str)] = &[
    ("nobody", "name the actor"),
    ("somebody", "name the actor"),
    ("whoever", "name the actor"),
    ("doubt", "caveat or warning"),
    ("doubts", "caveats or warnings"),
    ("spoilt", "wrong or invalid"),
    ("meanwhile", "during X, or while X runs"),
    ("a processor", "a CPU or a core"),
    ("processors", "CPUs or cores"),
];

/// The words to avoid in a text, in any case. A word pair may be spread over two lines.
#[must_use]
pub fn words_to_avoid(path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut lines = (1..).zip(text.lines()).peekable();
    while let Some((line, here)) = lines.next() {
        let below = lines.peek().map_or("", |(_, below)| prose(below));
        let next_word = below.split_whitespace().next().unwrap_or_default();
        let (here, both) = (here.to_lowercase(), format!("{here} {next_word}").to_lowercase());
        for (word, instead) in AVOID {
            let is_here = contains_word(&here, word);
            if is_here || (word.contains(' ') && contains_word(&both, word)) {
                let message = format!("`{word}`: write {instead}");
                found.push(Violation { path: path.to_owned(), line, message });
            }
        }
    }
    found
}

/// The line without the mark of a comment or a list.
fn prose(line: &str) -> &str {
    line.trim_start().trim_start_matches(['/', '!', '-', '>', '#']).trim_start()
}

/// The comments of a Rust source, each in its line; all other lines are empty.
#[must_use]
pub fn comments(source: &str) -> String {
    let comment = |line: &str| {
        if line.trim_start().starts_with("//") { format!("{line}\n") } else { "\n".to_owned() }
    };
    source.lines().map(comment).collect()
}

/// Lines of Markdown with more than [`COLUMNS_MAX`] characters. Tables, code blocks and lines with a
/// link are exempt.
#[must_use]
pub fn long_lines(path: &str, text: &str) -> Vec<Violation> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let start = content.trim_start();
        if start.starts_with("```") {
            is_code = !is_code;
        }
        let is_exempt =
            is_code || start.starts_with('|') || content.contains("](") || content.contains("://");
        let columns = content.chars().count();
        if columns > COLUMNS_MAX && !is_exempt {
            let message = format!("{columns} columns, {COLUMNS_MAX} allowed: wrap the line");
            found.push(Violation { path: path.to_owned(), line, message });
        }
    }
    found
}
