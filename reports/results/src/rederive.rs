//! Everything in a record that comes from `latency.hlog`, derived again and compared.
//!
//! Pure. A value is derived by the function that made it (`summarise`), so it must be equal, not only near. Smallest, largest and
//! mean are exact in the record and known to one bucket in the log; they must agree to that bucket.
//! Not in the log, and so not checked: how long requests without a reply had waited, and the times of errors.
//! Invariant: a value counts once, as checked or as open.

use crate::folder::Folder;
use crate::histogram::{Sparse, highest_of, index_of, lowest_of};
use crate::hlog::{ALL_COMMANDS, Hlog, HlogSeries, Interval, Metric, SeriesKey, sum_intervals};
use crate::record::{Group, Metrics, Percentile, Quantiles, Role};
use crate::stats::{Exact, Sample, summarise};

/// A bucket is at most this share of its value wide.
const BUCKET_SHARE: f64 = 1.0 / 1024.0;

/// What came out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rederived {
    /// Values that were derived again.
    pub checked: u64,
    /// Values that also depend on requests without a reply, which the log does not hold.
    pub open: u64,
    /// Values of the record that the log does not give.
    pub differences: Vec<Difference>,
}

/// A value of the record that the log does not give.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where it is in `result.json`, after the folder below the one that was given.
    pub field: String,
    /// What the record says; `None` is `null`.
    pub recorded: Option<f64>,
    /// What the log says; `None` if it has no such value.
    pub derived: Option<f64>,
}

impl Difference {
    /// One line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let text =
            |value: Option<f64>| value.map_or_else(|| "nothing".to_owned(), |v| v.to_string());
        let (recorded, derived) = (text(self.recorded), text(self.derived));
        format!("{}: the record has {recorded}, the log gives {derived}", self.field)
    }
}

/// Derives a folder, its arms and their repetitions again.
#[must_use]
pub fn rederive(folder: &Folder) -> Rederived {
    let mut out = Rederived::default();
    visit(folder, "", &mut out);
    out
}

/// Folders of runs whose record has times and that have no log to derive them from.
#[must_use]
pub fn without_log(folder: &Folder) -> Vec<&Folder> {
    let below = folder.arms.iter().map(|(_, arm)| arm).chain(&folder.repetitions);
    let mut all: Vec<&Folder> = below.flat_map(without_log).collect();
    let has_times = folder.record.groups.iter().any(|g| g.total.response_time.count > 0);
    if folder.hlog.is_none() && has_times {
        all.insert(0, folder);
    }
    all
}

fn visit(folder: &Folder, place: &str, out: &mut Rederived) {
    if let Some(log) = &folder.hlog {
        let mut check = Check { place, out };
        check.headline(&folder.record.groups, log);
        for (index, group) in folder.record.groups.iter().enumerate() {
            check.group(index, group, log);
        }
    }
    for (arm, one) in &folder.arms {
        visit(one, &format!("{place}{}: ", arm.dir), out);
    }
    for (index, one) in folder.repetitions.iter().enumerate() {
        visit(one, &format!("{place}repetition {}: ", index + 2), out);
    }
}

struct Check<'a> {
    place: &'a str,
    out: &'a mut Rederived,
}

