//! The loadgen crate.
