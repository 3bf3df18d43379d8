//! The seed of a table's hash.

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use std::hash::Hasher;

/// Any fixed number.
const OWN: u64 = 0x6165_6c61_6220_6b76;

/// See the module's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashSeed {
    /// Random in each process: clients cannot choose keys that collide. The part that all hashers share
    /// is the random one: with a known shared part, keys can be made that collide with every other.
    Random,
    /// Two runs walk their keys in the same order.
    Fixed(u64),
}

impl Default for HashSeed {
    fn default() -> Self {
        HashSeed::Fixed(0)
    }
}

impl HashSeed {
    /// The hash of a key.
    #[inline]
    #[must_use]
    pub fn hash(self, key: &[u8]) -> u64 {
        let mut hasher = match self {
            HashSeed::Random => FoldHasher::with_seed(OWN, SharedSeed::global_random()),
            HashSeed::Fixed(number) => {
                FoldHasher::with_seed(OWN ^ number, SharedSeed::global_fixed())
            }
        };
        hasher.write(key);
        hasher.finish()
    }
}
