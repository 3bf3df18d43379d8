//! System calls that the standard library does not offer, in safe form. The only file of this crate
//! that names rustix or libc.

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrAny, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

const SOCKET_FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Turns off glibc's fast bins for this process.
///
/// They keep freed blocks apart and merge them all at once when a large block is needed: after ten
/// million deletions, one allocation took 0.4 s of CPU. That stall would disturb measurements. The
/// per-thread cache, which makes small allocations fast, stays.
pub(crate) fn merge_freed_memory_at_once() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const M_MXFAST: libc::c_int = 1;
        // SAFETY: `mallopt` takes two integers, changes the allocator's own settings under its own
        // lock, and is called before any other thread exists. Failure is reported by its result and
        // only leaves the default in place.
        #[expect(unsafe_code, reason = "glibc offers no safe form of mallopt")]
        let _ = unsafe { libc::mallopt(M_MXFAST, 0) };
    }
}

/// Gives memory that was freed back to the system, as far as whole pages of it are free. Takes about
/// 0.1 ms per MiB given back, during which other threads may have to wait for memory.
pub(crate) fn trim_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `malloc_trim` takes one integer, works on the allocator's own free lists under its
        // own locks, and may be called at any time from any thread.
        #[expect(unsafe_code, reason = "glibc offers no safe form of malloc_trim")]
        let _ = unsafe { libc::malloc_trim(0) };
    }
}

/// Free memory that was taken out of the allocator, so that its pages can be given back without the
/// allocator's locks, which other threads need. Dropping it returns it to the allocator.
#[derive(Debug, Default)]
pub(crate) struct FreeBlocks(Vec<Block>);

#[derive(Debug)]
struct Block {
    start: *mut libc::c_void,
    len: usize,
}

// SAFETY: the blocks belong to this value alone, and glibc frees a block from any thread.
#[expect(unsafe_code, reason = "a pointer to memory that nothing else refers to")]
unsafe impl Send for FreeBlocks {}

/// Sizes of blocks, and how many of each are taken at most: each costs about a microsecond.
const BLOCKS: [(usize, usize); 3] = [(8 << 20, 4_096), (1 << 20, 512), (128 << 10, 512)];

impl FreeBlocks {
    /// Takes the free memory of the calling thread, if its memory is the heap below the program break,
    /// as that of the first thread is. Touches no page.
    pub(crate) fn take() -> Self {
        let mut taken = Self::default();
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        #[expect(unsafe_code, reason = "blocks are taken without being written")]
        for (len, count) in BLOCKS {
            for _ in 0..count {
                // SAFETY: `sbrk(0)` only reads where the heap ends. A block from `malloc` is checked before use, and freed once:
                // here, or when `taken` is dropped.
                unsafe {
                    let end = libc::sbrk(0);
                    let start = libc::malloc(len);
                    if start.is_null() {
                        break;
                    }
                    // Beyond the old end it is not free memory but new.
                    if start.addr() + len > end.addr() {
                        libc::free(start);
                        break;
                    }
                    taken.0.push(Block { start, len });
                }
            }
        }
        taken
    }

    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|block| block.len).sum()
    }

    /// Gives the pages back to the system: about 0.1 ms per MiB.
    pub(crate) fn give_back(self) {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        for block in &self.0 {
            let page = rustix::param::page_size();
            let first = block.start.addr().next_multiple_of(page) - block.start.addr();
            let whole = (block.len - first) / page * page;
            // SAFETY: these pages lie inside a block that belongs to this value; nothing was written there that is needed. A
            // failure leaves the pages in place.
            #[expect(unsafe_code, reason = "madvise on memory of our own")]
            let _ =
                unsafe { libc::madvise(block.start.byte_add(first), whole, libc::MADV_DONTNEED) };
        }
    }
}

impl Drop for FreeBlocks {
    fn drop(&mut self) {
        for block in self.0.drain(..) {
            // SAFETY: the block came from `malloc` and is freed once.
            #[expect(unsafe_code, reason = "returns what `take` took")]
            unsafe {
                libc::free(block.start);
            }
        }
    }
}

/// What reading or writing a non-blocking descriptor came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// So many bytes; 0 from a read means the end.
    Bytes(usize),
    /// Nothing now.
    WouldBlock,
    /// The connection is gone.
    Failed,
}

fn transfer(result: Result<usize, Errno>) -> Transfer {
    match result {
        Ok(count) => Transfer::Bytes(count),
        Err(Errno::AGAIN | Errno::INTR) => Transfer::WouldBlock,
        Err(_) => Transfer::Failed,
    }
}

