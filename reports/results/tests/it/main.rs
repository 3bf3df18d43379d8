//! Integration tests of this crate, in one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod compare;
mod log;
mod merge;
mod record;
mod rederive;
mod schema;
mod schema_check;
#[allow(dead_code, reason = "the tests of aelab-reports use the rest")]
mod synthetic;
