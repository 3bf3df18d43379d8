//! The percentile figure: curves and bands from the histograms.

use rayon::prelude::*;

use crate::view::arms::{ArmData, Lead};
use crate::view::figure::{Curve, CurveKind, Figure, PercentilePlot, Plot};
use crate::view::finding;
use crate::view::table::Table;
use aelab_results::histogram::Sparse;
use aelab_results::hlog::Interval;
use aelab_results::stats::{SAMPLES_ABOVE_MIN, bands, supported};
use aelab_results::text::number::{duration, grouped, percentile, us};

/// Points per decade of 1/(1 − q): finer than a pixel at any width we draw.
const POINTS_PER_NINE: u32 = 48;
/// Points of a band per decade: it is a soft shape.
const BAND_POINTS_PER_NINE: u32 = 10;

/// Rows of the table twin, in percent.
const TWIN_PERCENTILES: [f64; 11] =
    [10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.99, 99.999];

/// The figure, or `None` without samples.
pub(crate) fn figure(arms: &[ArmData<'_>]) -> Option<Figure> {
    let lead = Lead::of(arms);
    let curves: Vec<Curve> = arms
        .par_iter()
        .enumerate()
        .flat_map_iter(|(position, arm)| curves_of(position, arm, lead))
        .collect();
    let counts: Vec<u64> = arms.iter().map(|a| a.responses().total()).filter(|&n| n > 0).collect();
    let (&count, &fewest) = (counts.iter().max()?, counts.iter().min()?);
    let thin_from = 1.0 - SAMPLES_ABOVE_MIN as f64 / fewest.max(SAMPLES_ABOVE_MIN) as f64;
    Some(Figure {
        name: "percentiles",
        title: finding::percentiles(arms),
        subtitle: subtitle(&curves, lead, arms.iter().any(|a| a.unfinished_share().is_some())),
        twin: twin(arms),
        plot: Plot::Percentiles(PercentilePlot { curves, count, thin_from }),
    })
}

fn subtitle(curves: &[Curve], lead: Lead, open: bool) -> String {
    let mut text = match (lead, curves.iter().any(|c| c.kind == CurveKind::Other)) {
        (Lead::Response, true) => {
            "Solid: response time, from when the request was due. Dashed: service time, from when it was sent. "
        }
        (Lead::Response, false) => "Response time, from when the request was due. ",
        (Lead::Service, _) => {
            "Solid: service time, from when the request was sent. Dashed: response time, from when its connection was free. "
        }
    }
    .to_owned();
    if curves.iter().any(|c| !c.band.is_empty()) {
        text.push_str("Band: 95 % interval of the ");
        text.push_str(lead.name());
        text.push_str(". ");
    }
    text.push_str("Grey: fewer than 10 samples above.");
    if open {
        text.push_str(" Unfinished requests are not in the curves.");
    }
    text
}

fn curves_of(position: usize, arm: &ArmData<'_>, lead: Lead) -> Vec<Curve> {
    let named = |metric: &str| match arm.name.as_str() {
        "" => metric.to_owned(),
        name => format!("{name}, {metric}"),
    };
    let mut curves = Vec::new();
    let mut add = |kind, intervals: &[Interval], label: String, band| {
        let samples = Sparse::merge(intervals.iter().map(|i| &i.counts));
        if !samples.is_empty() {
            let points = sampled(&samples);
            curves.push(Curve { label, arm: position, kind, points, band });
        }
    };
    let word = |lead: Lead| named(lead.name().trim_end_matches(" time"));
    let band = band_of(arm.intervals(lead));
    add(CurveKind::Lead, arm.intervals(lead), word(lead), band);
    let other = lead.other();
    add(CurveKind::Other, arm.intervals(other), word(other), Vec::new());
    curves
}

/// The curve at evenly spaced points of the nines axis, up to the largest sample.
fn sampled(samples: &Sparse) -> Vec<(f64, f64)> {
    let n = samples.total();
    let last = 1.0 - 1.0 / n as f64;
    let mut quantiles = grid(n, POINTS_PER_NINE);
    quantiles.push(last);
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(quantiles.len());
    for quantile in quantiles {
        // The value that the share 1 − q of the samples lies above: the largest at the very end.
        let at = if quantile >= last { 1.0 } else { quantile };
        let Some(value) = samples.value_at(at) else { continue };
        points.push((quantile, us(value).max(MIN_US)));
    }
    points
}

/// Values of 0 ns have no place on a logarithmic axis; the clock does not resolve less than this.
const MIN_US: f64 = 0.001;

fn band_of(intervals: &[Interval]) -> Vec<(f64, f64, f64)> {
    let n: u64 = intervals.iter().map(|i| i.counts.total()).sum();
    let quantiles: Vec<f64> =
        grid(n, BAND_POINTS_PER_NINE).into_iter().filter(|q| supported(q * 100.0, n)).collect();
    bands(intervals, &quantiles)
        .into_iter()
        .zip(quantiles)
        .filter_map(|(band, q)| band.map(|(lo, hi)| (q, us(lo).max(MIN_US), us(hi).max(MIN_US))))
        .collect()
}

/// Quantiles below 1 − 1/n, evenly spaced on the nines axis.
fn grid(n: u64, per_nine: u32) -> Vec<f64> {
    let end = (n.max(1) as f64).log10();
    (0..)
        .map(|step| f64::from(step) / f64::from(per_nine))
        .take_while(|nines| *nines < end - 1e-9)
        .map(|nines| 1.0 - 10_f64.powf(-nines))
        .collect()
}

fn twin(arms: &[ArmData<'_>]) -> Table {
    let mut columns = vec![">Percentile".to_owned()];
    for arm in arms {
        let name = if arm.name.is_empty() { String::new() } else { format!("{} ", arm.name) };
        columns.push(format!(">{name}response time"));
        columns.push(format!(">{name}service time"));
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new("Response and service time by percentile", &columns);
    let samples: Vec<[Sparse; 2]> = arms.iter().map(|a| [a.responses(), a.services()]).collect();
    for p in TWIN_PERCENTILES {
        let mut row = vec![percentile(p)];
        let pairs = arms.iter().zip(&samples);
        row.extend(pairs.flat_map(|(arm, [response, service])| {
            let bound = |lead| arm.at_least_us(lead, p);
            [cell(response, p, bound(Lead::Response)), cell(service, p, bound(Lead::Service))]
        }));
        if row.iter().skip(1).any(|c| *c != none()) {
            table.push(row);
        }
    }
    let mut row = vec!["largest".to_owned()];
    row.extend(arms.iter().zip(&samples).flat_map(|(arm, [response, service])| {
        // With requests open at the end, no reply is known to be the last one.
        let open = arm.unfinished_share().map(|_| 0.0);
        let bound = |lead| arm.at_least_us(lead, 100.0).or(open);
        [largest(response, bound(Lead::Response)), largest(service, bound(Lead::Service))]
    }));
    table.push(row);
    let mut row = vec!["samples".to_owned()];
    row.extend(samples.iter().flatten().map(|s| grouped(s.total())));
    table.push(row);
    table
}

/// The text of an empty cell.
fn none() -> String {
    "–".to_owned()
}

fn cell(samples: &Sparse, p: f64, at_least_us: Option<f64>) -> String {
    let value = supported(p, samples.total()).then(|| samples.value_at(p / 100.0)).flatten();
    bounded(value, at_least_us)
}

fn largest(samples: &Sparse, at_least_us: Option<f64>) -> String {
    bounded(samples.value_at(1.0), at_least_us)
}

/// A value in ns as text, or the lower bound that takes its place.
fn bounded(value: Option<u64>, at_least_us: Option<f64>) -> String {
    match (value.map(us), at_least_us) {
        (Some(value), Some(bound)) => format!("≥\u{a0}{}", duration(value.max(bound))),
        (Some(value), None) => duration(value),
        (None, _) => none(),
    }
}
