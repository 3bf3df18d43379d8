//! What a run records: counts, histograms, errors, stalls, and the audit of the load generator itself.
//!
//! Nothing here computes a percentile or judges a run. Read `recorder` first, then [`result`].

pub mod audit;
pub mod command_recorder;
pub mod error_counts;
pub mod kernel_times;
pub mod live;
pub mod metric;
mod open;
mod recorded;
mod recorder;
pub mod reply_rate;
pub mod result;
pub mod scheduling_delay;
pub mod sparse;
pub mod stall_detector;
pub mod warmup_end;

pub(crate) use open::Open;
pub(crate) use recorded::Recorded;
pub(crate) use recorder::Recorder;
