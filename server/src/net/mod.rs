//! Sockets and clients: who is connected, what has been read and what is still to be written.

slotmap::new_key_type! {
    /// A client, for as long as it lives: a key of a freed client finds nothing.
    pub(crate) struct ClientKey;
}
