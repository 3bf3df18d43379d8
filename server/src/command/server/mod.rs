//! Commands about the server itself: `INFO`, `CONFIG`, `COMMAND`, `DEBUG`, `SLOWLOG`, `LATENCY` …

pub(super) mod admin;
pub(super) mod ae;
pub(super) mod config;
pub(super) mod debug;
mod getkeys;
pub(super) mod introspect;
pub(super) mod latency;
pub(super) mod memory;
pub(super) mod monitor;
pub(super) mod slowlog;
pub(super) mod standalone;
