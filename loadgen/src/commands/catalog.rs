//! `loadgen scenario run --all`: every scenario of the catalog, on one server or on two, and one page with all verdicts.
//!
//! A scenario that cannot run does not stop the others. Invariant: the page is written again after
//! each scenario, so an interrupted run leaves one with everything so far.

use crate::cli::scenario::ScenarioRunArgs;
use crate::commands::results_folder;
use crate::commands::scenario_output::print_json;
use crate::console;
use crate::console::progress::Console;
use crate::exporter::Exporter;
use aelab_engine::error::{Exit, Failure};
use aelab_lab::record::combined::Combined;
use aelab_lab::scenario::{self, ScenarioOutcome};
use aelab_lab::{CleanUp, Place, ServerKind, Settings};
use aelab_results::record::{
    Catalog, CatalogRun, Claim as ClaimRecord, ClaimVerdict, RunRecord, utc_text,
};
use aelab_results::write_folder;
use aelab_scenarios::Scenario;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The server that `--both` uses beside the bundled one, unless another is given.
const OTHER: &str = "redis-server";

/// One column of the page.
struct Column {
    name: String,
    place: Place,
}

/// Runs all of them.
///
/// # Errors
/// A folder that cannot be written (exit 2), or a target that is not there (exit 6); what single scenarios suffer is noted.
pub(super) fn run(
    args: &ScenarioRunArgs,
    scenarios: &[Scenario],
    place: Place,
    words: &[String],
    cancel: &AtomicBool,
    exporter: Option<&Exporter>,
) -> Result<Exit, Failure> {
    let columns = columns(args, place);
    let dir = args.out.clone().map_or_else(|| results_folder::default_dir("scenarios"), Ok)?;
    let _claim = results_folder::prepare(&dir, args.force)?;
    let started_at = utc_text(aelab_engine::clock::wall_ns() / 1_000_000);
    let mut combined = Combined::new(words, RunRecord::default().seed);
    let mut catalog = Catalog {
        scale: args.scale.to_string(),
        servers: columns.iter().map(|column| column.name.clone()).collect(),
        runs: Vec::new(),
    };
    let mut whole = None;
    let total = scenarios.len() * columns.len();
    for scenario in scenarios {
        for column in &columns {
            if cancel.load(Relaxed) {
                continue;
            }
            let number = catalog.runs.len() + 1;
            let shown_as = match columns.len() {
                1 => scenario.name.clone(),
                _ => format!("{} on {}", scenario.name, column.name),
            };
            let settings = Settings {
                place: column.place.clone(),
                command: words.to_vec(),
                labels: args.labels.labels(),
                cancel,
                progress: format!("{number}/{total} {} ", scenario.name),
                observer: &Console { exporter, scenario: &shown_as, ..Console::default() },
                // The next scenario has other data.
                clean_up: CleanUp::Remove,
                until: None,
            };
            let run = run_one(args, scenario, column, &settings, &dir)?;
            if args.json {
                console::note(&line(&run.run))
            } else {
                console::result(&line(&run.run))
            }
            combined.add_run(&run.record);
            catalog.runs.push(run.run);
            if cancel.load(Relaxed) {
                combined.interrupted();
            }
            let mut record = RunRecord {
                started_at: started_at.clone(),
                catalog: Some(catalog.clone()),
                ..combined.clone().finish()
            };
            args.labels.labels().write(&mut record);
            write_folder(&dir, &record, &[]).map_err(|error| Failure::usage(error.to_string()))?;
            whole = Some(record);
        }
    }
    results_folder::render(&dir);
    match (whole, args.json) {
        (Some(record), true) => {
            console::note(&dir.display().to_string());
            print_json(&[record], true)?;
        }
        _ => console::result(&dir.display().to_string()),
    }
    if cancel.load(Relaxed) {
        return Err(Failure::invalid(format!(
            "interrupted; the scenarios that ran are in {}",
            dir.display()
        )));
    }
    Ok(exit(args, &catalog))
}

fn columns(args: &ScenarioRunArgs, place: Place) -> Vec<Column> {
    let name = |place: &Place| match place {
        Place::Fresh(ServerKind::Bundled) => "bundled".to_owned(),
        Place::Fresh(ServerKind::Binary(path)) => {
            path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
        }
        Place::Running(target) => target.endpoint.to_string(),
    };
    let places = if args.both {
        let other = args.server_bin.clone().unwrap_or_else(|| OTHER.into());
        let bundled = Place::Fresh(ServerKind::Bundled);
        vec![bundled, Place::Fresh(ServerKind::Binary(other))]
    } else {
        vec![place]
    };
    places.into_iter().map(|place| Column { name: name(&place), place }).collect()
}

