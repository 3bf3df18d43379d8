//! What a run measured: a [`RunResult`], merged over all threads.
//!
//! Not a record: no percentiles, no text, no caveats; the lab derives those. Facts only, in nanoseconds.
//! Invariant (checked at the end of every run, see [`Audit::wrong_accounting`]):
//! `scheduled = sent + shed` and `sent = ok + error + timeout + unfinished`, exactly.

pub use crate::clock::KernelClock;
use crate::clock::Nanos;
use crate::plan::Role;
pub use crate::record::audit::{Audit, Gaps, ThreadAudit};
pub use crate::record::reply_rate::{Arrivals, Replied};
use crate::record::sparse::IntervalSeries;
pub use crate::record::warmup_end::WarmupEnd;
pub use crate::workload::delivery_counts::DeliveryCounts;
use aelab_results::histogram::{self, Histogram};
use std::ops::Range;

/// Everything one run found out.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// In the plan's order.
    pub groups: Vec<GroupResult>,
    /// Spans without any reply while requests waited, in order of time, warm-up included.
    pub stalls: Vec<Stall>,
    /// From when to when requests waited that had no reply when the measurement ended, since the last reply to the same thread;
    /// those that were given up by then are included. Of clients without a connection, what they would have sent.
    pub unanswered: Option<Range<Nanos>>,
    /// What the engine says about itself.
    pub audit: Audit,
    /// When the schedule began, on the wall clock, nanoseconds since 1970-01-01 UTC.
    pub started_wall_ns: u64,
    /// When the schedule began, on the monotonic clock: the origin of every instant in a result.
    pub started: Nanos,
    /// Begin of the measurement, from the origin.
    pub measure_from: Nanos,
    /// End of the measurement, from the origin: as planned, or as it turned out.
    pub measure_until: Nanos,
    /// End of the drain, from the origin.
    pub ended: Nanos,
    /// Length of a reporting interval.
    pub interval: Nanos,
    /// The run was cancelled; everything up to then is here.
    pub interrupted: bool,
    /// The measurement ended early because no connection was left, and none was to be opened.
    pub is_cut_off: bool,
    /// How the warm-up ended, if it found its own end.
    pub warmup_end: Option<WarmupEnd>,
}

/// What one group found out in the measured phase.
#[derive(Clone, Debug)]
pub struct GroupResult {
    /// As in the plan.
    pub name: String,
    /// As in the plan.
    pub role: Role,
    /// Measured requests.
    pub counts: Counts,
    /// Requests of the warm-up.
    pub warmup_counts: Counts,
    /// When replies came, to requests of either phase.
    pub arrivals: Arrivals,
    /// What became of the connections.
    pub connections: ConnectionCounts,
    /// The same per server, in the order of the plan.
    pub endpoints: Vec<EndpointResult>,
    /// How often a cluster sent requests elsewhere; `None` without one.
    pub redirects: Option<RedirectCounts>,
    /// Why connections failed, were refused or were lost, with how often; most frequent first.
    pub failures: Vec<(String, u64)>,
    /// Error replies and lost requests by their first word (`OOM`, `disconnected`), of measured requests; most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Per command of the workload.
    pub commands: Vec<CommandResult>,
    /// Response time of what ended in an error; not part of the commands' histograms.
    pub error_response: Histogram,
    /// How long connections took to open.
    pub opening: OpeningTimes,
    /// What the kernel's time stamps say, if the plan asked for them.
    pub kernel_times: Option<KernelTimesResult>,
    /// What a group with a pool saw of it.
    pub pool: Option<PoolResult>,
    /// Measured requests one by one, if the plan asked for it.
    pub log: LoggedRequests,
    /// What was remarkable about replies.
    pub replies: ReplyCounts,
    /// How long commands that wait for data (`BLPOP`) waited, from when each was due; their response time is the data's.
    pub blocked: Option<MetricResult>,
    /// What became of marked messages, for a group that waits for data or messages.
    pub delivery: Option<DeliveryCounts>,
    /// Bytes sent and received while measuring.
    pub traffic: Traffic,
}

