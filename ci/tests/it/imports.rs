//! No import cycle in the crates of the workspace, and the checker itself on small trees.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use aelab_ci::imports::Imports;
use aelab_ci::imports::graph::Graph;
use cargo_metadata::MetadataCommand;

/// Crates in which no file is part of an import cycle. In every crate, no folder and no top-level
/// file is part of one.
const FILES_CHECKED: &[&str] =
    &["aelab-ci", "aelab-engine", "aelab-loadgen", "aelab-resp", "aelab-results", "aelab-units"];

#[test]
fn no_crate_has_an_import_cycle() {
    let metadata = MetadataCommand::new()
        .manifest_path(super::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let mut found = String::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let folder = package.manifest_path.parent().expect("a folder").as_std_path();
        let imports = read(&folder.join("src"), name);
        for level in imports.levels() {
            let place = format!("{name}, between entries of src/{}", level.folder);
            found += &cycles(&place, &level.graph);
        }
        if FILES_CHECKED.contains(&name) {
            found += &cycles(&format!("{name}, between files"), &imports.files());
        }
    }
    assert!(
        found.is_empty(),
        "import cycles (`cargo run -p aelab-ci --example imports -- CRATE_DIR --files` shows which \
         imports to remove):\n{found}"
    );
}

fn read(src: &Path, package: &str) -> Imports {
    Imports::read(src, &package.replace('-', "_")).expect("the sources can be read")
}

/// One line for each cycle: its shortest chain.
fn cycles(place: &str, graph: &Graph) -> String {
    let mut lines = String::new();
    for cycle in graph.cycles() {
        let _ = writeln!(lines, "{place}: {}", graph.shortest_chain(&cycle));
    }
    lines
}

/// Files by path below `src`, and their texts.
type Files<'a> = &'a [(&'a str, &'a str)];

/// Writes a crate and compares its cycles, one line for each, with `expected`.
#[track_caller]
fn check(name: &str, files: Files<'_>, expected: &[&str]) {
    let src = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("imports").join(name);
    // What an earlier run of an older test has left.
    let _ = fs::remove_dir_all(&src);
    for (path, text) in files {
        let path = src.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for the tree");
        fs::write(path, text).expect("a file of the tree");
    }
    let imports = read(&src, "tree");
    let mut found = String::new();
    for level in imports.levels() {
        found += &cycles(&format!("src/{}", level.folder), &level.graph);
    }
    found += &cycles("files", &imports.files());
    assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{name}");
}

