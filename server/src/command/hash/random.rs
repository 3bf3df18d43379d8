//! HRANDFIELD: random fields of a hash, with or without their values.

use crate::command::arguments::random_count;
use crate::command::random_pairs::{self, RandomPairs, With};
use crate::db::Value;
use crate::db::hash::Hash;
use crate::reply::Reply;
use crate::server::flags::READONLY;
use crate::server::{Call, CommandSpec, Group, command, keys};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::ops::ControlFlow;

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] =
    &[command("hrandfield", -2, READONLY, keys(1, 1, 1), hrandfield)
        .docs(
            Group::Hash,
            "6.2.0",
            "O(N) for N fields returned",
            "Returns random fields of a hash.",
        )
        .tips(&["nondeterministic_output"])];

impl RandomPairs for Hash {
    type Pair<'a> = (&'a [u8], &'a [u8]);

    fn len(&self) -> usize {
        Hash::len(self)
    }

    fn random(&self, draw: &mut dyn FnMut() -> u64) -> Option<Self::Pair<'_>> {
        Hash::random(self, draw)
    }

    fn visit(&self, visit: &mut dyn FnMut(Self::Pair<'_>) -> ControlFlow<()>) {
        self.for_each(|field, value| {
            // A hash visits all pairs; pairs after the last selected one are ignored.
            let _ = visit((field, value));
        });
    }

    fn first((field, _): Self::Pair<'_>, out: &mut Reply) {
        out.bulk(field);
    }

    fn second((_, value): Self::Pair<'_>, out: &mut Reply) {
        out.bulk(value);
    }
}

/// HRANDFIELD key [count [WITHVALUES]]: a random field; |count| of them if it is negative, different
/// ones if it is positive. O(N).
fn hrandfield(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some((count, with_values)) = random_count(call, "withvalues") else { return };
    let with = if with_values { With::Both } else { With::First };
    let (db, out) = call.db_and_out();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(db.draw());
    let hash = match db.lookup_read(key, now_ms) {
        None if count.is_some() => return out.array(0),
        None => return out.null(),
        Some(Value::Hash(hash)) => hash,
        Some(_) => return out.wrong_type(),
    };
    random_pairs::reply(&**hash, count, with, &mut || random.next_u64(), out);
}
