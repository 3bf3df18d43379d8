//! How long the server's first thread waited for a CPU, as the kernel counts it.
//!
//! A server without CPU time sends no replies, and its own clocks and slow log cannot distinguish that from a long command. A
//! thread of the lowest priority reads the kernel's count during a run. Invariant: without that count there is no caveat.

use crate::observe::ProcessCourse;
use crate::observe::proc::{ProcessView, schedule};
use aelab_engine::clock::{self, Nanos};
use aelab_engine::sys;
use aelab_results::caveat::{BUSY_S_MIN, Caveat};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Interval between two reads of one small file: short compared to the stalls that matter.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// If the reads around a stall are this much further apart than the stall is long, they were late and are not used.
const LOOSE_MAX: Nanos = Nanos::from_millis(100);
/// From this share of a stall on, the wait for a CPU is its cause.
pub(crate) const WAITED_SHARE: f64 = 0.5;
/// Wait of every wake-up on an idle machine, including task switch and an idle core's wake-up.
const WAKE_UP_NS: u64 = 5_000;

/// How long a process had waited for a CPU, at many moments of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waits(Vec<(Nanos, u64)>);

impl Waits {
    /// Reads the count of a process until `over` is set; empty without a process or a count.
    pub(crate) fn watch(pid: Option<u32>, over: &AtomicBool) -> Self {
        let Some(pid) = pid else { return Self::default() };
        let path = format!("/proc/{pid}/task/{pid}/schedstat");
        let mut looks = Vec::new();
        sys::step_back();
        loop {
            // Read before the loop ends, so that the last stall has a read after it.
            let ended = over.load(Relaxed);
            let text = fs::read_to_string(&path).unwrap_or_default();
            let Some((_, waited)) = schedule(&text) else { break };
            looks.push((clock::now(), waited));
            if ended {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Self(looks)
    }

    /// Reads at these moments, in milliseconds.
    #[cfg(test)]
    pub(crate) fn of(looks: &[(u64, u64)]) -> Self {
        let look = |(at, waited): &(u64, u64)| (Nanos::from_millis(*at), waited * 1_000_000);
        Self(looks.iter().map(look).collect())
    }

    /// How long it waited in a span, at most the whole of it; `None` if the reads were too far apart.
    pub(crate) fn within(&self, from: Nanos, until: Nanos) -> Option<Nanos> {
        let after = self.0.partition_point(|(at, _)| *at < until);
        let before = self.0.partition_point(|(at, _)| *at <= from).checked_sub(1)?;
        let ((begin, waited_before), (end, waited_after)) = (self.0[before], *self.0.get(after)?);
        let span = until.since(from);
        if end.since(begin).since(span) > LOOSE_MAX {
            return None;
        }
        Some(Nanos(waited_after.saturating_sub(waited_before)).min(span))
    }
}

/// The caveat for a server without enough CPU time, from its process during the measurement and the stalls caused by it.
pub(crate) fn caveat(
    course: &ProcessCourse,
    measured_s: f64,
    stalls: &[Duration],
) -> Option<Caveat> {
    let waited_s = cpu_wait_s(course)?;
    let longest_s = stalls.iter().max().map_or(0.0, Duration::as_secs_f64);
    // The looks at the process are some milliseconds off the begin and the end, which are much of a short measurement.
    let is_long = measured_s >= BUSY_S_MIN;
    let share = if is_long { (waited_s / measured_s).min(1.0) } else { 0.0 };
    Caveat::server_starved(share, waited_s, longest_s)
}

/// How long the first thread waited for a CPU because of other processes during the measurement, in seconds.
pub(crate) fn cpu_wait_s(course: &ProcessCourse) -> Option<f64> {
    let waited = cpu_wait_ns(course.begun.as_ref()?, course.ended.as_ref()?)?;
    Some(Duration::from_nanos(waited).as_secs_f64())
}

/// CPU time of the first thread during the measurement, in seconds.
pub(crate) fn cpu_s(course: &ProcessCourse) -> Option<f64> {
    let ran =
        course.ended.as_ref()?.main_cpu_ns?.saturating_sub(course.begun.as_ref()?.main_cpu_ns?);
    Some(Duration::from_nanos(ran).as_secs_f64())
}

/// How long the first thread waited for a CPU because of other processes, in nanoseconds: without the CPU time of the server's
/// other threads, which it may have waited for, and without the usual wait of every wake-up.
fn cpu_wait_ns(begun: &ProcessView, ended: &ProcessView) -> Option<u64> {
    let grown = |of: fn(&ProcessView) -> Option<u64>| Some(of(ended)?.saturating_sub(of(begun)?));
    let waited = grown(|view| view.main_waited_ns)?;
    let siblings = grown(|view| view.cpu_ns)?.saturating_sub(grown(|view| view.main_cpu_ns)?);
    let wake_ups = grown(|view| view.voluntary_switches).unwrap_or(0).saturating_mul(WAKE_UP_NS);
    Some(waited.saturating_sub(siblings).saturating_sub(wake_ups))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::record::Severity;

    const MS: u64 = 1_000_000;

    fn ms(millis: u64) -> Nanos {
        Nanos::from_millis(millis)
    }

    #[test]
    fn a_span_has_what_was_waited_between_the_looks_around_it() {
        // Reads at 0, 20, 40 … 100 ms; between 40 and 60 ms it waited for 15 ms.
        let looks = (0..6).map(|n| (ms(n * 20), if n >= 3 { 16 * MS } else { MS })).collect();
        let waits = Waits(looks);
        assert_eq!(waits.within(ms(42), ms(58)), Some(ms(15)));
        assert_eq!(waits.within(ms(55), ms(59)), Some(ms(4)), "no more than the span");
        assert_eq!(waits.within(ms(1), ms(19)), Some(Nanos::ZERO));
        assert_eq!(waits.within(ms(90), ms(110)), None, "no read after it");
        assert_eq!(Waits::default().within(ms(1), ms(2)), None);
        let sparse = Waits(vec![(ms(0), 0), (ms(500), 400 * MS)]);
        assert_eq!(sparse.within(ms(10), ms(20)), None, "it may have been at any other moment");
        assert_eq!(sparse.within(ms(10), ms(450)), Some(ms(400)));
    }

    #[test]
    fn threads_that_wait_for_each_other_are_no_machine_that_is_busy() {
        let view = |main_waited: u64, main_cpu: u64, cpu: u64, wake_ups: u64| ProcessView {
            main_waited_ns: Some(main_waited * MS),
            main_cpu_ns: Some(main_cpu * MS),
            cpu_ns: Some(cpu * MS),
            voluntary_switches: Some(wake_ups),
            ..ProcessView::default()
        };
        let begun = view(0, 0, 0, 0);
        assert_eq!(cpu_wait_ns(&begun, &view(900, 100, 100, 0)), Some(900 * MS));
        assert_eq!(cpu_wait_ns(&begun, &view(900, 100, 1000, 0)), Some(0), "its own threads ran");
        assert_eq!(cpu_wait_ns(&begun, &view(50, 100, 100, 10_000)), Some(0), "5 us a wake-up");
        assert_eq!(cpu_wait_ns(&begun, &ProcessView::default()), None);
        let course = |waited| ProcessCourse {
            begun: Some(begun),
            ended: Some(view(waited, 100, 100, 0)),
            ..ProcessCourse::default()
        };
        let severity = |waited, stalls: &[Duration]| {
            caveat(&course(waited), 1.0, stalls).map(|caveat| caveat.severity())
        };
        assert_eq!(severity(10, &[]), None);
        assert_eq!(severity(30, &[]), Some(Severity::Warning));
        assert_eq!(severity(300, &[]), Some(Severity::Invalid));
        let stall = |millis| [Duration::from_millis(millis)];
        assert_eq!(severity(10, &stall(9)), None, "a hiccup");
        assert_eq!(severity(10, &stall(90)), Some(Severity::Warning), "one stall is enough");
        assert_eq!(caveat(&ProcessCourse::default(), 1.0, &[]), None);
        assert_eq!(caveat(&course(9), 0.008, &[]), None, "too short to judge by");
        let short = caveat(&course(80), 0.2, &[]).map(|caveat| caveat.severity());
        assert_eq!(short, Some(Severity::Warning), "a single pause in a short run");
        let Some(Caveat::ServerStarved { share, .. }) = caveat(&course(1_010), 1.0, &[]) else {
            panic!("it waited all the time")
        };
        assert!(share <= 1.0, "{share}");
    }
}
