//! Freezes of known length: what a stall must look like in response and in service time.
//!
//! Theory for one freeze of S in a run of T at a constant rate that drains at load rho: the p-quantile of the response time
//! is S − (1 − rho)(1 − p)T while that is positive, and the mean rises by S²/2T.

use crate::selftest::bench::{
    Bench, constant, find, freeze, group, mean, quantile, response, service,
};
use crate::selftest::queue::overhead;
use crate::selftest::row::{Row, Unit};
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::GroupPlan;
use aelab_engine::plan::Target;
use aelab_lab::record::{Context, keep};

/// Requests per second of the victims.
const RATE: f64 = 1_000.0;
/// From this service time on a request counts as hit by the stall.
const HIT: Nanos = Nanos::from_millis(100);

fn gets(name: &str, target: &Target, connections: usize) -> GroupPlan {
    group(name, target, &["GET", "__key__"], connections, constant(RATE))
}

/// A1, A2.
pub(super) fn one_second(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let target = &server.target;
    let freeze = freeze(target, Nanos::from_secs(10), Nanos::from_secs(1));
    let plan =
        bench.plan(vec![gets("victims", target, 50), freeze], Nanos::ZERO, Nanos::from_secs(30));
    let result = bench.run(&plan)?;
    let victims = find(&result, "victims")?;
    let (response, service) = (response(victims)?, service(victims)?);
    let hit = service.total.len() - service.total.count_between(0, HIT.0);
    Ok(vec![
        Row::inside("A1", "response p99", Unit::Time, quantile(response, 0.99), 0.70e9..=0.74e9),
        Row::inside(
            "A1",
            "response p99.9",
            Unit::Time,
            quantile(response, 0.999),
            0.965e9..=0.985e9,
        ),
        Row::inside("A1", "response max", Unit::Time, response.exact.max as f64, 0.998e9..=1.03e9),
        Row::inside("A1", "response mean", Unit::Time, mean(response), 16e6..=20e6),
        Row::inside("A1", "replies", Unit::Count, victims.counts.ok as f64, 29_999.0..=30_001.0),
        Row::at_most(
            "A2",
            "requests with a service time over 100 ms",
            Unit::Count,
            hit as f64,
            50.0,
        ),
        Row::at_most(
            "A2",
            "service p99, as without a stall",
            Unit::Time,
            quantile(service, 0.99),
            10e6,
        ),
    ])
}

/// A3.
pub(super) fn by_connections(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let target = &server.target;
    let mut groups = vec![freeze(target, Nanos::from_secs(5), Nanos::from_millis(500))];
    let sizes = [10_usize, 200, 2_000];
    // Few enough that what piles up is answered in no time: ten connections need more round trips for it than two thousand.
    let rate = constant(RATE / 4.0);
    groups.extend(
        sizes.map(|size| group(&size.to_string(), target, &["GET", "__key__"], size, rate.clone())),
    );
    let result = bench.run(&bench.plan(groups, Nanos::ZERO, Nanos::from_secs(15)))?;
    let base = response(find(&result, "200")?)?;
    let mut rows = Vec::new();
    for size in ["10", "2000"] {
        let metric = response(find(&result, size)?)?;
        for (name, q) in [("p99", 0.99), ("p99.9", 0.999)] {
            let what = format!("{name} of {size} connections against that of 200");
            rows.push(Row::near(
                "A3",
                what,
                Unit::Time,
                [quantile(metric, q), quantile(base, q)],
                0.02,
            ));
        }
    }
    Ok(rows)
}

/// A4, at half its size: the quantiles scale with the length of the freeze and of the run.
pub(super) fn slow_drain(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    const INJECT: &str = "service=fixed:500us,commands=get";
    let (freeze_ns, run_ns, service_ns) = (0.5e9, 15e9, 0.5e6);
    let overhead = overhead(bench, INJECT, service_ns, 0.1)?;
    // At once: fifty replies that leave together would be up to 25 ms later than theory has them.
    let server = bench.server(&[("reply-immediately", "yes"), ("inject", INJECT)])?;
    let target = &server.target;
    let freeze = freeze(target, Nanos::from_secs(5), Nanos(freeze_ns as u64));
    let groups = vec![gets("victims", target, 50), freeze];
    let result = bench.run(&bench.plan(groups, Nanos::ZERO, Nanos(run_ns as u64)))?;
    let p99 = quantile(response(find(&result, "victims")?)?, 0.99);
    // The drain goes at what the server can really do beside the injected time.
    let expected = |service: f64| freeze_ns - (1.0 - service * RATE / 1e9) * 0.01 * run_ns;
    let figures = [p99, expected(service_ns + overhead.busy)];
    let row = Row::near("A4", "response p99, drain at load 0.5", Unit::Time, figures, 0.02 / 0.85);
    Ok(vec![row.in_theory(Unit::Time, expected(service_ns))])
}

/// A5.
pub(super) fn beyond_the_end(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let target = &server.target;
    let freeze = freeze(target, Nanos::from_secs(1), Nanos::from_secs(4));
    let mut plan =
        bench.plan(vec![gets("victims", target, 50), freeze], Nanos::ZERO, Nanos::from_secs(3));
    plan.phases.drain_max = Nanos::from_millis(500);
    let result = bench.run(&plan)?;
    let unfinished = find(&result, "victims")?.counts.unfinished;
    let kept = keep(&plan, &result, Context::default(), Vec::new());
    let group = kept.record.groups.iter().find(|group| group.name == "victims");
    let p99 = group.and_then(|group| {
        group.total.response_time.percentiles.iter().find(|entry| entry.p == 99.0).cloned()
    });
    let censored = p99.is_some_and(|entry| entry.censored);
    let shown = if censored { "a lower bound" } else { "a value like any other" };
    Ok(vec![
        Row::near("A5", "unfinished requests", Unit::Count, [unfinished as f64, 2_000.0], 0.01),
        Row::said("A5", "p99 is shown as", "a lower bound", shown, censored),
    ])
}

/// A13.
pub(super) fn ten_seconds(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let target = &server.target;
    let freeze = freeze(target, Nanos::from_millis(500), Nanos::from_secs(10));
    let mut plan =
        bench.plan(vec![gets("victims", target, 50), freeze], Nanos::ZERO, Nanos::from_secs(1));
    plan.phases.drain_max = Nanos::from_secs(15);
    let result = bench.run(&plan)?;
    let max = response(find(&result, "victims")?)?.exact.max as f64;
    Ok(vec![Row::near("A13", "response max", Unit::Time, [max, 10e9], 0.001)])
}

/// A22.
pub(super) fn in_warmup(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let target = &server.target;
    let freeze = freeze(target, Nanos::from_millis(500), Nanos::from_millis(500));
    let groups = vec![gets("victims", target, 50), freeze];
    let result = bench.run(&bench.plan(groups, Nanos::from_secs(2), Nanos::from_secs(2)))?;
    let metric = response(find(&result, "victims")?)?;
    let hit = metric.total.len() - metric.total.count_between(0, HIT.0);
    Ok(vec![
        Row::exactly("A22", "measured responses over 100 ms", hit, 0),
        Row::exactly(
            "A22",
            "stalls reported all the same",
            u64::from(!result.stalls.is_empty()),
            1,
        ),
    ])
}
