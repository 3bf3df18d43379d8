//! One arm, from a fresh server to a kept record: start, fill, load, ask the server, stop.
//!
//! Invariant: once load has been measured it is kept, whatever happens to the server afterwards.

use super::attribute::{explain, is_one_call};
use super::fill::{FillPlan, collections};
use super::link::Ways;
use super::observe::{Account, Observed, Observer};
use super::plan::run_plan;
use super::procedure::{self, Site};
use super::server::{ServerKind, ServerProcess, Start};
use super::state::{self, Expiry};
use super::view::{self, Info, SlowEntry};
use super::{room, sys};
use crate::clock::{self, Nanos};
use crate::console::progress::{Gauge, watch};
use crate::control::Control;
use crate::engine::Phase;
use crate::engine::plan::{Endpoint, RunPlan, Target};
use crate::engine::result::{ConnectionCounts, PoolResult, RunResult};
use crate::exit::Failure;
use crate::record::{Context, Kept, keep, tool};
use aelab_reports::caveat::Caveat;
use aelab_reports::histogram::Histogram;
use aelab_reports::record::{Procedure as ProcedureRecord, RunRecord, utc_text};
use aelab_scenarios::model::Arm;
use aelab_scenarios::units::format_count;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

pub use super::watch::{fill_watched, run_watched};

/// What the lab gives its own servers beside an arm's directives: a slow log fine enough to compare stalls with.
const OWN_DIRECTIVES: [(&str, &str); 2] =
    [("slowlog-log-slower-than", "1000"), ("slowlog-max-len", view::SLOWLOG_MAX)];

/// Against which server arms are played.
#[derive(Debug, Clone)]
pub enum Place {
    /// A fresh one for each arm.
    Fresh(ServerKind),
    /// One that runs already; it is neither configured nor stopped.
    Running(Target),
}

/// What the lab needs to know beside the scenario.
#[derive(Debug)]
pub struct Settings<'a> {
    /// Against which server.
    pub place: Place,
    /// The command line, for the record.
    pub command: Vec<String>,
    /// Set by ^C.
    pub cancel: &'a AtomicBool,
    /// What progress begins with; may be empty.
    pub progress: String,
    /// What becomes of the data set.
    pub clean_up: CleanUp,
}

/// What becomes of a data set that the lab filled into a server that runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanUp {
    /// It stays, for the next arm and the next run.
    Leave,
    /// It is removed after each arm, because the next has another one.
    Remove,
}

impl Settings<'_> {
    /// What progress calls an arm.
    fn label(&self, arm: &Arm) -> String {
        format!("{}{}", self.progress, arm.name)
    }
}

/// What the claims want to know of an arm beside what every record has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Percentiles, in percent.
    pub percentiles: Vec<f64>,
    /// Numbers of AE STATS.
    pub ae: bool,
}

/// What an arm left behind.
#[derive(Debug)]
pub struct ArmOutcome {
    /// The arm's name.
    pub name: String,
    /// What reports call it.
    pub label: String,
    /// Record and series.
    pub kept: Kept,
    /// INFO when the load began.
    pub info_before: Info,
    /// INFO when it had ended.
    pub info_after: Info,
    /// The slow log, oldest first.
    pub slowlog: Vec<SlowEntry>,
    /// What was looked at meanwhile.
    pub observed: Observed,
    /// What became of each group's connections, in the order of the plan.
    pub links: Vec<GroupLinks>,
    /// When the measurement began.
    pub measured_from_unix_s: i64,
    calls: BTreeMap<String, usize>,
}

/// What became of a group's connections.
#[derive(Debug)]
pub struct GroupLinks {
    /// The group.
    pub group: String,
    /// How many.
    pub counts: ConnectionCounts,
    /// From the begin of a connection to its being open.
    pub connect: Histogram,
    /// From the begin of a connection to the first byte from the server.
    pub first_reply: Histogram,
    /// What its pool saw, if it has one.
    pub pool: Option<PoolResult>,
}

