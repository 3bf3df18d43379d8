//! Two result folders, metric by metric: B divided by A, each ratio with a 95 % interval, and what differs in their setup.
//!
//! Pure. Two bases of an interval, which every ratio names:
//! - `repetitions`: both sides ran twice or more. Welch's interval of the difference of logarithms, one value per repetition.
//! - `within-run`: one run each. The two intervals over time (block bootstrap) are combined on logarithms (MOVER, Zou and Donner
//!   2008). It holds what varies within a run, and not what varies from run to run, which is often more.
//!
//! This is no gate: it decides nothing. Invariant: a ratio without a basis has no interval.

mod metrics;
mod repetition;
mod setup;
mod shift;
mod types;

use crate::folder::Folder;
use crate::hlog::Metric;
use crate::record::Group;
use repetition::repetitions;

pub use types::{Basis, Comparison, MetricRatio, Pair, SetupRow, ShiftPoint, Side};

/// Compares two folders.
#[must_use]
pub fn compare(a: &Folder, b: &Folder) -> Comparison {
    let (runs_a, runs_b) = (runs(a), runs(b));
    let mut comparison = Comparison { schema: 1, a: side(a), b: side(b), ..Comparison::default() };
    for (name, one) in &runs_a {
        match runs_b.iter().find(|(other, _)| other == name) {
            Some((_, other)) => {
                groups(name, one, other, &mut comparison);
                setup::differences(name, &one.record, &other.record, &mut comparison.setup);
            }
            None => comparison.unpaired.push(format!("a: {}", arm_or_run(name))),
        }
    }
    for (name, _) in &runs_b {
        if !runs_a.iter().any(|(other, _)| other == name) {
            comparison.unpaired.push(format!("b: {}", arm_or_run(name)));
        }
    }
    comparison.notes = notes(&comparison);
    comparison
}

fn arm_or_run(name: &str) -> String {
    if name.is_empty() { "a single run".to_owned() } else { format!("arm {name}") }
}

/// The runs of a folder by the name of their arm; a plain run has no name.
fn runs(folder: &Folder) -> Vec<(String, &Folder)> {
    match folder.arms.is_empty() {
        true => vec![(String::new(), folder)],
        false => folder.arms.iter().map(|(arm, one)| (arm.name.clone(), one)).collect(),
    }
}

fn side(folder: &Folder) -> Side {
    let record = &folder.record;
    let mut invalid: Vec<String> = std::iter::once(folder)
        .chain(folder.arms.iter().map(|(_, arm)| arm))
        .flat_map(|one| &one.record.caveats)
        .filter(|caveat| caveat.severity == crate::record::Severity::Invalid)
        .map(|caveat| caveat.id.clone())
        .collect();
    invalid.sort_unstable();
    invalid.dedup();
    Side {
        dir: folder.dir.display().to_string(),
        title: record.title.clone(),
        started_at: record.started_at.clone(),
        invalid,
    }
}

fn groups(arm: &str, a: &Folder, b: &Folder, into: &mut Comparison) {
    for group in &a.record.groups {
        let Some(other) = b.record.groups.iter().find(|other| other.name == group.name) else {
            into.unpaired.push(format!("a: {}", place(arm, &group.name)));
            continue;
        };
        if group.total.service_time.count == 0 && other.total.service_time.count == 0 {
            // Only connections.
            continue;
        }
        let (time, metric) = lead(group, other);
        let sides = [repetitions(a, &group.name), repetitions(b, &group.name)];
        into.pairs.push(Pair {
            arm: arm.to_owned(),
            group: group.name.clone(),
            time: time.to_owned(),
            repetitions: [sides[0].len(), sides[1].len()],
            metrics: metrics::all(&sides, metric),
            shift: shift::function(&sides, metric),
        });
    }
    for group in &b.record.groups {
        if !a.record.groups.iter().any(|other| other.name == group.name) {
            into.unpaired.push(format!("b: {}", place(arm, &group.name)));
        }
    }
}

fn place(arm: &str, group: &str) -> String {
    if arm.is_empty() { format!("group {group}") } else { format!("group {group} of arm {arm}") }
}

/// The time that both sides can be compared by.
fn lead(a: &Group, b: &Group) -> (&'static str, Metric) {
    match a.has_due_times() && b.has_due_times() {
        true => ("response time", Metric::Response),
        false => ("service time", Metric::Service),
    }
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, side) in [("A", &comparison.a), ("B", &comparison.b)] {
        if !side.invalid.is_empty() {
            let ids = side.invalid.join(", ");
            notes
                .push(format!("{name} must not be used ({ids}), so this comparison says nothing."));
        }
    }
    if comparison.pairs.is_empty() {
        notes.push("The folders have no group of requests in common.".to_owned());
    }
    let is_single = |pair: &Pair| pair.repetitions.iter().any(|count| *count < 2);
    if comparison.pairs.iter().any(is_single) {
        notes.push(
            "With one run on a side, the intervals cover variation within a run only. Runs of the same program on the same machine \
             often differ by more: repeat both before you decide."
                .to_owned(),
        );
    }
    if comparison.pairs.iter().any(|pair| !is_single(pair)) {
        notes.push(
            "The repetitions of the two sides were not interleaved, so a change of the machine between them is part of the ratio."
                .to_owned(),
        );
    }
    notes
}