/// Where a scenario's folder is, relative to the whole's.
fn sub_dir(args: &ScenarioRunArgs, column: &Column, scenario: &Scenario) -> String {
    if args.both { format!("{}/{}", column.name, scenario.name) } else { scenario.name.clone() }
}

/// What one scenario on one server came to.
struct Finished {
    run: CatalogRun,
    /// The scenario's own record; an empty one if no arm was run.
    record: RunRecord,
}

/// Runs one.
fn run_one(
    args: &ScenarioRunArgs,
    scenario: &Scenario,
    column: &Column,
    settings: &Settings<'_>,
    dir: &Path,
) -> Result<Finished, Failure> {
    let relative = sub_dir(args, column, scenario);
    let own = dir.join(&relative);
    let _claim = results_folder::prepare(&own, args.force)?;
    let outcome = scenario::run(scenario, settings, &own);
    let mut notes = outcome.notes.clone();
    notes.extend(outcome.failure.as_ref().map(|failure| failure.message.clone()));
    let mut run = CatalogRun {
        scenario: scenario.name.clone(),
        server: column.name.clone(),
        program: program(&outcome),
        dir: relative,
        notes,
        claims: claims(scenario, &outcome),
    };
    if outcome.arms.is_empty() {
        // The folder was created for this run, and it is empty.
        let _ = std::fs::remove_dir(&own);
        run.dir = String::new();
    } else {
        results_folder::render(&own);
        run.notes.extend(outcome.record.caveats.iter().filter(is_invalid).map(|c| c.text.clone()));
    }
    Ok(Finished { run, record: outcome.record })
}

/// What the server calls itself.
fn program(outcome: &ScenarioOutcome) -> String {
    let Some(server) = &outcome.record.server else { return String::new() };
    let version = server.version.as_deref().unwrap_or_default();
    format!("{} {version}", server.name).trim_end().to_owned()
}

fn is_invalid(caveat: &&aelab_results::record::CaveatRecord) -> bool {
    caveat.severity == aelab_results::record::Severity::Invalid
}

/// The claims as judged, or as they stand in the file where nothing was run.
fn claims(scenario: &Scenario, outcome: &ScenarioOutcome) -> Vec<ClaimRecord> {
    if let Some(judged) = &outcome.record.scenario {
        return judged.claims.clone();
    }
    let bare = |claim: &aelab_scenarios::criterion::Claim| ClaimRecord {
        id: claim.id.clone(),
        text: claim.text.clone(),
        article: claim.article.clone(),
        ..ClaimRecord::default()
    };
    scenario.claims.iter().map(bare).collect()
}

/// One line for a script or a reader that waits: scenario, server, verdicts.
fn line(run: &CatalogRun) -> String {
    let verdicts: Vec<String> = run
        .claims
        .iter()
        .map(|claim| match (run.dir.is_empty(), claim.left_out.is_empty()) {
            (true, _) => format!("{} did not run", claim.id),
            (false, false) => format!("{} not judged ({})", claim.id, claim.left_out),
            (false, true) => {
                format!("{} {} ({})", claim.id, claim.verdict.as_str(), claim.number)
            }
        })
        .collect();
    let why = match (run.dir.is_empty(), run.notes.first()) {
        (true, Some(note)) => format!(": {note}"),
        _ => String::new(),
    };
    format!("{} on {}: {}{why}", run.scenario, run.server, verdicts.join(", "))
}

fn exit(args: &ScenarioRunArgs, catalog: &Catalog) -> Exit {
    if !args.strict {
        return Exit::Success;
    }
    let finished = || catalog.runs.iter().filter(|run| !run.dir.is_empty());
    let judged =
        || finished().flat_map(|run| &run.claims).filter(|claim| claim.left_out.is_empty());
    let any = |verdict| judged().any(|claim| claim.verdict == verdict);
    if any(ClaimVerdict::Refuted) {
        Exit::Refuted
    } else if any(ClaimVerdict::Inconclusive) {
        Exit::Inconclusive
    } else {
        Exit::Success
    }
}
