//! Ranges of sorted sets: ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX
//! ZCOUNT ZLEXCOUNT, and what changes data by them: ZRANGESTORE ZREMRANGEBYRANK ZREMRANGEBYSCORE
//! ZREMRANGEBYLEX.

use crate::args::Args;
use crate::command::arguments::clamp_range;
use crate::command::zset::{zset_in, zset_in_mut};
use crate::db::sorted_set::{Scored, SortedSet};
use crate::db::{Free, Ttl, Value};
use crate::number::strtod::strtod;
use crate::reply::Reply;
use crate::server::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const ONE_KEY: crate::server::Keys = keys(1, 1, 1);
const COST: &str = "O(log(N)+M) for M members returned";

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("zrange", -4, READONLY, ONE_KEY, zrange).docs(
        Group::SortedSet,
        "1.2.0",
        COST,
        "Returns a range of members by rank, score or name.",
    ),
    command("zrevrange", -4, READONLY, ONE_KEY, zrevrange).docs(
        Group::SortedSet,
        "1.2.0",
        COST,
        "Returns a range of members by rank, from the highest score.",
    ),
    command("zrangebyscore", -4, READONLY, ONE_KEY, zrangebyscore).docs(
        Group::SortedSet,
        "1.0.5",
        COST,
        "Returns the members within a range of scores.",
    ),
    command("zrevrangebyscore", -4, READONLY, ONE_KEY, zrevrangebyscore).docs(
        Group::SortedSet,
        "2.2.0",
        COST,
        "Returns the members within a range of scores, from the highest.",
    ),
    command("zcount", 4, READONLY | FAST, ONE_KEY, zcount).docs(
        Group::SortedSet,
        "2.0.0",
        "O(log(N))",
        "Counts the members within a range of scores.",
    ),
    command("zrangebylex", -4, READONLY, ONE_KEY, zrangebylex).docs(
        Group::SortedSet,
        "2.8.9",
        COST,
        "Returns the members within a range of names.",
    ),
    command("zrevrangebylex", -4, READONLY, ONE_KEY, zrevrangebylex).docs(
        Group::SortedSet,
        "2.8.9",
        COST,
        "Returns the members within a range of names, from the last.",
    ),
    command("zlexcount", 4, READONLY | FAST, ONE_KEY, zlexcount).docs(
        Group::SortedSet,
        "2.8.9",
        "O(log(N))",
        "Counts the members within a range of names.",
    ),
    command("zrangestore", -5, WRITE | DENYOOM, keys(1, 2, 1), zrangestore).docs(
        Group::SortedSet,
        "6.2.0",
        "O(log(N)+M) for M members stored",
        "Stores a range of members in another key.",
    ),
    command("zremrangebyrank", 4, WRITE, ONE_KEY, zremrangebyrank).docs(
        Group::SortedSet,
        "2.0.0",
        "O(log(N)+M) for M members removed",
        "Removes the members within a range of ranks.",
    ),
    command("zremrangebyscore", 4, WRITE, ONE_KEY, zremrangebyscore).docs(
        Group::SortedSet,
        "1.2.0",
        "O(log(N)+M) for M members removed",
        "Removes the members within a range of scores.",
    ),
    command("zremrangebylex", 4, WRITE, ONE_KEY, zremrangebylex).docs(
        Group::SortedSet,
        "2.8.9",
        "O(log(N)+M) for M members removed",
        "Removes the members within a range of names.",
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Name,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

#[derive(Clone, Copy)]
struct Options {
    by: By,
    direction: Direction,
    with_scores: bool,
    /// Members left out at the beginning, and at most so many (negative: all).
    limit: Option<(i64, i64)>,
}

/// One end of a range; `inclusive` says whether it belongs to the range.
struct Bound<T> {
    at: T,
    inclusive: bool,
}

/// A name, or beyond all names.
enum Name<'a> {
    Lowest,
    Highest,
    Exactly(&'a [u8]),
}

fn parse_score(text: &[u8]) -> Option<Bound<f64>> {
    match text {
        [b'(', rest @ ..] => Some(Bound { at: score_at(rest)?, inclusive: false }),
        _ => Some(Bound { at: score_at(text)?, inclusive: true }),
    }
}

/// Redis gives the text to `strtod` and asks only that it be used up, as C sees its end.
fn score_at(text: &[u8]) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let (score, used) = strtod(text);
    (used == text.len() && !score.is_nan()).then_some(score)
}

fn parse_name(text: &[u8]) -> Option<Bound<Name<'_>>> {
    match text {
        b"-" => Some(Bound { at: Name::Lowest, inclusive: true }),
        b"+" => Some(Bound { at: Name::Highest, inclusive: true }),
        [b'(', name @ ..] => Some(Bound { at: Name::Exactly(name), inclusive: false }),
        [b'[', name @ ..] => Some(Bound { at: Name::Exactly(name), inclusive: true }),
        _ => None,
    }
}

/// True while a member comes before the range that begins at `low`.
fn below_score(scored: &Scored, low: &Bound<f64>) -> bool {
    if low.inclusive { scored.score < low.at } else { scored.score <= low.at }
}

