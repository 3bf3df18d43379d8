//! When a warm-up that is to find its own end is over: the server has come to rest, or patience has run out.
//!
//! Pure: blocks of equal length in, a verdict out. Not a proof of stationarity: it compares the rate, the median and the tail
//! of consecutive blocks. Invariant: the verdict depends on the blocks alone.
//!
//! Rest is either quiet (the last blocks hardly differ) or a noise without direction (the last blocks are no better or worse
//! than those before, and they show no trend): a restless machine would otherwise never be at rest.

use crate::clock::Nanos;
use crate::plan::WarmupEndPlan;
use crate::record::live::Counted;

/// Blocks that must agree.
const WINDOW: usize = 5;
/// Relative standard deviation allowed over a window: of rate and median, and of the tail, which is noisier by nature.
const BODY_SPREAD: f64 = 0.05;
const TAIL_SPREAD: f64 = 0.15;
/// Kendall's S of ten values is beyond this by chance once in twenty times.
const TREND_S: i32 = 23;
/// Samples that a block needs for its 99th, or else its 90th percentile: six above it.
const SAMPLES_P99: u64 = 600;
const SAMPLES_P90: u64 = 60;

/// How such a warm-up ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmupEnd {
    /// How long it took.
    pub length: Nanos,
    /// What still moved; empty if the server had come to rest.
    pub moving: String,
}

/// One block: replies in it, and percentiles of their response time in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Block {
    count: u64,
    p50: f64,
    p90: f64,
    p99: f64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct WarmupEndFinder {
    plan: WarmupEndPlan,
    origin: Nanos,
    next: Nanos,
    seen: Counted,
    blocks: Vec<Block>,
}

impl WarmupEndFinder {
    /// From `origin` on.
    pub(crate) fn new(plan: WarmupEndPlan, origin: Nanos) -> Self {
        let next = origin.saturating_add(plan.block);
        Self { plan, origin, next, seen: Counted::default(), blocks: Vec::new() }
    }

    /// When the running block ends.
    pub(crate) const fn next_look(&self) -> Nanos {
        self.next
    }

    /// A block is over at `now`; `counted` is all that was counted since the origin. The verdict, once there is one.
    pub(crate) fn on_block(&mut self, now: Nanos, counted: Counted) -> Option<WarmupEnd> {
        let block = counted.since(&self.seen);
        self.seen = counted;
        // A thread that slept through the end of blocks gives one long block; it decides nothing by itself.
        while self.next <= now {
            self.next = self.next.saturating_add(self.plan.block);
        }
        let at = |quantile| block.quantile_ns(quantile).unwrap_or(0) as f64;
        let (count, p50, p90, p99) = (block.total(), at(0.5), at(0.9), at(0.99));
        self.blocks.push(Block { count, p50, p90, p99 });
        let length = now.since(self.origin);
        let moving = moving(&self.blocks);
        if moving.is_empty() {
            return Some(WarmupEnd { length, moving: String::new() });
        }
        (length >= self.plan.at_most).then(|| WarmupEnd { length, moving: moving.join(", ") })
    }
}

/// What still moves; empty when nothing does.
fn moving(blocks: &[Block]) -> Vec<&'static str> {
    let window = &blocks[blocks.len().saturating_sub(WINDOW)..];
    let fewest = window.iter().map(|block| block.count).min().unwrap_or(0);
    if window.len() < WINDOW || fewest == 0 {
        return vec!["the rate of replies"];
    }
    let both = &blocks[blocks.len().saturating_sub(2 * WINDOW)..];
    let mut moving = Vec::new();
    let mut check = |name, spread, of: fn(&Block) -> f64| {
        let last: Vec<f64> = window.iter().map(of).collect();
        let all: Vec<f64> = both.iter().map(of).collect();
        let restless = relative_deviation(&last) > spread;
        if drifts(&all, spread) || (restless && !is_noise(&all, spread)) {
            moving.push(name);
        }
    };
    check("the rate of replies", BODY_SPREAD, |block| block.count as f64);
    check("the median", BODY_SPREAD, |block| block.p50);
    if fewest >= SAMPLES_P99 {
        check("p99", TAIL_SPREAD, |block| block.p99);
    } else if fewest >= SAMPLES_P90 {
        check("p90", TAIL_SPREAD, |block| block.p90);
    }
    moving
}

fn relative_deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    if mean > 0.0 { variance.sqrt() / mean } else { 0.0 }
}

/// Two windows whose medians agree and that show no trend together.
fn is_noise(values: &[f64], spread: f64) -> bool {
    values.len() == 2 * WINDOW && agree(values, spread) && kendall_s(values).abs() < TREND_S
}

/// Two windows whose medians differ and that show a trend together, however little each differs in itself.
fn drifts(values: &[f64], spread: f64) -> bool {
    values.len() == 2 * WINDOW && !agree(values, spread) && kendall_s(values).abs() >= TREND_S
}

fn agree(values: &[f64], spread: f64) -> bool {
    let (before, after) = values.split_at(WINDOW);
    let (before, after) = (median(before), median(after));
    (after - before).abs() <= spread * before.max(after)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// Pairs that rise minus pairs that fall.
fn kendall_s(values: &[f64]) -> i32 {
    let mut sum = 0;
    for (index, first) in values.iter().enumerate() {
        for second in &values[index + 1..] {
            sum += i32::from(second > first) - i32::from(second < first);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(count: u64, p50: f64, p99: f64) -> Block {
        Block { count, p50, p90: p99, p99 }
    }

    #[test]
    fn rest_is_quiet_or_noise_without_direction() {
        let of = |p99s: &[f64]| -> Vec<Block> {
            p99s.iter().map(|p99| block(1_000, 100.0, *p99)).collect()
        };
        assert_eq!(moving(&of(&[200.0; 4])), ["the rate of replies"], "too few blocks");
        assert!(moving(&of(&[900.0, 200.0, 210.0, 190.0, 205.0, 200.0])).is_empty());
        assert_eq!(moving(&of(&[200.0, 210.0, 900.0, 205.0, 200.0])), ["p99"]);
        // Noisy, but no more so than before.
        let noise = [150.0, 300.0, 200.0, 260.0, 170.0, 310.0, 160.0, 205.0, 280.0, 190.0];
        assert!(moving(&of(&noise)).is_empty());
        // Noisy, and falling.
        let falling = [900.0, 700.0, 760.0, 600.0, 500.0, 450.0, 470.0, 330.0, 300.0, 210.0];
        assert_eq!(moving(&of(&falling)), ["p99"]);
        // Falling so slowly that five blocks hardly differ.
        let slowly: Vec<f64> = (0..10).map(|n| 400.0 * 0.95_f64.powi(n)).collect();
        assert_eq!(moving(&of(&slowly)), ["p99"]);
        // Few samples say nothing about their tail.
        let sparse: Vec<_> = [1.0, 9.0, 3.0, 7.0, 5.0].map(|p99| block(30, 100.0, p99)).into();
        assert!(moving(&sparse).is_empty());
    }

    #[test]
    fn patience_is_ten_times_the_measurement_within_bounds() {
        let seconds = |s: Option<u64>| {
            WarmupEndPlan::for_measurement(s.map(Nanos::from_secs)).at_most.0 / 1_000_000_000
        };
        assert_eq!([seconds(Some(1)), seconds(Some(3)), seconds(Some(30))], [10, 30, 60]);
        assert_eq!(seconds(None), 60);
    }
}
