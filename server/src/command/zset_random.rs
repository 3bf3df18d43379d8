//! ZRANDMEMBER: random members of a sorted set, with or without their scores.

use super::flags::READONLY;
use super::generic_args::random_count;
use super::zset::zset_in;
use super::{Call, CommandSpec, Group, Reply, command, keys};
use crate::db::sorted_set::{Scored, SortedSet};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] =
    &[command("zrandmember", -2, READONLY, keys(1, 1, 1), zrandmember)
        .docs(
            Group::SortedSet,
            "6.2.0",
            "O(N) for N members returned",
            "Returns random members of a sorted set.",
        )
        .tips(&["nondeterministic_output"])];

/// Whether scores follow their members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
    Members,
    Scores,
}

/// ZRANDMEMBER key [count [WITHSCORES]]: a random member; |count| of them if it is negative, different
/// ones if it is positive. O(N).
fn zrandmember(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some((count, with_scores)) = random_count(call, "withscores") else { return };
    let with = if with_scores { With::Scores } else { With::Members };
    let (db, out) = call.db_and_out();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(db.draw());
    let mut draw = || random.next_u64();
    let set = match db.lookup_read(key, now_ms) {
        None if count.is_some() => return out.array(0),
        None => return out.null(),
        Some(value) => match zset_in(value, out) {
            Some(set) => set,
            None => return,
        },
    };
    match count {
        None => {
            if let Some(scored) = set.random(draw) {
                out.bulk(&scored.member);
            }
        }
        Some(count @ ..0) => {
            let wanted = count.unsigned_abs() as usize;
            head(out, with, wanted);
            for _ in 0..wanted {
                if let Some(scored) = set.random(&mut draw) {
                    one(out, with, scored);
                }
            }
        }
        Some(count) => different(set, count as usize, draw, with, out),
    }
}

fn head(out: &mut Reply, with: With, count: usize) {
    match with {
        With::Scores if !out.resp3() => out.array(count * 2),
        _ => out.array(count),
    }
}

fn one(out: &mut Reply, with: With, scored: &Scored) {
    if with == With::Scores && out.resp3() {
        out.array(2);
    }
    out.bulk(&scored.member);
    if with == With::Scores {
        out.double(scored.score);
    }
}

/// `wanted` different members, or all: a selection of places, in one walk. O(members).
fn different(
    set: &SortedSet,
    wanted: usize,
    mut draw: impl FnMut() -> u64,
    with: With,
    out: &mut Reply,
) {
    let (mut left, mut needed) = (set.len() as u64, wanted.min(set.len()) as u64);
    head(out, with, needed as usize);
    for scored in set.iter() {
        if needed == 0 {
            break;
        }
        // Each is taken with the chance that is left for it: every selection is equally likely.
        if draw() % left < needed {
            one(out, with, scored);
            needed -= 1;
        }
        left -= 1;
    }
}
