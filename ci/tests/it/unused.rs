//! Each dependency is named in the sources of the crate that declares it.

use std::collections::BTreeSet;
use std::path::Path;

use aelab_ci::hygiene::{self, Source};
use cargo_metadata::{Dependency, DependencyKind, MetadataCommand, Package};

/// Dependencies that no source names: the crate, the dependency, and why it is there.
const NOT_NAMED: &[(&str, &str, &str)] =
    &[("aelab-ci", "aelab-ci", "switches a feature on for its own tests")];

#[test]
fn every_dependency_is_used() {
    let root = super::root();
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let mut unused = Vec::new();
    let mut declared = BTreeSet::new();
    for package in metadata.workspace_packages() {
        let sources = sources(package);
        for dependency in &package.dependencies {
            declared.insert(dependency.name.clone());
            if !is_exempt(package, dependency) && !is_named(dependency, &sources) {
                unused.push(format!("{}: {} is not used", package.name, dependency.name));
            }
        }
    }
    for name in shared_dependencies(&root) {
        if !declared.contains(&name) {
            unused.push(format!("Cargo.toml: no crate uses {name}"));
        }
    }
    assert_eq!(unused, Vec::<String>::new());
}

/// The sources of a package, without those of the packages in folders below it.
fn sources(package: &Package) -> Vec<Source> {
    let folder = package.manifest_path.parent().expect("a folder").as_std_path();
    let mut sources = Vec::new();
    for name in ["src", "tests", "benches", "examples"] {
        if folder.join(name).is_dir() {
            sources.extend(hygiene::sources_below(folder, name).expect("sources"));
        }
    }
    sources
}

fn is_exempt(package: &Package, dependency: &Dependency) -> bool {
    NOT_NAMED.iter().any(|(name, on, _)| package.name.as_str() == *name && dependency.name == *on)
}

/// Whether the code that a dependency is for names it: `src/` for a normal one, any file for a
/// development one.
fn is_named(dependency: &Dependency, sources: &[Source]) -> bool {
    let name = dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_");
    let counts = |source: &&Source| {
        dependency.kind == DependencyKind::Development || source.path.starts_with("src/")
    };
    sources.iter().filter(counts).any(|source| {
        source
            .text
            .lines()
            .any(|line| !line.trim_start().starts_with("//") && hygiene::contains_word(line, &name))
    })
}

/// The names in `[workspace.dependencies]`.
fn shared_dependencies(root: &Path) -> Vec<String> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml");
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()))
        .collect()
}

#[test]
fn an_unused_dependency_is_noticed() {
    let metadata = MetadataCommand::new()
        .manifest_path(super::root().join("ci/Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let packages = metadata.workspace_packages();
    let package = packages.iter().find(|package| package.name.as_str() == "aelab-ci");
    let dependencies = &package.expect("this crate").dependencies;
    let syn = dependencies.iter().find(|dependency| dependency.name == "syn").expect("syn");
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    assert!(is_named(syn, &[source("src/lib.rs", "use syn::Item;")]));
    assert!(!is_named(syn, &[source("src/lib.rs", "// use syn::Item;\nuse synth::Item;")]));
    assert!(!is_named(syn, &[source("tests/it/main.rs", "use syn::Item;")]));
}
