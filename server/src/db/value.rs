//! What a key can hold, and under which name OBJECT ENCODING shows it.
//!
//! The representations differ from Redis's; what can be seen of them (type, encoding, order of small collections)
//! equals Redis 7.0's. Strings are three: a number, up to 44 bytes inside the entry (embstr), or a vector (raw).

use super::hash::Hash;
use super::list::List;
use super::set::Set;
use super::sorted_set::SortedSet;

/// Longest string shown as embstr; longer ones are raw (OBJ_ENCODING_EMBSTR_SIZE_LIMIT).
pub const EMBSTR_MAX_BYTES: usize = 44;
/// Longest text that can be a 64-bit integer.
const INTEGER_MAX_BYTES: usize = 20;
/// Integers below this are shared objects in Redis, which OBJECT REFCOUNT lets one see (OBJ_SHARED_INTEGERS).
pub const SHARED_INTEGERS: i64 = 10_000;

/// The value of a key.
pub enum Value {
    /// A string that is a canonical 64-bit integer.
    Int(i64),
    /// A short string inside the entry.
    Short(ShortString),
    /// A string on the heap.
    Raw(Vec<u8>),
    /// A list.
    List(Box<List>),
    /// A set.
    Set(Box<Set>),
    /// A hash.
    Hash(Box<Hash>),
    /// A sorted set.
    SortedSet(Box<SortedSet>),
}

/// Up to 44 bytes.
#[derive(Clone, Copy)]
pub struct ShortString {
    length: u8,
    bytes: [u8; EMBSTR_MAX_BYTES],
}

impl ShortString {
    fn new(source: &[u8]) -> Self {
        let mut bytes = [0; EMBSTR_MAX_BYTES];
        bytes[..source.len()].copy_from_slice(source);
        Self { length: source.len() as u8, bytes }
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length).min(EMBSTR_MAX_BYTES)]
    }
}

/// The value's type, as TYPE and SCAN's TYPE option name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `string`
    String,
    /// `list`
    List,
    /// `set`
    Set,
    /// `hash`
    Hash,
    /// `zset`
    SortedSet,
}

impl Kind {
    /// Redis's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::SortedSet => "zset",
        }
    }
}

impl Value {
    /// A string in the encoding Redis gives to an argument that it stores: int if it is one, else embstr or raw.
    #[inline]
    #[must_use]
    pub fn string(bytes: &[u8]) -> Self {
        match bytes.first() {
            Some(b'-' | b'0'..=b'9') if bytes.len() <= INTEGER_MAX_BYTES => {
                parse_canonical_integer(bytes).map_or_else(|| Self::text(bytes), Self::Int)
            }
            _ => Self::text(bytes),
        }
    }

    /// A string that is not looked at for being a number: embstr or raw.
    #[inline]
    #[must_use]
    pub fn text(bytes: &[u8]) -> Self {
        if bytes.len() <= EMBSTR_MAX_BYTES {
            Self::Short(ShortString::new(bytes))
        } else {
            Self::Raw(bytes.to_vec())
        }
    }

    /// The bytes of a string (a number is written into `digits`), or `None` for another type.
    #[inline]
    pub fn bytes<'a>(&'a self, digits: &'a mut itoa::Buffer) -> Option<&'a [u8]> {
        match self {
            Self::Short(short) => Some(short.as_slice()),
            Self::Raw(bytes) => Some(bytes),
            Self::Int(number) => Some(digits.format(*number).as_bytes()),
            _ => None,
        }
    }

