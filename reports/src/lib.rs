//! What came out of a run: the record, the statistics drawn from it, charts, pages and exports.
//!
//! This crate renders a folder that may come from another machine; it knows no sockets, starts no
//! process and reads no clock. Data (`record`, `hlog`, `histogram`), view and rendering are three
//! layers: nothing below a view formats, nothing above it computes.
//! Invariant: the same folder gives the same bytes.

mod chart;
mod page;
pub mod render;
mod summary;
mod view;

pub use render::render;

// The made-up records of the integration tests, for the tests of what is not public.
#[cfg(test)]
#[path = "../results/tests/it/synthetic.rs"]
mod synthetic;
