//! What one thread recorded of one group, ready to be merged with the other threads' figures.
//!
//! Invariant: the samples of `commands` add up to the counts.

use crate::record::error_counts::ErrorCounts;
use crate::record::result::{
    Arrivals, CommandResult, Counts, DeliveryCounts, KernelTimesResult, LoggedRequests,
    MetricResult, Traffic,
};
use aelab_results::histogram::Histogram;

/// What is left of a recorder when the run is over.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) counts: Counts,
    pub(crate) warmup: Counts,
    pub(crate) arrivals: Arrivals,
    pub(crate) traffic: Traffic,
    pub(crate) cursor_steps: u64,
    pub(crate) nulls: u64,
    pub(crate) errors: ErrorCounts,
    pub(crate) commands: Vec<CommandResult>,
    pub(crate) error_response: Histogram,
    pub(crate) wait: Option<MetricResult>,
    pub(crate) blocked: Option<MetricResult>,
    pub(crate) delivery: Option<DeliveryCounts>,
    pub(crate) kernel_times: Option<KernelTimesResult>,
    pub(crate) log: LoggedRequests,
}
