//! A warm-up that finds its own end, in virtual time.

use crate::support::{US, gets, near, phases, poisson, run_plan};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{RunPlan, WarmupEndPlan};
use aelab_engine::record::result::RunResult;
use aelab_engine::sim::Script;

/// A warm-up of 30 s at most that finds its own end.
fn settling(threads: usize, script: &Script) -> RunResult {
    let ten = phases(Nanos::ZERO, Nanos::from_secs(10));
    let mut plan = RunPlan::new(vec![gets(10, poisson(2_000.0))], ten);
    plan.threads = threads;
    plan.warmup_end =
        Some(WarmupEndPlan { block: Nanos::from_secs(1), at_most: Nanos::from_secs(30) });
    let result = run_plan(&plan, script);
    assert_eq!(result.measure_until - result.measure_from, Nanos::from_secs(10));
    let group = &result.groups[0];
    assert_eq!(group.commands[0].response_time.exact.count, group.counts.ok);
    near(group.counts.scheduled as f64, 20_000.0, 0.05);
    result
}

#[test]
fn an_automatic_warm_up_ends_when_the_server_has_come_to_rest() {
    let steady = Script::steady(Nanos::from_micros(50));
    for threads in [1, 2] {
        let result = settling(threads, &steady);
        let settled = result.warmup_end.as_ref().expect("it was to settle");
        assert_eq!(settled.moving, "");
        // Five blocks of a second, and two looks ahead.
        assert!(result.measure_from <= Nanos::from_millis(12_300), "{:?}", result.measure_from);
        assert!(result.measure_from >= Nanos::from_millis(5_200), "{:?}", result.measure_from);
    }
    // Stalls of the first seconds stay outside.
    let freezes = (0..4).map(|second| {
        let begin = Nanos::from_secs(second) + Nanos::from_millis(300);
        begin..begin + Nanos::from_millis(400)
    });
    let result = settling(1, &Script { freezes: freezes.collect(), ..steady });
    assert_eq!(result.warmup_end.as_ref().map(|settled| settled.moving.as_str()), Some(""));
    assert!(result.measure_from >= Nanos::from_secs(9), "{:?}", result.measure_from);
    assert!(result.groups[0].commands[0].response_time.exact.max < 100_000_000);
}

#[test]
fn an_automatic_warm_up_runs_out_of_patience() {
    // Each second is frozen for a little longer than the one before.
    let freezes = (0..60).map(|second| {
        let begin = Nanos::from_secs(second);
        begin..begin + Nanos::from_millis(10 + 15 * second)
    });
    let result = settling(1, &Script { freezes: freezes.collect(), ..Script::steady(US) });
    let settled = result.warmup_end.as_ref().expect("it was to settle");
    assert!(settled.moving.contains("p99"), "{settled:?}");
    assert_eq!(settled.length, Nanos::from_secs(30));
    near(result.measure_from.as_secs_f64(), 30.2, 0.01);
}
