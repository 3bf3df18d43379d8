//! The shift function: B over A at matched quantiles, over the whole distribution (Doksum 1974, as ratio).

use super::metrics::of_single_runs;
use super::repetition::Repetition;
use super::types::ShiftPoint;
use crate::histogram::Sparse;
use crate::hlog::{Interval, Metric};
use crate::stats::{Figure, bands, supported};

/// The quantiles, in percent.
const POINTS: [f64; 13] =
    [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 99.0, 99.5, 99.9];

/// Where both sides have enough samples; empty without logs.
pub(super) fn function(sides: &[Vec<Repetition<'_>>; 2], metric: Metric) -> Vec<ShiftPoint> {
    let [a, b] = [intervals(&sides[0], metric), intervals(&sides[1], metric)];
    let merged = |all: &[Interval]| Sparse::merge(all.iter().map(|interval| &interval.counts));
    let (sum_a, sum_b) = (merged(&a), merged(&b));
    let least = sum_a.total().min(sum_b.total());
    let points: Vec<f64> = POINTS.into_iter().filter(|p| supported(*p, least)).collect();
    let quantiles: Vec<f64> = points.iter().map(|p| p / 100.0).collect();
    let (bands_a, bands_b) = (bands(&a, &quantiles), bands(&b, &quantiles));
    let us = |ns: u64| ns as f64 / 1e3;
    points
        .iter()
        .zip(bands_a.iter().zip(&bands_b))
        .filter_map(|(&p, (band_a, band_b))| {
            let (a_us, b_us) = (us(sum_a.value_at(p / 100.0)?), us(sum_b.value_at(p / 100.0)?));
            let figure = |value: f64, band: &Option<(u64, u64)>| {
                band.map(|(lo, hi)| Figure { value, lo: us(lo).min(value), hi: us(hi).max(value) })
            };
            let both = figure(a_us, band_a).zip(figure(b_us, band_b));
            let band = both.and_then(|(a, b)| of_single_runs(a, b));
            let ratio = b_us / a_us;
            let (lo, hi) = (band.map(|figure| figure.lo), band.map(|figure| figure.hi));
            ratio.is_finite().then_some(ShiftPoint { p, a_us, b_us, ratio, lo, hi })
        })
        .collect()
}

/// The intervals of all repetitions, one after the other in time.
fn intervals(side: &[Repetition<'_>], metric: Metric) -> Vec<Interval> {
    let mut all: Vec<Interval> = Vec::new();
    for one in side {
        let end = all.iter().map(|interval| interval.start_ns + interval.length_ns).max();
        let start = end.unwrap_or(0);
        let series = one.series(metric).map(|series| series.intervals).unwrap_or_default();
        all.extend(
            series
                .into_iter()
                .map(|interval| Interval { start_ns: interval.start_ns + start, ..interval }),
        );
    }
    all
}
