//! Zipf's law over any number of ranks, for any exponent, without a table: rejection-inversion.
//!
//! W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions", 1996.
//! Not a key chooser: ranks begin at 1. Invariant: rank k comes with a chance proportional to k^-exponent, exactly but for
//! rounding.
//!
//! The bars k^-exponent lie under the curve x^-exponent in the mean, so a point under the curve (found by inverting its
//! integral) is nearly always under the bar of the nearest rank; only the few that are not are drawn again.

use crate::workload::rng::Rng;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Zipf {
    ranks: f64,
    exponent: f64,
    /// The integral at the lower end of rank 1's bar and at the upper end of the last rank's.
    lowest: f64,
    highest: f64,
    /// A point no further than this below its rank is under the bar without a look.
    safe: f64,
}

impl Zipf {
    /// How many ranks there are.
    pub(crate) const fn count(&self) -> u64 {
        self.ranks as u64
    }

    /// For ranks 1 to `ranks` (at least 1) and an exponent of at least 0.
    pub(crate) fn new(ranks: u64, exponent: f64) -> Self {
        let ranks = ranks.max(1) as f64;
        let integral = |x| integral(x, exponent);
        Self {
            ranks,
            exponent,
            lowest: integral(1.5) - 1.0,
            highest: integral(ranks + 0.5),
            safe: 2.0 - inverse(integral(2.5) - (-exponent * 2_f64.ln()).exp(), exponent),
        }
    }

    /// A rank.
    #[inline]
    pub(crate) fn draw(&self, rng: &mut Rng) -> u64 {
        loop {
            let area = self.highest + rng.unit() * (self.lowest - self.highest);
            let x = inverse(area, self.exponent);
            let rank = x.round().clamp(1.0, self.ranks);
            if rank - x <= self.safe
                || area >= integral(rank + 0.5, self.exponent) - (-self.exponent * rank.ln()).exp()
            {
                return rank as u64;
            }
        }
    }
}

/// An integral of x^-exponent: (x^(1 − exponent) − 1)/(1 − exponent), and ln x at an exponent of 1.
fn integral(x: f64, exponent: f64) -> f64 {
    let ln = x.ln();
    let bent = (1.0 - exponent) * ln;
    // The quotient tends to 1; near 0 its series is exact to the last digit.
    let factor = if bent.abs() > 1e-8 { bent.exp_m1() / bent } else { 1.0 + bent / 2.0 };
    ln * factor
}

/// The x at which [`integral`] is `area`.
fn inverse(area: f64, exponent: f64) -> f64 {
    // Rounding may push it a little past the end of the curve.
    let bent = (area * (1.0 - exponent)).max(-1.0);
    let factor = if bent.abs() > 1e-8 { bent.ln_1p() / bent } else { 1.0 - bent / 2.0 };
    (area * factor).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_oneof, proptest};

    /// The sum of k^-s over the ranks `from` to `to`: term by term, then by Euler and Maclaurin.
    fn harmonic(from: u64, to: u64, s: f64) -> f64 {
        const EXACT: u64 = 100_000;
        let term = |k: u64| (k as f64).powf(-s);
        let direct: f64 = (from..=to.min(EXACT)).map(term).sum();
        if to <= EXACT {
            return direct;
        }
        let begin = from.max(EXACT + 1);
        let (a, b) = (begin as f64, to as f64);
        let slope = s * (a.powf(-s - 1.0) - b.powf(-s - 1.0)) / 12.0;
        direct + integral(b, s) - integral(a, s) + (term(begin) + term(to)) / 2.0 + slope
    }

    #[test]
    fn the_top_ranks_have_the_shares_of_theory() {
        for (ranks, exponent) in [
            (1_000_000, 0.99),
            (1_000_000, 1.0),
            (1_000_000_000, 0.99),
            (1_000_000_000, 1.2),
            (1_000, 2.5),
        ] {
            let (zipf, mut rng) = (Zipf::new(ranks, exponent), Rng::new(23, &[]));
            let draws = 2_000_000;
            let (mut first, mut hundred) = (0_u32, 0_u32);
            for _ in 0..draws {
                let rank = zipf.draw(&mut rng);
                assert!((1..=ranks).contains(&rank));
                first += u32::from(rank == 1);
                hundred += u32::from(rank <= 100);
            }
            let all = harmonic(1, ranks, exponent);
            for (count, want) in [(first, 1.0 / all), (hundred, harmonic(1, 100, exponent) / all)] {
                let got = f64::from(count) / f64::from(draws);
                assert!((got / want - 1.0).abs() < 0.02, "{ranks} {exponent}: {got} {want}");
            }
        }
    }

    #[test]
    fn every_rank_has_its_chance() {
        for exponent in [0.0, 0.3, 0.99, 1.0, 1.5, 4.0] {
            let (ranks, draws) = (50, 500_000);
            let (zipf, mut rng) = (Zipf::new(ranks, exponent), Rng::new(1, &[]));
            let mut counts = [0_f64; 50];
            (0..draws).for_each(|_| counts[zipf.draw(&mut rng) as usize - 1] += 1.0);
            let all = harmonic(1, ranks, exponent);
            let chi: f64 = (1_u32..)
                .zip(counts)
                .map(|(rank, count)| {
                    let want = f64::from(rank).powf(-exponent) / all * f64::from(draws);
                    (count - want).powi(2) / want
                })
                .sum();
            // 49 degrees of freedom: 99.9 % lie below.
            assert!(chi < 85.4, "exponent {exponent}: {chi}");
        }
    }

    proptest! {
        #[test]
        fn any_size_and_exponent_stay_in_range(
            ranks in prop_oneof![1..10_u64, any::<u64>()], exponent in 0.0..60.0_f64, seed: u64,
        ) {
            let (zipf, mut rng) = (Zipf::new(ranks, exponent), Rng::new(seed, &[]));
            for _ in 0..20 {
                // Beyond 2^53 ranks are rounded.
                let rank = zipf.draw(&mut rng);
                prop_assert!(rank >= 1 && rank as f64 <= ranks.max(1) as f64);
            }
        }
    }
}
