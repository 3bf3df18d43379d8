//! LMPOP ZMPOP, and what all commands share that take elements out of a list or a sorted set which
//! somebody may be waiting for.

use super::flags::{MOVABLE_KEYS, WRITE};
use super::list_move::{Moved, move_item};
use super::{Call, CommandSpec, Group, NO_KEYS, Reply, command, parse_integer};
use crate::db::list::End;
use crate::db::{Free, Value};
use crate::server::Server;

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("lmpop", -4, WRITE | MOVABLE_KEYS, NO_KEYS, lmpop).docs(
        Group::List,
        "7.0.0",
        "O(N+M) for N keys and M items",
        "Takes items from the first list that has some.",
    ),
    command("zmpop", -4, WRITE | MOVABLE_KEYS, NO_KEYS, zmpop).docs(
        Group::SortedSet,
        "7.0.0",
        "O(K) + O(M*log(N)) for K keys and M members",
        "Takes members from the first sorted set that has some.",
    ),
];

/// What is wanted of a key.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// BLPOP, BRPOP: key and item.
    Item(End),
    /// LMPOP, BLMPOP: key and up to so many items.
    Items(End, usize),
    /// BLMOVE: the item, which goes to the other list.
    Move { from: End, to: End, target: Box<[u8]> },
    /// BZPOPMIN, BZPOPMAX: key, member and score.
    Member(End),
    /// ZMPOP, BZMPOP: key and up to so many members with their scores.
    Members(End, usize),
}

/// How that went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// The reply is written.
    Yes,
    /// There is nothing under this key.
    Missing,
    /// There is something else under this key.
    OtherType,
    /// The other list is none: the error is written.
    Refused,
}

/// Takes what is wanted of `key`, if it is there, and replies with it. O(1) per item, O(log N) per
/// member.
pub(crate) fn serve(
    server: &mut Server,
    db: usize,
    key: &[u8],
    wish: &Wish,
    out: &mut Reply,
) -> Served {
    let now_ms = server.now_ms();
    if let Wish::Move { from, to, target } = wish {
        return match move_item(server, db, (key, target), (*from, *to), out) {
            Moved::Yes => Served::Yes,
            Moved::NoSource => Served::Missing,
            Moved::SourceOtherType => Served::OtherType,
            Moved::TargetOtherType => Served::Refused,
        };
    }
    let emptied = match (server.dbs[db].lookup_write(key, now_ms), wish) {
        (None, _) => return Served::Missing,
        (Some(Value::List(list)), Wish::Item(end)) => {
            out.array(2);
            out.bulk(key);
            if let Some(item) = list.pop(*end) {
                out.bulk(&item);
            }
            list.is_empty()
        }
        (Some(Value::List(list)), Wish::Items(end, most)) => {
            let count = list.len().min(*most);
            out.array(2);
            out.bulk(key);
            out.array(count);
            (0..count).filter_map(|_| list.pop(*end)).for_each(|item| out.bulk(&item));
            list.is_empty()
        }
        (Some(Value::SortedSet(set)), Wish::Member(end)) => {
            out.array(3);
            out.bulk(key);
            if let Some(scored) = set.pop(*end) {
                out.bulk(&scored.member);
                out.double(scored.score);
            }
            set.is_empty()
        }
        (Some(Value::SortedSet(set)), Wish::Members(end, most)) => {
            let count = set.len().min(*most);
            out.array(2);
            out.bulk(key);
            out.array(count);
            for scored in (0..count).filter_map(|_| set.pop(*end)) {
                out.array(2);
                out.bulk(&scored.member);
                out.double(scored.score);
            }
            set.is_empty()
        }
        (Some(_), _) => return Served::OtherType,
    };
    if emptied {
        server.dbs[db].remove(key, Free::Now, now_ms);
    }
    server.touch_key(db, key);
    Served::Yes
}

/// Serves from the first of `keys` that has something. `None`, without a reply, if none has.
pub(super) fn serve_first<'k>(
    call: &mut Call<'_>,
    keys: impl Iterator<Item = &'k [u8]>,
    wish: &Wish,
) -> Option<()> {
    for key in keys {
        match serve(call.server, call.db, key, wish, call.out) {
            Served::Missing => {}
            Served::OtherType => {
                call.out.wrong_type();
                return Some(());
            }
            Served::Yes | Served::Refused => return Some(()),
        }
    }
    None
}

/// Keys and wish of `numkeys key … <end> [COUNT n]`, from the argument at `first` on; replies with
/// the error if they are wrong.
pub(super) fn parse_many<'a>(
    call: &mut Call<'a>,
    first: usize,
    ends: [(&str, End); 2],
    wish: fn(End, usize) -> Wish,
) -> Option<(Vec<&'a [u8]>, Wish)> {
    let args = call.args;
    let positive = |at: usize| {
        args.get(at)
            .and_then(parse_integer)
            .filter(|&n| n > 0)
            .and_then(|n| usize::try_from(n).ok())
    };
    let Some(key_count) = positive(first) else {
        call.out.error("ERR numkeys should be greater than 0");
        return None;
    };
    let where_at = first.checked_add(key_count)?.checked_add(1)?;
    let end = ends.iter().find(|(word, _)| args.is(where_at, word)).map(|(_, end)| *end);
    let Some(end) = end else {
        call.out.syntax_error();
        return None;
    };
    let more = args.len() - where_at - 1;
    let counted = more >= 2 && args.is(where_at + 1, "count");
    let count = if counted { positive(where_at + 2) } else { Some(1) };
    let Some(count) = count else {
        call.out.error("ERR count should be greater than 0");
        return None;
    };
    if more != if counted { 2 } else { 0 } {
        call.out.syntax_error();
        return None;
    }
    Some((args.from(first + 1).take(key_count).collect(), wish(end, count)))
}

/// The words for the ends of lists.
pub(super) const LIST_ENDS: [(&str, End); 2] = [("left", End::Head), ("right", End::Tail)];
/// The words for the ends of sorted sets.
pub(super) const SET_ENDS: [(&str, End); 2] = [("min", End::Head), ("max", End::Tail)];

/// LMPOP numkeys key … LEFT|RIGHT [COUNT n]: a key and its items, or null. O(N+M).
fn lmpop(call: &mut Call<'_>) {
    pop(call, LIST_ENDS, Wish::Items);
}

/// ZMPOP numkeys key … MIN|MAX [COUNT n]: a key and its members with scores, or null. O(K)+O(M log N).
fn zmpop(call: &mut Call<'_>) {
    pop(call, SET_ENDS, Wish::Members);
}

fn pop(call: &mut Call<'_>, ends: [(&str, End); 2], wish: fn(End, usize) -> Wish) {
    let Some((keys, wish)) = parse_many(call, 1, ends, wish) else { return };
    if serve_first(call, keys.into_iter(), &wish).is_none() {
        call.out.null_array();
    }
}
