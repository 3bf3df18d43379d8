//! Axes: the nines axis as a plotters coordinate, and round ticks for linear and logarithmic ones.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// Quantiles on a logarithmic scale of 1/(1 − q), so that each further nine gets the same room.
#[derive(Debug, Clone)]
pub(crate) struct Nines {
    /// Nines at the right end: log10 of the sample count.
    end: f64,
}

impl Nines {
    /// An axis that ends at the largest of `count` samples.
    pub(crate) fn new(count: u64) -> Self {
        Self { end: (count.max(2) as f64).log10() }
    }

    /// How many nines a quantile has: 0.99 has 2.
    fn of(quantile: f64) -> f64 {
        -(1.0 - quantile.clamp(0.0, 1.0 - 1e-15)).log10()
    }
}

impl Ranged for Nines {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (Self::of(*value) / self.end).clamp(0.0, 1.0);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks()
    }

    fn range(&self) -> Range<f64> {
        0.0..1.0 - 10_f64.powf(-self.end)
    }
}

impl Nines {
    /// 0, 0.5, 0.9, 0.99, … up to the end.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let mut ticks = vec![0.0, 0.5];
        let nines = (1..).take_while(|&n| f64::from(n) <= self.end + 1e-9);
        ticks.extend(nines.map(|n| 1.0 - 10_f64.powi(-n)));
        ticks
    }
}

/// A quantile of [`Nines::ticks`] in percent, without binary dust: `99.9`.
pub(crate) fn percent_text(quantile: f64) -> String {
    let text = format!("{:.8}", quantile * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Round numbers from `lo` to `hi`, at most `room` of them, in steps of 1, 2 or 5.
pub(crate) fn linear_ticks(lo: f64, hi: f64, room: usize) -> Vec<f64> {
    let span = (hi - lo).max(f64::MIN_POSITIVE);
    let rough = span / room.max(1) as f64;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|s| s * decade)
        .find(|s| *s >= rough * (1.0 - 1e-9))
        .unwrap_or(decade * 10.0);
    let first = (lo / step - 1e-9).ceil();
    (0..=room + 1)
        .map(|i| (first + i as f64) * step)
        .take_while(|v| *v <= hi + step * 1e-9)
        .collect()
}

/// Powers of ten from `lo` to `hi`, with 2 and 5 between them where fewer than three decades are
/// shown; every second, third, … decade where `room` is short.
pub(crate) fn log_ticks(lo: f64, hi: f64, room: usize) -> Vec<f64> {
    let decades = (hi / lo).log10();
    let (from, to) = (lo.log10().floor() as i32, hi.log10().ceil() as i32);
    let inside = |v: &f64| *v >= lo * (1.0 - 1e-9) && *v <= hi * (1.0 + 1e-9);
    let steps: &[f64] = if decades * 3.0 < room as f64 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = ((decades / room.max(1) as f64).ceil() as usize).max(1);
    (from..=to)
        .step_by(every)
        .flat_map(|d| steps.iter().map(move |s| s * 10_f64.powi(d)))
        .filter(inside)
        .collect()
}

/// The range of a logarithmic axis around values: widened to 1, 2 or 5 at both ends.
pub(crate) fn log_range(lo: f64, hi: f64) -> (f64, f64) {
    let nice = |v: f64, steps: &[f64], up: bool| {
        let decade = 10_f64.powf(v.log10().floor());
        let found = if up {
            steps.iter().map(|s| s * decade).find(|s| *s >= v)
        } else {
            steps.iter().rev().map(|s| s * decade).find(|s| *s <= v)
        };
        found.unwrap_or(decade)
    };
    let low = nice(lo, &[1.0, 2.0, 5.0], false);
    let high = nice(hi, &[1.0, 2.0, 5.0, 10.0], true);
    // One decade at least, or a flat curve would fill the chart with noise.
    if high < low * 10.0 { (low, low * 10.0) } else { (low, high) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nine_has_the_same_room() {
        let axis = Nines::new(10_000);
        let at = |q| axis.map(&q, (100, 500));
        assert_eq!([at(0.0), at(0.9), at(0.99), at(0.9999), at(1.0)], [100, 200, 300, 500, 500]);
        let texts: Vec<String> = axis.ticks().into_iter().map(percent_text).collect();
        assert_eq!(texts, ["0", "50", "90", "99", "99.9", "99.99"]);
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(linear_ticks(0.0, 30.0, 8), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(linear_ticks(0.0, 2500.0, 4), [0.0, 1000.0, 2000.0]);
        assert_eq!(log_ticks(50.0, 1e6, 6), [100.0, 1e3, 1e4, 1e5, 1e6]);
        assert_eq!(log_ticks(1.0, 10.0, 8), [1.0, 2.0, 5.0, 10.0]);
        assert_eq!(log_range(73.0, 1_020_000.0), (50.0, 2_000_000.0));
        assert_eq!(log_range(100.0, 110.0), (100.0, 1000.0));
    }
}
