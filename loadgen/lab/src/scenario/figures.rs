//! The figures that claims are judged by, looked up in the outcomes of the arms.
//!
//! Invariant: a figure that was not measured is an error text that says why, never a zero.

use crate::arm::{ArmOutcome, GroupConnections, Wanted};
use crate::observe::cpu_wait::cpu_wait_s;
use crate::observe::proc::ProcessView;
use crate::observe::stall_cause::measured_entries;
use aelab_results::histogram::{Histogram, Sparse};
use aelab_results::hlog;
use aelab_results::record::{Group, Percentile, Quantiles};
use aelab_scenarios::criterion::{
    Dimension, Metric, ProcessField, Quantity, Reference, SpanStat, StallCause, Stat, Subject,
    Window,
};
use aelab_scenarios::judge::{Figure, Measured};

const US_PER_S: f64 = 1e6;
const NS_PER_S: f64 = 1e9;

/// The figures of an arm that the criteria of a scenario need.
#[must_use]
pub fn wanted(scenario: &aelab_scenarios::Scenario, arm: &str) -> Wanted {
    let criteria =
        scenario.claims.iter().flat_map(|claim| claim.requires.iter().chain(&claim.holds));
    let quantities = criteria.flat_map(|criterion| {
        let against = match &criterion.against {
            Some(Reference::Quantity(quantity)) => Some(quantity),
            _ => None,
        };
        std::iter::once(&criterion.measure).chain(against)
    });
    let mut wanted = Wanted::default();
    for quantity in quantities {
        match quantity.subject {
            // Of all arms, so that their tables have the same columns.
            Subject::Latency { stat: Stat::Percentile(p), window: None, .. } => {
                wanted.percentiles.push(p);
            }
            Subject::Ae { .. } => wanted.ae |= quantity.arm == arm,
            _ => {}
        }
    }
    wanted.percentiles.sort_by(f64::total_cmp);
    wanted.percentiles.dedup();
    wanted
}

/// Looks a figure up, in every repetition of its arm.
///
/// # Errors
/// Why there is none.
pub fn look_up(arms: &[ArmOutcome], quantity: &Quantity) -> Result<Measured, String> {
    let turns = arms.iter().filter(|arm| arm.name == quantity.arm);
    let figures = turns.map(|arm| look_up_in(arm, quantity)).collect::<Result<Vec<_>, _>>()?;
    match figures[..] {
        [] => Err(format!("arm {} was not run", quantity.arm)),
        [figure] => Ok(Measured::once(figure)),
        _ => {
            let values = figures.iter().map(|figure| figure.value).collect();
            Measured::of_repetitions(values).ok_or_else(|| "it was never measured".to_owned())
        }
    }
}

