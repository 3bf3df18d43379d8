//! Kernel time stamps of what is read: how long a reply was on its way, and how long it lay before we read it.
//!
//! Not the reading (see `poller`). A read has the stamp of its last packet, so of several replies in one read the earlier ones
//! get a wire time that is too long and a wake-up that is too short, never the other way round.
//! Invariant: every measured reply is in both metrics, or among those without a usable stamp.

use crate::clock::Nanos;
use crate::record::metric::Metric;
use crate::record::result::KernelTimesResult;

/// One thread's figures of one group.
#[derive(Debug, Default)]
pub(crate) struct KernelTimes {
    wire: Metric,
    wake_up: Metric,
    unstamped: u64,
}

impl KernelTimes {
    /// A measured reply to what was sent at `sent` was read at `now`; the kernel had it at `arrived`.
    #[inline]
    pub(crate) fn record(&mut self, sent: Nanos, arrived: Option<Nanos>, now: Nanos) {
        // Before it was sent: the wall clock was set.
        let Some(arrived) = arrived.filter(|arrived| *arrived >= sent) else {
            self.unstamped += 1;
            return;
        };
        self.wire.record(arrived.since(sent).0, 1);
        self.wake_up.record(now.since(arrived).0, 1);
    }

    pub(crate) fn metrics(&mut self) -> [&mut Metric; 2] {
        [&mut self.wire, &mut self.wake_up]
    }

    pub(crate) fn finish(self) -> KernelTimesResult {
        KernelTimesResult {
            wire: self.wire.finish(),
            wake_up: self.wake_up.finish(),
            unstamped: self.unstamped,
        }
    }
}
