//! Limits that a user states for a run (`--max-p99 2ms`, `--max-error-rate 1%`, `--min-rate 20k`), judged on its record.
//!
//! Pure. Invariant: a limit that the sample cannot decide is undecided; it neither holds nor is exceeded. For the values that a
//! record may have at all, see `limits`.

use crate::hlog::{Hlog, Metric};
use crate::record::{Group, LimitOutcome, LimitUnit, Quantiles, Role, RunRecord, StatedLimit};
use crate::stats::{samples_needed, supported};

/// The share of errors and timeouts above which a run fails, unless the user states another one.
pub const ERROR_SHARE_DEFAULT: f64 = 0.01;

/// Why a percentile below its limit may yet be above it.
const UNANSWERED: &str = "requests had no reply at the end, so it may be longer";

/// Limits of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatedLimits {
    /// Highest share of requests that end in an error or a timeout; `None` is [`ERROR_SHARE_DEFAULT`].
    pub max_error_share: Option<f64>,
    /// Lowest number of replies per second.
    pub min_rate: Option<f64>,
    /// Percentile, in percent, and the longest time at it, in µs.
    pub max_us: Vec<(f64, f64)>,
}

impl StatedLimits {
    /// The limits that were stated when a record was made.
    #[must_use]
    pub fn of(record: &RunRecord) -> Self {
        let mut stated = Self::default();
        for limit in &record.limits {
            match (limit.name.as_str(), limit.name.strip_prefix("max-p")) {
                ("max-error-rate", _) => stated.max_error_share = Some(limit.limit),
                ("min-rate", _) => stated.min_rate = Some(limit.limit),
                (_, Some(p)) => {
                    let Ok(p) = p.parse() else { continue };
                    stated.max_us.push((p, limit.limit));
                }
                _ => {}
            }
        }
        // Each group has an entry of the same limit.
        stated.max_us.dedup();
        stated
    }

    /// Whether the user stated any.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }

    /// The percentiles that a record must have, in percent.
    #[must_use]
    pub fn percentiles(&self) -> Vec<f64> {
        self.max_us.iter().map(|(p, _)| *p).collect()
    }

    /// The outcome of each limit; of the error rate that was not stated only if it is exceeded. With its log, a record is also
    /// judged at percentiles that it lacks.
    #[must_use]
    pub fn judge(&self, record: &RunRecord, log: Option<&Hlog>) -> Vec<StatedLimit> {
        let mut all = Vec::new();
        for (p, limit_us) in &self.max_us {
            let groups = record.headline_groups().into_iter().filter(|group| has_samples(group));
            let judged: Vec<_> = groups.map(|group| time(group, *p, *limit_us, log)).collect();
            match judged.is_empty() {
                true => all.push(without_samples(*p, *limit_us)),
                false => all.extend(judged),
            }
        }
        all.extend(self.min_rate.map(|least| rate(record, least)));
        let errors = errors(record, self.max_error_share.unwrap_or(ERROR_SHARE_DEFAULT));
        let is_told = self.max_error_share.is_some() || errors.outcome == LimitOutcome::Exceeded;
        all.extend(is_told.then_some(errors));
        all
    }
}

/// Groups that only hold connections open have no times.
fn has_samples(group: &Group) -> bool {
    group.counts.scheduled > 0 || group.has_messages()
}

fn without_samples(p: f64, limit: f64) -> StatedLimit {
    StatedLimit {
        name: format!("max-p{p}"),
        figure: "response time".to_owned(),
        limit,
        outcome: LimitOutcome::Undecided,
        why: "no request was measured".to_owned(),
        ..StatedLimit::default()
    }
}

/// One percentile of the time that stands for a group.
fn time(group: &Group, p: f64, limit: f64, log: Option<&Hlog>) -> StatedLimit {
    let (figure, metric, times) = match group.has_due_times() {
        true => ("response time", Metric::Response, &group.total.response_time),
        false => ("service time", Metric::Service, &group.total.service_time),
    };
    let (value, outcome, why) = match figure_at(times, p) {
        Some((us, _)) if us > limit => (Some(us), LimitOutcome::Exceeded, String::new()),
        Some((us, true)) => (Some(us), LimitOutcome::Undecided, UNANSWERED.to_owned()),
        Some((us, false)) => (Some(us), LimitOutcome::Holds, String::new()),
        None => unrecorded(group, times, p, limit, (metric, log)),
    };
    StatedLimit {
        name: format!("max-p{p}"),
        group: group.name.clone(),
        figure: figure.to_owned(),
        limit,
        value,
        unit: LimitUnit::Micros,
        outcome,
        why,
    }
}

