//! The two figures over time: response time and throughput, with the stalls marked.

use crate::view::arms::{ArmData, Lead, of_arms};
use crate::view::figure::{Figure, Plot, RatePanel, RatePlot, TimeColumn, TimePanel, TimePlot};
use crate::view::finding;
use crate::view::table::Table;
use crate::view::{messages, stalls};
use aelab_results::histogram::Sparse;
use aelab_results::hlog::Interval;
use aelab_results::text::number::{duration, grouped, rate, seconds, us};

/// More columns than this are narrower than two pixels on the widest chart.
const COLUMNS_MAX: u64 = 400;
/// Rows per arm of the table beside a figure.
const TWIN_ROWS_MAX: u64 = 60;
/// A burst after a stall may be this many times the usual rate before the axis cuts it off.
const TOP_OVER_USUAL: f64 = 2.5;

/// Response time over time, or `None` without samples.
pub(crate) fn response(arms: &[ArmData<'_>]) -> Option<Figure> {
    let panels: Vec<TimePanel> =
        arms.iter().enumerate().map(|(position, arm)| time_panel(position, arm, arms)).collect();
    if panels.iter().all(|p| p.columns.is_empty()) {
        return None;
    }
    let column = panels.iter().map(|p| p.column_s).fold(0.0, f64::max);
    Some(Figure {
        name: "response-time",
        title: finding::stalls(arms),
        subtitle: response_subtitle(arms, column),
        twin: of_arms(arms, time_twin(arms)),
        plot: Plot::ResponseOverTime(TimePlot { span_s: span(arms), panels }),
    })
}

fn response_subtitle(arms: &[ArmData<'_>], column_s: f64) -> String {
    let what = if messages::are_mixed(arms) { "replies and messages" } else { "replies" };
    let mut text = format!(
        "{} of the {what} that arrived in each {}.",
        finding::capitalised(Lead::of(arms).name()),
        seconds(column_s)
    );
    if arms.iter().any(|a| !a.record.stalls.is_empty()) {
        text.push_str(" Grey: no reply on any connection");
        text.push_str(&stalls::not_drawn(arms).map_or_else(String::new, |n| format!(" ({n})")));
        text.push('.');
    }
    text
}

/// Throughput over time, or `None` without samples.
pub(crate) fn throughput(arms: &[ArmData<'_>]) -> Option<Figure> {
    let panels: Vec<RatePanel> =
        arms.iter().enumerate().map(|(position, arm)| rate_panel(position, arm, arms)).collect();
    if panels.iter().all(|p| p.points.is_empty()) {
        return None;
    }
    let top = top_rate(&panels);
    let cut = panels.iter().any(|p| p.points.iter().any(|&(_, r)| r > top));
    let column = panels.iter().map(|p| p.column_s).fold(0.0, f64::max);
    let what = if messages::are_mixed(arms) { "Replies and messages" } else { "Replies" };
    let mut subtitle = format!("{what} per second in each {}.", seconds(column));
    if panels.iter().any(|p| !p.stalls.is_empty()) {
        subtitle.push_str(" Grey: stalls.");
    }
    if panels.iter().any(|p| p.offered.is_some()) {
        subtitle.push_str(" Dotted: offered rate.");
    }
    if cut {
        subtitle.push_str(" The axis is cut: ▲ shows the height of a burst above it.");
    }
    Some(Figure {
        name: "throughput",
        title: finding::throughput(arms),
        subtitle,
        twin: of_arms(arms, rate_twin(arms)),
        plot: Plot::Throughput(RatePlot { span_s: span(arms), top, panels }),
    })
}

fn span(arms: &[ArmData<'_>]) -> f64 {
    arms.iter().map(ArmData::span_s).fold(0.0, f64::max)
}

/// Intervals joined into at most `columns` columns of equal length, which
/// reach over `span_ns` at least; empty ones are left out.
fn joined(intervals: &[Interval], columns: u64, span_ns: u64) -> (f64, Vec<(f64, Sparse)>) {
    let length = intervals.iter().map(|i| i.length_ns).max().unwrap_or(0).max(1);
    let end = intervals.iter().map(|i| i.start_ns + length).max().unwrap_or(0).max(span_ns);
    let factor = nice_factor(end.div_ceil(length).div_ceil(columns.max(1)).max(1));
    let column = length * factor;
    let mut out: Vec<(u64, Vec<&Sparse>)> = Vec::new();
    for interval in intervals.iter().filter(|i| !i.counts.is_empty()) {
        let start = interval.start_ns / column * column;
        match out.last_mut() {
            Some((last, parts)) if *last == start => parts.push(&interval.counts),
            _ => out.push((start, vec![&interval.counts])),
        }
    }
    let join = |(start, parts): (u64, Vec<&Sparse>)| {
        let counts = parts.iter().flat_map(|p| p.counts().iter().copied()).collect();
        (start as f64 / 1e9, Sparse::from_counts(counts))
    };
    (column as f64 / 1e9, out.into_iter().map(join).collect())
}

/// The next of 1, 2, 5, 10, 20, … so that columns have round lengths.
fn nice_factor(at_least: u64) -> u64 {
    let mut decade = 1_u64;
    loop {
        for step in [1, 2, 5] {
            if decade * step >= at_least {
                return decade * step;
            }
        }
        decade = decade.saturating_mul(10);
    }
}

fn column(start_s: f64, counts: &Sparse) -> TimeColumn {
    let at = |q| counts.value_at(q).map_or(0.0, us);
    TimeColumn {
        start_s,
        max_us: at(1.0),
        p99_us: at(0.99),
        p50_us: at(0.5),
        count: counts.total(),
    }
}

fn time_panel(position: usize, arm: &ArmData<'_>, arms: &[ArmData<'_>]) -> TimePanel {
    let (column_s, columns) = joined(arm.intervals(Lead::of(arms)), COLUMNS_MAX, 0);
    TimePanel {
        label: arm.name.clone(),
        summary: arm.summary.clone(),
        arm: position,
        columns: columns.iter().map(|(start, counts)| column(*start, counts)).collect(),
        column_s,
        stalls: stalls::marks(arm, arms),
    }
}

fn rate_panel(position: usize, arm: &ArmData<'_>, arms: &[ArmData<'_>]) -> RatePanel {
    let (column_s, points) = rates(arm, COLUMNS_MAX);
    RatePanel {
        label: arm.name.clone(),
        summary: arm.summary.clone(),
        arm: position,
        points,
        column_s,
        offered: arm.offered_rate(),
        stalls: stalls::marks(arm, arms),
    }
}

/// Replies per second, column by column, empty ones included.
fn rates(arm: &ArmData<'_>, columns: u64) -> (f64, Vec<(f64, f64)>) {
    // A log that ends long before the measurement must not make for columns without number.
    let span_ns = (arm.record.duration_s * 1e9) as u64;
    let (length, filled) = joined(&arm.replies(), columns, span_ns);
    if filled.is_empty() {
        return (length, Vec::new());
    }
    // The drain after the measurement has no load, so it is no part of the throughput.
    let count = (arm.record.duration_s / length).floor() as usize;
    let mut points: Vec<(f64, f64)> = (0..count).map(|i| (i as f64 * length, 0.0)).collect();
    for (start, counts) in filled {
        if let Some(point) = points.get_mut((start / length).round() as usize) {
            point.1 = counts.total() as f64 / length;
        }
    }
    (length, points)
}

/// The top of the rate axis: a catch-up burst of ten times the rate must not flatten the rest.
fn top_rate(panels: &[RatePanel]) -> f64 {
    let usual = panels.iter().map(|p| p.offered.unwrap_or_else(|| median(p))).fold(0.0, f64::max);
    let highest = panels.iter().flat_map(|p| &p.points).map(|&(_, r)| r).fold(0.0, f64::max);
    if usual > 0.0 { highest.clamp(usual * 1.2, usual * TOP_OVER_USUAL) } else { highest.max(1.0) }
}

fn median(panel: &RatePanel) -> f64 {
    let mut rates: Vec<f64> = panel.points.iter().map(|&(_, rate)| rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(0.0)
}

fn time_twin(arms: &[ArmData<'_>]) -> Table {
    let lead = Lead::of(arms);
    let mut table = Table::new(
        format!("{} of the replies in each span", finding::capitalised(lead.name())),
        &["<Arm", ">From", ">Replies", ">p50", ">p99", ">Largest"],
    );
    for arm in arms {
        for (start, counts) in joined(arm.intervals(lead), TWIN_ROWS_MAX, 0).1 {
            let c = column(start, &counts);
            table.push(vec![
                arm.label().to_owned(),
                format!("{start:.1}\u{a0}s"),
                grouped(c.count),
                duration(c.p50_us),
                duration(c.p99_us),
                duration(c.max_us),
            ]);
        }
    }
    table
}

fn rate_twin(arms: &[ArmData<'_>]) -> Table {
    let mut table =
        Table::new("Replies per second in each span", &["<Arm", ">From", ">Replies per second"]);
    for arm in arms {
        for (start, replies) in rates(arm, TWIN_ROWS_MAX).1 {
            table.push(vec![arm.label().to_owned(), format!("{start:.1}\u{a0}s"), rate(replies)]);
        }
    }
    table
}
