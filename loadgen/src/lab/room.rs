//! Whether a data set fits on this machine, before time is spent on filling it in.
//!
//! An estimate on the safe side, from redis-server 7.0's figures (`MEMORY USAGE`). Invariant: what cannot be known (no
//! /proc/meminfo) refuses nothing.

use crate::exit::Failure;
use aelab_scenarios::model::{CollectionKind, DataSet};
use aelab_scenarios::units::{format_count, format_size};

/// Memory of a key beside its name and value, rounded up.
const KEY_OVERHEAD_BYTES: u64 = 100;
/// Digits of an element's number.
const ELEMENT_DIGITS: u64 = 12;

/// Memory that a data set needs, in bytes.
#[must_use]
pub(super) fn estimate(data: &DataSet) -> u64 {
    let per_key = data.value_bytes + data.key_prefix.len() as u64 + KEY_OVERHEAD_BYTES;
    let element = data.element_prefix.len() as u64 + ELEMENT_DIGITS;
    let collections: u64 = data
        .collections
        .iter()
        .map(|collection| {
            let per_element = match collection.kind {
                CollectionKind::List => element + 4,
                CollectionKind::Set => element + 60,
                CollectionKind::Hash => 2 * element + 70,
                CollectionKind::Zset => element + 140,
            };
            collection.elements.saturating_mul(per_element)
        })
        .sum();
    data.keys.saturating_mul(per_key).saturating_add(collections)
}

/// Refuses a data set that this machine cannot hold.
///
/// # Errors
/// With the estimate and what is free (exit 2).
pub(super) fn check(data: &DataSet) -> Result<(), Failure> {
    let need = estimate(data);
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok())
        .map(|kib| kib * 1024);
    match available {
        Some(available) if need > available => Err(Failure::usage(format!(
            "{} need about {} MiB and {} MiB are free; use a smaller --scale",
            describe(data),
            need >> 20,
            available >> 20
        ))),
        _ => Ok(()),
    }
}

/// The data set in a few words.
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
        assert!(check(&data).is_ok());
        let (kind, name) = (CollectionKind::Set, "huge".to_owned());
        data.collections.push(Collection { kind, name, elements: 1 << 50 });
        let message = check(&data).expect_err("too much").message;
        assert!(message.contains("the set huge") && message.contains("MiB are free"), "{message}");
    }
}
