//! System calls the standard library and mio do not offer: clocks, the pacing timer, limits, CPU affinity.
//!
//! Not the place for decisions: each function is one call with its arguments translated.
//! Invariant: no other file of this crate names rustix or libc.
#![expect(unsafe_code, reason = "control messages and scheduling attributes have no safe wrapper")]

use rustix::process::{Resource, Rlimit};
use rustix::thread::CpuSet;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, OwnedFd, RawFd};

const NS_PER_SEC: u64 = 1_000_000_000;
/// Room for the control messages of a read: one timestamp is asked for, more may come.
const CONTROL_BYTES: usize = 128;

/// The monotonic clock in nanoseconds.
#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    clock_ns(ClockId::Monotonic)
}

/// The wall clock in nanoseconds since 1970-01-01 UTC.
pub(crate) fn wall_ns() -> u64 {
    clock_ns(ClockId::Realtime)
}

/// CPU time used by the calling thread, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    clock_ns(ClockId::ThreadCPUTime)
}

#[inline]
fn clock_ns(clock: ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec as u64 * NS_PER_SEC + time.tv_nsec as u64
}

/// A kernel timer on the monotonic clock that makes a descriptor readable at an absolute time.
#[derive(Debug)]
pub struct Timer {
    fd: OwnedFd,
}

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// What the kernel says: mostly that no descriptor is left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self { fd: rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)? })
    }

    /// Sets it to fire at `at_ns` on the monotonic clock (at once, if that has passed). Replaces what was set.
    ///
    /// # Errors
    /// What the kernel says; none is expected.
    pub fn set(&self, at_ns: u64) -> io::Result<()> {
        // Zero would switch the timer off.
        let at_ns = at_ns.clamp(1, i64::MAX as u64);
        let value =
            Timespec { tv_sec: (at_ns / NS_PER_SEC) as i64, tv_nsec: (at_ns % NS_PER_SEC) as i64 };
        let spec = Itimerspec { it_interval: Timespec::default(), it_value: value };
        rustix::time::timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &spec)?;
        Ok(())
    }

    /// The descriptor to watch.
    pub fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// The CPUs this process may use, in rising order.
pub fn allowed_cpus() -> Vec<usize> {
    let Ok(set) = rustix::thread::sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

/// How many CPUs' worth of time this process may use: those that it may run on, less what a quota of its control group takes.
pub(crate) fn usable_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Pins the calling thread to one CPU.
///
/// # Errors
/// There is no such CPU, or we may not use it.
pub fn pin_thread(cpu: usize) -> io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set)?;
    Ok(())
}

/// Flag of an open that does not wait for the other end of a pipe.
pub(crate) const NONBLOCK: i32 = libc::O_NONBLOCK;

/// Lets writes to a file that was opened with [`NONBLOCK`] wait until there is room.
///
/// # Errors
/// What the kernel says; none is expected.
pub(crate) fn wait_when_full(file: &std::fs::File) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    rustix::fs::fcntl_setfl(file, flags.difference(rustix::fs::OFlags::NONBLOCK))?;
    Ok(())
}

/// Sends SIGINT to a process, as ^C does.
///
/// # Errors
/// It is gone, or not ours.
pub fn interrupt(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
    Ok(())
}

/// Gives the calling thread the lowest priority: for those that only show what others do.
pub fn step_back() {
    /// As far back as it goes.
    const LOWEST: i32 = 19;
    // Where it is not allowed the thread is merely as important as any other.
    let _ = rustix::process::nice(LOWEST);
}

/// Asks the kernel (Linux 6.12 and later) for short time slices for the calling thread, and for the threads and programs that it
/// starts: a thread with a short slice gets the CPU soon after it wakes, also if another program is computing. Needs no
/// privileges; earlier kernels ignore it.
pub fn prefer_short_slices() {
    /// The shortest slice that the kernel accepts.
    const SLICE_NS: u64 = 100_000;
    /// `struct sched_attr` of sched_setattr(2), version 0.
    #[repr(C)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    let nice = rustix::process::getpriority_process(None).unwrap_or(0);
    let attributes = Attributes {
        size: size_of::<Attributes>() as u32,
        policy: libc::SCHED_OTHER as u32,
        flags: 0,
        nice,
        priority: 0,
        runtime: SLICE_NS,
        deadline: 0,
        period: 0,
    };
    // SAFETY: the kernel reads `size` bytes of a structure that lives until the call returns. Where it is not allowed the slice
    // stays what it was.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// The width of a terminal in columns; `None` if it is none.
pub fn columns(terminal: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Raises the limit of open descriptors to what the system allows, and returns it.
pub fn raise_descriptor_limit() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // A refusal leaves the old limit, which is what is returned.
    let raised = rustix::process::setrlimit(Resource::Nofile, wanted).is_ok();
    let now = if raised { limit.maximum } else { limit.current };
    now.unwrap_or(u64::MAX)
}

/// Asks the kernel to note when packets of a TCP socket arrive.
///
/// # Errors
/// The kernel does not know how.
pub fn stamp_arrivals(fd: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and the value is an int of the size given, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            size,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Reads into `buffer`; with the time at which the last packet of it arrived, by the wall clock in ns, if the kernel says.
///
/// # Errors
/// As a socket's: `WouldBlock` when there is nothing.
pub fn receive_stamped(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<u64>)> {
    /// The kernel writes control messages aligned as their header.
    #[repr(C, align(8))]
    struct Control([u8; CONTROL_BYTES]);

    let mut control = Control([0; CONTROL_BYTES]);
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: msghdr is plain data for which all zeroes are valid: no name, no parts, no control.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL_BYTES;
    // SAFETY: the descriptor is open; the message names one part, which is `buffer`, and a control area of the length
    // given, all of which outlive the call.
    let read = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, 0) };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    Ok((read, timestamp(&message)))
}

/// The time of arrival among the control messages that a read brought.
fn timestamp(message: &libc::msghdr) -> Option<u64> {
    // SAFETY: the kernel has filled in `message`, whose control area is alive in the caller and aligned for headers.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return null or a whole header within the control area.
        let (level, kind) = unsafe { ((*header).cmsg_level, (*header).cmsg_type) };
        if level == libc::SOL_SOCKET && kind == libc::SCM_TIMESTAMPNS {
            // SAFETY: a message of this type carries a timespec; it need not be aligned.
            let time: libc::timespec =
                unsafe { libc::CMSG_DATA(header).cast::<libc::timespec>().read_unaligned() };
            return Some(time.tv_sec as u64 * NS_PER_SEC + time.tv_nsec as u64);
        }
        // SAFETY: as for the first; `header` is within the control area of `message`.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

/// Whether the kernel can note when packets arrive.
///
/// # Errors
/// It cannot; or no socket can be made.
pub(crate) fn can_stamp() -> io::Result<()> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    stamp_arrivals(socket.as_fd())
}
