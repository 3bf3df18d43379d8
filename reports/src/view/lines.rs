//! The figure of what was varied: the curve of a record's procedure, or the arms' own tables of two columns as one line each.
//!
//! Axes are logarithmic, so only points above zero are shown. Invariant: the table twin has every point that is drawn.

use super::figure::{Figure, LinesPlot, Plot, Series};
use super::table::Table;
use super::units::{grouped, plain, seconds};
use crate::folder::Folder;
use crate::record::{Curve, Procedure};

/// Microseconds of a second: the unit of time axes.
const US_PER_S: f64 = 1e6;
/// More points than this make a table twin that nobody reads.
const TWIN_ROWS_MAX: usize = 80;

/// The figure of a folder, if something was varied in it.
pub(crate) fn figure(folder: &Folder) -> Option<Figure> {
    let own = folder.record.procedure.as_ref();
    match own.and_then(|procedure| Some((procedure, procedure.curve.as_ref()?))) {
        Some((procedure, curve)) => of_curve(procedure, curve),
        None => of_arms(folder),
    }
}

fn of_curve(procedure: &Procedure, curve: &Curve) -> Option<Figure> {
    let mut series: Vec<Series> = Vec::new();
    for point in curve.points.iter().filter(|point| point.x > 0.0 && point.y > 0.0) {
        let at = match series.iter().position(|series| series.label == point.series) {
            Some(at) => at,
            None => {
                let (arm, label) = (series.len(), point.series.clone());
                let is_fit = label.starts_with("line ");
                series.push(Series { label, arm, is_fit, points: Vec::new() });
                series.len() - 1
            }
        };
        let scale = if curve.y_unit == "s" { US_PER_S } else { 1.0 };
        series[at].points.push((point.x, point.y * scale));
    }
    let title =
        procedure.notes.first().unwrap_or(&procedure.about).trim_end_matches('.').to_owned();
    build(title, &curve.x, &curve.y, curve.y_unit == "s", series)
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
    build(
        capitalised(&model.title),
        &words(&model.columns[0]),
        &words(&model.columns[1]),
        is_time,
        series,
    )
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

fn build(title: String, x: &str, y: &str, y_is_time: bool, series: Vec<Series>) -> Option<Figure> {
    let series: Vec<Series> = series.into_iter().filter(|s| s.points.len() > 1).collect();
    if series.is_empty() {
        return None;
    }
    let x_name = format!("<{x}");
    let mut twin = Table::new("", &["<line", &x_name.replace('<', ">"), ">value"]);
    for line in &series {
        for (x, y) in line.points.iter().take(TWIN_ROWS_MAX) {
            let value = if y_is_time { seconds(y / US_PER_S) } else { plain(*y) };
            twin.push(vec![line.label.clone(), grouped(x.round() as u64), value]);
        }
    }
    Some(Figure {
        name: "lines",
        title,
        subtitle: format!("{} by {x}; both axes are logarithmic", capitalised(y)),
        plot: Plot::Lines(LinesPlot { x: x.to_owned(), y: y.to_owned(), y_is_time, series }),
        twin,
    })
}
