//! Prefetching a pipeline: parse a group of commands, then read what their keys need, all at once.
//!
//! A look-up in a large keyspace is two reads from main memory, one after the other, and a pipeline
//! executed one by one waits for each. Reading for a whole group before executing it lets these
//! reads overlap. Invariant: nothing here changes anything; execution looks everything up again.

use crate::args::Args;
use crate::db::Db;
use aelab_resp::{ArgRange, Parsed, ProtocolError, RequestLimits, RequestParser, Trust};
use std::ops::Range;

/// Commands in a group: about as many reads as a core keeps in flight.
const GROUP_MAX: usize = 16;

/// Why a group ends.
pub(crate) enum End {
    /// It has as many commands as a group may have.
    Full,
    /// The rest has not arrived.
    Incomplete,
    /// The next bytes are not a valid request.
    Broken(ProtocolError),
}

struct Command {
    /// Its bytes.
    from: usize,
    to: usize,
    /// Its arguments end here among all of the group's.
    args_end: usize,
}

/// One group. Its memory is reused for the next one.
#[derive(Default)]
pub(crate) struct Prefetch {
    args: Vec<ArgRange>,
    commands: Vec<Command>,
    hashes: Vec<u64>,
}

impl Prefetch {
    /// Parses the next group of `bytes` from `at`, which is moved behind it. An unfinished command
    /// stays in `parser` and `args`.
    pub(crate) fn parse_group(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        parser: &mut RequestParser,
        limits: &RequestLimits,
        args: &mut Vec<ArgRange>,
    ) -> End {
        // A successful AUTH changes the limits for the client's next command.
        let most = if limits.trust == Trust::Unauthenticated { 1 } else { GROUP_MAX };
        self.parse_up_to(bytes, at, parser, limits, args, most)
    }

    /// The same for all complete commands of `bytes`, however many. Only for clients whose limits do
    /// not change from one command to the next.
    pub(crate) fn parse_all(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        parser: &mut RequestParser,
        limits: &RequestLimits,
        args: &mut Vec<ArgRange>,
    ) -> End {
        self.parse_up_to(bytes, at, parser, limits, args, usize::MAX)
    }

    fn parse_up_to(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        parser: &mut RequestParser,
        limits: &RequestLimits,
        args: &mut Vec<ArgRange>,
        most: usize,
    ) -> End {
        self.args.clear();
        self.commands.clear();
        while self.commands.len() < most {
            match parser.parse(&mut bytes[*at..], limits, args) {
                Ok(Parsed::Incomplete) => return End::Incomplete,
                Ok(Parsed::Empty { consumed }) => *at += consumed,
                Ok(Parsed::Command { consumed }) => {
                    self.args.extend_from_slice(args);
                    let (from, to) = (*at, *at + consumed);
                    self.commands.push(Command { from, to, args_end: self.args.len() });
                    *at = to;
                }
                Err(error) => return End::Broken(error),
            }
        }
        End::Full
    }

    /// How many commands.
    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    /// All of it, in pieces of the size of a group.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let len = self.commands.len();
        (0..len).step_by(GROUP_MAX).map(move |from| from..len.min(from + GROUP_MAX))
    }

    /// The words of each command of `group`, in order.
    pub(crate) fn commands<'a>(
        &'a self,
        group: Range<usize>,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Args<'a>> {
        let before = group.start.checked_sub(1).and_then(|last| self.commands.get(last));
        let mut args_from = before.map_or(0, |command| command.args_end);
        self.commands[group].iter().map(move |command| {
            let args = &self.args[args_from..command.args_end];
            args_from = command.args_end;
            Args::new(&bytes[command.from..command.to], args)
        })
    }

    /// Reads what the look-ups of the group's keys will read in `db`. The first argument of nearly every
    /// command is its key; where it is not, the only cost is a little time.
    pub(crate) fn warm(&mut self, db: &Db, group: Range<usize>, bytes: &[u8]) {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(
            self.commands(group, bytes).filter_map(|words| words.get(1)).map(|key| db.hash(key)),
        );
        db.warm(&hashes);
        self.hashes = hashes;
    }
}
