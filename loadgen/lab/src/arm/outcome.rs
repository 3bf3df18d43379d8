//! The outcome of an arm: the server's state after the load, caveats, and the record.
//!
//! Invariant: the measurement is kept, whatever happens to the server afterwards.

use crate::arm::scene::{MeasuredArm, Scene};
use crate::arm::{ArmOutcome, GroupConnections, Place, server_view};
use crate::control::Control;
use crate::observe::cpu_wait;
use crate::observe::proc::ProcessView;
use crate::observe::stall_cause::{explain, is_one_call};
use crate::observe::{self, Observed};
use crate::record::{Context, Kept, keep, tool};
use crate::server::ServerProcess;
use crate::server::changes::{self, Expiry};
use crate::server::info::{self, Info, SlowEntry};
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_engine::plan::{RunPlan, Target};
use aelab_engine::record::result::RunResult;
use aelab_results::caveat::{Caveat, in_scenario};
use aelab_results::record::{LatencyEvent, RunRecord, Server, utc_text};
use aelab_results::text::secret;
use aelab_scenarios::model::Arm;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that was measured, put together.
pub(crate) fn outcome(
    scene: &Scene<'_>,
    before: Before,
    measured: MeasuredArm,
    after: After,
) -> ArmOutcome {
    let (arm, settings) = (scene.arm, scene.settings);
    let plan = measured.run.as_ref().map(|(plan, _)| plan);
    let Before { info: info_before, server } = before;
    let config = server.config.clone();
    let mut caveats = caveats(&info_before, &after, plan);
    let mut environment = observe::environment::look();
    environment.other.extend(process_fields(&measured.observed));
    let mut context = Context {
        command: settings.command.clone(),
        environment,
        server: Some(server),
        asked: scene.wanted.percentiles.clone(),
        caveats: Vec::new(),
    };
    let mut from_unix_ns = clock::wall_ns();
    let mut kept = match &measured.run {
        Some((plan, result)) => {
            from_unix_ns = result.started_wall_ns + result.measure_from.0;
            // A server that the lab started logs every command of a millisecond. The log of another may be switched off.
            let fresh = matches!(settings.place, Place::Fresh(_));
            let slowlog = Some(after.slowlog.as_slice()).filter(|log| fresh || !log.is_empty());
            let mut explained = explain(plan, result, slowlog, &measured.waits);
            for stall in explained.stalls.iter_mut().filter(|stall| stall.cause.is_none()) {
                let length = Duration::try_from_secs_f64(stall.duration_s).unwrap_or_default();
                stall.evidence.extend(info::slowlog_gap(&config, length));
            }
            caveats.extend(explained.caveat());
            let measured_s = result.measure_until.since(result.measure_from).as_secs_f64();
            let course = &measured.observed.process;
            caveats.extend(cpu_wait::caveat(course, measured_s, &explained.cpu_waits));
            context.caveats = caveats;
            keep(plan, result, context, explained.stalls)
        }
        None => {
            let course = &measured.observed.process;
            caveats.extend(cpu_wait::caveat(course, measured.took.as_secs_f64(), &[]));
            without_load(context, &caveats, &measured, scene.seed)
        }
    };
    for caveat in &mut kept.record.caveats {
        caveat.remedy = in_scenario(&caveat.remedy);
    }
    kept.record.server_view = Some(server_view::of(&info_before, &after, &measured.observed));
    kept.record.procedure = measured.procedure;
    let (connections, calls) = match measured.run {
        Some((plan, result)) => (connections_of(&result), plain_calls(&plan, &result)),
        None => (Vec::new(), BTreeMap::new()),
    };
    ArmOutcome {
        name: arm.name.clone(),
        label: arm.label.clone(),
        kept,
        info_before,
        info_after: after.info,
        slowlog: after.slowlog,
        observed: measured.observed,
        connections,
        measured_from_unix_s: i64::try_from(from_unix_ns / 1_000_000_000).unwrap_or(i64::MAX),
        stall_threshold: arm.phases.stall_threshold,
        calls,
    }
}

/// The record of an arm that only has a procedure.
fn without_load(context: Context, caveats: &[Caveat], measured: &MeasuredArm, seed: u64) -> Kept {
    let record = RunRecord {
        tool: tool(),
        command: context.command.into(),
        seed,
        started_at: utc_text(measured.started_unix_ns / 1_000_000),
        duration_s: measured.took.as_secs_f64(),
        environment: context.environment,
        server: context.server,
        caveats: caveats.iter().map(Caveat::to_record).collect(),
        ..RunRecord::default()
    };
    Kept { record, series: Vec::new() }
}

/// What the server says when the load is over.
#[derive(Debug, Default)]
pub(crate) struct After {
    pub(crate) info: Info,
    pub(crate) slowlog: Vec<SlowEntry>,
    ended: Option<String>,
    pub(crate) latency: Vec<LatencyEvent>,
    /// Numbers of AE STATS.
    pub(crate) ae: BTreeMap<String, f64>,
}

