//! HRANDFIELD: random fields of a hash, with or without their values.

use super::flags::READONLY;
use super::generic_args::random_count;
use super::{Call, CommandSpec, Group, Reply, command, keys};
use crate::db::Value;
use crate::db::hash::Hash;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

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

/// Whether values follow their fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
    Fields,
    Values,
}

/// HRANDFIELD key [count [WITHVALUES]]: a random field; |count| of them if it is negative, different
/// ones if it is positive. O(N).
fn hrandfield(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some((count, with_values)) = random_count(call, "withvalues") else { return };
    let with = if with_values { With::Values } else { With::Fields };
    let (db, out) = call.db_and_out();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(db.draw());
    let mut draw = || random.next_u64();
    let hash = match db.lookup_read(key, now_ms) {
        None if count.is_some() => return out.array(0),
        None => return out.null(),
        Some(Value::Hash(hash)) => hash,
        Some(_) => return out.wrong_type(),
    };
    match count {
        None => {
            if let Some((field, _)) = hash.random(draw) {
                out.bulk(field);
            }
        }
        Some(count @ ..0) => {
            let wanted = count.unsigned_abs() as usize;
            head(out, with, wanted);
            for _ in 0..wanted {
                if let Some((field, value)) = hash.random(&mut draw) {
                    pair(out, with, field, value);
                }
            }
        }
        Some(count) => different(hash, count as usize, draw, with, out),
    }
}

fn head(out: &mut Reply, with: With, count: usize) {
    match with {
        With::Values if !out.resp3() => out.array(count * 2),
        _ => out.array(count),
    }
}

fn pair(out: &mut Reply, with: With, field: &[u8], value: &[u8]) {
    if with == With::Values && out.resp3() {
        out.array(2);
    }
    out.bulk(field);
    if with == With::Values {
        out.bulk(value);
    }
}

/// `wanted` different fields, or all: a selection of places first, then one walk. O(fields).
fn different(
    hash: &Hash,
    wanted: usize,
    mut draw: impl FnMut() -> u64,
    with: With,
    out: &mut Reply,
) {
    let (mut left, mut needed) = (hash.len() as u64, wanted.min(hash.len()) as u64);
    head(out, with, needed as usize);
    hash.for_each(|field, value| {
        // Each field is taken with the chance that is left for it: every selection is equally likely.
        if needed > 0 && draw() % left < needed {
            pair(out, with, field, value);
            needed -= 1;
        }
        left -= 1;
    });
}
