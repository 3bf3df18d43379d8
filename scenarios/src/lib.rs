//! Scenarios: what is asked, what is compared, which load is put on, and what decides.
//!
//! A scenario is data, in TOML. This crate reads it, fills in what was left out, checks it, and
//! judges its claims once figures are there. It starts nothing, opens no socket and reads no
//! clock. Invariant: what it hands out can be played as it stands.
//!
//! Read next: [`model`] (what a scenario is), [`criterion`] and [`judge`] (what decides a claim),
//! [`catalog`] (those that come with the program), and `README.md` for all keys of a file.

#![warn(missing_docs)]

mod canonical;
pub mod catalog;
pub mod criterion;
mod error;
pub mod explore;
pub mod fit;
pub mod judge;
pub mod model;
mod nearest;
mod overlay;
pub mod pairs;
pub mod procedure;
mod quantity;
mod raw;
mod resolve;
pub mod units;
mod words;

pub use canonical::canonical;
pub use error::ScenarioError;
pub use model::{Scale, Scenario};
pub use nearest::nearest;
