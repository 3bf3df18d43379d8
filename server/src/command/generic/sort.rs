//! SORT SORT_RO: a list, set or sorted set in order, or in the order of other keys.
//!
//! The slowest of the common commands: O(N + M log M), and a look-up per element for each BY and GET.

use crate::args::Args;
use crate::args::c_string;
use crate::db::list::{End, List};
use crate::db::small_bytes::SmallBytes;
use crate::db::{Db, Free, Ttl, Value};
use crate::number::strtod::strtod;
use crate::server::flags::{DENYOOM, MOVABLE_KEYS, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};
use std::cmp::Ordering;

const COST: &str = "O(N+M*log(M)) for N elements of which M are returned";

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("sort", -2, WRITE | DENYOOM | MOVABLE_KEYS, keys(1, 1, 1), sort).docs(
        Group::Generic,
        "1.0.0",
        COST,
        "Sorts a list, set or sorted set; can store the result.",
    ),
    command("sort_ro", -2, READONLY | MOVABLE_KEYS, keys(1, 1, 1), sort_ro).docs(
        Group::Generic,
        "7.0.0",
        COST,
        "Sorts a list, set or sorted set.",
    ),
];

/// How elements are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Number,
    Bytes,
    /// BY with a pattern without `*`: the order they are in.
    Nothing,
}

/// Whether STORE is an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Allowed,
    Unknown,
}

struct Options<'a> {
    by: By,
    pattern: Option<&'a [u8]>,
    descending: bool,
    start: i64,
    count: i64,
    get: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
}

/// SORT key [BY p] [LIMIT o n] [GET p …] [ASC|DESC] [ALPHA] [STORE key].
fn sort(call: &mut Call<'_>) {
    sort_with(call, Store::Allowed);
}

/// SORT_RO: the same without STORE.
fn sort_ro(call: &mut Call<'_>) {
    sort_with(call, Store::Unknown);
}

fn sort_with(call: &mut Call<'_>, store: Store) {
    let Some(options) = parse(call, store) else { return };
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let (db, out) = call.db_and_out();
    let Some(mut elements) = elements(db.lookup_read(key, now_ms), &options) else {
        return out.wrong_type();
    };
    let (start, end) = window(&options, elements.len());
    if options.by != By::Nothing {
        match ordered(db, elements, &options, now_ms) {
            Some(sorted) => elements = sorted,
            None => {
                return out.error("ERR One or more scores can't be converted into double");
            }
        }
    }
    let chosen = &elements[start..end];
    let values = chosen.iter().flat_map(|element| match options.get.is_empty() {
        true => vec![Some(element.clone())],
        false => {
            let got = options.get.iter().map(|pattern| by_pattern(db, pattern, element, now_ms));
            got.collect()
        }
    });
    let values: Vec<Option<SmallBytes>> = values.collect();
    let Some(store) = options.store else {
        out.array(values.len());
        for value in &values {
            match value {
                Some(value) => out.bulk(value),
                None => out.null(),
            }
        }
        return;
    };
    let count = values.len();
    if store_list(db, store, &values, now_ms) {
        call.touched(store);
    }
    call.out.count(count);
}

/// Puts the list under `key`, or removes what is there if it is empty; true if anything changed.
fn store_list(db: &mut Db, key: &[u8], values: &[Option<SmallBytes>], now_ms: i64) -> bool {
    if values.is_empty() {
        return db.remove(key, Free::Now, now_ms);
    }
    let mut list = List::default();
    for value in values {
        list.push(End::Tail, value.as_deref().unwrap_or_default());
    }
    db.set(key, Value::List(Box::new(list)), Ttl::Clear, now_ms);
    true
}

fn parse<'a>(call: &mut Call<'a>, store: Store) -> Option<Options<'a>> {
    let args: Args<'a> = call.args;
    let mut options = Options {
        by: By::Number,
        pattern: None,
        descending: false,
        start: 0,
        count: -1,
        get: Vec::new(),
        store: None,
    };
    let (mut at, mut alpha, mut unordered) = (2, false, false);
    while at < args.len() {
        let left = args.len() - at - 1;
        if args.is(at, "asc") || args.is(at, "desc") {
            options.descending = args.is(at, "desc");
        } else if args.is(at, "alpha") {
            alpha = true;
        } else if args.is(at, "limit") && left >= 2 {
            options.start = call.integer_arg(at + 1)?;
            options.count = call.integer_arg(at + 2)?;
            at += 2;
        } else if args.is(at, "store") && left >= 1 && store == Store::Allowed {
            options.store = Some(args.at(at + 1));
            at += 1;
        } else if args.is(at, "by") && left >= 1 {
            let pattern = args.at(at + 1);
            unordered = !pattern.contains(&b'*');
            options.pattern = Some(pattern).filter(|_| !unordered);
            at += 1;
        } else if args.is(at, "get") && left >= 1 {
            options.get.push(args.at(at + 1));
            at += 1;
        } else {
            call.out.syntax_error();
            return None;
        }
        at += 1;
    }
    options.by = match (unordered, alpha) {
        (true, _) => By::Nothing,
        (false, true) => By::Bytes,
        (false, false) => By::Number,
    };
    Some(options)
}

