//! The cargo commands that a change must pass, for `.ci/run` and for `cargo ci`.
//!
//! `.ci/run` spells them out, because it also runs without this crate. A test compares the two.

/// One command.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// What it checks.
    pub title: &'static str,
    /// What follows `cargo`.
    pub arguments: &'static str,
    /// A variable of the environment, and its value.
    pub variable: Option<(&'static str, &'static str)>,
}

/// The commands in order, the quick ones first.
pub const CHECKS: &[Check] = &[
    Check { title: "formatting", arguments: "fmt --all --check", variable: None },
    Check {
        title: "lints",
        arguments: "clippy --workspace --all-targets --locked -- -D warnings",
        variable: None,
    },
    Check {
        title: "documentation",
        arguments: "doc --workspace --no-deps --locked --quiet",
        variable: Some(("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")),
    },
    Check { title: "tests", arguments: "test --workspace --locked", variable: None },
];
