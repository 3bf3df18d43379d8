//! LMOVE RPOPLPUSH LPOS: moving items between lists, and finding them.

use crate::args::parse_integer;
use crate::blocking::{Moved, move_item};
use crate::db::Value;
use crate::db::list::{End, List};
use crate::server::flags::{DENYOOM, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("lmove", 5, WRITE | DENYOOM, keys(1, 2, 1), lmove).docs(
        Group::List,
        "6.2.0",
        "O(1)",
        "Moves an item from one end of a list to one end of another.",
    ),
    command("rpoplpush", 3, WRITE | DENYOOM, keys(1, 2, 1), rpoplpush).docs(
        Group::List,
        "1.2.0",
        "O(1)",
        "Moves the last item of a list to the head of another.",
    ),
    command("lpos", -3, READONLY, keys(1, 1, 1), lpos).docs(
        Group::List,
        "6.0.6",
        "O(N) for N items",
        "Finds items that are equal to a value.",
    ),
];

/// LMOVE source destination LEFT|RIGHT LEFT|RIGHT: the item moved, or null. O(1).
fn lmove(call: &mut Call<'_>) {
    let Some(from) = end_arg(call, 3) else { return };
    let Some(to) = end_arg(call, 4) else { return };
    transfer(call, from, to);
}

/// RPOPLPUSH source destination: LMOVE from right to left. O(1).
fn rpoplpush(call: &mut Call<'_>) {
    transfer(call, End::Tail, End::Head);
}

pub(crate) fn end_arg(call: &mut Call<'_>, index: usize) -> Option<End> {
    let end = match () {
        () if call.args.is(index, "left") => Some(End::Head),
        () if call.args.is(index, "right") => Some(End::Tail),
        () => None,
    };
    if end.is_none() {
        call.out.syntax_error();
    }
    end
}

fn transfer(call: &mut Call<'_>, from: End, to: End) {
    let names = (call.args.at(1), call.args.at(2));
    match move_item(call.server, call.db, names, (from, to), call.out) {
        Moved::Yes | Moved::TargetOtherType => {}
        Moved::NoSource => call.out.null(),
        Moved::SourceOtherType => call.out.wrong_type(),
    }
}

/// What LPOS looks for.
struct Search {
    /// Matches to skip before the first that counts.
    skip: usize,
    from: End,
    /// Most positions to return; `None` for one, without an array around it.
    count: Option<usize>,
    compare_max: usize,
}

/// LPOS key item [RANK r] [COUNT n] [MAXLEN m]: positions of the item. O(N).
fn lpos(call: &mut Call<'_>) {
    let Some(search) = parse_search(call) else { return };
    let (key, item, now_ms) = (call.args.at(1), call.args.at(2), call.now_ms());
    let (db, out) = call.db_and_out();
    let list = match db.lookup_read(key, now_ms) {
        None if search.count.is_some() => return out.array(0),
        None => return out.null(),
        Some(Value::List(list)) => list,
        Some(_) => return out.wrong_type(),
    };
    let found = positions(list, item, &search);
    match search.count {
        None => match found.first() {
            Some(&at) => out.count(at),
            None => out.null(),
        },
        Some(_) => {
            out.array(found.len());
            found.iter().for_each(|&at| out.count(at));
        }
    }
}

fn positions(list: &List, item: &[u8], search: &Search) -> Vec<usize> {
    let limit = match search.count {
        None => 1,
        Some(0) => usize::MAX,
        Some(count) => count,
    };
    let matching = |(_, candidate): &(usize, &[u8])| *candidate == item;
    let positions: Box<dyn Iterator<Item = (usize, &[u8])>> = match search.from {
        End::Head => Box::new(list.iter().enumerate()),
        End::Tail => {
            Box::new(list.iter().rev().enumerate().map(|(at, item)| (list.len() - 1 - at, item)))
        }
    };
    let found = positions.take(search.compare_max).filter(matching).map(|(at, _)| at);
    found.skip(search.skip).take(limit).collect()
}

fn parse_search(call: &mut Call<'_>) -> Option<Search> {
    let args = call.args;
    let mut search = Search { skip: 0, from: End::Head, count: None, compare_max: usize::MAX };
    let mut at = 3;
    while at < args.len() {
        if at + 1 >= args.len() {
            call.out.syntax_error();
            return None;
        }
        let not_negative = parse_integer(args.at(at + 1)).and_then(|n| usize::try_from(n).ok());
        if args.is(at, "rank") {
            let rank = call.integer_arg(at + 1)?;
            if rank == 0 {
                call.out.error(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second \
                     ... or use negative to start from the end of the list",
                );
                return None;
            }
            // The smallest integer has no positive counterpart; Redis treats it as -1.
            search.skip = rank.checked_abs().map_or(0, |rank| rank as usize - 1);
            search.from = if rank < 0 { End::Tail } else { End::Head };
        } else if args.is(at, "count") {
            let Some(count) = not_negative else {
                call.out.error("ERR COUNT can't be negative");
                return None;
            };
            search.count = Some(count);
        } else if args.is(at, "maxlen") {
            let Some(most) = not_negative else {
                call.out.error("ERR MAXLEN can't be negative");
                return None;
            };
            search.compare_max = if most == 0 { usize::MAX } else { most };
        } else {
            call.out.syntax_error();
            return None;
        }
        at += 2;
    }
    Some(search)
}
