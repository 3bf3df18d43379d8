//! One thread's figures of one group: counts, histograms, errors, the request log.
//!
//! Not a statistic: it adds up and sorts into buckets, nothing else. Not shared while the run lasts.
//! Invariant: every request created is finished exactly once, into one of ok, error, timeout, unfinished. The phase it
//! counts for is that of its intended time; in a closed loop also the measurement's if it is still open when that begins.

use crate::clock::Nanos;
use crate::conn::request::{Due, InFlight, UNSENT};
use crate::error::POOL_EXHAUSTED;
use crate::plan::{GroupPlan, Reception, RequestLog, Timestamps};
use crate::record::command_recorder::CommandRecorder;
use crate::record::error_counts::ErrorCounts;
use crate::record::kernel_times::KernelTimes;
use crate::record::live::{Counted, Shard};
use crate::record::metric::Metric;
use crate::record::open::Open;
use crate::record::recorded::Recorded;
use crate::record::reply_rate::{Replied, ReplyRate};
use crate::record::result::{
    Counts, DeliveryCounts, LoggedRequest, LoggedRequests, Outcome, Traffic,
};
use crate::workload::message_stamp::Receiver;
use crate::workload::reply_shape::Shape;
use aelab_resp::ReplyKind;
use aelab_results::histogram::{self, Histogram};
use std::sync::Arc;

/// Equal samples of one read: with pipelining, a window's requests are often due, sent and answered together, and
/// recording them as one costs a third.
#[derive(Clone, Copy, Debug)]
struct Run {
    request: (Nanos, Nanos, u16),
    count: u32,
}

/// Measured requests that ended in an error.
#[derive(Debug)]
struct Errors {
    words: ErrorCounts,
    response_time: Histogram,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Recorder {
    origin: Nanos,
    measure_from: Nanos,
    /// Where response times are shown while the run is on.
    live: Vec<Arc<Shard>>,
    run: Run,
    commands: Vec<CommandRecorder>,
    /// Requests created and not finished, both phases.
    pub(crate) open: Open,
    /// Measured requests.
    pub(crate) counts: Counts,
    /// Requests of the warm-up.
    pub(crate) warmup: Counts,
    reply_rate: ReplyRate,
    /// Bytes, while measuring.
    pub(crate) traffic: Traffic,
    /// Calls beyond the first of followed cursors.
    pub(crate) cursor_steps: u64,
    /// Replies that hold nothing.
    nulls: u64,
    errors: Errors,
    /// How late due requests of an open loop were noticed.
    wakeup_lag: Histogram,
    /// How long requests waited for a connection of a pool, if there is one.
    wait: Option<Metric>,
    reception: Reception,
    /// How long commands waited for data, if they do.
    blocked: Option<Metric>,
    delivery: DeliveryCounts,
    /// What kernel time stamps tell, if there are any.
    kernel_times: Option<Box<KernelTimes>>,
    log: Log,
}

/// The log of measured requests, and most entries it may have.
#[derive(Debug)]
struct Log {
    requests: LoggedRequests,
    max: usize,
}

impl Recorder {
    /// An empty recorder for a group.
    pub(crate) fn new(plan: &GroupPlan, shapes: &[Shape], reception: Reception) -> Self {
        let commands = plan.workload.commands.iter().zip(shapes);
        let commands = commands.map(|(command, shape)| CommandRecorder::new(command, *shape));
        Self {
            origin: Nanos::ZERO,
            measure_from: Nanos::MAX,
            live: Vec::new(),
            run: Run { request: (Nanos::ZERO, Nanos::ZERO, 0), count: 0 },
            commands: commands.collect(),
            open: Open::default(),
            counts: Counts::default(),
            warmup: Counts::default(),
            reply_rate: ReplyRate::default(),
            traffic: Traffic::default(),
            cursor_steps: 0,
            nulls: 0,
            errors: Errors { words: ErrorCounts::default(), response_time: histogram::new() },
            wakeup_lag: histogram::new(),
            wait: plan.pool.map(|_| Metric::default()),
            reception,
            blocked: (reception == Reception::Data).then(Metric::default),
            delivery: DeliveryCounts::default(),
            kernel_times: None,
            log: Log {
                requests: LoggedRequests::default(),
                max: match plan.log_requests {
                    RequestLog::Off => 0,
                    RequestLog::Keep { max } => max,
                },
            },
        }
    }

