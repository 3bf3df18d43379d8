//! Keys of clients: generation-checked, and convertible to the word that the loop keeps.

use slotmap::{Key, KeyData};

slotmap::new_key_type! {
    /// A client. After the client is freed, its key finds nothing.
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
