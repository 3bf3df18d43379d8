//! Queues with a known answer: Poisson arrivals at a server with a fixed or an exponential service time.
//!
//! The service time is 1 ms rather than 100 us: a system call of the server, which theory knows nothing of, is then half a
//! percent of it. Theory gives a mean over all runs; what is compared is the recursion over the arrivals and service times of
//! this run, which differ from theory by chance and from the measurement only by what the programs do wrong. The run is cut
//! into blocks and the median block counts, so that a hiccup of the machine spoils a block and not the row.

use crate::selftest::bench::{
    Bench, CLOSED, constant, find, group, logged, poisson, quantile, response,
};
use crate::selftest::lindley;
use crate::selftest::row::{Row, Unit};
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::Target;

/// Mean time that the server is told to take for a command.
const SERVICE_NS: f64 = 1e6;
/// Share of the server's time that arrivals ask for.
const LOADS: [f64; 3] = [0.5, 0.8, 0.9];
/// Connections: more than the longest line, so that no request waits for one.
const CONNECTIONS: usize = 200;
/// Length of each measurement: 4,000 to 7,200 requests.
const MEASURE: Nanos = Nanos::from_secs(8);

/// Most that the programs may take beside the service time, as a share of it: more is no overhead, it is wrong.
const BUSY_MAX: f64 = 0.05;
/// Blocks that a measurement is cut into: half a second each, longer than any busy period of these loads.
const BLOCKS: usize = 16;

/// What the programs take beside the service time, per request, in nanoseconds.
pub(super) struct Overhead {
    /// Of the server's time: it makes the line longer.
    pub(super) busy: f64,
    /// Of the reply's way only.
    pub(super) way: f64,
}

/// A figure of a block's response times.
enum Statistic {
    Mean,
    Quantile(f64),
}

impl Statistic {
    fn of(&self, values: &[f64]) -> f64 {
        match self {
            Self::Mean => lindley::mean(values),
            Self::Quantile(q) => lindley::quantile(&mut values.to_vec(), *q),
        }
    }
}

/// What is compared: its name, the statistic, the theory of it by load, in service times.
type Comparison = (&'static str, Statistic, fn(f64) -> f64);

/// A7.
pub(super) fn fixed(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let comparisons: [Comparison; 2] = [
        // The mean wait is S·rho/2(1 − rho).
        ("mean", Statistic::Mean, |load| 1.0 + load / (2.0 * (1.0 - load))),
        // From Erlang's distribution of the wait (1909), for these loads.
        ("p99", Statistic::Quantile(0.99), |load| match load {
            load if load < 0.6 => 4.30,
            load if load < 0.85 => 11.37,
            _ => 22.09,
        }),
    ];
    family(bench, "A7", "M/D/1", "service=fixed:1ms,commands=get", 0.05, &comparisons)
}

/// A8.
pub(super) fn exponential(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    // The response time is exponential with mean S/(1 − rho).
    let comparisons: [Comparison; 3] = [
        ("mean", Statistic::Mean, |load| 1.0 / (1.0 - load)),
        ("p99", Statistic::Quantile(0.99), |load| 100_f64.ln() / (1.0 - load)),
        ("p99.9", Statistic::Quantile(0.999), |load| 1_000_f64.ln() / (1.0 - load)),
    ];
    family(bench, "A8", "M/M/1", "service=exp:1ms,seed=7,commands=get", 0.07, &comparisons)
}

fn family(
    bench: &mut Bench<'_>,
    id: &'static str,
    name: &str,
    inject: &'static str,
    tolerance: f64,
    comparisons: &[Comparison],
) -> Result<Vec<Row>, Failure> {
    const FIXED: &str = "service=fixed:1ms,commands=get";
    let busy = busy(bench, FIXED, SERVICE_NS)?;
    let mut rows = Vec::new();
    for load in LOADS {
        rows.extend(bench.tried(|bench| {
            let overhead = Overhead { busy, way: way(bench, FIXED, SERVICE_NS + busy, load)? };
            let server = bench.server(&[("reply-immediately", "yes"), ("inject", inject)])?;
            let (measured, computed) = one(bench, &server.target, inject, load, &overhead)?;
            let compare = |(what, statistic, theory): &Comparison| {
                let (got, want) = median_block(&measured, &computed, statistic);
                let what = format!("{name} at load {load}: response {what}, median block");
                Row::near(id, what, Unit::Time, [got, want + overhead.way], tolerance)
                    .in_theory(Unit::Time, theory(load) * SERVICE_NS)
            };
            Ok(comparisons.iter().map(compare).collect())
        })?);
    }
    Ok(rows)
}

/// Requests of a block of a run of so many.
fn block_size(requests: usize) -> usize {
    requests.div_ceil(BLOCKS).max(1)
}

/// The block in the middle when blocks are ordered by how far measured and computed are apart: both figures of it.
fn median_block(measured: &[f64], computed: &[f64], statistic: &Statistic) -> (f64, f64) {
    let size = block_size(measured.len());
    let mut blocks: Vec<(f64, f64)> = measured
        .chunks(size)
        .zip(computed.chunks(size))
        .map(|(measured, computed)| (statistic.of(measured), statistic.of(computed)))
        .collect();
    blocks.sort_unstable_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    blocks.get(blocks.len() / 2).copied().unwrap_or((f64::NAN, f64::NAN))
}

/// One measurement: response times in the order of the arrivals, and what the recursion makes of the same arrivals.
fn one(
    bench: &mut Bench<'_>,
    target: &Target,
    inject: &str,
    load: f64,
    overhead: &Overhead,
) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    let rate = load * 1e9 / (SERVICE_NS + overhead.busy);
    let gets = logged(group("queue", target, &["GET", "__key__"], CONNECTIONS, poisson(rate)));
    let plan = bench.plan(vec![gets], Nanos::ZERO, MEASURE);
    let result = bench.run(&plan)?;
    let mut requests: Vec<(u64, u64)> = find(&result, "queue")?
        .log
        .entries
        .iter()
        .map(|request| (request.intended.0, request.replied.0))
        .collect();
    requests.sort_unstable();
    let arrivals: Vec<f64> = requests.iter().map(|(intended, _)| *intended as f64).collect();
    let measured = requests.iter().map(|(intended, replied)| (replied - intended) as f64).collect();
    let draws = aelab_server::service_times(inject)
        .map_err(|why| Failure::invalid(format!("the plan of service times: {why}")))?;
    let services: Vec<f64> =
        draws.take(requests.len()).map(|draw| draw.as_nanos() as f64).collect();
    let size = block_size(requests.len());
    let mut taken = Vec::with_capacity(services.len());
    for (requests, services) in requests.chunks(size).zip(services.chunks(size)) {
        let busy = busy_between(requests, services).unwrap_or(overhead.busy);
        taken.extend(services.iter().map(|service| service + busy));
    }
    Ok((measured, lindley::responses(&arrivals, taken)))
}

