//! `loadgen run`: its flags as typed, and what they come to.
//!
//! [`RunArgs`] can only fail on spelling; [`RunArgs::resolve`] needs the target and gives [`Resolved`]: plans with every
//! default filled in. Invariant: connections, requests and rate are totals, never per thread or per connection.

use super::target::TargetArgs;
use super::tests::{Test, parse_list};
use crate::clock::Nanos;
use crate::engine::plan::{
    ArrivalProcess, CommandPlan, Dialling, GroupPlan, KeyDistribution, KeySpace, Pacing, Phases,
    Rate, Role, RunPlan, Shape, Target, ValueSize, Workload,
};
use crate::exit::Failure;
use crate::lab::fill::{FillPlan, KEY_DIGITS};
use crate::words::{command_from_words, parse_command};
use aelab_scenarios::units::{self, parse_count, parse_duration, parse_rate};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::Duration;

/// Requests of a run that says neither how many nor how long, as for redis-benchmark.
const DEFAULT_REQUESTS: u64 = 100_000;
/// Length of a run at a given rate that says neither how many nor how long.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);
/// Warm-up of a run that has a duration; it takes at most a fifth of it on top.
const DEFAULT_WARMUP: Duration = Duration::from_secs(2);
/// What is run when nothing is named: keys are there when GET looks for them.
const DEFAULT_TESTS: &str = "set,get";

/// Flags of `loadgen run`, as typed.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Which server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// What comes out.
    #[command(flatten)]
    pub output: OutputArgs,
    /// A command to send, with placeholders __key__ __data__ __rand_int__ {key zipf:1.2 N} {rand N} {rand A-B} {ttl A-B};
    /// {cursor} follows a SCAN to its end.
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Load flags, as typed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Connections in all.
    #[arg(short = 'c', long, alias = "clients", default_value = "50", value_parser = positive)]
    pub connections: usize,
    /// Engine threads.
    #[arg(long, default_value = "1", value_parser = positive)]
    pub threads: usize,
    /// Requests in flight on one connection.
    #[arg(short = 'P', long, default_value = "1", value_parser = pipeline)]
    pub pipeline: usize,
    /// Requests in all, per test; given up after 30 s without any reply [default: 100000, unless --duration or --rate is given].
    #[arg(short = 'n', long, value_parser = parse_count)]
    pub requests: Option<u64>,
    /// Time to measure, such as 30s [default with --rate: 10s].
    #[arg(long, alias = "test-time", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Time before the measurement [default with a duration: 2s, at most a fifth of it; else none].
    #[arg(long, value_parser = parse_duration)]
    pub warmup: Option<Duration>,
    /// Requests per second in all, whatever the server does; without it the loop is closed.
    #[arg(long, alias = "rps", value_parser = parse_rate, allow_negative_numbers = true)]
    pub rate: Option<units::Rate>,
    /// How requests are spread over time, whatever the server does. Around --rate: constant, poisson, uniform,
    /// burst:on=100ms,off=900ms, sine:amp=0.5,period=10s. With rates of their own: ramp:1k-20k[@30s], step:1k,2k,4k@5s,
    /// trace:FILE (one time per line) [default with --rate: constant].
    #[arg(long, value_name = "PROCESS")]
    pub arrival: Option<String>,
    /// Pause between a reply and the next request of a closed loop.
    #[arg(long, value_parser = parse_duration, conflicts_with_all = ["rate", "arrival"])]
    pub think_time: Option<Duration>,
    /// Size of __data__: 64, 16KiB, a range 16-1024, sizes with weights 32:9,4KiB:1, or zipf:16-4096[:EXPONENT].
    #[arg(short = 'd', long, value_name = "SIZE", default_value = "3", value_parser = ValueSize::parse)]
    pub data_size: ValueSize,
    /// Share of each value, 0 to 1, that a compressor makes vanish.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub compressible: f64,
    /// Number of distinct keys [default: 1].
    #[arg(short = 'r', long, value_parser = parse_count)]
    pub keyspace: Option<u64>,
    /// How __key__ is chosen: uniform, sequential, zipf[:EXPONENT], latest[:EXPONENT], gaussian[:DEVIATION] (a share of the
    /// key space) or hotspot:keys=0.1,requests=0.9 [default: uniform].
    #[arg(long, value_name = "DISTRIBUTION", value_parser = KeyDistribution::parse)]
    pub key_dist: Option<KeyDistribution>,
    /// redis-benchmark's tests, one after the other, such as set,get [default: set,get].
    #[arg(short = 't', long, value_name = "TESTS", conflicts_with_all = ["ratio", "templates", "command"])]
    pub tests: Option<String>,
    /// SET and GET mixed in this ratio, such as 1:10.
    #[arg(long, value_name = "SET:GET", value_parser = ratio, conflicts_with_all = ["templates", "command"])]
    pub ratio: Option<(u32, u32)>,
    /// A command to send; several are mixed.
    #[arg(long = "command", id = "templates", value_name = "COMMAND", conflicts_with = "command")]
    pub templates: Vec<String>,
    /// Share of each --command, in their order.
    #[arg(long, value_name = "N", requires = "templates")]
    pub command_ratio: Vec<u32>,
    /// Fill the key space before the run, with values of the mean size (of zipf: the smallest).
    #[arg(long)]
    pub prefill: bool,
    /// Seed of all random choices.
    #[arg(long, default_value = "1")]
    pub seed: u64,
    /// Give a request up after this time [default: never].
    #[arg(long, value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Connections on top that are opened and send nothing.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub idle: Option<usize>,
    /// Open so many connections per second before the run [default: as fast as they are accepted].
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub connect_rate: Option<units::Rate>,
    /// With --connect-rate: open them while the run is on, a connect storm.
    #[arg(long, requires = "connect_rate")]
    pub connect_storm: bool,
    /// Replace a connection after so many requests; 1 opens one for each [default: never].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub reconnect_interval: Option<u64>,
    /// How to wait for the next due request: timerfd sleeps, precise spins the last stretch, spin never sleeps.
    #[arg(long, value_enum, default_value = "timerfd")]
    pub pacing: PacingArg,
    /// Processors for the engine threads, such as 1,3.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub cpus: Option<Vec<usize>>,
}

