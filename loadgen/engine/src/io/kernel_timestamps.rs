//! Reading with the kernel's time of arrival, and putting that time on the engine's clock.
//!
//! Not the recording (see `record::kernel_times`). The kernel stamps with the wall clock; the offset between it and the monotonic clock is
//! found by reading both, again in every reporting interval, and its uncertainty is part of the result.
//! Invariant: a stamp that lies after the read, beyond that uncertainty, is no stamp.

use crate::clock::KernelClock;
use crate::clock::{self, Nanos, WallOffset};
use crate::sys;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

/// See the module.
#[derive(Debug)]
pub(crate) struct KernelTimestamps {
    offset: WallOffset,
    clock: KernelClock,
    /// The last read's stamp, by the wall clock.
    wall_ns: Option<u64>,
}

impl KernelTimestamps {
    /// Nothing has been read.
    pub(crate) fn new() -> Self {
        let offset = clock::wall_offset();
        let clock = KernelClock { uncertainty: offset.uncertainty, steps: 0 };
        Self { offset, clock, wall_ns: None }
    }

    /// When the last of what was read last, at `now`, arrived, on the monotonic clock.
    #[inline]
    pub(crate) fn arrived(&self, now: Nanos) -> Option<Nanos> {
        let arrived = self.offset.to_monotonic(self.wall_ns?);
        // The wall clock may have been set since the offset was found.
        let limit = now.saturating_add(self.clock.uncertainty);
        (arrived <= limit).then_some(arrived)
    }

    /// Looks at the offset of the clocks again.
    pub(crate) fn compare_clocks(&mut self) {
        let offset = clock::wall_offset();
        self.clock.steps += u64::from(offset.is_step_from(&self.offset));
        self.clock.uncertainty = self.clock.uncertainty.max(offset.uncertainty);
        self.offset = offset;
    }

    /// How well stamps could be used.
    pub(crate) const fn clock(&self) -> KernelClock {
        self.clock
    }
}

/// Reads once and keeps the stamp.
///
/// # Errors
/// As a socket's: `WouldBlock` when there is nothing.
#[inline]
pub(crate) fn receive(
    kernel_timestamps: &mut Option<KernelTimestamps>,
    socket: &impl AsFd,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let (len, wall_ns) = sys::receive_stamped(socket.as_fd(), buffer)?;
    if let Some(kernel_timestamps) = kernel_timestamps {
        kernel_timestamps.wall_ns = wall_ns;
    }
    Ok(len)
}

/// A socket whose reads keep their stamps.
pub(crate) struct StampedSocket<'a, S> {
    pub(crate) stream: &'a mut S,
    pub(crate) kernel_timestamps: &'a mut Option<KernelTimestamps>,
}

impl<S: AsFd> Read for StampedSocket<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        receive(self.kernel_timestamps, self.stream, buffer)
    }
}

impl<S: Write> Write for StampedSocket<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
