//! Sending a capture again: its open files, and how far each connection has come.
//!
//! Invariant: what was chosen and not written is written in the order in which it was chosen.

use crate::replay::decoded::Decoded;
use crate::replay::{Entry, Form, OFFSET_BITS, Replay, monitor};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

/// A capture whose files are open.
#[derive(Debug)]
pub(crate) struct OpenReplay {
    replay: Arc<Replay>,
    files: Vec<File>,
}

impl OpenReplay {
    /// Opens the files of a capture.
    ///
    /// # Errors
    /// The first file that cannot be opened, and why.
    pub(crate) fn open(replay: &Arc<Replay>) -> Result<Self, (PathBuf, io::Error)> {
        let open = |path: &PathBuf| {
            crate::files::open_regular(path).map_err(|error| (path.clone(), error))
        };
        let files = replay.files.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { replay: Arc::clone(replay), files })
    }

    /// Appends the command at this place of the order as RESP. A file that cannot be read any more gives a PING, which keeps
    /// requests and replies in step; whether that happened is returned as `false`.
    fn write_at(&self, at: u32, scratch: &mut Scratch, out: &mut Vec<u8>) -> bool {
        let written = self.replay.entry_at(at).is_some_and(|entry| self.write(entry, scratch, out));
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
        match self.replay.form {
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
struct Scratch {
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
    replay: Arc<OpenReplay>,
    connections: Vec<Progress>,
    current: usize,
    scratch: Scratch,
}

/// One connection's progress, as places in the order.
#[derive(Debug)]
struct Progress {
    chosen: u32,
    written: u32,
    begin: u32,
    end: u32,
    /// The database that the next command to be written is for.
    db: u16,
}

impl Cursor {
    /// For connections `index`, `index + of`, `index + 2 of`, ….
    pub(crate) fn new(open: Arc<OpenReplay>, index: usize, of: usize) -> Self {
        let replay = &open.replay;
        let connections = (index..replay.connections()).step_by(of.max(1)).map(|connection| {
            let places = replay.commands_of(connection);
            let (begin, end) = (places.start, places.end);
            Progress { chosen: begin, written: begin, begin, end, db: replay.base_db }
        });
        Self {
            connections: connections.collect(),
            replay: open,
            current: 0,
            scratch: Scratch::default(),
        }
    }

    /// Commands of these connections in all.
    pub(crate) fn count(&self) -> u64 {
        self.connections.iter().map(|progress| u64::from(progress.end - progress.chosen)).sum()
    }

    /// What follows is about this connection of the thread's.
    pub(crate) const fn turn_to(&mut self, connection: usize) {
        self.current = connection;
    }

    /// Whether the connection has another command.
    pub(crate) fn has_next(&self) -> bool {
        self.connections.get(self.current).is_some_and(|progress| progress.chosen < progress.end)
    }

    /// Takes the connection's next command; its label.
    pub(crate) fn choose(&mut self) -> u16 {
        let Some(progress) = self.connections.get_mut(self.current) else { return 0 };
        let label = self.replay.replay.label_at(progress.chosen);
        progress.chosen += 1;
        label
    }

    /// Appends the connection's oldest command that was chosen and not written.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        let Some(progress) = self.connections.get_mut(self.current) else { return };
        self.replay.write_at(progress.written, &mut self.scratch, out);
        progress.db = self.replay.replay.selected_at(progress.written).unwrap_or(progress.db);
        progress.written += 1;
    }

    /// The database that a connection must be in when it comes back.
    pub(crate) fn database(&self, connection: usize) -> u16 {
        self.connections.get(connection).map_or(self.replay.replay.base_db, |progress| progress.db)
    }

    /// The connection was lost, and the last `count` commands that were chosen for it are still to be sent.
    pub(crate) fn rewind(&mut self, connection: usize, count: usize) {
        let Some(progress) = self.connections.get_mut(connection) else { return };
        let unsent = progress.chosen.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        let select = |at: u32| self.replay.replay.selected_at(at);
        if (unsent..progress.written).any(|at| select(at).is_some()) {
            let before = (progress.begin..unsent).rev().find_map(select);
            progress.db = before.unwrap_or(self.replay.replay.base_db);
        }
        progress.written = unsent;
    }
}