/// True while a member does not come after the range that ends at `high`.
fn up_to_score(scored: &Scored, high: &Bound<f64>) -> bool {
    if high.inclusive { scored.score <= high.at } else { scored.score < high.at }
}

fn below_name(scored: &Scored, low: &Bound<Name<'_>>) -> bool {
    match low.at {
        Name::Lowest => false,
        Name::Highest => true,
        Name::Exactly(name) if low.inclusive => scored.member[..] < *name,
        Name::Exactly(name) => scored.member[..] <= *name,
    }
}

fn up_to_name(scored: &Scored, high: &Bound<Name<'_>>) -> bool {
    match high.at {
        Name::Lowest => false,
        Name::Highest => true,
        Name::Exactly(name) if high.inclusive => scored.member[..] <= *name,
        Name::Exactly(name) => scored.member[..] < *name,
    }
}

/// Reads the words after the range; `None` after an error. `options` holds what the command's name has fixed.
fn parse_options(args: Args<'_>, fixed: Options, out: &mut Reply) -> Option<Options> {
    let mut options = fixed;
    let stores = args.is(0, "zrangestore");
    let general = stores || args.is(0, "zrange");
    let mut at = if stores { 5 } else { 4 };
    while at < args.len() {
        if !stores && args.is(at, "withscores") {
            options.with_scores = true;
        } else if args.is(at, "limit") && at + 2 < args.len() {
            let parse = |at| crate::args::parse_integer(args.at(at));
            let (Some(offset), Some(count)) = (parse(at + 1), parse(at + 2)) else {
                out.not_integer();
                return None;
            };
            options.limit = Some((offset, count));
            at += 2;
        } else if general && options.direction == Direction::Up && args.is(at, "rev") {
            options.direction = Direction::Down;
        } else if general && options.by == By::Rank && args.is(at, "byscore") {
            options.by = By::Score;
        } else if general && options.by == By::Rank && args.is(at, "bylex") {
            options.by = By::Name;
        } else {
            out.syntax_error();
            return None;
        }
        at += 1;
    }
    // As in Redis, a count of -1 is the same as no LIMIT, whatever the offset.
    if options.by == By::Rank && options.limit.is_some_and(|(_, count)| count == -1) {
        options.limit = None;
    }
    if options.limit.is_some() && options.by == By::Rank {
        out.error(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        );
        return None;
    }
    if options.with_scores && options.by == By::Name {
        out.error("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return None;
    }
    Some(options)
}

const fn fixed(by: By, direction: Direction) -> Options {
    Options { by, direction, with_scores: false, limit: None }
}

/// ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]. O(log N + M).
fn zrange(call: &mut Call<'_>) {
    range(call, fixed(By::Rank, Direction::Up));
}

/// ZREVRANGE key start stop [WITHSCORES]. O(log N + M).
fn zrevrange(call: &mut Call<'_>) {
    range(call, fixed(By::Rank, Direction::Down));
}

/// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]. O(log N + M).
fn zrangebyscore(call: &mut Call<'_>) {
    range(call, fixed(By::Score, Direction::Up));
}

/// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]. O(log N + M).
fn zrevrangebyscore(call: &mut Call<'_>) {
    range(call, fixed(By::Score, Direction::Down));
}

/// ZRANGEBYLEX key min max [LIMIT offset count]. O(log N + M).
fn zrangebylex(call: &mut Call<'_>) {
    range(call, fixed(By::Name, Direction::Up));
}

/// ZREVRANGEBYLEX key max min [LIMIT offset count]. O(log N + M).
fn zrevrangebylex(call: &mut Call<'_>) {
    range(call, fixed(By::Name, Direction::Down));
}

/// Finds which ranks a range covers once it knows the set: the first one (from below) and how many.
type Selection<'a> = Box<dyn Fn(&SortedSet) -> (usize, usize) + 'a>;

/// Reads the two ends of the range; `None` after an error.
fn parse_selection<'a>(args: Args<'a>, options: Options, out: &mut Reply) -> Option<Selection<'a>> {
    let at = if args.is(0, "zrangestore") { 3 } else { 2 };
    let (left, right) = (args.at(at), args.at(at + 1));
    // A reversed range names its upper end first.
    let (low, high) = match options.direction {
        Direction::Up => (left, right),
        Direction::Down => (right, left),
    };
    match options.by {
        By::Rank => {
            let ends = (crate::args::parse_integer(left), crate::args::parse_integer(right));
            let (Some(start), Some(stop)) = ends else {
                out.not_integer();
                return None;
            };
            Some(Box::new(move |set| {
                let (start, count) = clamp_range(start, stop, set.len()).unwrap_or((0, 0));
                match options.direction {
                    Direction::Up => (start, count),
                    Direction::Down => (set.len() - start - count, count),
                }
            }))
        }
        By::Score => {
            let (Some(low), Some(high)) = (parse_score(low), parse_score(high)) else {
                out.error("ERR min or max is not a float");
                return None;
            };
            Some(Box::new(move |set| {
                let first = set.count_while(|scored| below_score(scored, &low));
                (first, set.count_while(|scored| up_to_score(scored, &high)).saturating_sub(first))
            }))
        }
        By::Name => {
            let (Some(low), Some(high)) = (parse_name(low), parse_name(high)) else {
                out.error("ERR min or max not valid string range item");
                return None;
            };
            Some(Box::new(move |set| {
                let first = set.count_while(|scored| below_name(scored, &low));
                (first, set.count_while(|scored| up_to_name(scored, &high)).saturating_sub(first))
            }))
        }
    }
}