/// Output flags, as typed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct OutputArgs {
    /// Write result.json, latency.hlog, report.html and charts to this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace an earlier run in that folder.
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Print the record as JSON in place of the table.
    #[arg(long, conflicts_with_all = ["csv", "quiet"])]
    pub json: bool,
    /// Print redis-benchmark's CSV in place of the table.
    #[arg(long, conflicts_with = "quiet")]
    pub csv: bool,
    /// Print redis-benchmark's line per command in place of the table.
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// More percentiles, such as 99.5,99.95.
    #[arg(long, value_delimiter = ',', value_name = "LIST", value_parser = percentile)]
    pub percentiles: Vec<f64>,
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

/// A run with everything decided.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The server.
    pub target: Target,
    /// What to fill before, if anything.
    pub prefill: Option<FillPlan>,
    /// The runs, one after the other: title and plan.
    pub runs: Vec<(String, RunPlan)>,
    /// Percentiles asked for.
    pub percentiles: Vec<f64>,
}

impl RunArgs {
    /// Decides everything that the flags left open.
    ///
    /// # Errors
    /// Flags that contradict each other or templates that cannot be read (exit 2), or an unknown host (exit 6).
    pub fn resolve(&self) -> Result<Resolved, Failure> {
        let target = self.target.resolve()?;
        let load = &self.load;
        if load.threads > load.connections {
            return Err(Failure::usage(format!(
                "{} threads need at least {} connections; lower --threads or raise -c",
                load.threads, load.threads
            )));
        }
        if load.prefill && load.keyspace.is_none() {
            return Err(Failure::usage("--prefill needs to know how many keys: give -r N"));
        }
        let runs = self
            .mixes()?
            .into_iter()
            .map(|(title, commands)| {
                let plan = load.plan(&target, &title, commands)?;
                Ok((title, plan))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let prefill = load.prefill.then(|| FillPlan {
            count: load.keyspace.unwrap_or(1),
            prefix: "key:".to_owned(),
            value_bytes: load.data_size.typical(),
            seed: load.seed,
        });
        Ok(Resolved { target, prefill, runs, percentiles: self.output.percentiles.clone() })
    }

    /// What each run sends, with its title.
    fn mixes(&self) -> Result<Vec<(String, Vec<CommandPlan>)>, Failure> {
        let load = &self.load;
        let usage = |why: String| Failure::usage(why);
        if !self.command.is_empty() {
            let words = self.command.iter().map(|word| word.clone().into_vec()).collect();
            let command = command_from_words(words, 1).map_err(usage)?;
            return Ok(vec![(command.label.clone(), vec![command])]);
        }
        if !load.templates.is_empty() {
            let weights = &load.command_ratio;
            if !weights.is_empty() && weights.len() != load.templates.len() {
                return Err(usage(format!(
                    "{} --command-ratio for {} --command; give one for each",
                    weights.len(),
                    load.templates.len()
                )));
            }
            let weight = |index: usize| weights.get(index).copied().unwrap_or(1);
            let numbered = load.templates.iter().enumerate();
            let commands = numbered
                .map(|(index, template)| parse_command(template, weight(index)))
                .collect::<Result<Vec<_>, _>>()
                .map_err(usage)?;
            let title = commands.iter().map(|c| c.label.as_str()).collect::<Vec<_>>().join("+");
            return Ok(vec![(title, commands)]);
        }
        if let Some((set, get)) = load.ratio {
            let pair = [("SET __key__ __data__", set), ("GET __key__", get)];
            let commands = pair
                .into_iter()
                .filter(|(_, weight)| *weight > 0)
                .map(|(template, weight)| parse_command(template, weight))
                .collect::<Result<Vec<_>, _>>()
                .map_err(usage)?;
            return Ok(vec![(format!("SET:GET {set}:{get}"), commands)]);
        }
        let tests = parse_list(load.tests.as_deref().unwrap_or(DEFAULT_TESTS)).map_err(usage)?;
        tests.iter().map(|test| Ok((test.title.to_owned(), vec![benchmark(test)?]))).collect()
    }
}

fn benchmark(test: &Test) -> Result<CommandPlan, Failure> {
    parse_command(test.template, 1).map_err(Failure::usage)
}

impl LoadArgs {
    fn plan(
        &self,
        target: &Target,
        title: &str,
        commands: Vec<CommandPlan>,
    ) -> Result<RunPlan, Failure> {
        if self.key_dist.is_some() && !commands.iter().any(has_key) {
            return Err(Failure::usage(format!(
                "--key-dist chooses what __key__ becomes, and {title} has none; write __key__ into the command, or leave \
                 --key-dist out"
            )));
        }
        let workload = Workload {
            commands,
            keys: KeySpace {
                prefix: "key:".to_owned(),
                digits: KEY_DIGITS,
                count: self.keyspace.unwrap_or(1).max(1),
                distribution: self.key_dist.unwrap_or(KeyDistribution::Uniform),
            },
            values: self.data_size.clone(),
            compressible: self.compressible,
        };
        let mut group = GroupPlan::new("load", target.clone(), self.connections, workload);
        let (arrival, phases, requests) = self.course()?;
        group.arrival = arrival;
        group.requests = requests;
        group.pipeline = self.pipeline;
        group.timeout = self.timeout.filter(|timeout| !timeout.is_zero()).map(Nanos::from);
        group.requests_per_connection = self.reconnect_interval;
        group.dialling = self.dialling()?;
        let idle = self.idle.map(|count| idle_group(&group, count)).transpose()?;
        let mut plan = RunPlan::new([Some(group), idle].into_iter().flatten().collect(), phases);
        plan.threads = self.threads;
        plan.seed = self.seed;
        plan.cpus.clone_from(&self.cpus);
        plan.pacing = match self.pacing {
            PacingArg::Timerfd => Pacing::Timerfd,
            PacingArg::Precise => Pacing::Precise { margin: None },
            PacingArg::Spin => Pacing::Spin,
        };
        Ok(plan)
    }

    /// When requests are due, for how long, and how many.
    fn course(&self) -> Result<(ArrivalProcess, Phases, Option<u64>), Failure> {
        if self.duration.is_some_and(|duration| duration.is_zero()) {
            return Err(Failure::usage("--duration is zero: nothing would be measured"));
        }
        if self.requests == Some(0) {
            return Err(Failure::usage("-n is zero: nothing would be measured"));
        }
        let length =
            self.duration.unwrap_or(DEFAULT_DURATION) + self.warmup.unwrap_or(Duration::ZERO);
        let arrival = self.arrival_process(length.into())?;
        let own_length = own_length(&arrival);
        let is_open = !matches!(arrival, ArrivalProcess::Closed { .. });
        let duration = match (self.requests, self.duration) {
            (None, None) if is_open => Some(own_length.unwrap_or(DEFAULT_DURATION)),
            (_, duration) => duration,
        };
        let requests = match duration {
            None => Some(self.requests.unwrap_or(DEFAULT_REQUESTS)),
            Some(_) => self.requests,
        };
        let warmup = self.warmup.unwrap_or_else(|| match duration {
            // A course that has a begin of its own is measured from there.
            Some(duration) if own_length.is_none() => DEFAULT_WARMUP.min(duration / 5),
            _ => Duration::ZERO,
        });
        let phases = Phases {
            warmup: warmup.into(),
            measure: duration.map(Nanos::from),
            drain_max: Phases::DEFAULT_DRAIN_MAX,
        };
        Ok((arrival, phases, requests))
    }

    fn arrival_process(&self, length: Nanos) -> Result<ArrivalProcess, Failure> {
        let rate = self.rate.map(|rate| scheduled("--rate", rate)).transpose()?;
        match (&self.arrival, rate) {
            (Some(text), rate) => ArrivalProcess::parse(text, rate, length).map_err(Failure::usage),
            (None, Some(rate)) => Ok(ArrivalProcess::Constant(rate)),
            (None, None) => {
                Ok(ArrivalProcess::Closed { think: self.think_time.unwrap_or_default().into() })
            }
        }
    }

    fn dialling(&self) -> Result<Dialling, Failure> {
        let Some(rate) = self.connect_rate else { return Ok(Dialling::AtOnce) };
        let rate = scheduled("--connect-rate", rate)?;
        Ok(if self.connect_storm { Dialling::During(rate) } else { Dialling::Before(rate) })
    }
}

/// Connections to the same server that are opened in the same way and left alone.
fn idle_group(load: &GroupPlan, count: usize) -> Result<GroupPlan, Failure> {
    let ping = parse_command("PING", 1).map_err(Failure::usage)?;
    let workload = Workload { commands: vec![ping], ..load.workload.clone() };
    let mut group = GroupPlan::new("idle", load.target.clone(), count, workload);
    group.role = Role::Background;
    group.arrival = ArrivalProcess::Idle;
    group.dialling = load.dialling;
    Ok(group)
}

fn scheduled(flag: &str, rate: units::Rate) -> Result<Rate, Failure> {
    Rate::per_second(rate.as_per_second())
        .ok_or_else(|| Failure::usage(format!("{flag} is beyond what can be scheduled")))
}

/// How long a process lasts that has a begin and an end.
fn own_length(arrival: &ArrivalProcess) -> Option<Duration> {
    let length = match arrival {
        ArrivalProcess::Shaped(Shape::Ramp { over, .. }) => *over,
        ArrivalProcess::Shaped(Shape::Steps { rates, each }) => {
            Nanos(each.0.saturating_mul(rates.len() as u64))
        }
        // What is due at the last instant is still to be measured.
        ArrivalProcess::Trace(instants) => instants.last()?.saturating_add(Nanos::from_millis(1)),
        _ => return None,
    };
    Some(length.into())
}

/// Whether a command has a `__key__`.
fn has_key(command: &CommandPlan) -> bool {
    const KEY: &[u8] = b"__key__";
    command.args.iter().any(|arg| arg.windows(KEY.len()).any(|part| part == KEY))
}

fn positive(text: &str) -> Result<usize, String> {
    let count = parse_count(text).map_err(|error| error.to_string())?;
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| "at least 1".to_owned())
}

fn pipeline(text: &str) -> Result<usize, String> {
    positive(text).map_err(|why| {
        let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_word {
            "-P is the number of requests in flight per connection; the protocol is always Redis's (RESP3: -3)"
                .to_owned()
        } else {
            why
        }
    })
}

fn at_least_one(text: &str) -> Result<u64, String> {
    let count = parse_count(text).map_err(|error| error.to_string())?;
    if count > 0 { Ok(count) } else { Err("at least 1".to_owned()) }
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share lies between 0 and 1, such as 0.5".to_owned())
}

fn ratio(text: &str) -> Result<(u32, u32), String> {
    let parse = || {
        let (set, get) = text.split_once(':')?;
        let pair = (set.parse().ok()?, get.parse().ok()?);
        (pair != (0, 0)).then_some(pair)
    };
    parse().ok_or_else(|| "write SET:GET such as 1:10, not both zero".to_owned())
}

fn percentile(text: &str) -> Result<f64, String> {
    let number = text.trim_start_matches('p').parse::<f64>().ok();
    number
        .filter(|p| *p > 0.0 && *p < 100.0)
        .ok_or_else(|| "a percentile lies between 0 and 100, such as 99.5".to_owned())
}

#[cfg(test)]
mod unit {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser as _;

