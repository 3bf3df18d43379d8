//! `loadgen run`: load a server and measure it.

use crate::cli::output::OutputArgs;
use crate::cli::resolved::{Prefill, Resolved};
use crate::cli::run::RunArgs;
use crate::commands::cluster;
use crate::commands::endpoint::Endpoint;
use crate::commands::prefill::fill;
use crate::commands::results_folder;
use crate::commands::run_end::{Ended, finish};
use crate::commands::run_output::Sink;
use crate::commands::server_info::{SlowLog, look, mark_restart, note_refused_info};
use crate::commands::wait_ready;
use crate::console::progress::Console;
use crate::console::{self, lines};
use aelab_engine::Phase;
use aelab_engine::clock;
use aelab_engine::error::{Exit, Failure};
use aelab_engine::plan::{RunPlan, Target};
use aelab_lab::arm::caveats_after;
use aelab_lab::arm::watched::run_watched;
use aelab_lab::control::Control;
use aelab_lab::observe::memory::{MANY_CONNECTIONS, MemoryProbe};
use aelab_lab::observe::stall_cause::explain;
use aelab_lab::record::combined::Combined;
use aelab_lab::record::{Context, Kept, keep, tool};
use aelab_lab::server::info::Info;
use aelab_lab::session::arm_dir;
use aelab_resp::value::Value;
use aelab_results::caveat::Caveat;
use aelab_results::record::{Arm, CommandLine, RunRecord, Scenario, utc_text};
use aelab_results::write_folder;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Does it.
///
/// # Errors
/// Bad input (exit 2), a target that is not there or refuses us (exit 6), a run that must not be used (exit 4).
pub fn run(args: &RunArgs, words: &[String], cancel: &AtomicBool) -> Result<Exit, Failure> {
    let mut endpoint = Endpoint::new(&args.output.prometheus);
    let ended = run_all(args, words, cancel, &mut endpoint);
    endpoint.end(cancel);
    ended
}

fn run_all(
    args: &RunArgs,
    words: &[String],
    cancel: &AtomicBool,
    endpoint: &mut Endpoint<'_>,
) -> Result<Exit, Failure> {
    let mut resolved = args.resolve()?;
    let mut sink = Sink::open(&args.output)?;
    let out = args.output.out.as_deref();
    let _claim = out.map(|dir| results_folder::prepare(dir, args.output.force)).transpose()?;
    let outcome = run_prepared(args, &mut resolved, words, cancel, &mut sink, endpoint);
    sink.print_caveats();
    if let (Err(_), Some(dir)) = (&outcome, &args.output.out)
        && leave_readable(args, dir, &resolved, words, cancel.load(Relaxed))
    {
        say_where(args, dir);
    }
    let kept = outcome?;
    sink.close()?;
    let ended = Ended { planned: resolved.runs.len(), by_user: cancel.load(Relaxed) };
    finish(&kept, args.output.out.as_deref(), ended)
}

/// Prints the folder, on stderr if a program reads stdout.
fn say_where(args: &RunArgs, dir: &Path) {
    let place = dir.display().to_string();
    if args.output.is_for_programs() { console::note(&place) } else { console::result(&place) }
}

/// After a run without results: removes its folder, or writes a record of the interruption. Whether it wrote one.
fn leave_readable(
    args: &RunArgs,
    dir: &Path,
    resolved: &Resolved,
    words: &[String],
    by_user: bool,
) -> bool {
    // It was made for this run; empty, it only confuses. One that holds something stays as it is.
    if std::fs::remove_dir(dir).is_err() || !by_user {
        return false;
    }
    let planned_s = resolved.runs.first().and_then(|(_, plan)| plan.phases.measure);
    let planned_s = planned_s.map(|measure| measure.as_secs_f64());
    let mut record = RunRecord {
        tool: tool(),
        command: CommandLine::new(words),
        seed: resolved.runs.first().map_or(1, |(_, plan)| plan.seed),
        started_at: utc_text(clock::wall_ns() / 1_000_000),
        interrupted: true,
        environment: aelab_lab::observe::environment::look(),
        caveats: vec![Caveat::Interrupted { measured_s: 0.0, planned_s }.to_record()],
        ..RunRecord::default()
    };
    args.output.labels.labels().write(&mut record);
    match write_folder(dir, &record, &[]) {
        Ok(()) => {
            results_folder::render(dir);
            true
        }
        Err(error) => {
            console::note(&format!("loadgen: {error}"));
            false
        }
    }
}

