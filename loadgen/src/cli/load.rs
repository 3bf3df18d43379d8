//! Load flags of `loadgen run`, as typed.
//!
//! Not what they come to (see `resolve`). Invariant: connections, requests and rate are totals, never per thread or per
//! connection.

use crate::cli::pool::PoolArgs;
use crate::cli::replay::ReplayArgs;
use crate::cli::values::{at_least_one, pipeline, positive, ratio, share};
use crate::cli::ycsb::{self, Ycsb};
use aelab_engine::plan::{KeyDistribution, KeySpace, Reconnect, ValueSize};
use aelab_lab::server::fill::KEY_DIGITS;
use aelab_units::{parse_count, parse_duration, parse_rate};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Load flags, as typed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Connections in all.
    #[arg(short = 'c', long, visible_alias = "clients", default_value = "50", value_parser = positive, allow_negative_numbers = true)]
    pub connections: usize,
    /// Engine threads.
    #[arg(long, default_value = "1", value_parser = positive, allow_negative_numbers = true)]
    pub threads: usize,
    /// Requests in flight on one connection.
    #[arg(short = 'P', long, default_value = "1", value_parser = pipeline, allow_negative_numbers = true)]
    pub pipeline: usize,
    /// Requests in all, per test; given up after 30 s without any reply [default: 100000, unless --duration or --rate is given].
    #[arg(short = 'n', long, value_parser = parse_count, allow_negative_numbers = true)]
    pub requests: Option<u64>,
    /// Time to measure, such as 30s; --test-time, as memtier has it, takes bare seconds [default with --rate: 10s].
    #[arg(long, visible_alias = "test-time", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Time before the measurement, or auto: until rate and response times have come to rest, for a minute at most [default with
    /// a duration: 2s, at most a fifth of it; else none].
    #[arg(long, value_name = "TIME", value_parser = WarmupArg::parse)]
    pub warmup: Option<WarmupArg>,
    /// Requests per second in all, whatever the server does; without it the loop is closed.
    #[arg(long, visible_alias = "rps", value_parser = parse_rate, allow_negative_numbers = true)]
    pub rate: Option<aelab_units::Rate>,
    /// How requests are spread over time, whatever the server does. Around --rate: constant, poisson, uniform,
    /// burst:on=100ms,off=900ms, sine:amp=0.5,period=10s. With rates of their own: ramp:1k-20k[@30s], step:1k,2k,4k@5s,
    /// trace:FILE (one time per line) [default with --rate: constant].
    #[arg(long, value_name = "PROCESS")]
    pub arrival: Option<String>,
    /// Pause between a reply and the next request of a closed loop.
    #[arg(long, value_parser = parse_duration, conflicts_with_all = ["rate", "arrival"])]
    pub think_time: Option<Duration>,
    /// Size of __data__: 64, 16KiB, a range 16-1024, sizes with weights 32:9,4KiB:1, or zipf:16-4096[:EXPONENT] [default: 3,
    /// with --ycsb 100].
    #[arg(short = 'd', long, value_name = "SIZE", value_parser = ValueSize::parse, allow_negative_numbers = true)]
    pub data_size: Option<ValueSize>,
    /// Share of each value, 0 to 1, that a compressor makes vanish.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub compressible: f64,
    /// Number of distinct keys [default: 1, with --ycsb 1000].
    #[arg(short = 'r', long, value_parser = parse_count, allow_negative_numbers = true)]
    pub keyspace: Option<u64>,
    /// How __key__ is chosen: uniform, sequential, new (beyond -r, each once), zipf[:EXPONENT], latest[:EXPONENT], gaussian[:DEVIATION] (a share of the
    /// key space) or hotspot:keys=0.1,requests=0.9 [default: uniform].
    #[arg(long, value_name = "DISTRIBUTION", value_parser = KeyDistribution::parse)]
    pub key_dist: Option<KeyDistribution>,
    /// What __key__ begins with [default: key:, with --ycsb user].
    #[arg(long, value_name = "TEXT")]
    pub key_prefix: Option<String>,
    /// Digits of __key__'s number, filled with zeros; 0 writes it as it is [default: 12].
    #[arg(long, value_name = "N")]
    pub key_digits: Option<usize>,
    /// Lowest number of __key__.
    #[arg(long, value_name = "N", default_value = "0")]
    pub key_minimum: u64,
    /// redis-benchmark's and valkey-benchmark's tests, one after the other, such as set,get [default: set,get].
    #[arg(short = 't', long, value_name = "TESTS", conflicts_with_all = ["ratio", "templates", "command", "command_file", "ycsb"])]
    pub tests: Option<String>,
    /// SET and GET mixed in this ratio, such as 1:10.
    #[arg(long, value_name = "SET:GET", value_parser = ratio, conflicts_with_all = ["templates", "command", "command_file", "ycsb"])]
    pub ratio: Option<(u32, u32)>,
    /// A command to send; several are mixed.
    #[arg(long = "command", id = "templates", value_name = "COMMAND", conflicts_with_all = ["command", "command_file", "ycsb"])]
    pub templates: Vec<String>,
    /// Share of each --command, in their order.
    #[arg(long, value_name = "N", requires = "templates")]
    pub command_ratio: Vec<u32>,
    /// Commands from a file, mixed: one per line, after a weight if it is not 1; # begins a comment.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["command", "ycsb"])]
    pub command_file: Option<PathBuf>,
    /// A core workload of YCSB over -r records; --prefill is its load phase.
    #[arg(long, value_enum, ignore_case = true, value_name = "LETTER", conflicts_with = "command")]
    pub ycsb: Option<Ycsb>,
    /// Fill the key space before the run, with values of the mean size (of zipf: the smallest), and wait until the server
    /// has settled.
    #[arg(long)]
    pub prefill: bool,
    /// Seed of all random choices.
    #[arg(long, default_value = "1")]
    pub seed: u64,
    /// Give a request up that was not answered this long after it was sent [default: never].
    #[arg(long, value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Connections on top that are opened and send nothing.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub idle: Option<usize>,
    /// Open so many connections per second before the run [default: as fast as they are accepted].
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub connect_rate: Option<aelab_units::Rate>,
    /// With --connect-rate: open them while the run is on, a connect storm.
    #[arg(long, requires = "connect_rate")]
    pub connect_storm: bool,
    /// Replace a connection after so many requests; 1 opens one for each [default: never].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub reconnect_interval: Option<u64>,
    /// What becomes of a lost connection: immediate and fixed:100ms open it again, backoff:50ms..5s after pauses that double, less
    /// up to half at random; never does without it [default: backoff:10ms..1s].
    #[arg(long, value_name = "POLICY", value_parser = Reconnect::parse)]
    pub reconnect: Option<Reconnect>,
    /// Each connection has its own share of the schedule, in turn, and its own line of waiting requests; without it any free
    /// connection takes the next due request. Needs --rate.
    #[arg(long)]
    pub pin_requests: bool,
    /// How to wait for the next due request: timerfd sleeps, precise spins the last stretch, spin never sleeps.
    #[arg(long, value_enum, default_value = "timerfd")]
    pub pacing: PacingArg,
    /// Whose times a reply carries: ours, when we have read it, or also the kernel's, when it got it (TCP only). Shows how
    /// much of the service time was our own waking up, in the table and the record; costs half a microsecond a read. What
    /// receives messages (SUBSCRIBE, BLPOP …) is not split.
    #[arg(long, value_enum, default_value = "program", value_name = "WHOSE")]
    pub timestamps: TimestampsArg,
    /// Processors for the engine threads, such as 1,3.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub cpus: Option<Vec<usize>>,
    /// A capture to send again.
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// An emulated pool.
    #[command(flatten)]
    pub pool: PoolArgs,
}

