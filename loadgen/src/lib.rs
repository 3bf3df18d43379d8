//! The `loadgen` program: its command line, its commands, what it prints, and its self-test.
//!
//! Open loop and closed loop are told apart everywhere: at a rate, requests are due at times that replies do not move, and
//! response time counts from there; without a rate, the next request waits for a reply, and only service time means anything.
//! Every request has three instants (intended, sent, replied), and none is dropped silently.
//!
//! Read next: [`engine`] (measuring), [`lab`] (servers and scenarios), [`record`] (what is kept), [`cli`] and [`commands`]
//! (what the user sees). What the numbers mean afterwards is the business of the reports crate.

#[allow(rustdoc::broken_intra_doc_links, reason = "comments there are --help texts, with brackets")]
pub mod cli;
pub mod commands;
pub mod compat;
pub mod console;
pub mod exporter;
pub mod interrupt;
pub mod selftest;
