//! What the engine says about itself: how hard its threads worked, how often they were kept from it, how late they were.
//!
//! Facts only; caveats are derived from them elsewhere. Invariant: what the kernel does not tell is `None`, never zero.

use crate::clock::KernelClock;
use crate::clock::{self, Nanos};
use crate::machine::Moves;
use crate::plan::Pacing;
use aelab_results::histogram::{self, Histogram};
use std::fs;

/// What the engine says about itself and its machine.
#[derive(Clone, Debug)]
pub struct Audit {
    /// How the threads waited for due requests: as in the plan, or what that came to on this machine.
    pub pacing: Pacing,
    /// How well kernel time stamps could be used, if there were any.
    pub kernel_clock: Option<KernelClock>,
    /// One per engine thread.
    pub threads: Vec<ThreadAudit>,
    /// For each measured request of an open loop, how late the engine noticed that it was due. Unlike the send lag it is
    /// free of waiting for a connection's window, so it is the engine's (or its machine's) own doing.
    pub open_loop_lag: Histogram,
    /// What does not add up in this result, in words. Anything here is a defect of the engine, and the result is invalid.
    pub wrong_accounting: Vec<String>,
    /// What the machine did during the run, if it was watched.
    pub machine: Option<Moves>,
}

/// How hard one engine thread worked while measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadAudit {
    /// CPU time it used.
    pub cpu: Nanos,
    /// How long it spun, waiting for a due time with nothing else to do.
    pub spun: Nanos,
    /// Time that passed.
    pub wall: Nanos,
    /// Time in which it was ready to run and had no CPU.
    pub queued: Option<Nanos>,
    /// How often it was made to give its CPU to another.
    pub involuntary_switches: Option<u64>,
    /// Turns of its loop.
    pub turns: u64,
    /// The longest time between a wake-up it had planned and the real one, warm-up included.
    pub late_max: Nanos,
    /// All spans of at least 5 ms between a planned wake-up and the real one, added up, warm-up included.
    pub late_sum: Nanos,
    /// How long it was stopped while measuring, by a signal or with its whole machine: spans between a planned wake-up and the
    /// real one of at least [`ThreadAudit::STOP_MIN`], without what it waited for a CPU, or was running, in them.
    pub stopped: Nanos,
    /// How long of such spans it was running: busy with one thing, as with a huge value that it copied, and blind for the rest.
    pub busy: Nanos,
    /// How long before the end of the measurement it had looked for the last time, if it was late by then.
    pub blind: Nanos,
    /// The CPU it was pinned to.
    pub pinned: Option<usize>,
    /// How long before each due time it stopped sleeping and spun, with precise pacing.
    pub margin: Option<Nanos>,
    /// What it saw before the run, doing nothing but reading the clock.
    pub gaps: Option<Gaps>,
}

impl ThreadAudit {
    /// Share of one core, 0 to 1.
    pub fn cpu_share(&self) -> f64 {
        self.share(self.cpu)
    }

    /// Share of the time in which it spun.
    pub fn spun_share(&self) -> f64 {
        self.share(self.spun)
    }

    /// Share of one core that its work took, 0 to 1: spinning is waiting.
    pub fn load_share(&self) -> f64 {
        self.share(self.cpu.since(self.spun))
    }

    /// Share of the time in which it was ready to run and had no CPU.
    pub fn queued_share(&self) -> Option<f64> {
        Some(self.share(self.queued?))
    }

    fn share(&self, part: Nanos) -> f64 {
        if self.wall.0 == 0 { 0.0 } else { part.0 as f64 / self.wall.0 as f64 }
    }

    /// A wake-up so late is looked into: it is twice as long as a thread sleeps at most.
    pub const STOP_MIN: Nanos = Nanos::from_millis(200);

    /// How long it is known to have been kept from running.
    pub fn kept(&self) -> Nanos {
        self.queued.unwrap_or(Nanos::ZERO).max(self.late_sum.since(self.busy))
    }
}

/// What a thread has used and waited for, so far or over a span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) cpu: Nanos,
    pub(crate) spun: Nanos,
    pub(crate) wall: Nanos,
    pub(crate) queued: Option<Nanos>,
    pub(crate) involuntary_switches: Option<u64>,
}

impl Load {
    /// The calling thread's so far, at `now`; it has spun for so long. Some 20 µs: for the begin and the end of a phase.
    pub(crate) fn so_far(now: Nanos, spun: Nanos) -> Self {
        let status = fs::read_to_string("/proc/thread-self/status").ok();
        Self {
            cpu: clock::thread_cpu(),
            spun,
            wall: now,
            queued: queued_so_far(),
            involuntary_switches: status.as_deref().and_then(switches_of),
        }
    }

