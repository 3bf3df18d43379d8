//! The other ways to serve clients: what one compares the ae loop with, over the same commands.
//!
//! | model | who waits for a client's bytes |
//! |---|---|
//! | `ae` | nobody in particular: the loop sleeps in its backend until some socket is ready |
//! | [`blocking`] | the only thread, in `read`, for one client at a time |
//! | [`threads`] | for each client a thread of its own, in `read`; a lock is around the commands |
//! | `busy-poll` | nobody: the loop asks every socket again and again ([`crate::ae::Sweep`]) |
//!
//! Invariant: parsing, checks, commands, limits and statistics are the ae loop's own code in every
//! model; only reading, writing and waiting differ. What cannot be right in a model is refused, at
//! start or at the command.

pub(crate) mod blocking;
pub(crate) mod threads;

use crate::command::{CommandSpec, flags};

/// `io-model`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IoModel {
    /// Redis's event loop.
    #[default]
    Ae,
    /// One client at a time, until it leaves.
    Blocking,
    /// A thread for each client.
    ThreadPerConnection,
    /// The loop without a multiplexer: `read` on every client, for ever.
    BusyPoll,
}

impl IoModel {
    /// Their names, as `--io-model` takes them.
    pub(crate) const NAMES: &'static [&'static str] =
        &["ae", "blocking", "thread-per-connection", "busy-poll"];

    /// The model called `name`.
    pub(crate) fn named(name: &str) -> IoModel {
        match name {
            "blocking" => IoModel::Blocking,
            "thread-per-connection" => IoModel::ThreadPerConnection,
            "busy-poll" => IoModel::BusyPoll,
            _ => IoModel::Ae,
        }
    }

    /// The name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            IoModel::Ae => "ae",
            IoModel::Blocking => "blocking",
            IoModel::ThreadPerConnection => "thread-per-connection",
            IoModel::BusyPoll => "busy-poll",
        }
    }

    /// Whether the loop reads and writes the clients' sockets; if not, it only hands over those it
    /// accepts, as blocking sockets.
    pub(crate) const fn loop_serves(self) -> bool {
        matches!(self, IoModel::Ae | IoModel::BusyPoll)
    }

    /// Why this command cannot do here what it promises, if so.
    #[inline]
    pub(crate) fn refuses(self, spec: &CommandSpec) -> Option<&'static str> {
        // Asked before every command: the rest is looked at in this model only.
        if self != IoModel::Blocking {
            return None;
        }
        let waits_for_others = spec.has(flags::BLOCKING)
            || matches!(
                spec.name,
                "subscribe" | "psubscribe" | "ssubscribe" | "monitor" | "wait" | "pause"
            );
        waits_for_others.then_some(
            "ERR io-model blocking serves one client at a time: nobody else could send what this \
             command waits for",
        )
    }

    /// What the request timeline cannot show in this model, or shows otherwise; empty for ae.
    pub(crate) const fn timeline_note(self) -> &'static str {
        match self {
            IoModel::Ae => "",
            IoModel::Blocking => {
                "no events_per_wake: one client is served at a time; ready is the return of read, \
                 the wait for the session before is not seen"
            }
            IoModel::ThreadPerConnection => {
                "no events_per_wake, no phases read and write: those are outside of the lock; ready is \
                 the return of read, wait_in_batch the wait for the lock, a cycle one holding of it"
            }
            IoModel::BusyPoll => {
                "no events_per_wake: nothing wakes; ready is the beginning of the sweep that found \
                 the request"
            }
        }
    }
}
