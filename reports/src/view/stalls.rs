//! Which stalls a report shows: a machine has many hiccups, and a hundred of them would bury the
//! seven that matter. All of them stay in `result.json`. Invariant: sentences, key figures and tables speak of the same ones,
//! [`notable`].

use crate::view::arms::ArmData;
use crate::view::figure::StallMark;
use aelab_results::record::{RunRecord, Stall};
use aelab_results::text::number::{counted, grouped, seconds};

/// Stalls shorter than this share of the longest one of all arms are listed, not drawn.
const WORTH_MARKING: f64 = 0.1;
/// At most this many are listed per arm, the longest ones.
const LISTED_MAX: usize = 24;

/// What the key figures call the stalls with a cause, however short.
pub(crate) const EXPLAINED: &str = "stalls with a known cause";
/// What they call the others that count, after [`Stall::NOTABLE_S`].
pub(crate) const UNEXPLAINED: &str = "stalls of 20\u{a0}ms or more, cause unknown";

/// How many stalls of a kind that counts an arm had.
pub(crate) fn counted_of(record: &RunRecord, is_explained: bool) -> String {
    let of_kind = notable(record).filter(|stall| stall.cause.is_some() == is_explained);
    grouped(of_kind.count() as u64)
}

/// The stalls that are counted: long enough to be noticed, or of known cause.
pub(crate) fn notable(record: &RunRecord) -> impl Iterator<Item = &Stall> {
    record.stalls.iter().filter(|stall| stall.is_notable())
}

/// The stalls of an arm that its table lists, in order of time: those that are counted, as far as they fit.
pub(crate) fn listed<'a>(arm: &ArmData<'a>) -> Vec<&'a Stall> {
    let mut listed: Vec<&Stall> = notable(arm.record).collect();
    listed.sort_by(|a, b| b.duration_s.total_cmp(&a.duration_s));
    listed.truncate(LISTED_MAX);
    listed.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    listed
}

/// Those of them that are worth drawing beside the other arms.
pub(crate) fn shown<'a>(arm: &ArmData<'a>, arms: &[ArmData<'_>]) -> Vec<&'a Stall> {
    let limit = limit_s(arms);
    listed(arm).into_iter().filter(|stall| stall.duration_s >= limit).collect()
}

fn limit_s(arms: &[ArmData<'_>]) -> f64 {
    let all = arms.iter().flat_map(|a| &a.record.stalls);
    all.map(|s| s.duration_s).fold(0.0, f64::max) * WORTH_MARKING
}

/// Seconds of the measurement without replies, from the stalls that are counted: a hundred gaps of a few milliseconds do
/// not count. Overlaps and the drain do not count.
pub(crate) fn stopped_s(arm: &ArmData<'_>) -> f64 {
    let end = arm.record.duration_s;
    let mut spans: Vec<(f64, f64)> =
        notable(arm.record).map(|s| (s.start_s, (s.start_s + s.duration_s).min(end))).collect();
    spans.extend(gone_from_s(arm).map(|from| (from, end)));
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut covered = 0.0_f64;
    let mut sum = 0.0;
    for (from, to) in spans {
        sum += (to - from.max(covered)).max(0.0);
        covered = covered.max(to);
    }
    sum
}

/// Replies that end this long before the measurement does, while requests wait, have stopped for good …
const GONE_S: f64 = 1.0;
/// … if this is also so large a share of it.
const GONE_SHARE: f64 = 0.1;

/// When replies stopped for good, in seconds from the start of the measurement; `None` if they did not.
pub(crate) fn gone_from_s(arm: &ArmData<'_>) -> Option<f64> {
    let record = arm.record;
    let waited =
        arm.unfinished_share().is_some() || record.caveats.iter().any(|c| c.id == "server-changed");
    let last = arm
        .response
        .iter()
        .filter(|i| i.counts.total() > 0)
        .map(|i| i.start_ns + i.length_ns)
        .max()?;
    let last = last as f64 / 1e9;
    let silent = record.duration_s - last;
    let is_long = silent >= GONE_S && silent >= GONE_SHARE * record.duration_s;
    (waited && is_long && !record.interrupted).then_some(last)
}

/// How many are not in the picture, as half a sentence; `None` if all are.
pub(crate) fn not_drawn(arms: &[ArmData<'_>]) -> Option<String> {
    without(arms, arms.iter().map(|arm| shown(arm, arms).len()).sum())
}

/// How many are not in the table, as half a sentence; `None` if all are.
pub(crate) fn not_listed(arms: &[ArmData<'_>]) -> Option<String> {
    without(arms, arms.iter().map(|arm| listed(arm).len()).sum())
}

fn without(arms: &[ArmData<'_>], shown: usize) -> Option<String> {
    let all: usize = arms.iter().map(|arm| arm.record.stalls.len()).sum();
    let left_out = all - shown;
    (left_out > 0).then(|| format!("{} not shown", counted(left_out, "shorter stall")))
}

/// The text if no arm had a stall. Time spans in which the load generator lost the CPU are not stalls of the server.
pub(crate) fn none_of(arms: &[ArmData<'_>]) -> String {
    let short: usize = arms.iter().map(|arm| arm.record.stalls.len()).sum();
    let mut caveats = arms.iter().flat_map(|arm| &arm.record.caveats);
    if caveats.any(|caveat| caveat.id == "client-held-up") {
        return "No stall of the server; where replies are missing, the load generator lost the CPU".to_owned();
    }
    let place = if arms.len() == 1 { "" } else { " in any arm" };
    if short > 0 {
        return format!(
            "No stall of 20\u{a0}ms or more{place}; {} without a known cause in result.json",
            counted(short, "shorter one")
        );
    }
    format!("No stall{place}: replies arrived all the time")
}

/// The shown stalls as marks of a figure.
pub(crate) fn marks(arm: &ArmData<'_>, arms: &[ArmData<'_>]) -> Vec<StallMark> {
    let mark = |stall: &Stall| {
        let short = seconds(stall.duration_s);
        let long = match &stall.cause {
            Some(cause) => format!("{cause} {short}"),
            None => short.clone(),
        };
        StallMark { start_s: stall.start_s, duration_s: stall.duration_s, long, short }
    };
    shown(arm, arms).into_iter().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::record::RunRecord;

    #[test]
    fn only_time_inside_the_measurement_counts_as_stopped_and_only_once() {
        let stall = |start_s, duration_s, cause: Option<&str>| Stall {
            start_s,
            duration_s,
            cause: cause.map(str::to_owned),
            ..Stall::default()
        };
        let record = RunRecord {
            duration_s: 6.0,
            stalls: vec![
                stall(0.0, 0.01, None),
                stall(1.0, 0.25, Some("SCAN")),
                stall(2.0, 3.0, None),
                stall(4.0, 9.0, None),
                stall(7.0, 3.0, None),
            ],
            ..RunRecord::default()
        };
        // Ten milliseconds of no known cause are a hiccup, and not one of the stalls that are counted.
        assert_eq!(notable(&record).count(), 4);
        assert!((stopped_s(&arm(&record)) - 4.25).abs() < 1e-9);
        // Nor are many of them, where there is nothing longer.
        let gaps = (0..100).map(|n| stall(f64::from(n) / 20.0, 0.01, None)).collect();
        let record = RunRecord { duration_s: 6.0, stalls: gaps, ..RunRecord::default() };
        assert!(stopped_s(&arm(&record)).abs() < 1e-9);
    }

    fn arm(record: &RunRecord) -> ArmData<'_> {
        ArmData {
            name: String::new(),
            summary: String::new(),
            record,
            response: Vec::new(),
            service: Vec::new(),
        }
    }
}
