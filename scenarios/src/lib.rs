//! The scenarios crate.
