//! The things that a report compares: every arm of a scenario, or the one run of a plain folder.

use crate::folder::Folder;
use crate::histogram::Sparse;
use crate::hlog::{HlogSeries, Interval, Metric, SeriesKey, sum_intervals};
use crate::record::{Group, Metrics, Quantiles, RunRecord};

/// One arm with its histograms at hand.
#[derive(Debug)]
pub(crate) struct ArmData<'a> {
    /// Its name; empty for a run that is compared with nothing.
    pub(crate) name: String,
    /// What sets it apart, one line; may be empty.
    pub(crate) summary: String,
    /// Its record.
    pub(crate) record: &'a RunRecord,
    /// Response time of the headline groups.
    pub(crate) response: Vec<Interval>,
    /// Service time of the same groups.
    pub(crate) service: Vec<Interval>,
}

impl<'a> ArmData<'a> {
    /// The arms of a folder, in its order. A folder without histograms of its own or of arms gives
    /// none.
    pub(crate) fn of(folder: &'a Folder) -> Vec<Self> {
        if folder.arms.is_empty() {
            return Self::one(folder, "", "").into_iter().collect();
        }
        let arm = |(arm, folder): &'a (crate::record::Arm, Folder)| {
            Self::one(folder, &arm.name, &arm.summary)
        };
        folder.arms.iter().filter_map(arm).collect()
    }

    fn one(folder: &'a Folder, name: &str, summary: &str) -> Option<Self> {
        let log = folder.hlog.as_ref()?;
        let of_headline = |metric| {
            let parts: Vec<HlogSeries> = folder
                .record
                .headline_groups()
                .iter()
                .filter_map(|group| log.of_group(&group.name, metric))
                .collect();
            sum_intervals(&parts.iter().collect::<Vec<_>>())
        };
        let response = match log.get(&SeriesKey::Headline) {
            Some(series) => series.intervals.clone(),
            None => of_headline(Metric::Response),
        };
        Some(Self {
            name: name.to_owned(),
            summary: summary.to_owned(),
            record: &folder.record,
            response,
            service: of_headline(Metric::Service),
        })
    }

    /// All response times.
    pub(crate) fn responses(&self) -> Sparse {
        Sparse::merge(self.response.iter().map(|i| &i.counts))
    }

    /// All service times.
    pub(crate) fn services(&self) -> Sparse {
        Sparse::merge(self.service.iter().map(|i| &i.counts))
    }

    /// The groups behind the headline.
    pub(crate) fn groups(&self) -> Vec<&'a Group> {
        self.record.headline_groups()
    }

    /// Share of the sent requests of the headline groups that had no outcome; `None` if each had
    /// one.
    pub(crate) fn unfinished_share(&self) -> Option<f64> {
        let groups = self.groups();
        let unfinished: u64 = groups.iter().map(|g| g.unfinished()).sum();
        let sent: u64 = groups.iter().map(|g| g.counts.sent).sum();
        (unfinished > 0).then(|| unfinished as f64 / sent.max(unfinished) as f64)
    }

    /// The lower bound in µs that stands in for percentile `p` of a metric, if unfinished requests
    /// leave its value open. What leaves one percentile open leaves all higher ones open.
    pub(crate) fn at_least_us(&self, metric: fn(&Metrics) -> &Quantiles, p: f64) -> Option<f64> {
        self.groups()
            .iter()
            .flat_map(|group| &metric(&group.total).percentiles)
            .filter(|q| q.censored && q.p <= p)
            .filter_map(|q| q.us)
            .max_by(f64::total_cmp)
    }

    /// What the headline groups were asked to send per second; `None` in a closed loop.
    pub(crate) fn offered_rate(&self) -> Option<f64> {
        let sum: f64 = self.groups().iter().map(|g| g.arrival.rate).sum::<Option<f64>>()?;
        (sum > 0.0).then_some(sum)
    }

    /// Length of the measurement in seconds, as far as replies go.
    pub(crate) fn span_s(&self) -> f64 {
        let end = self.response.iter().map(|i| i.start_ns + i.length_ns).max().unwrap_or(0);
        self.record.duration_s.max(end as f64 / 1e9)
    }

    /// The name, or what stands for it where there is only one.
    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() { "this run" } else { &self.name }
    }
}
