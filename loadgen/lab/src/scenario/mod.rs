//! A whole scenario: its arms one after the other, then the verdicts.
//!
//! Invariant: the folder reads back at every moment after the first arm, and claims are judged only by figures that were measured.

pub mod figures;
pub mod figures_trace;
pub mod requirements;
pub mod stall_explorer;

use crate::arm::{ArmOutcome, Settings, play};
use crate::record::tool;
use crate::scenario::figures::{look_up, wanted};
use crate::scenario::requirements::{Nature, nature, unfit};
use crate::server::LAST_WORDS;
use aelab_engine::error::Failure;
use aelab_results::caveat::Caveat;
use aelab_results::record::{
    Arm as ArmRecord, CaveatRecord, Claim as ClaimRecord, ClaimPart, ClaimVerdict, RunRecord,
    Scenario as ScenarioRecord, Severity,
};
use aelab_results::text::number::counted;
use aelab_results::write_folder;
use aelab_scenarios::Scale;
use aelab_scenarios::criterion::{Claim, Quantity, Reference, Subject};
use aelab_scenarios::judge::{Judgement, Measured, Outcome, Part, Verdict, judge};
use aelab_scenarios::model::{Arm, Scenario};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

/// What a scenario came to.
#[derive(Debug)]
pub struct Played {
    /// The scenario's own record, as written.
    pub record: RunRecord,
    /// The arms, as far as they were played.
    pub arms: Vec<ArmOutcome>,
    /// Each claim with its judgement.
    pub judgements: Vec<(Claim, Judgement)>,
    /// Arms that were left out or played again, and why.
    pub skipped: Vec<String>,
    /// The arms among them that were left out, each with the reason.
    pub left_out: Vec<(String, &'static str)>,
    /// Why it ended early, if it did.
    pub failure: Option<Failure>,
}

/// Plays all arms, judges the claims, and writes the folder as it goes.
///
/// Never fails as a whole: what went wrong is in [`Played::failure`], beside everything that was measured before it.
#[must_use]
pub fn run(scenario: &Scenario, settings: &Settings<'_>, dir: &Path) -> Played {
    let mut played = Played {
        record: RunRecord::default(),
        arms: Vec::new(),
        judgements: Vec::new(),
        skipped: Vec::new(),
        left_out: Vec::new(),
        failure: None,
    };
    play_arms(scenario, settings, dir, &mut played);
    if played.arms.is_empty() {
        return played;
    }
    played.judgements =
        scenario.claims.iter().map(|claim| (claim.clone(), judged(claim, &played))).collect();
    played.record = whole_record(scenario, settings, &played);
    if let Err(error) = write_folder(dir, &played.record, &[]) {
        // The first failure is the one to report.
        played.failure.get_or_insert_with(|| Failure::usage(error.to_string()));
    }
    played
}

fn play_arms(scenario: &Scenario, settings: &Settings<'_>, dir: &Path, played: &mut Played) {
    let nature = match nature(&settings.place) {
        Ok(nature) => nature,
        Err(failure) => {
            played.failure = Some(failure);
            return;
        }
    };
    let (unfit_arms, fit): (Vec<&Arm>, Vec<&Arm>) =
        scenario.arms.iter().partition(|arm| unfit(arm, nature).is_some());
    played.skipped = left_out(&unfit_arms, nature, fit.is_empty());
    let why = |arm: &&Arm| Some((arm.name.clone(), unfit(arm, nature)?));
    played.left_out = unfit_arms.iter().filter_map(why).collect();
    let mut spare = match scenario.scale {
        // It asks whether everything works, and should say so soon.
        Scale::Smoke => 0,
        Scale::Default | Scale::Full => SPARE_TURNS,
    };
    for (turn, arm) in turns(&fit, scenario.repeat) {
        let outcome = match play_fairly(scenario, arm, settings, &mut spare, &mut played.skipped) {
            Ok(outcome) => outcome,
            Err(failure) => {
                played.failure = Some(failure);
                return;
            }
        };
        let kept = &outcome.kept;
        let written = write_folder(&turn_dir(dir, &arm.name, turn), &kept.record, &kept.series);
        played.arms.push(outcome);
        if let Err(error) = written {
            played.failure = Some(Failure::usage(error.to_string()));
            return;
        }
        if settings.cancel.load(Relaxed) {
            played.failure = Some(Failure::invalid("interrupted"));
            return;
        }
    }
}

/// Turns of a scenario that are played again because the load generator itself did not get to run: a machine that keeps
/// it from running all the time is no place to measure, however often one tries.
const SPARE_TURNS: u32 = 4;

/// Plays an arm, and once more if the load generator was the limit or the server had no processor: that says nothing of the
/// server. Figures are no reason.
fn play_fairly(
    scenario: &Scenario,
    arm: &Arm,
    settings: &Settings<'_>,
    spare: &mut u32,
    notes: &mut Vec<String>,
) -> Result<ArmOutcome, Failure> {
    let wanted = wanted(scenario, &arm.name);
    let once = || play(arm, scenario.seed, &wanted, settings);
    let starved = |outcome: &ArmOutcome| {
        let caveats = &outcome.kept.record.caveats;
        caveats.iter().any(|c| c.severity == Severity::Invalid && STARVED.contains(&c.id.as_str()))
    };
    const WHY: &str = "the load generator or the server had been kept from running";
    let mut outcome = once()?;
    let mut again = 0;
    while starved(&outcome) && *spare > 0 && !settings.cancel.load(Relaxed) {
        *spare -= 1;
        again += 1;
        settings.observer.note(&format!("{}: played again, for {WHY}", settings.label(arm)));
        outcome = once()?;
    }
    if again > 0 {
        let times = counted(again, "time");
        notes.push(format!("arm {} was played again {times}: {WHY}", arm.name));
    }
    Ok(outcome)
}

/// The doubts of a load generator that was slower than its plan, and of a server that did not get to run.
const STARVED: [&str; 2] = ["client-limited", "server-starved"];

/// Where an arm's folder is.
#[must_use]
pub fn arm_dir(dir: &Path, arm: &str) -> PathBuf {
    dir.join("arms").join(arm)
}

/// Where the folder of an arm's later turn is; the first is in the arm's own.
fn turn_dir(dir: &Path, arm: &str, turn: u32) -> PathBuf {
    match turn {
        0 => arm_dir(dir, arm),
        later => arm_dir(dir, arm).join("turns").join((later + 1).to_string()),
    }
}

/// All arms as often as asked, in turns forward and backward (A B, B A, A B …), so that what drifts meets all alike.
fn turns<'a>(arms: &[&'a Arm], repeat: u32) -> Vec<(u32, &'a Arm)> {
    let turn = |turn: u32| {
        let mut order: Vec<(u32, &'a Arm)> = arms.iter().map(|arm| (turn, *arm)).collect();
        if turn % 2 == 1 {
            order.reverse();
        }
        order
    };
    (0..repeat).flat_map(turn).collect()
}

/// One line for each arm that is left out; one for all, if it is all of them for the same reason.
fn left_out(unfit_arms: &[&Arm], nature: Nature, all: bool) -> Vec<String> {
    let why = |arm: &Arm| unfit(arm, nature).unwrap_or_default();
    if let (true, Some(first)) = (all, unfit_arms.first())
        && unfit_arms.iter().all(|arm| why(arm) == why(first))
    {
        return vec![format!("left out: {}", why(first))];
    }
    let line = |arm: &&Arm| format!("arm {} was left out: {}", arm.name, why(arm));
    unfit_arms.iter().map(line).collect()
}

/// A claim judged by the arms' figures; an arm that must not be used decides nothing.
fn judged(claim: &Claim, played: &Played) -> Judgement {
    let lookup = |quantity: &Quantity| -> Result<Measured, String> {
        if let Some(why) = left_out_for(quantity, played) {
            return Err(why);
        }
        let mut of_arm = played.arms.iter().filter(|arm| arm.name == quantity.arm);
        if let Some(caveat) = of_arm.find_map(|arm| invalid(arm, &quantity.subject)) {
            return Err(format!("arm {} must not be used: {caveat}", quantity.arm));
        }
        look_up(&played.arms, quantity)
    };
    judge(claim, &lookup)
}

fn left_out_for(quantity: &Quantity, played: &Played) -> Option<String> {
    let (arm, why) = played.left_out.iter().find(|(arm, _)| *arm == quantity.arm)?;
    Some(format!("arm {arm} was left out: {why}"))
}

/// Why a claim cannot be judged on this server, if an arm that it is about was left out.
#[must_use]
pub fn left_out_of(claim: &Claim, played: &Played) -> Option<String> {
    let criteria = claim.requires.iter().chain(&claim.holds);
    let quantities = criteria.flat_map(|criterion| {
        let against = match &criterion.against {
            Some(Reference::Quantity(quantity)) => Some(quantity),
            Some(Reference::Figure(_)) | None => None,
        };
        [Some(&criterion.measure), against].into_iter().flatten()
    });
    quantities.filter_map(|quantity| left_out_for(quantity, played)).next()
}

/// Why a figure of an arm must not be used. A load generator that was slow spoils times, rates and what time limits make of
/// requests, and neither other counts nor what the server says of itself.
fn invalid<'a>(arm: &'a ArmOutcome, subject: &Subject) -> Option<&'a str> {
    let timed = match subject {
        Subject::Latency { .. } | Subject::AchievedRate { .. } | Subject::Stall { .. } => true,
        Subject::Count { which, .. } => ["shed", "timeout", "unfinished"].contains(&&**which),
        Subject::Pool { which, .. } => ["timeouts", "most_open"].contains(&&**which),
        _ => false,
    };
    let caveats = &arm.kept.record.caveats;
    let spoils = |caveat: &&CaveatRecord| {
        caveat.severity == Severity::Invalid && (timed || SPOILS_ALL.contains(&caveat.id.as_str()))
    };
    // The last words of a server stand in the caveat itself.
    let brief = |caveat: &'a CaveatRecord| caveat.text.split(LAST_WORDS).next();
    caveats.iter().find(spoils).and_then(brief)
}