impl ArmOutcome {
    /// How many of an offender's command were measured, if each was one call.
    #[must_use]
    pub fn calls_of(&self, command: &str) -> Option<usize> {
        self.calls.get(command).copied()
    }
}

/// Plays one arm.
///
/// # Errors
/// When nothing could be measured; the message names the arm.
pub fn play(
    arm: &Arm,
    seed: u64,
    wanted: &Wanted,
    settings: &Settings<'_>,
) -> Result<ArmOutcome, Failure> {
    let named = |failure: Failure| Failure {
        exit: failure.exit,
        message: format!("arm {}: {}", arm.name, failure.message),
    };
    let cores = Cores::share(arm.cpus);
    let mut server = match &settings.place {
        Place::Running(_) => None,
        Place::Fresh(kind) => {
            room::check(&arm.data).map_err(named)?;
            let own = OWN_DIRECTIVES.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let start = Start {
                port: None,
                directives: own.into_iter().chain(arm.server.iter().cloned()).collect(),
                nofile: arm.nofile,
                cpus: cores.server.clone(),
            };
            Some(ServerProcess::launch(kind, &start, settings.cancel).map_err(named)?)
        }
    };
    let outcome = load(arm, seed, wanted, settings, server.as_mut(), cores);
    outcome.map_err(|failure| match server.as_mut().and_then(ServerProcess::ended) {
        Some(end) => named(Failure::unreachable(format!("the server ended: {end}"))),
        None => named(failure),
    })
}

fn load(
    arm: &Arm,
    seed: u64,
    wanted: &Wanted,
    settings: &Settings<'_>,
    server: Option<&mut ServerProcess>,
    cores: Cores,
) -> Result<ArmOutcome, Failure> {
    let target = match (&server, &settings.place) {
        (Some(server), _) => server.target.clone(),
        (None, Place::Running(target)) => target.clone(),
        (None, Place::Fresh(_)) => return Err(Failure::invalid("no server was started")),
    };
    let mut control = Control::open(&target)?;
    fill_data_set(arm, seed, settings, &target, &mut control)?;
    let unix = match &server {
        Some(server) => Some(server.unix.clone()),
        None => unix_of(&target, &mut control),
    };
    let info_before = Info::parse(&control.info()?);
    let ways = Ways::open(target.clone(), unix.clone(), arm.link.as_ref(), seed)?;
    let pid = local_pid(&server, &target, &info_before);
    let cpus = server.is_some().then_some(cores.engine).flatten();
    let site = Site {
        target: target.clone(),
        unix: unix.as_ref().and_then(|unix| match &unix.endpoint {
            Endpoint::Unix(path) => Some(path.clone()),
            _ => None,
        }),
        pid,
        kind: match &settings.place {
            Place::Fresh(kind) => Some(kind.clone()),
            Place::Running(_) => None,
        },
        directives: arm.server.clone(),
        cpus: cpus.clone(),
        seed,
        cancel: settings.cancel,
    };
    // A server that serves one client at a time would let everybody else wait for us.
    drop(control);
    let scene = Scene { arm, wanted, seed, settings, ways: &ways, site: &site, cpus };
    let played = scene.play()?;
    let after = look_after(&target, server);
    if settings.clean_up == CleanUp::Remove && matches!(settings.place, Place::Running(_)) {
        collections::remove(&target, &arm.data)?;
    }
    let plan = played.run.as_ref().map(|(plan, _)| plan);
    let mut doubts = doubts(&info_before, &after, plan);
    let server_record = describe(&info_before, &arm.server);
    let mut environment = crate::environment::look();
    environment.other.extend(process_fields(&played.observed));
    let mut context = Context {
        command: settings.command.clone(),
        environment,
        server: Some(server_record),
        asked: wanted.percentiles.clone(),
        doubts: Vec::new(),
    };
    let mut from_unix_ns = clock::wall_ns();
    let mut kept = match &played.run {
        Some((plan, result)) => {
            from_unix_ns = result.started_wall_ns + result.measure_from.0;
            let explained = explain(plan, result, &after.slowlog);
            doubts.extend(explained.doubt());
            context.doubts = doubts;
            keep(plan, result, context, explained.stalls)
        }
        None => without_load(context, &doubts, &played, seed),
    };
    kept.record.procedure = played.procedure;
    let (links, calls) = match played.run {
        Some((plan, result)) => (links_of(&result), plain_calls(&plan, &result)),
        None => (Vec::new(), BTreeMap::new()),
    };
    Ok(ArmOutcome {
        name: arm.name.clone(),
        label: arm.label.clone(),
        kept,
        info_before,
        info_after: after.info,
        slowlog: after.slowlog,
        observed: played.observed,
        links,
        measured_from_unix_s: i64::try_from(from_unix_ns / 1_000_000_000).unwrap_or(i64::MAX),
        calls,
    })
}

