//! One thread's figures of one group: counts, histograms, errors, the request log.
//!
//! Not a statistic: it adds up and sorts into buckets, nothing else. Shared with nobody while the run lasts.
//! Invariant: every request created is finished exactly once, into one of ok, error, timeout, unfinished; the phase it
//! counts for is that of its intended time.

use super::metric::Metric;
use super::plan::{GroupPlan, RequestLog};
use super::request::{InFlight, UNSENT};
use super::result::{CommandResult, Counts, LoggedRequest, MetricResult, Outcome, Traffic};
use crate::clock::Nanos;
use aelab_reports::histogram::{self, Histogram};

/// Distinct error words kept apart; a server that makes up words fills no memory.
const ERROR_WORDS_MAX: usize = 64;
/// The word for requests that a pool had no connection for.
const POOL_EXHAUSTED: &str = "pool-exhausted";
/// Longest error word kept.
const ERROR_WORD_BYTES_MAX: usize = 32;

/// The three metrics of one command.
#[derive(Debug)]
pub(super) struct CommandRecorder {
    label: String,
    /// Measured replies that are no errors, and those of them that were `nil`.
    ok: u64,
    nulls: u64,
    response: Metric,
    service: Metric,
    lag: Metric,
}

/// Requests created and not finished.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Open {
    /// How many.
    pub(super) count: u64,
    /// The sum of their intended times, modulo 2^64.
    pub(super) intended_sum: u64,
}

/// Equal samples of one read: with pipelining, a window's requests are often due, sent and answered together, and
/// recording them as one costs a third.
#[derive(Clone, Copy, Debug)]
struct Run {
    request: (Nanos, Nanos, u16),
    count: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Recorder {
    origin: Nanos,
    measure_from: Nanos,
    run: Run,
    commands: Vec<CommandRecorder>,
    /// Requests created and not finished, both phases.
    pub(super) open: Open,
    /// Measured requests.
    pub(super) counts: Counts,
    /// Requests of the warm-up.
    pub(super) warmup: Counts,
    /// Bytes, while measuring.
    pub(super) traffic: Traffic,
    /// Calls beyond the first of followed cursors.
    pub(super) cursor_steps: u64,
    /// `nil` replies.
    nulls: u64,
    errors: Vec<(String, u64)>,
    /// How late due requests of an open loop were noticed.
    own_lag: Histogram,
    error_response: Histogram,
    censored: Histogram,
    /// How long requests waited for a connection of a pool, if there is one.
    wait: Option<Metric>,
    log: Vec<LoggedRequest>,
    log_max: usize,
    log_dropped: u64,
}

/// What is left of a recorder when the run is over.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) counts: Counts,
    pub(super) warmup: Counts,
    pub(super) traffic: Traffic,
    pub(super) cursor_steps: u64,
    pub(super) nulls: u64,
    pub(super) errors: Vec<(String, u64)>,
    pub(super) commands: Vec<CommandResult>,
    pub(super) error_response: Histogram,
    pub(super) censored: Histogram,
    pub(super) wait: Option<MetricResult>,
    pub(super) log: Vec<LoggedRequest>,
    pub(super) log_dropped: u64,
}

impl Recorder {
    /// An empty recorder for a group.
    pub(super) fn new(plan: &GroupPlan) -> Self {
        let commands = plan.workload.commands.iter().map(|command| CommandRecorder {
            label: command.label.clone(),
            ok: 0,
            nulls: 0,
            response: Metric::default(),
            service: Metric::default(),
            lag: Metric::default(),
        });
        Self {
            origin: Nanos::ZERO,
            measure_from: Nanos::MAX,
            run: Run { request: (Nanos::ZERO, Nanos::ZERO, 0), count: 0 },
            commands: commands.collect(),
            open: Open::default(),
            counts: Counts::default(),
            warmup: Counts::default(),
            traffic: Traffic::default(),
            cursor_steps: 0,
            nulls: 0,
            errors: Vec::new(),
            own_lag: histogram::new(),
            error_response: histogram::new(),
            censored: histogram::new(),
            wait: plan.pool.map(|_| Metric::default()),
            log: Vec::new(),
            log_max: match plan.log_requests {
                RequestLog::Off => 0,
                RequestLog::Keep { max } => max,
            },
            log_dropped: 0,
        }
    }