impl Check<'_> {
    /// The untagged lines are the sum of the victims' response times.
    fn headline(&mut self, groups: &[Group], log: &Hlog) {
        let victims: Vec<HlogSeries> = groups
            .iter()
            .filter(|group| group.role == Role::Victim)
            .filter_map(|group| log.of_group(&group.name, Metric::Response))
            .collect();
        let Some(untagged) = log.get(&SeriesKey::Headline) else { return };
        let sum = sum_intervals(&victims.iter().collect::<Vec<_>>());
        let filled = |intervals: &[Interval]| -> Vec<Interval> {
            intervals.iter().filter(|interval| !interval.counts.is_empty()).cloned().collect()
        };
        let total = |intervals: &[Interval]| {
            Some(intervals.iter().map(|interval| interval.counts.total() as f64).sum::<f64>())
        };
        self.out.checked += 1;
        // One start may be on several lines.
        let untagged = sum_intervals(&[untagged]);
        if filled(&untagged) != filled(&sum) {
            self.differs(
                "latency.hlog: samples of the untagged lines",
                total(&untagged),
                total(&sum),
            );
        }
    }

    fn group(&mut self, index: usize, group: &Group, log: &Hlog) {
        let name = format!("groups[{index}]");
        let has_open = group.unfinished() > 0;
        for (command, metrics) in &group.commands {
            let of = |metric| log.get(&SeriesKey::tagged(&group.name, command, metric)).cloned();
            self.metrics(&format!("{name}.commands.{command}"), metrics, of, has_open);
        }
        let of = |metric| log.of_group(&group.name, metric);
        self.metrics(&format!("{name}.total"), &group.total, of, has_open);
        let all = |metric| log.get(&SeriesKey::tagged(&group.name, ALL_COMMANDS, metric)).cloned();
        if let Some(kernel) = &group.kernel {
            self.times(&format!("{name}.kernel.wire"), &kernel.wire, all(Metric::Wire), false);
            let wake_up = all(Metric::WakeUp);
            self.times(&format!("{name}.kernel.wake_up"), &kernel.wake_up, wake_up, false);
        }
        match (&group.pool, &group.blocked) {
            (Some(pool), None) => {
                self.times(&format!("{name}.pool.wait"), &pool.wait, all(Metric::Wait), false);
            }
            (None, Some(blocked)) => {
                self.times(&format!("{name}.blocked"), blocked, all(Metric::Wait), false);
            }
            // Both are under one tag.
            _ => {}
        }
    }

    fn metrics(
        &mut self,
        name: &str,
        metrics: &Metrics,
        of: impl Fn(Metric) -> Option<HlogSeries>,
        has_open: bool,
    ) {
        for (metric, field, times) in [
            (Metric::Response, "response_time", &metrics.response_time),
            (Metric::Service, "service_time", &metrics.service_time),
            (Metric::Lag, "send_lag", &metrics.send_lag),
        ] {
            self.times(&format!("{name}.{field}"), times, of(metric), has_open);
        }
    }

    fn times(&mut self, name: &str, times: &Quantiles, series: Option<HlogSeries>, has_open: bool) {
        let intervals = series.map(|series| series.intervals).unwrap_or_default();
        let samples = Sparse::merge(intervals.iter().map(|interval| &interval.counts));
        self.equal(
            &format!("{name}.count"),
            Some(times.count as f64),
            Some(samples.total() as f64),
        );
        if times.count != samples.total() {
            // Everything else differs too, and says no more.
            return;
        }
        self.smallest(name, times, &samples);
        if has_open && times.censored {
            self.out.open += 2 + 3 * times.percentiles.len() as u64;
            return;
        }
        self.largest_and_mean(name, times, &samples);
        let exact = exact_of(times);
        let sample = Sample { intervals: &intervals, exact, unfinished: None, given_up_ns: None };
        let asked: Vec<f64> = times.percentiles.iter().map(|entry| entry.p).collect();
        let derived = summarise(&sample, &asked);
        for entry in &times.percentiles {
            let again = derived.at(entry.p).cloned().unwrap_or_default();
            self.percentile(name, entry, &again);
        }
    }

    fn percentile(&mut self, name: &str, recorded: &Percentile, derived: &Percentile) {
        let name = format!("{name}.percentiles[p{}]", recorded.p);
        self.equal(&format!("{name}.us"), recorded.us, derived.us);
        self.equal(&format!("{name}.lo_us"), recorded.lo_us, derived.lo_us);
        self.equal(&format!("{name}.hi_us"), recorded.hi_us, derived.hi_us);
    }

    /// The exact smallest lies in the lowest bucket that has samples.
    fn smallest(&mut self, name: &str, times: &Quantiles, samples: &Sparse) {
        let lowest = samples.counts().first().map(|&(index, _)| index as usize);
        self.in_bucket(&format!("{name}.min_us"), times.min_us, lowest);
    }

    fn largest_and_mean(&mut self, name: &str, times: &Quantiles, samples: &Sparse) {
        let highest = samples.counts().last().map(|&(index, _)| index as usize);
        self.in_bucket(&format!("{name}.max_us"), times.max_us, highest);
        let sum: f64 = samples
            .counts()
            .iter()
            .map(|&(index, count)| {
                let (low, high) = (lowest_of(index as usize), highest_of(index as usize));
                (low + (high - low) / 2) as f64 * count as f64
            })
            .sum();
        let mean = (samples.total() > 0).then(|| sum / samples.total() as f64 / 1e3);
        self.out.checked += 1;
        let near = match (times.mean_us, mean) {
            (Some(recorded), Some(derived)) => {
                (recorded - derived).abs() <= derived * BUCKET_SHARE + 0.001
            }
            (recorded, derived) => recorded == derived,
        };
        if !near {
            self.differs(&format!("{name}.mean_us"), times.mean_us, mean);
        }
    }

    fn in_bucket(&mut self, field: &str, recorded: Option<f64>, bucket: Option<usize>) {
        self.out.checked += 1;
        if recorded.map(|us| index_of(nanos(us))) != bucket {
            self.differs(field, recorded, bucket.map(|index| highest_of(index) as f64 / 1e3));
        }
    }

    fn equal(&mut self, field: &str, recorded: Option<f64>, derived: Option<f64>) {
        self.out.checked += 1;
        let is_equal = match (recorded, derived) {
            // Text has all digits of a number, and its reader may be off by the last bit.
            (Some(a), Some(b)) => (a - b).abs() <= b.abs() * 1e-12,
            (a, b) => a == b,
        };
        if !is_equal {
            self.differs(field, recorded, derived);
        }
    }

    fn differs(&mut self, field: &str, recorded: Option<f64>, derived: Option<f64>) {
        let field = format!("{}{field}", self.place);
        self.out.differences.push(Difference { field, recorded, derived });
    }
}

/// The figures that buckets cannot hold, as recorded. They bound the percentiles.
fn exact_of(times: &Quantiles) -> Option<Exact> {
    Some(Exact {
        min_ns: nanos(times.min_us?),
        max_ns: nanos(times.max_us?),
        sum_ns: (times.mean_us? * 1e3 * times.count as f64) as u128,
    })
}

/// A time beyond the range of histograms stays in their last bucket.
fn nanos(us: f64) -> u64 {
    ((us * 1e3).round() as u64).min(crate::histogram::HIGHEST_NS)
}
