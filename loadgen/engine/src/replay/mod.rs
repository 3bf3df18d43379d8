//! What was captured of a server's traffic, ready to be sent again: an index in memory, the commands in their file.
//!
//! Not the reading of the formats (see `monitor`, `aof`) and not the sending (the engine asks for one command after the
//! other). Invariant: commands of one captured client stay on one connection, in their order.
//!
//! Memory: 36 bytes per command, whatever its size; the commands themselves are read from the file when they are sent.

mod aof;
mod decoded;
mod lanes;
pub mod load;
mod monitor;
mod rdb;
mod rules;

use decoded::Decoded;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// One command of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// Where it stands: a file's number above, an offset in it below. For a `SELECT` that no file holds, the database.
    place: u64,
    /// Its bytes in the file; zero for a `SELECT` that no file holds.
    len: u32,
    /// The connection it goes to.
    lane: u32,
    /// Index of its name in the labels.
    label: u16,
}

impl Entry {
    /// The database it selects, if it is one of the SELECTs that were added.
    fn selects(&self) -> Option<u16> {
        (self.len == 0).then(|| u16::try_from(self.place).unwrap_or(u16::MAX))
    }
}

/// Bits of a place that hold the offset: files of up to 256 TiB, and 65 536 of them.
const OFFSET_BITS: u32 = 48;

/// What the file's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Lines of MONITOR.
    Monitor,
    /// Commands in RESP, as an append-only file holds them.
    Resp,
}