/// Whether a call may wait, on a socket that blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until something can be done or the socket's timeout is over.
    Yes,
    No,
}

/// One `recv` into all of `buf`'s memory, whatever was in it: of what is there, or of what comes
/// within the socket's timeout.
pub(crate) fn receive(fd: impl AsFd, buf: &mut Vec<u8>, wait: Wait) -> Transfer {
    buf.clear();
    let flags = match wait {
        Wait::Yes => net::RecvFlags::empty(),
        Wait::No => net::RecvFlags::DONTWAIT,
    };
    // Memory that no request needs is never touched: thousands of threads have such a buffer.
    transfer(net::recv(fd, rustix::buffer::spare_capacity(buf), flags).map(|(_, count)| count))
}

/// As [`write`], on a socket that blocks.
pub(crate) fn write_waiting(fd: impl AsFd, bytes: &[u8], wait: Wait) -> Transfer {
    match wait {
        Wait::Yes => transfer(net::send(fd, bytes, net::SendFlags::NOSIGNAL)),
        Wait::No => write(fd, bytes),
    }
}

/// One `recv`, which spares the kernel what `read` does for files.
pub(crate) fn read(fd: impl AsFd, buf: &mut [u8]) -> Transfer {
    transfer(net::recv(fd, buf, net::RecvFlags::DONTWAIT).map(|(count, _)| count))
}

/// Whether the peer sends nothing more, even if bytes from before are still unread. Systems without
/// `POLLRDHUP` notice only that it is gone.
pub(crate) fn peer_has_ended(fd: impl AsFd) -> bool {
    #[cfg(target_os = "linux")]
    let flags = PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    let flags = PollFlags::HUP;
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let count = rustix::event::poll(&mut [PollFd::new(&fd, flags)], Some(&at_once));
    count.is_ok_and(|count| count > 0)
}

/// One `read` into the spare capacity of `buf`, which grows by what was read.
pub(crate) fn read_append(fd: impl AsFd, buf: &mut Vec<u8>) -> Transfer {
    transfer(rustix::io::read(fd, rustix::buffer::spare_capacity(buf)))
}

/// One `write` that never waits, whatever the socket's mode, and never raises SIGPIPE.
pub(crate) fn write(fd: impl AsFd, bytes: &[u8]) -> Transfer {
    const FLAGS: net::SendFlags = net::SendFlags::NOSIGNAL.union(net::SendFlags::DONTWAIT);
    transfer(net::send(fd, bytes, FLAGS))
}

/// Which of these can be read from without waiting. None, if the system cannot say.
pub(crate) fn readable<'a>(fds: impl Iterator<Item = BorrowedFd<'a>>) -> Vec<bool> {
    let mut fds: Vec<PollFd<'a>> =
        fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let count = rustix::event::poll(&mut fds, Some(&at_once)).unwrap_or(0);
    fds.iter().map(|fd| count > 0 && !fd.revents().is_empty()).collect()
}

/// Why `accept` gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptError {
    /// The queue is empty.
    WouldBlock,
    /// This connection died in the queue; the next may be fine.
    Aborted,
    /// No descriptors or memory left: the connection stays in the queue.
    Exhausted(i32),
}

/// Takes one connection off the queue; the new socket does not block. The address is `None` for
/// Unix sockets.
pub(crate) fn accept(listener: impl AsFd) -> Result<(OwnedFd, Option<SocketAddr>), AcceptError> {
    match net::acceptfrom_with(listener, SOCKET_FLAGS) {
        Ok((fd, from)) => Ok((fd, from.and_then(|any| SocketAddr::try_from(any).ok()))),
        Err(Errno::AGAIN) => Err(AcceptError::WouldBlock),
        Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
            Err(AcceptError::Exhausted(Errno::MFILE.raw_os_error()))
        }
        Err(_) => Err(AcceptError::Aborted),
    }
}

/// A listening TCP socket.
pub(crate) fn listen_tcp(addr: SocketAddr, backlog: i32) -> io::Result<OwnedFd> {
    let family = if addr.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let fd = net::socket_with(family, SocketType::STREAM, SOCKET_FLAGS, None)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    if addr.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, true)?;
    }
    net::bind(&fd, &addr)?;
    net::listen(&fd, backlog)?;
    Ok(fd)
}