    fn resolve(words: &[&str]) -> Result<Resolved, String> {
        let words = ["loadgen", "run"].iter().chain(words);
        let cli = Cli::try_parse_from(words).map_err(|error| super::super::one_line(&error))?;
        let Command::Run(args) = cli.command else { return Err("another command".into()) };
        args.resolve().map_err(|failure| failure.message)
    }

    fn only(words: &[&str]) -> RunPlan {
        let resolved = resolve(words).unwrap_or_else(|e| panic!("{words:?}: {e}"));
        assert_eq!(resolved.runs.len(), 1, "{words:?}");
        resolved.runs.into_iter().next().expect("one run").1
    }

    #[test]
    fn defaults_are_redis_benchmarks() {
        let resolved = resolve(&[]).expect("resolves");
        let titles: Vec<_> = resolved.runs.iter().map(|run| run.0.as_str()).collect();
        assert_eq!(titles, ["SET", "GET"]);
        let plan = &resolved.runs[0].1;
        assert_eq!(plan.groups[0].requests, Some(100_000));
        assert_eq!((plan.groups[0].connections, plan.groups[0].pipeline), (50, 1));
        assert_eq!(plan.phases.measure, None);
        assert_eq!(resolved.target.endpoint.to_string(), "127.0.0.1:6379");
    }