    /// The schedule begins at `origin`, the measurement at `measure_from`.
    pub(super) const fn start(&mut self, origin: Nanos, measure_from: Nanos) {
        self.origin = origin;
        self.measure_from = measure_from;
    }

    #[inline]
    fn is_measured(&self, intended: Nanos) -> bool {
        intended >= self.measure_from
    }

    fn counts_of(&mut self, intended: Nanos) -> &mut Counts {
        if self.is_measured(intended) { &mut self.counts } else { &mut self.warmup }
    }

    /// A request became due and is taken up.
    #[inline]
    pub(super) fn created(&mut self, intended: Nanos) {
        let counts = self.counts_of(intended);
        counts.scheduled += 1;
        counts.sent += 1;
        self.open.count += 1;
        self.open.intended_sum = self.open.intended_sum.wrapping_add(intended.0);
    }

    /// A request of an open loop was noticed to be due.
    #[inline]
    pub(super) fn noticed(&mut self, intended: Nanos, now: Nanos) {
        if self.is_measured(intended) {
            self.own_lag.saturating_record(now.since(intended).0);
        }
    }

    /// See [`Recorder::noticed`].
    pub(super) const fn own_lag(&self) -> &Histogram {
        &self.own_lag
    }

    /// A request became due and there is no room for it.
    pub(super) fn shed(&mut self, intended: Nanos) {
        let counts = self.counts_of(intended);
        counts.scheduled += 1;
        counts.shed += 1;
    }

    /// A request was answered, not with an error. Call [`Recorder::settle`] before `now` changes.
    #[inline]
    pub(super) fn ok(&mut self, request: &InFlight, now: Nanos) {
        let key = (request.intended, request.sent, request.command);
        if self.run.count > 0 && self.run.request == key {
            self.run.count += 1;
            return;
        }
        self.settle(now);
        self.run = Run { request: key, count: 1 };
    }

    /// Records what [`Recorder::ok`] collected at `now`.
    #[inline]
    pub(super) fn settle(&mut self, now: Nanos) {
        let count = std::mem::take(&mut self.run.count);
        if count == 0 {
            return;
        }
        let (intended, sent, command) = self.run.request;
        self.counts_of(intended).ok += u64::from(count);
        if self.is_measured(intended) {
            self.commands[usize::from(command)].ok += u64::from(count);
        }
        self.sample(intended, sent, now, command, count);
        self.close_requests(intended, count, sent, now, command, Outcome::Ok);
    }

    /// The reply to a request was `nil`.
    pub(super) fn null(&mut self, request: &InFlight) {
        self.nulls += 1;
        if self.is_measured(request.intended) {
            self.commands[usize::from(request.command)].nulls += 1;
        }
    }

    #[inline]
    fn sample(&mut self, intended: Nanos, sent: Nanos, replied: Nanos, command: u16, count: u32) {
        if self.is_measured(intended) {
            let command = &mut self.commands[usize::from(command)];
            command.response.record(replied.since(intended).0, count);
            command.service.record(replied.since(sent).0, count);
            command.lag.record(sent.since(intended).0, count);
        }
    }

    #[inline]
    fn close_requests(
        &mut self,
        intended: Nanos,
        count: u32,
        sent: Nanos,
        replied: Nanos,
        command: u16,
        outcome: Outcome,
    ) {
        let total = u64::from(count);
        self.open.count -= total;
        self.open.intended_sum =
            self.open.intended_sum.wrapping_sub(intended.0.wrapping_mul(total));
        if self.log_max > 0 && self.is_measured(intended) {
            let entry = LoggedRequest {
                command: usize::from(command),
                intended: intended.since(self.origin),
                sent: sent.since(self.origin),
                replied: replied.since(self.origin),
                outcome,
            };
            for _ in 0..count {
                if self.log.len() < self.log_max {
                    self.log.push(entry);
                } else {
                    self.log_dropped += 1;
                }
            }
        }
    }