/// A capture.
#[derive(Debug)]
pub struct Replay {
    files: Vec<File>,
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
    fn new(files: Vec<File>, form: Form, entries: Vec<Entry>, lanes: u32, base_db: u16) -> Self {
        let mut starts = vec![0_u32; lanes as usize + 1];
        for entry in &entries {
            starts[entry.lane as usize + 1] += 1;
        }
        for lane in 0..lanes as usize {
            starts[lane + 1] += starts[lane];
        }
        let mut next = starts.clone();
        let mut order = vec![0_u32; entries.len()];
        for (number, entry) in (0_u32..).zip(&entries) {
            let place = &mut next[entry.lane as usize];
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
    pub fn lanes(&self) -> usize {
        self.starts.len() - 1
    }

    /// The databases that connections change to.
    #[must_use]
    pub const fn databases(&self) -> &BTreeSet<u16> {
        &self.databases
    }

    /// The connection of command `number`, if there is one of this number.
    pub(crate) fn lane_of(&self, number: u64) -> Option<u32> {
        let number = usize::try_from(number).ok()?;
        self.entries.get(number).map(|entry| entry.lane)
    }

    /// Where a connection's commands stand in the order: pass each to [`Replay::label_at`] and [`Replay::write_at`].
    pub(crate) fn lane(&self, lane: usize) -> std::ops::Range<u32> {
        match (self.starts.get(lane), self.starts.get(lane + 1)) {
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

    /// Appends the command at this place of the order as RESP. A file that cannot be read any more gives a PING, which keeps
    /// requests and replies in step; whether that happened is returned as `false`.
    pub(crate) fn write_at(&self, at: u32, scratch: &mut Scratch, out: &mut Vec<u8>) -> bool {
        let written = self.entry_at(at).is_some_and(|entry| self.write(entry, scratch, out));
        if !written {
            out.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
        }
        written
    }

    fn write(&self, entry: &Entry, scratch: &mut Scratch, out: &mut Vec<u8>) -> bool {
        if entry.len == 0 {
            let mut digits = itoa::Buffer::new();
            put_request(out, &[b"SELECT", digits.format(entry.place).as_bytes()]);
            return true;
        }
        let file = (entry.place >> OFFSET_BITS) as usize;
        let offset = entry.place & ((1 << OFFSET_BITS) - 1);
        let Some(file) = self.files.get(file) else { return false };
        match self.form {
            Form::Resp => {
                let begin = out.len();
                out.resize(begin + entry.len as usize, 0);
                let read = file.read_exact_at(&mut out[begin..], offset);
                if read.is_err() {
                    out.truncate(begin);
                }
                read.is_ok()
            }
            Form::Monitor => {
                scratch.line.resize(entry.len as usize, 0);
                if file.read_exact_at(&mut scratch.line, offset).is_err() {
                    return false;
                }
                let args = monitor::arguments_of(&scratch.line);
                if !monitor::decode(args, &mut scratch.args) {
                    return false;
                }
                put_decoded(out, &scratch.args);
                true
            }
        }
    }
}

/// Space for decoding a command, kept between commands.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    line: Vec<u8>,
    args: Decoded,
}

fn put_decoded(out: &mut Vec<u8>, args: &Decoded) {
    aelab_resp::encode::array(out, args.ends.len());
    for arg in args.args() {
        aelab_resp::encode::bulk(out, arg);
    }
}

fn put_request(out: &mut Vec<u8>, args: &[&[u8]]) {
    aelab_resp::encode::command(out, args);
}

/// What a thread of the engine has sent of its connections' commands.
#[derive(Debug)]
pub(crate) struct Cursor {
    replay: Arc<Replay>,
    lanes: Vec<Lane>,
    current: usize,
    scratch: Scratch,
}

/// One connection's progress, as places in the order.
#[derive(Debug)]
struct Lane {
    chosen: u32,
    written: u32,
    begin: u32,
    end: u32,
    /// The database that the next command to be written is for.
    db: u16,
}

impl Cursor {
    /// For connections `index`, `index + of`, `index + 2 of`, ….
    pub(crate) fn new(replay: Arc<Replay>, index: usize, of: usize) -> Self {
        let lanes = (index..replay.lanes()).step_by(of.max(1)).map(|lane| {
            let places = replay.lane(lane);
            let (begin, end) = (places.start, places.end);
            Lane { chosen: begin, written: begin, begin, end, db: replay.base_db }
        });
        Self { lanes: lanes.collect(), replay, current: 0, scratch: Scratch::default() }
    }

    /// Commands of these connections in all.
    pub(crate) fn count(&self) -> u64 {
        self.lanes.iter().map(|lane| u64::from(lane.end - lane.chosen)).sum()
    }

    /// What follows is about this connection of the thread's.
    pub(crate) const fn turn_to(&mut self, connection: usize) {
        self.current = connection;
    }

    /// Whether the connection has another command.
    pub(crate) fn has_next(&self) -> bool {
        self.lanes.get(self.current).is_some_and(|lane| lane.chosen < lane.end)
    }

    /// Takes the connection's next command; its label.
    pub(crate) fn choose(&mut self) -> u16 {
        let Some(lane) = self.lanes.get_mut(self.current) else { return 0 };
        let label = self.replay.label_at(lane.chosen);
        lane.chosen += 1;
        label
    }

    /// Appends the connection's oldest command that was chosen and not written.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        let Some(lane) = self.lanes.get_mut(self.current) else { return };
        self.replay.write_at(lane.written, &mut self.scratch, out);
        lane.db = self.replay.selected_at(lane.written).unwrap_or(lane.db);
        lane.written += 1;
    }

    /// The database that a connection must be in when it comes back.
    pub(crate) fn database(&self, connection: usize) -> u16 {
        self.lanes.get(connection).map_or(self.replay.base_db, |lane| lane.db)
    }

    /// The connection was lost, and the last `count` commands that were chosen for it are still to be sent.
    pub(crate) fn rewind(&mut self, connection: usize, count: usize) {
        let Some(lane) = self.lanes.get_mut(connection) else { return };
        let unsent = lane.chosen.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        let select = |at: u32| self.replay.selected_at(at);
        if (unsent..lane.written).any(|at| select(at).is_some()) {
            let before = (lane.begin..unsent).rev().find_map(select);
            lane.db = before.unwrap_or(self.replay.base_db);
        }
        lane.written = unsent;
    }
}
