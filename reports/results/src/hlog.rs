//! `latency.hlog`: the HdrHistogram interval log, version 1.3, written and read.
//!
//! A line is `[Tag=name,]start,length,max,payload` in seconds (three decimals) and milliseconds; the
//! payload is V2, deflated, base64, which is the only form that the Java, Python and JavaScript
//! readers take. Untagged lines hold the headline, so that tools without tags show the right thing;
//! tagged lines `group:command:metric` hold the rest, and nothing is in both sums twice under one tag.
//! Invariant: reading what was written gives the same counts, bucket by bucket. A torn last line
//! (the disk was full, the machine went down) costs that line only.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::histogram::{Encoder, Sparse};

/// The name of the log inside a run's folder.
pub const HLOG_FILE: &str = "latency.hlog";

/// Length of an interval: short enough to show a stall of 100 ms, long enough for percentiles at
/// 1,000 requests per second. A whole number of ms, because the format has no finer times.
pub const INTERVAL_NS: u64 = 100_000_000;

/// The `Interval_Max` column is in ms, as in Java's default: values are divided by this.
const MAX_DIVISOR: f64 = 1e6;

/// Whose numbers a series holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeriesKey {
    /// Response time of the victims (of all groups, in a run without roles).
    Headline,
    /// One metric of one command of one group.
    Tagged {
        /// The group's name.
        group: String,
        /// The command in upper case, or [`ALL_COMMANDS`].
        command: String,
        /// What was measured.
        metric: Metric,
    },
}

/// The command part of a tag whose series holds all commands of its group.
pub const ALL_COMMANDS: &str = "*";

/// What a series measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Replied − intended.
    Response,
    /// Replied − sent.
    Service,
    /// Sent − intended.
    Lag,
    /// Time to an established connection.
    Connect,
    /// Wait for a connection of a pool.
    Wait,
    /// By the kernel's stamps: sent to arrival in the generator's kernel.
    Wire,
    /// By the kernel's stamps: from there until it was read.
    WakeUp,
}

impl Metric {
    const ALL: [Self; 7] = [
        Self::Response,
        Self::Service,
        Self::Lag,
        Self::Connect,
        Self::Wait,
        Self::Wire,
        Self::WakeUp,
    ];

    /// The word in a tag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
            Self::Lag => "lag",
            Self::Connect => "connect",
            Self::Wait => "wait",
            Self::Wire => "wire",
            Self::WakeUp => "wakeup",
        }
    }
}

impl SeriesKey {
    /// A tagged series.
    #[must_use]
    pub fn tagged(group: &str, command: &str, metric: Metric) -> Self {
        Self::Tagged { group: clean(group), command: clean(command), metric }
    }

    /// The tag in the file; `None` for the headline.
    #[must_use]
    pub fn tag(&self) -> Option<String> {
        match self {
            Self::Headline => None,
            Self::Tagged { group, command, metric } => {
                Some(format!("{group}:{command}:{}", metric.as_str()))
            }
        }
    }

    /// The inverse of [`SeriesKey::tag`]; a tag of another form becomes a response-time series of
    /// a group of that name, so that logs of other tools can be read.
    #[must_use]
    pub fn from_tag(tag: &str) -> Self {
        let mut parts = tag.rsplitn(3, ':');
        let metric = parts.next().and_then(|m| Metric::ALL.into_iter().find(|a| a.as_str() == m));
        match (metric, parts.next(), parts.next()) {
            (Some(metric), Some(command), Some(group)) => Self::tagged(group, command, metric),
            _ => Self::tagged(tag, ALL_COMMANDS, Metric::Response),
        }
    }
}

/// A name as it may stand in a tag: no comma, blank, colon or line break.
fn clean(name: &str) -> String {
    name.chars().map(|c| if c == ',' || c == ':' || c.is_whitespace() { '_' } else { c }).collect()
}

/// The slice of a run that a histogram covers. A sample belongs to the interval its reply came in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interval {
    /// Start in ns since the start of the measurement.
    pub start_ns: u64,
    /// Length in ns.
    pub length_ns: u64,
    /// The samples.
    pub counts: Sparse,
}

/// The intervals of one series, in order of time. Intervals without samples may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HlogSeries {
    /// Whose numbers these are.
    pub key: SeriesKey,
    /// In order of time.
    pub intervals: Vec<Interval>,
}

impl HlogSeries {
    /// All intervals in one histogram.
    #[must_use]
    pub fn merged(&self) -> Sparse {
        Sparse::merge(self.intervals.iter().map(|i| &i.counts))
    }
}

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HlogHeader {
    /// Program and version, one line.
    pub tool: String,
    /// Start of the measurement, in ms since 1970.
    pub start_unix_ms: u64,
}

