//! Sockets: accepting, reading and writing.
//!
//! A client's way through a tick: [`listener`] accepts it, [`read`] reads and executes, [`write`]
//! flushes before the loop sleeps. Nothing here knows what a command does.

pub(crate) mod listener;
pub(crate) mod read;
mod threaded_reads;
mod threaded_writes;
pub(crate) mod while_blocked;
pub(crate) mod write;

pub(crate) use threaded_reads::read_pending;
