//! The plan of a run that the load flags describe, with every default filled in.
//!
//! Invariant: connections, requests and rate are totals, never per thread or per connection.

use crate::cli::load::{LoadArgs, PacingArg, RatioOrderArg, TimestampsArg, WarmupArg};
use crate::cli::receivers;
use crate::cli::resolved::Prefill;
use crate::cli::ycsb::{Home, Ycsb};
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{
    ArrivalProcess, Assignment, CommandOrder, CommandPlan, ConnectSchedulePlan, GroupPlan, Pacing,
    Phases, Rate, Role, RunPlan, Shape, Target, Timestamps, WarmupEndPlan, Workload,
};
use aelab_engine::workload::command_text::parse_command;
use aelab_lab::server::fill::FillPlan;
use std::time::Duration;

/// Requests of a run that says neither how many nor how long, as for redis-benchmark.
const DEFAULT_REQUESTS: u64 = 100_000;
/// Length of a run at a given rate that says neither how many nor how long.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);
/// Connections that write records before a run: two keep a server busy while the others' replies travel.
const FILL_CONNECTIONS: usize = 4;
/// Records each of them has in flight.
const FILL_PIPELINE: usize = 16;
/// Warm-up of a run that has a duration; it takes at most a fifth of it on top.
const DEFAULT_WARMUP: Duration = Duration::from_secs(2);

impl LoadArgs {
    /// What `--prefill` writes.
    pub(super) fn fill(&self, target: &Target, home: Home) -> Result<Prefill, Failure> {
        let keys = self.keys();
        keys.check().map_err(Failure::usage)?;
        if self.ycsb.is_none() {
            return Ok(Prefill::Strings(FillPlan {
                count: keys.count,
                prefix: keys.prefix,
                digits: keys.digits,
                first: keys.first,
                value_bytes: self.values().typical(),
                seed: self.seed,
                part: None,
            }));
        }
        let commands = Ycsb::load_phase(self.key_count(), home).map_err(Failure::usage)?;
        let workload = Workload {
            commands,
            keys,
            values: self.values(),
            compressible: self.compressible,
            order: CommandOrder::Random,
        };
        let mut group = GroupPlan::new("load phase", target.clone(), FILL_CONNECTIONS, workload);
        group.pipeline = FILL_PIPELINE;
        group.requests = Some(self.key_count());
        let phases =
            Phases { warmup: Nanos::ZERO, measure: None, drain_max: Phases::DEFAULT_DRAIN_MAX };
        let mut plan = RunPlan::new(vec![group], phases);
        plan.seed = self.seed;
        Ok(Prefill::Records(Box::new(plan)))
    }

    /// The plan of a run that sends these commands.
    pub(super) fn plan(
        &self,
        target: &Target,
        title: &str,
        mut commands: Vec<CommandPlan>,
    ) -> Result<RunPlan, Failure> {
        if self.key_dist.is_some() && !commands.iter().any(has_key) {
            return Err(Failure::usage(format!(
                "--key-dist has no effect: {title} has no __key__; write __key__ into the command, or leave out --key-dist"
            )));
        }
        if self.ratio_order.is_some() && commands.len() < 2 {
            return Err(Failure::usage(format!(
                "--ratio-order has no effect: {title} is one command; mix several with --ratio or --command, or leave it out"
            )));
        }
        let receiving = receivers::take(&mut commands)?;
        let workload = Workload {
            commands,
            keys: self.keys(),
            values: self.values(),
            compressible: self.compressible,
            order: self.order(),
        };
        let size = self.pool.size(self.connections);
        let mut group = GroupPlan::new("load", target.clone(), size, workload);
        group.pool = self.pool.plan(size)?;
        if self.pin_requests {
            group.assignment = Assignment::Pinned;
        }
        let (arrival, phases, requests) = self.course()?;
        group.arrival = arrival;
        group.requests = requests;
        group.pipeline = self.pipeline;
        group.timeout = self.timeout.filter(|timeout| !timeout.is_zero()).map(Nanos::from);
        group.requests_per_connection = self.reconnect_interval;
        group.connect_schedule = self.connect_schedule()?;
        group.reconnect = self.reconnect.unwrap_or_default();
        let idle = self.idle.map(|count| idle_group(&group, count)).transpose()?;
        let receivers = receivers::groups(&mut group, receiving)?;
        let groups = std::iter::once(group).chain(receivers).chain(idle);
        let mut plan = RunPlan::new(groups.collect(), phases);
        plan.threads = self.threads;
        plan.seed = self.seed;
        plan.cpus.clone_from(&self.cpus);
        plan.look_for_gaps = Some(plan.gaps_span());
        plan.warmup_end = (self.warmup == Some(WarmupArg::Auto))
            .then(|| WarmupEndPlan::for_measurement(phases.measure));
        plan.timestamps = match self.timestamps {
            TimestampsArg::Program => Timestamps::Program,
            TimestampsArg::Kernel => Timestamps::Kernel,
        };
        plan.pacing = match self.pacing {
            PacingArg::Auto => Pacing::Auto,
            PacingArg::Timerfd => Pacing::Timerfd,
            PacingArg::Precise => Pacing::Precise { margin: None },
            PacingArg::Spin => Pacing::Spin,
        };
        Ok(plan)
    }

    /// In which order the commands come.
    fn order(&self) -> CommandOrder {
        match self.ratio_order {
            Some(RatioOrderArg::Exact) => CommandOrder::Exact,
            Some(RatioOrderArg::Random) | None => CommandOrder::Random,
        }
    }

