//! Integration tests of this crate, in one binary.
mod catalog_connections;
mod cluster;
mod engine_books;
mod engine_sockets;
mod engine_virtual;
mod faults;
mod listener;
mod options;
mod procedures;
mod program;
mod relay;
mod relay_accuracy;
mod relay_command;
mod support;
mod tls;