    /// The schedule begins at `origin`, the measurement at `measure_from`.
    pub(crate) const fn start(&mut self, origin: Nanos, measure_from: Nanos) {
        self.origin = origin;
        self.measure_from = measure_from;
    }

    /// Shows response times: those of each command in the place that `place` gives for its index.
    pub(crate) fn show(&mut self, place: impl Fn(usize) -> Arc<Shard>) {
        self.live = (0..self.commands.len()).map(place).collect();
        for (command, live) in self.commands.iter_mut().zip(&self.live) {
            command.response.show(Arc::clone(live));
        }
    }

    /// The response times shown so far.
    pub(crate) fn shown(&self) -> Counted {
        let mut shown = Counted::default();
        self.live.iter().for_each(|live| shown.merge(&live.counted()));
        shown
    }

    /// Shows a response time of the warm-up.
    fn show_early(&self, command: usize, time: Nanos, count: u32) {
        if let Some(live) = self.live.get(command) {
            live.add(time.0, u64::from(count));
        }
    }

    /// The measurement begins at `measure_from`, which was not known at the start.
    pub(crate) const fn measure_from(&mut self, measure_from: Nanos) {
        self.measure_from = measure_from;
    }

    /// The measurement of a closed loop begins: what is still open takes part in it, with its true times. In a closed loop
    /// nothing becomes due while nothing is answered, so a stall that began before would show in no request at all.
    pub(crate) fn adopt_open(&mut self) {
        let open = self.open_in_warmup();
        self.warmup.scheduled -= open;
        self.warmup.sent -= open;
        self.counts.scheduled += open;
        self.counts.sent += open;
        self.measure_from = Nanos::ZERO;
    }

    /// Replies so far, of both phases.
    const fn replied(&self) -> Replied {
        Replied {
            warmup: self.warmup.ok + self.warmup.error - self.reply_rate.lost.warmup,
            measured: self.counts.ok + self.counts.error - self.reply_rate.lost.measured,
        }
    }

    /// The measurement begins: what is answered from now on counts in its rate.
    pub(crate) const fn begin_measurement(&mut self) {
        self.reply_rate.begin(self.replied());
    }

    /// The measurement is over.
    pub(crate) const fn end_measurement(&mut self) {
        self.reply_rate.end(self.replied());
    }

    /// Requests of the warm-up that are not finished.
    pub(crate) const fn open_in_warmup(&self) -> u64 {
        let counts = &self.warmup;
        counts.sent - counts.ok - counts.error - counts.timeout - counts.unfinished
    }

    /// Subscribing is no load: it counts for the run whenever it is done, and is done before it begins.
    #[inline]
    pub(crate) fn is_measured(&self, intended: Nanos) -> bool {
        intended >= self.measure_from || self.reception == Reception::Messages
    }

    fn counts_of(&mut self, intended: Nanos) -> &mut Counts {
        if self.is_measured(intended) { &mut self.counts } else { &mut self.warmup }
    }

    /// A request became due and is taken up.
    #[inline]
    pub(crate) fn created(&mut self, intended: Nanos) {
        let counts = self.counts_of(intended);
        counts.scheduled += 1;
        counts.sent += 1;
        self.open.count += 1;
        self.open.intended_sum = self.open.intended_sum.wrapping_add(intended.0);
    }

    /// How the replies of a command are to be read.
    pub(crate) fn shape(&self, command: u16) -> Shape {
        self.commands[usize::from(command)].shape
    }

    /// What the group waits for.
    #[inline]
    pub(crate) const fn reception(&self) -> Reception {
        self.reception
    }

    /// Looks for marks in what one connection got at `now`.
    pub(crate) fn receive(&mut self, receiver: &mut Receiver, bytes: &[u8], now: Nanos) {
        let mut counts = self.delivery;
        let run = self.origin.0;
        receiver.on_bytes(bytes, run, &mut counts, |mark| {
            if mark.intended >= self.measure_from {
                self.delivery.measured += 1;
                self.commands[0].sample(mark.intended, mark.sent, now, 1);
            } else {
                // A group that receives messages has one command.
                self.show_early(0, now.since(mark.intended), 1);
            }
        });
        counts.measured = self.delivery.measured;
        self.delivery = counts;
    }

    /// Messages that came so far.
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivery.received
    }

    /// A request of an open loop was noticed to be due.
    #[inline]
    pub(crate) fn note_wakeup_lag(&mut self, intended: Nanos, now: Nanos) {
        if self.is_measured(intended) {
            self.wakeup_lag.saturating_record(now.since(intended).0);
        }
    }

