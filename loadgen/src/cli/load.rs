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
    /// Total number of connections.
    #[arg(short = 'c', long, visible_alias = "clients", default_value = "50", value_parser = positive, allow_negative_numbers = true)]
    pub connections: usize,
    /// Number of load generator threads.
    #[arg(long, default_value = "1", value_parser = positive, allow_negative_numbers = true)]
    pub threads: usize,
    /// Maximum number of requests in flight per connection.
    #[arg(short = 'P', long, default_value = "1", value_parser = pipeline, allow_negative_numbers = true)]
    pub pipeline: usize,
    /// Total number of requests per test [default: 100000, unless --duration, --rate or --arrival is given].
    ///
    /// A test that ends after a number of requests also ends if requests wait and no reply arrives for 30 s.
    #[arg(short = 'n', long, value_parser = parse_count, allow_negative_numbers = true)]
    pub requests: Option<u64>,
    /// Measurement time, such as 30s [default with --rate and without -n: 10s].
    ///
    /// With --test-time, a number without a unit means seconds, as in memtier.
    #[arg(long, visible_alias = "test-time", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Warm-up time before the measurement, or auto [default: a fifth of the measurement time, at most 2s].
    ///
    /// By default, there is no warm-up if the test ends after a number of requests (-n without --duration), and none with
    /// --arrival ramp, step or trace. With auto, the measurement starts when rate and response times are stable. If they do
    /// not become stable, it starts after at most one minute.
    #[arg(long, value_name = "TIME", value_parser = WarmupArg::parse)]
    pub warmup: Option<WarmupArg>,
    /// Total number of requests per second (open loop).
    ///
    /// Requests become due at this rate even if the server is slow. Without --rate the loop is closed: a connection sends
    /// its next request after a reply.
    #[arg(long, visible_alias = "rps", value_parser = parse_rate, allow_negative_numbers = true)]
    pub rate: Option<aelab_units::Rate>,
    /// Distribution of the times when requests become due: constant, poisson, … [default with --rate: constant].
    ///
    /// With --rate as the mean rate, use constant, poisson, uniform, burst:on=100ms,off=900ms or sine:amp=0.5,period=10s.
    /// Without --rate, use ramp:1k-20k[@30s], step:1k,2k,4k@5s or trace:FILE. Each line of FILE is the time from the start
    /// until one request is due, in seconds (0.5) or with a unit (500ms).
    #[arg(long, value_name = "PROCESS")]
    pub arrival: Option<String>,
    /// Pause after each reply before the next request (closed loop only).
    #[arg(hide_short_help = true, long, value_parser = parse_duration, conflicts_with_all = ["rate", "arrival"])]
    pub think_time: Option<Duration>,
    /// Size of __data__, such as 64 or 16KiB [default: 3, with --ycsb 100].
    ///
    /// Also a range (16-1024), a list of SIZE:WEIGHT (32:9,4KiB:1), or zipf:16-4096[:EXPONENT] (small sizes most often).
    #[arg(short = 'd', long, value_name = "SIZE", value_parser = ValueSize::parse, allow_negative_numbers = true)]
    pub data_size: Option<ValueSize>,
    /// Compressible fraction of each value (0 to 1).
    #[arg(hide_short_help = true, long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub compressible: f64,
    /// Number of distinct keys [default: 1, with --ycsb 1000].
    #[arg(short = 'r', long, value_parser = parse_count, allow_negative_numbers = true)]
    pub keyspace: Option<u64>,
    /// Distribution of __key__: uniform, sequential, zipf, … [default: uniform, with --ycsb that of the workload].
    ///
    /// uniform; sequential (sequential:each and sequential:part: each connection by itself, through all keys or through a part
    /// of its own); zipf[:EXPONENT] (low numbers most often); latest[:EXPONENT] (high numbers most often);
    /// gaussian[:DEVIATION] (the middle most often; DEVIATION is a fraction of the number of keys);
    /// hotspot:keys=0.1,requests=0.9 (10 % of the keys get 90 % of the requests); new (each key is used once; the numbers
    /// start after the -r keys).
    #[arg(long, value_name = "DISTRIBUTION", value_parser = KeyDistribution::parse)]
    pub key_dist: Option<KeyDistribution>,
    /// Prefix of __key__ [default: key:, with --ycsb user].
    #[arg(hide_short_help = true, long, value_name = "TEXT")]
    pub key_prefix: Option<String>,
    /// Digits of the number in __key__, padded with zeros; 0 means no padding [default: 12].
    #[arg(hide_short_help = true, long, value_name = "N")]
    pub key_digits: Option<usize>,
    /// Minimum number in __key__.
    #[arg(hide_short_help = true, long, value_name = "N", default_value = "0")]
    pub key_minimum: u64,
    /// Tests of redis-benchmark and valkey-benchmark, run one after the other, such as set,get [default: set,get].
    #[arg(short = 't', long, value_name = "TESTS", conflicts_with_all = ["ratio", "templates", "command", "command_file", "ycsb"])]
    pub tests: Option<String>,
    /// Mix SET and GET in this ratio, such as 1:10: drawn at random, or exactly with --ratio-order exact.
    #[arg(long, value_name = "SET:GET", value_parser = ratio, conflicts_with_all = ["templates", "command", "command_file", "ycsb"])]
    pub ratio: Option<(u32, u32)>,
    /// Command to send, as one argument in quotes; repeat the flag to mix several commands.
    #[arg(long = "command", id = "templates", value_name = "COMMAND", conflicts_with_all = ["command", "command_file", "ycsb"])]
    pub templates: Vec<String>,
    /// Weight of a --command; give one for each --command, in the same order.
    #[arg(hide_short_help = true, long, value_name = "N", requires = "templates")]
    pub command_ratio: Vec<u32>,
    /// Order of the commands of a mix: drawn at random by weight, or exact [default: random; --compat memtier: exact].
    ///
    /// With exact, each connection sends as many requests of the first command as its weight says, then of the second, and so
    /// on, over and over, as memtier does. Applies to --ratio, --command, --command-file and --ycsb.
    #[arg(hide_short_help = true, long, value_enum, value_name = "ORDER")]
    pub ratio_order: Option<RatioOrderArg>,
    /// File of commands to mix, one per line.
    ///
    /// A line may start with a weight. # starts a comment.
    #[arg(hide_short_help = true, long, value_name = "FILE", conflicts_with_all = ["command", "ycsb"])]
    pub command_file: Option<PathBuf>,
    /// Core workload of YCSB, a to f; -r is the number of records, and --prefill loads them.
    #[arg(long, value_enum, ignore_case = true, value_name = "LETTER", conflicts_with = "command")]
    pub ycsb: Option<Ycsb>,
    /// Write all keys before the run, then wait until the server is idle.
    ///
    /// Without --ycsb, every value has the mean size of -d (with -d zipf:…, the smallest size).
    #[arg(long)]
    pub prefill: bool,
    /// Seed of all random choices.
    #[arg(hide_short_help = true, long, default_value = "1")]
    pub seed: u64,
    /// Cancel a request if no reply arrives within this time after sending [default: never].
    #[arg(hide_short_help = true, long, value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Number of additional connections that send nothing.
    #[arg(hide_short_help = true, long, value_name = "N", value_parser = positive)]
    pub idle: Option<usize>,
    /// Connections to open per second before the run [default: as fast as the server accepts them].
    #[arg(hide_short_help = true, long, value_name = "RATE", value_parser = parse_rate)]
    pub connect_rate: Option<aelab_units::Rate>,
    /// With --connect-rate: open the connections during the run, not before it.
    #[arg(hide_short_help = true, long, requires = "connect_rate")]
    pub connect_storm: bool,
    /// Replace a connection after this many requests; 1 opens a connection for each request [default: never].
    #[arg(hide_short_help = true, long, value_name = "N", value_parser = at_least_one)]
    pub reconnect_interval: Option<u64>,
    /// When to reopen a lost connection: immediate, fixed:100ms, backoff:50ms..5s or never [default: backoff:10ms..1s].
    ///
    /// With backoff:MIN..MAX, the pause starts at MIN and doubles after each failed attempt, up to MAX. Each pause is then
    /// shortened by a random part of at most half.
    #[arg(hide_short_help = true, long, value_name = "POLICY", value_parser = Reconnect::parse)]
    pub reconnect: Option<Reconnect>,
    /// Assign due requests to the connections in turn; each connection has its own queue. Needs --rate or --arrival.
    ///
    /// Without this flag, a due request uses the connection that has been free for the longest time.
    #[arg(hide_short_help = true, long)]
    pub pin_requests: bool,
    /// How a thread waits for the next due request.
    #[arg(hide_short_help = true, long, value_enum, default_value = "auto")]
    pub pacing: PacingArg,
    /// Where replies are timestamped: only in the program, or also in the kernel (TCP only).
    ///
    /// Kernel timestamps divide the service time into two parts: until the reply arrives in the kernel, and until the load
    /// generator has woken up and read it. They cost about half a microsecond per read. For commands that receive messages
    /// (SUBSCRIBE, BLPOP …), the service time is not divided.
    #[arg(
        hide_short_help = true,
        long,
        value_enum,
        default_value = "program",
        value_name = "SOURCE"
    )]
    pub timestamps: TimestampsArg,
    /// CPUs for the load generator threads, such as 1,3.
    #[arg(hide_short_help = true, long, value_delimiter = ',', value_name = "LIST")]
    pub cpus: Option<Vec<usize>>,
    /// A capture to send again.
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// An emulated pool.
    #[command(flatten)]
    pub pool: PoolArgs,
}

/// Order of a mix of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RatioOrderArg {
    /// Each request draws its command by weight.
    Random,
    /// Each connection sends the commands in turn, as often as their weights say.
    Exact,
}

/// Time stamps of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TimestampsArg {
    /// In user space, when the program has read the reply.
    #[default]
    Program,
    /// Also in the kernel, when the reply arrives.
    Kernel,
}

/// Pacing of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PacingArg {
    /// `precise` if each thread has a core of its own, else `timerfd`.
    Auto,
    /// Sleep on a kernel timer.
    Timerfd,
    /// Sleep on a kernel timer, then busy-wait until the request is due.
    Precise,
    /// Busy-wait all the time; each thread uses a full core.
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
    /// Until rate and response times are stable.
    Auto,
    /// This long.
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
