//! The one system call of the fuzz targets.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// Whether the peer has not read all that was sent: bytes as the kernel accounts for them.
pub fn unread(stream: &UnixStream) -> i32 {
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ writes one int to the address given, which is that of a live local.
    let result = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if result == 0 { count } else { 0 }
}
