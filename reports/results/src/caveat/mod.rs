//! Caveats of a measurement as values: what is wrong, how severe it is, what to do about it.
//!
//! The lab passes plain facts to [`assess`]; every limit is a named constant with its reason. A caveat is part of the record,
//! is shown at the top of every report, and can make a gate's verdict "invalid".
//!
//! Read next: `text` and `remedy` for the words, [`merge`] for caveats that several arms share.

mod assess;
mod kinds;
mod merge;
mod remedy;
mod scenario_keys;
mod text;

pub use assess::{Facts, assess};
pub use kinds::{CaptureTimes, Hold, Means, Missed, Pace, Reached};
pub use merge::{Merged, badness, merge};
pub use scenario_keys::in_scenario;

use crate::record::{CaveatRecord, Severity};

/// Share of one core used by the busiest engine thread, above which replies start to wait for the client.
pub const CLIENT_CPU_SHARE_WARN: f64 = 0.75;
/// Above this share, the client's own queue is part of every number.
pub const CLIENT_CPU_SHARE_MAX: f64 = 0.90;
/// Below this share of the offered rate, the load was not quite the planned one.
pub const RATE_SHARE_WARN: f64 = 0.99;
/// Below this share, it was a different load.
pub const RATE_SHARE_MIN: f64 = 0.95;
/// Send lag (p99, in µs) of requests that found a free connection, above which the client's timer or thread was late.
/// Ten times the lag of an absolute timerfd on an idle machine.
pub const FREE_SEND_LAG_MAX_US: f64 = 1000.0;
/// Share of the median response time above which the generator's own timer is named.
const TIMER_SHARE_WARN: f64 = 0.1;
/// Medians of the first and last third may differ by this factor. Noise on a busy machine stays below it; an unfinished
/// warm-up does not.
pub const DRIFT_FACTOR_MAX: f64 = 1.25;
/// Above this share, errors and timeouts change what a percentile means.
pub const ERROR_SHARE_WARN: f64 = 0.001;

/// Share of the measured waiting time caused by the generator's own delay, above which there is a warning.
pub const LATE_SHARE_WARN: f64 = 0.10;
/// Above this share the run is invalid. Replies wait for a late client as long as requests do, but only the delay of requests
/// is measured, so a measured quarter is about one half in truth.
pub const LATE_SHARE_MAX: f64 = 0.25;
/// Total delay below this, in seconds, is a single pause in a short run and not a state of the machine: only a warning.
pub const LATE_S_MIN: f64 = 0.1;
/// Share of the measurement in which the generator was stopped (by a signal, or with its machine), above which there is a
/// warning: a closed loop sends nothing during that time, so its rate is too low by the same share.
pub const STOPPED_SHARE_WARN: f64 = 0.01;
/// Above this share it is a different rate: the same limit as [`RATE_SHARE_MIN`] in an open loop.
pub const STOPPED_SHARE_MAX: f64 = 1.0 - RATE_SHARE_MIN;
/// Share of the measurement in which the server process waited for a CPU, above which its times include those of other programs.
pub const STARVED_SHARE_WARN: f64 = 0.02;
/// Above this share, the times say more about the machine than about the server.
pub const STARVED_SHARE_MAX: f64 = 0.25;
/// Length of a single stall of that kind, in seconds, from which there is a warning: well above a scheduler's time slice.
pub const STARVED_STALL_S: f64 = 0.02;
/// In measurements shorter than this, in seconds, the CPU share says nothing: the start and the end of the run are a large
/// part of it.
pub const BUSY_S_MIN: f64 = 0.1;
/// A gap this long, in ms, in a loop that only reads the clock: longer than a scheduler's time slice, so another program had the CPU.
pub const GAP_MS_WARN: f64 = 5.0;
/// Share of that loop's time lost in gaps: reached on a busy machine, not on a quiet one.
pub const LOST_SHARE_WARN: f64 = 0.05;
/// Share of CPU time that the hypervisor gave to others, above which response times include pauses of the whole machine.
pub const STEAL_SHARE_WARN: f64 = 0.02;
/// A wall clock that moves this far, in ms, against the monotonic one was set; slewing stays below 0.5 ms a second.
pub const CLOCK_STEP_MS_WARN: f64 = 50.0;

