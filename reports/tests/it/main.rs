//! Integration tests of this crate, in one binary.

mod log;
mod page;
mod record;
mod synthetic;
