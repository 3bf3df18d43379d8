//! What the machine does while a run is on: time stolen by a hypervisor, an exhausted quota, a clock that is set, frequencies.
//!
//! Looked at a few times a second by a thread that does nothing else. Invariant: what cannot be read is left out, and a file
//! that looks otherwise than expected is one that cannot be read.

use crate::clock::{self, Nanos};
use std::fs;
use std::path::{Path, PathBuf};

/// The wall clock and the monotonic one drift apart by less than this between two looks unless a clock is set.
const STEP_MIN_NS: i64 = 10_000_000;

/// What moved over a span.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moves {
    /// Share of our CPUs' time that the hypervisor gave to others.
    pub steal_share: Option<f64>,
    /// How often, and for how long in all, the CPU quota had run out.
    pub throttled: Option<(u64, Nanos)>,
    /// The largest step of the wall clock in nanoseconds, forward or back; 0 if it was not set.
    pub clock_step_ns: i64,
    /// Lowest and highest frequency seen, in MHz.
    pub mhz: Option<(f64, f64)>,
}

/// Ticks of our CPUs, as `/proc/stat` counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    stolen: u64,
    all: u64,
}

/// A quota's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Throttled {
    count: u64,
    time: Nanos,
}

/// A look-out over a span; see the module.
#[derive(Debug)]
pub struct Watch {
    cpus: Vec<usize>,
    /// Files of the control groups we are in, outermost last.
    quotas: Vec<PathBuf>,
    ticks: Option<Ticks>,
    throttled: Option<Throttled>,
    offset_ns: i64,
    clock_step_ns: i64,
    mhz: Option<(f64, f64)>,
}

impl Watch {
    /// Begins to watch.
    pub fn begin() -> Self {
        let cpus = crate::sys::allowed_cpus();
        let quotas = quota_files(&read("/proc/self/cgroup").unwrap_or_default());
        let mut watch = Self {
            ticks: ticks(&cpus),
            throttled: throttled(&quotas),
            offset_ns: clock::wall_offset_ns(),
            clock_step_ns: 0,
            mhz: None,
            cpus,
            quotas,
        };
        watch.look();
        watch
    }

    /// Looks once more: steps and frequencies only show when looked at.
    pub fn look(&mut self) {
        let offset = clock::wall_offset_ns();
        let step = offset - self.offset_ns;
        self.offset_ns = offset;
        if step.abs() >= STEP_MIN_NS && step.abs() > self.clock_step_ns.abs() {
            self.clock_step_ns = step;
        }
        for mhz in self.cpus.iter().filter_map(|cpu| frequency_mhz(*cpu)) {
            let (low, high) = self.mhz.unwrap_or((mhz, mhz));
            self.mhz = Some((low.min(mhz), high.max(mhz)));
        }
    }

    /// What moved since the begin.
    pub fn end(mut self) -> Moves {
        self.look();
        let steal_share = self.ticks.zip(ticks(&self.cpus)).and_then(|(before, after)| {
            let all = after.all.saturating_sub(before.all);
            let stolen = after.stolen.saturating_sub(before.stolen);
            (all > 0).then(|| stolen as f64 / all as f64)
        });
        let throttled = self.throttled.zip(throttled(&self.quotas)).map(|(before, after)| {
            (after.count.saturating_sub(before.count), after.time.since(before.time))
        });
        Moves { steal_share, throttled, clock_step_ns: self.clock_step_ns, mhz: self.mhz }
    }
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn frequency_mhz(cpu: usize) -> Option<f64> {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq");
    Some(read(path)?.trim().parse::<f64>().ok()? / 1e3)
}

fn ticks(cpus: &[usize]) -> Option<Ticks> {
    ticks_of(&read("/proc/stat")?, cpus)
}

/// Columns: user, nice, system, idle, iowait, irq, softirq, steal; later ones are parts of the first two.
fn ticks_of(stat: &str, cpus: &[usize]) -> Option<Ticks> {
    let mut sum = Ticks::default();
    let mut found = false;
    for line in stat.lines() {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.strip_prefix("cpu")?.parse::<usize>().ok());
        if !number.is_some_and(|number| cpus.contains(&number)) {
            continue;
        }
        let columns: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
        let [.., stolen] = columns[..] else { continue };
        if columns.len() == 8 {
            found = true;
            sum.stolen += stolen;
            sum.all += columns.iter().sum::<u64>();
        }
    }
    found.then_some(sum)
}

/// The `cpu.stat` of our control group and of those around it: a quota of any of them stops us.
fn quota_files(cgroup: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in cgroup.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let root = match controllers {
            "" => PathBuf::from("/sys/fs/cgroup"),
            list if list.split(',').any(|name| name == "cpu") => {
                Path::new("/sys/fs/cgroup").join(list)
            }
            _ => continue,
        };
        let own = Path::new(path.trim_start_matches('/'));
        files.extend(own.ancestors().map(|group| root.join(group).join("cpu.stat")));
    }
    files
}

fn throttled(files: &[PathBuf]) -> Option<Throttled> {
    files
        .iter()
        .filter_map(|file| throttled_of(&read(file)?))
        .max_by_key(|throttled| throttled.time)
}

/// Version 2 counts microseconds, version 1 nanoseconds.
fn throttled_of(stat: &str) -> Option<Throttled> {
    let field = |name: &str| -> Option<u64> {
        let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    };
    let micros = field("throttled_usec").map(Nanos::from_micros);
    let time = micros.or_else(|| field("throttled_time").map(Nanos))?;
    Some(Throttled { count: field("nr_throttled")?, time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_counted_on_our_processors_only() {
        let stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 10 0 10 70 0 0 0 10 0 0\ncpu1 50 0 0 50 0 0 0 0 0 0\nintr 1\n";
        assert_eq!(ticks_of(stat, &[0]), Some(Ticks { stolen: 10, all: 100 }));
        assert_eq!(ticks_of(stat, &[0, 1]), Some(Ticks { stolen: 10, all: 200 }));
        assert_eq!(ticks_of(stat, &[7]), None);
        assert_eq!(ticks_of("cpu0 1 2 3\n", &[0]), None, "an old kernel");
    }

    #[test]
    fn both_kinds_of_control_group_are_read() {
        let new = "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 250\n";
        let old = "nr_periods 9\nnr_throttled 3\nthrottled_time 250000\nnr_bursts 0\n";
        let want = Some(Throttled { count: 3, time: Nanos::from_micros(250) });
        assert_eq!((throttled_of(new), throttled_of(old)), (want, want));
        assert_eq!(throttled_of("usage_usec 5\n"), None, "no quota there");
        let files = quota_files("4:memory:/x\n3:cpu,cpuacct:/a/b\n0::/c\n");
        let names: Vec<_> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
        assert_eq!(
            names,
            [
                "/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.stat",
                "/sys/fs/cgroup/cpu,cpuacct/a/cpu.stat",
                "/sys/fs/cgroup/cpu,cpuacct/cpu.stat",
                "/sys/fs/cgroup/c/cpu.stat",
                "/sys/fs/cgroup/cpu.stat",
            ]
        );
    }

    #[test]
    fn a_short_watch_sees_no_step() {
        let moves = Watch::begin().end();
        assert_eq!(moves.clock_step_ns, 0);
        assert!(moves.steal_share.is_none_or(|share| (0.0..=1.0).contains(&share)));
    }
}