/// How long connections took to open, from the start of each.
#[derive(Clone, Debug)]
pub struct OpeningTimes {
    /// To its being open.
    pub connected: Histogram,
    /// To the last reply of its handshake.
    pub ready: Histogram,
    /// To the first byte from the server: the handshake's, or for a connection that replaces another the first request's.
    pub first_reply: Histogram,
}

impl Default for OpeningTimes {
    fn default() -> Self {
        let empty = histogram::new;
        Self { connected: empty(), ready: empty(), first_reply: empty() }
    }
}

/// The log of measured requests, in order of reply per thread.
#[derive(Clone, Debug, Default)]
pub struct LoggedRequests {
    /// One by one.
    pub entries: Vec<LoggedRequest>,
    /// Requests the log had no room for.
    pub dropped: u64,
}

/// Replies that were more, or other, than one answer to one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyCounts {
    /// Calls made to follow cursors, beyond the first call of each request.
    pub cursor_steps: u64,
    /// Successful replies that were `nil`, or held nothing of what a command looked for.
    pub null: u64,
    /// Replies to no request.
    pub unexpected: u64,
    /// The first reason why bytes on a connection could not be understood.
    pub unreadable: Option<String>,
}

/// How often a cluster sent requests elsewhere, warm-up included. Such a request is sent again; its response time counts from
/// its intended instant, its service time from the first time it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedirectCounts {
    /// `MOVED`: the slot has another node.
    pub moved: u64,
    /// `ASK`: the slot is on its way to another node.
    pub asked: u64,
}

/// What became of the connections to one of a group's servers.
#[derive(Clone, Debug)]
pub struct EndpointResult {
    /// Its address.
    pub name: String,
    /// Of its connections; one that was never opened counts as failed, and replacements are not told apart.
    pub connections: ConnectionCounts,
    /// Attempts to open one that came to nothing, and why the first did.
    pub failed_attempts: Option<(u64, String)>,
    /// Whether any connection was ever ready.
    pub is_reached: bool,
}

/// Errors that begin with the same word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    /// The word: the server's error code, or the engine's own (`disconnected`, `protocol-error`, `closed-after-timeout`, `pool-exhausted`, `other`).
    pub word: String,
    /// How often.
    pub count: u64,
    /// The whole text of the first, cut after [`aelab_resp::limits::REPLY_HEAD_BYTES`] bytes.
    pub text: String,
}

/// What became of the requests of one command; those that were shed had none yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandCounts {
    /// Answered, not with an error.
    pub ok: u64,
    /// Answered with an error, or lost with their connection.
    pub error: u64,
    /// Not answered within the time limit.
    pub timeout: u64,
    /// Not answered when the run ended.
    pub unfinished: u64,
}

impl CommandCounts {
    /// Adds another thread's counts.
    pub const fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.error += other.error;
        self.timeout += other.timeout;
        self.unfinished += other.unfinished;
    }
}

impl GroupResult {
    /// For each unfinished request of any command, how long it had waited when the run ended.
    pub fn censored(&self) -> Histogram {
        self.sum(|command| &command.censored)
    }

    /// The same since it was sent, for those of them that were.
    pub fn censored_service(&self) -> Histogram {
        self.sum(|command| &command.censored_service)
    }

    fn sum(&self, of: fn(&CommandResult) -> &Histogram) -> Histogram {
        let mut all = histogram::new();
        for command in &self.commands {
            let added = all.add(of(command));
            debug_assert!(added.is_ok(), "all histograms have the same bounds");
        }
        all
    }