/// Everything an arm is played with.
struct Scene<'a> {
    arm: &'a Arm,
    wanted: &'a Wanted,
    seed: u64,
    settings: &'a Settings<'a>,
    ways: &'a Ways,
    site: &'a Site<'a>,
    cpus: Option<Vec<usize>>,
}

/// What was measured.
struct PlayedArm {
    run: Option<(RunPlan, RunResult)>,
    procedure: Option<ProcedureRecord>,
    observed: Observed,
    /// When it began, and how long it took.
    started_unix_ns: u64,
    took: Nanos,
}

impl Scene<'_> {
    /// The groups and the procedure, at once if there are both: the procedure begins with the measurement.
    fn play(self) -> Result<PlayedArm, Failure> {
        let account = match (self.wanted.ae, self.arm.engine.trace) {
            (false, 0) => Account::Unasked,
            (_, trace) => Account::Asked { trace },
        };
        let observer = Observer::before(&self.site.target, self.site.pid, account);
        let (started_unix_ns, began) = (clock::wall_ns(), clock::now());
        let (run, procedure) = match (self.arm.groups.is_empty(), &self.arm.procedure) {
            (true, None) => (None, None),
            (true, Some(_)) => {
                for phase in [Phase::Warmup, Phase::Measure] {
                    observer.on_phase(phase);
                }
                let label = format!("{}: procedure", self.settings.label(self.arm));
                let length = self.arm.phases.measure;
                let gauge = || {
                    let elapsed = std::time::Duration::from(clock::now().since(began));
                    let share = elapsed.as_secs_f64() / length.as_secs_f64().max(1e-9);
                    Gauge { done: (share * 1e3).min(1e3) as u64, total: 1000, note: String::new() }
                };
                let record = watch(&label, gauge, || self.procedure())?;
                observer.on_phase(Phase::Drain);
                (None, record)
            }
            (false, _) => {
                let plan = run_plan(self.arm, self.ways, self.seed, self.cpus.clone())?;
                let (result, procedure) = self.both(&plan, &observer)?;
                (Some((plan, result)), procedure)
            }
        };
        Ok(PlayedArm {
            run,
            procedure,
            observed: observer.into_seen(),
            started_unix_ns,
            took: clock::now().since(began),
        })
    }

    fn both(
        &self,
        plan: &RunPlan,
        observer: &Observer,
    ) -> Result<(RunResult, Option<ProcedureRecord>), Failure> {
        let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let on_phase = |phase: Phase| {
            if phase == Phase::Measure {
                begun.store(true, Relaxed);
            }
            observer.on_phase(phase);
        };
        std::thread::scope(|scope| {
            let procedure = scope.spawn(|| {
                while !begun.load(Relaxed) {
                    if over.load(Relaxed) {
                        return Ok(None);
                    }
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                self.procedure()
            });
            let name = &self.arm.name;
            let result = super::watch::run_with_phases(name, plan, self.settings.cancel, &on_phase);
            over.store(true, Relaxed);
            let record = procedure
                .join()
                .unwrap_or_else(|_| Err(Failure::invalid("the thread of the procedure broke")));
            Ok((result?, record?))
        })
    }

    fn procedure(&self) -> Result<Option<ProcedureRecord>, Failure> {
        let Some(procedure) = &self.arm.procedure else { return Ok(None) };
        procedure::play(self.site, procedure).map(Some)
    }
}

