//! Strings as arrays of bits: GETBIT SETBIT BITCOUNT BITPOS. Bit 0 is the highest of the first byte.

pub(super) mod bitfield;
pub(super) mod op;

use crate::args::parse_integer;
use crate::command::arguments::clamp_string_range;
use crate::db::{Entry, Value};
use crate::server::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const ONE_KEY: crate::server::Keys = keys(1, 1, 1);

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("getbit", 3, READONLY | FAST, ONE_KEY, getbit).docs(
        Group::Bitmap,
        "2.2.0",
        "O(1)",
        "Returns a bit of a string.",
    ),
    command("setbit", 4, WRITE | DENYOOM, ONE_KEY, setbit).docs(
        Group::Bitmap,
        "2.2.0",
        "O(1)",
        "Sets or clears a bit of a string.",
    ),
    command("bitcount", -2, READONLY, ONE_KEY, bitcount).docs(
        Group::Bitmap,
        "2.6.0",
        "O(N)",
        "Counts the bits that are set.",
    ),
    command("bitpos", -3, READONLY, ONE_KEY, bitpos).docs(
        Group::Bitmap,
        "2.8.7",
        "O(N)",
        "Finds the first bit that is set or clear.",
    ),
];

/// Reads an offset in bits; replies with the error if no string could be so long.
fn offset_arg(call: &mut Call<'_>) -> Option<usize> {
    let limit = call.server.config.settings().clients.request.bulk_max_bytes;
    let offset = parse_integer(call.args.at(2)).and_then(|offset| usize::try_from(offset).ok());
    let offset = offset.filter(|offset| offset / 8 < limit);
    if offset.is_none() {
        call.out.error("ERR bit offset is not an integer or out of range");
    }
    offset
}

fn bit_at(bytes: &[u8], offset: usize) -> bool {
    bytes.get(offset / 8).is_some_and(|byte| byte & (0x80 >> (offset % 8)) != 0)
}

/// GETBIT key offset: 0 beyond the end. O(1).
fn getbit(call: &mut Call<'_>) {
    let Some(offset) = offset_arg(call) else { return };
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.integer(0) };
    match value.bytes(&mut itoa::Buffer::new()) {
        Some(bytes) => out.integer(bit_at(bytes, offset).into()),
        None => out.wrong_type(),
    }
}

/// SETBIT key offset 0|1: the bit that was there; the string grows as needed. O(1).
fn setbit(call: &mut Call<'_>) {
    let Some(offset) = offset_arg(call) else { return };
    let on = match parse_integer(call.args.at(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return call.out.error("ERR bit is not an integer or out of range"),
    };
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let value = db.get_or_insert(key, now_ms, || Value::Raw(Vec::new()));
    let Some(bytes) = value.make_raw() else { return out.wrong_type() };
    let grows = bytes.len() <= offset / 8;
    if grows {
        bytes.resize(offset / 8 + 1, 0);
    }
    let was = bit_at(bytes, offset);
    let mask = 0x80 >> (offset % 8);
    if on {
        bytes[offset / 8] |= mask;
    } else {
        bytes[offset / 8] &= !mask;
    }
    out.integer(was.into());
    // Writing the same bit does not count as a change.
    if grows || was != on {
        call.touched(key);
    }
}

/// The unit of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

/// BYTE or BIT; replies with the error if it is neither.
fn unit_arg(call: &mut Call<'_>, index: usize) -> Option<Unit> {
    match () {
        () if call.args.len() <= index => Some(Unit::Byte),
        () if call.args.is(index, "byte") => Some(Unit::Byte),
        () if call.args.is(index, "bit") => Some(Unit::Bit),
        () => {
            call.out.syntax_error();
            None
        }
    }
}

/// First bit and number of bits between two ends; `None` if there is nothing between them.
fn bit_range(start: i64, end: i64, unit: Unit, length_bytes: usize) -> Option<(usize, usize)> {
    match unit {
        Unit::Byte => clamp_string_range(start, end, length_bytes)
            .map(|(first, count)| (first * 8, count * 8)),
        Unit::Bit => clamp_string_range(start, end, length_bytes * 8),
    }
}

/// Looks the key up before the range is read, as Redis does. False, with the reply written, if the key
/// does not exist (then the reply is `absent`) or holds another type.
fn is_string(call: &mut Call<'_>, absent: i64) -> bool {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    match db.lookup_read(key, now_ms) {
        None => out.integer(absent),
        Some(value) if value.bytes(&mut itoa::Buffer::new()).is_none() => out.wrong_type(),
        Some(_) => return true,
    }
    false
}

