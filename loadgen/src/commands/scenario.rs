//! `loadgen scenario …`: list, show, and run experiments.

use crate::cli::scenario::{ScenarioCommand, ScenarioRunArgs};
use crate::commands::endpoint::Endpoint;
use crate::commands::exit::{first_failure, no_arm_ran, not_usable, strict_exit, with_results_in};
use crate::commands::scenario_output::{print, print_json};
use crate::commands::{results_folder, server_bins};
use crate::console::progress::Console;
use crate::console::{self, verdict};
use crate::exporter::Exporter;
use aelab_engine::error::{Exit, Failure};
use aelab_lab::{CleanUp, Place, Settings};
use aelab_results::record::RunRecord;
use aelab_scenarios::catalog::{CATALOG, find};
use aelab_scenarios::criterion::Claim;
use aelab_scenarios::{Scale, Scenario, canonical};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Does it.
///
/// # Errors
/// A scenario that does not exist or cannot be read (exit 2), a server that cannot be reached (exit 6), and so on.
pub fn run(
    command: &ScenarioCommand,
    words: &[String],
    cancel: &AtomicBool,
) -> Result<Exit, Failure> {
    match command {
        ScenarioCommand::List { json } => list(*json),
        // It is made of the user's command, so there is no file to show.
        ScenarioCommand::Show { name, .. } if name == EXPLORER => {
            console::result(&format!(
                "# {EXPLORER_QUESTION}\n# This scenario is made of your command and data:\n# loadgen {EXPLORER_EXAMPLE}"
            ));
            Ok(Exit::Success)
        }
        ScenarioCommand::Show { name, scale } => {
            console::result(canonical(&load(name, *scale)?).trim_end());
            Ok(Exit::Success)
        }
        ScenarioCommand::Run(args) => {
            let mut endpoint = Endpoint::new(&args.prometheus);
            let ended =
                endpoint.start().and_then(|exporter| run_all(args, words, cancel, exporter));
            endpoint.end(cancel);
            ended
        }
    }
}

fn list(is_json: bool) -> Result<Exit, Failure> {
    if is_json {
        return list_json();
    }
    for entry in CATALOG {
        let scenario =
            entry.resolve(Scale::Default).map_err(|error| Failure::usage(error.to_string()))?;
        console::result(&format!("{}\n  {}", scenario.name, scenario.question));
        for claim in &scenario.claims {
            console::result(&format!("  {}: {}", claim.id, claim.text));
        }
    }
    console::result(&format!("{EXPLORER}\n  {EXPLORER_QUESTION}\n  {EXPLORER_EXAMPLE}"));
    Ok(Exit::Success)
}

/// The stall explorer, which makes a scenario of a command.
const EXPLORER: &str = "stall";
const EXPLORER_QUESTION: &str =
    "How long does a command of yours block other clients, and how large may its key be?";
const EXPLORER_EXAMPLE: &str = "scenario run stall --offender \"SMEMBERS bigset\" --every 5s";

/// The same as JSON: what a script chooses from.
fn list_json() -> Result<Exit, Failure> {
    let mut all = Vec::new();
    for entry in CATALOG {
        let scenario =
            entry.resolve(Scale::Default).map_err(|error| Failure::usage(error.to_string()))?;
        let claim = |claim: &Claim| json!({"id": claim.id, "text": claim.text});
        all.push(json!({
            "name": scenario.name,
            "question": scenario.question,
            "claims": scenario.claims.iter().map(claim).collect::<Vec<_>>(),
        }));
    }
    all.push(json!({
        "name": EXPLORER,
        "question": EXPLORER_QUESTION,
        "claims": [],
        "example": EXPLORER_EXAMPLE,
    }));
    console::result(&format!("{:#}", Value::Array(all)));
    Ok(Exit::Success)
}

/// A scenario of the catalog, or a file if the name looks like one.
fn load(name: &str, scale: Scale) -> Result<Scenario, Failure> {
    let usage = |error: String| Failure::usage(error);
    let is_file = Path::new(name).extension().is_some_and(|e| e == "toml") || name.contains('/');
    if !is_file {
        let entry = find(name).map_err(usage)?;
        return entry.resolve(scale).map_err(|error| usage(error.to_string()));
    }
    let text = aelab_engine::files::read_text(name.as_ref())
        .map_err(|error| usage(format!("cannot read {name}: {error}")))?;
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let scenario = Scenario::parse(&stem, name, &text, scale);
    let mut scenario = scenario.map_err(|error| usage(error.to_string()))?;
    server_bins::locate(&mut scenario, name)?;
    Ok(scenario)
}

