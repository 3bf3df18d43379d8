//! The numbers of a record: one `Group` per group of connections, with exact counts and the
//! percentiles of the three metrics. Plain data; times are in µs with the nanosecond as fraction.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// A group of connections that does one job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Its name, also the first part of its tags in `latency.hlog`.
    pub name: String,
    /// What it sends, in words: `GET:SET 9:1, zipf 0.99 over 1M keys, 512B values`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub workload: String,
    /// How its requests come, in words: `20k/s for 20s over 50 connections`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub load: String,
    /// Its role in the experiment.
    pub role: Role,
    /// When its requests are due.
    pub arrival: Arrival,
    /// Counts of its connections.
    pub connections: Connections,
    /// The same for each of its servers, if it has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointConnections>,
    /// The parts of the service time, by the kernel's time stamps, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelTimes>,
    /// How often a cluster sent its requests elsewhere, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirects: Option<Redirects>,
    /// Counts of its requests by outcome.
    pub counts: Counts,
    /// Replies per second during the measurement, whenever their requests were due. Not a number (`null` in JSON) if unknown, as
    /// in a run that ended before a rate could be counted.
    #[serde(deserialize_with = "known_or_not")]
    pub achieved_rate: f64,
    /// Those of these replies whose requests were due in the warm-up: in the rate, and in no time. A server that is offered
    /// more than it can do has a backlog of them.
    #[serde(skip_serializing_if = "is_zero")]
    pub carried_over: u64,
    /// For subscribers and commands that wait for data: what came. Their response time is that of the messages, from when
    /// each was due at its sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// How long commands that wait for data waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Quantiles>,
    /// What errors there were, most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorCount>,
    /// How long measured requests that ended in an error took, from when they were due; the other times do not hold them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_time: Option<Quantiles>,
    /// The metrics of each command, by name in upper case.
    pub commands: BTreeMap<String, Metrics>,
    /// The metrics of all commands together.
    pub total: Metrics,
    /// What the emulated connection pool did, if the group had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Successful replies that were `nil`, or held nothing of what a reading command looked for.
    pub misses: u64,
    /// Bytes that the kernel took while measuring.
    pub sent_bytes: u64,
    /// Bytes that the kernel gave while measuring.
    pub received_bytes: u64,
    /// Replies over time, where they are not those of the samples: some were to requests of the warm-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_time: Option<IntervalCounts>,
}

/// Reads `null` as what is written as `null`: not a number.
fn known_or_not<'de, D: Deserializer<'de>>(json: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(json)?.unwrap_or(f64::NAN))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Group {
    /// Its load in one sentence; empty in a record that does not say.
    #[must_use]
    pub fn in_words(&self) -> String {
        let parts = [self.workload.as_str(), self.load.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// True if something says when its requests or messages were due, whatever the replies did: a schedule, or their sender. Its
    /// response time then stands for it, and else its service time.
    #[must_use]
    pub fn has_due_times(&self) -> bool {
        self.arrival.is_open() || self.has_messages()
    }

    /// True if its times are those of messages, and not of replies.
    #[must_use]
    pub fn has_messages(&self) -> bool {
        self.delivery.is_some()
    }

    /// What became of the messages of the channels that it subscribed to; `None` of commands that wait for data, which share it:
    /// what one of them does not get another does.
    #[must_use]
    pub fn subscribed(&self) -> Option<Delivery> {
        self.delivery.filter(|_| self.blocked.is_none())
    }

    /// Requests whose missing replies make its times lower bounds. Commands that wait for data on purpose say nothing about
    /// messages that were never sent.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        if self.delivery.is_some() { 0 } else { self.counts.unfinished }
    }
}

/// The role of a group in an experiment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Its response time is the result.
    #[default]
    Victim,
    /// Its commands cause the stalls.
    Offender,
    /// It only keeps the server busy.
    Background,
    /// It watches the server at a low, fixed rate.
    Probe,
}

impl Role {
    /// The word used in files and pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Victim => "victim",
            Self::Offender => "offender",
            Self::Background => "background",
            Self::Probe => "probe",
        }
    }
}

/// When the requests of a group are due.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Arrival {
    /// `constant`, `poisson`, `closed`, ….
    pub process: String,
    /// Offered rate of the group in requests per second; `None` in a closed loop.
    pub rate: Option<f64>,
}

impl Arrival {
    /// True if requests are due at instants that replies do not influence.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.rate.is_some()
    }
}

/// Counts of a group's connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connections {
    /// Wanted by the plan.
    pub asked: u64,
    /// Open at the start of the measurement.
    pub established: u64,
    /// Refused or failed.
    pub failed: u64,
    /// Opened again after a loss.
    pub reconnects: u64,
}

/// What an emulated connection pool did. Its largest size is `connections.asked`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pool {
    /// How long requests waited for a connection; part of their send lag.
    pub wait: Quantiles,
    /// Connections opened while running.
    pub opened: u64,
    /// Connections closed because enough were idle.
    pub closed: u64,
    /// Requests that waited too long for a connection. They count as errors.
    #[serde(rename = "turned_away")]
    pub pool_timeouts: u64,
    /// The most connections that were open at a time.
    pub most_open: u64,
}

