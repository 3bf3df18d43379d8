//! A step in the rate on a pool with more or fewer idle connections kept ready (B12).
//!
//! Low load first, so that a pool keeps only what `minIdle` asks for; then the step, and the response times of what was due in
//! the first part after it. All values of minIdle take turns, repeatedly. A round-trip time gives connecting its price: two
//! round trips before the first reply, where a ready connection needs one. Invariant: the measurement begins with the step.

use super::burst::{self, seconds_at};
use super::spread::median;
use super::{Findings, Site, Table};
use crate::engine::plan::{ArrivalProcess, GroupPlan, PoolOrder, PoolPlan, Shape, Target};
use crate::exit::Failure;
use crate::relay::{Options, Relay, parse_endpoint};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// Values of minIdle, rising; the last one should be `max_total`.
    pub min_idle: Vec<usize>,
    /// Largest size of the pool.
    pub max_total: usize,
    /// Requests per second before the step.
    pub low_per_s: f64,
    /// And after it.
    pub high_per_s: f64,
    /// Round-trip time to the server.
    pub round_trip: Duration,
    /// How long the low rate lasts.
    pub before: Duration,
    /// How much after the step is looked at.
    pub window: Duration,
    /// How often each value is measured.
    pub repeats: usize,
}

const VALUE_BYTES: usize = 32;
const KEYS: u64 = 1000;

/// Plays it.
///
/// # Errors
/// The server cannot be reached, or the relay cannot be set up.
pub fn run(site: &Site<'_>, params: &Params) -> Result<Findings, Failure> {
    let listen = parse_endpoint("--listen", "127.0.0.1:0")?;
    let mut options = Options::new(listen, site.target.endpoint.clone());
    options.rtt = params.round_trip.into();
    options.seed = site.seed;
    let relay = Relay::bind(&options)?;
    let target = Target { endpoint: relay.endpoint().clone(), ..site.target.clone() };
    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let running = scope.spawn(|| relay.run(&stop));
        let seen = all(site, params, &target);
        stop.store(true, Relaxed);
        running.join().map_err(|_| Failure::invalid("the relay ended early"))??;
        seen
    })?;
    Ok(report(params, &seen))
}

/// One step.
#[derive(Debug, Clone, Copy)]
struct Step {
    p99_s: f64,
    max_s: f64,
    opened: f64,
    waited: f64,
    requests: u64,
    failed: u64,
}

fn all(site: &Site<'_>, params: &Params, target: &Target) -> Result<Vec<Vec<Step>>, Failure> {
    let mut seen = vec![Vec::new(); params.min_idle.len()];
    for turn in 0..params.repeats {
        for index in 0..seen.len() {
            let index = if turn % 2 == 0 { index } else { seen.len() - 1 - index };
            seen[index].push(step(site, params, target, params.min_idle[index])?);
        }
    }
    Ok(seen)
}

fn step(
    site: &Site<'_>,
    params: &Params,
    target: &Target,
    min_idle: usize,
) -> Result<Step, Failure> {
    let work = burst::workload(&["GET __key__", "SET __key__ __data__"], KEYS, VALUE_BYTES)?;
    let mut group = GroupPlan::new("service", target.clone(), params.max_total, work);
    group.arrival = ArrivalProcess::Shaped(Shape::Steps {
        rates: vec![params.low_per_s, params.high_per_s],
        each: params.before.into(),
    });
    // What is opened stays, up to the largest size: only what is ready at the step differs.
    group.pool = Some(PoolPlan {
        min_idle,
        max_idle: params.max_total,
        max_wait: None,
        order: PoolOrder::Lifo,
    });
    let result = burst::run(site, vec![group], params.before, params.window)?;
    let group = result.groups.first().ok_or_else(|| Failure::invalid("no group was run"))?;
    let showing = burst::showing(group, &result);
    let exact = group.commands.iter().map(|command| command.response_time.exact.max).max();
    #[expect(clippy::cast_precision_loss, reason = "times and counts of a run are below 2^53")]
    let (max_s, opened) = (
        exact.unwrap_or(0) as f64 / 1e9,
        group.pool.as_ref().map_or(0, |pool| pool.counts.opened) as f64,
    );
    let waited = group.pool.as_ref().map_or(0.0, |pool| seconds_at(&pool.wait.total, 0.99));
    let (requests, failed) = (showing.sent, showing.failed);
    Ok(Step { p99_s: showing.p99_s, max_s, opened, waited, requests, failed })
}

fn report(params: &Params, seen: &[Vec<Step>]) -> Findings {
    let mut findings = Findings::default();
    let mut rows = Vec::new();
    let of = |steps: &[Step], value: fn(&Step) -> f64| {
        median(&steps.iter().map(value).collect::<Vec<_>>())
    };
    let (mut requests, mut failed) = (0, 0);
    for (min_idle, steps) in params.min_idle.iter().zip(seen) {
        let figures = [
            ("p99_s", of(steps, |step| step.p99_s)),
            ("max_s", of(steps, |step| step.max_s)),
            ("wait_p99_s", of(steps, |step| step.waited)),
            ("opened", of(steps, |step| step.opened)),
        ];
        #[expect(clippy::cast_precision_loss, reason = "a pool's size")]
        let mut row = vec![*min_idle as f64];
        for (what, estimate) in figures {
            row.push(estimate.map_or(f64::NAN, |estimate| estimate.value));
            if let Some(estimate) = estimate {
                findings.add_between(format!("idle{min_idle}_{what}"), estimate);
            }
        }
        rows.push(row);
        requests += steps.iter().map(|step| step.requests).sum::<u64>();
        failed += steps.iter().map(|step| step.failed).sum::<u64>();
    }
    findings.add_count("requests", usize::try_from(requests).unwrap_or(usize::MAX));
    findings.add_count("failed", usize::try_from(failed).unwrap_or(usize::MAX));
    let columns = ["min_idle", "p99_s", "max_s", "wait_p99_s", "opened"];
    findings.tables.push(Table {
        title: "the first moments after the step, by minIdle".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    });
    findings
}
