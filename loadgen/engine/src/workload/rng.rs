//! Seeded randomness of the engine: one generator per thread, group and purpose.
//!
//! Not for secrets. Invariant: the numbers depend on the run's seed and the stream's coordinates only, never on timing.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// A number that looks random, from two: the finisher of splitmix64.
#[inline]
pub(crate) const fn mix(state: u64, coordinate: u64) -> u64 {
    let mut z = (state ^ coordinate).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A small, fast generator.
#[derive(Clone, Debug)]
pub(crate) struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// The stream at these coordinates (group, thread, purpose) under a run's seed.
    pub(crate) fn new(seed: u64, coordinates: &[u64]) -> Self {
        // Neighbouring coordinates give unrelated streams.
        let mixed = coordinates.iter().fold(seed, |state, coordinate| mix(state, *coordinate));
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }

    /// Sixty-four random bits.
    #[inline]
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound` (0 if `bound` is 0), even to within bound/2^64.
    #[inline]
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number above 0 and at most 1.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// An exponential number of mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }

    /// A normal number of mean 0 and deviation 1 (Box and Muller; the second of the pair is let go).
    pub(crate) fn normal(&mut self) -> f64 {
        (2.0 * self.exponential()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}