/// A caveat of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Caveat {
    /// The load generator was the bottleneck, or close to it.
    ClientLimited {
        /// Share of one core that the busiest engine thread used.
        cpu_share: f64,
        /// How long the measurement was, in seconds, if that is too short to judge by.
        too_short_s: Option<f64>,
        /// Of the load.
        pace: Pace,
    },
    /// The load generator had no CPU when it needed one.
    ClientStarved {
        /// Share of the measured waiting time that its own delay explains, at least.
        late_share: f64,
        /// Total delay of its threads, in seconds.
        late_s: f64,
        /// The cause of most of it.
        hold: Hold,
    },
    /// The load generator was not running while requests were due. These gaps are not stalls of the server.
    ClientHeldUp {
        /// How many times.
        times: u64,
        /// The longest, in ms.
        longest_ms: f64,
        /// The cause of the longest.
        hold: Hold,
    },
    /// The load generator stopped for a part of a closed-loop run.
    ClientStopped {
        /// Share of the measurement.
        share: f64,
        /// How long in all, in seconds.
        stopped_s: f64,
        /// The cause.
        hold: Hold,
    },
    /// Before the run, a thread that only reads the clock lost the CPU.
    MachineNoisy {
        /// Longest gap in ms.
        max_gap_ms: f64,
        /// Share of the time lost in gaps.
        lost_share: f64,
    },
    /// The hypervisor gave CPU time to others.
    CpuStolen {
        /// Share of this machine's time.
        share: f64,
    },
    /// The CPU quota of the control group ran out.
    CpuThrottled {
        /// How many times.
        count: u64,
        /// For how long in all, in ms.
        millis: f64,
    },
    /// The wall clock was set during the run.
    ClockStepped {
        /// By how much, in ms.
        millis: f64,
    },
    /// The server did other work during the measurement.
    ServerBusy {
        /// What, as it follows "the server was".
        what: String,
    },
    /// The server process had no CPU when it needed one.
    ServerStarved {
        /// Share of the measurement in which it waited for a CPU.
        share: f64,
        /// How long in all, in seconds.
        waited_s: f64,
        /// The longest stall that this caused, in seconds; 0 if none.
        longest_s: f64,
    },
    /// The server evicted keys.
    KeysEvicted {
        /// How many.
        count: u64,
    },
    /// Keys expired under a load that sets no expiry.
    KeysExpired {
        /// How many.
        count: u64,
    },
    /// The server rejected connections.
    ConnectionsRejected {
        /// How many.
        count: u64,
    },
    /// No connection to a node of the cluster could be opened, so the requests for its keys were not sent.
    NodeUnreached {
        /// The node, as the cluster names it.
        node: String,
        /// Attempts.
        attempts: u64,
        /// Why the first of them failed.
        reason: String,
    },
    /// Some connections could not be opened at the start.
    ConnectionsMissing {
        /// Opened.
        established: u64,
        /// Asked for.
        asked: u64,
        /// The most frequent reason.
        reason: Option<String>,
        /// Of the load.
        means: Means,
    },
    /// No request of a reading command found anything.
    NoHits {
        /// The command.
        command: String,
        /// How many misses.
        misses: u64,
        /// Of the load.
        means: Means,
    },
    /// An automatic warm-up ended without a steady state.
    NeverSettled {
        /// Its longest allowed duration, in seconds.
        after_s: f64,
        /// What still changed.
        what: String,
    },
    /// Fewer replies per second than the plan offered.
    RateNotAchieved {
        /// Replies per second during the measurement: the group's `achieved_rate`.
        achieved: f64,
        /// Requests per second that were due.
        offered: f64,
        /// The part of it that may be missing: replies that can only arrive after the end, and random variation. It decides the
        /// severity, and is not part of either figure.
        spared: f64,
        /// Of the load.
        means: Means,
    },
    /// Requests left late although a connection was free.
    SendLagHigh {
        /// p99 of that lag in µs.
        p99_us: f64,
    },
    /// The load generator's timer is a large part of the response time.
    TimerLag {
        /// Median delay by it, in µs.
        lag_us: f64,
        /// Median response time, in µs.
        response_us: f64,
    },
    /// A percentile that was asked for cannot be given.
    TooFewSamples {
        /// The percentile, in percent.
        p: f64,
        /// Samples at hand.
        count: u64,
        /// Samples needed.
        need: u64,
        /// Of the load.
        pace: Pace,
    },
    /// The server was still getting faster or slower.
    WarmUpUnstable {
        /// Median of the last third over median of the first.
        drift: f64,
        /// Of the load.
        means: Means,
    },
    /// Samples above the histogram's hour were counted but have no value.
    ValueBeyondRange {
        /// How many.
        count: u64,
    },
    /// Requests without reply at the end; they count as lower bounds.
    UnfinishedRequests {
        /// How many.
        count: u64,
    },
    /// Requests that were due and never sent, because too many were waiting.
    ShedRequests {
        /// How many.
        count: u64,
        /// Of the load.
        means: Means,
    },
    /// Errors or timeouts among the replies.
    ErrorReplies {
        /// Their share of the sent requests.
        share: f64,
        /// The text of the most frequent error; `None` if all were timeouts.
        example: Option<String>,
    },
    /// Messages that were sent did not reach a subscriber.
    MessagesLost {
        /// How many, once for each subscriber that should have had it.
        count: u64,
        /// How many messages arrived.
        received: u64,
    },
    /// Connections were lost during the measurement and opened again.
    ConnectionsLost {
        /// How many times.
        count: u64,
        /// How many of them the load generator closed because a request had no reply within its time limit …
        overdue: u64,
        /// … or because a reply could not be parsed, with the first reason.
        unreadable: Option<(u64, String)>,
    },
    /// The engine's request counts do not add up: a defect of this program.
    AccountingError {
        /// What does not add up.
        what: String,
    },
    /// The run ended early.
    Interrupted {
        /// Seconds measured.
        measured_s: f64,
        /// Seconds planned, if the plan had a duration.
        planned_s: Option<f64>,
    },
    /// No request succeeded although the server answered: all replies were errors, or the pool had no free connection.
    NoSuccess {
        /// The most frequent error.
        example: String,
    },
    /// The server answered, but no request completed: long iterations, large replies.
    NothingComplete {
        /// Iteration steps with a reply.
        steps: u64,
        /// Bytes received.
        bytes: u64,
    },
    /// The load generator closed all of its connections and was configured not to reconnect.
    NoConnectionLeft {
        /// How far the run came.
        reached: Reached,
    },
    /// Subscribers or blocking commands received nothing.
    NothingHeard {
        /// What they missed.
        missed: Missed,
    },
    /// The server restarted, or a different one answered.
    ServerChanged {
        /// What differed.
        what: String,
    },
    /// The replayed capture is incomplete, or not in order.
    CaptureDoubtful {
        /// What is wrong with it.
        what: String,
    },
}

