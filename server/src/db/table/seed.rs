//! The seed of the hash: one per process, chosen before the first key is hashed.
//!
//! A server takes a random seed from the system, so that clients cannot choose keys that collide. A
//! fixed seed (`hash-seed`) makes two runs walk their keys in the same order. A program that chooses
//! none, such as a test, has the fixed default.

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// Any fixed number.
const DEFAULT: u64 = 0x6165_6c61_6220_6b76;

/// Both parts must be unknown: with a known shared part, keys can be made that collide with every own
/// part. `None` for the default.
static SEED: OnceLock<Option<(u64, SharedSeed)>> = OnceLock::new();

/// Chooses the seed of this process: `fixed`, or a random one. Without effect once a key has been hashed.
pub(crate) fn choose(fixed: Option<u64>) {
    // The standard library's hash keys come from the system's entropy.
    let random = || RandomState::new().hash_one("hash-seed");
    let own = fixed.unwrap_or_else(random);
    let shared = SharedSeed::from_u64(fixed.unwrap_or_else(random));
    let _ = SEED.set(Some((own, shared)));
}

#[inline]
pub(super) fn hasher() -> FoldHasher<'static> {
    match SEED.get_or_init(|| None) {
        None => FoldHasher::with_seed(DEFAULT, SharedSeed::global_fixed()),
        Some((own, shared)) => FoldHasher::with_seed(*own, shared),
    }
}