    /// Whether the accounting of the group balances: the identities of both phases, the commands' counts, and one sample for each
    /// request that has a time.
    ///
    /// # Errors
    /// The first thing that does not add up, with its numbers.
    pub fn check_accounting(&self) -> Result<(), String> {
        self.counts.check()?;
        self.warmup_counts.check().map_err(|reason| format!("in the warm-up, {reason}"))?;
        let mut sum = CommandCounts::default();
        for command in &self.commands {
            sum.add(&command.counts);
            let answered = command.counts.ok + command.counts.timeout;
            let want = self.delivery.map_or(answered, |delivery| delivery.measured);
            for (name, metric) in [
                ("response time", &command.response_time),
                ("service time", &command.service_time),
                ("send lag", &command.send_lag),
            ] {
                let got = metric.total.len() + metric.exact.beyond_range;
                if got != want || metric.exact.count != want {
                    let label = &command.label;
                    return Err(format!("{label} has {got} samples of {name} for {want} requests"));
                }
            }
        }
        let counts = &self.counts;
        let want = CommandCounts {
            ok: counts.ok,
            error: counts.error,
            timeout: counts.timeout,
            unfinished: counts.unfinished,
        };
        if sum != want {
            return Err(format!("the commands add up to {sum:?}, the group has {want:?}"));
        }
        Ok(())
    }
}

/// Where requests went. See the invariant of this module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that became due.
    pub scheduled: u64,
    /// Requests taken up, that is, all but the shed.
    pub sent: u64,
    /// Requests that became due while the backlog was full.
    pub shed: u64,
    /// Answered, not with an error.
    pub ok: u64,
    /// Answered with an error, or lost with their connection.
    pub error: u64,
    /// Not answered within the time limit.
    pub timeout: u64,
    /// Not answered when the run ended.
    pub unfinished: u64,
    /// Those of the unfinished of which no byte ever reached a socket.
    pub never_sent: u64,
}

impl Counts {
    /// Whether the accounting balances; the message says which side is off.
    ///
    /// # Errors
    /// The identity that does not hold, with its numbers.
    pub fn check(&self) -> Result<(), String> {
        let taken = self.sent + self.shed;
        if self.scheduled != taken {
            return Err(format!("scheduled {} is not sent + shed {taken}", self.scheduled));
        }
        let ended = self.ok + self.error + self.timeout + self.unfinished;
        if self.sent != ended {
            return Err(format!(
                "sent {} is not ok + error + timeout + unfinished {ended}",
                self.sent
            ));
        }
        Ok(())
    }

    /// Adds another thread's counts.
    pub fn add(&mut self, other: &Self) {
        self.scheduled += other.scheduled;
        self.sent += other.sent;
        self.shed += other.shed;
        self.ok += other.ok;
        self.error += other.error;
        self.timeout += other.timeout;
        self.unfinished += other.unfinished;
        self.never_sent += other.never_sent;
    }
}

/// What became of a group's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// In the plan.
    pub asked: u64,
    /// Ready when the schedule began.
    pub established: u64,
    /// Not ready when the schedule began.
    pub failed: u64,
    /// Lost while running.
    pub lost: u64,
    /// Those of them that were lost before the measurement began; not counted for each server.
    pub lost_in_warmup: u64,
    /// Those of them that we closed while measuring because their bytes could not be understood; not counted for each server.
    pub unreadable: u64,
    /// Those that we closed while measuring because a request had no reply within its time limit; as above.
    pub overdue: u64,
    /// Ready again after having been lost.
    pub reconnects: u64,
    /// Opened in place of one that had served its number of requests, or because a pool had too few.
    pub renewed: u64,
}

/// The parts of the service time that the kernel's time stamps tell apart, of measured requests that were answered without
/// error. They add up to it, for each request.
#[derive(Clone, Debug)]
pub struct KernelTimesResult {
    /// From the send to the arrival of the reply in this machine's kernel: the wire, the server, and our kernel's sending.
    pub wire: MetricResult,
    /// From there until we had read it: the generator's own delay.
    pub wake_up: MetricResult,
    /// Replies without a usable stamp: they are in neither.
    pub unstamped: u64,
}

