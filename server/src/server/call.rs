//! One execution of one command: what a command function gets.
//!
//! A command reads its [`Args`], changes `call.server` (usually [`Call::db`]) and appends exactly
//! one reply to `call.out`. It never does I/O and never holds the client: other clients are
//! reached through the server by key.

use super::{CommandSpec, Server};
use crate::args::{Args, parse_integer};
use crate::client::ClientKey;
use crate::db::Db;
use crate::reply::Reply;

/// The source of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Client,
    /// A script that the client runs.
    Script,
}

/// What a command function gets.
pub(crate) struct Call<'a> {
    /// Everything else in the server.
    pub(crate) server: &'a mut Server,
    /// The client that sent the command.
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
