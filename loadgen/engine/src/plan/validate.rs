//! Whether a plan makes sense, before anything is opened.
//!
//! Not the parser of what a user typed; these are the rules the engine itself relies on.

use crate::clock::Nanos;
use crate::error::EngineError;
use crate::plan::cluster_slots::SLOTS;
use crate::plan::{
    ArrivalProcess, Assignment, ClusterPlan, CommandPlan, ConnectSchedulePlan, Cursor, GroupPlan,
    KeySpace, PoolPlan, Rate, Reception, RunPlan, Timestamps,
};
use crate::sys;
use aelab_results::text::number::with_noun;

/// Descriptors besides the connections: standard streams, a poll set and a timer per thread, files of the report.
const SPARE_DESCRIPTORS: u64 = 64;

/// Most threads: more than any machine has CPUs for.
const THREADS_MAX: usize = 1_024;
/// Most connections of a group: what some dozen addresses have ports for.
const CONNECTIONS_MAX: usize = 1_000_000;
/// Most requests in flight in a group: 32 bytes each are 320 MB.
const IN_FLIGHT_MAX: usize = 10_000_000;
/// Highest rate per thread, requests per second: counting one that is not sent takes some 50 ns.
const RATE_MAX: f64 = 20e6;
/// Longest reporting interval, so that times far in the future can still be added up.
const INTERVAL_MAX: Nanos = Nanos::from_secs(3_600);

/// Checks a plan.
///
/// # Errors
/// The first rule it breaks.
pub(crate) fn check(plan: &RunPlan) -> Result<(), EngineError> {
    let no = |text: &str| Err(EngineError::Plan(text.to_owned()));
    if plan.groups.is_empty() {
        return no("there is no group to run");
    }
    if plan.threads == 0 {
        return no("at least one thread is needed");
    }
    if plan.threads > THREADS_MAX {
        return no(&format!("{} threads are more than {THREADS_MAX}", plan.threads));
    }
    if plan.interval < Nanos::from_millis(1) || plan.interval > INTERVAL_MAX {
        return no("the reporting interval must be at least 1 ms and at most an hour");
    }
    if plan.connect.in_parallel == 0 {
        return no("at least one connection must be allowed to open at a time");
    }
    if plan.phases.measure.is_none() && plan.groups.iter().all(|group| group.requests.is_none()) {
        return no("the run has no end: give a duration or a number of requests");
    }
    if let Some(warmup_end) = &plan.warmup_end {
        let fits = warmup_end.block >= plan.interval && warmup_end.at_most >= warmup_end.block;
        let has_course = |group: &GroupPlan| {
            matches!(group.arrival, ArrivalProcess::Shaped(_) | ArrivalProcess::Trace(_))
        };
        if !fits {
            return no(
                "a block of an automatic warm-up must be at least an interval, and fit into its patience",
            );
        }
        if plan.groups.iter().any(has_course) {
            return no(
                "an automatic warm-up waits for a steady state, and this load changes over time: give its length",
            );
        }
    }
    if let Some(cpus) = &plan.cpus
        && cpus.is_empty()
    {
        return no("the list of CPUs to pin to is empty");
    }
    for (index, group) in plan.groups.iter().enumerate() {
        check_timestamps(plan, group)
            .and_then(|()| check_group(group, plan.threads))
            .and_then(|()| check_end(plan, group))
            .and_then(|()| check_rate(plan, group))
            .map_err(|reason| EngineError::Plan(format!("group '{}': {reason}", group.name)))?;
        if plan.groups[..index].iter().any(|other| other.name == group.name) {
            return no(&format!("two groups are called '{}'", group.name));
        }
    }
    Ok(())
}

