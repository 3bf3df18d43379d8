//! System calls about TCP connections: what the kernel knows of one (`TCP_INFO`), and closing one with a reset.
//!
//! Procedures use them too. Invariant: no other file of `observe` or `procedure` calls the system.
#![expect(unsafe_code, reason = "TCP_INFO has no safe wrapper")]

use std::collections::BTreeMap;
use std::io;
use std::mem::size_of_val;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};

/// What the kernel knows about the sending side of a TCP connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TcpState {
    /// The receive window that the peer last announced, in bytes.
    pub(crate) peer_window_bytes: u64,
    /// Bytes written on this side that were not sent yet.
    pub(crate) not_sent_bytes: u64,
    /// Bytes that have left and are not acknowledged.
    pub(crate) in_flight_bytes: u64,
    /// Time in which the peer's window stopped this side from sending, in µs, since the connection began.
    pub(crate) window_limited_us: u64,
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

/// Fields of `struct tcp_info` that a report keeps: offset, and a name that ends in the unit.
const KEPT: [(usize, &str); 10] = [
    (68, "rtt_us"),
    (72, "rtt_variation_us"),
    (148, "rtt_least_us"),
    (100, "segments_sent_again"),
    (32, "segments_lost"),
    (UNACKED_SEGMENTS, "segments_in_flight"),
    (80, "congestion_window_segments"),
    (NOT_SENT_BYTES, "not_sent_bytes"),
    (SND_WND, "server_window_bytes"),
    (232, "own_window_bytes"),
];

/// What the kernel knows about at most `most` of this process's own TCP connections to `server`.
pub(crate) fn connections_to(server: SocketAddr, most: usize) -> Vec<BTreeMap<String, u64>> {
    let Ok(own) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers = own.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let look = |number: RawFd| {
        // SAFETY: only the calls below use it, and they only read. If another thread closes the descriptor, or its number is reused
        // for another socket, they fail or describe that socket, whose peer address is checked first.
        let socket = unsafe { BorrowedFd::borrow_raw(number) };
        let peer = SocketAddr::try_from(rustix::net::getpeername(socket).ok()??).ok()?;
        if peer != server {
            return None;
        }
        let (info, length) = tcp_info(socket).ok()?;
        let field = |(at, name): &(usize, &str)| {
            let bytes = info.get(*at..*at + 4).filter(|_| at + 4 <= length)?.first_chunk()?;
            Some(((*name).to_owned(), u64::from(u32::from_ne_bytes(*bytes))))
        };
        Some(KEPT.iter().filter_map(field).collect())
    };
    numbers.filter_map(look).take(most).collect()
}

/// Asks the kernel about a TCP connection.
///
/// # Errors
/// It is no TCP connection, or the kernel is older than 5.4 and does not report the peer's window.
pub(crate) fn tcp_state(socket: BorrowedFd<'_>) -> io::Result<TcpState> {
    let (info, length) = tcp_info(socket)?;
    if length < SND_WND + 4 {
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

/// `struct tcp_info`, and how many bytes of it the kernel gives.
fn tcp_info(socket: BorrowedFd<'_>) -> io::Result<([u8; INFO_BYTES], usize)> {
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
    Ok((info, usize::try_from(length).unwrap_or(0).min(INFO_BYTES)))
}

/// Makes a connection end with a reset when it is closed, so that thousands of them leave no port behind in TIME_WAIT.
///
/// # Errors
/// What the kernel says; none is expected.
pub(crate) fn reset_on_close(socket: BorrowedFd<'_>) -> io::Result<()> {
    rustix::net::sockopt::set_socket_linger(socket, Some(std::time::Duration::ZERO))?;
    Ok(())
}