    /// The string as a vector that can be changed in place; the value becomes raw. `None` for another type.
    pub fn make_raw(&mut self) -> Option<&mut Vec<u8>> {
        if !matches!(self, Self::Raw(_)) {
            let mut digits = itoa::Buffer::new();
            let raw = self.bytes(&mut digits)?.to_vec();
            *self = Self::Raw(raw);
        }
        match self {
            Self::Raw(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A copy that shares nothing (COPY). O(members).
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Int(number) => Self::Int(*number),
            Self::Short(short) => Self::Short(*short),
            Self::Raw(bytes) => Self::Raw(bytes.clone()),
            Self::List(list) => Self::List(list.clone()),
            Self::Set(set) => Self::Set(set.clone()),
            Self::Hash(hash) => Self::Hash(hash.clone()),
            Self::SortedSet(set) => Self::SortedSet(set.clone()),
        }
    }

    /// The type.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Int(_) | Self::Short(_) | Self::Raw(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Set(_) => Kind::Set,
            Self::Hash(_) => Kind::Hash,
            Self::SortedSet(_) => Kind::SortedSet,
        }
    }

    /// What OBJECT ENCODING says.
    #[must_use]
    pub const fn encoding(&self) -> &'static str {
        match self {
            Self::Int(_) => "int",
            Self::Short(_) => "embstr",
            Self::Raw(_) => "raw",
            Self::List(_) => "quicklist",
            Self::Set(set) => set.encoding(),
            Self::Hash(hash) => hash.encoding(),
            Self::SortedSet(set) => set.encoding(),
        }
    }

    /// How many pieces there are to free: 1 for strings and small encodings, else the number of members (lists: chunks).
    #[must_use]
    pub fn free_effort(&self) -> usize {
        match self {
            Self::Int(_) | Self::Short(_) | Self::Raw(_) => 1,
            Self::List(list) => list.chunk_count(),
            Self::Set(set) => set.free_effort(),
            Self::Hash(hash) => hash.free_effort(),
            Self::SortedSet(set) => set.free_effort(),
        }
    }

    /// Estimated bytes on the heap. Of a collection's members, `samples` are looked at (0: all).
    #[must_use]
    pub fn heap_bytes(&self, samples: usize) -> usize {
        let samples = if samples == 0 { usize::MAX } else { samples };
        match self {
            Self::Int(_) | Self::Short(_) => 0,
            Self::Raw(bytes) => bytes.capacity(),
            Self::List(list) => size_of::<List>() + list.heap_bytes(samples),
            Self::Set(set) => size_of::<Set>() + set.heap_bytes(samples),
            Self::Hash(hash) => size_of::<Hash>() + hash.heap_bytes(samples),
            Self::SortedSet(set) => size_of::<SortedSet>() + set.heap_bytes(samples),
        }
    }
}

impl Value {
    /// Bytes on the heap, kept up to date by the collections themselves: what `used_memory` is made of. O(1).
    #[must_use]
    pub fn tracked_bytes(&self) -> usize {
        match self {
            Self::Int(_) | Self::Short(_) => 0,
            Self::Raw(bytes) => bytes.capacity(),
            Self::List(list) => size_of::<List>() + list.tracked_bytes(),
            Self::Set(set) => size_of::<Set>() + set.tracked_bytes(),
            Self::Hash(hash) => size_of::<Hash>() + hash.tracked_bytes(),
            Self::SortedSet(set) => size_of::<SortedSet>() + set.tracked_bytes(),
        }
    }
}

/// The average of `bytes_of` over the first `samples` members, times `count`: how all estimates of memory are made.
pub(super) fn estimate<T>(
    members: impl Iterator<Item = T>,
    count: usize,
    samples: usize,
    bytes_of: impl Fn(T) -> usize,
) -> usize {
    let (seen, bytes) = members
        .take(samples)
        .fold((0_usize, 0_usize), |(seen, sum), member| (seen + 1, sum + bytes_of(member)));
    (bytes as u128 * count as u128 / seen.max(1) as u128) as usize
}

/// An integer written in the one way that Redis would print it: no plus, no leading zeros, no space.
#[must_use]
pub fn parse_canonical_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() < INTEGER_MAX_BYTES => {}
        _ => return None,
    }
    let magnitude = digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| value.checked_mul(10)?.checked_add(u64::from(digit)))?
    })?;
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_int_embstr_or_raw_as_in_redis() {
        let cases: [(&[u8], &str); 9] = [
            (b"0", "int"),
            (b"-0", "embstr"),
            (b"007", "embstr"),
            (b"+1", "embstr"),
            (b"9223372036854775807", "int"),
            (b"9223372036854775808", "embstr"),
            (b"-9223372036854775808", "int"),
            (&[b'x'; 44], "embstr"),
            (&[b'x'; 45], "raw"),
        ];
        for (text, encoding) in cases {
            let value = Value::string(text);
            assert_eq!(value.encoding(), encoding, "{}", text.escape_ascii());
            assert_eq!(value.bytes(&mut itoa::Buffer::new()), Some(text));
        }
    }

    #[test]
    fn an_entry_for_a_small_key_is_one_allocation_of_88_bytes() {
        assert_eq!(size_of::<Value>(), 48);
        assert_eq!(size_of::<super::super::Entry>(), 88);
    }
}