    /// A request was answered with an error, or lost with its connection.
    pub(super) fn error(&mut self, request: &InFlight, text: &[u8], now: Nanos) {
        self.settle(now);
        self.counts_of(request.intended).error += 1;
        if self.is_measured(request.intended) {
            self.error_response.saturating_record(now.since(request.intended).0);
        }
        let word = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let word = String::from_utf8_lossy(&word[..word.len().min(ERROR_WORD_BYTES_MAX)]);
        count_word(&mut self.errors, &word, 1);
        let (intended, sent) = (request.intended, request.sent);
        self.close_requests(intended, 1, sent, now, request.command, Outcome::Error);
    }

    /// A request was not answered by `deadline`: recorded as if it had been answered then.
    pub(super) fn timeout(&mut self, request: &InFlight, deadline: Nanos) {
        let (intended, sent) = (request.intended, request.sent);
        self.counts_of(intended).timeout += 1;
        self.sample(intended, sent, deadline, request.command, 1);
        self.close_requests(intended, 1, sent, deadline, request.command, Outcome::Timeout);
    }

    /// A request got a connection of its pool, after this long.
    #[inline]
    pub(super) fn waited(&mut self, intended: Nanos, wait: Nanos) {
        let is_measured = self.is_measured(intended);
        if let Some(metric) = &mut self.wait
            && is_measured
        {
            metric.record(wait.0, 1);
        }
    }

    /// A request waited for a connection until `limit` and got none.
    pub(super) fn turned_away(&mut self, intended: Nanos, limit: Nanos) {
        self.waited(intended, limit.since(intended));
        self.counts_of(intended).error += 1;
        if self.is_measured(intended) {
            self.error_response.saturating_record(limit.since(intended).0);
        }
        count_word(&mut self.errors, POOL_EXHAUSTED, 1);
        self.open.count -= 1;
        self.open.intended_sum = self.open.intended_sum.wrapping_sub(intended.0);
    }

    /// A request was not answered when the run ended.
    pub(super) fn unfinished(&mut self, intended: Nanos, sent: Nanos, ended: Nanos) {
        let counts = self.counts_of(intended);
        counts.unfinished += 1;
        counts.never_sent += u64::from(sent == UNSENT);
        if self.is_measured(intended) {
            self.censored.saturating_record(ended.since(intended).0);
        }
        self.open.count -= 1;
        self.open.intended_sum = self.open.intended_sum.wrapping_sub(intended.0);
    }

    /// An interval is over. Cheap: what it holds is packed later, by [`Recorder::tidy`].
    pub(super) fn close_interval(&mut self, number: u32) {
        for metric in self.metrics() {
            metric.close_interval(number);
        }
    }

    /// Packs at most one closed interval of one metric; `false` if there was none.
    pub(super) fn tidy(&mut self) -> bool {
        self.metrics().any(Metric::tidy)
    }

    fn metrics(&mut self) -> impl Iterator<Item = &mut Metric> {
        self.commands
            .iter_mut()
            .flat_map(|command| [&mut command.response, &mut command.service, &mut command.lag])
            .chain(&mut self.wait)
    }

    /// Ends the recording; the last interval must have been closed.
    pub(super) fn finish(self) -> Recorded {
        let commands = self.commands.into_iter().map(|command| CommandResult {
            label: command.label,
            ok: command.ok,
            nulls: command.nulls,
            response_time: command.response.finish(),
            service_time: command.service.finish(),
            send_lag: command.lag.finish(),
        });
        Recorded {
            counts: self.counts,
            warmup: self.warmup,
            traffic: self.traffic,
            cursor_steps: self.cursor_steps,
            nulls: self.nulls,
            errors: self.errors,
            commands: commands.collect(),
            error_response: self.error_response,
            censored: self.censored,
            wait: self.wait.map(Metric::finish),
            log: self.log,
            log_dropped: self.log_dropped,
        }
    }
}

/// Adds to the count of a word; what is too much for the list counts as `other`.
pub(super) fn count_word(words: &mut Vec<(String, u64)>, word: &str, count: u64) {
    if let Some((_, known)) = words.iter_mut().find(|(known, _)| known == word) {
        *known += count;
    } else if words.len() < ERROR_WORDS_MAX {
        words.push((word.to_owned(), count));
    } else {
        count_word_other(words, count);
    }
}

fn count_word_other(words: &mut Vec<(String, u64)>, count: u64) {
    match words.iter_mut().find(|(word, _)| word == "other") {
        Some((_, known)) => *known += count,
        None => words.push(("other".to_owned(), count)),
    }
}