/// BITCOUNT key [start end [BYTE|BIT]]: how many bits are set. O(N).
fn bitcount(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let (mut start, mut end, mut unit) = (0, -1, Unit::Byte);
    if !is_string(call, 0) {
        return;
    }
    match args.len() {
        2 => {}
        4 | 5 => {
            start = match call.integer_arg(2) {
                Some(start) => start,
                None => return,
            };
            end = match call.integer_arg(3) {
                Some(end) => end,
                None => return,
            };
            // Two negative indexes in the wrong order give an empty range.
            if start < 0 && end < 0 && start > end {
                return call.out.integer(0);
            }
            unit = match unit_arg(call, 4) {
                Some(unit) => unit,
                None => return,
            };
        }
        _ => return call.out.syntax_error(),
    }
    let (db, out) = call.db_and_out();
    let mut digits = itoa::Buffer::new();
    let value = db.peek(key, now_ms).map(Entry::value);
    let Some(bytes) = value.and_then(|value| value.bytes(&mut digits)) else { return };
    let Some((first, count)) = bit_range(start, end, unit, bytes.len()) else {
        return out.integer(0);
    };
    out.count(count_bits(bytes, first, first + count));
}

/// Bits set from `first` (inclusive) to `last` (exclusive).
fn count_bits(bytes: &[u8], first: usize, last: usize) -> usize {
    let whole = first.div_ceil(8)..last / 8;
    if whole.start >= whole.end {
        return (first..last).filter(|&at| bit_at(bytes, at)).count();
    }
    let edge = |range: std::ops::Range<usize>| range.filter(|&at| bit_at(bytes, at)).count();
    let middle: usize = bytes[whole.clone()].iter().map(|byte| byte.count_ones() as usize).sum();
    edge(first..whole.start * 8) + middle + edge(whole.end * 8..last)
}

/// BITPOS key 0|1 [start [end [BYTE|BIT]]]: the first such bit, -1 if there is none. O(N).
fn bitpos(call: &mut Call<'_>) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(wanted) = call.integer_arg(2) else { return };
    if wanted != 0 && wanted != 1 {
        return call.out.error("ERR The bit argument must be 1 or 0.");
    }
    let wanted = wanted == 1;
    if !is_string(call, if wanted { -1 } else { 0 }) {
        return;
    }
    if args.len() > 6 {
        return call.out.syntax_error();
    }
    let (mut start, mut end) = (0, -1);
    if args.len() > 3 {
        let Some(given) = call.integer_arg(3) else { return };
        start = given;
    }
    let Some(unit) = unit_arg(call, 5) else { return };
    if args.len() > 4 {
        let Some(given) = call.integer_arg(4) else { return };
        end = given;
    }
    let (db, out) = call.db_and_out();
    let mut digits = itoa::Buffer::new();
    let value = db.peek(key, now_ms).map(Entry::value);
    let Some(bytes) = value.and_then(|value| value.bytes(&mut digits)) else { return };
    let Some((first, count)) = bit_range(start, end, unit, bytes.len()) else {
        return out.integer(-1);
    };
    match find_bit(bytes, wanted, first, first + count) {
        Some(at) => out.count(at),
        // Beyond a string without an end there are only zeros.
        None if !wanted && args.len() <= 4 => out.count(bytes.len() * 8),
        None => out.integer(-1),
    }
}

fn find_bit(bytes: &[u8], wanted: bool, first: usize, last: usize) -> Option<usize> {
    let skipped = if wanted { 0x00 } else { 0xff };
    let mut at = first;
    while at < last {
        if at.is_multiple_of(8) && bytes[at / 8] == skipped {
            at += 8;
        } else if bit_at(bytes, at) == wanted {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}
