//! The figure of a varied parameter: the curve of a record's procedure, or one line per arm from its table of two columns.
//!
//! Logarithmic axes show only points above zero. Invariant: the table of the figure has the points that are drawn.

use crate::view::figure::{Figure, LinesPlot, Plot, Series};
use crate::view::table::Table;
use aelab_results::folder::Folder;
use aelab_results::record::{Curve, Procedure};
use aelab_results::text::number::{grouped, plain, seconds};

/// Microseconds of a second: the unit of time axes.
const US_PER_S: f64 = 1e6;
/// Longest table beside a figure: of longer lines it has every second, third, … point.
const TWIN_ROWS_MAX: usize = 80;

/// The figure of a folder, if something was varied in it.
pub(crate) fn figure(folder: &Folder) -> Option<Figure> {
    let own = folder.record.procedure.as_ref();
    match own.and_then(|procedure| Some((procedure, procedure.curve.as_ref()?))) {
        Some((procedure, curve)) => of_curve(procedure, curve),
        None => of_arms_curves(folder).or_else(|| of_arms(folder)),
    }
}

fn of_curve(procedure: &Procedure, curve: &Curve) -> Option<Figure> {
    let mut series = Vec::new();
    add_series(curve, "", &mut series);
    build(title(procedure, curve), axes(curve), series)
}

/// The curves of the arms' procedures in one figure, if they are of the same things.
fn of_arms_curves(folder: &Folder) -> Option<Figure> {
    let curves: Vec<(&str, &Procedure, &Curve)> = folder
        .arms
        .iter()
        .filter_map(|(arm, folder)| {
            let procedure = folder.record.procedure.as_ref()?;
            let name = if arm.summary.is_empty() { &arm.name } else { &arm.summary };
            Some((name.as_str(), procedure, procedure.curve.as_ref()?))
        })
        .collect();
    let (_, procedure, first) = *curves.first()?;
    let same_axes =
        |curve: &Curve| curve.x == first.x && curve.y == first.y && curve.log == first.log;
    let mut series = Vec::new();
    for (arm, _, curve) in curves.iter().filter(|(_, _, curve)| same_axes(curve)) {
        add_series(curve, if curves.len() > 1 { arm } else { "" }, &mut series);
    }
    build(title(procedure, first), axes(first), series)
}

fn title(procedure: &Procedure, curve: &Curve) -> String {
    let text = if curve.title.is_empty() {
        procedure.notes.first().unwrap_or(&procedure.about)
    } else {
        &curve.title
    };
    capitalised(text.trim_end_matches('.'))
}

/// What a figure's axes are.
struct Axes<'a> {
    x: &'a str,
    y: &'a str,
    y_is_time: bool,
    log: bool,
}

fn axes(curve: &Curve) -> Axes<'_> {
    Axes { x: &curve.x, y: &curve.y, y_is_time: curve.y_unit == "s", log: curve.log }
}

/// Adds a curve's lines; `arm` stands before their names, if it is not empty.
fn add_series(curve: &Curve, arm: &str, series: &mut Vec<Series>) {
    let shown = |x: f64, y: f64| match curve.log {
        true => x > 0.0 && y > 0.0,
        false => x >= 0.0 && y >= 0.0,
    };
    let scale = if curve.y_unit == "s" { US_PER_S } else { 1.0 };
    for point in curve.points.iter().filter(|point| shown(point.x, point.y)) {
        let label = match arm {
            "" => point.series.clone(),
            arm => format!("{arm}: {}", point.series),
        };
        let at = match series.iter().position(|series| series.label == label) {
            Some(at) => at,
            None => {
                let is_fit = ["line ", "model", "the article"]
                    .iter()
                    .any(|begin| point.series.starts_with(begin));
                // Computed lines do not use up a colour.
                let arm = series.iter().filter(|series| !series.is_fit).count();
                series.push(Series { label, arm, is_fit, points: Vec::new() });
                series.len() - 1
            }
        };
        series[at].points.push((point.x, point.y * scale));
    }
}

/// The arms' tables of two columns under one title, a line each.
fn of_arms(folder: &Folder) -> Option<Figure> {
    let table = |folder: &Folder| {
        let tables = folder.record.procedure.as_ref()?.tables.iter();
        tables.clone().find(|table| table.columns.len() == 2 && table.rows.len() > 2).cloned()
    };
    let (_, first) = folder.arms.first()?;
    let model = table(first)?;
    let is_time = model.columns[1].ends_with("_s") && !model.columns[1].ends_with("_per_s");
    let scale = if is_time { US_PER_S } else { 1.0 };
    let series: Vec<Series> = folder
        .arms
        .iter()
        .enumerate()
        .filter_map(|(arm, (named, folder))| {
            let own = table(folder).filter(|own| own.title == model.title)?;
            let point = |row: &Vec<Option<f64>>| match row[..] {
                [Some(x), Some(y)] if x > 0.0 && y > 0.0 => Some((x, y * scale)),
                _ => None,
            };
            let points = own.rows.iter().filter_map(point).collect();
            Some(Series { label: named.name.clone(), arm, is_fit: false, points })
        })
        .collect();
    let words = |name: &str| name.trim_end_matches("_s").replace('_', " ");
    let (x, y) = (words(&model.columns[0]), words(&model.columns[1]));
    let axes = Axes { x: &x, y: &y, y_is_time: is_time, log: true };
    build(capitalised(&model.title), axes, series)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

fn build(title: String, axes: Axes<'_>, series: Vec<Series>) -> Option<Figure> {
    let Axes { x, y, y_is_time, log } = axes;
    let series: Vec<Series> = series.into_iter().filter(|s| s.points.len() > 1).collect();
    if series.is_empty() {
        return None;
    }
    let x_name = format!("<{x}");
    let mut twin = Table::new("", &["<line", &x_name.replace('<', ">"), ">value"]);
    for line in &series {
        let step = line.points.len().div_ceil(TWIN_ROWS_MAX).max(1);
        for (x, y) in line.points.iter().step_by(step) {
            let value = if y_is_time { seconds(y / US_PER_S) } else { plain(*y) };
            let x = if log { grouped(x.round() as u64) } else { plain(*x) };
            twin.push(vec![line.label.clone(), x, value]);
        }
    }
    Some(Figure {
        name: "lines",
        title,
        subtitle: match log {
            true => format!("{} by {x}; both axes are logarithmic", capitalised(y)),
            false => format!("{} by {x}", capitalised(y)),
        },
        plot: Plot::Lines(LinesPlot { x: x.to_owned(), y: y.to_owned(), y_is_time, log, series }),
        twin,
    })
}
