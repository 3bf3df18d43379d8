//! The figures that claims are judged by, looked up in what the arms left behind.
//!
//! Invariant: a figure that was not measured is an error text that says why, never a zero.

use super::arm::ArmOutcome;
use super::attribute::measured_entries;
use aelab_reports::record::{Group, Percentile, Quantiles};
use aelab_scenarios::criterion::{Metric, Quantity, SpanStat, StallCause, Stat, Subject};
use aelab_scenarios::judge::Figure;

const US_PER_S: f64 = 1e6;

/// Percentiles that the criteria of a scenario name, in percent.
#[must_use]
pub fn percentiles_asked(scenario: &aelab_scenarios::Scenario) -> Vec<f64> {
    use aelab_scenarios::criterion::Reference;
    let criteria =
        scenario.claims.iter().flat_map(|claim| claim.requires.iter().chain(&claim.holds));
    let quantities = criteria.flat_map(|criterion| {
        let against = match &criterion.against {
            Some(Reference::Quantity(quantity)) => Some(quantity),
            _ => None,
        };
        std::iter::once(&criterion.measure).chain(against)
    });
    let mut asked: Vec<f64> = quantities
        .filter_map(|quantity| match quantity.subject {
            Subject::Latency { stat: Stat::Percentile(p), .. } => Some(p),
            _ => None,
        })
        .collect();
    asked.sort_by(f64::total_cmp);
    asked.dedup();
    asked
}

/// Looks a figure up.
///
/// # Errors
/// Why there is none.
pub fn look_up(arms: &[ArmOutcome], quantity: &Quantity) -> Result<Figure, String> {
    let arm = arms
        .iter()
        .find(|arm| arm.name == quantity.arm)
        .ok_or_else(|| format!("arm {} was not run", quantity.arm))?;
    let group = |name: &str| {
        let found = arm.kept.record.groups.iter().find(|group| group.name == name);
        found.ok_or_else(|| format!("group {name} was not run"))
    };
    match &quantity.subject {
        Subject::Latency { group: name, metric, stat } => {
            latency(quantiles(group(name)?, *metric), *stat)
        }
        Subject::Count { group: name, which } => count(group(name)?, which),
        Subject::AchievedRate { group: name } => Ok(Figure::exact(group(name)?.achieved_rate)),
        Subject::Stall { cause, stat } => Ok(stall(arm, cause, *stat)),
        Subject::Slowlog { command, stat } => slowlog(arm, command, *stat),
        Subject::Info { field } => {
            let value = arm.info_after.number(field);
            value.map(Figure::exact).ok_or_else(|| format!("INFO has no number {field}"))
        }
        Subject::Growth { field } => {
            let both = arm.info_before.number(field).zip(arm.info_after.number(field));
            both.map(|(before, after)| Figure::exact(after - before))
                .ok_or_else(|| format!("INFO has no number {field}"))
        }
    }
}

fn quantiles(group: &Group, metric: Metric) -> &Quantiles {
    match metric {
        Metric::Response => &group.total.response_time,
        Metric::Service => &group.total.service_time,
        Metric::Lag => &group.total.send_lag,
    }
}

fn latency(quantiles: &Quantiles, stat: Stat) -> Result<Figure, String> {
    let plain = |us: Option<f64>| {
        us.map(|us| Figure::exact(us / US_PER_S))
            .ok_or_else(|| "no request was answered".to_owned())
    };
    match stat {
        Stat::Min => plain(quantiles.min_us),
        Stat::Mean => plain(quantiles.mean_us),
        Stat::Max => plain(quantiles.max_us),
        Stat::Percentile(p) => {
            let entry = quantiles.at(p).ok_or("the percentile was not computed")?;
            percentile(entry)
        }
    }
}

fn percentile(entry: &Percentile) -> Result<Figure, String> {
    let Some(us) = entry.us else {
        return Err(format!("the sample is too small, {} are needed", entry.need.unwrap_or(0)));
    };
    let value = us / US_PER_S;
    let lo = entry.lo_us.map_or(value, |us| us / US_PER_S);
    let hi = match (entry.censored, entry.hi_us) {
        // Requests that were still waiting could push it up without limit.
        (true, _) => f64::INFINITY,
        (false, Some(us)) => us / US_PER_S,
        (false, None) => value,
    };
    Ok(Figure { value, lo, hi })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count(group: &Group, which: &str) -> Result<Figure, String> {
    let counts = &group.counts;
    let value = match which {
        "scheduled" => counts.scheduled,
        "sent" => counts.sent,
        "shed" => counts.shed,
        "ok" => counts.ok,
        "error" => counts.error,
        "timeout" => counts.timeout,
        "unfinished" => counts.unfinished,
        other => return Err(format!("there is no count {other}")),
    };
    Ok(Figure::exact(value as f64))
}

/// Stalls of a cause; none is a measurement too, and its length is zero.
fn stall(arm: &ArmOutcome, cause: &StallCause, stat: SpanStat) -> Figure {
    let by_command = |found: &str, wanted: &str| {
        found.split_whitespace().next().is_some_and(|name| name.eq_ignore_ascii_case(wanted))
    };
    let stalls = arm.kept.record.stalls.iter().filter(|stall| match (cause, &stall.cause) {
        (StallCause::Any, _) | (StallCause::Unexplained, None) => true,
        (StallCause::Command(wanted), Some(found)) => by_command(found, wanted),
        (StallCause::Unexplained, Some(_)) | (StallCause::Command(_), None) => false,
    });
    let (lengths, lost): (Vec<f64>, Vec<f64>) =
        stalls.map(|stall| (stall.duration_s, stall.lost_client_seconds)).unzip();
    Figure::exact(match stat {
        SpanStat::Lost => lost.iter().sum(),
        _ => span_stat(lengths, stat).unwrap_or(0.0),
    })
}

fn slowlog(arm: &ArmOutcome, command: &str, stat: SpanStat) -> Result<Figure, String> {
    let entries =
        measured_entries(&arm.slowlog, command, arm.measured_from_unix_s, arm.calls_of(command));
    let lengths = entries.iter().map(std::time::Duration::as_secs_f64).collect();
    if stat == SpanStat::Lost {
        return Err("the slow log knows no lost time".to_owned());
    }
    span_stat(lengths, stat)
        .map(Figure::exact)
        .ok_or_else(|| format!("the server's SLOWLOG has no {command}"))
}

/// A statistic of some lengths; `None` where it needs at least one.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn span_stat(mut lengths: Vec<f64>, stat: SpanStat) -> Option<f64> {
    lengths.sort_by(f64::total_cmp);
    match stat {
        SpanStat::Count => Some(lengths.len() as f64),
        SpanStat::Sum | SpanStat::Lost => Some(lengths.iter().sum()),
        SpanStat::Longest => lengths.last().copied(),
        SpanStat::Median => lengths.get(lengths.len() / 2).copied(),
    }
}
