//! Renders the folder of a run: `report.html`, `summary.md` and the charts.
//!
//! The folder may come from another machine. This crate has no sockets, starts no process and reads no clock. Data
//! (`aelab-results`), `view` and rendering (`page`, `summary`, `chart`) are three layers: data is not formatted below a view, and
//! nothing is computed above it.
//! Invariant: the same folder gives the same bytes.
//!
//! Read next: `render`, then `view/report.rs`, `page`, `chart`.

mod chart;
pub mod export;
mod page;
pub mod render;
mod summary;
mod view;

pub use render::{render, render_comparison};

// The made-up records of the integration tests, for the tests of what is not public.
#[cfg(test)]
#[path = "../results/tests/it/synthetic.rs"]
mod synthetic;