    #[test]
    fn a_rate_opens_the_loop_and_a_duration_warms_up() {
        let plan = only(&["--rate", "20k", "--arrival", "poisson", "GET", "__key__"]);
        assert_eq!(plan.groups[0].arrival.as_str(), "poisson");
        assert_eq!(plan.phases.measure, Some(Nanos::from_secs(10)));
        assert_eq!(plan.phases.warmup, Nanos::from_secs(2));
        let plan = only(&["--duration", "1s", "PING"]);
        assert_eq!(plan.phases.warmup, Nanos::from_millis(200));
        assert_eq!(plan.groups[0].requests, None);
    }

    #[test]
    fn a_course_with_an_end_is_measured_from_its_begin_to_its_end() {
        for (arrival, seconds) in [("ramp:1k-2k@3s", 3), ("ramp:1k-2k", 10), ("step:1k,2k@4s", 8)] {
            let plan = only(&["--arrival", arrival, "PING"]);
            assert_eq!(plan.phases.measure, Some(Nanos::from_secs(seconds)), "{arrival}");
            assert_eq!(plan.phases.warmup, Nanos::ZERO, "{arrival}");
        }
        let plan = only(&["--arrival", "burst:on=1ms,off=9ms", "--rate", "1k", "PING"]);
        assert_eq!(plan.phases.warmup, Nanos::from_secs(2));
    }

