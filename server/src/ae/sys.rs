//! What the epoll, poll and select backends need from the system, in safe form. The only file of
//! the loop that names rustix; not the sockets' calls, which are in `crate::sys`.
//!
//! Invariant: as in ae, the caller keeps a descriptor open while it is watched. Breaking this causes an
//! error or a stray event, never memory corruption.
#![expect(unsafe_code, reason = "descriptors are numbers here, and select takes raw bitmaps")]

use crate::clock::Nanos;
use rustix::event::FdSetElement;
use rustix::io::Errno;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};

pub(super) use rustix::buffer::spare_capacity;
#[cfg(target_os = "linux")]
pub(super) use rustix::event::epoll;
pub(super) use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A word of select's bitmaps: a C `unsigned long`, by which the kernel reads them.
pub(super) type Word = usize;

/// `fd` in the form that system calls take.
///
/// # Errors
/// `EBADF` for a negative number.
pub(crate) fn borrow(fd: RawFd) -> io::Result<BorrowedFd<'static>> {
    if fd < 0 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: not -1. Open for as long as it is watched, by this file's invariant; the borrow is
    // kept no longer than that.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

/// A length of time for system calls.
pub(super) fn timespec(timeout: Nanos) -> Timespec {
    const PER_SECOND: u64 = 1_000_000_000;
    // Both fit whatever the platform's types are: at most 1.8e10 seconds, below 1e9 nanoseconds.
    Timespec { tv_sec: (timeout.0 / PER_SECOND) as _, tv_nsec: (timeout.0 % PER_SECOND) as _ }
}

/// Waits until one of the descriptors below `bound` in the bitmaps is ready, and leaves in them
/// those that are. `None` waits without limit.
///
/// # Errors
/// As `select(2)`.
pub(super) fn select(
    bound: usize,
    readable: &mut [Word],
    writable: &mut [Word],
    timeout: Option<&Timespec>,
) -> io::Result<()> {
    let count = i32::try_from(bound).map_err(|_| Errno::INVAL)?;
    let (readable, writable) = (elements(readable), elements(writable));
    // SAFETY: the descriptors are open, by this file's invariant; the call checks the lengths.
    unsafe { rustix::event::select(count, Some(readable), Some(writable), None, timeout)? };
    Ok(())
}

/// The same words under the name that the call knows, whose bits cannot be asked one by one.
fn elements(words: &mut [Word]) -> &mut [FdSetElement] {
    const { assert!(size_of::<Word>() == size_of::<FdSetElement>()) };
    const { assert!(align_of::<Word>() == align_of::<FdSetElement>()) };
    // SAFETY: `FdSetElement` is a transparent wrapper of an unsigned integer of this size and
    // alignment, for which any bits are valid, and the borrow is passed on.
    unsafe { &mut *(std::ptr::from_mut(words) as *mut [FdSetElement]) }
}

#[cfg(test)]
mod tests {
    use super::{borrow, timespec};
    use crate::clock::Nanos;

    #[test]
    fn a_time_is_split_into_seconds_and_nanoseconds() {
        let split = timespec(Nanos(3_000_000_007));
        assert_eq!((split.tv_sec, split.tv_nsec), (3, 7));
        assert_eq!(timespec(Nanos(u64::MAX)).tv_nsec, 709_551_615);
    }

    #[test]
    fn a_negative_descriptor_is_refused() {
        assert!(borrow(-1).is_err());
    }
}
