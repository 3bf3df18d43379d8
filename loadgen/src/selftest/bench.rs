//! What checks are made with: servers, plans, runs, and the bookkeeping of all of them.
//!
//! Not a lab: no scenario, no folder. Invariant: every run of the self-test passes through [`Bench::run`], so the accounting
//! identity is checked for each.

use crate::selftest::row::Row;
use aelab_engine::Live;
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{
    ArrivalProcess, CommandPlan, GroupPlan, KeySpace, Phases, Rate, RequestLog, Role, RunPlan,
    Target, ValueSize, Workload,
};
use aelab_engine::record::result::{GroupResult, MetricResult, RunResult};
use aelab_lab::server::{ServerKind, ServerProcess};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Most requests of one run that are kept one by one: ten seconds of the highest rate, with room.
const LOG_MAX: usize = 1_200_000;

/// How often a comparison of times is made before it fails. A disturbance long enough to change the median of a measurement came in
/// about one of ten on a virtual machine that was otherwise idle.
const TRIES: usize = 3;

/// Starts the bundled server on its CPU.
#[derive(Clone, Copy)]
pub(super) struct Servers<'a> {
    cancel: &'a AtomicBool,
    cpu: Option<usize>,
}

impl Servers<'_> {
    /// A fresh one with these directives, at this port or a free one.
    pub(super) fn start(
        self,
        port: Option<u16>,
        directives: &[(&str, &str)],
    ) -> Result<ServerProcess, Failure> {
        let own = [("enable-debug-command", "yes")];
        let directives: Vec<(String, String)> = own
            .iter()
            .chain(directives)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        ServerProcess::start_at(port, &ServerKind::Bundled, &directives, self.cpu, self.cancel)
    }
}

/// See the module.
pub struct Bench<'a> {
    /// Starts servers.
    pub(super) servers: Servers<'a>,
    engine_cpus: Option<Vec<usize>>,
    /// Groups whose request counts were checked, and what was wrong.
    checked: u64,
    unbalanced: Vec<String>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(cancel: &'a AtomicBool) -> Self {
        let cpus = aelab_engine::sys::allowed_cpus();
        let (server_cpu, engine_cpus) = match cpus.split_first() {
            Some((first, rest)) if !rest.is_empty() => (Some(*first), Some(rest.to_vec())),
            _ => (None, None),
        };
        let servers = Servers { cancel, cpu: server_cpu };
        Self { servers, engine_cpus, checked: 0, unbalanced: Vec::new() }
    }

    /// The bundled server with these directives, fresh.
    pub(super) fn server(&self, directives: &[(&str, &str)]) -> Result<ServerProcess, Failure> {
        self.servers.start(None, directives)
    }

    /// Whether ^C was pressed.
    pub(super) fn is_cancelled(&self) -> bool {
        self.servers.cancel.load(Relaxed)
    }

    /// A plan for these groups with the engine on its own CPUs.
    pub(super) fn plan(&self, groups: Vec<GroupPlan>, warmup: Nanos, measure: Nanos) -> RunPlan {
        let phases =
            Phases { warmup, measure: Some(measure), drain_max: Phases::DEFAULT_DRAIN_MAX };
        let mut plan = RunPlan::new(groups, phases);
        plan.cpus.clone_from(&self.engine_cpus);
        plan
    }

    /// The CPU of the first engine thread.
    pub(super) fn engine_cpu(&self) -> Option<usize> {
        self.engine_cpus.as_ref().and_then(|cpus| cpus.first().copied())
    }

    /// Runs a plan and checks its request counts.
    pub(super) fn run(&mut self, plan: &RunPlan) -> Result<RunResult, Failure> {
        let result = aelab_engine::run(plan, &Live::new(plan), self.servers.cancel)?;
        if self.is_cancelled() {
            return Err(Failure::invalid(
                "interrupted; the rows above stand, the rest was not run",
            ));
        }
        for group in &result.groups {
            for counts in [group.counts, group.warmup_counts] {
                self.checked += 1;
                self.unbalanced
                    .extend(counts.check().err().map(|why| format!("{}: {why}", group.name)));
            }
        }
        Ok(result)
    }

    /// Rows that compare times, from a measurement that is made again while one of them does not hold: what disturbs a machine
    /// passes, and a fault of the programs is there each time. Rows that hold at a later try say so.
    ///
    /// # Errors
    /// As the measurement.
    pub(super) fn tried(
        &mut self,
        mut measure: impl FnMut(&mut Self) -> Result<Vec<Row>, Failure>,
    ) -> Result<Vec<Row>, Failure> {
        let mut rows = measure(self)?;
        for number in 2..=TRIES {
            if rows.iter().all(|row| row.holds) {
                break;
            }
            let again = measure(self)?.into_iter();
            rows = again.map(|row| row.at_try(number)).collect();
        }
        Ok(rows)
    }

    /// The row of the request counts.
    pub(super) fn accounting(&self, id: &'static str) -> Row {
        let measured = match self.unbalanced.first() {
            None => format!("{0} of {0} balance", self.checked),
            Some(why) => format!("{} of {} do not: {why}", self.unbalanced.len(), self.checked),
        };
        let holds = self.unbalanced.is_empty() && self.checked > 0;
        Row::said(id, "both accounting identities, in every run", "all balance", measured, holds)
    }
}

