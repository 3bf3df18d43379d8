//! A short byte string without an allocation of its own; a long one in a box of exactly its length.
//!
//! Keys, list items, set members and hash fields are of this type. Never changed in place: replace it instead.

use std::borrow::Borrow;
use std::ops::Deref;

use super::table::Keyed;

/// Longest string that needs no heap: what fits into 24 bytes beside the length and the variant.
pub const INLINE_MAX_BYTES: usize = 22;

/// Bytes, dereferencing to a slice; 24 bytes in size.
#[derive(Clone)]
pub struct SmallBytes(Repr);

#[derive(Clone)]
enum Repr {
    Inline { length: u8, bytes: [u8; INLINE_MAX_BYTES] },
    Heap(Box<[u8]>),
}

impl SmallBytes {
    /// Copies the bytes.
    #[inline]
    #[must_use]
    pub fn new(source: &[u8]) -> Self {
        if source.len() > INLINE_MAX_BYTES {
            return Self(Repr::Heap(source.into()));
        }
        let mut bytes = [0; INLINE_MAX_BYTES];
        bytes[..source.len()].copy_from_slice(source);
        Self(Repr::Inline { length: source.len() as u8, bytes })
    }

    /// What a string of this length takes on the heap.
    #[must_use]
    pub const fn heap_bytes_of_length(length: usize) -> usize {
        if length > INLINE_MAX_BYTES { length } else { 0 }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Inline { .. } => 0,
            Repr::Heap(bytes) => bytes.len(),
        }
    }
}

impl Deref for SmallBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length).min(INLINE_MAX_BYTES)],
            Repr::Heap(bytes) => bytes,
        }
    }
}

impl Borrow<[u8]> for SmallBytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl Keyed for SmallBytes {
    #[inline]
    fn key(&self) -> &[u8] {
        self
    }
}

impl PartialEq for SmallBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SmallBytes {}

impl std::fmt::Debug for SmallBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}
