//! The keys of requests to a cluster: where they are in a request, and whether they share a slot.
//!
//! Not the routing (see `group::router`).

use crate::plan::Workload;
use crate::plan::cluster_slots::slot_of;
use crate::plan::share::Share;
use crate::workload::new_keys::NewKeys;
use crate::workload::rng::Rng;
use crate::workload::{Common, Generator, value_block};
use std::sync::Arc;

/// Requests tried per command to see whether its keys share a slot.
const SAMPLES: usize = 256;

/// Checks that every command's keys have one slot in common, by trying.
///
/// # Errors
/// A command whose keys lie in different slots; the message names two of them.
pub(crate) fn check_slots(workload: &Workload, keys: &[Vec<usize>]) -> Result<(), String> {
    for (command, keys) in workload.commands.iter().zip(keys).filter(|(_, keys)| keys.len() > 1) {
        let alone = Workload { commands: vec![command.clone()], ..workload.clone() };
        let block = value_block(&alone, Rng::new(1, &[1]));
        let common = Common { block, new_keys: Arc::new(NewKeys::new(1)) };
        let share = Share { index: 0, of: 1 };
        let mut generator = Generator::new(&alone, &common, share, Rng::new(1, &[]), None)?;
        let mut bytes = Vec::new();
        for _ in 0..SAMPLES {
            bytes.clear();
            generator.write(0, &mut bytes);
            let found: Vec<&[u8]> =
                keys.iter().filter_map(|index| argument(&bytes, *index)).collect();
            let slot = found.first().map(|key| slot_of(key));
            if let Some(other) = found.iter().find(|key| Some(slot_of(key)) != slot) {
                return Err(format!(
                    "the keys of {} are in different slots of the cluster ('{}' and '{}'); give them a hash tag in common, \
                     such as {{tag}} in each",
                    command.label,
                    String::from_utf8_lossy(found[0]),
                    String::from_utf8_lossy(other)
                ));
            }
        }
    }
    Ok(())
}

/// Argument `index` (0 is the name) of a request that was written by a template.
pub(crate) fn argument(request: &[u8], index: usize) -> Option<&[u8]> {
    let mut rest = line(request)?.1;
    for at in 0..=index {
        let (header, after) = line(rest)?;
        let len: usize = std::str::from_utf8(header.strip_prefix(b"$")?).ok()?.parse().ok()?;
        if at == index {
            return after.get(..len);
        }
        rest = after.get(len + 2..)?;
    }
    None
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_found() {
        let request = b"*3\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n$0\r\n\r\n";
        assert_eq!(argument(request, 0), Some(b"SET".as_slice()));
        assert_eq!(argument(request, 1), Some(b"\r\n".as_slice()));
        assert_eq!(argument(request, 2), Some(b"".as_slice()));
        assert_eq!(argument(request, 3), None);
    }
}