    /// From `earlier` to this.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let rest = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Self {
            cpu: self.cpu.since(earlier.cpu),
            spun: self.spun.since(earlier.spun),
            wall: self.wall.since(earlier.wall),
            queued: rest(self.queued.map(|n| n.0), earlier.queued.map(|n| n.0)).map(Nanos),
            involuntary_switches: rest(self.involuntary_switches, earlier.involuntary_switches),
        }
    }
}

/// How long the calling thread has waited for a CPU so far, if the kernel says. Some 5 µs.
pub(crate) fn queued_so_far() -> Option<Nanos> {
    queued_of(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// `schedstat`: nanoseconds on a CPU, nanoseconds waiting for one, slices.
fn queued_of(schedstat: &str) -> Option<Nanos> {
    schedstat.split_whitespace().nth(1)?.parse().ok().map(Nanos)
}

fn switches_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

/// Gaps between readings of the clock in a loop that does nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// How long it looked.
    pub length: Nanos,
    /// The longest gap.
    pub max: Nanos,
    /// 99 % were no longer.
    pub p99: Nanos,
    /// The sum of those of [`Gaps::WORTH`] and more.
    pub lost: Nanos,
}

impl Gaps {
    /// Longer than any reading of a clock and most interrupts: another thread had the CPU.
    pub const WORTH: Nanos = Nanos::from_micros(10);
    /// If more than this share of a first look is lost, a longer look says how much. Below the share that is a caveat.
    const SUSPICIOUS: f64 = 0.02;

    /// Reads the clock for two fifths of `longest`, and for all of it if more than [`Gaps::SUSPICIOUS`] of that was lost.
    pub(crate) fn look(longest: Nanos, mut now: impl FnMut() -> Nanos) -> Self {
        let mut gaps = histogram::new();
        let begin = now();
        let (mut last, mut max, mut lost) = (begin, Nanos::ZERO, Nanos::ZERO);
        let mut span = Nanos(longest.0 / 5 * 2);
        while last.since(begin) < span {
            let time = now();
            let gap = time.since(last);
            gaps.saturating_record(gap.0);
            max = max.max(gap);
            if gap >= Self::WORTH {
                lost = lost.saturating_add(gap);
            }
            last = time;
            if time.since(begin) >= span && lost.0 as f64 > span.0 as f64 * Self::SUSPICIOUS {
                span = longest;
            }
        }
        let p99 = Nanos(gaps.value_at_quantile(0.99));
        Self { length: last.since(begin), max, p99, lost }
    }

    /// The worst of both, figure by figure.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        Self {
            length: self.length.max(other.length),
            max: self.max.max(other.max),
            p99: self.p99.max(other.p99),
            lost: self.lost.max(other.lost),
        }
    }

    /// Share of the time lost in gaps.
    pub fn lost_share(&self) -> f64 {
        if self.length.0 == 0 { 0.0 } else { self.lost.0 as f64 / self.length.0 as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_of_a_clock_that_stands_still_now_and_then() {
        // 1 µs a reading; every thousandth takes 500 µs.
        let mut time = 0;
        let mut readings = 0;
        let gaps = Gaps::look(Nanos::from_millis(100), || {
            readings += 1;
            time += if readings % 1000 == 0 { 500_000 } else { 1_000 };
            Nanos(time)
        });
        assert_eq!(gaps.max, Nanos::from_micros(500));
        assert!(gaps.p99 < Nanos::from_micros(2), "{gaps:?}");
        assert!((gaps.lost_share() - 0.334).abs() < 0.01, "{gaps:?}");
        assert!(gaps.length >= Nanos::from_millis(100), "{gaps:?}");
    }

    #[test]
    fn a_quiet_machine_is_looked_at_for_a_shorter_time() {
        let mut time = 0;
        let gaps = Gaps::look(Nanos::from_millis(100), || {
            time += 1_000;
            Nanos(time)
        });
        assert_eq!((gaps.length, gaps.lost), (Nanos::from_millis(40), Nanos::ZERO));
    }

    #[test]
    fn reads_what_the_kernel_says() {
        assert_eq!(queued_of("77806 53510 2\n"), Some(Nanos(53_510)));
        assert_eq!(queued_of(""), None);
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t12\n";
        assert_eq!(switches_of(status), Some(12));
    }
}
