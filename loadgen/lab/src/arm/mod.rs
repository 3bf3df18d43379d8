//! One arm, from a fresh server to a kept record: start, fill, load, ask the server, stop.
//!
//! Invariant: once load has been measured it is kept, whatever happens to the server afterwards.

pub mod link;
pub mod run;
pub mod run_plan;

mod outcome;
mod scene;
mod server_view;
pub mod watched;

use crate::arm::link::Ways;
use crate::control::Control;
use crate::observe::Observed;
use crate::observe::proc;
use crate::observer::{Activity, Gauge, Observer, observed};
use crate::procedure::ServerUnderTest;
use crate::record::Kept;
use crate::server::fill::{FillPlan, KEY_DIGITS, collections};
use crate::server::info::{self, Info, SlowEntry};
use crate::server::local::{self, unix_socket};
use crate::server::memory_check::{self, Host};
use crate::server::{ServerKind, ServerProcess, Start};
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{Endpoint, Target};
use aelab_engine::record::result::{ConnectionCounts, PoolResult};
use aelab_results::histogram::Histogram;
use aelab_results::record::Labels;
use aelab_scenarios::model::Arm;
use aelab_units::format_count;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use crate::arm::run::{fill_observed, run_observed};
pub use outcome::caveats_after;

use outcome::{Before, look_after};
use scene::Scene;

/// Directives of the lab's own servers, before those of the arm: a slow log fine enough to compare with stalls, and a latency
/// monitor with a threshold of one millisecond.
const OWN_DIRECTIVES: [(&str, &str); 3] = [
    ("slowlog-log-slower-than", "1000"),
    ("slowlog-max-len", info::SLOWLOG_MAX),
    ("latency-monitor-threshold", "1"),
];

/// The server that arms run against.
#[derive(Debug, Clone)]
pub enum Place {
    /// A fresh one for each arm.
    Fresh(ServerKind),
    /// A running server; it is neither configured nor stopped.
    Running(Target),
}

impl Place {
    /// The program that is started for an arm: its own, or the one for all arms.
    pub(crate) fn program(&self, arm: &Arm) -> ServerKind {
        match (&arm.server_bin, self) {
            (Some(path), _) => ServerKind::Binary(path.into()),
            (None, Self::Fresh(kind)) => kind.clone(),
            (None, Self::Running(_)) => ServerKind::Bundled,
        }
    }
}

/// What the lab needs in addition to the scenario.
#[derive(Debug)]
pub struct Settings<'a> {
    /// The server.
    pub place: Place,
    /// The command line, for the record.
    pub command: Vec<String>,
    /// What the user calls it, for the record of the whole.
    pub labels: Labels,
    /// Set by ^C.
    pub cancel: &'a AtomicBool,
    /// Prefix of an arm's label in what the observer shows; may be empty.
    pub progress: String,
    /// Follows the work.
    pub observer: &'a dyn Observer,
    /// What happens to the data set afterwards.
    pub clean_up: CleanUp,
    /// No run starts that would end later than this.
    pub until: Option<Nanos>,
}

/// What happens to a data set that the lab loaded into a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanUp {
    /// It stays, for the next arm and the next run.
    Leave,
    /// It is removed after each arm, because the next has another one.
    Remove,
}

impl Settings<'_> {
    /// The name of an arm in progress and notes.
    pub(crate) fn label(&self, arm: &Arm) -> String {
        format!("{}{}", self.progress, arm.name)
    }
}

/// Figures of an arm that claims need in addition to those of every record.
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
    /// Its name in reports.
    pub label: String,
    /// Record and series.
    pub kept: Kept,
    /// INFO when the load began.
    pub info_before: Info,
    /// INFO when it had ended.
    pub info_after: Info,
    /// The slow log, oldest first.
    pub slowlog: Vec<SlowEntry>,
    /// What was observed during the run.
    pub observed: Observed,
    /// The connections of each group, in the order of the plan.
    pub connections: Vec<GroupConnections>,
    /// When the measurement began.
    pub measured_from_unix_s: i64,
    /// From this length on, a time without replies while requests wait is a stall.
    pub stall_threshold: Duration,
    calls: BTreeMap<String, usize>,
}

/// The connections of a group.
#[derive(Debug)]
pub struct GroupConnections {
    /// The group.
    pub group: String,
    /// How many.
    pub counts: ConnectionCounts,
    /// From the start of a connection to its being open.
    pub connect: Histogram,
    /// From the start of a connection to the first byte from the server.
    pub first_reply: Histogram,
    /// The figures of its pool, if it has one.
    pub pool: Option<PoolResult>,
}

impl ArmOutcome {
    /// How many of an offender's command were measured, if each was one call.
    #[must_use]
    pub fn calls_of(&self, command: &str) -> Option<usize> {
        self.calls.get(command).copied()
    }
}

/// An arm with everything that running it needs.
#[derive(Debug)]
pub struct ArmRun<'a> {
    /// What to run.
    pub arm: &'a Arm,
    /// Where random choices start.
    pub seed: u64,
    /// What is recorded in addition to what every record has.
    pub wanted: Wanted,
    /// Where, and for whom.
    pub settings: &'a Settings<'a>,
}

impl ArmRun<'_> {
    /// Runs the arm once.
    ///
    /// # Errors
    /// When nothing could be measured; the message names the arm.
    pub fn run(&self) -> Result<ArmOutcome, Failure> {
        run_arm(self.arm, self.seed, &self.wanted, self.settings)
    }
}