    /// See [`Recorder::note_wakeup_lag`].
    pub(crate) const fn wakeup_lag(&self) -> &Histogram {
        &self.wakeup_lag
    }

    /// A request became due and there is no room for it.
    pub(crate) fn shed(&mut self, intended: Nanos) {
        let counts = self.counts_of(intended);
        counts.scheduled += 1;
        counts.shed += 1;
    }

    /// A request was answered, not with an error. Call [`Recorder::flush`] before `now` changes.
    #[inline]
    pub(crate) fn ok(&mut self, request: &InFlight, now: Nanos) {
        let key = (request.intended, request.sent, request.command);
        if self.run.count > 0 && self.run.request == key {
            self.run.count += 1;
            return;
        }
        self.flush(now);
        self.run = Run { request: key, count: 1 };
    }

    /// Records what [`Recorder::ok`] collected at `now`.
    #[inline]
    pub(crate) fn flush(&mut self, now: Nanos) {
        let count = std::mem::take(&mut self.run.count);
        if count == 0 {
            return;
        }
        let (intended, sent, command) = self.run.request;
        self.counts_of(intended).ok += u64::from(count);
        if self.is_measured(intended) {
            let recorder = &mut self.commands[usize::from(command)];
            recorder.counts.ok += u64::from(count);
            if self.reception == Reception::Replies {
                recorder.sample(intended, sent, now, count);
            } else if let Some(blocked) = &mut self.blocked {
                blocked.record(now.since(intended).0, count);
            }
        } else if self.reception == Reception::Replies {
            self.show_early(usize::from(command), now.since(intended), count);
        }
        self.close_requests(intended, count, sent, now, command, Outcome::Ok);
    }

    /// A reply of so many bytes belongs to a request of this command.
    #[inline]
    pub(crate) fn received(&mut self, command: u16, bytes: u64) {
        self.commands[usize::from(command)].received_bytes += bytes;
    }

    /// The reply to a request holds nothing.
    pub(crate) fn nothing(&mut self, request: &InFlight, kind: ReplyKind) {
        let is_measured = self.is_measured(request.intended);
        let command = &mut self.commands[usize::from(request.command)];
        let is_miss = command.seeks.misses(kind);
        self.nulls += u64::from(is_miss);
        command.nulls += u64::from(is_miss && is_measured);
    }

    /// The figures of a command, if a request due at `intended` is measured.
    #[inline]
    fn measured(&mut self, intended: Nanos, command: u16) -> Option<&mut CommandRecorder> {
        self.is_measured(intended).then(|| &mut self.commands[usize::from(command)])
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
        if self.log.max > 0 && self.is_measured(intended) {
            let entry = LoggedRequest {
                command: usize::from(command),
                intended: intended.since(self.origin),
                sent: sent.since(self.origin),
                replied: replied.since(self.origin),
                outcome,
            };
            for _ in 0..count {
                if self.log.requests.entries.len() < self.log.max {
                    self.log.requests.entries.push(entry);
                } else {
                    self.log.requests.dropped += 1;
                }
            }
        }
    }

    /// A request was answered with an error.
    pub(crate) fn error(&mut self, request: &InFlight, text: &[u8], now: Nanos) {
        self.flush(now);
        let (intended, sent) = (request.intended, request.sent);
        self.failed(intended, request.command, now, text);
        self.close_requests(intended, 1, sent, now, request.command, Outcome::Error);
    }

    /// A request was lost with its connection; `text` begins with a word of ours.
    pub(crate) fn lost(&mut self, request: &InFlight, text: &str, now: Nanos) {
        self.note_lost(request.intended);
        self.error(request, text.as_bytes(), now);
    }

    /// The error of a request due at `intended` is no reply.
    fn note_lost(&mut self, intended: Nanos) {
        if self.is_measured(intended) {
            self.reply_rate.lost.measured += 1;
        } else {
            self.reply_rate.lost.warmup += 1;
        }
    }

    fn failed(&mut self, intended: Nanos, command: u16, now: Nanos, text: &[u8]) {
        self.counts_of(intended).error += 1;
        self.live.get(usize::from(command)).into_iter().for_each(|live| live.add_error());
        if self.is_measured(intended) {
            self.commands[usize::from(command)].counts.error += 1;
            self.errors.response_time.saturating_record(now.since(intended).0);
            self.errors.words.note(text);
        }
    }

