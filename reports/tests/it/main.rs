//! Integration tests of this crate, in one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod comparison;
mod export;
mod incomplete;
mod page;
#[path = "../../results/tests/it/synthetic.rs"]
mod synthetic;
