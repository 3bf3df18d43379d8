//! How `loadgen scenario run` ends: the exit code that a record stands for.
//!
//! Pure. Invariant: without `--strict` only a failed or invalid measurement changes the exit code, never a verdict.

use aelab_engine::error::{Exit, Failure};
use aelab_lab::scenario::{ScenarioOutcome, left_out_of};
use aelab_results::record::{Role, RunRecord};
use aelab_scenarios::judge::Verdict;
use std::path::Path;

/// The first arm whose server ended or was replaced while it was measured: its results belong to no one server.
pub(super) fn server_change(record: &RunRecord) -> Option<String> {
    let changed = record.caveats.iter().find(|caveat| caveat.id == "server-changed")?;
    let arm = changed.arm.as_deref().unwrap_or_default();
    Some(format!("arm {arm}: {}", changed.text))
}

/// Why a scenario's measurements must not be used, if they must not: the id of the failure, and what happened.
pub(super) fn not_usable(outcome: &ScenarioOutcome) -> Option<(&'static str, String)> {
    let changed = server_change(&outcome.record).map(|why| ("server-changed", why));
    changed.or_else(|| without_success(outcome).map(|why| ("no-success", why)))
}

/// The first arm in which all victims were refused or left without an answer.
fn without_success(outcome: &ScenarioOutcome) -> Option<String> {
    let failed = |record: &RunRecord| {
        let victims = || record.groups.iter().filter(|group| group.role == Role::Victim);
        victims().any(|group| group.counts.sent > 0) && victims().all(|group| group.counts.ok == 0)
    };
    let arm = outcome.arms.iter().find(|arm| failed(&arm.kept.record))?;
    Some(format!("arm {}: no request of the victims succeeded", arm.name))
}

/// The exit code of `--strict`.
pub(super) fn strict_exit(outcome: &ScenarioOutcome) -> Exit {
    if outcome.record.is_invalid() {
        return Exit::Invalid;
    }
    // A claim whose arms were left out on this server is not judged: what was judged decides.
    let judged = || outcome.judgements.iter().filter(|(c, _)| left_out_of(c, outcome).is_none());
    let any = |verdict| judged().any(|(_, j)| j.verdict == verdict);
    if any(Verdict::Refuted) {
        Exit::Refuted
    } else if any(Verdict::Inconclusive)
        || (!outcome.judgements.is_empty() && judged().next().is_none())
    {
        Exit::Inconclusive
    } else {
        Exit::Success
    }
}

/// Of several scenarios the first that did not succeed decides.
pub(super) fn first_failure(before: Exit, now: Exit) -> Exit {
    if before == Exit::Success { now } else { before }
}

/// The same failure, whose message also names the folder with the results.
pub(super) fn with_results_in(failure: Failure, dir: &Path) -> Failure {
    let message = format!("{}; what was measured is in {}", failure.message, dir.display());
    failure.with_message(message)
}

/// Why a scenario has no result at all.
pub(super) fn no_arm_ran(outcome: ScenarioOutcome) -> Failure {
    let why = || Failure::usage(format!("no arm can be run: {}", outcome.notes.join("; ")));
    outcome.failure.clone().unwrap_or_else(why)
}
