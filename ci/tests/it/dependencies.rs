//! Which crate may depend on which, from `cargo metadata`. Dev-dependencies are exempt.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Every crate of the workspace with the workspace crates it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("aelab-resp", &[]),
    ("aelab-units", &[]),
    ("aelab-server", &["aelab-resp"]),
    ("aelab-results", &[]),
    // For the statistics that claims are judged by, which the gate and the reports use too.
    ("aelab-scenarios", &["aelab-results", "aelab-units"]),
    ("aelab-reports", &["aelab-results"]),
    ("aelab-ci", &["aelab-results"]),
    ("aelab-engine", &["aelab-resp", "aelab-results", "aelab-units"]),
    (
        "aelab-lab",
        &[
            "aelab-engine",
            "aelab-server",
            "aelab-scenarios",
            "aelab-results",
            "aelab-resp",
            "aelab-units",
        ],
    ),
    (
        "aelab-loadgen",
        &[
            "aelab-resp",
            "aelab-units",
            "aelab-server",
            "aelab-scenarios",
            "aelab-results",
            "aelab-reports",
            "aelab-ci",
            "aelab-engine",
            "aelab-lab",
        ],
    ),
];

/// Outside crates that only these crates of the workspace may depend on.
const RESERVED: &[(&str, &[&str])] = &[
    ("mio", &["aelab-server", "aelab-engine"]),
    ("clap", &["aelab-loadgen"]),
    ("indicatif", &["aelab-loadgen"]),
    ("serde", &["aelab-scenarios", "aelab-results", "aelab-engine"]),
    ("plotters", &["aelab-reports"]),
    ("maud", &["aelab-reports"]),
    ("tokio", &[]),
    ("lazy_static", &[]),
    ("once_cell", &[]),
];

/// Crates that need a system library. A fresh machine has a compiler and nothing else.
const NEEDS_SYSTEM_LIBRARY: &[&str] = &[
    "font-kit",
    "freetype-sys",
    "servo-fontconfig-sys",
    "yeslogic-fontconfig-sys",
    "openssl-sys",
    "libz-sys",
];

/// Crates whose build scripts can look for a system library and do not. With its feature `vendored`, mlua builds Lua from
/// source.
const MAY_LOOK_FOR_LIBRARIES: &[&str] = &["mlua-sys"];

#[test]
fn dependencies_point_one_way() {
    let metadata = MetadataCommand::new()
        .manifest_path(super::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let members: BTreeSet<&str> = allowed.keys().copied().collect();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} is not in ALLOWED"));
        for dependency in &package.dependencies {
            let on = dependency.name.as_str();
            if members.contains(on)
                && dependency.kind == DependencyKind::Normal
                && !may.contains(&on)
            {
                wrong.push(format!("{name} must not depend on {on}"));
            }
            let reserved = RESERVED.iter().find(|(reserved, _)| *reserved == on);
            if dependency.kind == DependencyKind::Normal
                && let Some((_, owners)) = reserved
                && !owners.contains(&name)
            {
                wrong.push(format!("{name} must not depend on {on}: reserved for {owners:?}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_dependency_wants_a_system_library() {
    let lock = std::fs::read_to_string(super::root().join("Cargo.lock")).expect("Cargo.lock");
    for name in NEEDS_SYSTEM_LIBRARY {
        assert!(!lock.contains(&format!("name = \"{name}\"\n")), "{name} is in Cargo.lock");
    }
    for package in lock.split("[[package]]").filter(|package| package.contains("\"pkg-config\",")) {
        let name = package.lines().find_map(|line| line.strip_prefix("name = "));
        let name = name.unwrap_or_default().trim_matches('"');
        assert!(MAY_LOOK_FOR_LIBRARIES.contains(&name), "{name} looks for system libraries");
    }
    let manifest = std::fs::read_to_string(super::root().join("Cargo.toml")).expect("Cargo.toml");
    let mlua = manifest.lines().find(|line| line.starts_with("mlua = ")).unwrap_or_default();
    assert!(
        mlua.contains("\"vendored\""),
        "mlua without `vendored` needs the Lua of the system: {mlua}"
    );
}
