//! What was captured of a server's traffic, ready to be sent again: an index in memory, the commands in their file.
//!
//! Plain data, which a plan can hold. Not the reading of the formats (see `monitor`, `aof`) and not the sending (see
//! `cursor`). Invariant: commands of one captured client stay on one connection, in their order.
//!
//! Memory: 36 bytes per command, whatever its size; the commands themselves are read from the file when they are sent.

mod aof;
mod assignment;
pub(crate) mod cursor;
mod decoded;
pub mod load;
mod monitor;
mod rdb;
mod rules;

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One command of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Where it stands: a file's number above, an offset in it below. For a `SELECT` that no file holds, the database.
    place: u64,
    /// Its bytes in the file; zero for a `SELECT` that no file holds.
    len: u32,
    /// The connection it goes to.
    connection: u32,
    /// Index of its name in the labels.
    label: u16,
}

impl Entry {
    /// The database it selects, if it is one of the SELECTs that were added.
    fn selects(&self) -> Option<u16> {
        (self.len == 0).then(|| u16::try_from(self.place).unwrap_or(u16::MAX))
    }
}

/// Bits of a place that hold the offset: files of up to 256 TiB, and 65,536 of them.
const OFFSET_BITS: u32 = 48;

/// What the file's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Form {
    /// Lines of MONITOR.
    Monitor,
    /// Commands in RESP, as an append-only file holds them.
    Resp,
}

/// A capture.
#[derive(Debug, Serialize, Deserialize)]
pub struct Replay {
    /// The files, in the order of their numbers.
    files: Vec<PathBuf>,
    form: Form,
    entries: Vec<Entry>,
    /// Numbers of the entries, sorted by connection and then by order.
    order: Vec<u32>,
    /// Where each connection's part of `order` begins; one more at the end.
    starts: Vec<u32>,
    /// The database that connections are in when they open.
    base_db: u16,
    /// Those that they change to.
    databases: BTreeSet<u16>,
}

impl Replay {
    fn new(
        files: Vec<PathBuf>,
        form: Form,
        entries: Vec<Entry>,
        connections: u32,
        base_db: u16,
    ) -> Self {
        let mut starts = vec![0_u32; connections as usize + 1];
        for entry in &entries {
            starts[entry.connection as usize + 1] += 1;
        }
        for connection in 0..connections as usize {
            starts[connection + 1] += starts[connection];
        }
        let mut next = starts.clone();
        let mut order = vec![0_u32; entries.len()];
        for (number, entry) in (0_u32..).zip(&entries) {
            let place = &mut next[entry.connection as usize];
            order[*place as usize] = number;
            *place += 1;
        }
        let databases = entries.iter().filter_map(Entry::selects).collect();
        Self { files, form, entries, order, starts, base_db, databases }
    }

    /// Commands in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.starts.len() - 1
    }

    /// The databases that connections change to.
    #[must_use]
    pub const fn databases(&self) -> &BTreeSet<u16> {
        &self.databases
    }

    /// The connection of command `number`, if there is one of this number.
    pub(crate) fn connection_of(&self, number: u64) -> Option<u32> {
        let number = usize::try_from(number).ok()?;
        self.entries.get(number).map(|entry| entry.connection)
    }

    /// Where a connection's commands stand in the order: pass each to [`Replay::label_at`] and [`Replay::write_at`].
    pub(crate) fn commands_of(&self, connection: usize) -> std::ops::Range<u32> {
        match (self.starts.get(connection), self.starts.get(connection + 1)) {
            (Some(from), Some(to)) => *from..*to,
            _ => 0..0,
        }
    }

    fn entry_at(&self, at: u32) -> Option<&Entry> {
        self.entries.get(*self.order.get(at as usize)? as usize)
    }

    /// The database that the command at this place of the order selects, if it does.
    fn selected_at(&self, at: u32) -> Option<u16> {
        self.entry_at(at)?.selects()
    }

    /// The label of the command at this place of the order.
    pub(crate) fn label_at(&self, at: u32) -> u16 {
        self.entry_at(at).map_or(0, |entry| entry.label)
    }
}
