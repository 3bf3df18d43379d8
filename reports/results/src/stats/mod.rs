//! From samples to the numbers of a record: percentiles that the sample can carry, their
//! confidence intervals, and what still-waiting requests do to them.
//!
//! No formatting, no files. Invariant: the same samples give the same numbers on every machine; the
//! only randomness is a bootstrap with a fixed seed.

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
