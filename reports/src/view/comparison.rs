//! Two results side by side: the tables and figures of `report compare`.
//!
//! Nothing is computed here but text: ratios and intervals are those of the comparison.

use crate::view::arms::ArmData;
use crate::view::curves;
use crate::view::figure::{Figure, LinesPlot, Plot, Series};
use crate::view::table::Table;
use crate::view::time;
use aelab_results::compare::{Comparison, MetricRatio, Pair};
use aelab_results::folder::Folder;
use aelab_results::record::{Arm, RunRecord};
use aelab_results::text::number::{duration, percent, rate};

/// What the page shows.
#[derive(Debug)]
pub(crate) struct ComparisonView {
    pub(crate) heading: String,
    pub(crate) sides: Table,
    pub(crate) notes: Vec<String>,
    pub(crate) metrics: Table,
    pub(crate) figures: Vec<Figure>,
    pub(crate) setup: Table,
    /// Arms and groups of one side only.
    pub(crate) unpaired: Vec<String>,
    pub(crate) is_invalid: bool,
}

impl ComparisonView {
    pub(crate) fn of(comparison: &Comparison, a: &Folder, b: &Folder) -> Self {
        let mut figures: Vec<Figure> = shift(comparison).into_iter().collect();
        // Arms of scenarios have curves on the pages of the scenarios.
        if a.arms.is_empty() && b.arms.is_empty() {
            let both = side_by_side(a, b);
            let arms = ArmData::of(&both);
            figures.extend(curves::figure(&arms));
            figures.extend(time::response(&arms));
        }
        let is_invalid = !comparison.a.invalid.is_empty() || !comparison.b.invalid.is_empty();
        if is_invalid {
            figures.iter_mut().for_each(Figure::mark_invalid);
        }
        Self {
            heading: heading(comparison),
            sides: sides(comparison),
            notes: comparison.notes.clone(),
            metrics: metrics(comparison),
            figures,
            setup: setup(comparison),
            unpaired: comparison.unpaired.clone(),
            is_invalid,
        }
    }
}

/// The finding about the metric that says most: p99 of the first pair, or the first ratio there is.
fn heading(comparison: &Comparison) -> String {
    let Some(pair) = comparison.pairs.first() else {
        return "Nothing to compare".to_owned();
    };
    let has_ratio = |metric: &&MetricRatio| metric.ratio.is_some();
    let named = |name: &str| pair.metrics.iter().find(|m| m.name == name).filter(has_ratio);
    let Some(metric) = named("p99").or_else(|| pair.metrics.iter().find(has_ratio)) else {
        return format!("{}: no metric has a ratio", pair.place());
    };
    let ratio = metric.ratio.map(factor).unwrap_or_default();
    let interval = match (metric.lo, metric.hi) {
        (Some(lo), Some(hi)) => format!(" ({} to {})", factor(lo), factor(hi)),
        _ => String::new(),
    };
    format!("{}: {} of B is {ratio}{interval} times that of A", pair.place(), metric.name)
}

fn sides(comparison: &Comparison) -> Table {
    let mut table = Table::new("", &["<", "<folder", "<title", "<start"]);
    for (name, side) in [("A", &comparison.a), ("B", &comparison.b)] {
        let row = [name, &side.dir, &side.title, &side.started_at];
        table.push(row.map(str::to_owned).to_vec());
    }
    table
}

fn metrics(comparison: &Comparison) -> Table {
    let columns = ["<group", "<metric", ">A", ">B", ">B / A", ">95 % interval", "<interval from"];
    let mut table = Table::new("Ratio of each metric", &columns);
    for pair in &comparison.pairs {
        for metric in &pair.metrics {
            let value = |value: Option<f64>| match (value, metric.unit.as_str()) {
                (None, _) => "–".to_owned(),
                (Some(us), "us") => duration(us),
                (Some(share), "share") => percent(share),
                (Some(per_second), _) => rate(per_second),
            };
            let name = match metric.unit.as_str() {
                "us" => format!("{} of the {}", metric.name, pair.time),
                _ => metric.name.clone(),
            };
            let interval = match (metric.lo, metric.hi) {
                (Some(lo), Some(hi)) => format!("{} to {}", factor(lo), factor(hi)),
                _ => "–".to_owned(),
            };
            table.push(vec![
                pair.place(),
                name,
                value(metric.a),
                value(metric.b),
                metric.ratio.map_or_else(|| "–".to_owned(), factor),
                interval,
                basis(pair, metric),
            ]);
        }
    }
    table
}

