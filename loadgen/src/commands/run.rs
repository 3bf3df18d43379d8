//! `loadgen run`: load a server and measure it.

use crate::cli::output::{OutputArgs, Style};
use crate::cli::resolved::Resolved;
use crate::cli::run::RunArgs;
use crate::commands::cluster;
use crate::commands::prefill::fill;
use crate::commands::results_folder;
use crate::commands::run_output::Sink;
use crate::commands::server_info::{SlowLog, look, mark_restart, note_refused_info, server_of};
use crate::console::progress::Console;
use crate::console::{self, lines};
use crate::exporter::Exporter;
use aelab_engine::Phase;
use aelab_engine::clock;
use aelab_engine::error::{Exit, Failure};
use aelab_engine::plan::{RunPlan, Target};
use aelab_lab::arm::{caveats_after, run_observed};
use aelab_lab::control::Control;
use aelab_lab::observe::cpu_wait::Waits;
use aelab_lab::observe::memory::{MANY_CONNECTIONS, MemoryProbe};
use aelab_lab::observe::stall_cause::explain;
use aelab_lab::record::combined::Combined;
use aelab_lab::record::{Context, Kept, keep, tool};

use aelab_lab::server::info::{Info, config};
use aelab_lab::session::arm_dir;
use aelab_resp::value::Value;
use aelab_results::caveat::Caveat;
use aelab_results::record::{Arm, Counts, RunRecord, Scenario, utc_text};
use aelab_results::write_folder;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Does it.
///
/// # Errors
/// Bad input (exit 2), a target that is not there or refuses us (exit 6), a run that must not be used (exit 4).
pub fn run(args: &RunArgs, words: &[String], cancel: &AtomicBool) -> Result<Exit, Failure> {
    let mut resolved = args.resolve()?;
    let mut sink = Sink::open(&args.output)?;
    let out = args.output.out.as_deref();
    let _claim = out.map(|dir| results_folder::prepare(dir, args.output.force)).transpose()?;
    let outcome = run_prepared(args, &mut resolved, words, cancel, &mut sink);
    sink.print_caveats();
    if let (Err(_), Some(dir)) = (&outcome, &args.output.out)
        && leave_readable(dir, &resolved, words, cancel.load(Relaxed))
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
fn leave_readable(dir: &Path, resolved: &Resolved, words: &[String], by_user: bool) -> bool {
    // It was made for this run; empty, it only confuses. One that holds something stays as it is.
    if std::fs::remove_dir(dir).is_err() || !by_user {
        return false;
    }
    let planned_s = resolved.runs.first().and_then(|(_, plan)| plan.phases.measure);
    let planned_s = planned_s.map(|measure| measure.as_secs_f64());
    let record = RunRecord {
        tool: tool(),
        command: words.to_vec(),
        seed: resolved.runs.first().map_or(1, |(_, plan)| plan.seed),
        started_at: utc_text(clock::wall_ns() / 1_000_000),
        interrupted: true,
        environment: aelab_lab::observe::environment::look(),
        caveats: vec![Caveat::Interrupted { measured_s: 0.0, planned_s }.to_record()],
        ..RunRecord::default()
    };
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
) -> Result<Vec<(String, Kept)>, Failure> {
    if args.target.cluster {
        cluster::join(resolved)?;
    }
    let resolved = &*resolved;
    let exporter = args.output.prometheus.as_deref().map(Exporter::start).transpose()?;
    let console = Console { progress: args.output.progress(), exporter: exporter.as_ref() };
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
        write(dir, kept, resolved.runs.len())?;
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
    let config = config_to_show(&args.output, &resolved.target);
    for (title, plan) in &resolved.runs {
        let mut one = match measure(title, plan, resolved, words, cancel, console) {
            Ok(one) => one,
            Err(failure) => return Measured { kept, failure: Some(failure) },
        };
        if let Some(server) = &mut one.record.server {
            server.config.clone_from(&config);
        }
        crate::commands::run_output::print(args, title, resolved.runs.len(), &one, sink);
        kept.push((title.clone(), one));
        if cancel.load(Relaxed) {
            break;
        }
    }
    Measured { kept, failure: None }
}

/// What redis-benchmark's report says of the server's configuration, where that report is printed and the server tells.
fn config_to_show(output: &OutputArgs, target: &Target) -> BTreeMap<String, String> {
    let is_shown = output.style == Style::RedisBenchmark && !output.quiet && !output.csv;
    let control = is_shown.then(|| Control::open(target).ok()).flatten();
    control.map_or_else(BTreeMap::new, |mut control| config(&mut control, &["save", "appendonly"]))
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
    let info = before.first().map_or_else(Info::default, |(_, info)| info.clone());
    let connections = plan.groups.iter().map(|group| group.connections).sum::<usize>();
    let probe = match connections >= MANY_CONNECTIONS {
        true => MemoryProbe::before(&resolved.target, connections),
        false => None,
    };
    let on_phase = |phase| {
        if let Some(probe) = probe.as_ref().filter(|_| phase == Phase::Warmup) {
            probe.when_connected();
        }
    };
    let result = run_observed(title, plan, cancel, &on_phase, console)?;
    let mut environment = aelab_lab::observe::environment::look();
    if let Some(found) = probe.and_then(MemoryProbe::into_found) {
        console::note(&found.to_string());
        environment.other.extend(found.fields());
    }
    let slow_log = SlowLog::ask(&resolved.target, &result);
    let explained = explain(plan, &result, Some(&slow_log.entries), &Waits::default());
    let context = Context {
        command: words.to_vec(),
        environment,
        server: server_of(&before, plan),
        asked: resolved.percentiles.clone(),
        caveats: caveats_of_each(&before, plan)
            .into_iter()
            .chain(explained.caveat())
            .chain(resolved.caveats.clone())
            .collect(),
    };
    let stalls = mark_restart(&resolved.target, &info, &result, explained.stalls);
    Ok(keep(plan, &result, context, slow_log.complete(stalls)))
}

/// One run is the folder; several are its arms, also if fewer than the `planned` ones were made.
fn write(dir: &Path, kept: &[(String, Kept)], planned: usize) -> Result<(), Failure> {
    let failed = |error: aelab_results::folder::WriteError| Failure::usage(error.to_string());
    if let (1, [(_, one)]) = (planned, kept) {
        write_folder(dir, &one.record, &one.series).map_err(failed)?;
        results_folder::render(dir);
        return Ok(());
    }
    let mut arms = Vec::new();
    let first = kept.first().map(|(_, one)| &one.record);
    let mut combined = Combined::new(
        first.map_or(&[], |record| &record.command),
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
    let record = RunRecord {
        scenario: Some(Scenario { name: "run".to_owned(), arms, ..Scenario::default() }),
        ..combined.finish()
    };
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

/// How measuring ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    /// Tests that were asked for.
    planned: usize,
    /// Somebody wanted it to end.
    by_user: bool,
}

/// Whether not all was measured that was to be, and how much was.
fn cut_short(kept: &[(String, Kept)], ended: Ended) -> Option<String> {
    let what = if ended.by_user { "interrupted" } else { "given up without a reply for 30 s" };
    if let Some((_, cut)) = kept.iter().find(|(_, one)| one.record.interrupted) {
        let length = console::figures::length(cut.record.duration_s);
        return Some(format!("{what} after {length} of measurement"));
    }
    // Between two tests: each that was begun is whole.
    let done = kept.len();
    (done < ended.planned).then(|| format!("{what} after {done} of {} tests", ended.planned))
}

/// How the program ends, given what was measured.
fn finish(kept: &[(String, Kept)], out: Option<&Path>, ended: Ended) -> Result<Exit, Failure> {
    let records = || kept.iter().map(|(_, one)| &one.record);
    let told = |id: &str| {
        let caveat = records().flat_map(|record| &record.caveats).find(|caveat| caveat.id == id);
        caveat.map(|caveat| caveat.message())
    };
    if let Some(what) = cut_short(kept, ended) {
        let place = match out {
            Some(dir) => format!("what was measured is in {}", dir.display()),
            None => "what was measured is printed above".to_owned(),
        };
        let reason = told("node-unreached").filter(|_| !ended.by_user);
        let reason = reason.map_or(String::new(), |text| format!("; {text}"));
        return Err(Failure::invalid(format!("{what}; {place}{reason}")).with_id("interrupted"));
    }
    let sum = |of: fn(&Counts) -> u64| {
        records().flat_map(|r| &r.groups).map(|g| of(&g.counts)).sum::<u64>()
    };
    if let Some(text) = told("nothing-heard") {
        return Err(Failure::invalid(text).with_id("nothing-heard"));
    }
    if let Some(text) = told("node-unreached").filter(|_| sum(|counts| counts.ok) == 0) {
        return Err(Failure::unreachable(text).with_id("node-unreached"));
    }
    if sum(|counts| counts.ok) == 0 {
        let caveats = records().flat_map(|record| &record.caveats);
        let about = ["no-success", "nothing-complete"];
        let mut said = caveats.filter(|caveat| about.contains(&caveat.id.as_str()));
        if let Some(caveat) = said.next() {
            return Err(Failure::invalid(caveat.message()).with_id(caveat.id.clone()));
        }
        if sum(|counts| counts.error) > 0 {
            return Err(Failure::invalid(
                "no request succeeded: all replies were errors; check the server's log",
            )
            .with_id("no-success"));
        }
        let was_busy = records().flat_map(|r| &r.groups).any(|g| g.carried_over > 0);
        if sum(|counts| counts.sent) > 0 && !was_busy {
            return Err(Failure::unreachable(
                "no request was answered; check that the server runs and is not busy with a long command",
            )
            .with_id("no-answer"));
        }
        if sum(|counts| counts.sent) == 0 {
            return Err(Failure::invalid(
                "no request was due during the measurement; use a longer --duration or a higher rate",
            )
            .with_id("nothing-due"));
        }
    }
    match records().find(|record| record.is_invalid()) {
        Some(record) => {
            let Some(caveat) = record.caveats.first() else {
                return Err(Failure::invalid("the measurement must not be used"));
            };
            let message = format!("the measurement must not be used: {}", caveat.message());
            Err(Failure::invalid(message).with_id(caveat.id.clone()))
        }
        None => Ok(Exit::Success),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::record::Group;

    #[test]
    fn an_interruption_between_two_tests_is_one() {
        let counts = Counts { scheduled: 9, sent: 9, ok: 9, ..Counts::default() };
        let groups = vec![Group { counts, ..Group::default() }];
        let record = RunRecord { groups, ..RunRecord::default() };
        let kept = [("SET".to_owned(), Kept { record, series: Vec::new() })];
        let end = |planned| finish(&kept, None, Ended { planned, by_user: true });
        assert!(matches!(end(1), Ok(Exit::Success)));
        let failure = end(2).expect_err("GET is missing");
        assert_eq!(failure.exit, Exit::Invalid);
        assert!(failure.message.contains("after 1 of 2 tests"), "{}", failure.message);
    }
}
