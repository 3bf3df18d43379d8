//! Random numbers for the slots of a request: keys, lengths, offsets.
//!
//! Not the choice of a command and not text. Invariant: a source gives numbers of its range only; which, depends on the
//! generator's state and, for sequences, on the position.

use crate::plan::share::Share;
use crate::plan::{KeyDistribution, ValueSize, Walk};
use crate::workload::new_keys::Growth;
use crate::workload::rng::Rng;
use crate::workload::zipf::Zipf;
use std::sync::Arc;

/// Where the number of a slot comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// From `min` to `max`, each with the same chance.
    Between { min: u64, max: u64 },
    /// 0, 1, 2, … below the bound, over and over; each thread takes its share, and each place in a command its turn.
    Sequential { below: u64, turn: Turn },
    /// The same on each connection by itself.
    Walk { below: u64, turn: Turn, walk: Walk },
    /// Zipf's law, 0 the most frequent.
    Zipf(Zipf),
    /// Zipf's law, counted down from the last number, or the last new key, when it is used.
    Latest { count: u64, exponent: f64, zipf: Zipf },
    /// Numbers from this one on, each once, drawn when it is used.
    New { first: u64 },
    /// Those of another source, so much higher.
    Raised { by: u64, source: Box<Self> },
    /// A bell curve around the middle, cut off at the ends.
    Gaussian { below: u64, deviation: f64 },
    /// The first `hot` numbers with this chance, of 2^64, else one of the others.
    Hotspot { hot: u64, chance: u64, below: u64 },
    /// An offset into the value block.
    BlockOffset,
    /// One of these sizes, each with the running sum of the weights up to it.
    Weighted(Arc<[(u64, u64)]>),
    /// A length from `min` on by Zipf's law.
    ZipfLength { min: u64, zipf: Zipf },
}

/// Which of the numbers of a sequence a place in a command takes: it has several such places, and each request goes on where the
/// one before it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    place: u64,
    of: u64,
}

/// What is known of a number only when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// The next new key, from this number on.
    New { first: u64 },
    /// So many before the newest key: the number that was drawn, less `raised`. So many keys are old.
    Latest { count: u64, raised: u64 },
    /// The next key of the connection that sends it; what was drawn is how many times it has drawn before.
    Walk { below: u64, turn: Turn, walk: Walk, raised: u64 },
}

impl Late {
    /// The number, from the one that was drawn.
    pub(crate) fn settle(self, drawn: u64, growth: &mut Growth) -> u64 {
        match self {
            Self::New { first } => first + growth.draw(),
            Self::Latest { count, raised } => raised + growth.keys().latest(count, drawn - raised),
            Self::Walk { below, turn, walk, raised } => {
                let position = u128::from(drawn) * u128::from(turn.of) + u128::from(turn.place);
                raised + growth.seat.key(walk, position, below)
            }
        }
    }
}

impl Source {
    /// Each number below the bound (at least 1) with the same chance.
    pub(crate) const fn uniform(below: u64) -> Self {
        Self::Between { min: 0, max: below.saturating_sub(1) }
    }

    /// The numbers of a key space of this size.
    pub(crate) fn keys(distribution: KeyDistribution, count: u64) -> Self {
        match distribution {
            KeyDistribution::Uniform => Self::uniform(count),
            KeyDistribution::Sequential => {
                Self::Sequential { below: count, turn: Turn { place: 0, of: 1 } }
            }
            KeyDistribution::Walk(walk) => {
                Self::Walk { below: count, turn: Turn { place: 0, of: 1 }, walk }
            }
            KeyDistribution::New => Self::New { first: count },
            KeyDistribution::Zipf { exponent } => Self::Zipf(Zipf::new(count, exponent)),
            KeyDistribution::Latest { exponent } => {
                Self::Latest { count, exponent, zipf: Zipf::new(count, exponent) }
            }
            KeyDistribution::Gaussian { deviation } => {
                Self::Gaussian { below: count, deviation: deviation * count as f64 }
            }
            KeyDistribution::Hotspot { keys, requests } => {
                let hot = ((keys * count as f64).round() as u64).clamp(1, count);
                // All keys are hot: nothing is left for the others.
                let chance =
                    if hot == count { u64::MAX } else { (requests * 2_f64.powi(64)) as u64 };
                Self::Hotspot { hot, chance, below: count }
            }
        }
    }

