//! The latency monitor: events that took at least `latency-monitor-threshold` milliseconds.
//!
//! As in Redis, it keeps per event the worst of each second, for the last 160 such seconds, and the
//! all-time maximum.
//! It measures executions and jobs, not waiting; the event-loop section of `INFO` does that.

use std::collections::{BTreeMap, VecDeque};

/// Seconds kept per event (`LATENCY_TS_LEN`).
const SAMPLES_MAX: usize = 160;
/// Columns of the graph (`LATENCY_GRAPH_COLS`).
const GRAPH_COLUMNS: usize = 80;
/// Rows of the graph.
const GRAPH_ROWS: usize = 4;
/// From low to high within a row.
const GRAPH_INK: &[u8] = b"_o#";

/// The worst of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) unix_s: i64,
    pub(crate) ms: u64,
}

/// One event's history.
#[derive(Debug, Default)]
pub(crate) struct Series {
    samples: VecDeque<Sample>,
    pub(crate) max_ms: u64,
}

impl Series {
    fn add(&mut self, sample: Sample) {
        self.max_ms = self.max_ms.max(sample.ms);
        match self.samples.back_mut() {
            Some(last) if last.unix_s == sample.unix_s => last.ms = last.ms.max(sample.ms),
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.samples.pop_front();
                }
                self.samples.push_back(sample);
            }
        }
    }

    /// Oldest first.
    pub(crate) fn samples(&self) -> impl ExactSizeIterator<Item = Sample> {
        self.samples.iter().copied()
    }

    /// The newest; there is always one.
    pub(crate) fn latest(&self) -> Option<Sample> {
        self.samples.back().copied()
    }

    /// Lowest, highest, and mean in milliseconds.
    pub(crate) fn summary(&self) -> (u64, u64, u64) {
        let values = || self.samples.iter().map(|sample| sample.ms);
        let count = self.samples.len().max(1) as u64;
        (values().min().unwrap_or(0), values().max().unwrap_or(0), values().sum::<u64>() / count)
    }

    /// The graph that `LATENCY GRAPH` draws of `event`, with each sample's age under its column.
    pub(crate) fn graph(&self, event: &str, now_s: i64) -> String {
        let (low, high, _) = self.summary();
        let mut text = format!(
            "{event} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
            self.max_ms,
            "-".repeat(GRAPH_COLUMNS)
        );
        let columns: Vec<(u64, String)> =
            self.samples().map(|s| (s.ms - low, age(now_s - s.unix_s))).collect();
        for (part, columns) in columns.chunks(GRAPH_COLUMNS).enumerate() {
            if part > 0 {
                text.push('\n');
            }
            draw(&mut text, columns, (high - low).max(1));
        }
        text
    }
}

fn draw(text: &mut String, columns: &[(u64, String)], range: u64) {
    let ink = GRAPH_INK.len() as u64;
    let steps = ink * GRAPH_ROWS as u64;
    for row in (0..GRAPH_ROWS as u64).rev() {
        text.extend(columns.iter().map(|(value, _)| {
            let step = (value * steps / range).min(steps - 1);
            match step.checked_sub(row * ink) {
                None => ' ',
                Some(above) if above < ink => char::from(GRAPH_INK[above as usize]),
                Some(_) => '|',
            }
        }));
        text.push('\n');
    }
    text.push_str(&" ".repeat(columns.len()));
    text.push('\n');
    let longest = columns.iter().map(|(_, label)| label.len()).max().unwrap_or(0);
    for at in 0..longest {
        text.extend(columns.iter().map(|(_, label)| label.chars().nth(at).unwrap_or(' ')));
        text.push('\n');
    }
}

fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// All events that were ever too slow.
#[derive(Debug, Default)]
pub(crate) struct LatencyMonitor {
    events: BTreeMap<&'static str, Series>,
}

impl LatencyMonitor {
    /// Records an event. The caller has compared it with the threshold.
    pub(crate) fn add(&mut self, event: &'static str, unix_s: i64, ms: u64) {
        self.events.entry(event).or_default().add(Sample { unix_s, ms });
    }

    /// Events and their histories, by name.
    pub(crate) fn events(&self) -> impl ExactSizeIterator<Item = (&'static str, &Series)> {
        self.events.iter().map(|(name, series)| (*name, series))
    }

    /// The history of one event.
    pub(crate) fn get(&self, event: &[u8]) -> Option<(&'static str, &Series)> {
        self.events().find(|(name, _)| name.as_bytes() == event)
    }

    /// Forgets one event; false if there was nothing to forget.
    pub(crate) fn reset(&mut self, event: &[u8]) -> bool {
        let before = self.events.len();
        self.events.retain(|name, _| name.as_bytes() != event);
        self.events.len() < before
    }

    /// Forgets everything; returns how many events that were.
    pub(crate) fn reset_all(&mut self) -> usize {
        std::mem::take(&mut self.events).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_keeps_its_worst_and_old_seconds_go() {
        let mut monitor = LatencyMonitor::default();
        for (second, ms) in [(10, 5), (10, 9), (10, 7), (11, 3)] {
            monitor.add("command", second, ms);
        }
        let (_, series) = monitor.get(b"command").expect("it was added");
        let kept: Vec<(i64, u64)> = series.samples().map(|s| (s.unix_s, s.ms)).collect();
        assert_eq!(kept, [(10, 9), (11, 3)]);
        for second in 12..300 {
            monitor.add("command", second, 1);
        }
        let (_, series) = monitor.get(b"command").expect("it was added");
        assert_eq!((series.samples().len(), series.max_ms), (SAMPLES_MAX, 9));
        assert_eq!(series.latest(), Some(Sample { unix_s: 299, ms: 1 }));
    }

    #[test]
    fn the_graph_is_the_one_that_redis_draws() {
        let mut monitor = LatencyMonitor::default();
        for (second, ms) in [(100, 100), (150, 200), (160, 300)] {
            monitor.add("command", second, ms);
        }
        let (name, series) = monitor.get(b"command").expect("it was added");
        let expected = "command - high 300 ms, low 100 ms (all time high 300 ms)\n\
            --------------------------------------------------------------------------------\n\
            \x20 #\n\x20_|\n\x20||\n_||\n\x20\x20\x20\n114\nm4s\n\x20s\x20\n";
        assert_eq!(series.graph(name, 164), expected);
    }
}