    #[test]
    fn idle_connections_are_a_group_of_their_own() {
        let plan = only(&["--idle", "100", "--connect-rate", "1k", "PING"]);
        let idle = &plan.groups[1];
        assert_eq!((idle.name.as_str(), idle.connections), ("idle", 100));
        assert_eq!((&idle.arrival, idle.role), (&ArrivalProcess::Idle, Role::Background));
        assert!(plan.groups.iter().all(|group| matches!(group.dialling, Dialling::Before(_))));
        let plan = only(&["--reconnect-interval", "1", "PING"]);
        assert_eq!(plan.groups[0].requests_per_connection, Some(1));
    }

    #[test]
    fn the_command_may_have_flags_of_its_own() {
        let plan = only(&["-c", "3", "SET", "__key__", "-1", "EX", "5"]);
        assert_eq!(plan.groups[0].workload.commands[0].args[2], b"-1");
        let plan = only(&["--", "GET", "-c"]);
        assert_eq!(plan.groups[0].workload.commands[0].args[1], b"-c");
    }

    #[test]
    fn mixes() {
        let plan = only(&["--ratio", "1:10"]);
        let weights: Vec<u32> = plan.groups[0].workload.commands.iter().map(|c| c.weight).collect();
        assert_eq!(weights, [1, 10]);
        let plan = only(&[
            "--command",
            "GET a",
            "--command",
            "SET a b",
            "--command-ratio",
            "9",
            "--command-ratio",
            "1",
        ]);
        assert_eq!(plan.groups[0].workload.commands[0].weight, 9);
    }

