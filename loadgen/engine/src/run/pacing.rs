//! How the threads of a run wait for due requests, where the plan leaves it open: on this machine, with this server.
//!
//! Invariant: a thread spins only on a CPU that neither another thread of the engine nor a server on this machine needs.

use crate::clock::Nanos;
use crate::plan::{ArrivalProcess, Endpoint, Pacing, RunPlan};
use crate::record::audit::Gaps;
use std::collections::BTreeSet;

/// A CPU that others take for more of the time is not free. Above this share a noisy machine is a caveat, too.
const LOST_SHARE_MAX: f64 = 0.05;

/// The way to wait on a machine that lets us use so many CPUs.
pub(crate) fn pacing_on(cpus: usize, plan: &RunPlan) -> Pacing {
    if plan.pacing != Pacing::Auto {
        return plan.pacing;
    }
    // Replies and pauses of zero make the requests of the others due: nothing is waited for.
    let waits_for_times = plan.groups.iter().any(|group| {
        !matches!(
            group.arrival,
            ArrivalProcess::Closed { think: Nanos::ZERO } | ArrivalProcess::Idle
        )
    });
    let mut endpoints = plan.groups.iter().flat_map(|group| group.target.endpoints());
    let needed = plan.threads + usize::from(endpoints.any(Endpoint::is_local));
    let pinned_to = plan.cpus.as_ref().map(|cpus| cpus.iter().collect::<BTreeSet<_>>().len());
    let has_own = pinned_to.is_none_or(|cpus| cpus >= plan.threads);
    match waits_for_times && has_own && cpus >= needed {
        true => Pacing::Precise { margin: None },
        false => Pacing::Timerfd,
    }
}

/// The way to wait of a thread that was interrupted so much before the run. Where others want its CPU, the time that it spins is
/// taken off its share, and it wakes later than a thread that sleeps.
pub(crate) fn pacing_beside(asked: Pacing, on_machine: Pacing, gaps: Option<Gaps>) -> Pacing {
    match (asked, gaps) {
        (Pacing::Auto, Some(gaps)) if gaps.lost_share() > LOST_SHARE_MAX => Pacing::Timerfd,
        _ => on_machine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        CommandPlan, GroupPlan, KeySpace, Phases, Rate, Target, ValueSize, Workload,
    };

    fn plan(arrival: ArrivalProcess, server: [u8; 4], threads: usize) -> RunPlan {
        let workload = Workload {
            commands: vec![CommandPlan::new(&["PING"])],
            keys: KeySpace::uniform(1),
            values: ValueSize::Fixed(1),
            compressible: 0.0,
            order: crate::plan::CommandOrder::Random,
        };
        let target = Target::plain(Endpoint::Tcp((server, 6379).into()));
        let group = GroupPlan { arrival, ..GroupPlan::new("load", target, 1, workload) };
        let second = Nanos::from_secs(1);
        let phases = Phases { warmup: second, measure: Some(second), drain_max: second };
        RunPlan { threads, ..RunPlan::new(vec![group], phases) }
    }

    #[test]
    fn a_thread_spins_where_it_takes_no_cpu_from_the_server() {
        let rate = || ArrivalProcess::Constant(Rate::per_second(1_000.0).expect("a rate"));
        let closed = |think| ArrivalProcess::Closed { think };
        let (here, elsewhere) = ([127, 0, 0, 1], [10, 0, 0, 7]);
        for (arrival, server, threads, cpus, spins) in [
            (rate(), here, 1, 1, false),
            (rate(), here, 1, 2, true),
            (rate(), here, 2, 2, false),
            (rate(), here, 2, 3, true),
            (rate(), elsewhere, 1, 1, true),
            (rate(), elsewhere, 2, 1, false),
            (closed(Nanos::ZERO), here, 1, 8, false),
            (closed(Nanos::from_millis(1)), here, 1, 8, true),
            (ArrivalProcess::Idle, here, 1, 8, false),
        ] {
            let plan = plan(arrival, server, threads);
            let found = pacing_on(cpus, &plan);
            let want = if spins { Pacing::Precise { margin: None } } else { Pacing::Timerfd };
            assert_eq!(found, want, "{server:?}, {threads} threads, {cpus} CPUs");
        }
        // Two threads that are pinned to one CPU.
        let pinned =
            |cpus: &[usize]| RunPlan { cpus: Some(cpus.to_vec()), ..plan(rate(), here, 2) };
        assert_eq!(pacing_on(8, &pinned(&[3])), Pacing::Timerfd);
        assert_eq!(pacing_on(8, &pinned(&[3, 3])), Pacing::Timerfd);
        assert_eq!(pacing_on(8, &pinned(&[3, 4])), Pacing::Precise { margin: None });
        // What was asked for is done.
        let spin = RunPlan { pacing: Pacing::Spin, ..plan(rate(), here, 1) };
        assert_eq!(pacing_on(1, &spin), Pacing::Spin);
    }

    #[test]
    fn a_thread_whose_cpu_others_want_does_not_spin() {
        let precise = Pacing::Precise { margin: None };
        let length = Nanos::from_millis(20);
        let lost =
            |lost_ms| Some(Gaps { length, lost: Nanos::from_millis(lost_ms), ..Gaps::default() });
        assert_eq!(pacing_beside(Pacing::Auto, precise, lost(1)), precise);
        assert_eq!(pacing_beside(Pacing::Auto, precise, lost(2)), Pacing::Timerfd);
        assert_eq!(pacing_beside(Pacing::Auto, precise, None), precise);
        assert_eq!(pacing_beside(precise, precise, lost(19)), precise);
        assert_eq!(pacing_beside(Pacing::Spin, Pacing::Spin, lost(19)), Pacing::Spin);
    }
}
