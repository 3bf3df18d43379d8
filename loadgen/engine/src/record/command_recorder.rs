//! One thread's figures of one command of a group: its samples, its counts, and what was left unanswered.
//!
//! Not the counts of requests (see `recorder`). Invariant: each sample is in all three metrics.

use crate::clock::Nanos;
use crate::plan::command::{CommandPlan, Seeks};
use crate::record::metric::Metric;
use crate::record::result::{CommandCounts, CommandResult, Traffic};
use crate::workload::reply_shape::Shape;
use aelab_results::histogram::{self, Histogram};

/// The three metrics of one command.
#[derive(Debug)]
pub(crate) struct CommandRecorder {
    pub(crate) label: String,
    pub(crate) shape: Shape,
    /// What it looks for.
    pub(crate) seeks: Seeks,
    /// Measured replies that held nothing of it.
    pub(crate) nulls: u64,
    /// Bytes of all replies, of the warm-up and errors too.
    pub(crate) received_bytes: u64,
    pub(crate) response: Metric,
    pub(crate) service: Metric,
    pub(crate) lag: Metric,
    pub(crate) counts: CommandCounts,
    /// How long those had waited that were unfinished in the end, since they were due and since they were sent.
    pub(crate) censored: Histogram,
    pub(crate) censored_service: Histogram,
}

impl CommandRecorder {
    /// Nothing recorded yet.
    pub(crate) fn new(plan: &CommandPlan, shape: Shape) -> Self {
        Self {
            label: plan.label.clone(),
            shape,
            seeks: plan.seeks(),
            nulls: 0,
            received_bytes: 0,
            response: Metric::default(),
            service: Metric::default(),
            lag: Metric::default(),
            counts: CommandCounts::default(),
            censored: histogram::new(),
            censored_service: histogram::new(),
        }
    }

    /// So many requests with these instants.
    #[inline]
    pub(crate) fn sample(&mut self, intended: Nanos, sent: Nanos, replied: Nanos, count: u32) {
        self.response.record(replied.since(intended).0, count);
        self.service.record(replied.since(sent).0, count);
        self.lag.record(sent.since(intended).0, count);
    }

    /// A request that was given up at this time: as if it had been answered then, and marked as a bound.
    pub(crate) fn given_up(&mut self, intended: Nanos, sent: Nanos, deadline: Nanos) {
        self.counts.timeout += 1;
        self.response.record_given_up(deadline.since(intended).0);
        self.service.record_given_up(deadline.since(sent).0);
        self.lag.record(sent.since(intended).0, 1);
    }

    /// A request without a reply at the end, `sent` if it ever was.
    pub(crate) fn unfinished(&mut self, intended: Nanos, sent: Option<Nanos>, ended: Nanos) {
        self.counts.unfinished += 1;
        self.censored.saturating_record(ended.since(intended).0);
        if let Some(sent) = sent {
            self.censored_service.saturating_record(ended.since(sent).0);
        }
    }

    /// Ends the recording.
    pub(crate) fn finish(self) -> CommandResult {
        CommandResult {
            label: self.label,
            counts: self.counts,
            censored: self.censored,
            censored_service: self.censored_service,
            nulls: self.nulls,
            // What was written is the generator's to know.
            traffic: Traffic { sent_bytes: 0, received_bytes: self.received_bytes },
            response_time: self.response.finish(),
            service_time: self.service.finish(),
            send_lag: self.lag.finish(),
        }
    }
}
