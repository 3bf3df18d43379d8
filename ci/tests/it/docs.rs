//! Documents name files that exist, and the commands of the README, of `cargo ci` and of `.ci/run` agree.

use std::fs;

use aelab_ci::checks::CHECKS;
use aelab_ci::hygiene;

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

#[test]
fn ci_runs_the_commands_of_cargo_ci() {
    let script = fs::read_to_string(super::root().join(".ci/run")).expect(".ci/run");
    for check in CHECKS {
        let command = format!("cargo {}", check.arguments);
        let line = script.lines().find(|line| line.ends_with(&command));
        let line = line.unwrap_or_else(|| panic!(".ci/run does not run `{command}`"));
        if let Some((name, value)) = check.variable {
            assert!(line.contains(&format!("{name}=\"{value}\"")), "{line}");
        }
    }
}

/// A filter with the name of a module that is gone would match nothing and say nothing.
#[test]
fn nextest_groups_name_modules_that_exist() {
    let root = super::root();
    let text = fs::read_to_string(root.join(".config/nextest.toml")).expect("the configuration");
    let sources = hygiene::sources(&root).expect("the sources can be read");
    let filters: Vec<&str> = text
        .split("test(/^(")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(")::/)")?.0))
        .collect();
    assert!(!filters.is_empty());
    for module in filters.iter().flat_map(|filter| filter.split('|')) {
        let file = format!("/tests/it/{module}.rs");
        assert!(sources.iter().any(|source| source.path.ends_with(&file)), "no {file}");
    }
}

#[test]
fn contributors_are_told_each_alias() {
    let root = super::root();
    let config = fs::read_to_string(root.join(".cargo/config.toml")).expect("the configuration");
    let guide = fs::read_to_string(root.join("CONTRIBUTING.md")).expect("CONTRIBUTING.md");
    let aliases: Vec<&str> = config
        .lines()
        .skip_while(|line| *line != "[alias]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    assert!(aliases.len() >= 4, "{aliases:?}");
    for alias in aliases {
        assert!(
            guide.contains(&format!("`cargo {alias}")),
            "CONTRIBUTING.md lacks `cargo {alias}`"
        );
    }
}
