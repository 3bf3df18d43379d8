//! Commands that took longer than `slowlog-log-slower-than`.
//!
//! Arguments are shortened as in Redis, to 32 arguments of 128 bytes, so that an entry for a million-key
//! `DEL` stays small.

use crate::clock::Nanos;
use std::collections::VecDeque;

/// Most arguments kept per entry.
const ARGS_MAX: usize = 32;
/// Most bytes kept per argument.
const ARG_BYTES_MAX: usize = 128;

/// One slow command.
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) unix_s: i64,
    pub(crate) took: Nanos,
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) peer: String,
    pub(crate) name: Box<[u8]>,
}

/// The newest entries, newest first.
#[derive(Default)]
pub(crate) struct SlowLog {
    entries: VecDeque<Entry>,
    next_id: u64,
    max_len: usize,
}

impl SlowLog {
    /// Changes the number of entries kept.
    pub(crate) fn set_max_len(&mut self, max_len: usize) {
        self.max_len = max_len;
        self.entries.truncate(max_len);
    }

    /// Adds a command of `count` arguments, as `arg` shows them: without secrets.
    pub(crate) fn add<'a>(
        &mut self,
        (count, arg): (usize, impl Fn(usize) -> &'a [u8]),
        took: Nanos,
        unix_s: i64,
        peer: String,
        name: &[u8],
    ) {
        let entry = Entry {
            id: self.next_id,
            unix_s,
            took,
            args: shortened(count, arg),
            peer,
            name: name.into(),
        };
        self.next_id += 1;
        self.entries.push_front(entry);
        self.entries.truncate(self.max_len);
    }

    /// Newest first.
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn shortened<'a>(count: usize, arg: impl Fn(usize) -> &'a [u8]) -> Vec<Vec<u8>> {
    let kept = count.min(ARGS_MAX);
    let mut list: Vec<Vec<u8>> = Vec::with_capacity(kept);
    for index in 0..kept {
        let more_args = count - ARGS_MAX.min(count) + 1;
        if index + 1 == ARGS_MAX && count > ARGS_MAX {
            list.push(format!("... ({more_args} more arguments)").into_bytes());
            break;
        }
        let arg = arg(index);
        if arg.len() > ARG_BYTES_MAX {
            let mut short = arg[..ARG_BYTES_MAX].to_vec();
            let more = arg.len() - ARG_BYTES_MAX;
            short.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
            list.push(short);
        } else {
            list.push(arg.to_vec());
        }
    }
    list
}
