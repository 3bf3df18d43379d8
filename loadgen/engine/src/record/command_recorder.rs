//! One thread's figures of one command of a group: its samples, its counts, and what was left unanswered.
//!
//! Not the requests' books (see `recorder`). Invariant: each sample is in all three metrics.

use super::command::{CommandPlan, Seeks};
use super::metric::Metric;
use super::request::Shape;
use super::result::{CommandCounts, CommandResult, Traffic};
use crate::clock::Nanos;
use aelab_reports::histogram::{self, Histogram};

/// The three metrics of one command.
#[derive(Debug)]
pub(super) struct CommandRecorder {
    pub(super) label: String,
    pub(super) shape: Shape,
    /// What it looks for.
    pub(super) seeks: Seeks,
    /// Measured replies that held nothing of it.
    pub(super) nulls: u64,
    /// Bytes of all replies, of the warm-up and errors too.
    pub(super) received_bytes: u64,
    pub(super) response: Metric,
    pub(super) service: Metric,
    pub(super) lag: Metric,
    pub(super) counts: CommandCounts,
    /// How long those had waited that were unfinished in the end, since they were due and since they were sent.
    pub(super) censored: Histogram,
    pub(super) censored_service: Histogram,
}

impl CommandRecorder {
    /// Nothing recorded yet.
    pub(super) fn new(plan: &CommandPlan, shape: Shape) -> Self {
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
    pub(super) fn sample(&mut self, intended: Nanos, sent: Nanos, replied: Nanos, count: u32) {
        self.response.record(replied.since(intended).0, count);
        self.service.record(replied.since(sent).0, count);
        self.lag.record(sent.since(intended).0, count);
    }

    /// A request that was given up at this time: as if it had been answered then, and marked as a bound.
    pub(super) fn given_up(&mut self, intended: Nanos, sent: Nanos, deadline: Nanos) {
        self.counts.timeout += 1;
        self.response.record_given_up(deadline.since(intended).0);
        self.service.record_given_up(deadline.since(sent).0);
        self.lag.record(sent.since(intended).0, 1);
    }

    /// A request without a reply at the end, `sent` if it ever was.
    pub(super) fn unfinished(&mut self, intended: Nanos, sent: Option<Nanos>, ended: Nanos) {
        self.counts.unfinished += 1;
        self.censored.saturating_record(ended.since(intended).0);
        if let Some(sent) = sent {
            self.censored_service.saturating_record(ended.since(sent).0);
        }
    }

    /// Ends the recording.
    pub(super) fn finish(self) -> CommandResult {
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
