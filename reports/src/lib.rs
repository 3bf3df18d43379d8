//! What came out of a run: the record, the statistics drawn from it, charts, pages and exports.
//!
//! This crate renders a folder that may come from another machine; it knows no sockets, starts no
//! process and reads no clock. Data (`record`, `hlog`, `histogram`), view and rendering are three
//! layers: nothing below a view formats, nothing above it computes.
//! Invariant: the same folder gives the same bytes.

pub mod caveat;
mod chart;
pub mod folder;
pub mod hgrm;
pub mod histogram;
pub mod hlog;
mod page;
pub mod plain;
pub mod record;
pub mod render;
mod sane;
pub mod stats;
mod summary;
mod view;

pub use folder::{Folder, read_folder, write_folder};
pub use render::render;

// The made-up records of the integration tests, for the tests of what is not public.
#[cfg(test)]
extern crate self as aelab_reports;
#[cfg(test)]
#[path = "../tests/it/synthetic.rs"]
mod synthetic;
