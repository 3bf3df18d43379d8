//! Shared code of the commands that pop elements of a list or a sorted set, at once or after waiting.
//!
//! A command first tries at once; otherwise [`crate::blocking`] takes over. In a transaction or a script
//! no command waits: the reply is then that of a timeout.

use crate::args::parse_integer;
use crate::blocking::{self, Served, serve};
use crate::client::{PopRequest, Waiting};
use crate::db::list::End;
use crate::number::long_double::LongDouble;
use crate::server::Call;

/// Pops from the first of `keys` that is not empty. `None`, without a reply, if all are empty.
pub(super) fn serve_first<'k>(
    call: &mut Call<'_>,
    keys: impl Iterator<Item = &'k [u8]>,
    request: &PopRequest,
) -> Option<()> {
    for key in keys {
        match serve(call.server, call.db, key, request, call.out) {
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

/// Keys and request of `numkeys key … <end> [COUNT n]`, from the argument at `first` on; replies with
/// the error if they are wrong.
pub(super) fn parse_many<'a>(
    call: &mut Call<'a>,
    first: usize,
    ends: [(&str, End); 2],
    request: fn(End, usize) -> PopRequest,
) -> Option<(Vec<&'a [u8]>, PopRequest)> {
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
    Some((args.from(first + 1).take(key_count).collect(), request(end, count)))
}

/// The words for the ends of lists.
pub(super) const LIST_ENDS: [(&str, End); 2] = [("left", End::Head), ("right", End::Tail)];
/// The words for the ends of sorted sets.
pub(super) const SET_ENDS: [(&str, End); 2] = [("min", End::Head), ("max", End::Tail)];

/// Pops from one of the keys, or waits. The last argument is the timeout in seconds.
pub(super) fn pop_or_wait(call: &mut Call<'_>, request: PopRequest) {
    let Some(deadline_ms) = seconds_arg(call, call.args.len() - 1) else { return };
    let keys: Vec<&[u8]> = call.args.from(1).take(call.args.len() - 2).collect();
    try_or_wait(call, &keys, request, deadline_ms);
}

/// Pops from the first key that is not empty, or waits for one.
pub(super) fn try_or_wait(
    call: &mut Call<'_>,
    keys: &[&[u8]],
    request: PopRequest,
    deadline_ms: Option<i64>,
) {
    if serve_first(call, keys.iter().copied(), &request).is_some() {
        return;
    }
    if may_not_wait(call) {
        return match request {
            PopRequest::Move { .. } => call.out.null(),
            _ => call.out.null_array(),
        };
    }
    let keys = keys.iter().map(|&key| key.into()).collect();
    let command = call.id;
    let waiting = Waiting::Keys { db: call.db, keys, request, command, deadline_ms };
    blocking::wait(call.server, call.client, waiting);
}

/// Inside a transaction or a script no other command could end the wait.
pub(super) fn may_not_wait(call: &Call<'_>) -> bool {
    call.server.in_transaction || call.server.scripting.running.is_some()
}

/// When the seconds in this argument are over; `Some(None)` is never. `None` after an error.
pub(super) fn seconds_arg(call: &mut Call<'_>, at: usize) -> Option<Option<i64>> {
    let seconds = match LongDouble::parse(call.args.at(at)) {
        Some(seconds) => seconds.to_f64(),
        None => {
            call.out.error("ERR timeout is not a float or out of range");
            return None;
        }
    };
    let ms = (seconds * 1000.0).ceil();
    // A number out of range wraps to a negative one in Redis.
    let ms = if ms < i64::MAX as f64 { ms as i64 } else { -1 };
    deadline(call, ms).ok()
}

/// When so many milliseconds are over; `Ok(None)` is never. Replies with the error if it is negative.
pub(super) fn deadline(call: &mut Call<'_>, timeout_ms: i64) -> Result<Option<i64>, ()> {
    match timeout_ms {
        0 => Ok(None),
        1.. => Ok(Some(call.now_ms().saturating_add(timeout_ms))),
        _ => {
            call.out.error("ERR timeout is negative");
            Err(())
        }
    }
}

/// Pops from the first key that is not empty, or replies with null.
pub(super) fn pop_now(
    call: &mut Call<'_>,
    ends: [(&str, End); 2],
    request: fn(End, usize) -> PopRequest,
) {
    let Some((keys, request)) = parse_many(call, 1, ends, request) else { return };
    if serve_first(call, keys.into_iter(), &request).is_none() {
        call.out.null_array();
    }
}
