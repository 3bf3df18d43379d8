//! Queues with a known answer: Poisson arrivals at a server with a fixed or an exponential service time.
//!
//! The service time is 1 ms rather than 100 us: a system call of the server, which theory knows nothing of, is then half a
//! percent of it. Theory gives a mean over all runs; what is compared is the recursion over the arrivals and service times of
//! this run, which differ from theory by chance and from the measurement only by what the programs do wrong.

use super::bench::{
    Bench, CLOSED, PRECISE, constant, find, group, logged, mean, poisson, quantile, response,
};
use super::lindley;
use super::row::{Row, Unit};
use crate::clock::Nanos;
use crate::engine::plan::Target;
use crate::exit::Failure;

/// Mean time that the server is told to take for a command.
const SERVICE_NS: f64 = 1e6;
/// Share of the server's time that arrivals ask for.
const LOADS: [f64; 3] = [0.5, 0.8, 0.9];
/// Connections: more than the longest line, so that nobody waits for one.
const CONNECTIONS: usize = 200;
/// Length of each measurement: 4 000 to 7 200 requests.
const MEASURE: Nanos = Nanos::from_secs(8);

/// What the programs take beside the service time, per request.
struct Overhead {
    /// Of the server's time: it makes the line longer.
    busy: f64,
    /// Of the reply's way only.
    way: f64,
}

/// A7.
pub(super) fn fixed(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    // M/D/1: the mean wait is S·rho/2(1 − rho).
    let mean = |load: f64| 1.0 + load / (2.0 * (1.0 - load));
    let p99 = |load: f64| {
        if load < 0.6 {
            4.30
        } else if load < 0.85 {
            11.37
        } else {
            22.09
        }
    };
    family(bench, "A7", "M/D/1", "service=fixed:1ms,commands=get", 0.05, &[(0.99, &p99)], &mean)
}

/// A8.
pub(super) fn exponential(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    // M/M/1: the response time is exponential with mean S/(1 − rho).
    let mean = |load: f64| 1.0 / (1.0 - load);
    let p99 = |load: f64| 100_f64.ln() / (1.0 - load);
    let p999 = |load: f64| 1_000_f64.ln() / (1.0 - load);
    family(
        bench,
        "A8",
        "M/M/1",
        "service=exp:1ms,seed=7,commands=get",
        0.07,
        &[(0.99, &p99), (0.999, &p999)],
        &mean,
    )
}

/// The theory of a figure by load, in service times.
type Theory<'t> = &'t dyn Fn(f64) -> f64;

fn family(
    bench: &mut Bench<'_>,
    id: &'static str,
    name: &str,
    inject: &'static str,
    tolerance: f64,
    quantiles: &[(f64, Theory<'_>)],
    mean_theory: Theory<'_>,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for load in LOADS {
        let overhead = overhead(bench)?;
        let server = bench.server(&[("reply-immediately", "yes"), ("inject", inject)])?;
        let (responses, mut expected) = one(bench, &server.target, inject, load, &overhead)?;
        let figure = |value: f64| value + overhead.way;
        let row = Row::near(
            id,
            format!("{name} at load {load}: mean response"),
            Unit::Time,
            [responses.mean, figure(lindley::mean(&expected))],
            tolerance,
        );
        rows.push(row.in_theory(Unit::Time, mean_theory(load) * SERVICE_NS));
        for (q, theory) in quantiles {
            let what = format!("{name} at load {load}: p{}", q * 100.0);
            let want = figure(lindley::quantile(&mut expected, *q));
            let got = (responses.quantile)(*q);
            let row = Row::near(id, what, Unit::Time, [got, want], tolerance);
            rows.push(row.in_theory(Unit::Time, theory(load) * SERVICE_NS));
        }
    }
    Ok(rows)
}

struct Responses {
    mean: f64,
    quantile: Box<dyn Fn(f64) -> f64>,
}

/// One measurement, and what the recursion makes of its arrivals.
fn one(
    bench: &mut Bench<'_>,
    target: &Target,
    inject: &str,
    load: f64,
    overhead: &Overhead,
) -> Result<(Responses, Vec<f64>), Failure> {
    let rate = load * 1e9 / (SERVICE_NS + overhead.busy);
    let gets = logged(group("queue", target, &["GET", "__key__"], CONNECTIONS, poisson(rate)));
    let mut plan = bench.plan(vec![gets], Nanos::ZERO, MEASURE);
    plan.pacing = PRECISE;
    let result = bench.run(&plan)?;
    let queue = find(&result, "queue")?;
    let mut arrivals: Vec<f64> =
        queue.log.iter().map(|request| request.intended.0 as f64).collect();
    arrivals.sort_unstable_by(f64::total_cmp);
    let draws = aelab_server::service_times(inject)
        .map_err(|why| Failure::invalid(format!("the plan of service times: {why}")))?;
    let services = draws.map(|draw| draw.as_nanos() as f64 + overhead.busy);
    let expected = lindley::responses(&arrivals, services);
    let metric = response(queue)?.clone();
    let mean = mean(&metric);
    Ok((Responses { mean, quantile: Box::new(move |q| quantile(&metric, q)) }, expected))
}

/// Measures what the programs take beside a fixed service time: a busy server gives the share of its own time, an idle one
/// the rest of the way.
fn overhead(bench: &mut Bench<'_>) -> Result<Overhead, Failure> {
    let inject = "service=fixed:1ms,commands=get";
    let server = bench.server(&[("reply-immediately", "yes"), ("inject", inject)])?;
    let target = &server.target;
    let closed = group("busy", target, &["GET", "__key__"], 10, CLOSED);
    let second = Nanos::from_secs(1);
    let busy = bench.run(&bench.plan(vec![closed], Nanos::from_millis(200), second))?;
    let mut sparse = bench.plan(
        vec![group("idle", target, &["GET", "__key__"], 10, constant(200.0))],
        Nanos::ZERO,
        second,
    );
    sparse.pacing = PRECISE;
    let idle = bench.run(&sparse)?;
    // With ten in a closed loop each waits for the ten before it, so the median is ten service times.
    let per_request = quantile(response(find(&busy, "busy")?)?, 0.5) / 10.0;
    let busy = (per_request - SERVICE_NS).max(0.0);
    let way = quantile(response(find(&idle, "idle")?)?, 0.5) - SERVICE_NS - busy;
    Ok(Overhead { busy, way: way.max(0.0) })
}
