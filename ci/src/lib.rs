//! The rules the repository keeps about itself, and in time the regression gate.
//!
//! The rules are those of ARCHITECTURE.md's "never" list. They live here as functions from the
//! repository's sources to a list of violations, so that `cargo test` states each broken rule with
//! file and line. The crate decides on records and sources; it starts no process.
#![forbid(unsafe_code)]

pub mod hygiene;
