//! KEYS, SCAN, and the shared code of SSCAN, HSCAN and ZSCAN.
//!
//! KEYS makes one pass over the whole table and stalls the loop for that time. SCAN bounds the work of each call to
//! COUNT elements or ten times as many empty buckets.

use aelab_resp::encode;

use crate::args::Args;
use crate::db::glob::Pattern;
use crate::db::value::parse_canonical_integer;
use crate::reply::Reply;
use crate::server::flags::READONLY;
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command};

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("keys", 2, READONLY, NO_KEYS, keys_command)
        .docs(
            Group::Generic,
            "1.0.0",
            "O(N) for N keys in the database",
            "Returns all keys that match a pattern.",
        )
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]),
    command("scan", -2, READONLY, NO_KEYS, scan)
        .docs(
            Group::Generic,
            "2.8.0",
            "O(1) for a call, O(N) for a whole iteration",
            "Iterates over the keys.",
        )
        .tips(&["nondeterministic_output", "request_policy:special"]),
];

/// COUNT where none is given.
const COUNT_DEFAULT: usize = 10;
/// Buckets that a call visits at most for each element it was asked for.
const BUCKETS_PER_ELEMENT: usize = 10;

/// KEYS pattern: all keys that match. O(N); stalls all clients.
fn keys_command(call: &mut Call<'_>) {
    let (pattern, now_ms) = (Pattern::new(call.args.at(1)), call.now_ms());
    let (db, out) = call.db_and_out();
    let may_expire = db.expires_len() > 0;
    if pattern.is_everything() && !may_expire {
        out.array(db.len());
        db.for_each(|entry| out.bulk(entry.key()));
        return;
    }
    let mut count = 0;
    let place = out.deferred();
    db.for_each(|entry| {
        if pattern.matches(entry.key()) && !(may_expire && entry.is_expired(now_ms)) {
            out.bulk(entry.key());
            count += 1;
        }
    });
    out.end_array(place, count);
}

/// The options of all four commands.
pub(crate) struct ScanOptions<'a> {
    pub(crate) cursor: u64,
    pub(crate) count: usize,
    pub(crate) pattern: Pattern<'a>,
    kind: Option<&'a [u8]>,
}

/// Reads a cursor as `strtoul` does; `None` after the error.
pub(crate) fn parse_cursor(text: &[u8], out: &mut Reply) -> Option<u64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let value = digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| value.checked_mul(10)?.checked_add(u64::from(digit)))?
    });
    match value {
        Some(value) if !digits.is_empty() || text.is_empty() => {
            Some(if negative { value.wrapping_neg() } else { value })
        }
        _ => {
            out.error("ERR invalid cursor");
            None
        }
    }
}

/// Reads MATCH, COUNT and (for SCAN itself) TYPE from `at` on; `None` after an error.
pub(crate) fn parse_options<'a>(
    args: Args<'a>,
    at: usize,
    cursor: u64,
    out: &mut Reply,
) -> Option<ScanOptions<'a>> {
    let takes_type = at == 2;
    let pattern = Pattern::new(b"*");
    let mut options = ScanOptions { cursor, count: COUNT_DEFAULT, pattern, kind: None };
    for at in (at..args.len()).step_by(2) {
        let Some(value) = args.get(at + 1) else {
            out.syntax_error();
            return None;
        };
        if args.is(at, "count") {
            let Some(count) = parse_canonical_integer(value) else {
                out.not_integer();
                return None;
            };
            if count < 1 {
                out.syntax_error();
                return None;
            }
            options.count = count as usize;
        } else if args.is(at, "match") {
            options.pattern = Pattern::new(value);
        } else if args.is(at, "type") && takes_type {
            options.kind = Some(value);
        } else {
            out.syntax_error();
            return None;
        }
    }
    Some(options)
}

/// SCAN cursor [MATCH pattern] [COUNT n] [TYPE t]: the next cursor and some keys. O(COUNT).
fn scan(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let Some(cursor) = parse_cursor(args.at(1), call.out) else { return };
    let Some(options) = parse_options(args, 2, cursor, call.out) else { return };
    let (db, out) = call.db_and_out();
    reply_scan(&options, out, |cursor, found| {
        db.scan(cursor, |entry| {
            let of_kind = options.kind.is_none_or(|kind| {
                kind.eq_ignore_ascii_case(entry.value().kind().name().as_bytes())
            });
            let wanted = of_kind && options.pattern.matches(entry.key());
            found.visited += 1;
            if wanted && !entry.is_expired(now_ms) {
                found.add(entry.key());
            }
        })
    });
}

/// What a scan has found: elements already encoded.
#[derive(Default)]
pub(crate) struct Found {
    encoded: Vec<u8>,
    count: usize,
    /// Elements seen, matching or not. COUNT counts these.
    pub(crate) visited: usize,
}

impl Found {
    /// Adds an element of the reply.
    pub(crate) fn add(&mut self, element: &[u8]) {
        encode::bulk(&mut self.encoded, element);
        self.count += 1;
    }
}

/// Repeats `step` (one bucket from a cursor on, returning the next cursor) until enough was found, and replies.
pub(crate) fn reply_scan(
    options: &ScanOptions<'_>,
    out: &mut Reply,
    mut step: impl FnMut(u64, &mut Found) -> u64,
) {
    let mut found = Found::default();
    let mut cursor = options.cursor;
    for _ in 0..=options.count.saturating_mul(BUCKETS_PER_ELEMENT) {
        cursor = step(cursor, &mut found);
        if cursor == 0 || found.visited >= options.count {
            break;
        }
    }
    out.array(2);
    out.bulk(cursor.to_string().as_bytes());
    out.array(found.count);
    out.raw(&found.encoded);
}

/// The reply of SSCAN, HSCAN and ZSCAN for a key that does not exist.
pub(crate) fn reply_empty(out: &mut Reply) {
    out.array(2);
    out.bulk(b"0");
    out.array(0);
}