/// What a request of a block took of the server's time beside its service, on average, from the replies of this very run: who came
/// before the reply to the one before was served right after it, so what lies between the two replies is its service and the
/// rest. Other work of the CPU in that block is part of it, and at a load of 0.9 each hundredth of it counts tenfold.
/// It is a matter of distances between replies, says nothing of how long anybody waited, and is kept within [`BUSY_MAX`].
/// `None` if no request waited.
fn busy_between(requests: &[(u64, u64)], services: &[f64]) -> Option<f64> {
    let rests: Vec<f64> = requests
        .windows(2)
        .zip(services.iter().skip(1))
        .filter(|(pair, _)| pair[1].0 < pair[0].1 && pair[0].1 < pair[1].1)
        .map(|(pair, service)| (pair[1].1 - pair[0].1) as f64 - service)
        .collect();
    (!rests.is_empty()).then(|| lindley::mean(&rests).clamp(0.0, BUSY_MAX * SERVICE_NS))
}

/// Measures what the programs take beside a fixed service time of `service_ns`, at a load.
pub(super) fn overhead(
    bench: &mut Bench<'_>,
    inject: &'static str,
    service_ns: f64,
    load: f64,
) -> Result<Overhead, Failure> {
    let busy = busy(bench, inject, service_ns)?;
    Ok(Overhead { busy, way: way(bench, inject, service_ns + busy, load)? })
}

/// What a request takes of a busy server's time beside the service.
fn busy(bench: &mut Bench<'_>, inject: &'static str, service_ns: f64) -> Result<f64, Failure> {
    let server = bench.server(&[("reply-immediately", "yes"), ("inject", inject)])?;
    let closed = group("busy", &server.target, &["GET", "__key__"], 10, CLOSED);
    let second = Nanos::from_secs(1);
    let busy = bench.run(&bench.plan(vec![closed], Nanos::from_millis(200), second))?;
    // With ten in a closed loop each waits for the ten before it, so the median is ten service times.
    let per_request = quantile(response(find(&busy, "busy")?)?, 0.5) / 10.0;
    Ok((per_request - service_ns).max(0.0))
}

/// What a request takes beside the server's `taken_ns`: that of requests at equal distances, so that none waits for another, at the
/// load it is wanted for. A CPU that has slept longer wakes up later.
fn way(
    bench: &mut Bench<'_>,
    inject: &'static str,
    taken_ns: f64,
    load: f64,
) -> Result<f64, Failure> {
    let server = bench.server(&[("reply-immediately", "yes"), ("inject", inject)])?;
    let apart = constant(load * 1e9 / taken_ns);
    let alone = group("alone", &server.target, &["GET", "__key__"], 10, apart);
    let plan = bench.plan(vec![alone], Nanos::ZERO, Nanos::from_secs(1));
    let result = bench.run(&plan)?;
    Ok((quantile(response(find(&result, "alone")?)?, 0.5) - taken_ns).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spoilt_block_does_not_move_the_row() {
        let computed = vec![1.0; 160];
        let mut measured = vec![1.01; 160];
        measured[..10].fill(50.0);
        let (got, want) = median_block(&measured, &computed, &Statistic::Mean);
        assert!((got - 1.01).abs() < 1e-9 && (want - 1.0).abs() < 1e-9, "{got} {want}");
    }

    #[test]
    fn the_rest_is_what_lies_between_replies_of_those_who_waited() {
        // The second and third waited; the fourth came to an idle server.
        let requests = [(0, 110), (50, 225), (60, 340), (900, 1_500)];
        let services = [100.0, 100.0, 100.0, 100.0];
        let rest = busy_between(&requests, &services).expect("two waited");
        assert!((rest - 15.0).abs() < 1e-9, "{rest}");
        assert_eq!(busy_between(&requests[2..], &services), None);
        // What is no overhead is not explained away.
        let slow = [(0, 1_000_000), (1, 9_000_000), (2, 17_000_000)];
        assert_eq!(busy_between(&slow, &[1e6; 3]), Some(BUSY_MAX * SERVICE_NS));
    }

    #[test]
    fn a_wrong_measurement_moves_every_block() {
        let computed: Vec<f64> = (1..=160).map(f64::from).collect();
        let measured: Vec<f64> = computed.iter().map(|value| value * 1.2).collect();
        let (got, want) = median_block(&measured, &computed, &Statistic::Quantile(0.99));
        assert!((got / want - 1.2).abs() < 1e-9, "{got} {want}");
    }
}
