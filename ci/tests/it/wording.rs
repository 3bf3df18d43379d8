//! Texts for users are in plain words, and Markdown wraps.

use std::fs;

use aelab_ci::hygiene;
use aelab_ci::wording::{comments, long_lines, words_to_avoid};

/// Every Markdown file of the root and of `docs/`: its path and its text.
fn documents() -> Vec<(String, String)> {
    let root = super::root();
    let mut found = Vec::new();
    for folder in ["", "docs/"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                let path = format!("{folder}{name}");
                let text = fs::read_to_string(root.join(&path)).expect("a document");
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 5, "only {} documents found", found.len());
    found
}

fn assert_none(found: &[hygiene::Violation]) {
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} places:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn texts_for_users_use_plain_words() {
    let mut found = Vec::new();
    for (path, text) in documents() {
        found.extend(words_to_avoid(&path, &text));
    }
    // The comments of these files are the texts of `--help`.
    let help = hygiene::sources_below(&super::root(), "loadgen/src/cli").expect("the sources");
    for source in &help {
        found.extend(words_to_avoid(&source.path, &comments(&source.text)));
    }
    assert_none(&found);
}

#[test]
fn markdown_wraps() {
    let documents = documents();
    let found: Vec<_> = documents.iter().flat_map(|(path, text)| long_lines(path, text)).collect();
    assert_none(&found);
}

#[test]
fn words_to_avoid_are_noticed() {
    let lines = |text: &str| -> Vec<usize> {
        words_to_avoid("x.md", text).iter().map(|found| found.line).collect()
    };
    assert_eq!(lines("Nobody waits.\nThe server waits.\nwhoever\n"), [1, 3]);
    assert!(lines("undoubtedly, a coprocessor\n").is_empty());
    assert_eq!(lines("It takes a\nprocessor for itself: a processor.\n"), [1, 2]);
    assert_eq!(lines("/// It takes a\n/// processor.\n"), [1]);
    assert_eq!(comments("//! One\nfn nobody() {}\n    /// Two\n"), "//! One\n\n    /// Two\n");
}

#[test]
fn long_lines_are_noticed() {
    let long = "x".repeat(101);
    let exempt =
        format!("| {long} |\n```\n{long}\n```\n[text](https://x/{long})\n{}\n", "ü".repeat(100));
    assert_eq!(long_lines("x.md", &exempt), []);
    let found: Vec<usize> = long_lines("x.md", &format!("{exempt}{long}\n- {long}\n"))
        .iter()
        .map(|found| found.line)
        .collect();
    assert_eq!(found, [7, 8]);
}