fn run_prepared(
    args: &RunArgs,
    resolved: &mut Resolved,
    words: &[String],
    cancel: &AtomicBool,
    sink: &mut Sink,
    endpoint: &mut Endpoint<'_>,
) -> Result<Vec<(String, Kept)>, Failure> {
    wait_ready::wait(&resolved.target, args.target.cluster, args.target.wait_ready, cancel)?;
    if args.target.cluster {
        cluster::join(resolved)?;
    }
    let resolved = &*resolved;
    // A test that cannot be run is an error before the first one sends anything.
    let filling = match &resolved.prefill {
        Some(Prefill::Records(plan)) => Some(plan.as_ref()),
        _ => None,
    };
    for plan in resolved.runs.iter().map(|(_, plan)| plan).chain(filling) {
        aelab_engine::check(plan)?;
    }
    let exporter = endpoint.start()?;
    let console = Console { progress: args.output.progress(), exporter, scenario: "" };
    // A target that cannot be used is reported before data is loaded.
    for target in resolved.target.each() {
        let mut control = Control::open(&target)?;
        note_refused_info(&mut control, &target)?;
        for (_, plan) in &resolved.runs {
            check_databases(&mut control, &target, plan)?;
        }
    }
    if let Some(plan) = &resolved.prefill {
        for (target, part) in cluster::parts(resolved) {
            fill(&target, part, plan, cancel, &console)?;
        }
    }
    for note in &resolved.notes {
        console::note(note);
    }
    if args.output.csv {
        sink.result(lines::CSV_HEADER);
    }
    let measured = measure_all(args, resolved, words, cancel, &console, sink);
    match measured.failure {
        Some(failure) if measured.kept.is_empty() => Err(failure),
        Some(failure) => {
            save(args, resolved, &measured.kept, sink)?;
            Err(failure)
        }
        None => save(args, resolved, &measured.kept, sink).map(|()| measured.kept),
    }
}

/// Puts what was measured where it was asked for, beside the texts that are printed already.
fn save(
    args: &RunArgs,
    resolved: &Resolved,
    kept: &[(String, Kept)],
    sink: &mut Sink,
) -> Result<(), Failure> {
    if args.output.json {
        crate::commands::run_output::print_json(resolved.runs.len(), kept, sink)?;
    }
    if let Some(dir) = &args.output.out {
        write(dir, kept, resolved.runs.len(), &args.output)?;
        say_where(args, dir);
    }
    crate::commands::run_output::write_memtier_json(&args.output, kept, sink)
}

/// The runs that were made, and why there are no more, if there should be.
struct Measured {
    kept: Vec<(String, Kept)>,
    failure: Option<Failure>,
}

fn measure_all(
    args: &RunArgs,
    resolved: &Resolved,
    words: &[String],
    cancel: &AtomicBool,
    console: &Console<'_>,
    sink: &mut Sink,
) -> Measured {
    let mut kept = Vec::new();
    for (title, plan) in &resolved.runs {
        let mut one = match measure(title, plan, resolved, words, cancel, console) {
            Ok(one) => one,
            Err(failure) => return Measured { kept, failure: Some(failure) },
        };
        args.output.labels.labels().write(&mut one.record);
        one.record.limits = args.limits.limits().judge(&one.record, None);
        crate::commands::run_output::print(args, title, resolved.runs.len(), &one, sink);
        kept.push((title.clone(), one));
        if cancel.load(Relaxed) {
            break;
        }
    }
    Measured { kept, failure: None }
}

/// Makes sure that the server has every database of a capture: commands meant for one that it lacks would go to another.
fn check_databases(control: &mut Control, target: &Target, plan: &RunPlan) -> Result<(), Failure> {
    let captures = plan.groups.iter().filter_map(|group| group.replay.as_ref());
    for db in captures.flat_map(|replay| replay.databases()) {
        let reply = control.command(&[b"SELECT", db.to_string().as_bytes()])?;
        if let Value::Error(text) = reply {
            return Err(Failure::unreachable(format!(
                "{} refused SELECT {db}, a database of the capture: {}; nothing was sent; start the server with more \
                 databases (--databases {}), or replay everything into one with --dbnum N",
                target.endpoint,
                String::from_utf8_lossy(&text),
                u32::from(*db) + 1
            )));
        }
    }
    Ok(())
}

