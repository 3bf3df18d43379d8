//! Two result folders, metric by metric: B divided by A, each ratio with a 95 % interval, and what differs in their setup.
//!
//! Pure. Two bases of an interval, which every ratio names:
//! - `repetitions`: both sides ran twice or more. Welch's interval of the difference of logarithms, one value per repetition.
//! - `within-run`: one run each. The two intervals over time (block bootstrap) are combined on logarithms (MOVER, Zou and Donner
//!   2008). It holds what varies within a run, and not what varies from run to run, which is often more.
//!
//! This is no gate: it decides nothing. Invariant: a ratio without a basis has no interval.

mod metrics;
mod setup;
mod shift;

use crate::folder::Folder;
use crate::hlog::{HlogSeries, Metric};
use crate::record::{Group, Quantiles};
use serde::{Deserialize, Serialize};

/// The comparison of two folders.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Comparison {
    /// Version of this layout: 1.
    pub schema: u32,
    /// The first folder.
    pub a: Side,
    /// The second folder; ratios are B over A.
    pub b: Side,
    /// Each group that both have, arm by arm.
    pub pairs: Vec<Pair>,
    /// Arms and groups that only one side has: `a: arms/keys`.
    pub unpaired: Vec<String>,
    /// Settings, machine, server and load, where they differ.
    pub setup: Vec<SetupRow>,
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// One of the two folders.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Side {
    /// Its path, as given.
    pub dir: String,
    /// What the user calls it; may be empty.
    pub title: String,
    /// Start of the measurement, UTC.
    pub started_at: String,
    /// Ids of caveats by which it must not be used.
    pub invalid: Vec<String>,
}

/// A group of both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pair {
    /// The arm; empty in a plain run.
    pub arm: String,
    /// The group.
    pub group: String,
    /// Which time the percentiles are of: `response time` or `service time`.
    pub time: String,
    /// Repetitions of A and of B.
    pub repetitions: [usize; 2],
    /// The metrics.
    pub metrics: Vec<MetricRatio>,
    /// B over A at matched quantiles of all repetitions together.
    pub shift: Vec<ShiftPoint>,
}

impl Pair {
    /// Arm and group as text.
    #[must_use]
    pub fn place(&self) -> String {
        match self.arm.as_str() {
            "" => self.group.clone(),
            arm => format!("{arm}, {}", self.group),
        }
    }
}

/// One metric of a pair.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricRatio {
    /// `p50`, `p99.9`, `rate`, `errors`.
    pub name: String,
    /// `us`, `1/s` or `share`.
    pub unit: String,
    /// The value of A; the geometric mean of its repetitions.
    pub a: Option<f64>,
    /// The value of B, likewise.
    pub b: Option<f64>,
    /// B over A.
    pub ratio: Option<f64>,
    /// Lower end of its 95 % interval.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
    /// Where the interval comes from.
    pub basis: Basis,
    /// Why there is no ratio or no interval; else empty.
    pub why: String,
}

/// Where an interval comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// From repetitions on both sides.
    Repetitions,
    /// From the course of one run each.
    WithinRun,
    /// There is no interval.
    #[default]
    None,
}

/// One quantile of the shift function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShiftPoint {
    /// In percent.
    pub p: f64,
    /// The value of A in µs.
    pub a_us: f64,
    /// The value of B in µs.
    pub b_us: f64,
    /// B over A.
    pub ratio: f64,
    /// Lower end of its interval within the runs, if they are long enough for one.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
}

/// Something in which the two setups differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetupRow {
    /// `environment`, `server`, `server setting`, `load` or `program`.
    pub area: String,
    /// What it is.
    pub name: String,
    /// In A; empty if it has none.
    pub a: String,
    /// In B.
    pub b: String,
}

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

/// One run of a group, with its histograms.
struct Repetition<'a> {
    group: &'a Group,
    folder: &'a Folder,
}

impl Repetition<'_> {
    fn times(&self, metric: Metric) -> &Quantiles {
        match metric {
            Metric::Response => &self.group.total.response_time,
            _ => &self.group.total.service_time,
        }
    }

    fn series(&self, metric: Metric) -> Option<HlogSeries> {
        self.folder.hlog.as_ref()?.of_group(&self.group.name, metric)
    }
}

fn repetitions<'a>(folder: &'a Folder, group: &str) -> Vec<Repetition<'a>> {
    std::iter::once(folder)
        .chain(&folder.repetitions)
        .filter_map(|folder| {
            let group = folder.record.groups.iter().find(|one| one.name == group)?;
            Some(Repetition { group, folder })
        })
        .collect()
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
