//! Everything behind the `loadgen` program: the command line, what it prints, and the self-test.
//!
//! Measuring is in [`aelab_engine`], servers and scenarios are in [`aelab_lab`], the record is in [`aelab_results`].
//! Invariant: only [`console`] prints, and every failure ends in one line and an exit code.
//!
//! Read next: [`cli`] (what is typed), [`commands`] (what it does), [`console`] (what is printed).

#[allow(rustdoc::broken_intra_doc_links, reason = "comments there are --help texts, with brackets")]
pub mod cli;
pub mod commands;
pub mod compat;
pub mod console;
pub mod exporter;
pub mod interrupt;
pub mod selftest;
