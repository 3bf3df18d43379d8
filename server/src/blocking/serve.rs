//! Taking elements out of a list or a sorted set that clients may be waiting for.

use crate::client::PopRequest;
use crate::db::list::End;
use crate::db::{Free, Value};
use crate::reply::Reply;
use crate::server::Server;

/// Outcome of serving from one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// The reply is written.
    Yes,
    /// The key does not exist.
    Missing,
    /// The key holds another type.
    OtherType,
    /// The target is not a list: the error is written.
    Refused,
}

/// Pops what is requested from `key`, if it exists, and replies with it. O(1) per item, O(log N) per
/// member.
pub(crate) fn serve(
    server: &mut Server,
    db: usize,
    key: &[u8],
    request: &PopRequest,
    out: &mut Reply,
) -> Served {
    let now_ms = server.now_ms();
    if let PopRequest::Move { from, to, target } = request {
        return match move_item(server, db, (key, target), (*from, *to), out) {
            Moved::Yes => Served::Yes,
            Moved::NoSource => Served::Missing,
            Moved::SourceOtherType => Served::OtherType,
            Moved::TargetOtherType => Served::Refused,
        };
    }
    let emptied = match (server.dbs[db].lookup_write(key, now_ms), request) {
        (None, _) => return Served::Missing,
        (Some(Value::List(list)), PopRequest::Item(end)) => {
            out.array(2);
            out.bulk(key);
            if let Some(item) = list.pop(*end) {
                out.bulk(&item);
            }
            list.is_empty()
        }
        (Some(Value::List(list)), PopRequest::Items(end, most)) => {
            let count = list.len().min(*most);
            out.array(2);
            out.bulk(key);
            out.array(count);
            (0..count).filter_map(|_| list.pop(*end)).for_each(|item| out.bulk(&item));
            list.is_empty()
        }
        (Some(Value::SortedSet(set)), PopRequest::Member(end)) => {
            out.array(3);
            out.bulk(key);
            if let Some(scored) = set.pop(*end) {
                out.bulk(&scored.member);
                out.double(scored.score);
            }
            set.is_empty()
        }
        (Some(Value::SortedSet(set)), PopRequest::Members(end, most)) => {
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
    server.key_changed(db, key);
    Served::Yes
}

/// Outcome of a move.
pub(crate) enum Moved {
    /// The item is the reply.
    Yes,
    NoSource,
    SourceOtherType,
    /// The error is written.
    TargetOtherType,
}

/// Moves an item from one list's end to another's, and replies with it if that can be done.
pub(crate) fn move_item(
    server: &mut Server,
    db_index: usize,
    (source, target): (&[u8], &[u8]),
    (from, to): (End, End),
    out: &mut Reply,
) -> Moved {
    let now_ms = server.now_ms();
    let db = &mut server.dbs[db_index];
    match db.lookup_write(source, now_ms) {
        None => return Moved::NoSource,
        Some(Value::List(_)) => {}
        Some(_) => return Moved::SourceOtherType,
    }
    if db.lookup_write(target, now_ms).is_some_and(|value| !matches!(value, Value::List(_))) {
        out.wrong_type();
        return Moved::TargetOtherType;
    }
    let Some(Value::List(list)) = db.lookup_write(source, now_ms) else { return Moved::NoSource };
    let Some(item) = list.pop(from) else { return Moved::NoSource };
    let emptied = list.is_empty();
    // If the source is the target, it gets the item back.
    if emptied && source != target {
        db.remove(source, Free::Now, now_ms);
    }
    let create = || Value::List(Box::default());
    if let Value::List(list) = db.get_or_insert(target, now_ms, create) {
        list.push(to, &item);
    }
    out.bulk(&item);
    server.key_changed(db_index, source);
    if source != target {
        server.key_changed(db_index, target);
    }
    Moved::Yes
}