/// Time stamps of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TimestampsArg {
    /// The generator's own.
    #[default]
    Program,
    /// The kernel's beside them.
    Kernel,
}

/// Pacing of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PacingArg {
    /// A kernel timer.
    Timerfd,
    /// The timer, then spinning.
    Precise,
    /// Spinning.
    Spin,
}

/// Bytes of a value unless `-d` says otherwise, as for redis-benchmark.
const DEFAULT_VALUE_BYTES: usize = 3;
/// What keys begin with unless asked otherwise, as redis-benchmark's do.
const KEY_PREFIX: &str = "key:";
/// Bytes of a field of YCSB's unless `-d` says otherwise.
const YCSB_FIELD_BYTES: usize = 100;

impl LoadArgs {
    /// What `__data__` is.
    #[must_use]
    pub fn values(&self) -> ValueSize {
        let default = if self.ycsb.is_some() { YCSB_FIELD_BYTES } else { DEFAULT_VALUE_BYTES };
        self.data_size.clone().unwrap_or(ValueSize::Fixed(default))
    }

    /// Number of distinct keys.
    #[must_use]
    pub fn key_count(&self) -> u64 {
        let default = if self.ycsb.is_some() { ycsb::DEFAULT_RECORDS } else { 1 };
        self.keyspace.unwrap_or(default).max(1)
    }

    /// What `__key__` is.
    #[must_use]
    pub fn keys(&self) -> KeySpace {
        let of_workload = self.ycsb.map_or(KeyDistribution::Uniform, Ycsb::keys);
        let prefix = if self.ycsb.is_some() { ycsb::KEY_PREFIX } else { KEY_PREFIX };
        KeySpace {
            prefix: self.key_prefix.clone().unwrap_or_else(|| prefix.to_owned()),
            digits: self.key_digits.unwrap_or(KEY_DIGITS),
            count: self.key_count(),
            first: self.key_minimum,
            distribution: self.key_dist.unwrap_or(of_workload),
        }
    }
}

/// A warm-up of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmupArg {
    /// Until the server has come to rest.
    Auto,
    /// So long.
    For(Duration),
}

impl WarmupArg {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let length = parse_duration(text).map_err(|error| error.to_string())?;
        Ok(Self::For(length))
    }

    /// Its length, as far as it is known.
    pub(super) const fn length(self) -> Duration {
        match self {
            Self::Auto => Duration::ZERO,
            Self::For(length) => length,
        }
    }
}
