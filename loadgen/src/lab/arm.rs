//! One arm, from a fresh server to a kept record: start, fill, load, ask the server, stop.
//!
//! Invariant: once load has been measured it is kept, whatever happens to the server afterwards.

use super::attribute::explain;
use super::fill::{FillPlan, fill};
use super::plan::run_plan;
use super::server::{ServerKind, ServerProcess};
use super::state::{self, Expiry};
use super::sys;
use super::view::{self, Info, ProcessView, SlowEntry};
use crate::clock::{self, Nanos};
use crate::console::progress::{Gauge, watch};
use crate::control::Control;
use crate::engine::plan::{Cursor, RunPlan, Target};
use crate::engine::result::RunResult;
use crate::engine::{self, Live, Phase};
use crate::exit::Failure;
use crate::machine::{Moves, Watch};
use crate::record::{Context, Kept, keep};
use aelab_reports::caveat::Caveat;
use aelab_scenarios::model::{Arm, DataSet};
use aelab_scenarios::units::{format_count, format_size};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What the lab gives its own servers beside an arm's directives: a slow log fine enough to compare stalls with.
const OWN_DIRECTIVES: [(&str, &str); 2] =
    [("slowlog-log-slower-than", "1000"), ("slowlog-max-len", view::SLOWLOG_MAX)];
/// Memory of a key beside its name and value, rounded up from redis-server 7.0's figures (`MEMORY USAGE`).
const KEY_OVERHEAD_BYTES: u64 = 100;

/// A run that only replies can end is given up after this long without one: longer than any command worth measuring.
const SILENCE_MAX: Nanos = Nanos::from_secs(30);

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
    /// When the measurement began.
    pub measured_from_unix_s: i64,
    calls: BTreeMap<String, usize>,
}

impl ArmOutcome {
    /// How many of an offender's command were measured, if each was one call.
    #[must_use]
    pub fn calls_of(&self, command: &str) -> Option<usize> {
        self.calls.get(command).copied()
    }
}

/// Plays one arm. `asked` are percentiles that the claims need.
///
/// # Errors
/// When nothing could be measured; the message names the arm.
pub fn play(
    arm: &Arm,
    seed: u64,
    asked: &[f64],
    settings: &Settings<'_>,
) -> Result<ArmOutcome, Failure> {
    let named = |failure: Failure| Failure {
        exit: failure.exit,
        message: format!("arm {}: {}", arm.name, failure.message),
    };
    let cores = Cores::share();
    let mut server = match &settings.place {
        Place::Running(_) => None,
        Place::Fresh(kind) => {
            check_memory(&arm.data).map_err(named)?;
            let own = OWN_DIRECTIVES.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let directives: Vec<_> = own.into_iter().chain(arm.server.iter().cloned()).collect();
            let process = ServerProcess::start(kind, &directives, cores.server, settings.cancel);
            Some(process.map_err(named)?)
        }
    };
    let target = match (&server, &settings.place) {
        (Some(server), _) => server.target.clone(),
        (None, Place::Running(target)) => target.clone(),
        (None, Place::Fresh(_)) => return Err(Failure::invalid("no server was started")),
    };
    let outcome = load(arm, seed, asked, settings, &target, server.as_mut(), cores);
    outcome.map_err(|failure| match server.as_mut().and_then(ServerProcess::ended) {
        Some(end) => named(Failure::unreachable(format!("the server ended: {end}"))),
        None => named(failure),
    })
}

