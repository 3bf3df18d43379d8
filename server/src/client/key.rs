//! How a client is named: a generation-checked key, also as the word that the loop keeps.

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
