//! Turns the runs of a command line into runs against a cluster. The cluster itself is asked by the lab.

use crate::cli::resolved::{Prefill, Resolved};
use aelab_engine::error::Failure;
use aelab_engine::plan::{ArrivalProcess, ClusterPlan, Target};
use aelab_lab::control::Control;
use aelab_lab::server::cluster;
use aelab_lab::server::fill::Part;
use std::sync::Arc;

/// Asks the cluster for its layout, and makes the runs cluster runs.
///
/// # Errors
/// The target is no cluster, not a whole one, or cannot be asked (exit 6), or a command cannot be sent to a cluster (exit 2).
pub(super) fn join(resolved: &mut Resolved) -> Result<(), Failure> {
    if resolved.target.db != 0 {
        return Err(Failure::usage("a cluster has database 0 only; leave out --dbnum"));
    }
    let control = &mut Control::open(&resolved.target)?;
    cluster::is_complete(control, &resolved.target.endpoint)?;
    let layout = cluster::ask(control, &resolved.target.endpoint)?;
    let endpoints = || layout.nodes.iter().map(|node| node.endpoint.clone());
    let aim = |target: &mut Target| {
        let mut endpoints = endpoints();
        if let Some(first) = endpoints.next() {
            target.endpoint = first;
        }
        target.more = endpoints.collect();
    };
    aim(&mut resolved.target);
    let runs = resolved.runs.iter_mut().map(|(_, plan)| plan);
    let filling = match &mut resolved.prefill {
        Some(Prefill::Records(plan)) => Some(plan.as_mut()),
        _ => None,
    };
    for group in runs.chain(filling).flat_map(|plan| &mut plan.groups) {
        aim(&mut group.target);
        if matches!(group.arrival, ArrivalProcess::Idle) {
            continue;
        }
        let commands = group.workload.commands.iter();
        let keys = commands
            .map(|command| cluster::key_positions(control, command))
            .collect::<Result<_, _>>()?;
        group.cluster = Some(ClusterPlan { layout: layout.clone(), keys });
    }
    Ok(())
}

/// Which keys each node of the target is filled with: those of its slots, or all of them without a cluster.
pub(super) fn parts(resolved: &Resolved) -> Vec<(Target, Option<Part>)> {
    let plans = resolved.runs.iter().flat_map(|(_, plan)| &plan.groups);
    let cluster = plans.filter_map(|group| group.cluster.as_ref()).next();
    let part =
        |node| cluster.map(|cluster| Part { slots: Arc::clone(&cluster.layout.slots), node });
    resolved.target.each().zip(0..).map(|(target, node)| (target, part(node))).collect()
}
