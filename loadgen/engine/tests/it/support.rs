//! Groups, plans and scripts that tests in virtual time share, also those of the load generator.
#![allow(dead_code, reason = "each of the two test programs uses a part")]

use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, CommandPlan, Endpoint, GroupPlan, KeySpace, Phases, Rate, RunPlan, Shape,
    Target, ValueSize, Workload,
};
use aelab_engine::record::result::{MetricResult, RunResult};
use aelab_engine::sim::{Script, simulate};

pub(crate) const MS: Nanos = Nanos::from_millis(1);
pub(crate) const US: Nanos = Nanos::from_micros(1);

pub(crate) fn group(name: &str, command: &[&str], connections: usize) -> GroupPlan {
    let workload = Workload {
        commands: vec![CommandPlan::new(command)],
        keys: KeySpace::uniform(1_000),
        values: ValueSize::Fixed(32),
        compressible: 0.0,
        order: aelab_engine::plan::CommandOrder::Random,
    };
    let target = Target::plain(Endpoint::Tcp(([127, 0, 0, 1], 6379).into()));
    GroupPlan::new(name, target, connections, workload)
}

pub(crate) fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).expect("a rate")
}

pub(crate) fn constant(per_second: f64) -> ArrivalProcess {
    ArrivalProcess::Constant(rate(per_second))
}

pub(crate) fn poisson(per_second: f64) -> ArrivalProcess {
    ArrivalProcess::Poisson(rate(per_second))
}

pub(crate) fn gets(connections: usize, arrival: ArrivalProcess) -> GroupPlan {
    GroupPlan { arrival, ..group("victims", &["GET", "__key__"], connections) }
}

pub(crate) fn phases(warmup: Nanos, measure: Nanos) -> Phases {
    Phases { warmup, measure: Some(measure), drain_max: Phases::DEFAULT_DRAIN_MAX }
}

pub(crate) fn run(groups: Vec<GroupPlan>, seconds: u64, script: &Script) -> RunResult {
    run_plan(&RunPlan::new(groups, phases(Nanos::ZERO, Nanos::from_secs(seconds))), script)
}

pub(crate) fn run_plan(plan: &RunPlan, script: &Script) -> RunResult {
    let result = simulate(plan, script).expect("the plan is sound");
    for group in &result.groups {
        group.check_accounting().expect("the books balance");
    }
    assert_eq!(result.audit.wrong_accounting, Vec::<String>::new());
    result
}

pub(crate) fn frozen(service: Nanos, from: Nanos, until: Nanos) -> Script {
    Script { freezes: vec![from..until], ..Script::steady(service) }
}

pub(crate) fn quantile(metric: &MetricResult, q: f64) -> f64 {
    metric.total.value_at_quantile(q) as f64 / 1e9
}

pub(crate) fn above(metric: &MetricResult, limit: Nanos) -> u64 {
    metric.total.len() - metric.total.count_between(0, limit.0)
}

#[track_caller]
pub(crate) fn near(got: f64, want: f64, share: f64) {
    assert!((got / want - 1.0).abs() <= share, "got {got}, want {want} within {share}");
}

pub(crate) fn shaped(shape: Shape) -> ArrivalProcess {
    ArrivalProcess::Shaped(shape)
}
