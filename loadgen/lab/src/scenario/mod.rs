//! A whole scenario: a session of its arms, then the verdicts.
//!
//! Invariant: the folder reads back at every moment after the first arm, and claims are judged only by measured figures.

pub mod existing_data;
mod explorer_limit;
pub mod figures;
pub mod figures_trace;
mod noise;
pub mod requirements;
pub mod stall_explorer;
mod verdicts;

pub use verdicts::{left_out_of, note};

use crate::arm::{ArmOutcome, ArmRun, Settings};
use crate::observe::pauses;
use crate::record::combined::Combined;
use crate::scenario::figures::wanted;
use crate::scenario::requirements::{Nature, nature, unmet};
use crate::session::Session;
use crate::session::order::Order;
use aelab_engine::error::Failure;
use aelab_engine::sys;
use aelab_results::record::{Arm as ArmRecord, RunRecord, Scenario as ScenarioRecord};
use aelab_results::write_folder;
use aelab_scenarios::Scale;
use aelab_scenarios::criterion::Claim;
use aelab_scenarios::judge::Judgement;
use aelab_scenarios::model::{Arm, Scenario};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

/// What a scenario came to.
#[derive(Debug)]
pub struct ScenarioOutcome {
    /// The scenario's own record, as written.
    pub record: RunRecord,
    /// The runs of its arms, in the order in which they were made.
    pub arms: Vec<ArmOutcome>,
    /// Each claim with its judgement.
    pub judgements: Vec<(Claim, Judgement)>,
    /// Arms that were left out or repeated, and why.
    pub notes: Vec<String>,
    /// The arms that were left out, each with the reason.
    pub left_out: Vec<(String, &'static str)>,
    /// Why it ended early, if it did.
    pub failure: Option<Failure>,
}

/// Runs all arms, judges the claims, and writes the folder as it goes.
///
/// Never fails as a whole: what went wrong is in [`ScenarioOutcome::failure`], beside everything that was measured before it.
#[must_use]
pub fn run(scenario: &Scenario, settings: &Settings<'_>, dir: &Path) -> ScenarioOutcome {
    // Servers and load generator threads inherit it.
    sys::prefer_short_slices();
    let mut outcome = run_arms(scenario, settings, dir);
    if outcome.arms.is_empty() {
        return outcome;
    }
    let judged = |claim: &Claim| (claim.clone(), verdicts::judged(claim, &outcome));
    outcome.judgements = scenario.claims.iter().map(judged).collect();
    outcome.record = whole_record(scenario, settings, &outcome);
    if let Err(error) = write_folder(dir, &outcome.record, &[]) {
        // The first failure is the one to report.
        outcome.failure.get_or_insert_with(|| Failure::usage(error.to_string()));
    }
    outcome
}

fn run_arms(scenario: &Scenario, settings: &Settings<'_>, dir: &Path) -> ScenarioOutcome {
    let mut outcome = ScenarioOutcome {
        record: RunRecord::default(),
        arms: Vec::new(),
        judgements: Vec::new(),
        notes: Vec::new(),
        left_out: Vec::new(),
        failure: None,
    };
    let nature = match nature(&settings.place) {
        Ok(nature) => nature,
        Err(failure) => {
            outcome.failure = Some(failure);
            return outcome;
        }
    };
    let (left_out, fit): (Vec<&Arm>, Vec<&Arm>) =
        scenario.arms.iter().partition(|arm| unmet(arm, nature).is_some());
    outcome.notes = lines_of_left_out(&left_out, nature, fit.is_empty());
    if let Some(tolerated) = scenario.pause_max
        && !fit.is_empty()
        && let Some(warning) = pauses::warning(pauses::longest(), tolerated)
    {
        settings.observer.note(&warning);
    }
    let why = |arm: &&Arm| Some((arm.name.clone(), unmet(arm, nature)?));
    outcome.left_out = left_out.iter().filter_map(why).collect();
    let finished = session(scenario, &fit, settings).run(dir, settings.cancel, settings.observer);
    outcome.arms = finished.runs.into_iter().map(|(_, arm)| arm).collect();
    outcome.notes.extend(finished.notes);
    outcome.failure = finished.failure;
    outcome
}

/// Runs of a scenario that may be repeated because they did not get enough CPU time.
const RETRIES: u32 = 4;

/// The session that a scenario asks for: its arms forward and backward in turn.
fn session<'a>(
    scenario: &'a Scenario,
    arms: &[&'a Arm],
    settings: &'a Settings<'a>,
) -> Session<ArmRun<'a>> {
    let run = |arm: &&'a Arm| ArmRun {
        arm,
        seed: scenario.seed,
        wanted: wanted(scenario, &arm.name),
        settings,
    };
    Session {
        arms: arms.iter().map(run).collect(),
        order: Order::Abba,
        repetitions: scenario.repeat,
        until: settings.until,
        retries: match scenario.scale {
            // A smoke run checks that everything works, and must answer soon.
            Scale::Smoke => 0,
            Scale::Default | Scale::Full => RETRIES,
        },
    }
}

/// One line for each arm that is left out; one for all, if it is all of them for the same reason.
fn lines_of_left_out(arms: &[&Arm], nature: Nature, all: bool) -> Vec<String> {
    let why = |arm: &Arm| unmet(arm, nature).unwrap_or_default();
    if let (true, Some(first)) = (all, arms.first())
        && arms.iter().all(|arm| why(arm) == why(first))
    {
        return vec![format!("left out: {}", why(first))];
    }
    arms.iter().map(|arm| format!("arm {} was left out: {}", arm.name, why(arm))).collect()
}

fn whole_record(
    scenario: &Scenario,
    settings: &Settings<'_>,
    outcome: &ScenarioOutcome,
) -> RunRecord {
    let mut combined = Combined::new(&settings.command, scenario.seed);
    for arm in &outcome.arms {
        combined.add_arm(&arm.name, &arm.kept.record);
    }
    if settings.cancel.load(Relaxed) {
        combined.interrupted();
    } else if outcome.failure.is_some() {
        combined.partial();
    }
    let was_run = |arm: &&Arm| outcome.arms.iter().any(|of_arm| of_arm.name == arm.name);
    let claims = outcome
        .judgements
        .iter()
        .map(|(claim, judgement)| verdicts::claim_record(claim, judgement, outcome));
    let mut record = RunRecord {
        scenario: Some(ScenarioRecord {
            name: scenario.name.clone(),
            title: String::new(),
            question: scenario.question.clone(),
            scale: scenario.scale.to_string(),
            arms: scenario.arms.iter().filter(was_run).map(arm_record).collect(),
            claims: claims.collect(),
        }),
        ..combined.finish()
    };
    settings.labels.write(&mut record);
    record
}

fn arm_record(arm: &Arm) -> ArmRecord {
    ArmRecord {
        name: arm.name.clone(),
        dir: format!("arms/{}", arm.name),
        summary: arm.label.clone(),
    }
}
