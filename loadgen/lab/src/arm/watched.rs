//! A run whose server is watched from the kernel's side, if it is on this machine: whether it got the CPU time that it wanted.
//!
//! Used by `loadgen run`; arms of scenarios observe more (see `scene`). Invariant: without a local process only these figures are
//! missing.

use crate::arm::run::run_observed;
use crate::observe::cpu_wait::{self, Waits};
use crate::observe::stall_cause::Explained;
use crate::observe::{ProcessCourse, proc};
use crate::observer::Observer;
use aelab_engine::Phase;
use aelab_engine::error::Failure;
use aelab_engine::plan::RunPlan;
use aelab_engine::record::result::RunResult;
use aelab_results::caveat::Caveat;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A run, and what was seen of its servers' processes.
#[derive(Debug)]
pub struct Watched {
    /// The run.
    pub result: RunResult,
    /// How long the first process waited for a CPU, at many moments; empty if there are several: a stall belongs to one.
    pub waits: Waits,
    courses: Vec<ProcessCourse>,
}

impl Watched {
    /// The caveat for the server that had the least of the CPU time it wanted, given the stalls caused by that.
    #[must_use]
    pub fn caveat(&self, explained: &Explained) -> Option<Caveat> {
        let measured = self.result.measure_until.since(self.result.measure_from).as_secs_f64();
        worst(&self.courses, measured, &explained.cpu_waits)
    }
}

fn worst(courses: &[ProcessCourse], measured_s: f64, stalls: &[Duration]) -> Option<Caveat> {
    let share = |caveat: &Caveat| match caveat {
        Caveat::ServerStarved { share, .. } => *share,
        _ => 0.0,
    };
    let caveats = courses.iter().filter_map(|course| cpu_wait::caveat(course, measured_s, stalls));
    caveats.max_by(|a, b| share(a).total_cmp(&share(b)))
}

/// As [`run_observed`], with the processes `pids` watched.
///
/// # Errors
/// As [`run_observed`].
pub fn run_watched(
    name: &str,
    plan: &RunPlan,
    pids: &[u32],
    cancel: &AtomicBool,
    on_phase: &(dyn Fn(Phase) + Sync),
    observer: &dyn Observer,
) -> Result<Watched, Failure> {
    let courses = Mutex::new(vec![ProcessCourse::default(); pids.len()]);
    let look = |phase: Phase| {
        if matches!(phase, Phase::Measure | Phase::Drain) {
            let mut courses = courses.lock().unwrap_or_else(PoisonError::into_inner);
            for (course, pid) in courses.iter_mut().zip(pids) {
                let view = Some(proc::look(*pid));
                match phase {
                    Phase::Measure => course.begun = view,
                    _ => course.ended = view,
                }
            }
        }
        on_phase(phase);
    };
    let over = AtomicBool::new(false);
    let single = if let [pid] = pids { Some(*pid) } else { None };
    let (result, waits) = std::thread::scope(|scope| {
        let looker = scope.spawn(|| Waits::watch(single, &over));
        let result = run_observed(name, plan, cancel, &look, observer);
        over.store(true, Relaxed);
        (result, looker.join().unwrap_or_default())
    });
    let courses = courses.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Watched { result: result?, waits, courses })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::proc::ProcessView;

    #[test]
    fn the_server_that_waited_longest_is_reported() {
        let view = |millis: u64| ProcessView {
            main_waited_ns: Some(millis * 1_000_000),
            main_cpu_ns: Some(0),
            cpu_ns: Some(0),
            ..ProcessView::default()
        };
        let course = |millis| ProcessCourse {
            begun: Some(view(0)),
            ended: Some(view(millis)),
            ..ProcessCourse::default()
        };
        let share = |waited: &[u64]| {
            let courses: Vec<_> = waited.iter().map(|millis| course(*millis)).collect();
            match worst(&courses, 1.0, &[]) {
                Some(Caveat::ServerStarved { share, .. }) => Some((share * 100.0).round()),
                _ => None,
            }
        };
        assert_eq!(share(&[30, 380, 100]), Some(38.0));
        assert_eq!(share(&[10]), None, "a quiet machine");
        assert_eq!(share(&[]), None, "a server elsewhere");
    }
}