/// The record of an arm that only has a procedure.
fn without_load(context: Context, doubts: &[Caveat], played: &PlayedArm, seed: u64) -> Kept {
    let record = RunRecord {
        tool: tool(),
        command: context.command,
        seed,
        started_at: utc_text(played.started_unix_ns / 1_000_000),
        duration_s: played.took.as_secs_f64(),
        environment: context.environment,
        server: context.server,
        caveats: doubts.iter().map(Caveat::to_record).collect(),
        ..RunRecord::default()
    };
    Kept { record, series: Vec::new() }
}

/// Which processors the server and the engine get.
#[derive(Debug, Clone)]
struct Cores {
    server: Vec<usize>,
    engine: Option<Vec<usize>>,
}

impl Cores {
    /// The first for the server and the rest for the engine. Where nothing would be left for the engine, nobody is pinned.
    fn share(server: u32) -> Self {
        let cpus = sys::allowed_cpus();
        let server = usize::try_from(server).unwrap_or(usize::MAX);
        if server >= cpus.len() {
            return Self { server: Vec::new(), engine: None };
        }
        let (server, engine) = cpus.split_at(server);
        Self { server: server.to_vec(), engine: Some(engine.to_vec()) }
    }
}

/// The server's process, if it is on this machine.
fn local_pid(server: &Option<&mut ServerProcess>, target: &Target, info: &Info) -> Option<u32> {
    if let Some(server) = server {
        return Some(server.pid());
    }
    let local = target.endpoint.addr().is_none_or(|addr| addr.ip().is_loopback());
    info.text("process_id").filter(|_| local)?.parse().ok()
}

/// The Unix socket of a server that runs already, if it is on this machine.
fn unix_of(target: &Target, control: &mut Control) -> Option<Target> {
    if let Endpoint::Unix(_) = &target.endpoint {
        return Some(target.clone());
    }
    let reply = control.command(&[b"CONFIG", b"GET", b"unixsocket"]).ok()?;
    let path = reply.as_slice()?.get(1)?.as_str()?.to_owned();
    let path = std::path::PathBuf::from(path);
    let there = !path.as_os_str().is_empty() && path.exists();
    there.then(|| Target { endpoint: Endpoint::Unix(path), ..target.clone() })
}

fn fill_data_set(
    arm: &Arm,
    seed: u64,
    settings: &Settings<'_>,
    target: &Target,
    control: &mut Control,
) -> Result<(), Failure> {
    let data = &arm.data;
    let present = control.command(&[b"DBSIZE"])?.as_i64().unwrap_or(0);
    let present = u64::try_from(present).unwrap_or(0);
    let whole = data.keys + data.collections.len() as u64;
    if whole == 0 || present == whole {
        return Ok(());
    }
    if present != 0 {
        return Err(Failure::usage(format!(
            "database {} of {} holds {present} keys already; give an empty one (redis://HOST:PORT/DB), nothing was changed",
            target.db, target.endpoint
        )));
    }
    if data.keys > 0 {
        let plan = FillPlan {
            count: data.keys,
            prefix: data.key_prefix.clone(),
            value_bytes: usize::try_from(data.value_bytes).unwrap_or(usize::MAX),
            seed,
            part: None,
        };
        fill_watched(&settings.label(arm), target, &plan, settings.cancel)?;
    }
    for collection in &data.collections {
        let done = AtomicU64::new(0);
        let count = format_count(collection.elements);
        let label =
            format!("{}: filling {} with {count} elements", settings.label(arm), collection.name);
        let total = collection.elements;
        watch(
            &label,
            || Gauge { done: done.load(Relaxed), total, note: String::new() },
            || {
                let prefix = &data.element_prefix;
                collections::fill(target, collection, prefix, &done, settings.cancel)
            },
        )?;
    }
    Ok(())
}