fn run_arm(
    arm: &Arm,
    seed: u64,
    wanted: &Wanted,
    settings: &Settings<'_>,
) -> Result<ArmOutcome, Failure> {
    let named = |failure: Failure| {
        let message = format!("arm {}: {}", arm.name, failure.message);
        failure.with_message(message)
    };
    let cores = Cores::share(arm.cpus);
    let mut server = match &settings.place {
        Place::Running(_) => None,
        Place::Fresh(_) => {
            memory_check::check(&arm.data, Host::Here).map_err(named)?;
            let own = OWN_DIRECTIVES.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let start = Start {
                port: None,
                args: arm.server_args.clone(),
                directives: own.into_iter().chain(arm.server.iter().cloned()).collect(),
                nofile: arm.nofile,
                cpus: cores.server.clone(),
            };
            let kind = settings.place.program(arm);
            Some(ServerProcess::launch(&kind, &start, settings.cancel).map_err(named)?)
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
        None => unix_socket(&target, &mut control),
    };
    let before = Before::look(&mut control, arm)?;
    let ways = Ways::open(target.clone(), unix.clone(), arm.link.as_ref(), seed)?;
    let pid = local_pid(&server, &target, &before.info);
    let cpus = server.is_some().then_some(cores.engine).flatten();
    let under_test = ServerUnderTest {
        target: target.clone(),
        unix: unix.as_ref().and_then(|unix| match &unix.endpoint {
            Endpoint::Unix(path) => Some(path.clone()),
            _ => None,
        }),
        pid,
        cpus: cpus.clone(),
        seed,
        cancel: settings.cancel,
    };
    // On a server that serves one client at a time, this connection would block all others.
    drop(control);
    let scene = Scene { arm, wanted, seed, settings, ways: &ways, under_test: &under_test, cpus };
    let measured = scene.run();
    let after = look_after(&target, server);
    if settings.clean_up == CleanUp::Remove && matches!(settings.place, Place::Running(_)) {
        let removed = collections::remove(&target, &arm.data);
        // The first failure is the one to report.
        if measured.is_ok() {
            removed?;
        }
    }
    let measured = measured?;
    Ok(outcome::outcome(&scene, before, measured, after))
}

/// The cores of the server and of the engine.
#[derive(Debug, Clone)]
struct Cores {
    server: Vec<usize>,
    engine: Option<Vec<usize>>,
}

impl Cores {
    /// The first for the server and the rest for the engine, which always keeps one: a load generator that waits for
    /// CPU time measures its own waiting. With a single core nothing is pinned.
    fn share(server: u32) -> Self {
        let cpus = aelab_engine::sys::allowed_cpus();
        if cpus.len() < 2 {
            return Self { server: Vec::new(), engine: None };
        }
        let server = usize::try_from(server).unwrap_or(usize::MAX).clamp(1, cpus.len() - 1);
        let (server, engine) = cpus.split_at(server);
        Self { server: server.to_vec(), engine: Some(engine.to_vec()) }
    }
}

/// The server's process, if it is on this machine. The process that the lab started may be a wrapper (a shell script,
/// `numactl`).
fn local_pid(server: &Option<&mut ServerProcess>, target: &Target, info: &Info) -> Option<u32> {
    let reported = local::process_id(target, info);
    let Some(server) = server else { return reported };
    let own = server.pid();
    reported.filter(|pid| proc::group_of(*pid) == Some(own)).or(Some(own))
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
    let whole = data.keys.saturating_add(data.collections.len() as u64);
    if whole == 0 || (present == whole && collections::are_there(control, data)?) {
        return Ok(());
    }
    if present != 0 {
        return Err(Failure::usage(format!(
            "database {} of {} holds {present} keys already; give an empty one (redis://HOST:PORT/DB), nothing was changed",
            target.db, target.endpoint
        )));
    }
    let info = Info::parse(&control.info()?);
    let host = if local::is_local(target) { Host::Local(&info) } else { Host::Remote(&info) };
    memory_check::check(data, host)?;
    let filled = write_data_set(arm, seed, settings, target);
    if filled.is_err() && matches!(settings.place, Place::Running(_)) {
        // The database was empty before: half a data set would block the next run.
        let _ = collections::remove(target, data);
    }
    filled
}

fn write_data_set(
    arm: &Arm,
    seed: u64,
    settings: &Settings<'_>,
    target: &Target,
) -> Result<(), Failure> {
    let data = &arm.data;
    if data.keys > 0 {
        let plan = FillPlan {
            count: data.keys,
            prefix: data.key_prefix.clone(),
            digits: KEY_DIGITS,
            first: 0,
            value_bytes: usize::try_from(data.value_bytes).unwrap_or(usize::MAX),
            seed,
            part: None,
        };
        fill_observed(&settings.label(arm), target, &plan, settings.cancel, settings.observer)?;
    }
    for collection in &data.collections {
        let done = AtomicU64::new(0);
        let count = format_count(collection.elements);
        let label =
            format!("{}: filling {} with {count} elements", settings.label(arm), collection.name);
        let total = collection.elements;
        let gauge = || Gauge { done: done.load(Relaxed), total, note: String::new() };
        observed(settings.observer, Activity::Work { label: &label, gauge: &gauge }, || {
            let prefix = &data.element_prefix;
            collections::fill(target, collection, prefix, &done, settings.cancel)
        })?;
    }
    Ok(())
}