/// Writes a whole log: the header, then all lines in order of time.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut dyn Write, header: &HlogHeader, series: &[HlogSeries]) -> io::Result<()> {
    let start = format!(
        "{}.{:03} (seconds since epoch)",
        header.start_unix_ms / 1000,
        header.start_unix_ms % 1000
    );
    let tool = header.tool.replace(['\n', '\r', ']'], " ");
    writeln!(out, "#[Histogram log format version 1.3]")?;
    writeln!(out, "#[Logged with {tool}; values in nanoseconds]")?;
    writeln!(out, "#[StartTime: {start}]")?;
    writeln!(out, "#[BaseTime: {start}]")?;
    writeln!(out, "#[MaxValueDivisor: {MAX_DIVISOR:.3}]")?;
    writeln!(
        out,
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
    )?;
    let mut lines: Vec<(&Interval, &SeriesKey)> =
        series.iter().flat_map(|s| s.intervals.iter().map(move |i| (i, &s.key))).collect();
    lines.sort_by_key(|(interval, key)| (interval.start_ns, *key));
    let mut encoder = Encoder::default();
    let mut line = String::new();
    for (interval, key) in lines {
        line.clear();
        write_line(&mut line, interval, key, &mut encoder);
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

fn write_line(line: &mut String, interval: &Interval, key: &SeriesKey, encoder: &mut Encoder) {
    if let Some(tag) = key.tag() {
        let _ = write!(line, "Tag={tag},");
    }
    let _ = writeln!(
        line,
        "{:.3},{:.3},{:.3},{}",
        interval.start_ns as f64 / 1e9,
        interval.length_ns as f64 / 1e9,
        interval.counts.max_ns() as f64 / MAX_DIVISOR,
        interval.counts.encode(encoder)
    );
}

/// A log as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hlog {
    /// Start of the measurement in ms since 1970, if the log says so.
    pub start_unix_ms: Option<u64>,
    /// The headline first, then by tag.
    pub series: Vec<HlogSeries>,
    /// True if the last line was cut off and left out.
    pub torn: bool,
    /// True if some histogram has other bounds than ours: its samples are then exact to its own buckets, and its sum with others
    /// is not.
    pub rebinned: bool,
}

impl Hlog {
    /// The series of a key.
    #[must_use]
    pub fn get(&self, key: &SeriesKey) -> Option<&HlogSeries> {
        self.series.iter().find(|s| s.key == *key)
    }

    /// A series of a group, all commands merged interval by interval if there is no such line.
    #[must_use]
    pub fn of_group(&self, group: &str, metric: Metric) -> Option<HlogSeries> {
        let all = SeriesKey::tagged(group, ALL_COMMANDS, metric);
        if let Some(series) = self.get(&all) {
            return Some(series.clone());
        }
        let group = clean(group);
        let parts: Vec<_> = self
            .series
            .iter()
            .filter(|s| {
                matches!(&s.key, SeriesKey::Tagged { group: g, metric: m, .. }
                    if *g == group && *m == metric)
            })
            .collect();
        (!parts.is_empty()).then(|| HlogSeries { key: all, intervals: sum_intervals(&parts) })
    }
}

/// Adds several series interval by interval. Intervals are told apart by their start.
#[must_use]
pub fn sum_intervals(parts: &[&HlogSeries]) -> Vec<Interval> {
    let mut by_start: std::collections::BTreeMap<u64, (u64, Vec<(u32, u64)>)> =
        std::collections::BTreeMap::new();
    for interval in parts.iter().flat_map(|s| &s.intervals) {
        let slot = by_start.entry(interval.start_ns).or_default();
        slot.0 = slot.0.max(interval.length_ns);
        slot.1.extend_from_slice(interval.counts.counts());
    }
    by_start
        .into_iter()
        .map(|(start_ns, (length_ns, counts))| Interval {
            start_ns,
            length_ns,
            counts: Sparse::from_counts(counts),
        })
        .collect()
}

/// Why a log could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct HlogError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads a log from its text.
///
/// # Errors
/// A line before the last that is no interval; the last one may be torn.
pub fn read(text: &str) -> Result<Hlog, HlogError> {
    let mut start_unix_ms = None;
    let mut by_key: std::collections::BTreeMap<SeriesKey, Vec<Interval>> =
        std::collections::BTreeMap::new();
    let (mut torn, mut rebinned) = (false, false);
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        if let Some(comment) = line.strip_prefix('#') {
            start_unix_ms = start_unix_ms.or_else(|| start_time(comment));
            continue;
        }
        if line.trim().is_empty() || line.starts_with('"') {
            continue;
        }
        match parse_line(line) {
            Ok((key, interval, has_our_bounds)) => {
                rebinned |= !has_our_bounds;
                by_key.entry(key).or_default().push(interval);
            }
            Err(_) if index + 1 == lines.len() => torn = true,
            Err(reason) => return Err(HlogError { line: index + 1, reason }),
        }
    }
    let series = by_key.into_iter().map(|(key, intervals)| HlogSeries { key, intervals }).collect();
    Ok(Hlog { start_unix_ms, series, torn, rebinned })
}

fn start_time(comment: &str) -> Option<u64> {
    let seconds = comment.strip_prefix("[StartTime: ")?.split_whitespace().next()?;
    seconds_to(seconds, 1e3).ok()
}

fn parse_line(line: &str) -> Result<(SeriesKey, Interval, bool), String> {
    let (key, rest) = match line.strip_prefix("Tag=") {
        Some(tagged) => {
            let (tag, rest) = tagged.split_once(',').ok_or("a tag and nothing else")?;
            (SeriesKey::from_tag(tag), rest)
        }
        None => (SeriesKey::Headline, line),
    };
    let mut fields = rest.splitn(4, ',');
    let mut next = || fields.next().ok_or("fewer than four fields");
    let start_ns = seconds_to(next()?, 1e9)?;
    let length_ns = seconds_to(next()?, 1e9)?;
    next()?;
    let (counts, has_our_bounds) = Sparse::decode_with_bounds(next()?.trim_end())?;
    Ok((key, Interval { start_ns, length_ns, counts }, has_our_bounds))
}

fn seconds_to(text: &str, per_second: f64) -> Result<u64, String> {
    let seconds: f64 = text.trim().parse().map_err(|_| format!("'{text}' is no time"))?;
    // Times have three decimals; rounding in ms first keeps 0.3 s from becoming 299,999,999 ns.
    let value = (seconds * 1e3).round() * (per_second / 1e3);
    if (0.0..1e19).contains(&value) {
        Ok(value as u64)
    } else {
        Err(format!("'{text}' is no time"))
    }
}
