//! Sockets and clients: who is connected, what has been read and what is still to be written.
//!
//! A client's way through a tick: [`listener`] accepts it, [`read`] reads and executes, [`write`]
//! flushes before the loop sleeps. Nothing here knows what a command does.

pub(crate) mod ahead;
pub(crate) mod aside;
pub(crate) mod client;
pub(crate) mod io_threads;
pub(crate) mod listener;
pub(crate) mod read;
pub(crate) mod write;

use slotmap::{Key, KeyData};

slotmap::new_key_type! {
    /// A client, for as long as it lives: a key of a freed client finds nothing.
    pub(crate) struct ClientKey;
}

/// The word that the loop keeps with a client's descriptor.
pub(crate) fn data_of(key: ClientKey) -> u64 {
    key.data().as_ffi()
}

/// The client that a descriptor's word names.
pub(crate) fn key_of(data: u64) -> ClientKey {
    KeyData::from_ffi(data).into()
}
