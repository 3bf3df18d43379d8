//! Integration tests of this crate, in one binary.
mod backends;
mod backends_loop;
mod backends_server;
mod blocking;
mod cron;
mod db;
mod harness;
mod io_models;
mod io_threads;
mod latency;
mod limits_memory;
mod loop_order;
mod net;
mod program;
mod timeline;
mod transcript;
mod transcript_cases;
