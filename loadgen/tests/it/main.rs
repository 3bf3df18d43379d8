//! Integration tests of this crate, in one binary.
mod engine_virtual;