fn look_up_in(arm: &ArmOutcome, quantity: &Quantity) -> Result<Figure, String> {
    let group = |name: &str| {
        let found = arm.kept.record.groups.iter().find(|group| group.name == name);
        found.ok_or_else(|| format!("group {name} was not run"))
    };
    match &quantity.subject {
        Subject::Latency { group: name, metric, stat, window } => match (metric, window) {
            (Metric::Connect | Metric::FirstReply | Metric::Wait, _) => {
                histogram(&link_histogram(connections_of(arm, name)?, *metric)?, *stat)
            }
            (_, Some(window)) => windowed(arm, name, *metric, *window, *stat),
            (Metric::Response, None) => latency(&group(name)?.total.response_time, *stat),
            (Metric::Service, None) => latency(&group(name)?.total.service_time, *stat),
            (Metric::Lag, None) => latency(&group(name)?.total.send_lag, *stat),
        },
        Subject::Connections { group: name, which } => {
            connections(connections_of(arm, name)?, which)
        }
        Subject::Pool { group: name, which } => pool(connections_of(arm, name)?, which),
        Subject::Process { field } => process(arm, *field),
        Subject::Ae { path } => ae(arm, path, quantity.dimension()),
        Subject::Trace { field } => crate::scenario::figures_trace::look_up(&arm.observed, *field),
        Subject::Procedure { figure, .. } => procedure(arm, figure),
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

fn latency(quantiles: &Quantiles, stat: Stat) -> Result<Figure, String> {
    let plain = |us: Option<f64>| {
        us.map(|us| Figure::exact(us / US_PER_S))
            .ok_or_else(|| "no request was answered".to_owned())
    };
    match stat {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        Stat::Count => Ok(Figure::exact(quantiles.count as f64)),
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
        // Requests without a reply could raise it without limit.
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

/// Stalls of a cause. Without any, the length is zero.
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

fn connections_of<'a>(arm: &'a ArmOutcome, group: &str) -> Result<&'a GroupConnections, String> {
    let found = arm.connections.iter().find(|links| links.group == group);
    found.ok_or_else(|| format!("group {group} was not run"))
}

fn link_histogram(links: &GroupConnections, metric: Metric) -> Result<Histogram, String> {
    match metric {
        Metric::Connect => Ok(links.connect.clone()),
        Metric::FirstReply => Ok(links.first_reply.clone()),
        _ => {
            let pool = links.pool.as_ref();
            pool.map(|pool| pool.wait.total.clone())
                .ok_or_else(|| format!("group {} has no pool", links.group))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run, to three digits")]
fn histogram(histogram: &Histogram, stat: Stat) -> Result<Figure, String> {
    if let Stat::Count = stat {
        return Ok(Figure::exact(histogram.len() as f64));
    }
    if histogram.is_empty() {
        return Err("there is no sample".to_owned());
    }
    let ns = match stat {
        Stat::Min => histogram.min() as f64,
        Stat::Mean => histogram.mean(),
        Stat::Max => histogram.max() as f64,
        Stat::Percentile(p) => histogram.value_at_quantile(p / 100.0) as f64,
        Stat::Count => histogram.len() as f64,
    };
    Ok(Figure::exact(ns / NS_PER_S))
}

/// A part of the measurement, to the intervals of the log.
fn windowed(
    arm: &ArmOutcome,
    group: &str,
    metric: Metric,
    window: Window,
    stat: Stat,
) -> Result<Figure, String> {
    let wanted = match metric {
        Metric::Service => hlog::Metric::Service,
        Metric::Lag => hlog::Metric::Lag,
        _ => hlog::Metric::Response,
    };
    let within = |interval: &&hlog::Interval| {
        u128::from(interval.start_ns) >= window.from.as_nanos()
            && u128::from(interval.start_ns) < window.to.as_nanos()
    };
    let counts = arm.kept.series.iter().filter(|series| {
        matches!(&series.key, hlog::SeriesKey::Tagged { group: own, metric, .. }
            if own == group && *metric == wanted)
    });
    let parts = counts.flat_map(|series| series.intervals.iter().filter(within));
    histogram(&Sparse::merge(parts.map(|interval| &interval.counts)).to_histogram(), stat)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn connections(links: &GroupConnections, which: &str) -> Result<Figure, String> {
    let counts = &links.counts;
    let value = match which {
        "asked" => counts.asked,
        "established" => counts.established,
        "failed" => counts.failed,
        "lost" => counts.lost,
        "reconnects" => counts.reconnects,
        "renewed" => counts.renewed,
        other => return Err(format!("there is no count {other}")),
    };
    Ok(Figure::exact(value as f64))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn pool(links: &GroupConnections, which: &str) -> Result<Figure, String> {
    let pool = links.pool.as_ref().ok_or_else(|| format!("group {} has no pool", links.group))?;
    let value = match which {
        "opened" => pool.counts.opened,
        "closed" => pool.counts.closed,
        "timeouts" => pool.counts.pool_timeouts,
        "most_open" => pool.counts.most_open,
        other => return Err(format!("there is no count {other}")),
    };
    Ok(Figure::exact(value as f64))
}

#[expect(clippy::cast_precision_loss, reason = "counts, bytes and nanoseconds of one run")]
fn process(arm: &ArmOutcome, field: ProcessField) -> Result<Figure, String> {
    type Of = fn(&ProcessView) -> Option<u64>;
    let course = &arm.observed.process;
    let absent = || "the server's process cannot be looked at".to_owned();
    let at = |view: Option<ProcessView>, of: Of| -> Result<f64, String> {
        view.as_ref().and_then(of).map(|value| value as f64).ok_or_else(absent)
    };
    let grown = |from: Option<ProcessView>, to: Option<ProcessView>, of: Of| {
        Ok::<f64, String>(at(to, of)? - at(from, of)?)
    };
    let (cpu, switches): (Of, Of) = (|view| view.cpu_ns, |view| view.context_switches);
    let rss: Of = |view| view.rss_bytes;
    let replies = || -> Result<f64, String> {
        let groups = &arm.kept.record.groups;
        let sum: u64 = groups.iter().map(|group| group.counts.ok + group.counts.error).sum();
        if sum == 0 { Err("no request was answered".to_owned()) } else { Ok(sum as f64) }
    };
    let connections = || -> Result<f64, String> {
        let sum: u64 = arm.connections.iter().map(|links| links.counts.established).sum();
        if sum == 0 { Err("no connection was open".to_owned()) } else { Ok(sum as f64) }
    };
    let measured_cpu = || grown(course.begun, course.ended, cpu).map(|ns| ns / NS_PER_S);
    let measured_switches = || grown(course.begun, course.ended, switches);
    let value = match field {
        ProcessField::Cpu => measured_cpu()?,
        ProcessField::CpuShare => measured_cpu()? / arm.kept.record.duration_s.max(1e-9),
        ProcessField::AwakeShare => {
            let waited = grown(course.begun, course.ended, |view| view.waited_ns)? / NS_PER_S;
            (measured_cpu()? + waited) / arm.kept.record.duration_s.max(1e-9)
        }
        ProcessField::WaitedShare => {
            cpu_wait_s(course).ok_or_else(absent)? / arm.kept.record.duration_s.max(1e-9)
        }
        ProcessField::CpuPerRequest => measured_cpu()? / replies()?,
        ProcessField::ContextSwitches => measured_switches()?,
        ProcessField::ContextSwitchesPerRequest => measured_switches()? / replies()?,
        ProcessField::Rss => at(course.connected, rss)?,
        ProcessField::RssPerConnection => {
            grown(course.before, course.connected, rss)? / connections()?
        }
        ProcessField::RssPerConnectionAtEnd => {
            grown(course.before, course.ended, rss)? / connections()?
        }
        ProcessField::Descriptors => at(course.connected, |view| view.descriptors)?,
        ProcessField::EpollEntries => at(course.connected, |view| view.epoll_entries)?,
        ProcessField::Threads => at(course.connected, |view| view.threads)?,
        ProcessField::MachineCpus => aelab_engine::sys::allowed_cpus().len() as f64,
    };
    Ok(Figure::exact(value))
}

fn ae(arm: &ArmOutcome, path: &str, dimension: Dimension) -> Result<Figure, String> {
    let found = arm.observed.ae.get(path);
    let value = found.ok_or_else(|| {
        if arm.observed.ae.is_empty() {
            "the server does not know AE STATS".to_owned()
        } else {
            format!("AE STATS has no number {path}")
        }
    })?;
    let scale = if dimension == Dimension::Time { NS_PER_S } else { 1.0 };
    Ok(Figure::exact(value / scale))
}

fn procedure(arm: &ArmOutcome, figure: &str) -> Result<Figure, String> {
    let record = arm.kept.record.procedure.as_ref();
    let found = record.and_then(|record| record.figures.iter().find(|own| own.name == figure));
    let found = found.ok_or_else(|| format!("the procedure did not get as far as {figure}"))?;
    let value = found.value;
    Ok(Figure { value, lo: found.lo.unwrap_or(value), hi: found.hi.unwrap_or(value) })
}
