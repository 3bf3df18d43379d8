//! Titles of the figures: each states the finding in one sentence, from the numbers of the record.

use crate::view::arms::{ArmData, Lead};
use crate::view::{messages, stalls};
use aelab_results::histogram::Sparse;
use aelab_results::record::Stall;
use aelab_results::stats::supported;
use aelab_results::text::number::{
    counted, duration, listed, percent, percentile, rate, seconds, times, us,
};
use std::cmp::Ordering;

/// The percentile in a title: the highest of these that every arm supports.
const SPEAKING: [f64; 4] = [99.9, 99.0, 90.0, 50.0];

/// Ratios below this are called "about the same": they are within the noise of the machine.
const WORTH_SAYING: f64 = 1.15;

/// The percentile that is told beside a tail that shows something else.
const MEDIAN: f64 = 50.0;

/// A tail that is so many times the median does not describe the usual request.
const FAR: f64 = 10.0;

/// Share of the time without replies from which a title mentions it.
const WORTH_STOPPING: f64 = 0.01;

/// A rate is kept if at least this share of it was achieved.
const KEPT: f64 = 0.99;

/// What the percentile curves show.
pub(crate) fn percentiles(arms: &[ArmData<'_>]) -> String {
    let together = if messages::are_mixed(arms) { " (replies and messages together)" } else { "" };
    format!("{}{together}", percentiles_in_words(arms))
}

fn percentiles_in_words(arms: &[ArmData<'_>]) -> String {
    let lead = Lead::of(arms);
    let time = lead.name();
    let at = |p: f64| -> Option<Vec<(String, f64)>> {
        arms.iter()
            .map(|arm| {
                let samples = arm.samples(lead);
                let value = supported(p, samples.total()).then(|| samples.value_at(p / 100.0));
                value.flatten().map(|v| (arm.label().to_owned(), us(v)))
            })
            .collect()
    };
    let Some((p, values)) = SPEAKING.into_iter().find_map(|p| at(p).map(|v| (p, v))) else {
        return "Too few samples for any percentile".to_owned();
    };
    if arms.iter().any(|arm| arm.at_least_us(lead, p).is_some()) {
        return left_open(p, arms, &values, lead);
    }
    let tail = match values.as_slice() {
        [] => return "No samples".to_owned(),
        [(_, service)] if lead == Lead::Service => {
            format!(
                "{p}\u{a0}% of the requests are answered within {} of being sent",
                duration(*service)
            )
        }
        [(_, response)] => one_arm(p, *response, &arms[0]),
        [a, b] => two_arms(p, a, b, time),
        many => {
            let each: Vec<String> =
                many.iter().map(|(name, us)| format!("{} with {name}", duration(*us))).collect();
            format!("{} of the {time}: {}", percentile(p), listed(&each))
        }
    };
    let medians = if p > MEDIAN { at(MEDIAN) } else { None };
    match medians.and_then(|medians| of_medians(&values, &medians)) {
        // The sentence of a single arm may be about another percentile.
        Some(medians) if arms.len() == 1 && !tail.contains(&duration(values[0].1)) => {
            format!("{tail}; {} is {} and {medians}", percentile(p), duration(values[0].1))
        }
        Some(medians) => format!("{tail}; {medians}"),
        None => tail,
    }
}

/// What the medians show, if it is something else than the tail shows: other arms are slower, or none is. Of a single arm, if
/// the tail is far from the median.
fn of_medians(tails: &[(String, f64)], medians: &[(String, f64)]) -> Option<String> {
    match medians {
        [] => None,
        [(_, median)] => {
            (tails[0].1 >= median * FAR).then(|| format!("the median is {}", duration(*median)))
        }
        [a, b] if ranked(a.1, b.1) != ranked(tails[0].1, tails[1].1) => {
            Some(match ranked(a.1, b.1) {
                Ordering::Equal => {
                    format!(
                        "the median is about the same ({} and {})",
                        duration(a.1),
                        duration(b.1)
                    )
                }
                order => {
                    let (slow, fast) = if order == Ordering::Greater { (a, b) } else { (b, a) };
                    format!(
                        "the median is {} with {}, {} the {} with {}",
                        duration(slow.1),
                        slow.0,
                        times(slow.1, fast.1),
                        duration(fast.1),
                        fast.0
                    )
                }
            })
        }
        [_, _] => None,
        many => {
            let pairs = (0..many.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            let mut pairs =
                pairs.map(|(i, j)| (ranked(many[i].1, many[j].1), ranked(tails[i].1, tails[j].1)));
            pairs.any(|(median, tail)| median != tail).then(|| {
                let each: Vec<String> = many
                    .iter()
                    .map(|(name, us)| format!("{} with {name}", duration(*us)))
                    .collect();
                format!("the median: {}", listed(&each))
            })
        }
    }
}

/// Which of two times is longer, if they differ enough to say so.
fn ranked(a: f64, b: f64) -> Ordering {
    if a.max(b) < a.min(b) * WORTH_SAYING { Ordering::Equal } else { a.total_cmp(&b) }
}

/// The title if unfinished requests make the percentile a lower bound.
fn left_open(p: f64, arms: &[ArmData<'_>], values: &[(String, f64)], lead: Lead) -> String {
    let each: Vec<String> = arms
        .iter()
        .zip(values)
        .map(|(arm, (name, value))| {
            let with = if arm.name.is_empty() { String::new() } else { format!(" with {name}") };
            let Some(bound) = arm.at_least_us(lead, p) else {
                return format!("{}{with}", duration(*value));
            };
            format!("at least {}{with}", duration(bound.max(*value)))
        })
        .collect();
    let open = arms.iter().filter_map(ArmData::unfinished_share).fold(0.0, f64::max);
    let up_to = if arms.len() > 1 { "up to " } else { "" };
    format!(
        "{} of the {} is {}: {up_to}{} of the requests were unfinished",
        percentile(p),
        lead.name(),
        listed(&each),
        percent(open)
    )
}

/// The percentile at which response and service time differ most, or the highest percentile.
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

fn two_arms(p: f64, a: &(String, f64), b: &(String, f64), time: &str) -> String {
    let (slow, fast) = if a.1 >= b.1 { (a, b) } else { (b, a) };
    if slow.1 < fast.1 * WORTH_SAYING {
        return format!(
            "{} of the {time} is about the same with {} ({}) and {} ({})",
            percentile(p),
            a.0,
            duration(a.1),
            b.0,
            duration(b.1)
        );
    }
    format!(
        "{} of the {time} is {} with {}, {} the {} with {}",
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
    let gone = |arm: &ArmData<'_>| {
        let from = stalls::gone_from_s(arm)?;
        Some(with_arm(arm, &format!("replies stop completely after {}", seconds(from))))
    };
    let gone: Vec<String> = arms.iter().filter_map(gone).collect();
    if !gone.is_empty() {
        return capitalised(&gone.join("; "));
    }
    if arms.iter().all(|a| stalls::notable(a.record).next().is_none()) {
        let open = arms.iter().filter_map(ArmData::unfinished_share).fold(0.0, f64::max);
        if open > WORTH_STOPPING {
            let share = percent(open);
            return format!("No stall among the replies, but {share} of the requests had no reply");
        }
        return stalls::none_of(arms);
    }
    let each: Vec<String> = arms.iter().map(|a| with_arm(a, &stalls_of(a, arms))).collect();
    capitalised(&each.join("; "))
}

/// The phrase, with the name of its arm before it if there is one.
fn with_arm(arm: &ArmData<'_>, phrase: &str) -> String {
    if arm.name.is_empty() { phrase.to_owned() } else { format!("with {}, {phrase}", arm.name) }
}

fn stalls_of(arm: &ArmData<'_>, arms: &[ArmData<'_>]) -> String {
    let longest = |stalls: &[&Stall]| stalls.iter().map(|s| s.duration_s).fold(0.0, f64::max);
    let shown = stalls::shown(arm, arms);
    // All that are notable are counted, as everywhere, whether they are worth a mark or not.
    let all: Vec<&Stall> = stalls::notable(arm.record).collect();
    let main = shown.iter().max_by(|a, b| a.duration_s.total_cmp(&b.duration_s));
    let Some(cause) = main.and_then(|main| main.cause.as_ref()) else {
        return match all.as_slice() {
            [] if arm.record.stalls.is_empty() => "no stall".to_owned(),
            [] => "no stall of 20\u{a0}ms or more".to_owned(),
            [one] => format!("one stall of {}", seconds(one.duration_s)),
            many => format!("{} of up to {}", counted(many.len(), "stall"), seconds(longest(many))),
        };
    };
    let same: Vec<&Stall> = all.into_iter().filter(|s| s.cause.as_ref() == Some(cause)).collect();
    match same.as_slice() {
        [one] => format!("{cause} stops all replies once, for {}", seconds(one.duration_s)),
        many => format!(
            "{cause} stops all replies {} times, for up to {}",
            many.len(),
            seconds(longest(many))
        ),
    }
}

/// What the throughput over time shows.
pub(crate) fn throughput(arms: &[ArmData<'_>]) -> String {
    let lost = |arm: &ArmData<'_>| match messages::lost(arm).filter(|lost| lost != "0") {
        Some(lost) => format!(", and {lost} messages are lost"),
        None => String::new(),
    };
    let phrase = |arm: &ArmData<'_>| {
        let achieved = arm.groups().iter().map(|g| g.achieved_rate).sum::<f64>();
        let stopped = stalls::stopped_s(arm);
        match arm.offered_rate() {
            _ if stopped > arm.record.duration_s * WORTH_STOPPING => format!(
                "replies stop for {} of {}",
                seconds(stopped),
                seconds(arm.record.duration_s)
            ),
            Some(offered) if achieved >= offered * KEPT => {
                format!("the offered rate of {} is achieved", rate(offered))
            }
            Some(offered) => format!("{} achieved of {} offered", rate(achieved), rate(offered)),
            None => format!("{} on average", messages::flow(arm)),
        }
    };
    let each: Vec<String> =
        arms.iter().map(|arm| with_arm(arm, &(phrase(arm) + &lost(arm)))).collect();
    capitalised(&each.join("; "))
}

/// The sentence with a capital letter at its start.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_told_where_they_say_something_else_than_the_tail() {
        let named = |values: &[f64]| -> Vec<(String, f64)> {
            let name = |index: usize| char::from(b'a' + u8::try_from(index).unwrap()).to_string();
            values.iter().enumerate().map(|(index, us)| (name(index), *us)).collect()
        };
        for (tails, medians, want) in [
            (&[90.0][..], &[10.0][..], None),
            (&[100.0], &[10.0], Some("the median is 10.0 µs")),
            (&[100.0, 50.0], &[20.0, 10.0], None),
            (
                &[100.0, 50.0],
                &[10.0, 10.1],
                Some("the median is about the same (10.0 µs and 10.1 µs)"),
            ),
            (
                &[100.0, 50.0],
                &[10.0, 20.0],
                Some("the median is 20.0 µs with b, 2.0 times the 10.0 µs with a"),
            ),
            (
                &[50.0, 50.1],
                &[10.0, 20.0],
                Some("the median is 20.0 µs with b, 2.0 times the 10.0 µs with a"),
            ),
            (&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], None),
            (
                &[1.0, 2.0, 3.0],
                &[1.0, 1.0, 3.0],
                Some("the median: 1.00 µs with a, 1.00 µs with b and 3.00 µs with c"),
            ),
        ] {
            let said = of_medians(&named(tails), &named(medians));
            assert_eq!(said.map(|s| s.replace('\u{a0}', " ")).as_deref(), want, "{tails:?}");
        }
    }
}
