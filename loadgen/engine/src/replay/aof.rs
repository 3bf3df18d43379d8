//! Append-only files: commands in RESP, one after the other, in one file or in those that a manifest names.
//!
//! Not the data a file may begin with (an RDB snapshot), which holds no commands. Invariant: a command is taken up whole or not
//! at all.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// Longest header line: a star or a dollar sign, twenty digits and the line end, or a time stamp.
const HEADER_BYTES_MAX: usize = 128;
/// Bytes kept of each argument: what rules and labels look at.
const KEPT_BYTES_MAX: usize = 64;
/// Arguments kept of each command.
const KEPT_ARGS_MAX: usize = 8;

/// A command in a file.
#[derive(Debug, Default)]
pub(crate) struct Command {
    /// Offset of its first byte.
    pub(crate) offset: u64,
    /// Length in bytes.
    pub(crate) len: u64,
    /// The begin of its first arguments, name included.
    pub(crate) args: Vec<Vec<u8>>,
}

/// How reading a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is there.
    Command,
    /// The file is at its end.
    End,
    /// The file ends in the middle of it.
    Cut,
}

/// Reads commands of a file in their order.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    source: R,
    offset: u64,
    header: Vec<u8>,
}

impl Reader<BufReader<File>> {
    /// From the begin of a file.
    pub(crate) fn new(file: File) -> Self {
        Self::over(BufReader::with_capacity(1 << 20, file))
    }
}

impl<R: BufRead> Reader<R> {
    const fn over(source: R) -> Self {
        Self { source, offset: 0, header: Vec::new() }
    }

    /// The next command, into `command`.
    ///
    /// # Errors
    /// What is wrong, and at which byte.
    pub(crate) fn next(&mut self, command: &mut Command) -> Result<Next, String> {
        loop {
            command.offset = self.offset;
            if !self.header()? {
                return Ok(if self.header.is_empty() { Next::End } else { Next::Cut });
            }
            // `#TS:1628217470` stands before commands if the server was asked to note times.
            if !self.header.starts_with(b"#") {
                break;
            }
        }
        let count = self.number(b'*', command.offset)?;
        if count == 0 {
            return Err(format!("a command without a name at byte {}", command.offset));
        }
        command.args.clear();
        for index in 0..count {
            let at = self.offset;
            if !self.header()? {
                return Ok(Next::Cut);
            }
            let len = self.number(b'$', at)?;
            if !self.argument(len, index < KEPT_ARGS_MAX as u64, &mut command.args)? {
                return Ok(Next::Cut);
            }
        }
        command.len = self.offset - command.offset;
        Ok(Next::Command)
    }

    /// Reads a line into `header`, without its end; `false` if the file ends first.
    fn header(&mut self) -> Result<bool, String> {
        self.header.clear();
        let mut limited = (&mut self.source).take(HEADER_BYTES_MAX as u64);
        let read =
            limited.read_until(b'\n', &mut self.header).map_err(|error| error.to_string())?;
        self.offset += read as u64;
        if self.header.ends_with(b"\r\n") {
            self.header.truncate(read - 2);
            return Ok(true);
        }
        if read == HEADER_BYTES_MAX || self.header.ends_with(b"\n") {
            return Err(format!("no command at byte {}", self.offset - read as u64));
        }
        Ok(false)
    }

    fn number(&self, sign: u8, at: u64) -> Result<u64, String> {
        let digits = self.header.strip_prefix(&[sign]);
        digits
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .ok_or_else(|| format!("no command at byte {at}: '{}' expected", char::from(sign)))
    }

    /// Skips an argument of `len` bytes, keeping its begin; `false` if the file ends first.
    fn argument(&mut self, len: u64, keep: bool, args: &mut Vec<Vec<u8>>) -> Result<bool, String> {
        let mut kept = Vec::new();
        let mut left = len + 2;
        while left > 0 {
            let available = self.source.fill_buf().map_err(|error| error.to_string())?;
            if available.is_empty() {
                return Ok(false);
            }
            let used = available.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if keep && kept.len() < KEPT_BYTES_MAX {
                kept.extend_from_slice(&available[..used.min(KEPT_BYTES_MAX - kept.len())]);
            }
            self.source.consume(used);
            self.offset += used as u64;
            left -= used as u64;
        }
        if keep {
            kept.truncate(usize::try_from(len).unwrap_or(usize::MAX));
            args.push(kept);
        }
        Ok(true)
    }
}

/// The files that a manifest names, in their order: the base first.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn manifest(path: &Path) -> Result<Vec<PathBuf>, String> {
    let text = crate::files::read_text(path).map_err(|error| error.to_string())?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut files = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["file", name, "seq", _, "type", "b" | "i"] => files.push(folder.join(name)),
            // History: replaced by a rewrite, about to be deleted.
            ["file", _, "seq", _, "type", "h"] => {}
            _ => return Err(format!("line {number} is none of a manifest: {line}")),
        }
    }
    if files.is_empty() {
        return Err("the manifest names no file".to_owned());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a command begins, how long it is, and its words.
    type Found = (u64, u64, String);

    fn read(text: &[u8]) -> (Vec<Found>, Result<Next, String>) {
        let mut reader = Reader::over(text);
        let (mut command, mut all) = (Command::default(), Vec::new());
        loop {
            match reader.next(&mut command) {
                Ok(Next::Command) => {
                    let words: Vec<_> =
                        command.args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
                    all.push((command.offset, command.len, words.join(" ")));
                }
                end => return (all, end),
            }
        }
    }

    #[test]
    fn commands_are_found_and_broken_places_named() {
        let two = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TS:1628217470\r\n*1\r\n$4\r\nPING\r\n";
        let (all, end) = read(two);
        assert_eq!(end, Ok(Next::End));
        assert_eq!(all, [(0, 23, "SELECT 0".to_owned()), (39, 14, "PING".to_owned())]);
        for cut in 24..two.len() {
            let (all, end) = read(&two[..cut]);
            // At the end of the time stamp nothing is missing.
            let want = if cut == 39 { Next::End } else { Next::Cut };
            assert_eq!((all.len(), end), (1, Ok(want)), "{cut}");
        }
        let (all, end) = read(b"*1\r\n$4\r\nPING\r\n*1\r\n+4\r\n");
        assert_eq!(all.len(), 1);
        assert!(end.expect_err("broken").contains("byte 18"));
        assert!(read(b"hello\r\n").1.is_err());
    }
}
