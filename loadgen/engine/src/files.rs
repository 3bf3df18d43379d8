//! Files that the command line names: opened to be read, or to be written to.
//!
//! Not what is in them, and not the folder of a run (see `commands::output`). Invariant: none of them makes the program wait
//! without end: opening a pipe does not wait for the other end, and a pipe that stays silent is given up.

use crate::sys;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Between two looks at a pipe that has nothing: no person sees it.
const STEP: Duration = Duration::from_millis(10);
/// Looks at a silent pipe: 5 s, in which any program that writes to one has begun.
const LOOKS_MAX: u32 = 500;

/// What some editors and shells put before text in UTF-8. It is no part of the text.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether text begins as UTF-16 does, which Windows PowerShell writes with `>`.
pub(crate) fn is_utf16(head: &[u8]) -> bool {
    head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff")
}

/// Opens a file that is read more than once, or at places of our choice.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(sys::NONBLOCK).open(path)?;
    let kind = file.metadata()?.file_type();
    match kind.is_file() {
        true => Ok(file),
        false => Err(io::Error::other(format!("must be a regular file, and is {}", named(kind)))),
    }
}

/// Reads a file or pipe to its end, without a byte order mark at its begin; a shell's `<(…)` and `/dev/stdin` behind a `|` are pipes.
///
/// # Errors
/// It cannot be read, is something else (a terminal, a device), or a pipe from which nothing comes.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(sys::NONBLOCK).open(path)?;
    let kind = file.metadata()?.file_type();
    let mut bytes = Vec::new();
    if kind.is_fifo() {
        read_pipe(&mut file, &mut bytes)?;
    } else if kind.is_file() {
        file.read_to_end(&mut bytes)?;
    } else {
        let what = named(kind);
        return Err(io::Error::other(format!("must be a regular file or a pipe, and is {what}")));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

/// As [`read`], of text.
///
/// # Errors
/// As there; or it is no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let bytes = read(path)?;
    let what = match is_utf16(&bytes) {
        true => "is text in UTF-16; save it as UTF-8",
        false => "is no text in UTF-8",
    };
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, what))
}

/// Opens what results are added to, and makes it if it is not there; what it holds stays. Writing may wait for a pipe's reader.
///
/// # Errors
/// It cannot be written, is no file, pipe or device that takes characters, or a pipe without a reader.
pub fn open_output(path: &Path) -> io::Result<File> {
    /// Open for writing, a pipe without a reader.
    const NO_READER: io::ErrorKind = io::ErrorKind::NotFound;
    let opened =
        OpenOptions::new().append(true).create(true).custom_flags(sys::NONBLOCK).open(path);
    let file = opened.map_err(|error| {
        let is_pipe = path.metadata().is_ok_and(|about| about.file_type().is_fifo());
        match is_pipe && error.kind() != io::ErrorKind::PermissionDenied {
            true => io::Error::new(NO_READER, "is a pipe without a reader"),
            false => error,
        }
    })?;
    let kind = file.metadata()?.file_type();
    if !(kind.is_file() || kind.is_fifo() || kind.is_char_device()) {
        return Err(io::Error::other(format!("must be a regular file, and is {}", named(kind))));
    }
    sys::wait_when_full(&file)?;
    Ok(file)
}

/// Reads until all writers have gone, or none has written for long.
fn read_pipe(file: &mut File, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut looks = 0;
    let mut chunk = [0; 4096];
    loop {
        match file.read(&mut chunk) {
            // Before its writer has come a pipe reads as if it were at its end.
            Ok(0) if !bytes.is_empty() => return Ok(()),
            Ok(count @ 1..) => {
                bytes.extend_from_slice(&chunk[..count]);
                looks = 0;
                continue;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        looks += 1;
        if looks == LOOKS_MAX {
            let waited = STEP.saturating_mul(LOOKS_MAX).as_secs();
            return Err(io::Error::other(format!(
                "is a pipe from which nothing has come for {waited} s; give a file"
            )));
        }
        thread::sleep(STEP);
    }
}

fn named(kind: std::fs::FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::process::Command;

    fn pipe(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("aelab-{name}-{}", std::process::id()));
        let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo is there");
        assert!(made.success());
        path
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let path = pipe("opened");
        let error = open_regular(&path).expect_err("no regular file").to_string();
        assert_eq!(error, "must be a regular file, and is a pipe");
        let error = open_output(&path).expect_err("it has no reader").to_string();
        assert_eq!(error, "is a pipe without a reader");
        let error = read(Path::new("/dev/zero")).expect_err("it has no end").to_string();
        assert_eq!(error, "must be a regular file or a pipe, and is a device");
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn what_is_written_to_a_pipe_is_read_to_its_end() {
        let path = pipe("read");
        let writes = {
            let path = path.clone();
            thread::spawn(move || {
                // Waits until it is opened for reading.
                let mut file = OpenOptions::new().write(true).open(path).expect("opened");
                file.write_all(&[b'x'; 100_000]).expect("written");
            })
        };
        assert_eq!(read_text(&path).expect("read").len(), 100_000);
        writes.join().expect("written");
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let path = std::env::temp_dir().join(format!("aelab-mark-{}", std::process::id()));
        for (bytes, want) in [
            (&b"\xef\xbb\xbfGET a"[..], Ok("GET a")),
            (b"GET \xef\xbb\xbf", Ok("GET \u{feff}")),
            (b"\xff\xfeG\0E\0T\0", Err("is text in UTF-16; save it as UTF-8")),
            (b"G\xff", Err("is no text in UTF-8")),
        ] {
            std::fs::write(&path, bytes).expect("written");
            let read = read_text(&path).map_err(|error| error.to_string());
            assert_eq!(read.as_deref().map_err(String::as_str), want);
        }
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn results_go_to_devices_and_to_pipes_that_are_read() {
        open_output(Path::new("/dev/null")).expect("takes everything");
        let path = pipe("written");
        let reader = OpenOptions::new().read(true).custom_flags(sys::NONBLOCK).open(&path);
        let mut output = open_output(&path).expect("it has a reader");
        output.write_all(b"result").expect("written");
        drop(output);
        assert_eq!(read(&path).map(|_| ()).err().map(|_| ()), None);
        drop(reader);
        std::fs::remove_file(path).expect("removed");
    }
}
