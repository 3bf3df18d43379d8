//! The stall explorer's answer: from arms of several sizes to a line, and from the line to a largest size.
//!
//! With the command every T and a stall of length L, the requests that become due in the stall wait evenly between 0 and L: the
//! share of all that waits longer than x is (L − x)/T. So 99 of 100 keep x as long as L is at most x + T/100. Invariant: a size
//! beyond those measured is called a prediction.

use crate::arm::{ArmOutcome, Settings};
use crate::observe::stall_cause::measured_entries;
use crate::scenario::{self, ScenarioOutcome, explorer_limit};
use aelab_engine::error::Failure;
use aelab_results::record::{Curve, NamedFigure, Point, Procedure, Severity, Table};
use aelab_results::stats::fit::{Line, line};
use aelab_results::write_folder;
use aelab_scenarios::Scenario;
use aelab_scenarios::criterion::Dimension;
use aelab_scenarios::explore::{Data, Exploration};
use aelab_scenarios::judge::{Figure, in_words};
use aelab_units::format_count;
use std::path::Path;
use std::time::Duration;

/// Points of the drawn line.
const LINE_POINTS: u32 = 20;

/// The question, with the limit that must be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What is measured.
    pub exploration: Exploration,
    /// The 99th percentile that must be kept.
    pub p99: Duration,
}

/// What was measured at one size.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Size {
    /// How many elements.
    pub elements: u64,
    /// Length of each stall that the command caused, in seconds.
    pub stalls_s: Vec<f64>,
    /// Where these lengths come from.
    pub witness: Witness,
    /// The median of the server's own execution time.
    pub execution_s: Option<f64>,
    /// 99th percentile of the response time of the other clients.
    pub p99_s: Option<f64>,
    /// The maximum of their response time.
    pub max_s: Option<f64>,
    /// The id of the caveat that makes it invalid.
    pub invalid: Option<String>,
    /// The server's error, if the command failed each time.
    pub refusal: Option<String>,
    /// Keys that existed before and not afterwards.
    pub keys_lost: u64,
}

/// Where the length of a stall comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Witness {
    /// The gaps between the replies to the other clients.
    #[default]
    Others,
    /// SLOWLOG alone: the stalls are too short to stand out from the usual gaps between replies.
    Server,
}