fn basis(pair: &Pair, metric: &MetricRatio) -> String {
    use aelab_results::compare::Basis;
    match metric.basis {
        Basis::Repetitions => {
            let [a, b] = pair.repetitions;
            format!("{a} and {b} repetitions")
        }
        Basis::WithinRun => "one run each".to_owned(),
        Basis::None => metric.why.clone(),
    }
}

/// B over A at matched quantiles, each pair a line.
fn shift(comparison: &Comparison) -> Option<Figure> {
    let columns = ["<group", ">percentile", ">A", ">B", ">B / A", ">95 % interval"];
    let mut twin = Table::new("B / A at matched percentiles; intervals within the runs", &columns);
    let mut series = Vec::new();
    for (arm, pair) in comparison.pairs.iter().filter(|pair| pair.shift.len() > 1).enumerate() {
        let points = pair.shift.iter().map(|point| (1.0 / (1.0 - point.p / 100.0), point.ratio));
        series.push(Series { label: pair.place(), arm, is_fit: false, points: points.collect() });
        for point in &pair.shift {
            let interval = match (point.lo, point.hi) {
                (Some(lo), Some(hi)) => format!("{} to {}", factor(lo), factor(hi)),
                _ => "–".to_owned(),
            };
            let (a, b) = (duration(point.a_us), duration(point.b_us));
            let p = format!("p{}", point.p);
            twin.push(vec![pair.place(), p, a, b, factor(point.ratio), interval]);
        }
    }
    let last = series.iter().filter_map(|line| line.points.last()).map(|point| point.0);
    let end = last.fold(0.0, f64::max);
    let first = series.iter().filter_map(|line| line.points.first()).map(|point| point.0);
    let start = first.fold(f64::INFINITY, f64::min);
    if end <= start {
        return None;
    }
    series.push(Series {
        label: "equal".to_owned(),
        arm: series.len(),
        is_fit: true,
        points: vec![(start, 1.0), (end, 1.0)],
    });
    Some(Figure {
        name: "shift",
        title: "B / A over the whole distribution".to_owned(),
        subtitle: "Ratio of matched percentiles. To the right are the slow requests: 100 is p99, the slowest of 100 requests. Above \
                   the line of equal values B is slower."
            .to_owned(),
        plot: Plot::Lines(LinesPlot {
            x: "1 / (1 − p)".to_owned(),
            y: "B / A".to_owned(),
            y_is_time: false,
            log: true,
            series,
        }),
        twin,
    })
}

fn setup(comparison: &Comparison) -> Table {
    let mut table = Table::new("", &["<", "<name", "<A", "<B"]);
    for row in &comparison.setup {
        table.push(vec![row.area.clone(), row.name.clone(), row.a.clone(), row.b.clone()]);
    }
    table
}

/// Both runs as arms of one folder, for figures with common axes.
fn side_by_side(a: &Folder, b: &Folder) -> Folder {
    let arm = |name: &str, folder: &Folder| {
        (Arm { name: name.to_owned(), ..Arm::default() }, folder.clone())
    };
    Folder {
        dir: a.dir.clone(),
        record: RunRecord::default(),
        hlog: None,
        arms: vec![arm("A", a), arm("B", b)],
        repetitions: Vec::new(),
    }
}

/// Three decimals near one, three digits elsewhere.
fn factor(ratio: f64) -> String {
    match ratio {
        r if r >= 100.0 => format!("{r:.0}"),
        r if r >= 10.0 => format!("{r:.1}"),
        r if r >= 0.01 => format!("{r:.3}"),
        r => format!("{r:.2e}"),
    }
}