fn check_group(group: &GroupPlan, threads: usize) -> Result<(), String> {
    if group.connections == 0 {
        return Err("at least one connection is needed".to_owned());
    }
    if group.connections > CONNECTIONS_MAX {
        return Err(format!("{} connections are more than {CONNECTIONS_MAX}", group.connections));
    }
    if group.pipeline.saturating_mul(group.connections) > IN_FLIGHT_MAX {
        return Err(format!(
            "a pipeline of {} on {} connections is more than {IN_FLIGHT_MAX} requests in flight",
            group.pipeline, group.connections
        ));
    }
    if let Some(cluster) = &group.cluster {
        check_cluster(group, cluster, threads)?;
    }
    check_reception(group)?;
    let servers = group.target.endpoints().count();
    if group.connections < servers {
        return Err(format!("{servers} servers need at least {servers} connections"));
    }
    if group.pipeline == 0 {
        return Err("the pipeline depth must be at least 1".to_owned());
    }
    group.arrival.check()?;
    if group.timeout == Some(Nanos::ZERO) {
        return Err("a time limit of zero times everything out".to_owned());
    }
    if let Some(pool) = &group.pool {
        check_pool(group, pool)?;
    }
    if group.requests_per_connection == Some(0) {
        return Err("a connection must be good for at least one request".to_owned());
    }
    if group.requests == Some(0) {
        return Err("at least one request is needed".to_owned());
    }
    if group.target.user.is_some() && group.target.password.is_none() {
        return Err("a user name needs a password".to_owned());
    }
    let workload = &group.workload;
    if workload.commands.is_empty() || workload.commands.len() > usize::from(u16::MAX) {
        return Err("the workload needs between one and 65535 commands".to_owned());
    }
    if workload.commands.iter().all(|command| command.weight == 0) {
        return Err("all commands have weight 0".to_owned());
    }
    workload.keys.check()?;
    if !(0.0..=1.0).contains(&workload.compressible) {
        return Err(format!(
            "a compressible share of {} is not between 0 and 1",
            workload.compressible
        ));
    }
    workload.keys.distribution.check()?;
    workload.values.check()
}

impl KeySpace {
    /// Whether its keys can be written.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), String> {
        if self.count == 0 {
            return Err("the key space is empty".to_owned());
        }
        if self.first.checked_add(self.count).is_none() {
            return Err("the highest key number does not fit in 64 bits".to_owned());
        }
        // More digits would not fit a number of 64 bits.
        if self.digits > 20 {
            return Err("a key number has at most 20 digits".to_owned());
        }
        let digits = u32::try_from(self.digits).unwrap_or(u32::MAX);
        let largest = 10_u64.checked_pow(digits).unwrap_or(u64::MAX);
        if digits > 0 && self.count > largest {
            return Err(format!("{} keys do not fit in {digits} digits", self.count));
        }
        Ok(())
    }
}

fn check_reception(group: &GroupPlan) -> Result<(), String> {
    let no = |text: &str| Err(text.to_owned());
    let reception = group.reception()?;
    if reception == Reception::Replies {
        return Ok(());
    }
    if group.timeout.is_some() {
        return no("a command that waits on purpose has no time limit; leave out the timeout");
    }
    if reception == Reception::Data {
        return Ok(());
    }
    if !matches!(group.arrival, ArrivalProcess::Closed { .. } | ArrivalProcess::Idle) {
        return no(
            "a subscriber only listens: leave the rate out, and give it to the group that sends PUBLISH CHANNEL {stamp}",
        );
    }
    if group.workload.commands.iter().any(|command| command.args.len() < 2) {
        return no("a subscriber needs channels: SUBSCRIBE NAME…");
    }
    if group.requests.is_some() || group.requests_per_connection.is_some() {
        return no(
            "a subscriber only listens: give --duration in place of -n, and the number to the group that sends PUBLISH CHANNEL {stamp}",
        );
    }
    if group.pool.is_some() || group.cluster.is_some() || group.replay.is_some() {
        return no("subscribers are neither pooled nor replayed, and need one node of a cluster");
    }
    Ok(())
}

fn check_rate(plan: &RunPlan, group: &GroupPlan) -> Result<(), String> {
    let rate = group.arrival.rate().map_or(0.0, Rate::as_per_second);
    let most = RATE_MAX * plan.threads.min(group.connections) as f64;
    if rate > most {
        return Err(format!(
            "{rate} requests per second are beyond the {most} that can be scheduled; \
             ask for less, or for more threads"
        ));
    }
    Ok(())
}

fn check_timestamps(plan: &RunPlan, group: &GroupPlan) -> Result<(), String> {
    let is_path = group.target.endpoints().any(|endpoint| endpoint.addr().is_none());
    if plan.timestamps == Timestamps::Kernel && is_path {
        return Err(
            "the kernel stamps nothing that comes over a Unix socket; use TCP, or leave out --timestamps"
                .to_owned(),
        );
    }
    Ok(())
}

