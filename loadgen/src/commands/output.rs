//! The folder that results go to: checked before anything is measured, filled afterwards.
//!
//! Invariant: a folder that cannot be written is found out before the run, and a report that cannot be drawn never hides
//! numbers that were measured.

use crate::clock;
use crate::console;
use crate::exit::Failure;
use aelab_reports::record::utc_text;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What a run leaves behind may well be this large; a disk with less is called full before the run.
const PROBE_BYTES: usize = 1 << 20;

/// The file that makes a folder a run's.
const RESULT: &str = "result.json";

/// The default folder of a scenario: `aelab-runs/NAME-TIME`.
#[must_use]
pub fn default_dir(name: &str) -> PathBuf {
    let time = utc_text(clock::wall_ns() / 1_000_000);
    let time: String = time.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    PathBuf::from("aelab-runs").join(format!("{name}-{time}"))
}

/// Makes sure that a folder is there and can take what a run writes.
///
/// # Errors
/// It cannot (exit 2), with the system's reason; or it holds an earlier run, which only `force` gives up.
pub fn prepare(dir: &Path, force: bool) -> Result<(), Failure> {
    check_unused(dir, force)?;
    let failed = |error: std::io::Error| {
        Failure::usage(format!(
            "cannot write to {}: {error}; nothing was measured, give another folder with --out",
            dir.display()
        ))
    };
    fs::create_dir_all(dir).map_err(failed)?;
    let probe = dir.join(".aelab-probe");
    let written = fs::File::create(&probe)
        .and_then(|mut file| file.write_all(&vec![0; PROBE_BYTES]).and_then(|()| file.sync_all()));
    // Gone either way; the first error is the one that matters.
    let _ = fs::remove_file(&probe);
    written.map_err(failed)?;
    if force && dir.join(RESULT).exists() {
        // Arms of the earlier run would pass for those of the next.
        match fs::remove_dir_all(dir.join("arms")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Makes sure that a folder holds no earlier run.
///
/// # Errors
/// It does (exit 2), unless `force` gives it up.
pub fn check_unused(dir: &Path, force: bool) -> Result<(), Failure> {
    if !force && dir.join(RESULT).exists() {
        return Err(Failure::usage(format!(
            "{} already holds a run; give another --out, or --force to replace it",
            dir.display()
        )));
    }
    Ok(())
}

/// Draws report.html, summary.md and the charts of a folder; a failure is a note, as the numbers are safe.
pub fn render(dir: &Path) {
    if let Err(error) = aelab_reports::render(dir) {
        console::note(&format!("loadgen: {error}"));
    }
}
