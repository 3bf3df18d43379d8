//! Checks before a fill whether a data set fits into the memory of the machine.
//!
//! An estimate on the safe side, from redis-server 7.0's figures (`MEMORY USAGE`). Invariant: without figures (no
//! /proc/meminfo) nothing is refused.

use crate::server::info::Info;
use aelab_engine::error::Failure;
use aelab_scenarios::model::{CollectionKind, DataSet};
use aelab_units::{format_count, format_size};

/// Memory of a key in addition to its name and value, rounded up.
const KEY_OVERHEAD_BYTES: u64 = 100;
/// Digits of an element's number.
const ELEMENT_DIGITS: u64 = 12;

/// Memory that a data set needs, in bytes.
#[must_use]
pub(crate) fn estimate(data: &DataSet) -> u64 {
    let per_key = data.value_bytes + data.key_prefix.len() as u64 + KEY_OVERHEAD_BYTES;
    let element = data.element_prefix.len() as u64 + ELEMENT_DIGITS;
    let collections = data.collections.iter().map(|collection| {
        let per_element = match collection.kind {
            CollectionKind::List => element + 4,
            CollectionKind::Set => element + 60,
            CollectionKind::Hash => 2 * element + 70,
            CollectionKind::Zset => element + 140,
        };
        collection.elements.saturating_mul(per_element)
    });
    collections.fold(data.keys.saturating_mul(per_key), u64::saturating_add)
}

/// The server that a data set is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Host<'a> {
    /// A server that will be started here.
    Here,
    /// This server on this machine.
    Local(&'a Info),
    /// This server on another machine.
    Remote(&'a Info),
}

/// Refuses a data set that the server's limit or this machine cannot hold.
///
/// # Errors
/// With the estimate and what is free (exit 2).
pub(crate) fn check(data: &DataSet, host: Host<'_>) -> Result<(), Failure> {
    let need = estimate(data);
    let refused = |free: u64, of: &str, remedy: &str| {
        Err(Failure::usage(format!(
            "{} need about {} MiB and {} MiB are free{of}; {remedy}",
            describe(data),
            need >> 20,
            free >> 20
        )))
    };
    if let Host::Local(info) | Host::Remote(info) = host
        && let Some(free) = below_maxmemory(info).filter(|free| need > *free)
    {
        return refused(
            free,
            " below the server's maxmemory",
            "raise it, or use a smaller --scale",
        );
    }
    let free = match host {
        Host::Here | Host::Local(_) => {
            let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
            available(&meminfo)
        }
        Host::Remote(_) => None,
    };
    match free {
        Some(free) if need > free => refused(free, "", "use a smaller --scale"),
        _ => Ok(()),
    }
}

/// Bytes that a server may still allocate, if it has a limit.
fn below_maxmemory(info: &Info) -> Option<u64> {
    let bytes = |field: &str| info.text(field)?.parse::<u64>().ok();
    let limit = bytes("maxmemory").filter(|limit| *limit > 0)?;
    Some(limit.saturating_sub(bytes("used_memory").unwrap_or(0)))
}

/// Memory available without swapping, from the text of /proc/meminfo.
fn available(meminfo: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// A short description of the data set.
fn describe(data: &DataSet) -> String {
    let mut parts = Vec::new();
    if data.keys > 0 {
        parts.push(format!(
            "{} keys of {}",
            format_count(data.keys),
            format_size(data.value_bytes)
        ));
    }
    for collection in &data.collections {
        let (count, kind) = (format_count(collection.elements), collection.kind.name());
        parts.push(format!("the {kind} {} of {count} elements", collection.name));
    }
    parts.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_scenarios::model::Collection;

    #[test]
    fn too_much_is_refused_with_the_estimate() {
        let mut data = DataSet {
            keys: 0,
            value_bytes: 32,
            key_prefix: "key:".into(),
            collections: Vec::new(),
            element_prefix: "e:".into(),
        };
        assert!(check(&data, Host::Here).is_ok());
        let info = |text: &str| Info::parse(text);
        let small = info("maxmemory:1048576\nused_memory:1000000");
        data.keys = 1000;
        let message = check(&data, Host::Remote(&small)).expect_err("too much").message;
        assert!(message.contains("below the server's maxmemory"), "{message}");
        assert!(check(&data, Host::Remote(&info("maxmemory:0\nused_memory:9"))).is_ok());
        let (kind, name) = (CollectionKind::Set, "huge".to_owned());
        let collection = Collection { kind, name, elements: 1 << 50 };
        data.collections.push(collection.clone());
        let message = check(&data, Host::Here).expect_err("too much").message;
        assert!(message.contains("the set huge") && message.contains("MiB are free"), "{message}");
        // A sum that saturates is still too much.
        data.collections = vec![Collection { elements: u64::MAX, ..collection }; 2];
        assert_eq!(estimate(&data), u64::MAX);
    }
}