    /// The lengths of values; `None` if there is only one.
    pub(crate) fn lengths(values: &ValueSize) -> Option<Self> {
        Some(match values {
            ValueSize::Fixed(_) => return None,
            ValueSize::Range { min, max } => Self::Between { min: *min as u64, max: *max as u64 },
            ValueSize::Weighted(sizes) => {
                let mut sum = 0;
                let sums = sizes.iter().map(|(size, weight)| {
                    sum += u64::from(*weight);
                    (*size as u64, sum)
                });
                Self::Weighted(sums.collect())
            }
            ValueSize::Zipf { min, max, exponent } => {
                let zipf = Zipf::new((max - min) as u64 + 1, *exponent);
                Self::ZipfLength { min: *min as u64, zipf }
            }
        })
    }

    /// The same numbers, higher by so much.
    pub(crate) fn raised(self, by: u64) -> Self {
        match by {
            0 => self,
            _ => Self::Raised { by, source: Box::new(self) },
        }
    }

    /// The largest number there will be; of a key space that grows, as large as no run makes it.
    pub(crate) fn largest(&self) -> u64 {
        /// New keys of one run: a million a second for a day.
        const NEW_MAX: u64 = 100_000_000_000;
        match self {
            Self::Between { max, .. } => *max,
            Self::Sequential { below, .. }
            | Self::Walk { below, .. }
            | Self::Gaussian { below, .. }
            | Self::Hotspot { below, .. } => below.saturating_sub(1),
            Self::Zipf(zipf) => zipf.count().saturating_sub(1),
            Self::Latest { count: first, .. } | Self::New { first } => {
                first.saturating_add(NEW_MAX)
            }
            Self::Raised { by, source } => by.saturating_add(source.largest()),
            Self::BlockOffset | Self::Weighted(_) | Self::ZipfLength { .. } => u64::MAX,
        }
    }

    /// A sequence, for one of several places that take turns.
    fn in_turn(&self, turn: Turn) -> Self {
        match self {
            Self::Sequential { below, .. } => Self::Sequential { below: *below, turn },
            Self::Walk { below, walk, .. } => Self::Walk { below: *below, turn, walk: *walk },
            Self::Raised { by, source } => {
                Self::Raised { by: *by, source: Box::new(source.in_turn(turn)) }
            }
            other => other.clone(),
        }
    }

    /// Makes the places of a command that have the same sequence take turns: it has each number once.
    pub(crate) fn share_sequences(slots: &mut [Self], places: &[usize]) {
        let sources = slots.to_vec();
        for &slot in places {
            let same = || places.iter().filter(|other| sources[**other] == sources[slot]);
            let place = same().take_while(|other| **other != slot).count() as u64;
            slots[slot] = sources[slot].in_turn(Turn { place, of: same().count() as u64 });
        }
    }

    /// What is known of its numbers only when they are used, if anything is.
    pub(crate) fn late(&self) -> Option<Late> {
        match self {
            Self::New { first } => Some(Late::New { first: *first }),
            Self::Latest { count, .. } => Some(Late::Latest { count: *count, raised: 0 }),
            Self::Walk { below, turn, walk } => {
                Some(Late::Walk { below: *below, turn: *turn, walk: *walk, raised: 0 })
            }
            Self::Raised { by, source } => Some(match source.late()? {
                Late::New { first } => Late::New { first: first + by },
                Late::Latest { count, raised } => Late::Latest { count, raised: raised + by },
                Late::Walk { below, turn, walk, raised } => {
                    Late::Walk { below, turn, walk, raised: raised + by }
                }
            }),
            _ => None,
        }
    }