fn run_all(
    args: &ScenarioRunArgs,
    words: &[String],
    cancel: &AtomicBool,
    exporter: Option<&Exporter>,
) -> Result<Exit, Failure> {
    // All scenarios are read before the first one runs, so that an error in the last one costs no time.
    if let Some(question) = args.explore.resolve(&args.names, args.scale)? {
        return crate::commands::stall_explorer::run(args, &question, words, cancel, exporter);
    }
    let mut scenarios = Vec::new();
    let all = CATALOG.iter().map(|entry| entry.name.to_owned()).collect();
    for name in if args.all { &all } else { &args.names } {
        let mut scenario = load(name, args.scale)?;
        scenario.seed = args.seed.unwrap_or(scenario.seed);
        server_bins::check_flag(&scenario, args.server_bin.is_some())?;
        aelab_lab::arm::run_plan::check(&scenario)?;
        scenarios.push(scenario);
    }
    let place = args.place()?;
    if let Place::Running(target) = &place {
        crate::commands::wait_ready::wait(target, false, args.wait_ready, cancel)?;
    }
    if args.all {
        return crate::commands::catalog::run(args, &scenarios, place, words, cancel, exporter);
    }
    for scenario in &scenarios {
        if args.out.is_some() {
            results_folder::check_unused(&folder(args, scenario, scenarios.len())?, args.force)?;
        }
    }
    let settings = Settings {
        place,
        command: words.to_vec(),
        labels: args.labels.labels(),
        cancel,
        progress: String::new(),
        observer: &Console::default(),
        clean_up: clean_up(&scenarios),
        until: None,
    };
    let mut records = Vec::new();
    let ended = run_each(args, &scenarios, &settings, exporter, &mut records);
    // Also if a later one failed.
    if args.json && !records.is_empty() {
        print_json(&records, scenarios.len() == 1)?;
    }
    ended
}

/// One after the other, until one fails.
fn run_each(
    args: &ScenarioRunArgs,
    scenarios: &[Scenario],
    settings: &Settings<'_>,
    exporter: Option<&Exporter>,
    records: &mut Vec<RunRecord>,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Success;
    for scenario in scenarios {
        let dir = folder(args, scenario, scenarios.len())?;
        let observer = &Console { exporter, scenario: &scenario.name, ..Console::default() };
        let settings = Settings {
            observer,
            place: settings.place.clone(),
            command: settings.command.clone(),
            labels: settings.labels.clone(),
            progress: settings.progress.clone(),
            ..*settings
        };
        exit = first_failure(exit, run_one(args, scenario, &settings, &dir, records)?);
        if settings.cancel.load(Relaxed) {
            break;
        }
    }
    Ok(exit)
}

/// On a running server, a data set that all arms share stays; other data sets are removed after use.
fn clean_up(scenarios: &[Scenario]) -> CleanUp {
    let mut data = scenarios.iter().flat_map(|scenario| &scenario.arms).map(|arm| &arm.data);
    let first = data.next();
    match data.all(|other| Some(other) == first) {
        true => CleanUp::Leave,
        false => CleanUp::Remove,
    }
}

fn folder(args: &ScenarioRunArgs, scenario: &Scenario, count: usize) -> Result<PathBuf, Failure> {
    Ok(match &args.out {
        None => results_folder::default_dir(&scenario.name)?,
        Some(dir) if count == 1 => dir.clone(),
        Some(dir) => dir.join(&scenario.name),
    })
}

fn run_one(
    args: &ScenarioRunArgs,
    scenario: &Scenario,
    settings: &Settings<'_>,
    dir: &Path,
    records: &mut Vec<RunRecord>,
) -> Result<Exit, Failure> {
    let _claim = results_folder::prepare(dir, args.force)?;
    let outcome = aelab_lab::scenario::run(scenario, settings, dir);
    if outcome.arms.is_empty() {
        // The folder was created for this run, and it is empty.
        let _ = std::fs::remove_dir(dir);
        return Err(no_arm_ran(outcome));
    }
    results_folder::render(dir);
    print(args, &verdict::text(scenario, &outcome), dir);
    records.push(outcome.record.clone());
    match &outcome.failure {
        Some(failure) => Err(with_results_in(failure.clone(), dir)),
        None => match not_usable(&outcome) {
            Some((id, why)) => Err(with_results_in(Failure::invalid(why).with_id(id), dir)),
            None if args.strict => Ok(strict_exit(&outcome)),
            None => Ok(Exit::Success),
        },
    }
}
