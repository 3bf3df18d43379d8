//! The random numbers of scripts: the same ones on every run, as Redis makes them.
//!
//! A 48-bit linear congruential generator with the constants of POSIX's `lrand48`. It starts with
//! seed 0 before each script.

/// What a draw is divided by (`INT32_MAX`).
const DRAW_MAX: i64 = i32::MAX as i64;

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// As `srand48`.
    pub(super) fn seeded(seed: i32) -> Self {
        Random((u64::from(seed as u32) << 16) | 0x330e)
    }

    /// In [0, 1).
    pub(super) fn next(&mut self) -> f64 {
        const MULTIPLIER: u64 = 0x5_deec_e66d;
        const MASK: u64 = (1 << 48) - 1;
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(0xb) & MASK;
        let draw = (self.0 >> 17) as i64;
        (draw % DRAW_MAX) as f64 / DRAW_MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_sequence_is_lrand48s() {
        // The numbers that lrand48 gives after srand48(0), by glibc.
        let mut random = Random::seeded(0);
        for expected in [366_850_414_i64, 1_610_402_240, 206_956_554] {
            let draw = (random.next() * i32::MAX as f64).round() as i64;
            assert_eq!(draw, expected);
        }
    }
}
