//! System calls of the procedures: what the kernel knows about a TCP connection.
//!
//! Not the place for decisions. Invariant: no other file of the procedures names libc.
#![expect(unsafe_code, reason = "TCP_INFO has no safe wrapper")]

use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// What the kernel knows about the sending side of a TCP connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TcpState {
    /// The receive window that the peer last announced, in bytes.
    pub(super) peer_window_bytes: u64,
    /// Bytes written by us that have not left yet.
    pub(super) not_sent_bytes: u64,
    /// Bytes that have left and are not acknowledged.
    pub(super) in_flight_bytes: u64,
    /// Time in which the peer's window kept us from sending, in µs, since the connection began.
    pub(super) window_limited_us: u64,
}

/// Bytes of `struct tcp_info` that are asked for: up to `tcpi_rcv_wnd` (Linux 6.2); an older kernel gives fewer.
const INFO_BYTES: usize = 236;
/// Offsets in `struct tcp_info` (include/uapi/linux/tcp.h), which never moves a field.
const UNACKED_SEGMENTS: usize = 24;
const BYTES_ACKED: usize = 120;
const NOT_SENT_BYTES: usize = 144;
const RWND_LIMITED: usize = 176;
const BYTES_SENT: usize = 200;
const BYTES_RETRANS: usize = 208;
const SND_WND: usize = 228;

/// Asks the kernel about a TCP connection.
///
/// # Errors
/// It is no TCP connection, or the kernel is older than 5.4 and does not tell the peer's window.
pub(super) fn tcp_state(socket: BorrowedFd<'_>) -> io::Result<TcpState> {
    let mut info = [0_u8; INFO_BYTES];
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).unwrap_or(0);
    // SAFETY: the descriptor is borrowed and open; the kernel writes at most `length` bytes into `info`, which is that long,
    // and the number of bytes written into `length`; both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if (length as usize) < SND_WND + 4 {
        return Err(io::Error::from(io::ErrorKind::Unsupported));
    }
    let u32_at = |at: usize| {
        info[at..].first_chunk().map_or(0, |bytes| u64::from(u32::from_ne_bytes(*bytes)))
    };
    let u64_at = |at: usize| info[at..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    let sent_once = u64_at(BYTES_SENT).saturating_sub(u64_at(BYTES_RETRANS));
    // The acknowledged bytes may count the handshake's; with nothing in flight the difference means nothing.
    let in_flight = match u32_at(UNACKED_SEGMENTS) {
        0 => 0,
        _ => sent_once.saturating_sub(u64_at(BYTES_ACKED)),
    };
    Ok(TcpState {
        peer_window_bytes: u32_at(SND_WND),
        not_sent_bytes: u32_at(NOT_SENT_BYTES),
        in_flight_bytes: in_flight,
        window_limited_us: u64_at(RWND_LIMITED),
    })
}

/// Makes a connection end with a reset when it is closed, so that thousands of them leave no port behind in TIME_WAIT.
///
/// # Errors
/// What the kernel says; none is expected.
pub(super) fn reset_on_close(socket: BorrowedFd<'_>) -> io::Result<()> {
    rustix::net::sockopt::set_socket_linger(socket, Some(std::time::Duration::ZERO))?;
    Ok(())
}
