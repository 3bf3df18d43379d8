//! Counters that `INFO` shows, per server and per command. Plain numbers owned by the loop.

use crate::clock::Nanos;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;

/// Samples over which the instantaneous rates are averaged, as in Redis: 1.6 s.
const RATE_SAMPLES: usize = 16;
/// Range and precision of command histograms, as in Redis: 1 ns to 1 s, two digits.
const HISTOGRAM_MAX_NS: u64 = 1_000_000_000;

/// Counters since the start or the last `CONFIG RESETSTAT`.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) connections_received: u64,
    pub(crate) rejected_connections: u64,
    pub(crate) commands_processed: u64,
    pub(crate) net_input_bytes: u64,
    pub(crate) net_output_bytes: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    /// Clients read from and written to by I/O threads.
    pub(crate) io_threaded_reads: u64,
    pub(crate) io_threaded_writes: u64,
    pub(crate) query_buffer_limit_disconnections: u64,
    pub(crate) output_buffer_limit_disconnections: u64,
    pub(crate) evicted_clients: u64,
    pub(crate) evicted_keys: u64,
    pub(crate) error_replies: u64,
    pub(crate) acl_denied_auth: u64,
    pub(crate) pubsub_messages: u64,
    pub(crate) expire_cycle_us: u64,
    pub(crate) peak_memory_bytes: u64,
    /// Error replies by their code.
    pub(crate) errors: BTreeMap<String, u64>,
}

/// Counters of one command.
#[derive(Debug, Default)]
pub(crate) struct CommandStat {
    pub(crate) calls: u64,
    pub(crate) time: Nanos,
    /// Refused before it ran.
    pub(crate) rejected: u64,
    /// Ran and replied with an error.
    pub(crate) failed: u64,
    histogram: Option<Box<Histogram<u64>>>,
}

impl CommandStat {
    /// One execution.
    #[inline]
    pub(crate) fn record(&mut self, took: Nanos, tracked: bool) {
        self.calls += 1;
        self.time = self.time + took;
        if tracked {
            self.record_latency(took);
        }
    }

    fn record_latency(&mut self, took: Nanos) {
        if self.histogram.is_none() {
            self.histogram = Histogram::new_with_bounds(1, HISTOGRAM_MAX_NS, 2).ok().map(Box::new);
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(took.0.clamp(1, HISTOGRAM_MAX_NS));
        }
    }

    /// Distribution of its execution times in nanoseconds, if tracked.
    pub(crate) fn histogram(&self) -> Option<&Histogram<u64>> {
        self.histogram.as_deref()
    }
}

/// A rate, sampled every 100 ms and averaged over the last samples.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    samples: [f64; RATE_SAMPLES],
    next: usize,
    last_value: u64,
    last_base: u64,
}

impl Rate {
    /// `value` grew while `base` grew; the sample is `factor` times their quotient.
    pub(crate) fn sample(&mut self, value: u64, base: u64, factor: f64) {
        let (grown, over) =
            (value.wrapping_sub(self.last_value), base.wrapping_sub(self.last_base));
        self.samples[self.next] = if over == 0 { 0.0 } else { grown as f64 * factor / over as f64 };
        self.next = (self.next + 1) % RATE_SAMPLES;
        (self.last_value, self.last_base) = (value, base);
    }

    /// The average.
    pub(crate) fn mean(&self) -> f64 {
        self.samples.iter().sum::<f64>() / RATE_SAMPLES as f64
    }
}

/// The instantaneous metrics of `INFO stats`.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    pub(crate) commands: Rate,
    pub(crate) input: Rate,
    pub(crate) output: Rate,
    pub(crate) cycles: Rate,
    pub(crate) cycle_duration: Rate,
}
