//! One side of a pair: the runs of a group.

use crate::folder::Folder;
use crate::hlog::{HlogSeries, Metric};
use crate::record::{Group, Quantiles};

/// One run of a group, with its histograms.
pub(super) struct Repetition<'a> {
    pub(super) group: &'a Group,
    pub(super) folder: &'a Folder,
}

impl Repetition<'_> {
    pub(super) fn times(&self, metric: Metric) -> &Quantiles {
        match metric {
            Metric::Response => &self.group.total.response_time,
            _ => &self.group.total.service_time,
        }
    }

    pub(super) fn series(&self, metric: Metric) -> Option<HlogSeries> {
        self.folder.hlog.as_ref()?.of_group(&self.group.name, metric)
    }
}

/// The runs of a group in a folder and its repetitions.
pub(super) fn repetitions<'a>(folder: &'a Folder, group: &str) -> Vec<Repetition<'a>> {
    std::iter::once(folder)
        .chain(&folder.repetitions)
        .filter_map(|folder| {
            let group = folder.record.groups.iter().find(|one| one.name == group)?;
            Some(Repetition { group, folder })
        })
        .collect()
}
