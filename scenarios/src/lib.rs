//! Scenarios: the question, the arms to compare, the load, and the criteria of each claim.
//!
//! A scenario is a TOML file. This crate reads it, fills in the defaults, checks it, and judges its
//! claims when the figures are measured. It starts no process, opens no socket and reads no clock.
//! Invariant: the lab can run a returned scenario without further checks.
//!
//! Read next: [`model`] (what a scenario is), [`criterion`] and [`judge`] (how a claim is judged),
//! [`catalog`] (the built-in scenarios), and `README.md` for all keys of a file.

#![warn(missing_docs)]

mod arm;
mod canonical;
pub mod catalog;
pub mod criterion;
mod dimension;
mod error;
pub mod explore;
mod group;
pub mod judge;
pub mod model;
mod overlay;
pub mod procedure;
mod quantity;
mod raw;
mod resolve;
mod words;

pub use canonical::canonical;
pub use error::ScenarioError;
pub use model::{Scale, Scenario};
