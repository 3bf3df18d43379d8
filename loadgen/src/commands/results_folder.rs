//! The folder that results go to: checked before anything is measured, filled afterwards.
//!
//! Invariant: a folder that cannot be written is found out before the run, and a report that cannot be drawn never hides
//! numbers that were measured.

use crate::console;
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_results::record::utc_text;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What a run leaves behind may well be this large; a disk with less is called full before the run.
const PROBE_BYTES: usize = 1 << 20;

/// The file that makes a folder a run's.
const RESULT: &str = "result.json";

/// How many runs may begin in one second.
const SAME_SECOND_MAX: u32 = 1_000;

/// Makes the default folder of a scenario: `aelab-runs/NAME-TIME`, with a number behind it if another run began in the same
/// second.
///
/// # Errors
/// It cannot be made (exit 2).
pub(super) fn default_dir(name: &str) -> Result<PathBuf, Failure> {
    let time = utc_text(clock::wall_ns() / 1_000_000);
    let time: String = time.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    unused_dir(Path::new("aelab-runs"), &format!("{name}-{time}"))
}

fn unused_dir(parent: &Path, name: &str) -> Result<PathBuf, Failure> {
    let failed = |dir: &Path, error: &std::io::Error| {
        Failure::usage(format!(
            "cannot write to {}: {error}; nothing was measured; give another folder with --out",
            dir.display()
        ))
        .with_id("folder-not-writable")
    };
    fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
    let mut dir = parent.join(name);
    for number in 2..SAME_SECOND_MAX {
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                dir = parent.join(format!("{name}-{number}"));
            }
            Err(error) => return Err(failed(&dir, &error)),
        }
    }
    Ok(dir)
}

/// A folder that this run alone writes to, for as long as this lives; the system gives it back if the run is killed.
#[must_use = "the folder is another's as soon as this is dropped"]
#[derive(Debug)]
pub(super) struct Claim {
    #[expect(dead_code, reason = "open, it holds the system's lock")]
    folder: Option<fs::File>,
}

impl Claim {
    /// Claims a folder, where its file system can tell.
    ///
    /// # Errors
    /// Another run has it (exit 2).
    fn of(dir: &Path) -> Result<Self, Failure> {
        let Ok(folder) = fs::File::open(dir) else { return Ok(Self { folder: None }) };
        match folder.try_lock() {
            Ok(()) => Ok(Self { folder: Some(folder) }),
            Err(fs::TryLockError::Error(_)) => Ok(Self { folder: None }),
            Err(fs::TryLockError::WouldBlock) => Err(Failure::usage(format!(
                "another run is writing to {}; give another --out, or wait until that run ends",
                dir.display()
            ))
            .with_id("folder-in-use")),
        }
    }
}

/// Makes sure that a folder exists, has room for a run, and is used by no other run.
///
/// # Errors
/// It cannot (exit 2), with the system's reason; or it holds an earlier run, which only `force` gives up.
pub(super) fn prepare(dir: &Path, force: bool) -> Result<Claim, Failure> {
    check_unused(dir, force)?;
    let failed = |error: std::io::Error| {
        Failure::usage(format!(
            "cannot write to {}: {error}; nothing was measured; give another folder with --out",
            dir.display()
        ))
        .with_id("folder-not-writable")
    };
    fs::create_dir_all(dir).map_err(failed)?;
    let claim = Claim::of(dir)?;
    // A run that just ended may have left its result.
    check_unused(dir, force)?;
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
    Ok(claim)
}

/// Makes sure that a folder holds no earlier run.
///
/// # Errors
/// It does (exit 2), unless `force` gives it up.
pub(super) fn check_unused(dir: &Path, force: bool) -> Result<(), Failure> {
    if !force && dir.join(RESULT).exists() {
        return Err(Failure::usage(format!(
            "{} already holds a run; give another --out, or --force to replace it",
            dir.display()
        ))
        .with_id("folder-holds-run"));
    }
    Ok(())
}

/// Draws report.html, summary.md and the charts of a folder; a failure is a note, as the numbers are safe.
pub(super) fn render(dir: &Path) {
    if let Err(error) = aelab_reports::render(dir) {
        console::note(&format!("loadgen: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_second_have_folders_of_their_own() {
        let parent = std::env::temp_dir().join(format!("aelab-dirs-{}", std::process::id()));
        let names: Vec<_> = (0..3).map(|_| unused_dir(&parent, "x").expect("made")).collect();
        let want = ["x", "x-2", "x-3"].map(|name| parent.join(name));
        assert_eq!(names, want);
        fs::remove_dir_all(&parent).expect("removed");
    }
}
