//! ZRANDMEMBER: random members of a sorted set, with or without their scores.

use crate::command::arguments::random_count;
use crate::command::random_pairs::{self, RandomPairs, With};
use crate::command::zset::zset_in;
use crate::db::sorted_set::{Scored, SortedSet};
use crate::reply::Reply;
use crate::server::flags::READONLY;
use crate::server::{Call, CommandSpec, Group, command, keys};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::ops::ControlFlow;

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

impl RandomPairs for SortedSet {
    type Pair<'a> = &'a Scored;

    fn len(&self) -> usize {
        SortedSet::len(self)
    }

    fn random(&self, draw: &mut dyn FnMut() -> u64) -> Option<Self::Pair<'_>> {
        SortedSet::random(self, draw)
    }

    fn visit(&self, visit: &mut dyn FnMut(Self::Pair<'_>) -> ControlFlow<()>) {
        let _ = self.iter().try_for_each(visit);
    }

    fn first(scored: Self::Pair<'_>, out: &mut Reply) {
        out.bulk(&scored.member);
    }

    fn second(scored: Self::Pair<'_>, out: &mut Reply) {
        out.double(scored.score);
    }
}

/// ZRANDMEMBER key [count [WITHSCORES]]: a random member; |count| of them if it is negative, different
/// ones if it is positive. O(N).
fn zrandmember(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some((count, with_scores)) = random_count(call, "withscores") else { return };
    let with = if with_scores { With::Both } else { With::First };
    let (db, out) = call.db_and_out();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(db.draw());
    let set = match db.lookup_read(key, now_ms) {
        None if count.is_some() => return out.array(0),
        None => return out.null(),
        Some(value) => match zset_in(value, out) {
            Some(set) => set,
            None => return,
        },
    };
    random_pairs::reply(set, count, with, &mut || random.next_u64(), out);
}
