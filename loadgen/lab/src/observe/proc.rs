//! The figures of a process in /proc at one moment, all its threads together.
//!
//! Only reading; what the figures mean is decided elsewhere. Invariant: what cannot be read (another machine, another user,
//! a process that has ended) is absent, never zero.

use std::fs;
use std::path::PathBuf;

/// Nanoseconds of one tick of /proc/PID/stat, where the kernel has no finer count: USER_HZ is 100 on every Linux.
const TICK_NS: u64 = 10_000_000;

/// A process at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessView {
    /// Resident memory in bytes.
    pub rss_bytes: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// Entries in the interest lists of its epoll instances; only where asked for.
    pub epoll_entries: Option<u64>,
    /// Context switches of its living threads, voluntary and not.
    pub context_switches: Option<u64>,
    /// Those of its living threads that were voluntary: how often they went to sleep.
    pub voluntary_switches: Option<u64>,
    /// CPU time of its living threads, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Time that its living threads waited for a CPU, in nanoseconds.
    pub waited_ns: Option<u64>,
    /// CPU time of its first thread, which serves the clients of a single-threaded server, in nanoseconds.
    pub main_cpu_ns: Option<u64>,
    /// Time that its first thread waited for a CPU, in nanoseconds.
    pub main_waited_ns: Option<u64>,
    /// Living threads.
    pub threads: Option<u64>,
}

/// Reads the figures of a process on this machine, without its epoll lists: counting them reads one file per descriptor.
#[must_use]
pub fn look(pid: u32) -> ProcessView {
    let status = read(format!("/proc/{pid}/status"));
    let tasks = Tasks::of(pid);
    let main = schedule(&read(format!("/proc/{pid}/task/{pid}/schedstat")));
    ProcessView {
        rss_bytes: field(&status, "VmRSS").map(|kib| kib * 1024),
        descriptors: fs::read_dir(format!("/proc/{pid}/fd")).ok().map(|dir| dir.count() as u64),
        epoll_entries: None,
        context_switches: tasks.switches,
        voluntary_switches: tasks.voluntary,
        waited_ns: tasks.waited_ns,
        cpu_ns: tasks.cpu_ns.or_else(|| stat_cpu_ns(pid)),
        main_cpu_ns: main.map(|(ran, _)| ran),
        main_waited_ns: main.map(|(_, waited)| waited),
        threads: field(&status, "Threads"),
    }
}

/// CPU time and wait for a CPU of a thread, in nanoseconds, from the text of its schedstat.
pub(crate) fn schedule(text: &str) -> Option<(u64, u64)> {
    let mut fields = text.split_whitespace().map(|ns| ns.parse::<u64>().ok());
    Some((fields.next()??, fields.next()??))
}

/// The process group of a process of this machine.
#[must_use]
pub fn group_of(pid: u32) -> Option<u32> {
    let stat = read(format!("/proc/{pid}/stat"));
    // The name may hold blanks and brackets: what follows it is state, parent, group.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(2)?.parse().ok()
}

/// Reads all figures of a process, including its epoll lists.
#[must_use]
pub fn look_closely(pid: u32) -> ProcessView {
    ProcessView { epoll_entries: epoll_entries(pid), ..look(pid) }
}

fn read(path: String) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A number of a `Name:   value` file.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.strip_prefix(':')?.split_whitespace().next()?.parse().ok()
}

/// Sums over the threads of a process.
struct Tasks {
    switches: Option<u64>,
    voluntary: Option<u64>,
    cpu_ns: Option<u64>,
    waited_ns: Option<u64>,
}

impl Tasks {
    fn of(pid: u32) -> Self {
        let mut sums = Self { switches: None, voluntary: None, cpu_ns: None, waited_ns: None };
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return sums };
        for task in tasks.flatten().map(|task| task.path()) {
            let status = fs::read_to_string(task.join("status")).unwrap_or_default();
            let switches = field(&status, "voluntary_ctxt_switches")
                .zip(field(&status, "nonvoluntary_ctxt_switches"));
            if let Some((own, forced)) = switches {
                *sums.switches.get_or_insert(0) += own + forced;
                *sums.voluntary.get_or_insert(0) += own;
            }
            let schedstat = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            if let Some((ran, waited)) = schedule(&schedstat) {
                *sums.cpu_ns.get_or_insert(0) += ran;
                *sums.waited_ns.get_or_insert(0) += waited;
            }
        }
        sums
    }
}

/// User and system time in ticks, which also hold threads that have ended.
fn stat_cpu_ns(pid: u32) -> Option<u64> {
    let stat = read(format!("/proc/{pid}/stat"));
    // The name in parentheses may hold blanks; the fields after it do not.
    let after = stat.rsplit_once(") ")?.1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok());
    Some((ticks(11)? + ticks(12)?) * TICK_NS)
}

fn epoll_entries(pid: u32) -> Option<u64> {
    let mut entries = None;
    for fd in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let link: PathBuf = fs::read_link(fd.path()).unwrap_or_default();
        if link.to_string_lossy() != "anon_inode:[eventpoll]" {
            continue;
        }
        let info = format!("/proc/{pid}/fdinfo/{}", fd.file_name().to_string_lossy());
        let count = read(info).lines().filter(|line| line.starts_with("tfd:")).count();
        *entries.get_or_insert(0) += count as u64;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_at_this_process() {
        let view = look_closely(std::process::id());
        assert!(view.rss_bytes.is_some_and(|bytes| bytes > 0));
        assert!(view.threads.is_some_and(|count| count > 0));
        assert!(view.cpu_ns.is_some() && view.context_switches.is_some());
        assert_eq!(look(u32::MAX), ProcessView::default());
        assert!(stat_cpu_ns(std::process::id()).is_some());
        assert_eq!(view.main_cpu_ns.is_some(), view.main_waited_ns.is_some());
        assert_eq!(schedule("5 7 1\n"), Some((5, 7)));
        assert_eq!((schedule("5"), schedule("")), (None, None));
    }
}
