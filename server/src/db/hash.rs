//! A hash: pairs in the order of their insertion while few and short (listpack), else a hash table.

use super::EncodingLimits;
use super::small_bytes::SmallBytes;
use super::table::{HashSeed, Keyed, Table};
use super::value::estimate;

/// A map from field to value.
#[derive(Clone)]
pub struct Hash {
    repr: Repr,
    /// Heap bytes of fields and values that are too long to lie in their pair.
    long_bytes: usize,
}

#[derive(Clone)]
enum Repr {
    Packed(Vec<Pair>),
    Table(Table<Pair>),
}

#[derive(Clone)]
struct Pair {
    field: SmallBytes,
    value: SmallBytes,
}

impl Pair {
    fn long_bytes(&self) -> usize {
        self.field.heap_bytes() + self.value.heap_bytes()
    }
}

impl Keyed for Pair {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.field
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self { repr: Repr::Packed(Vec::new()), long_bytes: 0 }
    }
}

impl Hash {
    /// How many fields.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.repr {
            Repr::Packed(pairs) => pairs.len(),
            Repr::Table(table) => table.len(),
        }
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field. O(1), or O(n) for the few fields of a listpack.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        let pair = match &self.repr {
            Repr::Packed(pairs) => pairs.iter().find(|pair| *pair.field == *field),
            Repr::Table(table) => table.get(field),
        };
        pair.map(|pair| &*pair.value)
    }

    /// Redis converts when any argument of the command is long, even one that will not be stored: call before `set`.
    pub fn convert_if_long(&mut self, argument: &[u8], limits: &EncodingLimits) {
        if argument.len() > limits.hash_max_listpack_value {
            self.convert(limits.seed);
        }
    }

    /// Sets a field; true if it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &EncodingLimits) -> bool {
        // HINCRBY and similar commands check only this.
        if field.len().max(value.len()) > limits.hash_max_listpack_value {
            self.convert(limits.seed);
        }
        let value = SmallBytes::new(value);
        let field_bytes = SmallBytes::heap_bytes_of_length(field.len());
        self.long_bytes += value.heap_bytes();
        match &mut self.repr {
            Repr::Packed(pairs) => {
                if let Some(pair) = pairs.iter_mut().find(|pair| *pair.field == *field) {
                    let old = std::mem::replace(&mut pair.value, value);
                    self.long_bytes -= old.heap_bytes();
                    return false;
                }
                self.long_bytes += field_bytes;
                pairs.push(Pair { field: SmallBytes::new(field), value });
                if pairs.len() > limits.hash_max_listpack_entries {
                    self.convert(limits.seed);
                }
                true
            }
            Repr::Table(table) => {
                if let Some(pair) = table.get_mut(field) {
                    let old = std::mem::replace(&mut pair.value, value);
                    self.long_bytes -= old.heap_bytes();
                    return false;
                }
                self.long_bytes += field_bytes;
                let hash = table.hash(field);
                table.insert_new(hash, Pair { field: SmallBytes::new(field), value });
                true
            }
        }
    }

    fn convert(&mut self, seed: HashSeed) {
        if let Repr::Packed(pairs) = &mut self.repr {
            let mut table = Table::with_capacity(pairs.len() + 1, seed);
            for pair in std::mem::take(pairs) {
                table.insert_if_absent(pair);
            }
            self.repr = Repr::Table(table);
        }
    }

    /// Removes a field; false if it was not there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let removed = match &mut self.repr {
            Repr::Packed(pairs) => {
                let place = pairs.iter().position(|pair| *pair.field == *field);
                place.map(|place| pairs.remove(place))
            }
            Repr::Table(table) => table.remove(field),
        };
        self.long_bytes -= removed.as_ref().map_or(0, Pair::long_bytes);
        removed.is_some()
    }

    /// Visits every field and value: in order of insertion in a listpack, in no order otherwise.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], &[u8])) {
        match &self.repr {
            Repr::Packed(pairs) => pairs.iter().for_each(|pair| visit(&pair.field, &pair.value)),
            Repr::Table(table) => table.for_each(|pair| visit(&pair.field, &pair.value)),
        }
    }

    /// One step of HSCAN. A listpack emits all at once and returns 0.
    pub fn scan(&self, cursor: u64, mut emit: impl FnMut(&[u8], &[u8])) -> u64 {
        match &self.repr {
            Repr::Packed(_) => {
                self.for_each(emit);
                0
            }
            Repr::Table(table) => table.scan(cursor, |pair| emit(&pair.field, &pair.value)),
        }
    }

    /// A random field with its value; `draw` returns random numbers.
    pub fn random(&self, mut draw: impl FnMut() -> u64) -> Option<(&[u8], &[u8])> {
        let pair = match &self.repr {
            Repr::Packed(pairs) => pairs.get((draw() % pairs.len().max(1) as u64) as usize),
            Repr::Table(table) => table.random(draw),
        };
        pair.map(|pair| (&*pair.field, &*pair.value))
    }

    /// What OBJECT ENCODING says.
    #[must_use]
    pub const fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Packed(_) => "listpack",
            Repr::Table(_) => "hashtable",
        }
    }

    pub(super) const fn free_effort(&self) -> usize {
        match &self.repr {
            Repr::Packed(_) => 1,
            Repr::Table(table) => table.len(),
        }
    }

    /// Bytes on the heap, kept up to date with every change. O(1).
    pub(super) fn tracked_bytes(&self) -> usize {
        let own = match &self.repr {
            Repr::Packed(pairs) => pairs.capacity() * size_of::<Pair>(),
            Repr::Table(table) => table.memory_bytes(),
        };
        own + self.long_bytes
    }

    pub(super) fn heap_bytes(&self, samples: usize) -> usize {
        match &self.repr {
            Repr::Packed(pairs) => {
                let own = pairs.capacity() * size_of::<Pair>();
                own + estimate(pairs.iter(), pairs.len(), samples, Pair::long_bytes)
            }
            Repr::Table(table) => {
                table.memory_bytes()
                    + estimate(table.iter(), table.len(), samples, Pair::long_bytes)
            }
        }
    }
}
