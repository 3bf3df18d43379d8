//! What procedures found, as tables: the figures of each, then its rows.
//!
//! Figures carry their unit; a column says its own at the end of its name (`_s`, `_bytes`, `_per_s`). Invariant: a table that is
//! too long for a page says which of its rows are shown.

use crate::view::table::Table;
use aelab_results::folder::Folder;
use aelab_results::record::{NamedFigure, Procedure, RunRecord, Table as Rows};
use aelab_results::text::number::{bytes, plain, rate, seconds};

/// Rows of a table on a page; a series of thousands is in the record.
const ROWS_MAX: usize = 60;

/// A procedure's findings as ready text.
#[derive(Debug)]
pub(crate) struct ProcedureView {
    /// The arm in which it ran, and its kind.
    pub(crate) heading: String,
    /// What it does.
    pub(crate) about: String,
    /// Its figures.
    pub(crate) figures: Table,
    /// Its rows.
    pub(crate) tables: Vec<Table>,
    /// What it found besides.
    pub(crate) notes: Vec<String>,
}

impl ProcedureView {
    /// The procedures of a folder and of its arms.
    pub(crate) fn of(folder: &Folder) -> Vec<Self> {
        let arms = folder.arms.iter().flat_map(|(arm, folder)| {
            let name = if arm.summary.is_empty() { &arm.name } else { &arm.summary };
            Self::each(name, folder)
        });
        Self::each("", folder).into_iter().chain(arms).collect()
    }

    /// The procedure of an arm, in each of its repetitions.
    fn each(arm: &str, folder: &Folder) -> Vec<Self> {
        let all = std::iter::once(folder).chain(&folder.repetitions).enumerate();
        let name = |number: usize| match (folder.repetitions.is_empty(), arm) {
            (true, arm) => arm.to_owned(),
            (false, "") => format!("repetition {}", number + 1),
            (false, arm) => format!("{arm}, repetition {}", number + 1),
        };
        all.filter_map(|(number, one)| Self::one(&name(number), &one.record)).collect()
    }

    fn one(arm: &str, record: &RunRecord) -> Option<Self> {
        let procedure = record.procedure.as_ref()?;
        let heading = match arm {
            "" => procedure.kind.clone(),
            arm => format!("{arm} ({})", procedure.kind),
        };
        Some(Self {
            heading,
            about: procedure.about.clone(),
            figures: figures(procedure),
            tables: procedure.tables.iter().map(rows).collect(),
            notes: procedure.notes.clone(),
        })
    }
}

fn figures(procedure: &Procedure) -> Table {
    let mut table = Table::new("", &["<Figure", ">Value", ">From", ">To"]);
    for figure in &procedure.figures {
        let value = |value: f64| in_unit(value, &figure.unit);
        let end = |end: Option<f64>| end.map_or_else(String::new, value);
        table.push(vec![words(&figure.name), value(figure.value), end(figure.lo), end(figure.hi)]);
    }
    let has_interval = |figure: &NamedFigure| figure.lo.is_some() || figure.hi.is_some();
    if !procedure.figures.iter().any(has_interval) {
        table.head.truncate(2);
        table.rows.iter_mut().for_each(|row| row.truncate(2));
    }
    table
}

fn rows(table: &Rows) -> Table {
    let columns: Vec<String> =
        table.columns.iter().map(|name| format!(">{}", words(name))).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let step = table.rows.len().div_ceil(ROWS_MAX).max(1);
    let caption = match step {
        1 => table.title.clone(),
        step => format!("{}; one row in {step} of {}", table.title, table.rows.len()),
    };
    let mut shown = Table::new(caption, &columns);
    for row in table.rows.iter().step_by(step) {
        let cell = |(value, name): (&Option<f64>, &String)| {
            value.map_or_else(String::new, |value| in_unit(value, unit_of(name)))
        };
        shown.push(row.iter().zip(&table.columns).map(cell).collect());
    }
    shown
}

/// The unit that a name ends in.
fn unit_of(name: &str) -> &'static str {
    match name {
        _ if name.ends_with("_per_s") => "1/s",
        _ if name.ends_with("_s") => "s",
        _ if name.ends_with("_bytes") => "B",
        _ => "",
    }
}

fn in_unit(value: f64, unit: &str) -> String {
    match unit {
        "s" if value >= 0.0 => seconds(value),
        "B" if value >= 0.0 => bytes(value),
        "1/s" => rate(value),
        _ => plain(value),
    }
}

/// A name as words, without its unit.
fn words(name: &str) -> String {
    let name =
        ["_per_s", "_s", "_bytes"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_words_with_units() {
        let figure = |name: &str, value, unit: &str| NamedFigure {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            ..NamedFigure::default()
        };
        let procedure = Procedure {
            figures: vec![figure("stall_s", 1.5, "s"), figure("window_min_bytes", 0.0, "B")],
            ..Procedure::default()
        };
        let table = figures(&procedure);
        assert_eq!(table.head.len(), 2);
        assert_eq!(table.rows[0], ["stall", "1.50\u{a0}s"]);
        assert_eq!(table.rows[1], ["window min", "0\u{a0}B"]);
    }

    #[test]
    fn a_long_series_is_thinned_and_says_so() {
        let table = Rows {
            title: "over time".to_owned(),
            columns: vec!["time_s".to_owned(), "replies".to_owned()],
            rows: (0..150).map(|n| vec![Some(f64::from(n)), None]).collect(),
        };
        let shown = rows(&table);
        assert_eq!(shown.rows.len(), 50);
        assert_eq!(shown.caption, "over time; one row in 3 of 150");
        assert_eq!(shown.rows[1], ["3.00\u{a0}s", ""]);
    }
}
