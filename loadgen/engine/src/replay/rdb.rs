//! Whether a file is an RDB snapshot, and whether that holds data: the base of an append-only file on Redis 7 is one, and of a
//! server that began empty it is an empty one.
//!
//! Not a reader of snapshots: the first byte that is neither header nor a note of the server decides (rdb.c of Redis: opcodes).

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

/// Bytes looked at: the notes of a server take about a hundred.
const HEAD_BYTES: u64 = 4096;
/// "REDIS" and four digits.
const HEADER_BYTES: usize = 9;
/// A note of the server: a name and a value.
const OPCODE_AUX: u8 = 0xFA;
/// The end of the data.
const OPCODE_EOF: u8 = 0xFF;

/// What a file's begin says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Snapshot {
    /// It is none.
    None,
    /// A snapshot of nothing.
    Empty,
    /// A snapshot of something.
    Data,
}

/// Looks at a file; it is read from its begin afterwards.
///
/// # Errors
/// It cannot be read, or not twice.
pub(crate) fn look(mut file: &File) -> io::Result<Snapshot> {
    let mut head = Vec::new();
    file.take(HEAD_BYTES).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(judge(&head))
}

fn judge(head: &[u8]) -> Snapshot {
    if !head.starts_with(b"REDIS") {
        return Snapshot::None;
    }
    match after_notes(head) {
        Some(OPCODE_EOF) => Snapshot::Empty,
        _ => Snapshot::Data,
    }
}

/// The first opcode that is no note.
fn after_notes(head: &[u8]) -> Option<u8> {
    let mut rest = head.get(HEADER_BYTES..)?;
    loop {
        let (opcode, notes) = rest.split_first()?;
        if *opcode != OPCODE_AUX {
            return Some(*opcode);
        }
        rest = skip_string(skip_string(notes)?)?;
    }
}

/// What follows a string. Its length is in 6, 14 or 32 bits; or it is a number of 1, 2 or 4 bytes.
fn skip_string(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    let low = usize::from(first & 0x3F);
    let (lead, len): (usize, usize) = match (first >> 6, low) {
        (0, len) => (0, len),
        (1, high) => (1, high << 8 | usize::from(*rest.first()?)),
        (2, 0) => (4, u32::from_be_bytes(*rest.first_chunk()?) as usize),
        (3, 0..=2) => (0, 1 << low),
        // Longer or packed: no server writes such a note.
        _ => return None,
    };
    rest.get(lead.checked_add(len)?..)
}

#[cfg(test)]
mod tests {
    use super::{Snapshot, judge};

    #[test]
    fn a_snapshot_of_nothing_is_told_from_one_of_something() {
        let notes = b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc2jF\x04k\
            \xfa\x08used-mem\xc2``\x0d\x00\xfa\x08aof-base\xc0\x01";
        let with = |rest: &[u8]| judge(&[&notes[..], rest].concat());
        assert_eq!(with(b"\xff\xe9/\xe6p@\n2<"), Snapshot::Empty);
        assert_eq!(with(b"\xfe\x00\xfb\x01\x00\x00\x01a\x01b\xff12345678"), Snapshot::Data);
        assert_eq!(with(b"\xf5\x05#!lua\xff12345678"), Snapshot::Data, "functions are data");
        assert_eq!(judge(b"REDIS0009\xff12345678"), Snapshot::Empty);
        // Cut or unknown: not known to be empty.
        assert_eq!((with(b""), judge(b"REDIS")), (Snapshot::Data, Snapshot::Data));
        assert_eq!(judge(b"REDIS0009\xfa\xc3\xff"), Snapshot::Data);
        assert_eq!((judge(b""), judge(b"*1\r\n")), (Snapshot::None, Snapshot::None));
    }
}
