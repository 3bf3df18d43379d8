//! The columns of a table of times, and which of them a narrow page drops.
//!
//! Pure. Invariant: what was asked for is always shown, as is the maximum; a percentile that the sample cannot support says how
//! many samples it needs.

use crate::console::figures::time;
use aelab_results::record::Quantiles;
use std::cell::Cell;
use std::fmt::Write as _;

/// What a cell such as `n<10000` means.
const TOO_FEW: &str = "n<…: too few samples; a percentile needs at least ten samples above it";
/// Characters ahead of a row's name.
const INDENT: usize = 2;
/// Characters of a row's name at least, and at most: a longer one stands on a line of its own where the page is not wide.
const NAME_MIN: usize = 21;
const NAME_MAX: usize = 32;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Count,
    Mean,
    /// A percentile.
    At(f64),
    Max,
}

impl Column {
    /// Characters of a cell; a blank stands ahead.
    const fn width(self) -> usize {
        if matches!(self, Self::Count) { 8 } else { 7 }
    }

    fn head(self) -> String {
        match self {
            Self::Count => "count".to_owned(),
            Self::Mean => "mean".to_owned(),
            Self::At(p) => format!("p{p}"),
            Self::Max => "max".to_owned(),
        }
    }
}

/// The columns of a table.
pub(super) struct Columns {
    shown: Vec<Column>,
    /// Characters of a row's name.
    name: usize,
    /// Whether the page's width is known.
    has_page: bool,
    /// Whether a cell said that there are too few samples.
    lacking: Cell<bool>,
}

impl Columns {
    const USUAL: [f64; 4] = [50.0, 90.0, 99.0, 99.9];
    /// Columns that a narrow page drops, the first one first.
    const DROPPED: [Column; 3] = [Column::At(90.0), Column::Mean, Column::Count];

    /// The usual ones and the percentiles `asked` for, in percent, on a page of so many columns; `longest` is the longest of the
    /// rows' names.
    pub(super) fn with(asked: &[f64], page: Option<usize>, longest: usize) -> Self {
        let name = longest.clamp(NAME_MIN, NAME_MAX);
        let mut percentiles: Vec<f64> = Self::USUAL.iter().chain(asked).copied().collect();
        percentiles.sort_by(f64::total_cmp);
        percentiles.dedup();
        let mut shown = vec![Column::Count, Column::Mean];
        shown.extend(percentiles.into_iter().map(Column::At));
        shown.push(Column::Max);
        let is_asked = |column| asked.iter().any(|p| column == Column::At(*p));
        let wide = |shown: &[Column]| {
            INDENT + name + shown.iter().map(|column| column.width() + 1).sum::<usize>()
        };
        for column in Self::DROPPED {
            if page.is_some_and(|page| wide(&shown) > page) && !is_asked(column) {
                shown.retain(|one| *one != column);
            }
        }
        Self { shown, name, has_page: page.is_some(), lacking: Cell::new(false) }
    }

    /// The line of their names.
    pub(super) fn head(&self, out: &mut String) {
        let _ = write!(out, "{:<1$}", "", INDENT + self.name);
        for column in &self.shown {
            let _ = write!(out, " {:>1$}", column.head(), column.width());
        }
        out.push('\n');
    }

    /// A metric's line.
    pub(super) fn row(&self, out: &mut String, name: &str, quantiles: &Quantiles) {
        let is_apart = self.has_page && name.chars().count() > self.name;
        if is_apart {
            let _ = writeln!(out, "  {name}");
        }
        let _ = write!(out, "  {:<1$}", if is_apart { "" } else { name }, self.name);
        for column in &self.shown {
            let _ = write!(out, " {:>1$}", self.cell(*column, quantiles), column.width());
        }
        out.push('\n');
    }

    fn cell(&self, column: Column, quantiles: &Quantiles) -> String {
        let bound = if quantiles.censored { ">=" } else { "" };
        let us = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |us| format!("{bound}{}", time(us)))
        };
        match column {
            Column::Count => quantiles.count.to_string(),
            Column::Mean => us(quantiles.mean_us),
            Column::Max => us(quantiles.max_us),
            Column::At(p) => match quantiles.at(p).map(|entry| (entry, entry.us, entry.need)) {
                Some((entry, Some(us), _)) if entry.censored => format!(">={}", time(us)),
                Some((_, Some(us), _)) => time(us),
                Some((_, None, Some(need))) => {
                    self.lacking.set(true);
                    format!("n<{need}")
                }
                _ => "-".to_owned(),
            },
        }
    }

    /// The line below the rows, if a cell needs an explanation.
    pub(super) fn foot(&self, out: &mut String) {
        if self.lacking.get() {
            let _ = writeln!(out, "  {TOO_FEW}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_page_drops_the_least_important_columns() {
        let heads = |asked: &[f64], page| {
            let mut out = String::new();
            Columns::with(asked, page, 0).head(&mut out);
            assert!(page.is_none_or(|page| page < 55 || out.trim_end().len() <= page), "{out}");
            out.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(heads(&[], None), "count mean p50 p90 p99 p99.9 max");
        assert_eq!(heads(&[], Some(80)), "count mean p50 p90 p99 p99.9 max");
        assert_eq!(heads(&[], Some(72)), "count mean p50 p99 p99.9 max");
        assert_eq!(heads(&[], Some(60)), "p50 p99 p99.9 max");
        assert_eq!(heads(&[90.0, 99.99], Some(80)), "count p50 p90 p99 p99.9 p99.99 max");
    }

    #[test]
    fn a_long_name_has_a_line_of_its_own() {
        let lines = |longest: usize, page| {
            let (columns, mut out) = (Columns::with(&[], page, longest), String::new());
            columns.head(&mut out);
            columns.row(&mut out, &"x".repeat(longest), &Quantiles::default());
            out.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        for (longest, page) in [(10, 80), (23, 80), (32, 80), (40, 80), (23, 60)] {
            let lines = lines(longest, Some(page));
            assert_eq!(lines.len(), if longest > NAME_MAX { 3 } else { 2 }, "{lines:?}");
            let ends: Vec<usize> = [&lines[0], &lines[lines.len() - 1]].map(String::len).into();
            assert!(ends[0] == ends[1] && ends[0] <= page, "{lines:?}");
        }
        assert_eq!(lines(40, None).len(), 2, "one line in a file");
    }
}
