//! Replies of HRANDFIELD and ZRANDMEMBER: random pairs of a collection, or only the first of each pair.
//!
//! `arguments::random_count` reads the arguments. Invariant: if different pairs are requested, every
//! selection is equally likely.

use crate::reply::Reply;
use std::ops::ControlFlow;

/// A collection of pairs that can be drawn from.
pub(super) trait RandomPairs: 'static {
    /// One of them.
    type Pair<'a>: Copy;

    /// How many there are.
    fn len(&self) -> usize;

    /// Any of them, all equally likely; `None` if there is none.
    fn random(&self, draw: &mut dyn FnMut() -> u64) -> Option<Self::Pair<'_>>;

    /// Visits them one after the other; may stop after `Break`.
    fn visit(&self, visit: &mut dyn FnMut(Self::Pair<'_>) -> ControlFlow<()>);

    /// Writes the first of a pair.
    fn first(pair: Self::Pair<'_>, out: &mut Reply);

    /// Writes the second.
    fn second(pair: Self::Pair<'_>, out: &mut Reply);
}

/// Which of each pair is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    First,
    Both,
}

/// One (the first of its pair) without a count; |count| of them if it is negative, different ones if it is
/// positive. O(count), and O(pairs) for different ones.
pub(crate) fn reply<P: RandomPairs>(
    pairs: &P,
    count: Option<i64>,
    with: With,
    draw: &mut dyn FnMut() -> u64,
    out: &mut Reply,
) {
    match count {
        None => {
            if let Some(pair) = pairs.random(draw) {
                P::first(pair, out);
            }
        }
        Some(count @ ..0) => {
            let wanted = count.unsigned_abs() as usize;
            head(out, with, wanted);
            for _ in 0..wanted {
                if let Some(pair) = pairs.random(draw) {
                    one::<P>(out, with, pair);
                }
            }
        }
        Some(count) => different(pairs, count as usize, with, draw, out),
    }
}

fn head(out: &mut Reply, with: With, count: usize) {
    match with {
        With::Both if !out.resp3() => out.array(count * 2),
        _ => out.array(count),
    }
}

fn one<P: RandomPairs>(out: &mut Reply, with: With, pair: P::Pair<'_>) {
    if with == With::Both && out.resp3() {
        out.array(2);
    }
    P::first(pair, out);
    if with == With::Both {
        P::second(pair, out);
    }
}

/// `wanted` different pairs, or all: a selection of places, in one walk.
fn different<P: RandomPairs>(
    pairs: &P,
    wanted: usize,
    with: With,
    draw: &mut dyn FnMut() -> u64,
    out: &mut Reply,
) {
    let (mut left, mut needed) = (pairs.len() as u64, wanted.min(pairs.len()) as u64);
    head(out, with, needed as usize);
    pairs.visit(&mut |pair| {
        if needed == 0 {
            return ControlFlow::Break(());
        }
        // Selection sampling: every selection is equally likely.
        if draw() % left < needed {
            one::<P>(out, with, pair);
            needed -= 1;
        }
        left -= 1;
        ControlFlow::Continue(())
    });
}
