//! A run's folder: writing it so that nothing measured is lost, and reading it back.
//!
//! Each file is written under a temporary name and renamed, so a reader never sees half of it (`files`).
//! `result.json` is written first: it is small and the most important. If the disk fills up during the log, the part that
//! was written is kept under the log's name (the reader accepts a log that was cut off), and the error says what was kept.
//! Rendering is in another crate (`aelab-reports`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::{read_regular, write_atomic, write_or_keep_part};
use crate::hlog::{self, HLOG_FILE, Hlog, HlogError, HlogHeader, HlogSeries};
use crate::record::{Arm, RECORD_FILE, RecordError, RunRecord, utc_millis};

/// Why a folder could not be written. One line: which file, why, what is safe, what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}; {kept}; free space or give another folder with --out")]
pub struct WriteError {
    /// The file that failed.
    pub path: PathBuf,
    /// The system's reason.
    pub source: io::Error,
    /// What is on disk already, as half a sentence.
    pub kept: String,
}

/// Why a folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its `result.json`.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its `latency.hlog`, for a reason other than that there is none.
    #[error("{path}: {source}; restore the file, or remove it to see the record alone")]
    Hlog {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        source: HlogError,
    },
    /// Its `latency.hlog` exists and cannot be read.
    #[error("{path}: cannot read the log: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// An arm points out of the folder.
    #[error("{path}: the folder of arm '{arm}' lies outside; a record names its arms as arms/NAME")]
    ArmOutside {
        /// The scenario's record.
        path: PathBuf,
        /// The arm.
        arm: String,
    },
}

/// A folder as read: the record, the histograms if there are any, and the folders of its arms.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    /// Its path.
    pub dir: PathBuf,
    /// What `result.json` says.
    pub record: RunRecord,
    /// What `latency.hlog` holds; `None` in a folder that only has arms.
    pub hlog: Option<Hlog>,
    /// The arms, in the record's order.
    pub arms: Vec<(Arm, Self)>,
    /// The second and later repetitions of an arm that ran several times; this folder is the first.
    pub repetitions: Vec<Self>,
}

/// Below the folder of an arm: its second and later repetitions, each in a folder of its number.
pub const REPETITIONS_DIR: &str = "turns";

/// Writes `result.json` and, if there are series, `latency.hlog` into `dir`, which is created.
///
/// # Errors
/// The first file that could not be written; what was written before stays.
pub fn write_folder(
    dir: &Path,
    record: &RunRecord,
    series: &[HlogSeries],
) -> Result<(), WriteError> {
    let failed = |path: &Path, source, kept: &str| WriteError {
        path: path.to_owned(),
        source,
        kept: kept.to_owned(),
    };
    fs::create_dir_all(dir).map_err(|e| failed(dir, e, "nothing was written"))?;
    let record_path = dir.join(RECORD_FILE);
    let log_path = dir.join(HLOG_FILE);
    // Remove the log of an earlier run: it does not belong to the new record.
    match fs::remove_file(&log_path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(failed(&log_path, e, "nothing was written"));
        }
        _ => {}
    }
    record
        .to_json()
        .map_err(io::Error::from)
        .and_then(|json| write_atomic(&record_path, |out| out.write_all(json.as_bytes())))
        .map_err(|e| failed(&record_path, e, "nothing was written"))?;
    if series.is_empty() {
        return Ok(());
    }
    let header = HlogHeader {
        tool: format!("{} {}", record.tool.name, record.tool.version),
        start_unix_ms: utc_millis(&record.started_at).unwrap_or(0),
    };
    write_or_keep_part(&log_path, |out| hlog::write(out, &header, series))
        .map_err(|(e, kept)| failed(&log_path, e, kept))
}

/// The log of a folder that has no `result.json`; `None` if it has one, or has no log either.
///
/// # Errors
/// A log that cannot be read, or is damaged before its last line.
pub fn read_log_alone(dir: &Path) -> Result<Option<Hlog>, ReadError> {
    match dir.join(RECORD_FILE).exists() {
        true => Ok(None),
        false => read_log(&dir.join(HLOG_FILE)),
    }
}

/// Reads a folder and the folders of its arms.
///
/// # Errors
/// No readable record; a log that is damaged before its last line; an arm outside the folder.
pub fn read_folder(dir: &Path) -> Result<Folder, ReadError> {
    let record_path = dir.join(RECORD_FILE);
    let record = RunRecord::read(&record_path)?;
    let hlog = read_log(&dir.join(HLOG_FILE))?;
    let mut arms = Vec::new();
    for arm in record.scenario.iter().flat_map(|s| &s.arms) {
        let inside =
            Path::new(&arm.dir).components().all(|c| matches!(c, std::path::Component::Normal(_)));
        if !inside || arm.dir.is_empty() {
            return Err(ReadError::ArmOutside { path: record_path, arm: arm.name.clone() });
        }
        let arm_dir = dir.join(&arm.dir);
        // An interrupted scenario has not run all of its arms.
        if arm_dir.join(RECORD_FILE).exists() || !record.interrupted {
            arms.push((arm.clone(), read_folder(&arm_dir)?));
        }
    }
    let repetitions = read_repetitions(&dir.join(REPETITIONS_DIR))?;
    Ok(Folder { dir: dir.to_owned(), record, hlog, arms, repetitions })
}

/// The repetitions in a folder, in order of their numbers; none if there is no such folder.
fn read_repetitions(dir: &Path) -> Result<Vec<Folder>, ReadError> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(Vec::new()) };
    let mut numbers: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    let whole = numbers.into_iter().map(|number| dir.join(number.to_string()));
    whole.filter(|one| one.join(RECORD_FILE).exists()).map(|one| read_folder(&one)).collect()
}

fn read_log(path: &Path) -> Result<Option<Hlog>, ReadError> {
    let bytes = match read_regular(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ReadError::Io { path: path.to_owned(), source }),
    };
    // A write that was cut off may end within a character.
    let text = String::from_utf8_lossy(&bytes);
    hlog::read(&text).map(Some).map_err(|source| ReadError::Hlog { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_must_be_a_regular_file() {
        let dir = std::env::temp_dir().join(format!("aelab-folder-regular-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a temporary directory");
        assert!(read_log(&dir.join(HLOG_FILE)).unwrap().is_none());
        fs::create_dir(dir.join(HLOG_FILE)).unwrap();
        let error = read_log(&dir.join(HLOG_FILE)).unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
        let _ = fs::remove_dir_all(&dir);
    }
}
