//! How a thread waits for the next due request, as the plan says it.
//!
//! Not the waiting (see `io::poller`) and not the choice for a machine (see `run::pacing`).

use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// How a thread waits for the next due request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pacing {
    /// `Precise` where every thread has a CPU that neither the server nor other processes need, else `Timerfd`.
    #[default]
    Auto,
    /// An absolute kernel timer in the poll set: 30–50 µs late, next to no CPU time.
    Timerfd,
    /// The timer up to `margin` before the due time, then spinning: below 1 µs late as long as sends take less than the gaps.
    Precise {
        /// Spun before each due time; `None` measures it on each thread, before the run and in it: the 99th percentile of how
        /// late it wakes from a sleep.
        margin: Option<Nanos>,
    },
    /// Never sleeps: the least lag, one full core per thread.
    Spin,
}

impl Pacing {
    /// The word used in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Timerfd => "timerfd",
            Self::Precise { .. } => "precise",
            Self::Spin => "spin",
        }
    }
}