/// Victims that send one command of a name.
pub(super) fn group(
    name: &str,
    target: &Target,
    words: &[&str],
    connections: usize,
    arrival: ArrivalProcess,
) -> GroupPlan {
    let workload = Workload {
        commands: vec![CommandPlan::new(words)],
        keys: KeySpace::uniform(1_000),
        values: ValueSize::Fixed(32),
        compressible: 0.0,
        order: aelab_engine::plan::CommandOrder::Random,
    };
    GroupPlan { arrival, ..GroupPlan::new(name, target.clone(), connections, workload) }
}

/// A group whose requests are kept one by one.
pub(super) fn logged(group: GroupPlan) -> GroupPlan {
    GroupPlan { log_requests: RequestLog::Keep { max: LOG_MAX }, ..group }
}

/// A connection that makes the server sleep for `length` once, this long after the start.
pub(super) fn freeze(target: &Target, after: Nanos, length: Nanos) -> GroupPlan {
    let seconds = format!("{}", length.as_secs_f64());
    let once = rate_every(Nanos::from_secs(100_000));
    GroupPlan {
        role: Role::Offender,
        start_after: after,
        ..group("offender", target, &["DEBUG", "SLEEP", &seconds], 1, once)
    }
}

/// Constant gaps.
pub(super) fn constant(per_second: f64) -> ArrivalProcess {
    Rate::per_second(per_second).map_or(ArrivalProcess::Idle, ArrivalProcess::Constant)
}

/// Exponential gaps.
pub(super) fn poisson(per_second: f64) -> ArrivalProcess {
    Rate::per_second(per_second).map_or(ArrivalProcess::Idle, ArrivalProcess::Poisson)
}

fn rate_every(period: Nanos) -> ArrivalProcess {
    Rate::every(period).map_or(ArrivalProcess::Idle, ArrivalProcess::Constant)
}

/// Closed loop without a pause.
pub(super) const CLOSED: ArrivalProcess = ArrivalProcess::Closed { think: Nanos::ZERO };

/// The group of that name; a plan of ours has it.
pub(super) fn find<'r>(result: &'r RunResult, name: &str) -> Result<&'r GroupResult, Failure> {
    let found = result.groups.iter().find(|group| group.name == name);
    found.ok_or_else(|| Failure::invalid(format!("the run lost its group {name}")))
}

/// The response time of a group of one command.
pub(super) fn response(group: &GroupResult) -> Result<&MetricResult, Failure> {
    command(group).map(|command| &command.response_time)
}

/// The service time of a group of one command.
pub(super) fn service(group: &GroupResult) -> Result<&MetricResult, Failure> {
    command(group).map(|command| &command.service_time)
}

fn command(group: &GroupResult) -> Result<&aelab_engine::record::result::CommandResult, Failure> {
    let first = group.commands.first();
    first.ok_or_else(|| Failure::invalid(format!("the group {} has no command", group.name)))
}

/// A quantile in nanoseconds; not a number if there is no sample, which no row takes for right.
pub(super) fn quantile(metric: &MetricResult, q: f64) -> f64 {
    if metric.total.is_empty() { f64::NAN } else { metric.total.value_at_quantile(q) as f64 }
}

/// The exact mean in nanoseconds, or not a number.
pub(super) fn mean(metric: &MetricResult) -> f64 {
    metric.exact.mean().unwrap_or(f64::NAN)
}