/// What the server says when the load is over.
#[derive(Debug, Default)]
struct After {
    info: Info,
    slowlog: Vec<SlowEntry>,
    ended: Option<String>,
}

/// Asks on a new connection, as the old one may not have survived; silence is an answer too.
fn look_after(target: &Target, server: Option<&mut ServerProcess>) -> After {
    let mut after = After { ended: server.and_then(ServerProcess::ended), ..After::default() };
    if let Ok(mut control) = Control::open(target) {
        after.info = control.info().map(|text| Info::parse(&text)).unwrap_or_default();
        after.slowlog = view::slowlog(&mut control).unwrap_or_default();
    } else if after.ended.is_none() {
        after.ended = Some("it does not answer any more".to_owned());
    }
    after
}

/// What the server's own account of itself, taken before and now, leaves in doubt.
#[must_use]
pub fn doubts_after(target: &Target, before: &Info, plan: &RunPlan) -> Vec<Caveat> {
    doubts(before, &look_after(target, None), Some(plan))
}

fn doubts(before: &Info, after: &After, plan: Option<&RunPlan>) -> Vec<Caveat> {
    match &after.ended {
        Some(end) => vec![Caveat::ServerChanged { what: end.clone() }],
        // What a procedure does to keys is its own affair.
        None => state::doubts(before, &after.info, plan.map_or(Expiry::Sets, Expiry::of)),
    }
}

fn describe(info: &Info, directives: &[(String, String)]) -> aelab_reports::record::Server {
    let mut server = info.server();
    server.config.extend(directives.iter().cloned());
    for field in ["multiplexing_api", "maxclients", "hz", "io_threads_active"] {
        if let Some(value) = info.text(field) {
            server.config.insert(field.to_owned(), value.to_owned());
        }
    }
    server
}

/// What the record keeps of the server's process.
fn process_fields(observed: &Observed) -> Vec<(String, serde_json::Value)> {
    let course = &observed.process;
    let grown = |of: fn(&super::process::ProcessView) -> Option<u64>| {
        let from = course.begun.as_ref().and_then(of)?;
        Some(course.ended.as_ref().and_then(of)?.saturating_sub(from))
    };
    let ended =
        |of: fn(&super::process::ProcessView) -> Option<u64>| course.ended.as_ref().and_then(of);
    [
        ("server_rss_bytes", ended(|view| view.rss_bytes)),
        ("server_threads", ended(|view| view.threads)),
        ("server_descriptors", course.connected.and_then(|view| view.descriptors)),
        ("server_context_switches", grown(|view| view.context_switches)),
        ("server_cpu_us", grown(|view| view.cpu_ns).map(|ns| ns / 1000)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
    .collect()
}

fn links_of(result: &RunResult) -> Vec<GroupLinks> {
    let links = |group: &crate::engine::result::GroupResult| GroupLinks {
        group: group.name.clone(),
        counts: group.connections,
        connect: group.connect_time.clone(),
        first_reply: group.first_reply_time.clone(),
        pool: group.pool.clone(),
    };
    result.groups.iter().map(links).collect()
}

/// Measured requests by command name, for commands that are one call each.
fn plain_calls(plan: &RunPlan, result: &RunResult) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for (planned, group) in plan.groups.iter().zip(&result.groups) {
        for request in &group.log {
            let Some(command) = planned.workload.commands.get(request.command) else { continue };
            if is_one_call(command) {
                let name = String::from_utf8_lossy(&command.args[0]).to_ascii_uppercase();
                *calls.entry(name).or_default() += 1;
            }
        }
    }
    calls
}
