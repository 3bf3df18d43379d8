//! The loadgen crate.

pub mod clock;
pub mod engine;
mod sys;
