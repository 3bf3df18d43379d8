//! Looking ahead in a pipeline: parse a group of commands, then fetch what their keys need, all at once.
//!
//! A look-up in a large keyspace is two reads from main memory, one after the other, and a pipeline
//! executed one by one waits for each. Reading for a whole group before executing it lets these
//! reads overlap. Invariant: nothing here changes anything; execution looks everything up again.

use super::ClientKey;
use crate::command::Args;
use crate::db::table::hash;
use crate::server::Server;
use aelab_resp::{ArgRange, Parsed, ProtocolError, RequestLimits, RequestParser, Trust};

/// Commands in a group: about as many reads as a core keeps in flight.
const GROUP_MAX: usize = 16;

/// Why a group ends.
pub(crate) enum End {
    /// It has as many commands as a group may have.
    Full,
    /// The rest has not arrived.
    Incomplete,
    /// What follows is no request.
    Broken(ProtocolError),
}

struct Command {
    /// Its bytes.
    from: usize,
    to: usize,
    /// Its arguments end here among all of the group's.
    args_end: usize,
}

/// One group; its memory is used again for the next.
#[derive(Default)]
pub(crate) struct Ahead {
    args: Vec<ArgRange>,
    commands: Vec<Command>,
    hashes: Vec<u64>,
}

impl Ahead {
    /// Parses the next group of `bytes` from `at`, which is moved behind it. An unfinished command
    /// stays in `parser` and `args`.
    pub(crate) fn look(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        parser: &mut RequestParser,
        limits: &RequestLimits,
        args: &mut Vec<ArgRange>,
    ) -> End {
        self.args.clear();
        self.commands.clear();
        // A stranger's next command may be read by other limits, if this one is a good AUTH.
        let most = if limits.trust == Trust::Unauthenticated { 1 } else { GROUP_MAX };
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

    /// The words of each command, in order.
    pub(crate) fn commands<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Args<'a>> {
        let mut args_from = 0;
        self.commands.iter().map(move |command| {
            let args = &self.args[args_from..command.args_end];
            args_from = command.args_end;
            Args::new(&bytes[command.from..command.to], args)
        })
    }

    /// Reads what the look-ups of the group's keys will read. The first argument of nearly every
    /// command is its key; where it is not, nothing is lost but a little time.
    pub(crate) fn warm(&mut self, server: &Server, key: ClientKey, bytes: &[u8]) {
        let Some(client) = server.clients.get(key).filter(|_| self.commands.len() > 1) else {
            return;
        };
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(self.commands(bytes).filter_map(|words| words.get(1)).map(hash));
        server.dbs[client.db].warm(&hashes);
        self.hashes = hashes;
    }
}
