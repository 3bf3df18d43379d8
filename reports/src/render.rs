//! Writes page, charts and summary of a folder and of its arms.
//!
//! Arms come first, then the whole; charts are drawn on all cores. Only the folder is read, so rendering twice gives the same
//! bytes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::chart::{Chart, DrawError, Fonts, Rasterizer};
use crate::page;
use crate::summary;
use crate::view::catalog::CatalogView;
use crate::view::comparison::ComparisonView;
use crate::view::figure::Figure;
use crate::view::report::Report;
use aelab_results::compare::Comparison;
use aelab_results::files::write_atomic;
use aelab_results::folder::{Folder, ReadError, read_folder, read_log_alone};
use aelab_results::from_log;
use aelab_results::limits::out_of_range;
use aelab_results::record::RECORD_FILE;

/// The page of a folder.
pub const REPORT_FILE: &str = "report.html";
/// The summary of a folder, for a pull request.
pub const SUMMARY_FILE: &str = "summary.md";
/// The figures of a folder.
pub const CHARTS_DIR: &str = "charts";

/// Why a folder could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The folder cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A value in the record is out of range.
    #[error(
        "{path}: {field} is {value}, which is out of range; restore the file as loadgen wrote it"
    )]
    OutOfRange {
        /// The record.
        path: PathBuf,
        /// The field, as a path in the record.
        field: String,
        /// What it says.
        value: String,
    },
    /// A file cannot be written.
    #[error(
        "cannot write {path}: {source}; the measurements are safe, render again with: loadgen report render"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A picture could not be drawn; a defect of this program, the numbers are not affected.
    #[error(
        "cannot draw chart '{chart}': {reason}; the numbers are not affected; please report this"
    )]
    Draw {
        /// The chart's file name without ending.
        chart: String,
        /// What the drawing library said.
        reason: String,
    },
}

/// Makes `report.html`, `summary.md` and `charts/` of `dir` (and of its arms) anew from its record
/// and log; without a record from its log alone. Returns the files written, `report.html` of `dir` first.
///
/// # Errors
/// An unreadable folder, or a file that cannot be written.
pub fn render(dir: &Path) -> Result<Vec<PathBuf>, RenderError> {
    match read_log_alone(dir)? {
        Some(log) => render_folder(&from_log::folder(dir, log)),
        None => render_folder(&read_folder(dir)?),
    }
}

/// As [`render`], for a folder that was read already.
///
/// # Errors
/// A record with values out of range, or a file that cannot be written.
pub fn render_folder(folder: &Folder) -> Result<Vec<PathBuf>, RenderError> {
    for one in std::iter::once(folder).chain(folder.arms.iter().map(|(_, arm)| arm)) {
        if let Some((field, value)) = out_of_range(one) {
            return Err(RenderError::OutOfRange { path: one.dir.join(RECORD_FILE), field, value });
        }
    }
    let tools = Tools { fonts: Fonts::load(), rasterizer: Rasterizer::new() };
    let mut of_arms = Vec::new();
    for (_, arm) in &folder.arms {
        of_arms.extend(render_one(arm, &tools)?);
    }
    let mut written = render_one(folder, &tools)?;
    written.extend(of_arms);
    Ok(written)
}

/// Writes the page and the figures of a comparison into a folder. Returns the files written.
///
/// # Errors
/// A record with values out of range, or a file that cannot be written.
pub fn render_comparison(
    dir: &Path,
    comparison: &Comparison,
    a: &Folder,
    b: &Folder,
) -> Result<Vec<PathBuf>, RenderError> {
    for one in [a, b] {
        if let Some((field, value)) = out_of_range(one) {
            return Err(RenderError::OutOfRange { path: one.dir.join(RECORD_FILE), field, value });
        }
    }
    let tools = Tools { fonts: Fonts::load(), rasterizer: Rasterizer::new() };
    let view = ComparisonView::of(comparison, a, b);
    let drawn = draw_all(&view.figures, &tools)?;
    let charts: Vec<&Chart> = drawn.iter().map(|drawn| &drawn.chart).collect();
    let mut written = Vec::new();
    let html = page::comparison::write(&view, &charts);
    put(dir.join(REPORT_FILE), html.as_bytes(), &mut written)?;
    put_charts(dir, &drawn, &mut written)?;
    Ok(written)
}

fn draw_all(figures: &[Figure], tools: &Tools) -> Result<Vec<Drawn>, RenderError> {
    let one = |figure: &Figure| {
        draw(figure, tools).map_err(|DrawError(reason)| RenderError::Draw {
            chart: figure.name.to_owned(),
            reason,
        })
    };
    figures.par_iter().map(one).collect()
}

fn put_charts(dir: &Path, drawn: &[Drawn], written: &mut Vec<PathBuf>) -> Result<(), RenderError> {
    if drawn.is_empty() {
        return Ok(());
    }
    let charts_dir = dir.join(CHARTS_DIR);
    fs::create_dir_all(&charts_dir)
        .map_err(|source| RenderError::Write { path: charts_dir.clone(), source })?;
    for Drawn { chart, svg, png } in drawn {
        let file = |ending: &str| charts_dir.join(format!("{}.{ending}", chart.name));
        put(file("svg"), svg.as_bytes(), written)?;
        put(file("png"), png, written)?;
    }
    Ok(())
}

fn render_one(folder: &Folder, tools: &Tools) -> Result<Vec<PathBuf>, RenderError> {
    if let Some(catalog) = &folder.record.catalog {
        let view = CatalogView::of(&folder.record, catalog);
        let mut written = Vec::new();
        let html = page::catalog::write(&view);
        put(folder.dir.join(REPORT_FILE), html.as_bytes(), &mut written)?;
        let text = summary::write_catalog(&view);
        put(folder.dir.join(SUMMARY_FILE), text.as_bytes(), &mut written)?;
        return Ok(written);
    }
    let report = Report::of(folder);
    let drawn = draw_all(&report.figures, tools)?;
    let dir = &folder.dir;
    let mut written = Vec::new();
    let charts: Vec<&Chart> = drawn.iter().map(|drawn| &drawn.chart).collect();
    let html = page::write(&report, &charts);
    put(dir.join(REPORT_FILE), html.as_bytes(), &mut written)?;
    put(dir.join(SUMMARY_FILE), summary::write(&report).as_bytes(), &mut written)?;
    put_charts(dir, &drawn, &mut written)?;
    Ok(written)
}

/// What drawing needs; loaded once for all charts.
struct Tools {
    fonts: Fonts,
    rasterizer: Rasterizer,
}

/// A chart, and the contents of its files.
struct Drawn {
    chart: Chart,
    svg: String,
    png: Vec<u8>,
}

fn draw(figure: &Figure, tools: &Tools) -> Result<Drawn, DrawError> {
    let chart = Chart::draw(figure, &tools.fonts)?;
    let svg = chart.svg();
    let png = tools.rasterizer.png(&svg)?;
    Ok(Drawn { chart, svg, png })
}

fn put(path: PathBuf, bytes: &[u8], written: &mut Vec<PathBuf>) -> Result<(), RenderError> {
    write_atomic(&path, |out| out.write_all(bytes))
        .map_err(|source| RenderError::Write { path: path.clone(), source })?;
    written.push(path);
    Ok(())
}
