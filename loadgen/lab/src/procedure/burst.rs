//! A short run of the measuring engine inside a procedure: one group, one server, a few figures.
//!
//! For comparisons of many short alternating runs, which need no folder each. Invariant: the figures are the engine's own
//! (intended, sent, replied), and a run whose counts do not add up is a failure.

use crate::procedure::ServerUnderTest;
use aelab_engine::Live;
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{
    GroupPlan, KeyDistribution, KeySpace, Pacing, Phases, RunPlan, ValueSize, Workload,
};
use aelab_engine::record::result::{GroupResult, RunResult};
use aelab_engine::workload::command_text::parse_command;
use aelab_results::histogram::Histogram;
use std::time::Duration;

/// The figures of a group, in seconds and per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Showing {
    /// Median response time.
    pub(crate) p50_s: f64,
    /// 99th percentile of the response time.
    pub(crate) p99_s: f64,
    /// Replies per second of the measurement.
    pub(crate) per_s: f64,
}

/// What every key of such a load starts with.
const KEY_PREFIX: &str = "aelab:burst:";
/// Digits of its number.
const KEY_DIGITS: usize = 12;

/// The name of a key.
pub(crate) fn key(number: u64) -> String {
    format!("{KEY_PREFIX}{number:0KEY_DIGITS$}")
}

/// Commands of a procedure's load.
///
/// # Errors
/// A template that cannot be parsed.
pub(crate) fn workload(
    commands: &[&str],
    keys: u64,
    value_bytes: usize,
) -> Result<Workload, Failure> {
    let commands = commands.iter().map(|text| parse_command(text, 1)).collect::<Result<_, _>>();
    Ok(Workload {
        commands: commands.map_err(Failure::usage)?,
        keys: KeySpace {
            prefix: KEY_PREFIX.to_owned(),
            digits: KEY_DIGITS,
            count: keys,
            distribution: KeyDistribution::Uniform,
            first: 0,
        },
        values: ValueSize::Fixed(value_bytes),
        compressible: 0.0,
        order: aelab_engine::plan::CommandOrder::Random,
    })
}

/// How long the load generator spins before each due time of an open loop, if it has a core of its own: longer than its timer
/// is usually late.
const SPIN: Nanos = Nanos::from_micros(80);

/// Runs these groups at once.
///
/// # Errors
/// As [`aelab_engine::run`], or the counts do not add up, or the user interrupted.
pub(crate) fn run(
    under_test: &ServerUnderTest<'_>,
    groups: Vec<GroupPlan>,
    warmup: Duration,
    measure: Duration,
) -> Result<RunResult, Failure> {
    /// Longest wait for replies at the end: these runs are short, and a reply takes microseconds.
    const DRAIN: Nanos = Nanos::from_secs(2);
    let phases = Phases { warmup: warmup.into(), measure: Some(measure.into()), drain_max: DRAIN };
    let is_open = groups.iter().any(|group| group.arrival.rate().is_some());
    let mut plan = RunPlan::new(groups, phases);
    if is_open && under_test.cpus.is_some() {
        // A late timer would be a part of both times, and hide how much shorter one of them is.
        plan.pacing = Pacing::Precise { margin: Some(SPIN) };
    }
    plan.seed = under_test.seed;
    plan.cpus.clone_from(&under_test.cpus);
    let result = aelab_engine::run(&plan, &Live::new(&plan), under_test.cancel)?;
    for group in &result.groups {
        group.counts.check().map_err(|why| {
            Failure::invalid(format!("the counts of group {} do not add up: {why}", group.name))
        })?;
    }
    under_test.go_on()?;
    Ok(result)
}

/// The figures of a group of a run. The times include errors, because their callers waited for them too.
pub(crate) fn showing(group: &GroupResult, result: &RunResult) -> Showing {
    let mut times = group.error_response.clone();
    for command in &group.commands {
        // All histograms of this program have one shape.
        let _ = times.add(&command.response_time.total);
    }
    let counts = &group.counts;
    let wall = result.measure_until.since(result.measure_from).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "replies of a run are far below 2^53")]
    let per_s = if wall > 0.0 { counts.ok as f64 / wall } else { 0.0 };
    Showing { p50_s: seconds_at(&times, 0.5), p99_s: seconds_at(&times, 0.99), per_s }
}

/// A quantile of a histogram of nanoseconds, in seconds.
#[expect(clippy::cast_precision_loss, reason = "times of a run are far below 2^53 ns")]
fn seconds_at(times: &Histogram, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1e9
}
