//! The order in which the arms of a session run. Pure data: no clock, no server.
//!
//! Invariant: every arm runs once in each repetition, whatever the order.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_xoshiro::Xoshiro256PlusPlus;

/// How the repetitions of several arms are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// All repetitions of the first arm, then all of the next: A A B B. Slow changes of the machine look like a difference
    /// between the arms.
    Sequential,
    /// All arms once, in the same order, then again: A B A B.
    Interleaved,
    /// As interleaved, and every second repetition backward: A B B A. A steady drift affects all arms equally.
    Abba,
    /// As interleaved, with each repetition shuffled; the same seed gives the same order.
    Random {
        /// Where the random choices start.
        seed: u64,
    },
}

/// One run of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The arm, as an index into the session's list.
    pub arm: usize,
    /// The repetition, from 0.
    pub repetition: u32,
}

impl Order {
    /// All runs of so many arms, in order.
    #[must_use]
    pub fn steps(self, arms: usize, repetitions: u32) -> Vec<Step> {
        if self == Self::Sequential {
            let of_arm = |arm| (0..repetitions).map(move |repetition| Step { arm, repetition });
            return (0..arms).flat_map(of_arm).collect();
        }
        let mut random = match self {
            Self::Random { seed } => Some(Xoshiro256PlusPlus::seed_from_u64(seed)),
            _ => None,
        };
        let mut steps = Vec::new();
        for repetition in 0..repetitions {
            let mut order: Vec<usize> = (0..arms).collect();
            if let Some(random) = &mut random {
                order.shuffle(random);
            } else if self == Self::Abba && repetition % 2 == 1 {
                order.reverse();
            }
            steps.extend(order.into_iter().map(|arm| Step { arm, repetition }));
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order as letters, with a blank between repetitions.
    fn letters(order: Order, arms: usize, repetitions: u32) -> String {
        let steps = order.steps(arms, repetitions);
        let letter = |step: &Step| char::from(b'A' + u8::try_from(step.arm).expect("few arms"));
        steps.iter().map(letter).collect()
    }

    #[test]
    fn the_orders_with_fixed_places() {
        for (order, arms, repetitions, want) in [
            (Order::Sequential, 2, 3, "AAABBB"),
            (Order::Interleaved, 2, 3, "ABABAB"),
            (Order::Abba, 2, 3, "ABBAAB"),
            (Order::Abba, 3, 2, "ABCCBA"),
            (Order::Abba, 1, 2, "AA"),
            (Order::Abba, 0, 2, ""),
            (Order::Abba, 2, 0, ""),
        ] {
            assert_eq!(letters(order, arms, repetitions), want, "{order:?}");
        }
    }

    #[test]
    fn every_arm_runs_once_in_each_repetition() {
        let orders =
            [Order::Sequential, Order::Interleaved, Order::Abba, Order::Random { seed: 7 }];
        for order in orders {
            let steps = order.steps(5, 4);
            for repetition in 0..4 {
                let mut arms: Vec<usize> = steps
                    .iter()
                    .filter(|step| step.repetition == repetition)
                    .map(|step| step.arm)
                    .collect();
                arms.sort_unstable();
                assert_eq!(arms, [0, 1, 2, 3, 4], "{order:?}");
            }
        }
    }

    #[test]
    fn a_seed_gives_one_order_and_repetitions_differ() {
        let of = |seed| letters(Order::Random { seed }, 4, 6);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let one = of(1);
        let repetitions: std::collections::BTreeSet<&str> =
            (0..6).map(|at| &one[at * 4..at * 4 + 4]).collect();
        assert!(repetitions.len() > 2, "{one}");
    }

    #[test]
    fn every_arm_comes_first_about_as_often() {
        let steps = Order::Random { seed: 3 }.steps(4, 4000);
        for arm in 0..4 {
            let first = steps.chunks(4).filter(|one| one[0].arm == arm).count();
            assert!((900..1100).contains(&first), "arm {arm} came first {first} times of 4000");
        }
    }
}
