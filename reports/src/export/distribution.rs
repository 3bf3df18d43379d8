//! The distribution: HdrHistogram's percentile print, and every bucket as a row.

use super::{ExportError, Run, field, names};
use aelab_results::hgrm;
use aelab_results::histogram::{highest_of, lowest_of};
use aelab_results::hlog::SeriesKey;
use std::fmt::Write as _;

/// The percentile print of one series.
pub(super) fn hgrm(run: &Run<'_>, tag: Option<&str>) -> Result<String, ExportError> {
    let key = tag.map_or(SeriesKey::Headline, SeriesKey::from_tag);
    let found = run.series().iter().find(|series| series.key == key);
    let Some(series) = found else {
        let known: Vec<String> =
            run.series().iter().filter_map(|series| series.key.tag()).collect();
        let tag = tag.unwrap_or("untagged").to_owned();
        return Err(ExportError::NoSeries { tag, known: known.join(", ") });
    };
    Ok(hgrm::print(&series.merged().to_histogram()))
}

/// One row per bucket with samples.
pub(super) fn csv(runs: &[Run<'_>]) -> String {
    let mut out = "arm,group,command,metric,from_us,to_us,count,cumulative,percentile\n".to_owned();
    for run in runs {
        for series in run.series().iter().filter(|series| series.key != SeriesKey::Headline) {
            let (group, command, metric) = names(&series.key);
            let samples = series.merged();
            let total = samples.total();
            let mut seen = 0;
            for &(index, count) in samples.counts() {
                seen += count;
                let (from, to) = (lowest_of(index as usize), highest_of(index as usize));
                let _ = writeln!(
                    out,
                    "{},{},{},{},{},{},{count},{seen},{}",
                    field(run.arm),
                    field(group),
                    field(command),
                    metric.as_str(),
                    from as f64 / 1e3,
                    to as f64 / 1e3,
                    seen as f64 * 100.0 / total as f64
                );
            }
        }
    }
    out
}
