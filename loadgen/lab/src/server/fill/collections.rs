//! Filling a server with collections: lists, sets, hashes and sorted sets of many elements.
//!
//! Elements are written in an order that looks random and is always the same, so that a sort has work to do. Invariant:
//! when [`fill`] returns, every element is there, exactly once.

use crate::control::Control;
use crate::server::fill::KEY_DIGITS;
use aelab_engine::error::Failure;
use aelab_engine::plan::Target;
use aelab_resp::encode;
use aelab_resp::value::Value;
use aelab_scenarios::model::{Collection, CollectionKind, DataSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Elements of one command.
const ELEMENTS_PER_COMMAND: u64 = 500;
/// Commands sent before the first reply is awaited; about 300 KB, which two sockets buffer.
const COMMANDS_IN_FLIGHT: u64 = 8;
/// A prime larger than any collection that a file may ask for: multiplying by it modulo the size visits every element once.
const STRIDE: u128 = 1_000_000_007;

/// Writes a collection, replacing what has its name; `done` counts elements as they are confirmed.
///
/// # Errors
/// The server refuses, the connection breaks, or the user interrupted.
pub fn fill(
    target: &Target,
    collection: &Collection,
    prefix: &str,
    done: &AtomicU64,
    cancel: &AtomicBool,
) -> Result<(), Failure> {
    let mut control = Control::open(target)?;
    control.command(&[b"DEL", collection.name.as_bytes()])?;
    let mut next = 0;
    let mut requests = Vec::new();
    while next < collection.elements {
        if cancel.load(Relaxed) {
            return Err(Failure::invalid("interrupted while the server was being filled"));
        }
        requests.clear();
        let mut sizes = Vec::new();
        while (sizes.len() as u64) < COMMANDS_IN_FLIGHT && next < collection.elements {
            let count = ELEMENTS_PER_COMMAND.min(collection.elements - next);
            put_command(&mut requests, collection, prefix, next..next + count);
            sizes.push(count);
            next += count;
        }
        control.send(&requests)?;
        for size in sizes {
            if let Value::Error(text) = control.reply()? {
                return Err(Failure::unreachable(format!(
                    "{} refused to be filled with {} after {} elements: {}",
                    target.endpoint,
                    collection.name,
                    done.load(Relaxed),
                    String::from_utf8_lossy(&text)
                )));
            }
            done.fetch_add(size, Relaxed);
        }
    }
    Ok(())
}

/// Whether a database that holds as many keys as the data set holds the data set: its first and its last key, and collections
/// of the right type and length. It may belong to the user.
///
/// # Errors
/// The connection breaks.
pub fn are_there(control: &mut Control, data: &DataSet) -> Result<bool, Failure> {
    for key in [0, data.keys.saturating_sub(1)].into_iter().filter(|_| data.keys > 0) {
        let name = key_name(&data.key_prefix, key);
        if control.command(&[b"EXISTS", name.as_bytes()])? != Value::Integer(1) {
            return Ok(false);
        }
    }
    for collection in &data.collections {
        let length: &[u8] = match collection.kind {
            CollectionKind::List => b"LLEN",
            CollectionKind::Set => b"SCARD",
            CollectionKind::Hash => b"HLEN",
            CollectionKind::Zset => b"ZCARD",
        };
        // The reply for another type is an error, not a number.
        let reply = control.command(&[length, collection.name.as_bytes()])?;
        if reply.as_i64().and_then(|n| u64::try_from(n).ok()) != Some(collection.elements) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn key_name(prefix: &str, key: u64) -> String {
    format!("{prefix}{key:0width$}", width = KEY_DIGITS)
}

/// Removes what was filled: the keys of the data set by their names, and nothing else.
///
/// # Errors
/// The connection breaks.
pub fn remove(target: &Target, data: &DataSet) -> Result<(), Failure> {
    let mut control = Control::open(target)?;
    for collection in &data.collections {
        control.command(&[b"UNLINK", collection.name.as_bytes()])?;
    }
    for first in (0..data.keys).step_by(usize::try_from(ELEMENTS_PER_COMMAND).unwrap_or(1)) {
        let last = (first + ELEMENTS_PER_COMMAND).min(data.keys);
        let names: Vec<String> = (first..last).map(|key| key_name(&data.key_prefix, key)).collect();
        let words: Vec<&[u8]> =
            std::iter::once(&b"UNLINK"[..]).chain(names.iter().map(String::as_bytes)).collect();
        control.command(&words)?;
    }
    Ok(())
}

/// The number of the element that is written at a place.
fn number_at(place: u64, elements: u64) -> u64 {
    let product = u128::from(place) * STRIDE % u128::from(elements.max(1));
    u64::try_from(product).unwrap_or(place)
}

fn put_command(
    out: &mut Vec<u8>,
    collection: &Collection,
    prefix: &str,
    places: std::ops::Range<u64>,
) {
    let count = usize::try_from(places.end - places.start).unwrap_or(usize::MAX);
    let (command, per_element): (&[u8], usize) = match collection.kind {
        CollectionKind::List => (b"RPUSH", 1),
        CollectionKind::Set => (b"SADD", 1),
        CollectionKind::Hash => (b"HSET", 2),
        CollectionKind::Zset => (b"ZADD", 2),
    };
    encode::array(out, 2 + count * per_element);
    encode::bulk(out, command);
    encode::bulk(out, collection.name.as_bytes());
    for place in places {
        let number = number_at(place, collection.elements);
        let element = format!("{prefix}{number:0width$}", width = KEY_DIGITS);
        match collection.kind {
            CollectionKind::List | CollectionKind::Set => encode::bulk(out, element.as_bytes()),
            CollectionKind::Hash => {
                encode::bulk(out, element.as_bytes());
                encode::bulk(out, element.as_bytes());
            }
            CollectionKind::Zset => {
                encode::bulk(out, number.to_string().as_bytes());
                encode::bulk(out, element.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_comes_once() {
        for elements in [1, 2, 500, 1000, 4096] {
            let mut seen: Vec<u64> =
                (0..elements).map(|place| number_at(place, elements)).collect();
            seen.sort_unstable();
            assert!(seen.iter().copied().eq(0..elements), "{elements}");
        }
    }
}