    /// With room for the kernel's time stamps, if replies will carry them. What receives messages has none: its times are those
    /// of the messages, of which each was sent by another connection.
    pub(crate) fn with_kernel_times(
        mut self,
        reception: Reception,
        timestamps: Timestamps,
    ) -> Self {
        let is_stamped = timestamps == Timestamps::Kernel && reception == Reception::Replies;
        self.kernel_times = is_stamped.then(Box::default);
        self
    }

    /// A request was answered, not with an error; the kernel had the reply at `arrived`.
    #[inline]
    pub(crate) fn stamped(&mut self, request: &InFlight, arrived: Option<Nanos>, now: Nanos) {
        let is_measured = self.is_measured(request.intended);
        if let Some(kernel_times) = &mut self.kernel_times
            && is_measured
        {
            kernel_times.record(request.sent, arrived, now);
        }
    }

    /// A request was not answered by `deadline`: recorded as if it had been answered then, as a lower bound.
    pub(crate) fn timeout(&mut self, request: &InFlight, deadline: Nanos) {
        let (intended, sent) = (request.intended, request.sent);
        self.counts_of(intended).timeout += 1;
        self.live.get(usize::from(request.command)).into_iter().for_each(|live| live.add_timeout());
        if let Some(recorder) = self.measured(intended, request.command) {
            recorder.given_up(intended, sent, deadline);
        }
        self.close_requests(intended, 1, sent, deadline, request.command, Outcome::Timeout);
    }

    /// A request got a connection of its pool, after this long.
    #[inline]
    pub(crate) fn waited(&mut self, intended: Nanos, wait: Nanos) {
        let is_measured = self.is_measured(intended);
        if let Some(metric) = &mut self.wait
            && is_measured
        {
            metric.record(wait.0, 1);
        }
    }

    /// A request waited for a connection until `limit` and got none.
    pub(crate) fn pool_timeout(&mut self, due: Due, limit: Nanos) {
        let intended = due.intended;
        self.waited(intended, limit.since(intended));
        self.note_lost(intended);
        self.failed(intended, due.command, limit, POOL_EXHAUSTED.as_bytes());
        self.open.count -= 1;
        self.open.intended_sum = self.open.intended_sum.wrapping_sub(intended.0);
    }

    /// A request was not answered when the run ended.
    pub(crate) fn unfinished(&mut self, due: Due, sent: Nanos, ended: Nanos) {
        let intended = due.intended;
        let counts = self.counts_of(intended);
        counts.unfinished += 1;
        counts.never_sent += u64::from(sent == UNSENT);
        if let Some(recorder) = self.measured(intended, due.command) {
            recorder.unfinished(intended, (sent != UNSENT).then_some(sent), ended);
        }
        self.open.count -= 1;
        self.open.intended_sum = self.open.intended_sum.wrapping_sub(intended.0);
    }

    /// An interval is over. Cheap: what it holds is packed later, by [`Recorder::tidy`].
    pub(crate) fn close_interval(&mut self, number: u32) {
        self.reply_rate.close_interval(number, self.replied());
        for metric in self.metrics() {
            metric.close_interval(number);
        }
    }

    /// Packs at most one closed interval of one metric; `false` if there was none.
    pub(crate) fn tidy(&mut self) -> bool {
        self.metrics().any(Metric::tidy)
    }

    fn metrics(&mut self) -> impl Iterator<Item = &mut Metric> {
        self.commands
            .iter_mut()
            .flat_map(|command| [&mut command.response, &mut command.service, &mut command.lag])
            .chain(&mut self.wait)
            .chain(&mut self.blocked)
            .chain(self.kernel_times.iter_mut().flat_map(|kernel_times| kernel_times.metrics()))
    }

    /// Ends the recording; the last interval must have been closed.
    pub(crate) fn finish(self) -> Recorded {
        let replied = self.replied();
        Recorded {
            counts: self.counts,
            warmup: self.warmup,
            arrivals: self.reply_rate.finish(replied),
            traffic: self.traffic,
            cursor_steps: self.cursor_steps,
            nulls: self.nulls,
            errors: self.errors.words,
            commands: self.commands.into_iter().map(CommandRecorder::finish).collect(),
            error_response: self.errors.response_time,
            wait: self.wait.map(Metric::finish),
            blocked: self.blocked.map(Metric::finish),
            delivery: (self.reception != Reception::Replies).then_some(self.delivery),
            kernel_times: self.kernel_times.map(|kernel_times| kernel_times.finish()),
            log: self.log.requests,
        }
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
