//! How a run ends that is compared with limits: exit code 5 if one is exceeded, 3 if one is undecided.
//!
//! Not the judging (see `aelab_results::stated_limits`). Invariant: an exceeded limit decides before an undecided one.

use crate::console;
use aelab_engine::error::{Exit, Failure};
use aelab_results::folder::{Folder, read_folder};
use aelab_results::record::{LimitOutcome, RunRecord, StatedLimit};
use aelab_results::stated_limits::StatedLimits;
use std::path::Path;

/// The end of valid runs whose limits were judged.
///
/// # Errors
/// A limit is exceeded (exit 5) or undecided (exit 3).
pub(super) fn exit<'a>(records: impl Iterator<Item = &'a RunRecord>) -> Result<Exit, Failure> {
    let all: Vec<&StatedLimit> = records.flat_map(|record| &record.limits).collect();
    let told = |outcome| {
        let some = all.iter().filter(|limit| limit.outcome == outcome);
        some.map(|limit| limit.sentence()).collect::<Vec<_>>().join("; ")
    };
    match (told(LimitOutcome::Exceeded), told(LimitOutcome::Undecided)) {
        (exceeded, _) if !exceeded.is_empty() => {
            let is_default = |limit: &&&StatedLimit| limit.name == "max-error-rate";
            let errors = all.iter().filter(|limit| limit.outcome == LimitOutcome::Exceeded);
            let remedy = match errors.filter(is_default).count() {
                0 => "",
                _ => "; look at the errors above, or allow more with --max-error-rate",
            };
            let message = format!("a limit is exceeded: {exceeded}{remedy}");
            Err(Failure::new(Exit::LimitExceeded, "limit-exceeded", message))
        }
        (_, undecided) if !undecided.is_empty() => {
            let message = format!("a limit cannot be decided: {undecided}");
            Err(Failure::new(Exit::Inconclusive, "limit-undecided", message))
        }
        _ => Ok(Exit::Success),
    }
}

/// `loadgen report check`: the limits on a run that was made before; without any, those that were stated then.
///
/// # Errors
/// No folder of a run (exit 2), an invalid or interrupted run (exit 4), and as [`exit`].
pub(super) fn check(dir: &Path, stated: &StatedLimits) -> Result<Exit, Failure> {
    let folder = read_folder(dir).map_err(|error| Failure::usage(error.to_string()))?;
    let runs: Vec<(&str, &Folder)> = match folder.arms.is_empty() {
        true => vec![("", &folder)],
        false => folder.arms.iter().map(|(arm, one)| (arm.name.as_str(), one)).collect(),
    };
    let mut judged = Vec::new();
    for (name, one) in runs {
        let record = &one.record;
        if record.groups.is_empty() {
            continue;
        }
        if record.interrupted || folder.record.interrupted {
            let message =
                format!("{} holds a run that was interrupted; measure again", one.dir.display());
            return Err(Failure::invalid(message).with_id("interrupted"));
        }
        if let Some(caveat) = record.caveats.first().filter(|_| record.is_invalid()) {
            let message = format!("{} must not be used: {}", one.dir.display(), caveat.message());
            return Err(Failure::invalid(message).with_id(caveat.id.clone()));
        }
        let limits = if stated.is_any() { stated.clone() } else { StatedLimits::of(record) };
        let limits = limits.judge(record, one.hlog.as_ref());
        let place = if name.is_empty() { String::new() } else { format!("{name}: ") };
        for limit in &limits {
            let said = limit.sentence().replace('\u{a0}', " ");
            console::result(&format!("{}  {place}{said}", limit.outcome.as_str()));
        }
        judged.push(RunRecord { limits, ..RunRecord::default() });
    }
    if judged.is_empty() {
        return Err(Failure::usage(format!(
            "{} holds no run with requests; give the folder of a run",
            dir.display()
        )));
    }
    exit(judged.iter())
}