/// The recorded value in µs, and whether it is a lower bound; p100 is the maximum.
fn figure_at(times: &Quantiles, p: f64) -> Option<(f64, bool)> {
    if p >= 100.0 {
        return Some((times.max_us?, times.censored));
    }
    let entry = times.at(p)?;
    Some((entry.us?, entry.censored))
}

/// The outcome at a percentile that the record does not give: from the log, or from a lower percentile that is too long already.
fn unrecorded(
    group: &Group,
    times: &Quantiles,
    p: f64,
    limit: f64,
    (metric, log): (Metric, Option<&Hlog>),
) -> (Option<f64>, LimitOutcome, String) {
    let lower = times.percentiles.iter().filter(|entry| entry.p < p);
    let lower = lower.filter_map(|entry| Some((entry.p, entry.us?)));
    if let Some((below, us)) =
        lower.filter(|(_, us)| *us > limit).min_by(|a, b| a.0.total_cmp(&b.0))
    {
        let why = format!("at least: it is p{below}");
        return (Some(us), LimitOutcome::Exceeded, why);
    }
    let samples = log.and_then(|log| log.of_group(&group.name, metric)).map(|s| s.merged());
    let count = samples.as_ref().map_or(times.count, |samples| samples.total());
    if !supported(p, count) {
        let need = samples_needed(p);
        let why = format!("p{p} needs {need} samples, the run has {count}; measure longer");
        return (None, LimitOutcome::Undecided, why);
    }
    let Some(us) = samples.and_then(|s| s.value_at(p / 100.0)).map(|ns| ns as f64 / 1e3) else {
        let why = format!("the record has no p{p}; measure with --percentiles {p}");
        return (None, LimitOutcome::Undecided, why);
    };
    let outcome = match us > limit {
        true => LimitOutcome::Exceeded,
        false if group.unfinished() > 0 => LimitOutcome::Undecided,
        false => LimitOutcome::Holds,
    };
    let why = match outcome {
        LimitOutcome::Undecided => UNANSWERED.to_owned(),
        _ => String::new(),
    };
    (Some(us), outcome, why)
}

/// Replies per second of the groups that send; of those that only receive if there are no others.
fn rate(record: &RunRecord, least: f64) -> StatedLimit {
    let sending = || record.groups.iter().filter(|group| group.role != Role::Offender);
    let sends = |group: &&Group| !group.has_messages();
    let sum = match sending().any(|group| sends(&group) && has_samples(group)) {
        true => sending().filter(sends).map(|group| group.achieved_rate).sum::<f64>(),
        false => sending().map(|group| group.achieved_rate).sum::<f64>(),
    };
    let (value, outcome, why) = match sum.is_nan() {
        true => (None, LimitOutcome::Undecided, "the run was too short for a rate".to_owned()),
        false if sum < least => (Some(sum), LimitOutcome::Exceeded, String::new()),
        false => (Some(sum), LimitOutcome::Holds, String::new()),
    };
    StatedLimit {
        name: "min-rate".to_owned(),
        figure: "rate".to_owned(),
        limit: least,
        value,
        unit: LimitUnit::PerSecond,
        outcome,
        why,
        ..StatedLimit::default()
    }
}

