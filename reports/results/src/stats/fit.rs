//! A straight line through measured points, with intervals.
//!
//! Weighted least squares: an error of 10 % has the same weight at every size, because the
//! disturbance of a command grows with its length. Intervals are Student's t, 95 %. Pure. Depends on
//! `figure.rs` and `pairs.rs` only. Invariant: an interval contains its estimate.

use crate::stats::Figure;
use crate::stats::pairs::t_quantile;

/// `y = base + slope · x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// At x = 0.
    pub base: Figure,
    /// Per unit of x.
    pub slope: Figure,
}

/// The line through these points; `None` unless there are two different x, all y above zero.
#[must_use]
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    if points.iter().any(|(_, y)| !(y.is_finite() && *y > 0.0)) {
        return None;
    }
    let weights: Vec<f64> = points.iter().map(|(x, _)| mean_at(points, *x).powi(-2)).collect();
    let weight: f64 = weights.iter().sum();
    let mean = |of: fn(&(f64, f64)) -> f64| {
        let sum: f64 = points.iter().zip(&weights).map(|(point, weight)| of(point) * weight).sum();
        sum / weight
    };
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = sum(points, &weights, |(x, _)| (x - mean_x).powi(2));
    if spread <= 0.0 || points.len() < 2 {
        return None;
    }
    let slope = sum(points, &weights, |(x, y)| (x - mean_x) * (y - mean_y)) / spread;
    let base = mean_y - slope * mean_x;
    let freedom = points.len() - 2;
    let (slope_half, base_half) = if freedom == 0 {
        (0.0, 0.0)
    } else {
        let left = sum(points, &weights, |(x, y)| (y - base - slope * x).powi(2));
        #[expect(clippy::cast_precision_loss, reason = "a number of points")]
        let variance = left / freedom as f64;
        let t = t_quantile(freedom);
        let of_base = variance * (1.0 / weight + mean_x.powi(2) / spread);
        (t * (variance / spread).sqrt(), t * of_base.sqrt())
    };
    let figure = |value: f64, half: f64| Figure { value, lo: value - half, hi: value + half };
    Some(Line { base: figure(base, base_half), slope: figure(slope, slope_half) })
}

/// The mean y at an x. Weights from each single value would favour the small values.
fn mean_at(points: &[(f64, f64)], x: f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (_, y) in points.iter().filter(|(own, _)| *own == x) {
        sum += y;
        count += 1.0;
    }
    sum / count
}

fn sum(points: &[(f64, f64)], weights: &[f64], of: impl Fn((f64, f64)) -> f64) -> f64 {
    points.iter().zip(weights).map(|(point, weight)| of(*point) * weight).sum()
}

impl Line {
    /// y at an x.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.base.value + self.slope.value * x
    }

    /// The x at which the line reaches y, with the interval from the ends of the slope's interval. The upper
    /// end is infinite if the slope's interval contains zero. `None` if the slope is not above zero.
    #[must_use]
    pub fn reaches(&self, y: f64) -> Option<Figure> {
        let x = |slope: f64| ((y - self.base.value) / slope).max(0.0);
        let Figure { value, lo, hi } = self.slope;
        (value > 0.0).then(|| Figure {
            value: x(value),
            lo: x(hi),
            hi: if lo > 0.0 { x(lo) } else { f64::INFINITY },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_line_is_exact() {
        let points: Vec<(f64, f64)> = [1e3, 1e4, 1e5].map(|x| (x, 0.001 + x * 1e-7)).to_vec();
        let line = line(&points).expect("a line");
        assert!((line.slope.value - 1e-7).abs() < 1e-15 && (line.base.value - 0.001).abs() < 1e-9);
        assert!(line.slope.hi - line.slope.lo < 1e-12);
        let size = line.reaches(0.011).expect("it grows");
        assert!((size.value - 1e5).abs() < 1.0, "{size:?}");
        assert!(line.reaches(0.0005).expect("below the base").value.abs() < 1e-9);
    }

    #[test]
    fn noise_widens_the_interval_around_the_true_slope() {
        let noise = [1.05, 0.96, 1.02, 0.97, 1.03, 0.99, 1.04, 0.95];
        let points: Vec<(f64, f64)> = noise
            .iter()
            .zip([1e4, 1e4, 3e4, 3e4, 1e5, 1e5, 3e5, 3e5])
            .map(|(noise, x)| (x, x * 1e-7 * noise))
            .collect();
        let slope = line(&points).expect("a line").slope;
        assert!(slope.lo < 1e-7 && 1e-7 < slope.hi, "{slope:?}");
        assert!(slope.hi / slope.lo < 1.2, "{slope:?}");
    }

    #[test]
    fn points_without_a_line() {
        assert_eq!(line(&[(1.0, 1.0)]), None);
        assert_eq!(line(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(line(&[(1.0, 0.0), (2.0, 1.0)]), None);
        let falling = line(&[(1.0, 2.0), (2.0, 1.0)]).expect("a line");
        assert_eq!(falling.reaches(3.0), None);
    }
}
