//! Procedures: built-in experiments that a load of requests cannot express.
//!
//! A procedure uses plain blocking sockets to one arm's server, observes both sides of the connection, and returns figures for
//! the criteria of a claim and tables for people. It judges nothing: the scenario says what a figure means. Invariant: a
//! procedure leaves no connection, thread or process behind, and a figure it could not measure is absent, never a zero.
//!
//! Read next: `raw_client` (a raw connection), [`dispatch`] (parameters and kinds), then any of them.

pub mod accept_queue;
pub mod atomic;
mod burst;
pub mod connection_cost;
pub mod connection_state;
mod dispatch;
pub mod flow_control;
pub mod loop_order;
pub mod max_total;
pub mod maxclients;
mod pause_server;
pub mod pipelining;
mod raw_client;
pub mod session;
pub mod split_command;
pub mod tcp_vs_unix;
pub mod time_events;
pub mod transaction;
pub mod wakeup_cost;

pub use dispatch::run;

use aelab_engine::error::Failure;
use aelab_engine::plan::Target;
use aelab_results::record::{Curve, Point};
use aelab_results::stats::Figure;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The server that a procedure works on, and how to observe it.
#[derive(Debug, Clone)]
pub struct ServerUnderTest<'a> {
    /// Where the server listens for TCP.
    pub target: Target,
    /// Its Unix socket, if it was given one.
    pub unix: Option<PathBuf>,
    /// Its process, if it runs on this machine.
    pub pid: Option<u32>,
    /// Cores for the load, if it shares the machine with the server.
    pub cpus: Option<Vec<usize>>,
    /// Where every random choice starts.
    pub seed: u64,
    /// Set by ^C.
    pub cancel: &'a AtomicBool,
}

impl ServerUnderTest<'_> {
    /// Returns unless the user has interrupted.
    ///
    /// # Errors
    /// The user has interrupted.
    pub fn go_on(&self) -> Result<(), Failure> {
        if self.cancel.load(Relaxed) { Err(Failure::invalid("interrupted")) } else { Ok(()) }
    }
}

/// A measured figure in base units (seconds, bytes, counts, per second), with the interval it is known to lie in.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What criteria call it: `ARM.procedure.NAME`. It ends in `_s` for seconds, `_bytes`, `_per_s`; others are plain numbers.
    pub name: String,
    /// The estimate.
    pub value: f64,
    /// Lower end of its interval; equal to the value where there is none.
    pub lo: f64,
    /// Upper end of its interval.
    pub hi: f64,
}

/// Rows of figures for a report: a series over time, or a figure by size.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it shows, for a heading.
    pub title: String,
    /// One name per column, with its unit at the end as in [`Finding::name`].
    pub columns: Vec<String>,
    /// One value per column; not a number where there is none.
    pub rows: Vec<Vec<f64>>,
}

/// What a procedure found out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// Figures by name.
    pub figures: Vec<Finding>,
    /// Tables, most important first.
    pub tables: Vec<Table>,
    /// Facts as text, such as the server's error.
    pub notes: Vec<String>,
    /// The main relation, for a chart.
    pub curve: Option<Curve>,
}

impl Findings {
    /// Adds a figure without an interval.
    pub fn add(&mut self, name: impl Into<String>, value: f64) {
        self.figures.push(Finding { name: name.into(), value, lo: value, hi: value });
    }

    /// Adds a count.
    #[expect(clippy::cast_precision_loss, reason = "counts of an experiment are far below 2^53")]
    pub fn add_count(&mut self, name: impl Into<String>, count: usize) {
        self.add(name, count as f64);
    }

    /// Adds a figure with its interval.
    pub fn add_between(&mut self, name: impl Into<String>, estimate: Figure) {
        let Figure { value, lo, hi } = estimate;
        self.figures.push(Finding { name: name.into(), value, lo, hi });
    }

    /// Adds a point to the series of that name; ignored without a chart.
    pub fn add_point(&mut self, series: &str, x: f64, y: f64) {
        if let Some(curve) = self.curve.as_mut().filter(|_| x.is_finite() && y.is_finite()) {
            curve.points.push(Point { series: series.to_owned(), x, y });
        }
    }

    /// The figure of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Finding> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}