/// The elements in their own order; `None` for a value that cannot be sorted. A set is ordered even if
/// the result is stored unsorted, so that the result does not depend on its hash table.
fn elements(value: Option<&Value>, options: &Options<'_>) -> Option<Vec<SmallBytes>> {
    let mut elements = Vec::new();
    match value {
        None => {}
        Some(Value::List(list)) => {
            elements.extend(list.iter().map(SmallBytes::new));
            if options.by == By::Nothing && options.descending {
                elements.reverse();
            }
        }
        Some(Value::Set(set)) => {
            set.for_each(|member| elements.push(SmallBytes::new(member)));
            if options.by == By::Nothing && options.store.is_some() {
                elements.sort_unstable_by(|a, b| a[..].cmp(&b[..]));
            }
        }
        Some(Value::SortedSet(set)) => {
            elements.extend(set.iter().map(|scored| scored.member.clone()));
            if options.by == By::Nothing && options.descending {
                elements.reverse();
            }
        }
        Some(_) => return None,
    }
    Some(elements)
}

/// The part that LIMIT leaves, as Redis computes it.
fn window(options: &Options<'_>, length: usize) -> (usize, usize) {
    let start = options.start.clamp(0, length as i64) as usize;
    let end = match options.count {
        ..0 => length,
        count => start.saturating_add(count.min(length as i64) as usize).min(length),
    };
    (start, end.max(start))
}

/// The elements in order; `None` if a weight must be a number and is not.
fn ordered(
    db: &mut Db,
    elements: Vec<SmallBytes>,
    options: &Options<'_>,
    now_ms: i64,
) -> Option<Vec<SmallBytes>> {
    let direct =
        |ordering: Ordering| if options.descending { ordering.reverse() } else { ordering };
    let mut weight = |element: &SmallBytes| match options.pattern {
        Some(pattern) => by_pattern(db, pattern, element, now_ms),
        None => Some(element.clone()),
    };
    if options.by == By::Bytes {
        let mut weighed: Vec<_> =
            elements.into_iter().map(|element| (weight(&element), element)).collect();
        // Elements without a weight come first.
        weighed.sort_by(|(a, _), (b, _)| direct(a.as_deref().cmp(&b.as_deref())));
        return Some(weighed.into_iter().map(|(_, element)| element).collect());
    }
    let mut weighed = Vec::with_capacity(elements.len());
    for element in elements {
        let score = match weight(&element) {
            Some(text) => number(&text)?,
            None => 0.0,
        };
        weighed.push((score, element));
    }
    weighed.sort_by(|(a, x), (b, y)| {
        direct(a.partial_cmp(b).unwrap_or(Ordering::Equal).then_with(|| x[..].cmp(&y[..])))
    });
    Some(weighed.into_iter().map(|(_, element)| element).collect())
}

/// As `strtod` reads it: leading space is allowed, and an empty text is zero.
fn number(text: &[u8]) -> Option<f64> {
    let text = c_string(text);
    let (value, used) = strtod(text);
    let overflow = value.is_infinite() && text.iter().any(u8::is_ascii_digit);
    (used == text.len() && !value.is_nan() && !overflow).then_some(value)
}

/// The string that `pattern` names for an element: `#` is the element itself, `*` is replaced by it,
/// `->` names a field of a hash.
fn by_pattern(
    db: &mut Db,
    pattern: &[u8],
    element: &SmallBytes,
    now_ms: i64,
) -> Option<SmallBytes> {
    if pattern == b"#" {
        return Some(element.clone());
    }
    let star = pattern.iter().position(|&byte| byte == b'*')?;
    let (before, after) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = after.windows(2).position(|pair| pair == b"->").filter(|at| at + 2 < after.len());
    let (after, field) = match arrow {
        Some(at) => (&after[..at], Some(&after[at + 2..])),
        None => (after, None),
    };
    let key = [before, element, after].concat();
    match (db.lookup_read(&key, now_ms)?, field) {
        (Value::Hash(hash), Some(field)) => hash.get(field).map(SmallBytes::new),
        (_, Some(_)) => None,
        (value, None) => value.bytes(&mut itoa::Buffer::new()).map(SmallBytes::new),
    }
}
