//! Commands that receive, such as SUBSCRIBE and BLPOP, named beside commands that send: each becomes a group of its own.
//!
//! Not the receiving itself (see `engine::command::Reception`). Invariant: the connections of all groups together are those
//! that were asked for.

use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{ArrivalProcess, Assignment, CommandPlan, GroupPlan, Reception, Workload};

/// Takes those of `commands` that wait for what the others send. Commands that go together stay as they are.
///
/// # Errors
/// A command that makes no sense (exit 2).
pub(super) fn take(commands: &mut Vec<CommandPlan>) -> Result<Vec<CommandPlan>, Failure> {
    if Reception::of(commands).is_ok() {
        return Ok(Vec::new());
    }
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    for command in commands.drain(..) {
        match Reception::of(std::slice::from_ref(&command)).map_err(Failure::usage)? {
            Reception::Replies => senders.push(command),
            Reception::Data | Reception::Messages => receivers.push(command),
        }
    }
    if senders.is_empty() {
        senders.push(receivers.remove(0));
    }
    *commands = senders;
    Ok(receivers)
}

/// A group for each of `receivers`, with connections of `load` in the ratio of the weights.
///
/// # Errors
/// Too few connections for that, or a pool (exit 2).
pub(super) fn groups(
    load: &mut GroupPlan,
    receivers: Vec<CommandPlan>,
) -> Result<Vec<GroupPlan>, Failure> {
    let count = receivers.len();
    if count == 0 {
        return Ok(Vec::new());
    }
    if load.pool.is_some() {
        return Err(Failure::usage(format!(
            "{} receives messages on connections of its own, which a pool cannot provide; leave out the pool",
            receivers[0].label
        )));
    }
    if load.connections <= count {
        return Err(Failure::usage(format!(
            "commands that receive messages ({}) need connections of their own; give -c {} or more",
            receivers.iter().map(|command| command.label.as_str()).collect::<Vec<_>>().join(", "),
            count + 1
        )));
    }
    let weight = |command: &CommandPlan| command.weight as usize;
    let mut weights: usize =
        load.workload.commands.iter().chain(&receivers).map(weight).sum::<usize>();
    let mut groups = Vec::new();
    for (index, command) in receivers.into_iter().enumerate() {
        // One at least is left for each that follows, and for those that send.
        let most = load.connections - (count - index);
        let share = load.connections.saturating_mul(weight(&command)) / weights.max(1);
        let share = share.clamp(1, most);
        weights = weights.saturating_sub(weight(&command));
        load.connections -= share;
        groups.push(GroupPlan {
            name: if count == 1 {
                "receivers".to_owned()
            } else {
                format!("receivers-{}", index + 1)
            },
            connections: share,
            pipeline: 1,
            arrival: ArrivalProcess::Closed { think: Nanos::ZERO },
            assignment: Assignment::AnyFree,
            requests: None,
            requests_per_connection: None,
            timeout: None,
            workload: Workload { commands: vec![command], ..load.workload.clone() },
            ..load.clone()
        });
    }
    Ok(groups)
}
