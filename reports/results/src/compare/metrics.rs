//! The metrics of a pair of groups: p50, p90, p99, p99.9, rate and errors.

use super::repetition::Repetition;
use super::types::{Basis, MetricRatio};
use crate::hlog::Metric;
use crate::record::Percentile;
use crate::stats::pairs::{geometric_mean, mean, positive, ratio_unpaired};
use crate::stats::{BLOCKS_MIN, Figure};

/// The percentiles that are compared, in percent.
const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 99.9];

/// All metrics, in the order they are shown.
pub(super) fn all(sides: &[Vec<Repetition<'_>>; 2], metric: Metric) -> Vec<MetricRatio> {
    let mut all: Vec<MetricRatio> =
        PERCENTILES.iter().map(|p| percentile(sides, metric, *p)).collect();
    all.push(rate(sides));
    all.push(errors(sides));
    all
}

fn percentile(sides: &[Vec<Repetition<'_>>; 2], metric: Metric, p: f64) -> MetricRatio {
    let entries = |side: &[Repetition<'_>]| -> Vec<Percentile> {
        side.iter().map(|one| one.times(metric).at(p).cloned().unwrap_or_default()).collect()
    };
    let [a, b] = [entries(&sides[0]), entries(&sides[1])];
    let name = format!("p{p}");
    let lacking = a.iter().chain(&b).find(|entry| entry.us.is_none());
    if let Some(entry) = lacking {
        let why = match entry.need {
            Some(need) => format!("p{p} needs {need} samples"),
            None => format!("a record has no p{p}"),
        };
        return MetricRatio { name, unit: "us".to_owned(), why, ..MetricRatio::default() };
    }
    let open = a.iter().chain(&b).any(|entry| entry.censored);
    let figure = |entry: &Percentile| {
        let value = entry.us.unwrap_or_default();
        let (lo, hi) = entry.lo_us.zip(entry.hi_us)?;
        Some(Figure { value, lo, hi })
    };
    let values = |side: &[Percentile]| side.iter().filter_map(|e| e.us).collect::<Vec<f64>>();
    let within = a.first().and_then(figure).zip(b.first().and_then(figure));
    let mut out = ratio(name, "us", &values(&a), &values(&b), within);
    if open {
        // The true value of a side may be higher, so no interval holds the ratio.
        (out.lo, out.hi, out.basis) = (None, None, Basis::None);
        out.why = "requests had no reply, so a value is a lower bound".to_owned();
    }
    out
}

fn rate(sides: &[Vec<Repetition<'_>>; 2]) -> MetricRatio {
    let values = |side: &[Repetition<'_>]| -> Vec<f64> {
        side.iter().map(|one| one.group.achieved_rate).filter(|rate| rate.is_finite()).collect()
    };
    let within = sides[0].first().and_then(over_time).zip(sides[1].first().and_then(over_time));
    ratio("rate".to_owned(), "1/s", &values(&sides[0]), &values(&sides[1]), within)
}

/// The rate of one run with an interval from the counts of replies in stretches of time (batch means).
fn over_time(run: &Repetition<'_>) -> Option<Figure> {
    let series = run.series(Metric::Service)?;
    let step = series.intervals.iter().map(|interval| interval.length_ns).max()?.max(1);
    let slots = (run.folder.record.duration_s * 1e9 / step as f64).floor() as usize;
    let batches = BLOCKS_MIN;
    if slots < batches {
        return None;
    }
    let mut counts = vec![0_u64; batches];
    for interval in &series.intervals {
        let slot = (interval.start_ns / step) as usize;
        // What is answered in the drain belongs to no whole stretch.
        if slot < slots {
            counts[slot * batches / slots] += interval.counts.total();
        }
    }
    // A batch has one slot more or less than another.
    let length = |batch: usize| {
        let at = |slot: &usize| slot * batches / slots == batch;
        (0..slots).filter(at).count().max(1) as f64 * step as f64 / 1e9
    };
    let rates: Vec<f64> =
        counts.iter().enumerate().map(|(batch, count)| *count as f64 / length(batch)).collect();
    let Figure { value, lo, hi } = mean(&rates)?;
    let scale = run.group.achieved_rate / value;
    (value > 0.0 && lo > 0.0 && scale.is_finite()).then_some(Figure {
        value: run.group.achieved_rate,
        lo: lo * scale,
        hi: hi * scale,
    })
}

fn errors(sides: &[Vec<Repetition<'_>>; 2]) -> MetricRatio {
    let values = |side: &[Repetition<'_>]| -> Vec<f64> {
        side.iter().map(|one| one.group.counts.error_share()).collect()
    };
    let [a, b] = [values(&sides[0]), values(&sides[1])];
    let mean_of = |values: &[f64]| mean(values).map(|figure| figure.value);
    if !positive(&a) || !positive(&b) {
        return MetricRatio {
            name: "errors".to_owned(),
            unit: "share".to_owned(),
            a: mean_of(&a),
            b: mean_of(&b),
            why: "no ratio: a run had no errors".to_owned(),
            ..MetricRatio::default()
        };
    }
    ratio("errors".to_owned(), "share", &a, &b, None)
}

/// B over A, from repetitions if both sides have several, else from the figures of the single runs.
fn ratio(
    name: String,
    unit: &str,
    a: &[f64],
    b: &[f64],
    within: Option<(Figure, Figure)>,
) -> MetricRatio {
    let value = |values: &[f64]| geometric_mean(values).map(|figure| figure.value);
    let mut out = MetricRatio {
        name,
        unit: unit.to_owned(),
        a: value(a),
        b: value(b),
        ..MetricRatio::default()
    };
    let (Some(one), Some(other)) = (out.a, out.b) else {
        out.why = "no ratio: a value is zero or unknown".to_owned();
        return out;
    };
    out.ratio = Some(other / one);
    let (figure, basis) = if a.len() > 1 && b.len() > 1 {
        (ratio_unpaired(b, a), Basis::Repetitions)
    } else if a.len() == 1 && b.len() == 1 {
        (within.and_then(|(a, b)| of_single_runs(a, b)), Basis::WithinRun)
    } else {
        out.why = "no interval: only one side has repetitions".to_owned();
        return out;
    };
    match figure {
        Some(Figure { lo, hi, .. }) => (out.lo, out.hi, out.basis) = (Some(lo), Some(hi), basis),
        None => out.why = "no interval: a run is too short for one".to_owned(),
    }
    out
}

/// MOVER on logarithms: the distances of both intervals' ends from their estimates add like independent errors.
pub(super) fn of_single_runs(a: Figure, b: Figure) -> Option<Figure> {
    if !positive(&[a.lo, a.value, a.hi, b.lo, b.value, b.hi]) {
        return None;
    }
    let value = (b.value / a.value).ln();
    let below = (b.value / b.lo).ln().hypot((a.hi / a.value).ln());
    let above = (b.hi / b.value).ln().hypot((a.value / a.lo).ln());
    Some(Figure { value: value.exp(), lo: (value - below).exp(), hi: (value + above).exp() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_intervals_make_one_of_the_ratio() {
        let a = Figure { value: 100.0, lo: 90.0, hi: 110.0 };
        let b = Figure { value: 200.0, lo: 180.0, hi: 220.0 };
        let Figure { value, lo, hi } = of_single_runs(a, b).expect("a ratio");
        assert!((value - 2.0).abs() < 1e-12);
        // 2 · exp(∓√(ln² 0.9 + ln² 1.1)).
        assert!((lo - 1.7351).abs() < 0.0001 && (hi - 2.3053).abs() < 0.0001, "{lo} {hi}");
        let exact = of_single_runs(Figure::exact(100.0), Figure::exact(150.0)).expect("a ratio");
        assert!(exact.is_exact() || (exact.lo - 1.5).abs() < 1e-12, "{exact:?}");
        assert_eq!(of_single_runs(Figure { lo: 0.0, ..a }, b), None);
    }
}