fn load(
    arm: &Arm,
    seed: u64,
    asked: &[f64],
    settings: &Settings<'_>,
    target: &Target,
    server: Option<&mut ServerProcess>,
    cores: Cores,
) -> Result<ArmOutcome, Failure> {
    let mut control = Control::open(target)?;
    fill_data_set(arm, seed, settings, target, &mut control)?;
    let cpus = server.is_some().then_some(cores.engine).flatten();
    let plan = run_plan(arm, target, seed, cpus)?;
    let info_before = Info::parse(&control.info()?);
    let pid = server.as_ref().map(|server| server.pid());
    let process_before = pid.map(view::process);
    // Its own slow log is clean; one that runs already keeps what is its user's, and old entries are told by their time.
    let result = run_watched(&arm.name, &plan, settings.cancel, &|| {})?;
    let after = look_after(target, server);
    let explained = explain(&plan, &result, &after.slowlog);
    let context = Context {
        command: settings.command.clone(),
        environment: environment(process_before, pid.map(view::process)),
        server: Some(describe(&info_before, &arm.server)),
        asked: asked.to_vec(),
        doubts: doubts(&info_before, &after, &plan).into_iter().chain(explained.doubt()).collect(),
    };
    let from_unix_ns = result.started_wall_ns + result.measure_from.0;
    Ok(ArmOutcome {
        name: arm.name.clone(),
        label: arm.label.clone(),
        kept: keep(&plan, &result, context, explained.stalls),
        info_before,
        info_after: after.info,
        slowlog: after.slowlog,
        measured_from_unix_s: i64::try_from(from_unix_ns / 1_000_000_000).unwrap_or(i64::MAX),
        calls: plain_calls(&plan, &result),
    })
}

/// Which processors the server and the engine get.
#[derive(Debug, Clone)]
struct Cores {
    server: Option<usize>,
    engine: Option<Vec<usize>>,
}

impl Cores {
    /// The first for the server and the rest for the engine; with fewer than two nobody is pinned.
    fn share() -> Self {
        match sys::allowed_cpus().split_first() {
            Some((first, rest)) if !rest.is_empty() => {
                Self { server: Some(*first), engine: Some(rest.to_vec()) }
            }
            _ => Self { server: None, engine: None },
        }
    }
}

/// Refuses a data set that this machine cannot hold.
fn check_memory(data: &DataSet) -> Result<(), Failure> {
    let per_key = data.value_bytes + data.key_prefix.len() as u64 + KEY_OVERHEAD_BYTES;
    let need = data.keys.saturating_mul(per_key);
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok())
        .map(|kib| kib * 1024);
    match available {
        Some(available) if need > available => Err(Failure::usage(format!(
            "{} keys of {} need about {} MiB and {} MiB are free; use a smaller --scale",
            format_count(data.keys),
            format_size(data.value_bytes),
            need >> 20,
            available >> 20
        ))),
        _ => Ok(()),
    }
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
    if data.keys == 0 || present == data.keys {
        return Ok(());
    }
    if present != 0 {
        return Err(Failure::usage(format!(
            "database {} of {} holds {present} keys already; give an empty one (redis://HOST:PORT/DB), nothing was changed",
            target.db, target.endpoint
        )));
    }
    let plan = FillPlan {
        count: data.keys,
        prefix: data.key_prefix.clone(),
        value_bytes: usize::try_from(data.value_bytes).unwrap_or(usize::MAX),
        seed,
    };
    fill_watched(&arm.name, target, &plan, settings.cancel)
}

/// Fills a server with a progress bar.
///
/// # Errors
/// As [`fill`].
pub fn fill_watched(
    name: &str,
    target: &Target,
    plan: &FillPlan,
    cancel: &AtomicBool,
) -> Result<(), Failure> {
    let done = AtomicU64::new(0);
    let label = format!("{name}: filling {} keys", format_count(plan.count));
    watch(
        &label,
        || Gauge { done: done.load(Relaxed), total: plan.count, note: String::new() },
        || fill(target, plan, &done, cancel),
    )
}

