//! The statistics of aelab: percentiles that a sample supports, confidence intervals, fits and comparisons.
//!
//! | module | method |
//! |---|---|
//! | `quantiles` | percentiles with at least ten samples above them, and lower bounds for unfinished requests |
//! | `bootstrap` | block bootstrap over time (Carlstein 1986), 95 % percentile intervals |
//! | [`fit`], [`pairs`], [`spread`] | see the modules; each names its source |
//!
//! No formatting, no files. Invariant: the same samples give the same numbers on every machine; the only randomness is a
//! bootstrap with a fixed seed.

mod bootstrap;
mod figure;
pub mod fit;
pub mod pairs;
mod quantiles;
pub mod spread;

pub use bootstrap::{BLOCKS_MIN, REPLICATES, bands};
pub use figure::Figure;
pub use quantiles::{
    DEFAULT_PERCENTILES, Exact, SAMPLES_ABOVE_MIN, Sample, drift, samples_needed, summarise,
    supported,
};
