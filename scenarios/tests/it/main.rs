//! Integration tests of this crate, in one binary.

mod catalog;
mod errors;
mod layers;
mod readme;
