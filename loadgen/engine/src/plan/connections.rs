//! How connections are opened, assigned, kept and replaced, as the plan says it.
//!
//! Not the connections themselves (see `conn` and `worker::connections`).

use crate::clock::Nanos;
use crate::plan::arrival::Rate;
use aelab_units::parse_duration;
use serde::{Deserialize, Serialize};

/// Which connection takes a due request of an open loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Assignment {
    /// Whichever has had a free slot longest; the rest wait in one queue. One slow connection delays no other.
    #[default]
    AnyFree,
    /// Each connection has its own share of the schedule, in turn, and its own line: for studies of single connections.
    Pinned,
}

/// What happens to a connection when one of its requests times out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnTimeout {
    /// Close it and open another, as client libraries do; the requests behind it are lost with it.
    Reconnect,
    /// Keep it; the late reply is dropped when it comes, and its window slot stays taken until then.
    Keep,
}

/// What happens when a connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reconnect {
    /// Open another after a pause that doubles with each failure in a row.
    Backoff {
        /// The first pause.
        first: Nanos,
        /// The longest.
        max: Nanos,
    },
    /// Open another after the same pause each time, to the nanosecond. Without a pause an attempt that failed is followed by
    /// another a millisecond later.
    Fixed(Nanos),
    /// Do without it.
    Never,
}

impl Reconnect {
    /// Reads `immediate`, `never`, `fixed:100ms` or `backoff:50ms..5s`.
    ///
    /// # Errors
    /// Another word, a time that is none, or a longest pause below the first.
    pub fn parse(text: &str) -> Result<Self, String> {
        let time =
            |text: &str| parse_duration(text).map(Nanos::from).map_err(|error| error.to_string());
        let form = "write immediate, never, fixed:100ms or backoff:50ms..5s";
        match (text, text.split_once(':')) {
            ("immediate", _) => Ok(Self::Fixed(Nanos::ZERO)),
            ("never", _) => Ok(Self::Never),
            (_, Some(("fixed", pause))) => Ok(Self::Fixed(time(pause)?)),
            (_, Some(("backoff", range))) => {
                let (first, max) = range.split_once("..").ok_or(form)?;
                let (first, max) = (time(first)?, time(max)?);
                if first == Nanos::ZERO || first > max {
                    return Err(format!("a pause grows from above zero to the longest; {form}"));
                }
                Ok(Self::Backoff { first, max })
            }
            _ => Err(form.to_owned()),
        }
    }
}

impl Default for Reconnect {
    /// 10 ms to 1 s: a restarted server is found quickly and a dead one not hammered.
    fn default() -> Self {
        Self::Backoff { first: Nanos::from_millis(10), max: Nanos::from_secs(1) }
    }
}

/// A client library's connection pool. Its largest size is the group's number of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolPlan {
    /// Idle connections it opens in advance.
    pub min_idle: usize,
    /// Idle connections it keeps; one that comes back on top is closed.
    pub max_idle: usize,
    /// A request that has waited this long for a connection fails; `None` waits for ever.
    pub max_wait: Option<Nanos>,
    /// Which idle connection is taken.
    pub order: PoolOrder,
}

/// Which idle connection of a pool is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolOrder {
    /// The one used last, as most libraries do.
    #[default]
    Lifo,
    /// The one idle longest.
    Fifo,
}

/// When a group's connections are opened for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectSchedulePlan {
    /// Before the schedule begins, as fast as [`ConnectPlan::in_parallel`] allows.
    #[default]
    AtOnce,
    /// Before the schedule begins, this many per second over all threads, however long each takes.
    Before(Rate),
    /// While the run is on, from the group's `start_after`, this many per second over all threads: a connect storm. Those
    /// that fail try again as lost ones do.
    During(Rate),
}

/// How connections are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectPlan {
    /// Most connections being opened at a time, per thread: below any common accept backlog.
    pub in_parallel: usize,
    /// A connection that is not ready this long after its start has failed.
    pub timeout: Nanos,
}

impl Default for ConnectPlan {
    fn default() -> Self {
        Self { in_parallel: 128, timeout: Nanos::from_secs(10) }
    }
}
