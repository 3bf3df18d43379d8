//! From an arm of a scenario to the engine's plan.
//!
//! Pure. Invariant: what the scenario says about load is what the plan says; nothing is tuned here.

use crate::arm::link::Ways;
use crate::record::OFFENDER_LOG;
use crate::server::fill::KEY_DIGITS;
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{
    ArrivalProcess, CommandPlan, ConnectSchedulePlan, Endpoint, GroupPlan, KeyDistribution,
    KeySpace, Pacing, Phases, PoolOrder, PoolPlan, Rate, Role, RunPlan, Target, ValueSize,
    Workload,
};
use aelab_engine::workload::command_text::parse_command;
use aelab_scenarios::Scenario;
use aelab_scenarios::model::{
    self, Arm, Arrival, DataSet, Group, Role as ScenarioRole, Socket, Via,
};

/// Checks all arms before the first runs: a mistake in the last must not cost the time of the others.
///
/// # Errors
/// As [`run_plan`], naming the arm.
pub fn check(scenario: &Scenario) -> Result<(), Failure> {
    // Nothing is sent to this target; the check only parses.
    let nowhere = Target::plain(Endpoint::Unix("/nowhere".into()));
    let of = |_: &Group| Ok(&nowhere);
    for arm in &scenario.arms {
        plan_groups(arm, &of, scenario.seed, None).map_err(|failure| {
            let message = format!("arm {}: {}", arm.name, failure.message);
            failure.with_message(message)
        })?;
    }
    Ok(())
}

/// Whether a group of the arm needs the server's Unix socket.
#[must_use]
pub fn wants_unix_socket(arm: &Arm) -> bool {
    arm.groups.iter().any(|group| group.socket == Socket::Unix)
}

/// The engine's plan for an arm against a server.
///
/// # Errors
/// A command template, a rate profile or a rate that the engine does not accept (exit 2).
pub fn run_plan(
    arm: &Arm,
    ways: &Ways,
    seed: u64,
    cpus: Option<Vec<usize>>,
) -> Result<RunPlan, Failure> {
    plan_groups(arm, &|group: &Group| way(ways, group), seed, cpus)
}

fn way<'a>(ways: &'a Ways, group: &Group) -> Result<&'a Target, String> {
    let via = if group.socket == Socket::Unix { Via::Direct } else { group.via };
    ways.of(group.socket, via)
}

fn plan_groups<'a>(
    arm: &Arm,
    way: &dyn Fn(&Group) -> Result<&'a Target, String>,
    seed: u64,
    cpus: Option<Vec<usize>>,
) -> Result<RunPlan, Failure> {
    let phases = Phases {
        warmup: arm.phases.warmup.into(),
        measure: Some(arm.phases.measure.into()),
        drain_max: arm.phases.drain.into(),
    };
    let length = phases.warmup + arm.phases.measure.into();
    let groups = arm
        .groups
        .iter()
        .map(|group| {
            let target = way(group);
            target
                .and_then(|target| group_plan(group, &arm.data, target, length))
                .map_err(|why| Failure::usage(format!("group {}: {why}", group.name)))
        })
        .collect::<Result<_, _>>()?;
    let mut plan = RunPlan::new(groups, phases);
    plan.seed = seed;
    plan.cpus = cpus;
    plan.look_for_gaps = Some(plan.gaps_span());
    plan.threads = size(arm.engine.threads);
    plan.pacing = match arm.engine.pacing {
        model::Pacing::Auto => Pacing::Auto,
        model::Pacing::Timerfd => Pacing::Timerfd,
        model::Pacing::Precise => Pacing::Precise { margin: None },
        model::Pacing::Spin => Pacing::Spin,
    };
    plan.stall_threshold = arm.phases.stall_threshold.into();
    Ok(plan)
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn group_plan(
    group: &Group,
    data: &DataSet,
    target: &Target,
    length: Nanos,
) -> Result<GroupPlan, String> {
    let mut commands = group
        .commands
        .iter()
        .map(|command| parse_command(&command.template, command.weight))
        .collect::<Result<Vec<CommandPlan>, String>>()?;
    if commands.is_empty() {
        // An idle group sends nothing, but a workload has a command.
        commands.push(CommandPlan::new(&["PING"]));
    }
    let workload = Workload {
        commands,
        keys: KeySpace {
            prefix: data.key_prefix.clone(),
            digits: KEY_DIGITS,
            count: data.keys.max(1),
            distribution: KeyDistribution::parse(&group.keys)?,
            first: 0,
        },
        values: match &group.data_size {
            Some(text) => ValueSize::parse(text)?,
            None => ValueSize::Fixed(usize::try_from(data.value_bytes).unwrap_or(usize::MAX)),
        },
        compressible: 0.0,
        order: aelab_engine::plan::CommandOrder::Random,
    };
    let mut plan = GroupPlan::new(&group.name, target.clone(), size(group.connections), workload);
    plan.role = role(group.role);
    plan.pipeline = size(group.pipeline);
    plan.timeout = (!group.timeout.is_zero()).then(|| group.timeout.into());
    plan.arrival = arrival(&group.arrival, length)?;
    plan.start_after = group.start_after.into();
    if let Arrival::Every(period) = group.arrival {
        // In the middle of a period: a run of n periods holds n of them, wherever its phases begin.
        plan.start_after = plan.start_after + Nanos::from(period / 2);
    }
    plan.requests_per_connection = (group.churn > 0).then_some(group.churn);
    plan.pool = group.pool.map(|pool| PoolPlan {
        min_idle: size(pool.min_idle),
        max_idle: size(pool.max_idle),
        max_wait: (!pool.max_wait.is_zero()).then(|| pool.max_wait.into()),
        order: match pool.order {
            model::PoolOrder::Lifo => PoolOrder::Lifo,
            model::PoolOrder::Fifo => PoolOrder::Fifo,
        },
    });
    plan.connect_schedule = match group.connect {
        model::ConnectSchedule::AtOnce => ConnectSchedulePlan::AtOnce,
        model::ConnectSchedule::Before(at) => ConnectSchedulePlan::Before(rate(at)?),
        model::ConnectSchedule::During(at) => ConnectSchedulePlan::During(rate(at)?),
    };
    if group.role == ScenarioRole::Offender {
        plan.log_requests = OFFENDER_LOG;
    }
    Ok(plan)
}

fn rate(rate: aelab_units::Rate) -> Result<Rate, String> {
    Rate::per_second(rate.as_per_second())
        .ok_or_else(|| "the rate is beyond what can be scheduled".to_owned())
}

fn arrival(arrival: &Arrival, length: Nanos) -> Result<ArrivalProcess, String> {
    Ok(match arrival {
        Arrival::Closed { think } => ArrivalProcess::Closed { think: (*think).into() },
        Arrival::Constant(at) => ArrivalProcess::Constant(rate(*at)?),
        Arrival::Poisson(at) => ArrivalProcess::Poisson(rate(*at)?),
        Arrival::Every(period) => ArrivalProcess::Constant(
            Rate::every((*period).into()).ok_or("the period is beyond what can be scheduled")?,
        ),
        Arrival::Profile { text, rate: mean } => {
            ArrivalProcess::parse(text, mean.map(rate).transpose()?, length)?
        }
        Arrival::Idle => ArrivalProcess::Idle,
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