    /// Checks that pools and pinned requests have an open loop, and no flags that contradict them.
    pub(super) fn check_assignment(&self) -> Result<(), Failure> {
        let has_pool = self.pool.is_asked();
        let is_open = self.rate.is_some() || self.arrival.is_some();
        let no = |why: &str| Err(Failure::usage(why));
        match () {
            () if has_pool && !is_open => {
                no("an emulated pool needs an open loop; give --rate or --arrival")
            }
            () if self.pin_requests && !is_open => {
                no("--pin-requests needs an open loop; give --rate or --arrival")
            }
            () if has_pool && self.pin_requests => {
                no("--pin-requests cannot be used with a pool; leave one of them out")
            }
            () if has_pool && self.pipeline > 1 => no(
                "-P cannot be used with a pool: its connections serve one request at a time; leave one of them out",
            ),
            () if has_pool && self.threads > 1 => no(
                "--threads cannot be used with a pool, which runs on one thread; leave one of them out",
            ),
            () if has_pool && self.connect_rate.is_some() => no(
                "--connect-rate cannot be used with a pool, which opens its own connections; leave one of them out",
            ),
            () => Ok(()),
        }
    }

    /// When requests are due, for how long, and how many.
    fn course(&self) -> Result<(ArrivalProcess, Phases, Option<u64>), Failure> {
        if let Some(duration) = self.duration {
            long_enough(duration)?;
        }
        if self.requests == Some(0) {
            return Err(Failure::usage("-n 0 measures nothing; give 1 or more"));
        }
        let length = self.duration.unwrap_or(DEFAULT_DURATION)
            + self.warmup.map_or(Duration::ZERO, WarmupArg::length);
        let arrival = self.arrival_process(length.into())?;
        let own_length = own_length(&arrival);
        let is_open = !matches!(arrival, ArrivalProcess::Closed { .. });
        let duration = match (self.requests, self.duration) {
            (None, None) if is_open => Some(own_length.unwrap_or(DEFAULT_DURATION)),
            (_, duration) => duration,
        };
        let requests = match duration {
            None => Some(self.requests.unwrap_or(DEFAULT_REQUESTS)),
            Some(_) => self.requests,
        };
        let warmup = self.warmup.map(WarmupArg::length).unwrap_or_else(|| match duration {
            // A course that has a begin of its own is measured from there.
            Some(duration) if own_length.is_none() => DEFAULT_WARMUP.min(duration / 5),
            _ => Duration::ZERO,
        });
        let phases = Phases {
            warmup: warmup.into(),
            measure: duration.map(Nanos::from),
            drain_max: Phases::DEFAULT_DRAIN_MAX,
        };
        Ok((arrival, phases, requests))
    }

    pub(super) fn arrival_process(&self, length: Nanos) -> Result<ArrivalProcess, Failure> {
        let rate = self.rate.map(|rate| scheduled("--rate", rate)).transpose()?;
        match (&self.arrival, rate) {
            (Some(text), rate) => ArrivalProcess::parse(text, rate, length).map_err(Failure::usage),
            (None, Some(rate)) => Ok(ArrivalProcess::Constant(rate)),
            (None, None) => {
                Ok(ArrivalProcess::Closed { think: self.think_time.unwrap_or_default().into() })
            }
        }
    }

    fn connect_schedule(&self) -> Result<ConnectSchedulePlan, Failure> {
        let Some(rate) = self.connect_rate else { return Ok(ConnectSchedulePlan::AtOnce) };
        let rate = scheduled("--connect-rate", rate)?;
        Ok(if self.connect_storm {
            ConnectSchedulePlan::During(rate)
        } else {
            ConnectSchedulePlan::Before(rate)
        })
    }
}

/// Connections to the same server that are opened in the same way and left alone.
fn idle_group(load: &GroupPlan, count: usize) -> Result<GroupPlan, Failure> {
    let ping = parse_command("PING", 1).map_err(Failure::usage)?;
    let workload = Workload { commands: vec![ping], ..load.workload.clone() };
    let mut group = GroupPlan::new("idle", load.target.clone(), count, workload);
    group.role = Role::Background;
    group.arrival = ArrivalProcess::Idle;
    group.connect_schedule = load.connect_schedule;
    group.reconnect = load.reconnect;
    Ok(group)
}

fn scheduled(flag: &str, rate: aelab_units::Rate) -> Result<Rate, Failure> {
    Rate::per_second(rate.as_per_second()).ok_or_else(|| {
        Failure::usage(format!(
            "{flag} is outside the range that can be scheduled; give a lower rate"
        ))
    })
}

/// A rate counts the replies of whole intervals, so the measurement takes at least one.
fn long_enough(duration: Duration) -> Result<(), Failure> {
    if Nanos::from(duration) >= RunPlan::DEFAULT_INTERVAL {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--duration {duration:?} is too short to measure a rate; give {} ms or more",
        RunPlan::DEFAULT_INTERVAL.0 / 1_000_000
    )))
}

/// How long a process lasts that has a begin and an end.
fn own_length(arrival: &ArrivalProcess) -> Option<Duration> {
    let length = match arrival {
        ArrivalProcess::Shaped(Shape::Ramp { over, .. }) => *over,
        ArrivalProcess::Shaped(Shape::Steps { rates, each }) => {
            Nanos(each.0.saturating_mul(rates.len() as u64))
        }
        // What is due at the last instant is still to be measured.
        ArrivalProcess::Trace(instants) => instants.last()?.saturating_add(Nanos::from_millis(1)),
        _ => return None,
    };
    Some(length.into())
}

/// Whether a command has a `__key__`.
fn has_key(command: &CommandPlan) -> bool {
    const KEY: &[u8] = b"__key__";
    command.args.iter().any(|arg| arg.windows(KEY.len()).any(|part| part == KEY))
}
