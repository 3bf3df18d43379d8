//! One execution of one command: what a command function gets, and all that it may touch.
//!
//! A command reads its [`Args`], changes `call.server` (usually [`Call::db`]) and appends exactly
//! one reply to `call.out`. It never does I/O and never holds the client: other clients are
//! reached through the server by key.

use super::CommandSpec;
use super::reply::Reply;
use crate::db::Db;
use crate::net::ClientKey;
use crate::server::Server;
use aelab_resp::ArgRange;
// Arguments are integers by the same rules as the protocol's own headers.
pub(crate) use aelab_resp::parse_i64 as parse_integer;
use std::ops::Index;

/// The arguments of one command, the name first: ranges into the buffer they arrived in.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    buf: &'a [u8],
    ranges: &'a [ArgRange],
}

impl<'a> Args<'a> {
    /// `ranges` of `buf`, as the request parser found them.
    pub(crate) fn new(buf: &'a [u8], ranges: &'a [ArgRange]) -> Self {
        Args { buf, ranges }
    }

    /// How many, the command's name included. At least one.
    pub(crate) fn len(self) -> usize {
        self.ranges.len()
    }

    /// The argument at `index`, with the buffer's lifetime rather than `self`'s.
    ///
    /// # Panics
    /// If there is no such argument; arity has been checked before a command runs.
    pub(crate) fn at(self, index: usize) -> &'a [u8] {
        let range = self.ranges[index];
        &self.buf[range.start as usize..range.end as usize]
    }

    /// The argument at `index`, if there is one.
    pub(crate) fn get(self, index: usize) -> Option<&'a [u8]> {
        (index < self.len()).then(|| self.at(index))
    }

    /// The arguments from `first` on.
    pub(crate) fn from(self, first: usize) -> impl DoubleEndedIterator<Item = &'a [u8]> + Clone {
        (first..self.len()).map(move |i| self.at(i))
    }

    /// The arguments from `first` on, counted anew from 0.
    ///
    /// # Panics
    /// If there are fewer.
    pub(crate) fn skip(self, first: usize) -> Args<'a> {
        Args { buf: self.buf, ranges: &self.ranges[first..] }
    }

    /// Whether the argument at `index` exists and is `word` in any case (`word` in lower case).
    pub(crate) fn is(self, index: usize, word: &str) -> bool {
        self.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Bytes of all arguments together.
    pub(crate) fn total_bytes(self) -> usize {
        self.ranges.iter().map(|r| (r.end - r.start) as usize).sum()
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

/// What a command function gets.
pub(crate) struct Call<'a> {
    /// Everything else in the server.
    pub(crate) server: &'a mut Server,
    /// Who asks.
    pub(crate) client: ClientKey,
    /// The index of the database that the client has selected.
    pub(crate) db: usize,
    /// The command line.
    pub(crate) args: Args<'a>,
    /// Where the one reply goes.
    pub(crate) out: &'a mut Reply,
    /// The row of the table that is being executed (the subcommand's, if it has one).
    pub(crate) spec: &'static CommandSpec,
    /// Its place in the command table.
    pub(crate) id: u16,
}

impl Call<'_> {
    /// The selected database.
    pub(crate) fn db(&mut self) -> &mut Db {
        &mut self.server.dbs[self.db]
    }

    /// The selected database and the reply at once, for replying from a borrowed value.
    pub(crate) fn db_and_out(&mut self) -> (&mut Db, &mut Reply) {
        (&mut self.server.dbs[self.db], self.out)
    }

    /// Unix time in milliseconds, as cached for this tick or command: all of one command sees
    /// the same time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.server.now_ms()
    }

    /// Says that `key` of the selected database changed: fails the transactions that watch it and
    /// counts one change. Call it after every effective write.
    pub(crate) fn touched(&mut self, key: &[u8]) {
        self.server.touch_key(self.db, key);
    }

    /// Replies with the arity error of this command.
    pub(crate) fn wrong_arity(&mut self) {
        let name = self.spec.full_name();
        self.out.wrong_arity(&name);
    }

    /// The argument at `index` as a signed integer in Redis's strict form; replies with the usual
    /// error and returns `None` if it is none.
    pub(crate) fn integer_arg(&mut self, index: usize) -> Option<i64> {
        let value = parse_integer(self.args.at(index));
        if value.is_none() {
            self.out.not_integer();
        }
        value
    }
}
