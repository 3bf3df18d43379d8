//! Integration tests of this crate, in one binary.
mod acl;
mod catalog;
mod catalog_connections;
mod cluster;
mod cluster_nodes;
mod compat;
mod cpu_wait;
mod doc_pages;
mod engine_records;
mod faults;
mod interrupt;
mod invalid_records;
mod kernel_timestamps;
mod limits;
mod live;
mod load_flags;
mod output_files;
mod packaging;
mod procedures;
mod program;
mod reconnect;
mod record_contents;
mod recording_server;
mod relay;
mod relay_accuracy;
mod relay_command;
mod replay;
mod report_commands;
mod scenario_files;
#[allow(dead_code, reason = "the tests of aelab-results use the rest")]
#[path = "../../../reports/results/tests/it/schema_check.rs"]
mod schema_check;
mod secrets;
mod silence;
mod support;
mod target_flags;
mod tls;
mod tls_server;
mod wait_ready;

// Shared with the tests of the engine.
#[path = "../../engine/tests/it/fake_server.rs"]
mod fake_server;
#[path = "../../engine/tests/it/support.rs"]
mod virtual_time;