impl Size {
    /// The median stall.
    #[must_use]
    pub fn stall_s(&self) -> Option<f64> {
        middle(self.stalls_s.clone())
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was measured, by size.
    pub sizes: Vec<Size>,
    /// The line through the stalls; `None` if too few were seen.
    pub line: Option<Line>,
    /// Where the line has the largest size at which 99 of 100 requests keep the limit.
    pub keeps_p99: Option<Figure>,
    /// From this size on some requests take longer than the limit.
    pub first_over: Option<Figure>,
}

/// The outcome of an exploration.
#[derive(Debug)]
pub struct Explored {
    /// The runs, and the record as written, with the answer.
    pub outcome: ScenarioOutcome,
    /// The answer, if any size was measured.
    pub answer: Option<Answer>,
}

/// Runs `scenario`, which was built from the question, and writes its record with the answer.
///
/// Never fails as a whole, as [`scenario::run`].
#[must_use]
pub fn run(
    question: &Question,
    scenario: &Scenario,
    settings: &Settings<'_>,
    dir: &Path,
) -> Explored {
    let mut outcome = scenario::run(scenario, settings, dir);
    if outcome.arms.is_empty() {
        return Explored { outcome, answer: None };
    }
    let answer = answer(question, &outcome.arms);
    outcome.record.procedure = Some(answer.record(question));
    if let Err(error) = write_folder(dir, &outcome.record, &[]) {
        outcome.failure.get_or_insert_with(|| Failure::usage(error.to_string()));
    }
    Explored { outcome, answer: Some(answer) }
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Fits the line and reads the answer from it.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
pub fn answer(question: &Question, arms: &[ArmOutcome]) -> Answer {
    let command = name(&question.exploration);
    let sizes: Vec<Size> = question
        .exploration
        .sizes
        .iter()
        .filter_map(|size| {
            let arm = Exploration::arm(*size);
            arms.iter()
                .find(|outcome| outcome.name == arm)
                .map(|outcome| at(*size, &command, outcome))
        })
        .collect();
    let points: Vec<(f64, f64)> = sizes
        .iter()
        .filter(|size| size.invalid.is_none())
        .flat_map(|size| size.stalls_s.iter().map(|stall| (size.elements as f64, *stall)))
        .collect();
    let line = line(&points);
    let limit = question.p99.as_secs_f64();
    let longest_allowed = limit + question.exploration.every.as_secs_f64() / 100.0;
    Answer {
        keeps_p99: line.and_then(|line| line.reaches(longest_allowed)),
        first_over: line.and_then(|line| line.reaches(limit)),
        sizes,
        line,
    }
}

/// The command's name in capitals.
fn name(exploration: &Exploration) -> String {
    exploration.offender.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}

fn at(elements: u64, command: &str, arm: &ArmOutcome) -> Size {
    let caused = |cause: &Option<String>| {
        cause.as_ref().is_some_and(|cause| {
            cause.split_whitespace().next().is_some_and(|name| name.eq_ignore_ascii_case(command))
        })
    };
    let stalls = arm.kept.record.stalls.iter().filter(|stall| caused(&stall.cause));
    let entries =
        measured_entries(&arm.slowlog, command, arm.measured_from_unix_s, arm.calls_of(command));
    let executions: Vec<f64> = entries.iter().map(Duration::as_secs_f64).collect();
    let victims = arm.kept.record.groups.iter().find(|group| group.name == "victims");
    let response = victims.map(|group| &group.total.response_time);
    let seconds = |us: Option<f64>| us.map(|us| us / 1e6);
    let mut stalls_s: Vec<f64> = stalls.map(|stall| stall.duration_s).collect();
    let mut witness = Witness::Others;
    if stalls_s.is_empty() {
        stalls_s.clone_from(&executions);
        witness = Witness::Server;
    }
    let offender = arm.kept.record.groups.iter().find(|group| group.name == "offender");
    let failed = offender.filter(|group| group.counts.ok == 0 && group.counts.error > 0);
    let (before, after) = (arm.info_before.keys(), arm.info_after.keys());
    let caveats = &arm.kept.record.caveats;
    Size {
        elements,
        stalls_s,
        witness,
        execution_s: middle(executions),
        p99_s: seconds(response.and_then(|q| q.us_at(99.0))),
        max_s: seconds(response.and_then(|q| q.max_us)),
        invalid: caveats.iter().find(|c| c.severity == Severity::Invalid).map(|c| c.id.clone()),
        refusal: failed.and_then(|group| group.errors.first()).map(|error| error.text.clone()),
        keys_lost: before.zip(after).map_or(0, |(before, after)| before.saturating_sub(after)),
    }
}

impl Answer {
    /// The sizes with a valid measurement.
    pub(super) fn usable(&self) -> impl Iterator<Item = &Size> {
        self.sizes.iter().filter(|size| size.invalid.is_none())
    }

    /// The answer as sentences.
    #[must_use]
    pub fn sentences(&self, question: &Question) -> Vec<String> {
        let exploration = &question.exploration;
        let time = |seconds: f64| in_words(seconds, Dimension::Time);
        if let Some(refusal) = self.refusal() {
            return vec![format!("{} failed each time: {refusal}", exploration.offender)];
        }
        let mut sentences = self.left_out(&exploration.offender);
        let is_measured = |size: &&u64| self.sizes.iter().any(|own| own.elements == **size);
        for size in exploration.sizes.iter().filter(|size| !is_measured(size)) {
            sentences.push(format!(
                "{} elements: not measured, because the run ended before.",
                format_count(*size)
            ));
        }
        if self.sizes.iter().any(|size| size.keys_lost > 0) {
            sentences.push(format!(
                "{} removes the elements it reads: at each size only its first execution counts, and it may have been in the warm-up.",
                exploration.offender
            ));
        }
        if exploration.period() != exploration.every {
            sentences.push(format!(
                "During the measurement it was sent every {}: p99 and max are those of that period.",
                time(exploration.period().as_secs_f64())
            ));
        }
        let Some(line) = self.line else {
            sentences.extend(self.seen(exploration));
            sentences.extend(explorer_limit::of_existing_data(self, question));
            return sentences;
        };
        let slope = line.slope;
        sentences.push(format!(
            "Each thousand elements of {} add {} to the stall of all clients{}.",
            exploration.offender,
            time(slope.value * 1e3),
            match slope.lo < slope.hi {
                true => format!(" ({} to {})", time(slope.lo.max(0.0) * 1e3), time(slope.hi * 1e3)),
                false => String::new(),
            }
        ));
        if let Some(agreement) = self.agreement() {
            sentences.push(format!(
                "The stalls that other clients saw are within {:.0} % of the server's own execution times (SLOWLOG).",
                ((agreement.value - 1.0) * 100.0).abs().ceil()
            ));
        }
        sentences.extend(explorer_limit::sentences(self, question));
        sentences
    }

    /// The server's error, if the command failed at every size, each time.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        let failed = self.sizes.iter().all(|size| size.refusal.is_some());
        self.sizes.first().filter(|_| failed)?.refusal.as_deref()
    }

    /// Why some sizes are not in the line: the measurement is invalid, or no stall was seen.
    fn left_out(&self, offender: &str) -> Vec<String> {
        let mut sentences = Vec::new();
        for size in &self.sizes {
            if let Some(id) = &size.invalid {
                let seen = size.stall_s().map_or_else(String::new, |stall| {
                    format!(
                        ", although stalls of {} were measured",
                        in_words(stall, Dimension::Time)
                    )
                });
                sentences.push(format!(
                    "{} elements: discarded{seen}, because the measurement is invalid ({id}); repeat it on an idle machine.",
                    format_count(size.elements)
                ));
            }
        }
        let short = |size: &&Size| {
            size.invalid.is_none() && size.witness == Witness::Server && !size.stalls_s.is_empty()
        };
        let short: Vec<String> =
            self.sizes.iter().filter(short).map(|size| format_count(size.elements)).collect();
        if !short.is_empty() {
            sentences.push(format!(
                "With {} elements the stalls were too short to measure from outside: the server's own execution times (SLOWLOG) are used.",
                short.join(" and ")
            ));
        }
        let unseen = |size: &&Size| size.invalid.is_none() && size.stalls_s.is_empty();
        let unseen: Vec<String> =
            self.sizes.iter().filter(unseen).map(|size| format_count(size.elements)).collect();
        if unseen.len() == self.sizes.len() {
            sentences.push(format!(
                "{offender} was too short at all of these sizes to stand out from the gaps between replies; give larger --sizes."
            ));
        } else if !unseen.is_empty() {
            sentences.push(format!(
                "With {} elements {offender} was too short to stand out from the gaps between replies.",
                unseen.join(" and ")
            ));
        }
        sentences
    }

    /// What can be said without a line.
    fn seen(&self, exploration: &Exploration) -> Vec<String> {
        let offender = &exploration.offender;
        let seen = self.usable().filter_map(|size| {
            let stall = in_words(size.stall_s()?, Dimension::Time);
            Some(format!(
                "With {} elements {offender} stalls all clients for {stall}.",
                format_count(size.elements)
            ))
        });
        let mut sentences: Vec<String> = seen.collect();
        if !sentences.is_empty() && exploration.data == Data::Loaded {
            let is_invalid = self.sizes.iter().any(|size| size.invalid.is_some());
            let advice = if is_invalid {
                "A line needs valid measurements of two sizes; repeat the run on an idle machine."
            } else {
                "A line needs stalls at two sizes; give larger --sizes, or more of them."
            };
            sentences.push(advice.to_owned());
        }
        sentences
    }

    /// Stalls divided by the server's own execution times (SLOWLOG), at the size that differs most.
    fn agreement(&self) -> Option<Figure> {
        let ratio = |size: &Size| Some(size.stall_s()? / size.execution_s.filter(|s| *s > 0.0)?);
        let both = |size: &&Size| size.invalid.is_none() && size.witness == Witness::Others;
        let usable = self.sizes.iter().filter(both);
        let ratios = usable.filter_map(ratio);
        let worst = ratios.max_by(|a, b| a.ln().abs().total_cmp(&b.ln().abs()))?;
        Some(Figure::exact(worst))
    }

    /// What the record keeps of it, with the curve.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    pub fn record(&self, question: &Question) -> Procedure {
        let mut figures = Vec::new();
        let mut add = |name: &str, figure: Option<Figure>, unit: &str| {
            let Some(figure) = figure else { return };
            let end = |end: f64| end.is_finite().then_some(end);
            figures.push(NamedFigure {
                name: name.to_owned(),
                value: figure.value,
                unit: unit.to_owned(),
                lo: end(figure.lo),
                hi: end(figure.hi),
            });
        };
        add("stall_per_element_s", self.line.map(|line| line.slope), "s");
        add("stall_by_execution", self.agreement(), "");
        add("stall_base_s", self.line.map(|line| line.base), "s");
        add("largest_for_p99", explorer_limit::largest(self, question), "");
        add("first_over_limit", self.first_over, "");
        let columns = ["elements", "stall_s", "execution_s", "p99_s", "max_s"];
        let rows = self.sizes.iter().map(|size| {
            vec![
                Some(size.elements as f64),
                size.stall_s(),
                size.execution_s,
                size.p99_s,
                size.max_s,
            ]
        });
        Procedure {
            kind: "stall explorer".to_owned(),
            about: format!(
                "how long {} stalls all clients, by size",
                question.exploration.offender
            ),
            figures,
            notes: self.sentences(question),
            tables: vec![Table {
                title: "measurements at each size".to_owned(),
                columns: columns.map(str::to_owned).to_vec(),
                rows: rows.collect(),
            }],
            curve: Some(self.curve(question)),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    fn curve(&self, question: &Question) -> Curve {
        let mut points: Vec<Point> = Vec::new();
        let mut add = |series: &str, x: f64, y: Option<f64>| {
            if let Some(y) = y.filter(|y| *y > 0.0) {
                points.push(Point { series: series.to_owned(), x, y });
            }
        };
        for size in self.usable() {
            add("stall", size.elements as f64, size.stall_s());
        }
        for size in self.usable() {
            add("p99 of the other clients", size.elements as f64, size.p99_s);
        }
        if let (Some(line), Some(first), Some(last)) =
            (self.line, self.sizes.first(), self.sizes.last())
        {
            let (from, to) = ((first.elements as f64).ln(), (last.elements as f64).ln());
            for step in 0..=LINE_POINTS {
                let x = (from + (to - from) * f64::from(step) / f64::from(LINE_POINTS)).exp();
                add("line through the stalls", x, Some(line.at(x)));
            }
        }
        Curve {
            title: String::new(),
            x: "elements".to_owned(),
            y: format!("stall of all clients caused by {}", name(&question.exploration)),
            y_unit: "s".to_owned(),
            log: true,
            points,
        }
    }
}

#[cfg(test)]
#[path = "stall_explorer_tests.rs"]
mod tests;
