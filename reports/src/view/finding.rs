//! Titles: each states what was found, in one sentence, from the numbers of the record.

use super::arms::ArmData;
use super::units::{counted, duration, listed, percentile, rate, seconds, times, us};
use crate::histogram::Sparse;
use crate::stats::supported;

/// The percentile that a title speaks of: the highest of these that every arm supports.
const SPEAKING: [f64; 4] = [99.9, 99.0, 90.0, 50.0];

/// Ratios below this are called "about the same": the buckets and the machine's noise are not a
/// finding.
const WORTH_SAYING: f64 = 1.15;

/// What the percentile curves show.
pub(crate) fn percentiles(arms: &[ArmData<'_>]) -> String {
    let values = |p: f64| -> Option<Vec<(String, f64)>> {
        arms.iter()
            .map(|arm| {
                let samples = arm.responses();
                let value = supported(p, samples.total()).then(|| samples.value_at(p / 100.0));
                value.flatten().map(|v| (arm.label().to_owned(), us(v)))
            })
            .collect()
    };
    let Some((p, values)) = SPEAKING.into_iter().find_map(|p| values(p).map(|v| (p, v))) else {
        return "Too few samples for any percentile".to_owned();
    };
    match values.as_slice() {
        [] => "No samples".to_owned(),
        [(_, response)] => one_arm(p, *response, &arms[0]),
        [a, b] => two_arms(p, a, b),
        many => {
            let each: Vec<String> =
                many.iter().map(|(name, us)| format!("{} with {name}", duration(*us))).collect();
            format!("{} of the response time: {}", percentile(p), listed(&each))
        }
    }
}

/// Where response and service time differ most, or else what nearly all requests meet.
fn one_arm(p: f64, response: f64, arm: &ArmData<'_>) -> String {
    let (responses, services) = (arm.responses(), arm.services());
    let at = |samples: &Sparse, p: f64| {
        supported(p, samples.total()).then(|| samples.value_at(p / 100.0)).flatten().map(us)
    };
    let widest = SPEAKING
        .into_iter()
        .filter_map(|p| Some((p, at(&responses, p)?, at(&services, p)?)))
        .max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2)));
    match widest {
        Some((p, response, service)) if response > service * WORTH_SAYING => format!(
            "{} of the response time is {}, {} the service time of {}",
            percentile(p),
            duration(response),
            times(response, service),
            duration(service)
        ),
        _ => format!("{p}\u{a0}% of the requests are answered within {}", duration(response)),
    }
}

fn two_arms(p: f64, a: &(String, f64), b: &(String, f64)) -> String {
    let (slow, fast) = if a.1 >= b.1 { (a, b) } else { (b, a) };
    if slow.1 < fast.1 * WORTH_SAYING {
        return format!(
            "{} of the response time is about the same with {} ({}) and {} ({})",
            percentile(p),
            a.0,
            duration(a.1),
            b.0,
            duration(b.1)
        );
    }
    format!(
        "{} of the response time is {} with {}, {} the {} with {}",
        percentile(p),
        duration(slow.1),
        slow.0,
        times(slow.1, fast.1),
        duration(fast.1),
        fast.0
    )
}

/// What the response time over time shows.
pub(crate) fn stalls(arms: &[ArmData<'_>]) -> String {
    let (with, without): (Vec<&ArmData<'_>>, Vec<_>) =
        arms.iter().partition(|a| !a.record.stalls.is_empty());
    if with.is_empty() {
        return match arms {
            [_] => "No stall: replies kept coming all the time".to_owned(),
            _ => "No stall in any arm: replies kept coming all the time".to_owned(),
        };
    }
    let mut parts: Vec<String> = with.iter().map(|arm| stalls_of(arm, arms.len() > 1)).collect();
    if !without.is_empty() {
        let names: Vec<String> = without.iter().map(|a| a.label().to_owned()).collect();
        parts.push(format!("none with {}", listed(&names)));
    }
    parts.join("; ")
}

fn stalls_of(arm: &ArmData<'_>, named: bool) -> String {
    let stalls = &arm.record.stalls;
    let longest = stalls
        .iter()
        .max_by(|a, b| a.duration_s.total_cmp(&b.duration_s))
        .filter(|_| !stalls.is_empty());
    let Some(longest) = longest else { return String::new() };
    let cause = longest.cause.as_ref().map_or(String::new(), |c| format!(" by {c}"));
    let with = if named { format!(" with {}", arm.label()) } else { String::new() };
    if stalls.len() == 1 {
        return format!("One stall of {}{cause}{with}", seconds(longest.duration_s));
    }
    format!(
        "{}{with}, the longest of {}{cause}",
        counted(stalls.len(), "stall"),
        seconds(longest.duration_s)
    )
}

/// What the throughput over time shows.
pub(crate) fn throughput(arms: &[ArmData<'_>]) -> String {
    let achieved = |arm: &ArmData<'_>| arm.groups().iter().map(|g| g.achieved_rate).sum::<f64>();
    let each: Vec<String> = arms
        .iter()
        .map(|arm| {
            let stops: f64 = arm.record.stalls.iter().map(|s| s.duration_s).sum();
            let with =
                if arm.name.is_empty() { String::new() } else { format!("with {}, ", arm.name) };
            let what = match (arm.record.stalls.len(), arm.offered_rate()) {
                (0, Some(offered)) if achieved(arm) >= offered * 0.99 => {
                    format!("the offered {} is kept", rate(offered))
                }
                (0, _) => format!("{} on average", rate(achieved(arm))),
                (1, _) => format!("replies stop once, for {}", seconds(stops)),
                (n, _) => format!("replies stop {n} times, for {} in all", seconds(stops)),
            };
            with + &what
        })
        .collect();
    capitalised(&each.join("; "))
}

/// The sentence with a capital at its head.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
