//! The runs that a report compares: every arm of a scenario, or the single run of a plain folder.

use crate::view::table::Table;
use aelab_results::folder::Folder;
use aelab_results::histogram::Sparse;
use aelab_results::hlog::{HlogSeries, Interval, Metric, SeriesKey, sum_intervals};
use aelab_results::record::{Group, Metrics, Quantiles, RunRecord};

/// Which of the two times comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lead {
    /// From when a request was due: for loads with a schedule.
    Response,
    /// From when it was sent: for closed loops, as in other tools.
    Service,
}

impl Lead {
    /// For these arms: service time where all of them are closed loops.
    pub(crate) fn of(arms: &[ArmData<'_>]) -> Self {
        let mut groups = arms.iter().flat_map(ArmData::groups).peekable();
        let any = groups.peek().is_some();
        let is_closed = |group: &Group| group.arrival.process == "closed" && !group.has_messages();
        if any && groups.all(is_closed) { Self::Service } else { Self::Response }
    }

    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Response => "response time",
            Self::Service => "service time",
        }
    }

    /// Its figures.
    pub(crate) fn figures(self, metrics: &Metrics) -> &Quantiles {
        match self {
            Self::Response => &metrics.response_time,
            Self::Service => &metrics.service_time,
        }
    }

    /// The other one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Response => Self::Service,
            Self::Service => Self::Response,
        }
    }

    /// Why it comes first; empty for response time.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Response => "",
            Self::Service => {
                "In a closed loop no schedule says when a request is due, so the report shows service time first, as other tools do."
            }
        }
    }
}

/// One arm with its histograms at hand.
#[derive(Debug)]
pub(crate) struct ArmData<'a> {
    /// Its name; empty for a run that is compared with nothing.
    pub(crate) name: String,
    /// How it differs from the other arms, one line; may be empty.
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
        let arm = |(arm, folder): &'a (aelab_results::record::Arm, Folder)| {
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
        // A summary that only repeats the name would stand beside it.
        let is_news = !summary.trim().eq_ignore_ascii_case(name.trim());
        Some(Self {
            name: name.to_owned(),
            summary: if is_news { summary.to_owned() } else { String::new() },
            record: &folder.record,
            response,
            service: of_headline(Metric::Service),
        })
    }

    /// One of the two times, interval by interval.
    pub(crate) fn intervals(&self, lead: Lead) -> &[Interval] {
        match lead {
            Lead::Response => &self.response,
            Lead::Service => &self.service,
        }
    }

    /// All samples of one of the two times.
    pub(crate) fn samples(&self, lead: Lead) -> Sparse {
        Sparse::merge(self.intervals(lead).iter().map(|i| &i.counts))
    }

    /// Replies over time, as histograms of which only the number of samples means anything.
    pub(crate) fn replies(&self) -> Vec<Interval> {
        let groups = self.groups();
        let [group] = groups.as_slice() else { return self.response.clone() };
        let Some(counts) = &group.over_time else { return self.response.clone() };
        let length_ns = (counts.interval_s * 1e9).round() as u64;
        let of = |(number, replied): (u64, &u64)| Interval {
            start_ns: number * length_ns,
            length_ns,
            counts: Sparse::from_counts(vec![(0, *replied)]),
        };
        let filled = (0..).zip(&counts.replied).filter(|(_, replied)| **replied > 0);
        filled.map(of).collect()
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
    /// leave its value open. A lower bound for one percentile holds for all higher ones.
    pub(crate) fn at_least_us(&self, lead: Lead, p: f64) -> Option<f64> {
        self.groups()
            .iter()
            .flat_map(|group| &lead.figures(&group.total).percentiles)
            .filter(|q| q.censored && q.p <= p)
            .filter_map(|q| q.us)
            .max_by(f64::total_cmp)
    }

    /// Requests that were due per second in the headline groups; `None` in a closed loop.
    pub(crate) fn offered_rate(&self) -> Option<f64> {
        let sum: f64 = self.groups().iter().map(|g| g.arrival.rate).sum::<Option<f64>>()?;
        (sum > 0.0).then_some(sum)
    }

    /// Length of the measurement in seconds, as far as replies go.
    pub(crate) fn span_s(&self) -> f64 {
        let end = self.response.iter().map(|i| i.start_ns + i.length_ns).max().unwrap_or(0);
        self.record.duration_s.max(end as f64 / 1e9)
    }

    /// The name, or `this run` if there is only one.
    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() { "this run" } else { &self.name }
    }
}

/// A table whose first column names the arm; without that column for a single run.
pub(crate) fn of_arms(arms: &[ArmData<'_>], table: Table) -> Table {
    if arms.iter().all(|a| a.name.is_empty()) { table.without_first() } else { table }
}
