//! The record of a run: histograms, interval logs, statistics, caveats, and the folder that holds them.
//!
//! This crate draws nothing and knows no sockets. It reads folders that may come from another machine, and it reads no clock.
//! Invariant: what is written reads back equal, and histograms of one shape merge exactly.
//!
//! Read next: [`record`] (`result.json`), [`histogram`] and [`hlog`] (`latency.hlog`), [`stats`], [`caveat`], [`folder`].

pub mod caveat;
pub mod compare;
pub mod files;
pub mod folder;
pub mod from_log;
pub mod hgrm;
pub mod histogram;
pub mod hlog;
pub mod limits;
pub mod merge;
pub mod pooled;
pub mod record;
pub mod rederive;
pub mod schema;
pub mod stated_limits;
pub mod stats;
pub mod text;

pub use folder::{Folder, read_folder, write_folder};