/// What happened in an emulated pool.
#[derive(Clone, Debug)]
pub struct PoolResult {
    /// How long measured requests waited from their intended time until they had a connection (0 if one was idle), those
    /// that gave up included. It is part of their send lag and of their response time.
    pub wait: MetricResult,
    /// What it did, warm-up included but for requests that were turned away.
    pub counts: PoolCounts,
}

/// What an emulated pool did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// Connections opened while running, because requests waited or few were idle.
    pub opened: u64,
    /// Connections closed because enough were idle, or because they had served their number of requests.
    pub closed: u64,
    /// Requests that waited too long; they count as errors (`pool-exhausted`).
    pub pool_timeouts: u64,
    /// The most connections that were open or being opened at a time.
    pub most_open: u64,
}

/// The measured requests of one command.
#[derive(Clone, Debug)]
pub struct CommandResult {
    /// The row's name.
    pub label: String,
    /// What became of its requests.
    pub counts: CommandCounts,
    /// For each unfinished request, how long it had waited since its intended time when the run ended: lower bounds.
    pub censored: Histogram,
    /// The same since it was sent, for those of them that were.
    pub censored_service: Histogram,
    /// Those of the successful replies that held nothing: misses, for a command that looks for something.
    pub nulls: u64,
    /// Bytes of all its requests and replies, those of the warm-up and the drain too.
    pub traffic: Traffic,
    /// replied − intended.
    pub response_time: MetricResult,
    /// replied − sent.
    pub service_time: MetricResult,
    /// sent − intended.
    pub send_lag: MetricResult,
}

/// One metric of one command.
#[derive(Clone, Debug)]
pub struct MetricResult {
    /// All of the measured phase.
    pub total: Histogram,
    /// Exact extremes and sum, free of the histogram's rounding.
    pub exact: Exact,
    /// The same samples by the interval in which the reply came; empty intervals are left out.
    pub intervals: IntervalSeries,
    /// The shortest of the samples that a time limit ended, in nanoseconds: they are lower bounds.
    pub given_up: Option<u64>,
}

/// Exact figures kept beside a histogram, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact {
    /// Samples.
    pub count: u64,
    /// Smallest, `u64::MAX` if there is none.
    pub min: u64,
    /// Largest, 0 if there is none.
    pub max: u64,
    /// Sum.
    pub sum: u128,
    /// Samples above the histogram's range of one hour; they are missing there.
    pub beyond_range: u64,
}

impl Default for Exact {
    fn default() -> Self {
        Self { count: 0, min: u64::MAX, max: 0, sum: 0, beyond_range: 0 }
    }
}

impl Exact {
    /// Adds another thread's figures.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.beyond_range += other.beyond_range;
    }

    /// The mean in nanoseconds, `None` if there is no sample.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

/// A span in which no reply came on any connection while requests of a group other than an offender's waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// From the origin.
    pub start: Nanos,
    /// How long.
    pub duration: Nanos,
    /// Requests waiting at the end of it.
    pub delayed: u64,
    /// Their waiting time inside the span, added up: nanoseconds of client time lost.
    pub lost: Nanos,
    /// How much of the span an engine thread is known not to have looked in (it got no CPU, or was busy): a stall that is
    /// mostly this is the measuring machine's, not the server's.
    pub engine_late: Nanos,
    /// How much of that it was running: busy with one thing, as with a huge value that it copied.
    pub engine_busy: Nanos,
}

/// The three instants of one measured request, from the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Index into the group's commands.
    pub command: usize,
    /// When it was due.
    pub intended: Nanos,
    /// When its first byte left.
    pub sent: Nanos,
    /// When its reply (for a followed cursor: the last one) had been read.
    pub replied: Nanos,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a reply that is no error.
    Ok,
    /// With an error reply, or lost with its connection.
    Error,
    /// Without a reply inside the time limit.
    Timeout,
}

/// Bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes the kernel took.
    pub sent_bytes: u64,
    /// Bytes the kernel gave.
    pub received_bytes: u64,
}
