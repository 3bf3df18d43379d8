//! A cluster as the plan says it: which node serves which hash slot.
//!
//! Not the routing (see `group::router`) and not changes during a run (see `topology`). The slot of a key is CRC-16/XMODEM of it modulo
//! 16,384, or of its hash tag, the first non-empty text in braces (the Redis cluster specification, "Keys distribution model").
//! Invariant: a layout names a node of its own list for every slot that is served.

use crate::plan::target::Endpoint;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Slots of every cluster.
pub const SLOTS: usize = 16_384;
/// The node of a slot that no node serves.
pub const NOWHERE: u16 = u16::MAX;

/// The hash slot of a key.
pub fn slot_of(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) % SLOTS as u16
}

/// The part of a key that is hashed.
fn hash_tag(key: &[u8]) -> &[u8] {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let len = rest.iter().position(|byte| *byte == b'}')?;
        (len > 0).then(|| &rest[..len])
    });
    tag.unwrap_or(key)
}

const fn crc_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

static CRC_TABLE: [u16; 256] = crc_table();

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| crc << 8 ^ CRC_TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

/// A primary of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// `host:port` in the cluster's own words.
    pub name: String,
    /// How it is reached.
    pub endpoint: Endpoint,
}

/// Who serves which slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The primaries, at least one.
    pub nodes: Vec<Node>,
    /// Index of the node of each of the [`SLOTS`] slots, or [`NOWHERE`].
    pub slots: Arc<[u16]>,
}

/// How the commands of a group are spread over a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterPlan {
    /// The cluster when the run begins.
    pub layout: Layout,
    /// For each command of the workload, the indexes of the arguments that are keys (0 is the name).
    pub keys: Vec<Vec<usize>>,
}

/// An error reply that sends a request elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) kind: RedirectKind,
    pub(crate) slot: u16,
    /// `host:port` as the server wrote it; the host may be empty.
    pub(crate) name: String,
}

/// For how long a request is sent elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedirectKind {
    /// The slot has another node now.
    Moved,
    /// This request only, and with ASKING before it.
    Ask,
}

impl Redirect {
    /// Reads an error reply; `None` if it redirects nothing.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (kind, rest) = match (text.strip_prefix(b"MOVED "), text.strip_prefix(b"ASK ")) {
            (Some(rest), _) => (RedirectKind::Moved, rest),
            (_, Some(rest)) => (RedirectKind::Ask, rest),
            _ => return None,
        };
        let (slot, name) = std::str::from_utf8(rest).ok()?.split_once(' ')?;
        let slot = slot.parse().ok().filter(|slot| usize::from(*slot) < SLOTS)?;
        Some(Self { kind, slot, name: name.trim().to_owned() })
    }

    /// The address, if the host is one (or is left out: then it is that of the node which answered).
    pub(crate) fn addr(&self, answered: Option<IpAddr>) -> Option<SocketAddr> {
        let (host, port) = self.name.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let ip = if host.is_empty() { answered? } else { host.parse().ok()? };
        Some(SocketAddr::new(ip, port.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // What CLUSTER KEYSLOT of Redis 7.0 says.
        for (key, slot) in [
            ("123456789", 0x31c3),
            ("foo", 12_182),
            ("", 0),
            ("{user1000}.following", 3443),
            ("{user1000}.followers", 3443),
            ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015),
            ("foo{bar}{zap}", 5061),
        ] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn redirects_are_read() {
        let read = |text: &str| Redirect::parse(text.as_bytes());
        let moved = read("MOVED 3999 127.0.0.1:6381").expect("moved");
        assert_eq!((moved.kind, moved.slot), (RedirectKind::Moved, 3999));
        assert_eq!(moved.addr(None), Some(([127, 0, 0, 1], 6381).into()));
        let ask = read("ASK 1 ::1:7000").expect("ask");
        assert_eq!(ask.kind, RedirectKind::Ask);
        assert_eq!(ask.addr(None).expect("an address").to_string(), "[::1]:7000");
        let same_host = read("MOVED 1 :7001").expect("moved");
        assert_eq!(same_host.addr(None), None);
        let here = same_host.addr(Some([10, 0, 0, 1].into()));
        assert_eq!(here, Some(([10, 0, 0, 1], 7001).into()));
        for bad in ["ERR no", "MOVED", "MOVED x 1:2", "MOVED 16384 1.1.1.1:1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
