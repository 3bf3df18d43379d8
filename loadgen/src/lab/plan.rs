//! From an arm of a scenario to the engine's plan.
//!
//! Pure. Invariant: what the scenario says about load is what the plan says; nothing is tuned here.

use super::fill::KEY_DIGITS;
use crate::clock::Nanos;
use crate::engine::plan::{
    ArrivalProcess, CommandPlan, GroupPlan, KeyDistribution, KeySpace, Phases, Rate, Role, RunPlan,
    Target, ValueSize, Workload,
};
use crate::exit::Failure;
use crate::record::OFFENDER_LOG;
use crate::words::parse_command;
use aelab_scenarios::model::{Arm, Arrival, DataSet, Group, KeyChoice, Role as ScenarioRole};

/// The engine's plan for an arm against a server.
///
/// # Errors
/// A command template or a rate that the engine does not take (exit 2).
pub fn run_plan(
    arm: &Arm,
    target: &Target,
    seed: u64,
    cpus: Option<Vec<usize>>,
) -> Result<RunPlan, Failure> {
    let groups = arm
        .groups
        .iter()
        .map(|group| group_plan(group, &arm.data, target))
        .collect::<Result<_, _>>()?;
    let phases = Phases {
        warmup: arm.phases.warmup.into(),
        measure: Some(arm.phases.measure.into()),
        drain_max: arm.phases.drain.into(),
    };
    let mut plan = RunPlan::new(groups, phases);
    plan.seed = seed;
    plan.cpus = cpus;
    plan.look_for_gaps = Some(RunPlan::GAPS_SPAN);
    plan.stall_threshold = arm.phases.stall_threshold.into();
    Ok(plan)
}

fn group_plan(group: &Group, data: &DataSet, target: &Target) -> Result<GroupPlan, Failure> {
    let bad = |why: String| Failure::usage(format!("group {}: {why}", group.name));
    let commands = group
        .commands
        .iter()
        .map(|command| parse_command(&command.template, command.weight))
        .collect::<Result<Vec<CommandPlan>, String>>()
        .map_err(bad)?;
    let workload = Workload {
        commands,
        keys: KeySpace {
            prefix: data.key_prefix.clone(),
            digits: KEY_DIGITS,
            count: data.keys.max(1),
            distribution: match group.keys {
                KeyChoice::Uniform => KeyDistribution::Uniform,
                KeyChoice::Sequential => KeyDistribution::Sequential,
            },
        },
        values: ValueSize::Fixed(usize::try_from(data.value_bytes).unwrap_or(usize::MAX)),
        compressible: 0.0,
    };
    let connections = usize::try_from(group.connections).unwrap_or(usize::MAX);
    let mut plan = GroupPlan::new(&group.name, target.clone(), connections, workload);
    plan.role = role(group.role);
    plan.pipeline = usize::try_from(group.pipeline).unwrap_or(usize::MAX);
    plan.timeout = (!group.timeout.is_zero()).then(|| group.timeout.into());
    plan.arrival = arrival(group.arrival).ok_or_else(|| {
        Failure::usage(format!("group {}: the rate is beyond what can be scheduled", group.name))
    })?;
    if let Arrival::Every(period) = group.arrival {
        // In the middle of a period: a run of n periods holds n of them, wherever its phases begin.
        plan.start_after = Nanos::from(period / 2);
    }
    if group.role == ScenarioRole::Offender {
        plan.log_requests = OFFENDER_LOG;
    }
    Ok(plan)
}

fn arrival(arrival: Arrival) -> Option<ArrivalProcess> {
    Some(match arrival {
        Arrival::Closed => ArrivalProcess::Closed { think: Nanos::ZERO },
        Arrival::Constant(rate) => {
            ArrivalProcess::Constant(Rate::per_second(rate.as_per_second())?)
        }
        Arrival::Poisson(rate) => ArrivalProcess::Poisson(Rate::per_second(rate.as_per_second())?),
        Arrival::Every(period) => ArrivalProcess::Constant(Rate::every(period.into())?),
    })
}

fn role(role: ScenarioRole) -> Role {
    match role {
        ScenarioRole::Victim => Role::Victim,
        ScenarioRole::Offender => Role::Offender,
        ScenarioRole::Background => Role::Background,
        ScenarioRole::Probe => Role::Probe,
    }
}
