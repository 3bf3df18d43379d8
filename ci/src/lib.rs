//! The ci crate.
