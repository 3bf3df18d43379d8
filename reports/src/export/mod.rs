//! A result folder in the formats of other tools, as text.
//!
//! Times come from the histograms and from the record; nothing is averaged. Percentiles are never given as gauges to a monitoring
//! system, because they cannot be added there. Invariant: the same folder gives the same text.

mod benchmarks;
mod distribution;
mod openmetrics;
mod series;

use aelab_results::folder::Folder;
use aelab_results::hlog::{ALL_COMMANDS, HlogSeries, Metric, SeriesKey};

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The percentile print of HdrHistogram.
    Hgrm,
    /// Every series over time, one row per interval.
    Csv,
    /// Every series as a distribution, one row per bucket.
    CsvDistribution,
    /// As [`Format::Csv`], one JSON object a line.
    Jsonl,
    /// Counters and classic histograms in OpenMetrics text.
    OpenMetrics,
    /// `customSmallerIsBetter` of github-action-benchmark: times and errors.
    GithubActionBenchmark,
    /// `customBiggerIsBetter` of github-action-benchmark: rates.
    GithubActionBenchmarkRate,
    /// Bencher Metric Format.
    Bencher,
    /// A row for the CSV importer of Apache Otava.
    Otava,
}

/// Why a folder has no such text. One line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The format needs histograms.
    #[error("{0} has no latency.hlog, and this format needs its histograms; restore the file")]
    NoLog(String),
    /// There is no such series.
    #[error("there is no series '{tag}'; the log has: {known}")]
    NoSeries {
        /// What was asked for.
        tag: String,
        /// What there is.
        known: String,
    },
    /// The format holds one series, and the folder several.
    #[error("{0} holds several runs, and this format holds one series; give one of its arms/NAME")]
    SeveralRuns(String),
    /// There is no run with requests.
    #[error("{0} holds no run with requests; give the folder of a run")]
    NoRun(String),
}

/// The text of a folder in a format. `tag` chooses the series of [`Format::Hgrm`]: `group:command:metric`, and without it the
/// untagged lines.
///
/// # Errors
/// The folder lacks what the format needs.
pub fn export(folder: &Folder, format: Format, tag: Option<&str>) -> Result<String, ExportError> {
    let place = || folder.dir.display().to_string();
    let runs = runs(folder);
    if runs.is_empty() {
        return Err(ExportError::NoRun(place()));
    }
    let needs_log = !matches!(
        format,
        Format::GithubActionBenchmark
            | Format::GithubActionBenchmarkRate
            | Format::Bencher
            | Format::Otava
    );
    if let Some(run) = runs.iter().find(|run| needs_log && run.folder.hlog.is_none()) {
        return Err(ExportError::NoLog(run.folder.dir.display().to_string()));
    }
    match format {
        Format::Hgrm if runs.len() > 1 => Err(ExportError::SeveralRuns(place())),
        Format::Hgrm => distribution::hgrm(&runs[0], tag),
        Format::Csv => Ok(series::csv(&runs)),
        Format::CsvDistribution => Ok(distribution::csv(&runs)),
        Format::Jsonl => Ok(series::jsonl(&runs)),
        Format::OpenMetrics => Ok(openmetrics::text(&runs)),
        Format::GithubActionBenchmark => Ok(benchmarks::smaller_is_better(&runs)),
        Format::GithubActionBenchmarkRate => Ok(benchmarks::bigger_is_better(&runs)),
        Format::Bencher => Ok(benchmarks::bencher(&runs)),
        Format::Otava => Ok(benchmarks::otava(&runs)),
    }
}

/// One run of a folder.
struct Run<'a> {
    /// Its arm; empty in a plain run.
    arm: &'a str,
    folder: &'a Folder,
}

impl Run<'_> {
    /// The series of the log; the untagged lines are among them.
    fn series(&self) -> &[HlogSeries] {
        self.folder.hlog.as_ref().map_or(&[], |log| &log.series)
    }

    /// What stands ahead of a name: `keys/`, or nothing.
    fn prefix(&self) -> String {
        if self.arm.is_empty() { String::new() } else { format!("{}/", self.arm) }
    }
}

/// The runs with requests.
fn runs(folder: &Folder) -> Vec<Run<'_>> {
    let all: Vec<Run<'_>> = match folder.arms.is_empty() {
        true => vec![Run { arm: "", folder }],
        false => {
            folder.arms.iter().map(|(arm, folder)| Run { arm: arm.name.as_str(), folder }).collect()
        }
    };
    all.into_iter().filter(|run| !run.folder.record.groups.is_empty()).collect()
}

/// Group, command and metric of a series; the untagged lines have none of the first two.
fn names(key: &SeriesKey) -> (&str, &str, Metric) {
    match key {
        SeriesKey::Headline => ("", ALL_COMMANDS, Metric::Response),
        SeriesKey::Tagged { group, command, metric } => (group, command, *metric),
    }
}

/// A field of a CSV row: quoted where it must be.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// A number, or nothing.
fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