impl Caveat {
    /// The caveat of a server process that waited for a CPU for this share of the measurement, for this long in total, and with
    /// this longest stall, both in seconds; `None` if the values are normal for a quiet machine.
    #[must_use]
    pub fn server_starved(share: f64, waited_s: f64, longest_s: f64) -> Option<Self> {
        let crossed = share > STARVED_SHARE_WARN || longest_s >= STARVED_STALL_S;
        crossed.then_some(Self::ServerStarved { share, waited_s, longest_s })
    }

    /// Stable name for scripts.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::ClientLimited { .. }
            | Self::ClientStarved { .. }
            | Self::ClientStopped { .. } => "client-limited",
            Self::MachineNoisy { .. } => "machine-noisy",
            Self::CpuStolen { .. } => "cpu-stolen",
            Self::CpuThrottled { .. } => "cpu-throttled",
            Self::ClockStepped { .. } => "clock-stepped",
            Self::ServerBusy { .. } => "server-busy",
            Self::ServerStarved { .. } => "server-starved",
            Self::KeysEvicted { .. } => "keys-evicted",
            Self::KeysExpired { .. } => "keys-expired",
            Self::ConnectionsRejected { .. } => "connections-rejected",
            Self::ConnectionsMissing { .. } => "connections-missing",
            Self::NoHits { .. } => "no-hits",
            Self::RateNotAchieved { .. } => "rate-not-achieved",
            Self::SendLagHigh { .. } => "send-lag-high",
            Self::TimerLag { .. } => "timer-lag",
            Self::TooFewSamples { .. } => "too-few-samples",
            Self::WarmUpUnstable { .. } | Self::NeverSettled { .. } => "warm-up-unstable",
            Self::ValueBeyondRange { .. } => "value-beyond-range",
            Self::UnfinishedRequests { .. } => "unfinished-requests",
            Self::ShedRequests { .. } => "shed-requests",
            Self::ErrorReplies { .. } => "error-replies",
            Self::MessagesLost { .. } => "messages-lost",
            Self::ConnectionsLost { .. } => "connections-lost",
            Self::AccountingError { .. } => "wrong-books",
            Self::Interrupted { .. } => "interrupted",
            Self::NoSuccess { .. } => "no-success",
            Self::NothingComplete { .. } => "nothing-complete",
            Self::NothingHeard { .. } => "nothing-heard",
            Self::NodeUnreached { .. } => "node-unreached",
            Self::NoConnectionLeft { .. } => "no-connection-left",
            Self::ServerChanged { .. } => "server-changed",
            Self::CaptureDoubtful { .. } => "capture-doubtful",
            Self::ClientHeldUp { .. } => "client-held-up",
        }
    }

    /// Whether the numbers may still be used.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let invalid = match self {
            Self::ClientLimited { cpu_share, too_short_s, .. } => {
                *cpu_share > CLIENT_CPU_SHARE_MAX && too_short_s.is_none()
            }
            Self::ClientStarved { late_share, late_s, .. } => {
                *late_share > LATE_SHARE_MAX && *late_s >= LATE_S_MIN
            }
            Self::ClientStopped { share, stopped_s, .. } => {
                *share > STOPPED_SHARE_MAX && *stopped_s >= LATE_S_MIN
            }
            Self::ServerStarved { share, waited_s, .. } => {
                *share > STARVED_SHARE_MAX && *waited_s >= LATE_S_MIN
            }
            Self::RateNotAchieved { achieved, offered, spared, .. } => {
                achieved + spared < offered * RATE_SHARE_MIN
            }
            Self::NoSuccess { .. }
            | Self::NothingComplete { .. }
            | Self::NothingHeard { .. }
            | Self::NodeUnreached { .. }
            | Self::NoConnectionLeft { .. }
            | Self::ServerChanged { .. }
            | Self::AccountingError { .. } => true,
            _ => false,
        };
        if invalid { Severity::Invalid } else { Severity::Warning }
    }

    /// The figure behind the caveat, and the limit that it exceeded.
    fn figures(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::ClientLimited { cpu_share, .. } => {
                let invalid = self.severity() == Severity::Invalid;
                let limit = if invalid { CLIENT_CPU_SHARE_MAX } else { CLIENT_CPU_SHARE_WARN };
                (Some(*cpu_share), Some(limit))
            }
            Self::ClientStarved { late_share, .. } => {
                let invalid = self.severity() == Severity::Invalid;
                let limit = if invalid { LATE_SHARE_MAX } else { LATE_SHARE_WARN };
                (Some(*late_share), Some(limit))
            }
            Self::ClientStopped { share, .. } => {
                let invalid = self.severity() == Severity::Invalid;
                let limit = if invalid { STOPPED_SHARE_MAX } else { STOPPED_SHARE_WARN };
                (Some(*share), Some(limit))
            }
            Self::ServerStarved { share, longest_s, .. } if *share <= STARVED_SHARE_WARN => {
                (Some(*longest_s), Some(STARVED_STALL_S))
            }
            Self::ServerStarved { share, .. } => {
                let invalid = *share > STARVED_SHARE_MAX;
                let limit = if invalid { STARVED_SHARE_MAX } else { STARVED_SHARE_WARN };
                (Some(*share), Some(limit))
            }
            Self::MachineNoisy { lost_share, .. } if *lost_share > LOST_SHARE_WARN => {
                (Some(*lost_share), Some(LOST_SHARE_WARN))
            }
            Self::MachineNoisy { max_gap_ms, .. } => (Some(*max_gap_ms), Some(GAP_MS_WARN)),
            Self::CpuStolen { share } => (Some(*share), Some(STEAL_SHARE_WARN)),
            Self::CpuThrottled { millis, .. } => (Some(*millis), Some(0.0)),
            Self::ClientHeldUp { times, .. } => (Some(*times as f64), Some(0.0)),
            Self::ClockStepped { millis } => (Some(*millis), Some(CLOCK_STEP_MS_WARN)),
            Self::ConnectionsMissing { established, asked, .. } => {
                (Some(*established as f64), Some(*asked as f64))
            }
            Self::RateNotAchieved { achieved, offered, .. } => (Some(*achieved), Some(*offered)),
            Self::SendLagHigh { p99_us } => (Some(*p99_us), Some(FREE_SEND_LAG_MAX_US)),
            Self::TimerLag { lag_us, response_us } => {
                (Some(*lag_us), Some(TIMER_SHARE_WARN * response_us))
            }
            Self::TooFewSamples { count, need, .. } => (Some(*count as f64), Some(*need as f64)),
            Self::WarmUpUnstable { drift, .. } => (Some(*drift), Some(DRIFT_FACTOR_MAX)),
            Self::ValueBeyondRange { count }
            | Self::UnfinishedRequests { count }
            | Self::ShedRequests { count, .. }
            | Self::KeysEvicted { count }
            | Self::KeysExpired { count }
            | Self::ConnectionsRejected { count }
            | Self::MessagesLost { count, .. }
            | Self::ConnectionsLost { count, .. } => (Some(*count as f64), Some(0.0)),
            Self::ErrorReplies { share, .. } => (Some(*share), Some(ERROR_SHARE_WARN)),
            Self::Interrupted { measured_s, planned_s } => (Some(*measured_s), *planned_s),
            Self::NoConnectionLeft { reached } => {
                let (made, asked) = reached.numbers();
                (Some(made), Some(asked))
            }
            Self::NoHits { misses, .. } => (Some(*misses as f64), None),
            Self::ServerBusy { .. }
            | Self::NeverSettled { .. }
            | Self::NoSuccess { .. }
            | Self::NothingComplete { .. }
            | Self::NothingHeard { .. }
            | Self::NodeUnreached { .. }
            | Self::ServerChanged { .. }
            | Self::CaptureDoubtful { .. }
            | Self::AccountingError { .. } => (None, None),
        }
    }

    /// The form that is stored.
    #[must_use]
    pub fn to_record(&self) -> CaveatRecord {
        let (value, limit) = self.figures();
        CaveatRecord {
            id: self.id().to_owned(),
            severity: self.severity(),
            value,
            limit,
            text: self.cause(),
            remedy: self.remedy().to_owned(),
            arm: None,
        }
    }
}
