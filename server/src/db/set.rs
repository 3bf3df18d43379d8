//! A set: sorted integers while all members are integers and few (intset), else a hash table.

use super::EncodingLimits;
use super::small_bytes::SmallBytes;
use super::table::{HashSeed, Table};
use super::value::{estimate, parse_canonical_integer};

/// A set of byte strings.
#[derive(Clone)]
pub struct Set {
    repr: Repr,
    /// Heap bytes of the members that are too long to lie in the table.
    long_bytes: usize,
}

#[derive(Clone)]
enum Repr {
    /// Sorted.
    Integers(Vec<i64>),
    Table(Table<SmallBytes>),
}

impl Set {
    /// An empty set, in the encoding that Redis would choose for this first member.
    #[must_use]
    pub fn for_member(member: &[u8], limits: &EncodingLimits) -> Self {
        match parse_canonical_integer(member) {
            Some(_) => Self { repr: Repr::Integers(Vec::new()), long_bytes: 0 },
            None => Self { repr: Repr::Table(Table::new(limits.seed)), long_bytes: 0 },
        }
    }

    /// How many members.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.repr {
            Repr::Integers(integers) => integers.len(),
            Repr::Table(table) => table.len(),
        }
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a member; false if it was there. O(1) for a table, O(n) for the few integers of an intset.
    pub fn add(&mut self, member: &[u8], limits: &EncodingLimits) -> bool {
        if let Repr::Integers(integers) = &mut self.repr {
            let Some(number) = parse_canonical_integer(member) else {
                self.convert(limits.seed);
                return self.add(member, limits);
            };
            let Err(place) = integers.binary_search(&number) else { return false };
            integers.insert(place, number);
            if integers.len() > limits.set_max_intset_entries {
                self.convert(limits.seed);
            }
            return true;
        }
        match &mut self.repr {
            Repr::Table(table) => {
                let added = table.insert_if_absent(SmallBytes::new(member));
                if added {
                    self.long_bytes += SmallBytes::heap_bytes_of_length(member.len());
                }
                added
            }
            Repr::Integers(_) => false,
        }
    }

    fn convert(&mut self, seed: HashSeed) {
        if let Repr::Integers(integers) = &self.repr {
            let mut digits = itoa::Buffer::new();
            let mut table = Table::with_capacity(integers.len() + 1, seed);
            for number in integers {
                table.insert_if_absent(SmallBytes::new(digits.format(*number).as_bytes()));
            }
            self.repr = Repr::Table(table);
        }
    }

    /// Removes a member; false if it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.repr {
            Repr::Integers(integers) => {
                let place = parse_canonical_integer(member)
                    .and_then(|number| integers.binary_search(&number).ok());
                place.map(|place| integers.remove(place)).is_some()
            }
            Repr::Table(table) => {
                let removed = table.remove(member);
                self.long_bytes -= removed.as_ref().map_or(0, SmallBytes::heap_bytes);
                removed.is_some()
            }
        }
    }

    /// True if it is a member. O(1), or O(log n) for an intset.
    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.repr {
            Repr::Integers(integers) => parse_canonical_integer(member)
                .is_some_and(|number| integers.binary_search(&number).is_ok()),
            Repr::Table(table) => table.contains(member),
        }
    }

    /// Visits every member: in ascending order in an intset, in no order otherwise.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8])) {
        match &self.repr {
            Repr::Integers(integers) => {
                let mut digits = itoa::Buffer::new();
                integers.iter().for_each(|number| visit(digits.format(*number).as_bytes()));
            }
            Repr::Table(table) => table.for_each(|member| visit(member)),
        }
    }

    /// One step of SSCAN. An intset emits all at once and returns 0.
    pub fn scan(&self, cursor: u64, mut emit: impl FnMut(&[u8])) -> u64 {
        match &self.repr {
            Repr::Integers(_) => {
                self.for_each(emit);
                0
            }
            Repr::Table(table) => table.scan(cursor, |member| emit(member)),
        }
    }

    /// A random member; `draw` returns random numbers.
    pub fn random(&self, mut draw: impl FnMut() -> u64) -> Option<SmallBytes> {
        match &self.repr {
            Repr::Integers(integers) => {
                let at = (draw() % integers.len().max(1) as u64) as usize;
                let number = integers.get(at)?;
                Some(SmallBytes::new(itoa::Buffer::new().format(*number).as_bytes()))
            }
            Repr::Table(table) => table.random(draw).cloned(),
        }
    }

    /// What OBJECT ENCODING says.
    #[must_use]
    pub const fn encoding(&self) -> &'static str {
        match &self.repr {
            Repr::Integers(_) => "intset",
            Repr::Table(_) => "hashtable",
        }
    }

    pub(super) const fn free_effort(&self) -> usize {
        match &self.repr {
            Repr::Integers(_) => 1,
            Repr::Table(table) => table.len(),
        }
    }

    /// Bytes on the heap, kept up to date with every change. O(1).
    pub(super) fn tracked_bytes(&self) -> usize {
        match &self.repr {
            Repr::Integers(integers) => integers.capacity() * size_of::<i64>(),
            Repr::Table(table) => table.memory_bytes() + self.long_bytes,
        }
    }

    pub(super) fn heap_bytes(&self, samples: usize) -> usize {
        match &self.repr {
            Repr::Integers(integers) => integers.capacity() * size_of::<i64>(),
            Repr::Table(table) => {
                let members = estimate(table.iter(), table.len(), samples, SmallBytes::heap_bytes);
                table.memory_bytes() + members
            }
        }
    }
}