#[test]
fn a_clean_tree_has_no_cycle() {
    check(
        "clean",
        &[
            ("lib.rs", "mod a;\nmod b;\npub use a::A;"),
            ("a.rs", "use crate::b::{self, B};\npub struct A(B);\nfn f() { b::g() }"),
            // Neither strings nor comments nor documentation import anything.
            (
                "b.rs",
                "//! See [`crate::a::A`].\npub struct B;\n/// As `crate::a`.\n#[doc = \"crate::a::A\"]
                 pub fn g() { let _ = \"use crate::a::A;\"; /* crate::a::A */ }",
            ),
        ],
        &[],
    );
}

#[test]
fn a_cycle_between_folders_is_found() {
    check(
        "folders",
        &[
            ("lib.rs", "mod high;\nmod low;\nmod third;"),
            ("high/mod.rs", "mod one;\nmod two;\npub use two::Two;"),
            ("high/one.rs", "\nuse crate::low::Low;\nstruct One(Low);"),
            ("high/two.rs", "pub struct Two;"),
            ("low.rs", "mod inner;\npub use inner::Low;"),
            ("low/inner.rs", "use crate::{third::Third, high::Two};\npub struct Low(Two, Third);"),
            ("third.rs", "pub struct Third;"),
        ],
        &["src/: high/one.rs:2 uses low (crate::low::Low) -> \
           low/inner.rs:1 uses high (crate::high::Two)"],
    );
}

#[test]
fn a_cycle_between_sub_folders_is_found() {
    check(
        "sub_folders",
        &[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b;\nmod c;"),
            ("a/b/mod.rs", "mod x;\npub struct B;"),
            ("a/b/x.rs", "use super::super::c::C;\npub struct X(C);"),
            ("a/c/mod.rs", "mod y;\npub struct C;"),
            ("a/c/y.rs", "use crate::a::b::B;\npub struct Y(B);"),
        ],
        &["src/a: a/b/x.rs:1 uses c (super::super::c::C) -> \
           a/c/y.rs:1 uses b (crate::a::b::B)"],
    );
}

#[test]
fn the_shortest_chain_between_files_is_shown() {
    check(
        "files",
        &[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod x;\nmod y;\nmod z;"),
            ("a/x.rs", "use super::y::Y;\npub struct X(Y);"),
            ("a/y.rs", "use super::z::Z as Other;\npub struct Y(Other);"),
            ("a/z.rs", "use super::{x::X, y};\npub struct Z(X, y::Y);"),
        ],
        &["files: a/y.rs:1 uses a/z.rs (super::z::Z) -> a/z.rs:1 uses a/y.rs (super::y)"],
    );
}

#[test]
fn re_exports_are_followed_to_the_file_that_defines() {
    check(
        "re_export",
        &[
            ("lib.rs", "mod engine;\nmod user;\npub use engine::Live;"),
            ("engine/mod.rs", "mod live;\nmod plan;\npub(crate) use live::Live;\npub use plan::*;"),
            ("engine/live.rs", "use super::Plan;\npub struct Live(Plan);"),
            ("engine/plan.rs", "use crate::user::User;\npub struct Plan(User);"),
            ("user.rs", "use crate::Live as Alive;\npub struct User(Alive);"),
        ],
        &[
            "src/: engine/plan.rs:1 uses user (crate::user::User) -> \
             user.rs:1 uses engine (crate::Live)",
            "files: engine/live.rs:1 uses engine/plan.rs (super::Plan) -> \
             engine/plan.rs:1 uses user.rs (crate::user::User) -> \
             user.rs:1 uses engine/live.rs (crate::Live)",
        ],
    );
}

#[test]
fn a_parent_and_its_submodules() {
    let parent = "mod child;\npub use child::Child;\n";
    let child = "use super::Parent;\npub struct Child(Parent);\npub fn help() {}";
    let chain = |line: usize, path: &str| {
        format!(
            "files: a/mod.rs:{line} uses a/child.rs ({path}) -> \
             a/child.rs:1 uses a/mod.rs (super::Parent)"
        )
    };
    let run = |name: &str, rest: &str, expected: &[&str]| {
        let parent = format!("{parent}{rest}");
        let files = [("lib.rs", "mod a;"), ("a/mod.rs", &parent), ("a/child.rs", child)];
        check(name, &files, expected);
    };
    run("parent_names", "pub struct Parent;", &[]);
    run("parent_uses", "pub struct Parent;\nfn f() { child::help() }", &[&chain(4, "child::help")]);
    run("parent_re_uses", "pub struct Parent;\nfn f(_: Child) {}", &[&chain(4, "Child")]);
    run("parent_imports", "use child::help;\npub struct Parent;", &[&chain(3, "child::help")]);
}

#[test]
fn paths_in_code_and_in_macros_count() {
    let expected = |line: usize, path: &str| {
        format!("src/: clock.rs:1 uses log (crate::log::Log) -> log.rs:{line} uses clock ({path})")
    };
    let run = |name: &str, log: &str, line: usize, path: &str| {
        let clock = "use crate::log::Log;\npub fn now() -> Log { Log }";
        let files = [("lib.rs", "mod clock; mod log;"), ("clock.rs", clock), ("log.rs", log)];
        let level = expected(line, path);
        let files_level = level
            .replace("src/:", "files:")
            .replace("uses log", "uses log.rs")
            .replace("uses clock", "uses clock.rs");
        check(name, &files, &[&level, &files_level]);
    };
    run("inline", "pub struct Log;\nfn f() { crate::clock::now(); }", 2, "crate::clock::now");
    run("in_a_type", "pub struct Log;\nfn f(_: Vec<super::clock::T>) {}", 2, "super::clock::T");
    run(
        "in_a_macro",
        "pub struct Log;\nfn f() { println!(\"{}\", self::g(crate::clock::now())); }",
        2,
        "crate::clock::now",
    );
    run(
        "inline_module",
        "pub struct Log;\nmod m { use crate::clock::now; }",
        2,
        "crate::clock::now",
    );
    run(
        "in_a_function",
        "pub struct Log;\nfn f() {\nuse crate::clock as c; c::now(); }",
        3,
        "crate::clock",
    );
}

#[test]
fn what_only_tests_use_does_not_count() {
    check(
        "only_tests",
        &[
            (
                "lib.rs",
                "mod a;\nmod b;\n#[cfg(test)]\n#[path = \"missing.rs\"]\nmod support;",
            ),
            ("a.rs", "use crate::b::B;\npub struct A(B);"),
            (
                "b.rs",
                "pub struct B;\n#[cfg(test)]\nuse crate::a::A;\n#[cfg(test)]\nmod tests { use crate::a::A; }
                 #[cfg(all(test, unix))]\nmod more { use crate::a::A; }\n#[path = \"b_tests.rs\"]\nmod b_tests;
                 impl B { #[cfg(test)] fn f(_: crate::a::A) {} }",
            ),
            ("b_tests.rs", "use crate::a::A;"),
        ],
        &[],
    );
}

#[test]
fn a_path_attribute_and_a_main_beside_the_library_are_read() {
    check(
        "path_attribute",
        &[
            ("lib.rs", "#[path = \"odd/name.rs\"]\nmod a;\npub mod b;"),
            ("main.rs", "fn main() { tree::b::run() }"),
            ("odd/name.rs", "use crate::b;\nfn f() { b::run() }\npub struct A;"),
            ("b.rs", "pub fn run() { let _ = crate::a::A; }"),
        ],
        &[
            "src/: b.rs:1 uses odd (crate::a::A) -> odd/name.rs:1 uses b (crate::b)",
            "files: odd/name.rs:1 uses b.rs (crate::b) -> b.rs:1 uses odd/name.rs (crate::a::A)",
        ],
    );
}

#[test]
fn few_edges_are_cut() {
    let src = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("imports/cut");
    let _ = fs::remove_dir_all(&src);
    fs::create_dir_all(&src).expect("a folder for the tree");
    // b and c are used by all, and one import of each closes the circle.
    let files: Files<'_> = &[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; use crate::c::C; pub struct A;"),
        ("b.rs", "use crate::c::C;\nuse crate::c::D; pub struct B; fn f() { crate::a::A; }"),
        ("c.rs", "pub struct C; pub struct D; fn f() { crate::b::B; }"),
    ];
    files.iter().for_each(|(path, text)| fs::write(src.join(path), text).expect("a file"));
    let graph = read(&src, "tree").files();
    let cycles = graph.cycles();
    assert_eq!(cycles.len(), 1);
    let cut = graph.edges_to_cut(&cycles[0]);
    let names: Vec<String> = cut
        .iter()
        .map(|((from, to), _)| format!("{} -> {}", graph.nodes[*from], graph.nodes[*to]))
        .collect();
    assert_eq!(names, ["b.rs -> a.rs", "c.rs -> b.rs"]);
}