/// Caveats from comparing each server's statistics before and after; with several servers, each names its server.
fn caveats_of_each(before: &[(Target, Info)], plan: &RunPlan) -> Vec<Caveat> {
    let of = |(target, info): &(Target, Info)| {
        let named = |caveat| match caveat {
            Caveat::ServerChanged { what } if before.len() > 1 => {
                Caveat::ServerChanged { what: format!("{}: {what}", target.endpoint) }
            }
            other => other,
        };
        caveats_after(target, info, plan).into_iter().map(named).collect::<Vec<_>>()
    };
    before.iter().flat_map(of).collect()
}

fn measure(
    title: &str,
    plan: &RunPlan,
    resolved: &Resolved,
    words: &[String],
    cancel: &AtomicBool,
    console: &Console<'_>,
) -> Result<Kept, Failure> {
    let before = look(&resolved.target)?;
    let info = before.info();
    let connections = plan.groups.iter().map(|group| group.connections).sum::<usize>();
    let probe = match connections >= MANY_CONNECTIONS {
        true => MemoryProbe::before(&before.targets(), connections),
        false => None,
    };
    let on_phase = |phase| {
        if let Some(probe) = probe.as_ref().filter(|_| phase == Phase::Warmup) {
            probe.when_connected();
        }
    };
    let watched = run_watched(title, plan, &before.pids(), cancel, &on_phase, console)?;
    let result = &watched.result;
    let mut environment = aelab_lab::observe::environment::look();
    if let Some(found) = probe.and_then(MemoryProbe::into_found) {
        console::note(&found.to_string());
        environment.other.extend(found.fields());
    }
    let slow_log = SlowLog::ask(&resolved.target, result, before.server.as_ref());
    let explained = explain(plan, result, slow_log.entries(), &watched.waits);
    let context = Context {
        command: words.to_vec(),
        environment,
        server: before.server_of(plan),
        asked: resolved.percentiles.clone(),
        caveats: caveats_of_each(&before.infos, plan)
            .into_iter()
            .chain(explained.caveat())
            .chain(watched.caveat(&explained))
            .chain(resolved.caveats.clone())
            .collect(),
    };
    let stalls = mark_restart(&resolved.target, &info, result, explained.stalls);
    Ok(keep(plan, result, context, slow_log.complete(stalls)))
}

/// One run is the folder; several are its arms, also if fewer than the `planned` ones were made.
fn write(
    dir: &Path,
    kept: &[(String, Kept)],
    planned: usize,
    output: &OutputArgs,
) -> Result<(), Failure> {
    let failed = |error: aelab_results::folder::WriteError| Failure::usage(error.to_string());
    if let (1, [(_, one)]) = (planned, kept) {
        write_folder(dir, &one.record, &one.series).map_err(failed)?;
        results_folder::render(dir);
        return Ok(());
    }
    let mut arms = Vec::new();
    let first = kept.first().map(|(_, one)| &one.record);
    let mut combined = Combined::new(
        first.map_or(&[], |record| &record.command[..]),
        first.map_or_else(|| RunRecord::default().seed, |record| record.seed),
    );
    for (title, one) in kept {
        let name = arm_name(title);
        write_folder(&arm_dir(dir, &name), &one.record, &one.series).map_err(failed)?;
        combined.add_arm(&name, &one.record);
        arms.push(Arm { dir: format!("arms/{name}"), name, summary: title.clone() });
    }
    if kept.len() < planned {
        combined.partial();
    }
    let mut record = RunRecord {
        scenario: Some(Scenario { name: "run".to_owned(), arms, ..Scenario::default() }),
        ..combined.finish()
    };
    output.labels.labels().write(&mut record);
    write_folder(dir, &record, &[]).map_err(failed)?;
    results_folder::render(dir);
    Ok(())
}

/// A title as a folder name: `LRANGE_100 (first 100 elements)` becomes `lrange_100`.
fn arm_name(title: &str) -> String {
    let word = title.split(' ').next().unwrap_or(title).to_ascii_lowercase();
    let name: String = word.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    if title.contains("needed") { format!("{name}_for_lrange") } else { name }
}
