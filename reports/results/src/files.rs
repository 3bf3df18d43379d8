//! Reading and writing of single files: whole regular files in, atomic replacement out.
//!
//! No formats. Invariant: a file under its final name is complete, except for a log on a full disk.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The bytes of a regular file. A pipe or a device is refused, because reading it could block
/// forever.
///
/// # Errors
/// What the system says, or [`io::ErrorKind::InvalidInput`] for anything but a regular file.
pub(crate) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    fs::read(path)
}

/// Writes a temporary file beside `path` and renames it to `path`. On failure the temporary file is removed, and an older
/// file at `path` is unchanged.
///
/// # Errors
/// The first error of the system.
pub fn write_atomic(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let part = beside(path);
    let outcome = write_part(&part, fill).and_then(|()| fs::rename(&part, path));
    if outcome.is_err() {
        // The first error is the one that matters.
        let _ = fs::remove_file(&part);
    }
    outcome
}

/// As [`write_atomic`], but on failure the part that was written is kept under the final name.
pub(crate) fn write_or_keep_part(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), (io::Error, &'static str)> {
    let part = beside(path);
    let outcome = write_part(&part, fill);
    let moved = fs::rename(&part, path);
    match (outcome, moved) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(e), Ok(())) => Err((e, "result.json and the first part of latency.hlog were kept")),
        (Err(e), Err(_)) | (Ok(()), Err(e)) => Err((e, "result.json was kept")),
    }
}

fn write_part(part: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(part)?);
    fill(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    // Some file systems report a full disk only here.
    file.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full_disk(out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"the first part\n")?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    #[test]
    fn a_device_is_not_read() {
        let error = read_regular(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_full_disk_keeps_the_old_file_or_the_first_part() {
        let dir = std::env::temp_dir().join(format!("aelab-files-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a temporary directory");
        let path = dir.join("file");
        fs::write(&path, "old").unwrap();
        assert!(write_atomic(&path, full_disk).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old", "the old file is unchanged");
        let (error, kept) = write_or_keep_part(&path, full_disk).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(kept.contains("first part of latency.hlog"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "the first part\n");
        assert_eq!(fs::read_dir(&*dir).unwrap().count(), 1, "no .part file is left behind");
        let _ = fs::remove_dir_all(&dir);
    }
}
