//! When requests leave: gaps, rates, bursts.

use crate::selftest::bench::{Bench, constant, find, group, logged, poisson};
use crate::selftest::lindley;
use crate::selftest::row::{Row, Unit};
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::GroupPlan;
use aelab_engine::record::result::GroupResult;
use std::collections::BTreeMap;

/// The rates of A10: odd ones, on which token buckets with coarse ticks come out wrong.
const RATES: [f64; 6] = [7.0, 51.0, 75.0, 99.0, 1_234.0, 99_999.0];
/// The rate whose sends are looked at one millisecond at a time.
const FASTEST: f64 = 99_999.0;
/// The Anderson-Darling statistic of exponential gaps with an estimated mean exceeds this in one of a hundred cases
/// (D'Agostino and Stephens, "Goodness-of-fit techniques", 1986, table 4.14).
const ANDERSON_DARLING_1_PERCENT: f64 = 1.959;

/// Send lag that a free core must stay below.
const LAG_MAX_NS: f64 = 100e3;

/// A9.
pub(super) fn gaps(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let target = &server.target;
    let poisson = logged(group("poisson", target, &["GET", "__key__"], 50, poisson(1_000.0)));
    let ten = Nanos::from_secs(10);
    let result = bench.run(&bench.plan(vec![poisson], Nanos::ZERO, ten))?;
    let gaps = gaps_between(&instants(find(&result, "poisson")?, |request| request.intended));
    let mut rows = vec![
        Row::inside(
            "A9",
            "Poisson: coefficient of variation of the gaps",
            Unit::Plain,
            variation(&gaps),
            0.97..=1.03,
        ),
        Row::at_most(
            "A9",
            "Poisson: Anderson-Darling statistic, 1 % level",
            Unit::Plain,
            anderson_darling(gaps),
            ANDERSON_DARLING_1_PERCENT,
        ),
    ];
    for (rate, name) in [(1_000.0, "1,000/s"), (20_000.0, "20,000/s")] {
        rows.extend(bench.tried(|bench| {
            let even = logged(group("constant", target, &["GET", "__key__"], 50, constant(rate)));
            let plan = bench.plan(vec![even], Nanos::ZERO, ten);
            let lag = median_lag(find(&bench.run(&plan)?, "constant")?);
            let what = format!("{name}: send lag p99, median second");
            Ok(vec![Row::at_most("A9", what, Unit::Time, lag, LAG_MAX_NS)])
        })?);
    }
    Ok(rows)
}

/// A10, A11.
pub(super) fn rates(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let gets = |rate: f64| {
        let connections = if rate == FASTEST { 80 } else { 4 };
        let gets = group(
            &rate.to_string(),
            &server.target,
            &["GET", "__key__"],
            connections,
            constant(rate),
        );
        // Room to catch up with after a hiccup of the machine, so that the rate is the schedule's and not the window's.
        GroupPlan { pipeline: 16, ..logged(gets) }
    };
    let groups = RATES.iter().map(|rate| gets(*rate)).collect();
    let result = bench.run(&bench.plan(groups, Nanos::ZERO, Nanos::from_secs(10)))?;
    let mut rows = Vec::new();
    for rate in RATES {
        let sent = instants(find(&result, &rate.to_string())?, |request| request.sent);
        let span = sent.last().zip(sent.first()).map_or(f64::NAN, |(last, first)| last - first);
        let got = (sent.len() as f64 - 1.0) / span * 1e9;
        rows.push(Row::near("A10", format!("sends at {rate}/s"), Unit::Rate, [got, rate], 0.001));
    }
    let sent = instants(find(&result, &FASTEST.to_string())?, |request| request.sent);
    let crowded = crowded(&sent, 1e6, (1.5 * FASTEST / 1e3) as usize);
    let what = "windows of 1 ms with more than 150 sends at 99,999/s";
    rows.push(Row::at_most("A11", what, Unit::Share, crowded, 0.01));
    Ok(rows)
}

/// The median over the seconds of a run of each second's p99 of sent − intended: a hiccup of the machine spoils one of them.
fn median_lag(group: &GroupResult) -> f64 {
    let mut seconds: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for request in &group.log.entries {
        let lag = request.sent.since(request.intended).0 as f64;
        seconds.entry(request.intended.0 / 1_000_000_000).or_default().push(lag);
    }
    let mut each: Vec<f64> =
        seconds.values_mut().map(|lags| lindley::quantile(lags, 0.99)).collect();
    lindley::quantile(&mut each, 0.5)
}

/// One instant of every request, ascending, in nanoseconds.
fn instants(
    group: &GroupResult,
    of: impl Fn(&aelab_engine::record::result::LoggedRequest) -> Nanos,
) -> Vec<f64> {
    let mut list: Vec<f64> = group.log.entries.iter().map(|request| of(request).0 as f64).collect();
    list.sort_unstable_by(f64::total_cmp);
    list
}

fn gaps_between(instants: &[f64]) -> Vec<f64> {
    instants.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Standard deviation over mean.
fn variation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    variance.sqrt() / mean
}

/// The statistic for exponential gaps whose mean is estimated from them, corrected for their number.
fn anderson_darling(mut gaps: Vec<f64>) -> f64 {
    gaps.sort_unstable_by(f64::total_cmp);
    let count = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / count;
    let sum: f64 = (0..gaps.len())
        .map(|at| {
            let below = -(-gaps[at] / mean).exp_m1();
            let above = -gaps[gaps.len() - 1 - at] / mean;
            (2.0 * at as f64 + 1.0) * (below.max(f64::MIN_POSITIVE).ln() + above)
        })
        .sum();
    (-count - sum / count) * (1.0 + 0.6 / count)
}

/// The share of windows of `width`, one from each instant on, that hold more than `limit` of them.
fn crowded(instants: &[f64], width: f64, limit: usize) -> f64 {
    let mut end = 0;
    let mut over = 0_usize;
    for (start, from) in instants.iter().enumerate() {
        while instants.get(end).is_some_and(|at| *at < from + width) {
            end += 1;
        }
        over += usize::from(end - start > limit);
    }
    over as f64 / instants.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gaps at the midpoints of equal parts of the exponential distribution: as exponential as a list can be.
    fn ideal(count: usize) -> Vec<f64> {
        (0..count).map(|k| -(1.0 - (k as f64 + 0.5) / count as f64).ln()).collect()
    }

    #[test]
    fn exponential_gaps_pass_and_others_do_not() {
        assert!(anderson_darling(ideal(10_000)) < 0.1);
        assert!(anderson_darling(vec![1.0; 10_000]) > ANDERSON_DARLING_1_PERCENT);
        let mixed: Vec<f64> = ideal(10_000).iter().map(|gap| gap.powf(1.1)).collect();
        assert!(anderson_darling(mixed) > ANDERSON_DARLING_1_PERCENT);
        assert!((variation(&ideal(10_000)) - 1.0).abs() < 0.01);
    }

    #[test]
    fn crowds_are_counted_by_window() {
        let even: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(crowded(&even, 10.0, 10), 0.0);
        assert!(crowded(&even, 10.0, 9) > 0.9);
        assert_eq!(crowded(&[0.0, 0.0, 0.0, 50.0], 10.0, 2), 0.25);
    }
}
