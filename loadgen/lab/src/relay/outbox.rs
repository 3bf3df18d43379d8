//! A buffer of bytes to send, some of which may be sent already.
//!
//! Not a ring: what is appended must lie in one piece for the encoder. Invariant: taking costs no more, over time, than
//! copying every byte once.

/// Memory that an empty outbox may keep.
const KEPT_BYTES: usize = 16 * 1024;

/// The buffer; see the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    taken: usize,
}

impl Outbox {
    /// To append to.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What has not been taken.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// How much has not been taken.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Whether all has been taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `count` pending bytes have been taken.
    pub(crate) fn take(&mut self, count: usize) {
        self.taken += count;
        if self.is_empty() {
            self.clear();
        } else if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.taken = 0;
    }
}