    /// Whether each of its numbers is a new key.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.late(), Some(Late::New { .. }))
    }

    /// Fills `numbers` with the next ones. `position` is where a sequence stands on this thread.
    pub(crate) fn fill(
        &self,
        numbers: &mut [u64],
        position: &mut u64,
        growth: &Growth,
        share: Share,
        block_len: usize,
        rng: &mut Rng,
    ) {
        match self {
            Self::Between { min, max } => {
                // All of 64 bits is one more than a bound can say; the last number is left out.
                let below = (max - min).saturating_add(1);
                numbers.fill_with(|| min + rng.below(below));
            }
            Self::Sequential { below, turn } => numbers.fill_with(|| {
                let step = u128::from(*position) * u128::from(turn.of) + u128::from(turn.place);
                let number = u128::from(share.index) + step * u128::from(share.of);
                *position += 1;
                (number % u128::from((*below).max(1))) as u64
            }),
            Self::Zipf(zipf) => numbers.fill_with(|| zipf.draw(rng) - 1),
            Self::Latest { count, exponent, zipf } => {
                let zipf = match growth.keys().len() {
                    0 => *zipf,
                    grown => Zipf::new(count.saturating_add(grown), *exponent),
                };
                numbers.fill_with(|| zipf.draw(rng) - 1);
            }
            Self::New { .. } | Self::Walk { .. } => {}
            Self::Raised { by, source } => {
                source.fill(numbers, position, growth, share, block_len, rng);
                numbers.iter_mut().for_each(|number| *number += by);
            }
            Self::Gaussian { below, deviation } => {
                numbers.fill_with(|| gaussian(*below, *deviation, rng));
            }
            Self::Hotspot { hot, chance, below } => numbers.fill_with(|| {
                if rng.next_u64() <= *chance {
                    rng.below(*hot)
                } else {
                    hot + rng.below(below - hot)
                }
            }),
            Self::BlockOffset => numbers.fill_with(|| rng.below(block_len as u64)),
            Self::Weighted(sizes) => numbers.fill_with(|| weighted(sizes, rng)),
            Self::ZipfLength { min, zipf } => numbers.fill_with(|| min + zipf.draw(rng) - 1),
        }
    }
}

fn gaussian(below: u64, deviation: f64, rng: &mut Rng) -> u64 {
    let whole = below as f64;
    loop {
        let number = whole / 2.0 + rng.normal() * deviation;
        if (0.0..whole).contains(&number) {
            return (number as u64).min(below.saturating_sub(1));
        }
    }
}