/// The service time in two parts, by the kernel's time stamps; for each request they add up to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelTimes {
    /// From the send to the arrival of the reply in the generator's kernel.
    pub wire: Quantiles,
    /// From there until the generator had read it: its own delay.
    pub wake_up: Quantiles,
    /// Replies without a usable stamp.
    pub unstamped: u64,
    /// Stamps may be off by this much, as they are of another clock.
    pub clock_uncertainty_us: f64,
    /// How often the wall clock was set meanwhile.
    pub clock_steps: u64,
}

/// How often a cluster sent requests to another node; their response time counts from the intended instant all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Redirects {
    /// `MOVED`: the slot has another node.
    pub moved: u64,
    /// `ASK`: the slot is on its way to another node.
    pub asked: u64,
}

/// What became of the connections to one of several servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointConnections {
    /// Its address.
    pub name: String,
    /// Of its connections.
    #[serde(flatten)]
    pub connections: Connections,
}

/// What became of a group's requests. `scheduled = sent + shed`;
/// `sent = ok + error + timeout + unfinished`, exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Due in the measurement phase.
    pub scheduled: u64,
    /// Taken up: all but the shed. Those that then never reached a socket are `never_sent`.
    pub sent: u64,
    /// Never sent, because the backlog was full.
    pub shed: u64,
    /// Answered without error.
    pub ok: u64,
    /// Answered with an error.
    pub error: u64,
    /// Given up after the timeout.
    pub timeout: u64,
    /// Still unanswered when the drain ended.
    pub unfinished: u64,
    /// Those of the unfinished of which no byte ever reached a socket: they still waited for a connection.
    pub never_sent: u64,
}

/// What became of the messages that a group of subscribers, or one that waits for data, should get. Only messages that carry
/// the sender's stamp count; the warm-up is included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// Delivered, once for each receiver.
    pub received: u64,
    /// Those of them that were due in the measurement: the samples of the response time.
    pub measured: u64,
    /// Missing before one that came.
    pub lost: u64,
    /// Delivered again.
    pub duplicated: u64,
    /// Delivered after a later one of the same sender.
    pub out_of_order: u64,
    /// With the stamp of another run.
    pub foreign: u64,
}

/// Errors that begin with the same word, warm-up included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorCount {
    /// The server's error code, or the tool's own word (`disconnected`, `pool-exhausted`, `other`).
    pub word: String,
    /// How often.
    pub count: u64,
    /// The whole text of the first one, cut after 120 bytes.
    pub text: String,
}

impl Counts {
    /// True if both sums hold.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.scheduled == self.sent + self.shed
            && self.sent == self.ok + self.error + self.timeout + self.unfinished
    }

    /// Share of the sent requests that ended in an error or a timeout; 0 if none was sent.
    #[must_use]
    pub fn error_share(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { (self.error + self.timeout) as f64 / self.sent as f64 }
    }
}

/// Counts per interval, all of the same length, the first one at the start of the measurement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IntervalCounts {
    /// Length of an interval in seconds.
    pub interval_s: f64,
    /// Replies that arrived, whenever their requests were due.
    pub replied: Vec<u64>,
}

/// The three metrics of a set of requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Replied − intended: what a user who wanted the reply waited.
    pub response_time: Quantiles,
    /// Replied − sent: what the connection saw.
    pub service_time: Quantiles,
    /// Sent − intended: waiting that happened before the request left.
    pub send_lag: Quantiles,
    /// Successful replies that held something; only where the command can miss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hits: Option<u64>,
    /// Successful replies that held nothing (`nil`, an empty list, 0 of a command that counts); only where the command can
    /// miss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misses: Option<u64>,
    /// Bytes of its requests while measuring: its part of the group's, as its requests had of all bytes of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_bytes: Option<u64>,
    /// Bytes of its replies, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_bytes: Option<u64>,
}

/// One metric, summarised.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quantiles {
    /// Samples.
    pub count: u64,
    /// Smallest, in µs; `None` without samples.
    pub min_us: Option<f64>,
    /// Arithmetic mean, in µs; of the unanswered, too, if `censored`.
    pub mean_us: Option<f64>,
    /// Largest, in µs; no less than the unanswered had waited.
    pub max_us: Option<f64>,
    /// True if requests were unanswered at the end: mean and maximum hold the time that these had waited by then, so read
    /// them as "at least".
    pub censored: bool,
    /// In rising order of `p`.
    pub percentiles: Vec<Percentile>,
}

impl Quantiles {
    /// The entry for percentile `p` (in percent), if it was asked for.
    #[must_use]
    pub fn at(&self, p: f64) -> Option<&Percentile> {
        self.percentiles.iter().find(|q| (q.p - p).abs() < 1e-9)
    }

    /// The value at percentile `p` in µs, if the sample supports it.
    #[must_use]
    pub fn us_at(&self, p: f64) -> Option<f64> {
        self.at(p).and_then(|q| q.us)
    }
}

/// One percentile with its uncertainty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Percentile {
    /// In percent, e.g. 99.9.
    pub p: f64,
    /// Its value in µs; `None` if the sample cannot support it.
    pub us: Option<f64>,
    /// Lower end of the 95 % interval, in µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lo_us: Option<f64>,
    /// Upper end of the 95 % interval, in µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hi_us: Option<f64>,
    /// True if requests still waiting could push it up: read it as "at least".
    pub censored: bool,
    /// Samples that would support it, where `us` is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need: Option<u64>,
}
