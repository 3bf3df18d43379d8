//! Integration tests of this crate, in one binary.
mod backends;
mod backends_loop;
mod backends_server;
mod db;
mod transcript;
mod transcript_cases;