/// Errors and timeouts among all requests that were sent.
fn errors(record: &RunRecord, most: f64) -> StatedLimit {
    let groups = || record.groups.iter().filter(|group| group.role != Role::Offender);
    let sent: u64 = groups().map(|group| group.counts.sent).sum();
    let failed: u64 = groups().map(|group| group.counts.error + group.counts.timeout).sum();
    let share = if sent == 0 { 0.0 } else { failed as f64 / sent as f64 };
    StatedLimit {
        name: "max-error-rate".to_owned(),
        figure: "error rate".to_owned(),
        limit: most,
        value: Some(share),
        unit: LimitUnit::Share,
        outcome: if share > most { LimitOutcome::Exceeded } else { LimitOutcome::Holds },
        ..StatedLimit::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Arrival, Counts, Percentile};

    /// 10,000 requests of which so many failed; p50, p99 and maximum in µs of both times.
    fn record(failed: u64, times: [f64; 3]) -> RunRecord {
        let at = |p: f64, us| Percentile { p, us, ..Percentile::default() };
        let quantiles = Quantiles {
            count: 10_000,
            max_us: Some(times[2]),
            percentiles: vec![at(50.0, Some(times[0])), at(99.0, Some(times[1])), at(99.99, None)],
            ..Quantiles::default()
        };
        let mut group = Group { name: "load".to_owned(), achieved_rate: 900.0, ..Group::default() };
        group.counts =
            Counts { scheduled: 10_000, sent: 10_000, error: failed, ..Counts::default() };
        group.arrival = Arrival { process: "constant".to_owned(), rate: Some(1_000.0) };
        group.total.response_time = quantiles;
        RunRecord { groups: vec![group], ..RunRecord::default() }
    }

    fn outcomes(limits: &StatedLimits, record: &RunRecord) -> Vec<(String, LimitOutcome)> {
        limits.judge(record, None).into_iter().map(|l| (l.name, l.outcome)).collect()
    }

    #[test]
    fn one_percent_of_errors_is_the_limit_unless_another_is_stated() {
        use LimitOutcome::{Exceeded, Holds};
        let share = |max_error_share| StatedLimits { max_error_share, ..StatedLimits::default() };
        let name = || "max-error-rate".to_owned();
        for (failed, stated, want) in [
            (100, None, vec![]),
            (101, None, vec![(name(), Exceeded)]),
            (6_700, Some(1.0), vec![(name(), Holds)]),
            (1, Some(0.0), vec![(name(), Exceeded)]),
            (0, Some(0.0), vec![(name(), Holds)]),
        ] {
            let record = record(failed, [1.0, 2.0, 3.0]);
            assert_eq!(outcomes(&share(stated), &record), want, "{failed} {stated:?}");
        }
    }

    #[test]
    fn a_percentile_holds_is_exceeded_or_is_not_decided() {
        use LimitOutcome::{Exceeded, Holds, Undecided};
        for (p, limit, want) in [
            (99.0, 2_000.0, Holds),
            (99.0, 1_999.0, Exceeded),
            (50.0, 99.0, Exceeded),
            (100.0, 9_000.0, Holds),
            (100.0, 8_999.0, Exceeded),
            // Too few samples: a lower percentile decides if it is too long already.
            (99.99, 5_000.0, Undecided),
            (99.99, 1_999.0, Exceeded),
            (99.5, 5_000.0, Undecided),
        ] {
            let limits = StatedLimits { max_us: vec![(p, limit)], ..StatedLimits::default() };
            let judged = limits.judge(&record(0, [100.0, 2_000.0, 9_000.0]), None);
            assert_eq!((judged.len(), judged[0].outcome), (1, want), "p{p} {limit}");
            assert_eq!(judged[0].why.is_empty(), p != 99.99 && p != 99.5, "p{p} {limit}");
        }
        // A lower bound below the limit says nothing.
        let mut open = record(0, [100.0, 2_000.0, 9_000.0]);
        open.groups[0].total.response_time.percentiles[1].censored = true;
        let limits = StatedLimits { max_us: vec![(99.0, 3_000.0)], ..StatedLimits::default() };
        assert_eq!(limits.judge(&open, None)[0].outcome, Undecided);
        assert_eq!(limits.judge(&RunRecord::default(), None)[0].outcome, Undecided);
    }

    #[test]
    fn a_closed_loop_is_judged_by_its_service_time() {
        let mut record = record(0, [100.0, 2_000.0, 9_000.0]);
        let group = &mut record.groups[0];
        group.arrival.rate = None;
        group.total.service_time = std::mem::take(&mut group.total.response_time);
        let limits = StatedLimits { max_us: vec![(99.0, 1_000.0)], ..StatedLimits::default() };
        let judged = &limits.judge(&record, None)[0];
        let said = judged.sentence().replace('\u{a0}', " ");
        assert_eq!(said, "load: p99 of the service time is 2.00 ms, above --max-p99 1.00 ms");
        let close = StatedLimits { max_us: vec![(99.0, 1_999.9)], ..StatedLimits::default() };
        let said = close.judge(&record, None)[0].sentence();
        assert!(said.contains("2000 µs, above --max-p99 1999.9 µs"), "{said}");
    }

    #[test]
    fn a_rate_has_a_lower_limit_and_limits_survive_in_the_record() {
        let limits = StatedLimits {
            max_error_share: Some(0.5),
            min_rate: Some(901.0),
            max_us: vec![(99.0, 3_000.0), (50.0, 200.0)],
        };
        let mut record = record(0, [100.0, 2_000.0, 9_000.0]);
        record.limits = limits.judge(&record, None);
        let exceeded: Vec<_> =
            record.limits.iter().filter(|l| l.outcome == LimitOutcome::Exceeded).collect();
        assert_eq!(exceeded.len(), 1);
        assert_eq!((exceeded[0].name.as_str(), exceeded[0].value), ("min-rate", Some(900.0)));
        assert_eq!(StatedLimits::of(&record), limits);
        record.groups[0].achieved_rate = f64::NAN;
        assert_eq!(limits.judge(&record, None)[2].outcome, LimitOutcome::Undecided);
    }
}
