//! One direction of an emulated link: computes when arriving bytes leave at the other end.
//!
//! Not a buffer (see [`crate::relay::delay_queue`]) and not a clock. Invariant: no byte leaves before its delay less the jitter
//! has passed, nor before every byte that the link took earlier has been clocked out.

use aelab_engine::clock::Nanos;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
use std::num::NonZeroU64;

/// What a link of limited bandwidth carries at a time: an Ethernet frame's payload of TCP, so that the bytes of a large
/// write come out one packet after another and not all at the end.
const SEGMENT_BYTES: usize = 1448;
/// Longest queue in front of a link of limited bandwidth, as time, like the queue of a router. Beyond it no socket is read
/// until the queue has shrunk. Without a limit a busy sender would add seconds of waiting.
const QUEUE_MAX: Nanos = Nanos::from_millis(5);
const NS_PER_SEC: u64 = 1_000_000_000;

/// How one direction behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// From one end to the other.
    pub(crate) delay: Nanos,
    /// Each segment's delay is drawn evenly from `delay - jitter ..= delay + jitter`; at most `delay`.
    pub(crate) jitter: Nanos,
    /// Bytes per second; none: unlimited.
    pub(crate) bandwidth: Option<NonZeroU64>,
}

/// One direction of the link, shared by all connections.
#[derive(Debug)]
pub(crate) struct Wire {
    shape: Shape,
    /// When the last byte taken has been clocked out.
    free_at: Nanos,
    random: Xoshiro256PlusPlus,
}

impl Wire {
    /// An idle link.
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        Self { shape, free_at: Nanos::ZERO, random: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    /// Bytes that should be given to [`Self::carry`] at a time.
    pub(crate) fn segment_bytes(&self) -> usize {
        if self.shape.bandwidth.is_some() { SEGMENT_BYTES } else { usize::MAX }
    }

    /// When the link accepts more, if its queue is full now.
    pub(crate) fn opens_at(&self, now: Nanos) -> Option<Nanos> {
        let backlog = self.free_at.since(now);
        (backlog > QUEUE_MAX).then(|| self.free_at - QUEUE_MAX)
    }

    /// Takes `bytes` that reached the link at `arrived`, and says when they reach its other end.
    ///
    /// Jitter alone could put them before earlier ones of the same stream: the stream's queue holds them back.
    pub(crate) fn carry(&mut self, arrived: Nanos, bytes: usize) -> Nanos {
        let mut out = arrived;
        if let Some(rate) = self.shape.bandwidth {
            // Rounded up: never faster than asked, and at most a nanosecond slower per segment.
            let clocking = (bytes as u64).saturating_mul(NS_PER_SEC).div_ceil(rate.get());
            self.free_at = self.free_at.max(arrived).saturating_add(Nanos(clocking));
            out = self.free_at;
        }
        let Shape { delay, jitter, .. } = self.shape;
        if jitter == Nanos::ZERO {
            return out.saturating_add(delay);
        }
        let spread = self.below(jitter.0.saturating_mul(2).saturating_add(1));
        out.saturating_add(Nanos(delay.0.saturating_add(spread).saturating_sub(jitter.0)))
    }

    /// When the end of a stream that was seen at `at` reaches the other end: behind the bytes, and no bytes itself.
    pub(crate) fn carry_end(&mut self, at: Nanos) -> Nanos {
        self.carry(at, 0)
    }

    /// An even number below `bound`, to within one in 2^64.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.random.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}