fn check_cluster(group: &GroupPlan, cluster: &ClusterPlan, threads: usize) -> Result<(), String> {
    let no = |text: &str| Err(text.to_owned());
    if cluster.layout.nodes.is_empty() || cluster.layout.slots.len() != SLOTS {
        return no("the layout of the cluster is not whole");
    }
    if cluster.keys.len() != group.workload.commands.len() {
        return no("the keys of every command must be known for a cluster");
    }
    if group.replay.is_some() {
        return no(
            "a capture is replayed to one server, in its clients' order; leave out --cluster",
        );
    }
    if group.workload.commands.iter().any(|c| c.args.iter().any(|arg| arg == b";")) {
        return no("an operation of several commands belongs to one server; leave out --cluster");
    }
    if group.pool.is_some() || group.assignment != Assignment::AnyFree {
        return no("a cluster's requests go where their keys say: without a pool, and not pinned");
    }
    let marks = |command: &CommandPlan| {
        command.args.iter().any(|arg| memchr::memmem::find(arg, b"{stamp}").is_some())
    };
    if group.workload.commands.iter().any(marks) {
        return no("a {stamp} needs one node; give that node as the target, without --cluster");
    }
    if group.workload.commands.iter().any(CommandPlan::takes_several_calls) {
        return no(
            "an operation of several commands needs one node; give that node as the target, without --cluster",
        );
    }
    if group.workload.commands.iter().any(|command| command.cursor != Cursor::Ignore) {
        return no(
            "a followed cursor belongs to one node; give that node as the target, without --cluster",
        );
    }
    if group.target.db != 0 {
        return no("a cluster has database 0 only; leave out --dbnum");
    }
    // Threads share nothing: each has its own part of the schedule, with keys of every node.
    let nodes = cluster.layout.nodes.len();
    let least = nodes * threads;
    if group.connections < least {
        return Err(format!(
            "{} on {} need at least {least} connections; raise -c",
            with_noun(nodes as u64, "node"),
            with_noun(threads as u64, "thread")
        ));
    }
    Ok(())
}

fn check_pool(group: &GroupPlan, pool: &PoolPlan) -> Result<(), String> {
    let no = |text: &str| Err(text.to_owned());
    if matches!(group.arrival, ArrivalProcess::Closed { .. }) {
        return no("a pool needs requests that do not wait for replies: give a rate");
    }
    if group.pipeline != 1 || group.assignment != Assignment::AnyFree {
        return no("a connection of a pool serves one request at a time, of any user");
    }
    if group.connect_schedule != ConnectSchedulePlan::AtOnce {
        return no("a pool decides itself when to open connections");
    }
    if pool.min_idle > pool.max_idle || pool.min_idle > group.connections {
        return no(
            "the pool's smallest number of idle connections is above its largest, or its size",
        );
    }
    if pool.max_wait == Some(Nanos::ZERO) {
        return no(
            "a longest wait of zero turns away all who find no idle connection; give at least 1 ns",
        );
    }
    Ok(())
}

/// A run without a duration lasts until every quota is done: each must be within reach.
fn check_end(plan: &RunPlan, group: &GroupPlan) -> Result<(), String> {
    let (Some(asked), None) = (group.requests, plan.phases.measure) else { return Ok(()) };
    let measured_from = plan.phases.warmup.since(group.start_after);
    match group.arrival.remaining(measured_from) {
        Some(due) if due < asked => Err(format!(
            "{asked} requests are asked for and only {due} are ever due after the warm-up; \
             ask for fewer or give a duration"
        )),
        _ => Ok(()),
    }
}

/// Sees to it that all connections of the plan can have a descriptor.
///
/// # Errors
/// The system allows fewer.
pub(crate) fn check_descriptors(plan: &RunPlan) -> Result<(), EngineError> {
    let connections: usize = plan.groups.iter().map(|group| group.connections).sum();
    let needed = connections as u64 + 2 * plan.threads as u64 + SPARE_DESCRIPTORS;
    let limit = sys::raise_descriptor_limit();
    if needed > limit {
        return Err(EngineError::Descriptors { needed, limit });
    }
    Ok(())
}
