//! The joined table and the look-up by name: one hash of the lower-cased word, no allocation.
//!
//! Invariant: every name occurs once; the rows and the index are built at start and never change.

use crate::server::CommandSpec;
use std::cell::Cell;

/// Slots of the index: a power of two, at least four times the number of commands.
const SLOTS: usize = 2048;
/// No command name is longer. A longer word is unknown without hashing it.
const NAME_MAX_BYTES: usize = 32;

/// The command that a word names.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    /// Position in the table: the index of its statistics.
    pub(crate) id: u16,
    /// The row.
    pub(crate) spec: &'static CommandSpec,
}

/// All commands and subcommands, in order, with an index by name.
pub(crate) struct CommandTable {
    rows: Vec<&'static CommandSpec>,
    /// Position of the first subcommand of each row, for containers.
    first_sub: Vec<u16>,
    slots: Box<[u16; SLOTS]>,
    /// The short word that was found last, and its command. Often the same command comes many times.
    last: Cell<Option<(Short, Found)>>,
}

/// A word of at most eight bytes, as it was written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Short {
    bytes: u64,
    len: usize,
}

impl Short {
    fn of(word: &[u8]) -> Option<Short> {
        let bytes = match *word {
            [a, b, c] => u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]),
            [a, b, c, d] => u64::from_le_bytes([a, b, c, d, 0, 0, 0, 0]),
            _ if word.len() > 8 => return None,
            _ => word.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)),
        };
        Some(Short { bytes, len: word.len() })
    }
}

const EMPTY: u16 = u16::MAX;

fn hash(word: &[u8]) -> usize {
    let mut hash: u64 = word.len() as u64;
    for chunk in word.chunks(8) {
        let mut bytes = [0_u8; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        // Setting bit 5 folds ASCII letters to lower case; other bytes only collide.
        let lower = u64::from_le_bytes(bytes) | 0x2020_2020_2020_2020;
        hash = (hash ^ lower).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
    }
    (hash >> 7) as usize % SLOTS
}

impl CommandTable {
    /// Joins the tables of the command files.
    pub(crate) fn new(tables: &[&'static [CommandSpec]]) -> Self {
        let mut table = CommandTable {
            rows: Vec::new(),
            first_sub: Vec::new(),
            slots: Box::new([EMPTY; SLOTS]),
            last: Cell::new(None),
        };
        for spec in tables.iter().copied().flatten() {
            let id = table.rows.len();
            table.rows.push(spec);
            table.first_sub.push(EMPTY);
            let mut slot = hash(spec.name.as_bytes());
            while table.slots[slot] != EMPTY {
                slot = (slot + 1) % SLOTS;
            }
            table.slots[slot] = id as u16;
        }
        for parent in 0..table.rows.len() {
            table.first_sub[parent] = table.rows.len() as u16;
            table.rows.extend(table.rows[parent].subcommands);
        }
        table
    }

    /// The row at this position.
    pub(crate) fn at(&self, id: u16) -> Found {
        Found { id, spec: self.rows[id as usize] }
    }

    /// The command called `word`, in any case.
    pub(crate) fn find(&self, word: &[u8]) -> Option<Found> {
        let Some(short) = Short::of(word) else { return self.look_up(word) };
        if let Some((last, found)) = self.last.get()
            && last == short
        {
            return Some(found);
        }
        let found = self.look_up(word)?;
        self.last.set(Some((short, found)));
        Some(found)
    }

    fn look_up(&self, word: &[u8]) -> Option<Found> {
        if word.len() > NAME_MAX_BYTES {
            return None;
        }
        let mut slot = hash(word);
        loop {
            let id = self.slots[slot];
            if id == EMPTY {
                return None;
            }
            let spec = self.rows[id as usize];
            if spec.name.as_bytes().eq_ignore_ascii_case(word) {
                return Some(Found { id, spec });
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The subcommand `word` of `container`, in any case.
    pub(crate) fn find_sub(&self, container: Found, word: &[u8]) -> Option<Found> {
        let subs = container.spec.subcommands;
        let at = subs.iter().position(|sub| sub.name.as_bytes().eq_ignore_ascii_case(word))?;
        Some(Found { id: self.first_sub[container.id as usize] + at as u16, spec: &subs[at] })
    }

    /// All rows: commands first, then the subcommands.
    pub(crate) fn rows(&self) -> &[&'static CommandSpec] {
        &self.rows
    }
}
