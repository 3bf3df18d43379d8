//! Reads the cases of the transcript test from `tests/transcripts/*.txt`; README.md there explains them.

use std::collections::BTreeSet;
use std::path::Path;

/// One case: its name, and its lines without comments.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
}

/// All cases, by file name and then in the order of the file.
///
/// # Panics
/// If a file breaks a rule: it must have a case, each case a line, and each name must be unique.
pub(crate) fn read() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let entries = std::fs::read_dir(&folder).expect("the folder of transcripts");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    let mut cases = Vec::new();
    for path in &files {
        let text = std::fs::read_to_string(path).expect("a file of transcripts");
        cases
            .extend(parse(&text).unwrap_or_else(|problem| panic!("{}: {problem}", path.display())));
    }
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "two cases have the same name");
    cases
}

fn parse(text: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match (line.strip_prefix("== "), cases.last_mut()) {
            (Some(name), _) => cases.push(Case { name: name.to_owned(), lines: Vec::new() }),
            (None, Some(case)) => case.lines.push(line.to_owned()),
            (None, None) => return Err(format!("'{line}' comes before the first case")),
        }
    }
    match cases.iter().find(|case| case.lines.is_empty()) {
        Some(case) => Err(format!("case '{}' is empty", case.name)),
        None if cases.is_empty() => Err("there is no case".into()),
        None => Ok(cases),
    }
}

#[test]
fn files_are_read_by_their_rules() {
    let cases =
        parse("# text\n\n== one\n  GET k  \n# more\n== two words\nSET k v\n").expect("good");
    let shown: Vec<(&str, &[String])> =
        cases.iter().map(|case| (case.name.as_str(), case.lines.as_slice())).collect();
    assert_eq!(
        shown,
        [("one", &["GET k".to_owned()][..]), ("two words", &["SET k v".to_owned()][..])]
    );
    for bad in ["", "# text", "GET k\n== late", "== empty\n== full\nGET k"] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}