/// Doubts that leave nothing of an arm to be used.
const SPOILS_ALL: [&str; 4] = ["server-changed", "no-success", "no-connection-left", "interrupted"];

fn whole_record(scenario: &Scenario, settings: &Settings<'_>, played: &Played) -> RunRecord {
    let first = played.arms.first().map(|arm| &arm.kept.record);
    let of_arm = |arm: &ArmOutcome| -> Vec<CaveatRecord> {
        let named =
            |caveat: &CaveatRecord| CaveatRecord { arm: Some(arm.name.clone()), ..caveat.clone() };
        arm.kept.record.caveats.iter().map(named).collect()
    };
    let mut caveats: Vec<CaveatRecord> = played.arms.iter().flat_map(of_arm).collect();
    let interrupted = settings.cancel.load(Relaxed);
    if played.failure.is_some() && !interrupted {
        // An arm that failed is a gap in the record, whatever the reason was.
        let measured_s = played.arms.iter().map(|arm| arm.kept.record.duration_s).sum();
        caveats.push(Caveat::Interrupted { measured_s, planned_s: None }.to_record());
    }
    caveats.sort_by_key(|caveat| caveat.severity);
    RunRecord {
        tool: tool(),
        command: settings.command.clone(),
        seed: scenario.seed,
        started_at: first.map(|record| record.started_at.clone()).unwrap_or_default(),
        duration_s: played.arms.iter().map(|arm| arm.kept.record.duration_s).sum(),
        interrupted: interrupted || played.failure.is_some(),
        environment: first.map(|record| record.environment.clone()).unwrap_or_default(),
        server: first.and_then(|record| record.server.clone()),
        caveats,
        scenario: Some(ScenarioRecord {
            name: scenario.name.clone(),
            title: String::new(),
            question: scenario.question.clone(),
            scale: scenario.scale.to_string(),
            arms: scenario
                .arms
                .iter()
                .filter(|arm| was_played(played, arm))
                .map(arm_record)
                .collect(),
            claims: played
                .judgements
                .iter()
                .map(|(claim, j)| ClaimRecord {
                    note: note(claim, played),
                    left_out: left_out_of(claim, played).unwrap_or_default(),
                    ..claim_record(claim, j)
                })
                .collect(),
        }),
        ..RunRecord::default()
    }
}

