//! Choices and sums: keys by Zipf's law, histograms of several threads.

use crate::selftest::bench::{Bench, CLOSED, constant, find, group, logged, response};
use crate::selftest::row::{Row, Unit};
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{GroupPlan, KeyDistribution, KeySpace, Target};
use aelab_lab::control::Control;
use aelab_results::histogram;

/// Keys and exponent of A23.
const KEYS: u64 = 1_000_000;
const EXPONENT: f64 = 0.99;
/// Requests of A23: the share of the first key is then known to 0.4 %.
const DRAWS: u64 = 1_000_000;
/// Keys whose common share is compared.
const TOP: usize = 100;

/// A19.
pub(super) fn merged(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let gets = logged(group("victims", &server.target, &["GET", "__key__"], 50, constant(5_000.0)));
    let mut plan = bench.plan(vec![gets], Nanos::ZERO, Nanos::from_secs(2));
    plan.threads = 2;
    let result = bench.run(&plan)?;
    let victims = find(&result, "victims")?;
    let mut single = histogram::new();
    for request in &victims.log.entries {
        single.saturating_record(request.replied.since(request.intended).0);
    }
    let merged = &response(victims)?.total;
    let differ = single
        .iter_recorded()
        .map(|value| (value.value_iterated_to(), value.count_at_value()))
        .filter(|(value, count)| merged.count_at(*value) != *count)
        .count();
    let same = differ == 0 && single.len() == merged.len();
    let shown = format!("{} samples, {differ} differ", merged.len());
    let expected = format!("{} samples, 0 differ", single.len());
    Ok(vec![Row::said("A19", "two threads merged, against one histogram", expected, shown, same)])
}

/// A23.
pub(super) fn zipf(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let mut incr = group("counts", &server.target, &["INCR", "__key__"], 10, CLOSED);
    incr.workload.keys = KeySpace {
        distribution: KeyDistribution::Zipf { exponent: EXPONENT },
        ..KeySpace::uniform(KEYS)
    };
    let counts = GroupPlan { pipeline: 32, requests: Some(DRAWS), ..incr };
    let mut plan = bench.plan(vec![counts], Nanos::ZERO, Nanos::ZERO);
    plan.phases.measure = None;
    bench.run(&plan)?;
    let seen = top_counts(&server.target)?;
    let weight = |rank: u64| (rank as f64).powf(-EXPONENT);
    let all: f64 = (1..=KEYS).map(weight).sum();
    let top: f64 = (1..=TOP as u64).map(weight).sum();
    let first = seen.first().copied().unwrap_or(0.0);
    let share = |count: f64| count / DRAWS as f64;
    let measured_top = share(seen.iter().sum());
    Ok(vec![
        Row::near(
            "A23",
            "share of the first key",
            Unit::Share,
            [share(first), weight(1) / all],
            0.02,
        ),
        Row::near(
            "A23",
            "share of the first hundred",
            Unit::Share,
            [measured_top, top / all],
            0.02,
        ),
    ])
}

/// How often the server saw each of the first keys.
fn top_counts(target: &Target) -> Result<Vec<f64>, Failure> {
    let mut control = Control::open(target)?;
    let mut counts = Vec::new();
    for number in 0..TOP {
        let key = format!("key:{number:012}");
        let value = control.command(&[b"GET", key.as_bytes()])?;
        counts.push(value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0.0));
    }
    Ok(counts)
}
