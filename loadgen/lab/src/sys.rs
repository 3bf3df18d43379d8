//! System calls for server processes: pinning to cores, and signals to a process group.
//!
//! Invariant: only files named `sys.rs` call the system.

use rustix::process::Pid;
pub(crate) use rustix::process::Signal;
use rustix::thread::CpuSet;
use std::io;

/// Pins another process to some cores (its first thread, and every thread that it starts from now on).
///
/// # Errors
/// There is no such core or process, or permission is missing.
pub(crate) fn pin_process(pid: u32, cpus: &[usize]) -> io::Result<()> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    if cpus.iter().any(|cpu| *cpu >= CpuSet::MAX_CPU) {
        return Err(invalid());
    }
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(invalid)?;
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    rustix::thread::sched_setaffinity(Some(pid), &set)?;
    Ok(())
}

/// Asks a process and all others of its group to end (SIGTERM), or ends them (SIGKILL).
///
/// # Errors
/// They have ended already, or permission is missing.
pub(crate) fn signal_group(pid: u32, how: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    rustix::process::kill_process_group(pid, how)?;
    Ok(())
}

/// Whether a process group still has a process; one that has ended and was not waited for counts.
pub(crate) fn group_exists(group: u32) -> bool {
    let group = i32::try_from(group).ok().and_then(Pid::from_raw);
    group.is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok())
}