fn was_played(played: &Played, arm: &Arm) -> bool {
    played.arms.iter().any(|outcome| outcome.name == arm.name)
}

fn arm_record(arm: &Arm) -> ArmRecord {
    ArmRecord {
        name: arm.name.clone(),
        dir: format!("arms/{}", arm.name),
        summary: arm.label.clone(),
    }
}

/// The part that decided: a requirement that is not met, else a part that failed, else one that stayed open, else the first of
/// those that had to hold.
fn deciding(judgement: &Judgement) -> Option<&Part> {
    let holds = || judgement.holds.iter();
    let lacking = || judgement.requires.iter().find(|part| part.outcome != Outcome::Holds);
    lacking()
        .or_else(|| holds().find(|part| part.outcome == Outcome::Fails))
        .or_else(|| holds().find(|part| part.outcome != Outcome::Holds))
        .or_else(|| holds().next())
}

/// What must be known about a verdict: whose behaviour it is about.
#[must_use]
pub fn note(claim: &Claim, played: &Played) -> String {
    let bundled = played.arms.first().is_some_and(|arm| arm.info_before.is_bundled());
    match claim.of_redis && bundled {
        true => "measured on the bundled server, which imitates Redis here; --server-bin redis-server judges Redis itself".to_owned(),
        false => String::new(),
    }
}