/// Runs the engine with a progress bar; `connected` is called once, on another thread, when the connections are open.
///
/// # Errors
/// As [`engine::run`].
pub fn run_watched(
    name: &str,
    plan: &RunPlan,
    cancel: &AtomicBool,
    connected: &(dyn Fn() + Sync),
) -> Result<RunResult, Failure> {
    /// Pause between two looks at whether the connections are open: requests follow at once.
    const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(1);
    let live = Live::new(plan);
    let (over, silent) = (AtomicBool::new(false), AtomicBool::new(false));
    let gauge = || crate::console::progress::gauge_of(plan, &live);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while live.phase() == Phase::Connect && !over.load(Relaxed) {
                std::thread::sleep(LOOK_EVERY);
            }
            if !over.load(Relaxed) {
                connected();
            }
            watch_machine(&live, &over)
        });
        // Without a duration only replies end a run.
        let stop = match plan.phases.measure {
            Some(_) => cancel,
            None => &silent,
        };
        if plan.phases.measure.is_none() {
            scope.spawn(|| stop_if_silent(&live, plan.groups.len(), cancel, &silent, &over));
        }
        let result = watch(&format!("{name}: load"), gauge, || engine::run(plan, &live, stop));
        over.store(true, Relaxed);
        watcher.thread().unpark();
        let moves = watcher.join().ok();
        let mut result = result?;
        result.audit.machine = moves;
        Ok(result)
    })
}

/// What the machine does from the begin of the measurement to its end.
fn watch_machine(live: &Live, over: &AtomicBool) -> Moves {
    /// Pause between two looks: enough to see a clock being set, and nothing to the engine.
    const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(250);
    let mut watch = Watch::begin();
    let mut measures = false;
    while !over.load(Relaxed) && live.phase() <= Phase::Measure {
        if !measures && live.phase() == Phase::Measure {
            (watch, measures) = (Watch::begin(), true);
        }
        std::thread::park_timeout(LOOK_EVERY);
        watch.look();
    }
    watch.end()
}

/// Sets `stop` when `cancel` is set, or when no reply has come for [`SILENCE_MAX`].
fn stop_if_silent(
    live: &Live,
    groups: usize,
    cancel: &AtomicBool,
    stop: &AtomicBool,
    over: &AtomicBool,
) {
    /// Pause between two looks: the end of a run waits for it, and ^C.
    const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(10);
    let (mut replies, mut since) = (0, clock::now());
    while !over.load(Relaxed) {
        std::thread::sleep(LOOK_EVERY);
        let counts = (0..groups).map(|group| live.group(group));
        let now_replies: u64 = counts.map(|c| c.ok + c.error).sum();
        if now_replies != replies || live.phase() == Phase::Connect {
            (replies, since) = (now_replies, clock::now());
        }
        if cancel.load(Relaxed) || clock::now().since(since) >= SILENCE_MAX {
            stop.store(true, Relaxed);
        }
    }
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
    doubts(before, &look_after(target, None), plan)
}

fn doubts(before: &Info, after: &After, plan: &RunPlan) -> Vec<Caveat> {
    match &after.ended {
        Some(end) => vec![Caveat::ServerChanged { what: end.clone() }],
        None => state::doubts(before, &after.info, Expiry::of(plan)),
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

fn environment(
    before: Option<ProcessView>,
    after: Option<ProcessView>,
) -> aelab_reports::record::Environment {
    let mut environment = crate::environment::look();
    let (Some(before), Some(after)) = (before, after) else { return environment };
    if let Some(rss) = after.rss_bytes {
        environment.other.insert("server_rss_bytes".to_owned(), rss.into());
    }
    if let Some((from, to)) = before.context_switches.zip(after.context_switches) {
        let name = "server_context_switches".to_owned();
        environment.other.insert(name, to.saturating_sub(from).into());
    }
    environment
}

/// Measured requests by command name, for commands that are one call each.
fn plain_calls(plan: &RunPlan, result: &RunResult) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for (planned, group) in plan.groups.iter().zip(&result.groups) {
        for request in &group.log {
            let Some(command) = planned.workload.commands.get(request.command) else { continue };
            if command.cursor == Cursor::Ignore {
                let name = String::from_utf8_lossy(&command.args[0]).to_ascii_uppercase();
                *calls.entry(name).or_default() += 1;
            }
        }
    }
    calls
}