/// A listening Unix socket with the given permissions (`None`: what the umask says).
pub(crate) fn listen_unix(path: &Path, mode: Option<u32>, backlog: i32) -> io::Result<OwnedFd> {
    let addr = net::SocketAddrUnix::new(path)?;
    let fd = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SOCKET_FLAGS, None)?;
    net::bind(&fd, &addr)?;
    if let Some(mode) = mode {
        rustix::fs::chmod(path, Mode::from_raw_mode(mode))?;
    }
    net::listen(&fd, backlog)?;
    Ok(fd)
}

/// Which direction of a connection to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// No more reads; what was written is still sent.
    Reading,
    Both,
}

/// Makes system calls on a connection return, while the descriptor stays open.
pub(crate) fn shutdown(fd: impl AsFd, side: Side) -> io::Result<()> {
    let how = match side {
        Side::Reading => net::Shutdown::Read,
        Side::Both => net::Shutdown::Both,
    };
    Ok(net::shutdown(fd, how)?)
}

/// Makes reads and writes block. Sockets of [`accept`] do not block.
pub(crate) fn set_blocking(fd: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(fd, false)?)
}

/// Limits each blocking read and write to `timeout`.
pub(crate) fn set_timeouts(fd: impl AsFd, timeout: Duration) -> io::Result<()> {
    let fd = fd.as_fd();
    sockopt::set_socket_timeout(fd, sockopt::Timeout::Recv, Some(timeout))?;
    sockopt::set_socket_timeout(fd, sockopt::Timeout::Send, Some(timeout))?;
    Ok(())
}

/// Switches Nagle's algorithm off.
pub(crate) fn set_nodelay(fd: impl AsFd) -> io::Result<()> {
    Ok(sockopt::set_tcp_nodelay(fd, true)?)
}

/// Probes an idle peer after `idle`, then three times at a third of that, as Redis does.
pub(crate) fn set_keepalive(fd: impl AsFd, idle: Duration) -> io::Result<()> {
    let fd = fd.as_fd();
    sockopt::set_socket_keepalive(fd, true)?;
    sockopt::set_tcp_keepidle(fd, idle)?;
    let interval = Duration::from_secs((idle.as_secs() / 3).max(1));
    sockopt::set_tcp_keepintvl(fd, interval)?;
    sockopt::set_tcp_keepcnt(fd, 3)?;
    Ok(())
}

/// The socket's own address, if it has one.
pub(crate) fn local_addr(fd: BorrowedFd<'_>) -> Option<SocketAddr> {
    net::getsockname(fd).ok().and_then(|any: SocketAddrAny| SocketAddr::try_from(any).ok())
}

/// The soft limit on open descriptors; `u64::MAX` if there is none.
pub(crate) fn nofile_limit() -> u64 {
    rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Sets the soft limit on open descriptors, and the hard one where that must rise too.
pub(crate) fn set_nofile_limit(limit: u64) -> io::Result<()> {
    let hard = rustix::process::getrlimit(Resource::Nofile).maximum;
    let maximum = hard.map(|hard| hard.max(limit));
    Ok(rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum })?)
}

/// CPU time used by this process: system and user, in seconds. Zero where unknown.
pub(crate) fn cpu_seconds() -> (f64, f64) {
    cpu_seconds_in("/proc/self/stat")
}

/// The same of this process's first thread alone.
pub(crate) fn main_thread_cpu_seconds() -> (f64, f64) {
    cpu_seconds_in(&format!("/proc/self/task/{}/stat", std::process::id()))
}

fn cpu_seconds_in(path: &str) -> (f64, f64) {
    let Ok(stat) = std::fs::read_to_string(path) else { return (0.0, 0.0) };
    // Field 2 may contain spaces; the fields after its closing parenthesis do not.
    let fields: Vec<&str> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    (ticks(12) / per_second, ticks(11) / per_second)
}

/// The system's monotonic clock, in nanoseconds. `Instant` reads the same clock, but its checked
/// arithmetic adds a fifth to the cost, and this is called for every command.
pub(crate) fn monotonic_ns() -> u64 {
    clock_ns(rustix::time::ClockId::Monotonic)
}

/// CPU time used by the calling thread, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    clock_ns(rustix::time::ClockId::ThreadCPUTime)
}

#[inline]
fn clock_ns(id: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(id);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Resident memory of this process, in bytes. Zero where unknown.
pub(crate) fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// Kernel name, release and machine, as `INFO` shows them.
pub(crate) fn os_name() -> String {
    let uname = rustix::system::uname();
    let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    format!("{} {} {}", part(uname.sysname()), part(uname.release()), part(uname.machine()))
}

/// `ERANGE`, as ae sets it for a descriptor beyond its set size.
pub(crate) fn range_error() -> io::Error {
    Errno::RANGE.into()
}