fn part_record(part: &Part) -> ClaimPart {
    let (outcome, why) = match &part.outcome {
        Outcome::Holds => ("holds", ""),
        Outcome::Fails => ("fails", ""),
        Outcome::Unknown(why) => ("open", why.as_str()),
    };
    ClaimPart {
        says: part.says.clone(),
        wanted: part.expected.clone(),
        number: part.number.clone(),
        outcome: outcome.to_owned(),
        why: why.to_owned(),
    }
}

fn claim_record(claim: &Claim, judgement: &Judgement) -> ClaimRecord {
    let parts = || judgement.requires.iter().chain(&judgement.holds);
    let join = |text: fn(&Part) -> String| parts().map(text).collect::<Vec<_>>().join("; ");
    ClaimRecord {
        id: claim.id.clone(),
        text: claim.text.clone(),
        article: claim.article.clone(),
        note: String::new(),
        left_out: String::new(),
        parts: parts().map(part_record).collect(),
        decided_by: deciding(judgement).map_or_else(String::new, |part| part.says.clone()),
        number: deciding(judgement).map_or_else(String::new, |part| part.number.clone()),
        wanted: deciding(judgement).map_or_else(String::new, |part| part.expected.clone()),
        expected: join(|part| format!("{}: {}", part.says, part.expected)),
        measured: join(|part| match &part.outcome {
            Outcome::Unknown(why) if part.is_measured => {
                format!("{} (not decided: {why})", part.measured())
            }
            Outcome::Unknown(_) => format!("not measured ({})", part.measured()),
            Outcome::Holds | Outcome::Fails => part.measured(),
        }),
        verdict: match judgement.verdict {
            Verdict::Confirmed => ClaimVerdict::Confirmed,
            Verdict::Refuted => ClaimVerdict::Refuted,
            Verdict::Inconclusive => ClaimVerdict::Inconclusive,
        },
    }
}
