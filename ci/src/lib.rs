//! The rules that the repository keeps about itself, and later the regression gate.
//!
//! The rules are those of ARCHITECTURE.md. Each is a function from sources to a list of violations,
//! so that `cargo test` names each broken rule with file and line. The crate decides on records and
//! sources; it starts no process.
#![forbid(unsafe_code)]

pub mod checks;
pub mod dist;
pub mod hygiene;
#[cfg(feature = "syntax")]
pub mod imports;
#[cfg(feature = "syntax")]
pub mod structs;
pub mod wording;