fn weighted(sizes: &[(u64, u64)], rng: &mut Rng) -> u64 {
    let total = sizes.last().map_or(0, |(_, sum)| *sum);
    let choice = rng.below(total);
    sizes.iter().find(|(_, sum)| choice < *sum).map_or(0, |(size, _)| *size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::new_keys::{Insertions, NewKeys};
    use proptest::prelude::{Strategy as _, any, prop_assert, prop_oneof, proptest};

    const ALONE: Share = Share { index: 0, of: 1 };

    fn draw(source: &Source, count: usize) -> Vec<u64> {
        let mut numbers = vec![0; count];
        let mut growth = Growth::new(Arc::new(NewKeys::new(1)), ALONE);
        source.fill(&mut numbers, &mut 0, &growth, ALONE, 1_000, &mut Rng::new(5, &[]));
        if let Some(late) = source.late() {
            numbers.iter_mut().for_each(|number| *number = late.settle(*number, &mut growth));
        }
        numbers
    }

    fn keys(distribution: KeyDistribution, count: u64, draws: usize) -> Vec<u64> {
        draw(&Source::keys(distribution, count), draws)
    }

    /// How far counts in ten equal cells are from what is wanted, as chi-square (9 degrees of freedom: 99.9 % below 27.9).
    fn chi(numbers: &[u64], count: u64, want: impl Fn(f64, f64) -> f64) -> f64 {
        let mut cells = [0_f64; 10];
        numbers.iter().for_each(|number| cells[(number * 10 / count) as usize] += 1.0);
        (0_u32..)
            .zip(cells)
            .map(|(cell, got)| {
                let from = f64::from(cell) / 10.0;
                let want = want(from, from + 0.1) * numbers.len() as f64;
                (got - want).powi(2) / want
            })
            .sum()
    }

    #[test]
    fn uniform_is_flat_and_a_bell_is_a_bell() {
        let uniform = keys(KeyDistribution::Uniform, 10_000, 200_000);
        assert!(chi(&uniform, 10_000, |_, _| 0.1) < 27.9);
        let deviation = 0.2;
        let bell = keys(KeyDistribution::Gaussian { deviation }, 10_000, 200_000);
        let density = |x: f64| (-((x - 0.5) / deviation).powi(2) / 2.0).exp();
        let area = |from: f64, to: f64| {
            let step = (to - from) / 1_000.0;
            (0..1_000).map(|i| density(from + (f64::from(i) + 0.5) * step) * step).sum::<f64>()
        };
        assert!(chi(&bell, 10_000, |from, to| area(from, to) / area(0.0, 1.0)) < 27.9);
    }

    #[test]
    fn a_hotspot_takes_its_share_and_the_latest_key_is_the_most_frequent() {
        let hotspot = KeyDistribution::Hotspot { keys: 0.1, requests: 0.9 };
        let hot = keys(hotspot, 1_000, 100_000);
        let share = hot.iter().filter(|key| **key < 100).count();
        assert!((89_500..90_500).contains(&share), "{share}");
        let cold: Vec<u64> = hot.iter().filter(|key| **key >= 100).map(|key| key - 100).collect();
        assert!(chi(&cold, 900, |_, _| 0.1) < 27.9);
        let latest = keys(KeyDistribution::Latest { exponent: 0.99 }, 1_000, 10_000);
        let oldest_first = keys(KeyDistribution::Zipf { exponent: 0.99 }, 1_000, 10_000);
        assert!(latest.iter().zip(&oldest_first).all(|(new, old)| new + old == 999));
        assert!(latest.iter().filter(|key| **key == 999).count() > 1_000);
    }

    #[test]
    fn new_keys_are_each_new_and_become_the_latest_when_they_are_there() {
        let keys = Arc::new(NewKeys::new(2));
        let second = Share { index: 1, of: 2 };
        let mut growth = Growth::new(Arc::clone(&keys), second);
        let mut inserted = Insertions::new(keys, second, vec![1]);
        let mut rng = Rng::new(5, &[]);
        let mut draw = |source: &Source, growth: &mut Growth| {
            let mut numbers = [0; 64];
            source.fill(&mut numbers, &mut 0, growth, second, 1, &mut rng);
            let late = source.late().expect("known when used");
            numbers.map(|number| late.settle(number, growth))
        };
        let new = Source::keys(KeyDistribution::New, 100).raised(1_000);
        let latest = Source::keys(KeyDistribution::Latest { exponent: 0.99 }, 100).raised(1_000);
        let fresh = [draw(&new, &mut growth), draw(&new, &mut growth)].concat();
        assert_eq!(fresh, (0..128).map(|k| 1_101 + 2 * k).collect::<Vec<_>>());
        let hottest = |keys: &[u64]| keys.iter().copied().max();
        assert_eq!(hottest(&draw(&latest, &mut growth)), Some(1_099), "none of them is there");
        (0..64).for_each(|place| inserted.end(place, 0));
        let hot = draw(&latest, &mut growth);
        // Those of the other thread are not there.
        assert!(hot.iter().all(|key| *key < 1_100 || key % 2 == 1), "{hot:?}");
        assert_eq!(hottest(&hot), Some(fresh[63]));
    }

    #[test]
    fn sizes_come_by_weight_and_by_law() {
        let sizes = ValueSize::Weighted([(32, 3), (4_096, 1)].into());
        let lengths = draw(&Source::lengths(&sizes).expect("several"), 40_000);
        let small = lengths.iter().filter(|len| **len == 32).count();
        assert!(lengths.iter().all(|len| [32, 4_096].contains(len)));
        assert!((29_500..30_500).contains(&small), "{small}");
        let zipf = ValueSize::Zipf { min: 16, max: 1_024, exponent: 1.0 };
        let lengths = draw(&Source::lengths(&zipf).expect("several"), 40_000);
        assert!(lengths.iter().all(|len| (16..=1_024).contains(len)));
        // The shortest has 1/H(1,009) of all.
        let shortest = lengths.iter().filter(|len| **len == 16).count() as f64 / 40_000.0;
        assert!((shortest * 7.495 - 1.0).abs() < 0.05, "{shortest}");
    }

    proptest! {
        #[test]
        fn every_key_is_of_the_space(
            count in prop_oneof![1..20_u64, any::<u64>().prop_map(|n| n.max(1))],
            share in 0.0001..=1.0_f64,
            other in 0.0..=1.0_f64,
        ) {
            for distribution in [
                KeyDistribution::Uniform,
                KeyDistribution::Sequential,
                KeyDistribution::Zipf { exponent: other * 3.0 },
                KeyDistribution::Latest { exponent: other * 3.0 },
                KeyDistribution::Gaussian { deviation: share },
                KeyDistribution::Hotspot { keys: share, requests: other },
            ] {
                let numbers = keys(distribution, count, 30);
                // Zipf's ranks are rounded beyond 2^53.
                let last = numbers.iter().copied().max().unwrap_or(0);
                prop_assert!(last < count || last as f64 <= count as f64 && count > 1 << 53);
            }
        }
    }
}
