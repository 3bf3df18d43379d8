//! Documents name files that exist, and the README's commands are the ones CI runs.

use std::fs;

const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

#[test]
fn relative_links_lead_somewhere() {
    let root = super::root();
    let mut documents: Vec<_> = DOCUMENTS.iter().map(|name| root.join(name)).collect();
    for entry in fs::read_dir(root.join("docs")).expect("docs/") {
        documents.push(entry.expect("an entry of docs/").path());
    }
    let mut broken = Vec::new();
    for document in documents.iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(document).expect("a document");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            let is_relative = !target.is_empty() && !target.contains("://");
            let folder = document.parent().expect("a folder");
            if is_relative && !folder.join(target).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn ci_runs_the_commands_of_the_readme() {
    let root = super::root();
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md");
    let script = fs::read_to_string(root.join(".ci/run")).expect(".ci/run");
    for command in
        ["cargo test --workspace", "cargo run --release --bin loadgen -- scenario run keys-vs-scan"]
    {
        assert!(readme.contains(command), "README.md does not name `{command}`");
        assert!(script.contains(command), ".ci/run does not run `{command}`");
    }
}