/// Asks on a new connection, because the old one may be broken. A server that does not answer counts as ended.
pub(crate) fn look_after(target: &Target, server: Option<&mut ServerProcess>) -> After {
    let mut after = After { ended: server.and_then(ServerProcess::ended), ..After::default() };
    if let Ok(mut control) = Control::open(target) {
        after.info = control.info().map(|text| Info::parse(&text)).unwrap_or_default();
        after.slowlog = info::slowlog(&mut control).unwrap_or_default();
        after.latency = info::latency(&mut control).unwrap_or_default();
        after.ae = match control.command(&[b"AE", b"STATS"]) {
            Ok(stats) => observe::numbers(&stats),
            Err(_) => BTreeMap::new(),
        };
    } else if after.ended.is_none() {
        after.ended = Some("it does not answer any more".to_owned());
    }
    after
}

/// The caveats that follow from INFO before the run and now.
#[must_use]
pub fn caveats_after(target: &Target, before: &Info, plan: &RunPlan) -> Vec<Caveat> {
    caveats(before, &look_after(target, None), Some(plan))
}

fn caveats(before: &Info, after: &After, plan: Option<&RunPlan>) -> Vec<Caveat> {
    match &after.ended {
        Some(end) => vec![Caveat::ServerChanged { what: end.clone() }],
        // A procedure may change keys on purpose.
        None => {
            let mut caveats =
                changes::caveats(before, &after.info, plan.map_or(Expiry::Sets, Expiry::of));
            // It may also open connections that are refused on purpose.
            caveats.retain(|caveat| {
                plan.is_some() || !matches!(caveat, Caveat::ConnectionsRejected { .. })
            });
            caveats
        }
    }
}

/// Fields of INFO that tell two builds apart.
const BUILD_FIELDS: [&str; 2] = ["redis_git_sha1", "redis_build_id"];

/// What was known of the server when the load began.
#[derive(Debug)]
pub(crate) struct Before {
    /// Its INFO.
    pub(crate) info: Info,
    /// What the record says of it.
    pub(crate) server: Server,
}

impl Before {
    /// Asks on an open connection. What the arm says of the server is kept beside what the server says.
    ///
    /// # Errors
    /// The connection breaks.
    pub(crate) fn look(control: &mut Control, arm: &Arm) -> Result<Self, Failure> {
        let info = Info::parse(&control.info()?);
        let mut server = info::describe(&info, info::config(control)?);
        let config = &mut server.config;
        for (name, value) in &arm.server {
            config.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if let Some(program) = &arm.server_bin {
            config.insert("server_bin".to_owned(), program.clone());
        }
        if !arm.server_args.is_empty() {
            config
                .insert("server_args".to_owned(), secret::command_line(&arm.server_args).join(" "));
        }
        for field in BUILD_FIELDS {
            if let Some(value) = info.text(field) {
                config.insert(field.to_owned(), value.to_owned());
            }
        }
        Ok(Self { info, server })
    }
}

/// What the record keeps of the server's process.
fn process_fields(observed: &Observed) -> Vec<(String, serde_json::Value)> {
    let course = &observed.process;
    let grown = |of: fn(&ProcessView) -> Option<u64>| {
        let from = course.begun.as_ref().and_then(of)?;
        Some(course.ended.as_ref().and_then(of)?.saturating_sub(from))
    };
    let ended = |of: fn(&ProcessView) -> Option<u64>| course.ended.as_ref().and_then(of);
    [
        ("server_rss_bytes", ended(|view| view.rss_bytes)),
        ("server_threads", ended(|view| view.threads)),
        ("server_descriptors", course.connected.and_then(|view| view.descriptors)),
        ("server_context_switches", grown(|view| view.context_switches)),
        ("server_cpu_us", grown(|view| view.cpu_ns).map(|ns| ns / 1000)),
        ("server_waited_us", grown(|view| view.main_waited_ns).map(|ns| ns / 1000)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
    .collect()
}

fn connections_of(result: &RunResult) -> Vec<GroupConnections> {
    let connections = |group: &aelab_engine::record::result::GroupResult| GroupConnections {
        group: group.name.clone(),
        counts: group.connections,
        connect: group.opening.connected.clone(),
        first_reply: group.opening.first_reply.clone(),
        pool: group.pool.clone(),
    };
    result.groups.iter().map(connections).collect()
}

/// Measured requests by command name, for commands that are one call each.
fn plain_calls(plan: &RunPlan, result: &RunResult) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for (planned, group) in plan.groups.iter().zip(&result.groups) {
        for request in &group.log.entries {
            let Some(command) = planned.workload.commands.get(request.command) else { continue };
            if is_one_call(command) {
                let name = String::from_utf8_lossy(&command.args[0]).to_ascii_uppercase();
                *calls.entry(name).or_default() += 1;
            }
        }
    }
    calls
}
