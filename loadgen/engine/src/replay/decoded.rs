//! The arguments of one command, taken apart.
//!
//! Invariant: `ends` grows, and its last entry is the length of `bytes`.

/// The arguments of a command, one after the other, and where each ends.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
}

impl Decoded {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(super) fn args(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.bytes[begin..*end])
    }
}
