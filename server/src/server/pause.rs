//! `CLIENT PAUSE`: for a while, commands wait instead of being executed.
//!
//! The data set does not change during a pause: no active expiry, no eviction. Connections are accepted
//! and read as usual.

use super::{CommandSpec, flags};
use crate::client::Client;

/// Which commands wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// Those that may write, publish or run scripts.
    Writes,
    All,
}

/// A pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    pub(crate) until_ms: i64,
    pub(crate) extent: Extent,
}

impl Pause {
    /// Two pauses at once: the longer end and the wider extent, as in Redis.
    pub(crate) fn with(self, other: Option<Pause>) -> Pause {
        let other = other.unwrap_or(self);
        Pause { until_ms: self.until_ms.max(other.until_ms), extent: self.extent.max(other.extent) }
    }

    /// Whether this command of this client has to wait.
    pub(crate) fn holds(self, spec: &CommandSpec, client: &Client) -> bool {
        match (self.extent, &client.multi) {
            (Extent::All, _) => true,
            (Extent::Writes, Some(multi)) if spec.has(flags::RUNS_QUEUE) => {
                multi.queue.iter().any(|queued| may_write(queued.flags))
            }
            (Extent::Writes, _) => may_write(spec.flags),
        }
    }
}

fn may_write(command: u32) -> bool {
    let has = |flags: u32| command & flags != 0;
    has(flags::WRITE | flags::MAY_REPLICATE)
        // Scripts that do not declare that they only read.
        || (has(flags::NO_MANDATORY_KEYS) && !has(flags::READONLY))
}