    #[test]
    fn slips_get_hints() {
        for (words, part) in [
            (&["-t", "4"][..], "use --threads 4"),
            (&["-P", "redis"], "the protocol is always Redis's"),
            (&["--rate", "-5"], "greater than zero"),
            (&["--rate", "0"], "greater than zero"),
            (&["--duration", "30"], "the unit is missing"),
            (&["-n", "0"], "nothing would be measured"),
            (&["--threads", "8", "-c", "4"], "lower --threads or raise -c"),
            (&["--prefill"], "give -r N"),
            (&["-d", "9-1"], "upside down"),
            (&["--conections", "4"], "--connections"),
            (&["--arrival", "poisson"], "--rate"),
            (&["-d", "32:x"], "no weight"),
            (&["--compressible", "50"], "between 0 and 1"),
            (&["--key-dist", "zipff"], "none of uniform"),
            (&["--key-dist", "zipf", "-t", "ping"], "PING_MBULK has none"),
            (&["--arrival", "ramp:1k"], "FROM-TO"),
            (&["--arrival", "ramp:1k-2k", "--rate", "5"], "leave --rate out"),
            (&["--arrival", "poisson", "--think-time", "1ms"], "cannot be used with"),
            (&["--reconnect-interval", "0"], "at least 1"),
            (&["--connect-storm"], "--connect-rate"),
            (&["-t", "get", "PING"], "cannot be used with"),
            (&["GET", "__kye__"], "__key__"),
        ] {
            let error = resolve(words).expect_err(part);
            assert!(error.contains(part), "{words:?}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