fn range(call: &mut Call<'_>, fixed: Options) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(options) = parse_options(args, fixed, call.out) else { return };
    let Some(selection) = parse_selection(args, options, call.out) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.array(0) };
    let Some(set) = zset_in(value, out) else { return };
    let (first, whole) = selection(set);
    let (skipped, count) = limited(options, whole);
    out.array(if options.with_scores && !out.resp3() { count * 2 } else { count });
    match options.direction {
        Direction::Up => reply(set.range(first + skipped, count), options, out),
        Direction::Down => {
            let above = set.len() - first - whole + skipped;
            reply(set.range_back(above, count), options, out);
        }
    }
}

/// How many members of a range LIMIT leaves out at its beginning, and how many remain.
fn limited(options: Options, whole: usize) -> (usize, usize) {
    let Some((offset, limit)) = options.limit else { return (0, whole) };
    let skipped = usize::try_from(offset).unwrap_or(usize::MAX).min(whole);
    let left = whole - skipped;
    (skipped, usize::try_from(limit).map_or(left, |limit| limit.min(left)))
}

fn reply<'a>(members: impl Iterator<Item = &'a Scored>, options: Options, out: &mut Reply) {
    for scored in members {
        if options.with_scores && out.resp3() {
            out.array(2);
        }
        out.bulk(&scored.member);
        if options.with_scores {
            out.double(scored.score);
        }
    }
}

/// ZRANGESTORE target source min max [BYSCORE|BYLEX] [REV] [LIMIT offset count]. O(log N + M).
fn zrangestore(call: &mut Call<'_>) {
    let (args, target, source, now_ms) =
        (call.args, call.args.at(1), call.args.at(2), call.now_ms());
    let fixed = fixed(By::Rank, Direction::Up);
    let Some(options) = parse_options(args, fixed, call.out) else { return };
    let Some(selection) = parse_selection(args, options, call.out) else { return };
    let (db, out) = call.db_and_out();
    let limits = db.encoding_limits();
    let mut result = SortedSet::default();
    if let Some(value) = db.lookup_read(source, now_ms) {
        let Some(set) = zset_in(value, out) else { return };
        let (first, whole) = selection(set);
        let (skipped, count) = limited(options, whole);
        let from = match options.direction {
            Direction::Up => first + skipped,
            Direction::Down => first + whole - skipped - count,
        };
        set.range(from, count).for_each(|found| result.set(&found.member, found.score, &limits));
    }
    let stored = result.len();
    let changed = if stored == 0 {
        db.remove(target, Free::Now, now_ms)
    } else {
        db.set(target, Value::SortedSet(Box::new(result)), Ttl::Clear, now_ms);
        true
    };
    if changed {
        call.touched(target);
    }
    call.out.count(stored);
}

/// ZREMRANGEBYRANK key start stop: removes them and replies how many. O(log N + M).
fn zremrangebyrank(call: &mut Call<'_>) {
    remove_range(call, By::Rank);
}

/// ZREMRANGEBYSCORE key min max. O(log N + M).
fn zremrangebyscore(call: &mut Call<'_>) {
    remove_range(call, By::Score);
}

/// ZREMRANGEBYLEX key min max. O(log N + M).
fn zremrangebylex(call: &mut Call<'_>) {
    remove_range(call, By::Name);
}

fn remove_range(call: &mut Call<'_>, by: By) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(selection) = parse_selection(args, fixed(by, Direction::Up), call.out) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_write(key, now_ms) else { return out.integer(0) };
    let Some(set) = zset_in_mut(value, out) else { return };
    let (first, count) = selection(set);
    let removed = set.remove_range(first, count);
    if set.is_empty() {
        db.remove(key, Free::Now, now_ms);
    }
    if removed > 0 {
        call.touched(key);
    }
    call.out.count(removed);
}

/// ZLEXCOUNT key min max: how many members have such a name. O(log N).
fn zlexcount(call: &mut Call<'_>) {
    count_range(call, By::Name);
}

/// ZCOUNT key min max: how many members have such a score. O(log N).
fn zcount(call: &mut Call<'_>) {
    count_range(call, By::Score);
}

fn count_range(call: &mut Call<'_>, by: By) {
    let (args, key, now_ms) = (call.args, call.args.at(1), call.now_ms());
    let Some(selection) = parse_selection(args, fixed(by, Direction::Up), call.out) else { return };
    let (db, out) = call.db_and_out();
    let Some(value) = db.lookup_read(key, now_ms) else { return out.integer(0) };
    if let Some(set) = zset_in(value, out) {
        out.count(selection(set).1);
    }
}
