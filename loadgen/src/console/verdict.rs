//! A scenario as text: caveats first, then what each arm showed, then the verdicts.
//!
//! Pure. Invariant: a verdict line begins with the claim's number and its verdict, so that a script can cut it out.

use aelab_lab::observe::stall_cause::WAITING;
use aelab_lab::scenario::{ScenarioOutcome, left_out_of, note};
use aelab_results::record::{Group, NamedFigure, Procedure, Role, RunRecord, Stall};
use aelab_results::text::number::with_noun;
use aelab_scenarios::Scenario;
use aelab_scenarios::criterion::Dimension;
use aelab_scenarios::judge::{Outcome, Part, Verdict, in_words};
use std::fmt::Write as _;

/// The text of a scenario that was run.
#[must_use]
pub fn text(scenario: &Scenario, outcome: &ScenarioOutcome) -> String {
    let mut out = crate::console::table::caveats(&outcome.record);
    out.push_str(&crate::console::table::title(&outcome.record));
    let _ = writeln!(out, "{} ({}): {}", scenario.name, scenario.scale, scenario.question);
    for why in &outcome.notes {
        let _ = writeln!(out, "  {why}");
    }
    if scenario.repeat > 1 {
        let times = scenario.repeat;
        let _ = writeln!(
            out,
            "  each arm ran {times} times; verdicts compare repetition by repetition"
        );
    }
    arm_lines(&mut out, outcome);
    for (claim, judgement) in &outcome.judgements {
        if let Some(why) = left_out_of(claim, outcome) {
            let _ = writeln!(out, "{} not judged on this server: {}: {why}", claim.id, claim.text);
            continue;
        }
        let _ = writeln!(out, "{} {}: {}", claim.id, verdict_word(judgement.verdict), claim.text);
        for part in judgement.requires.iter().chain(&judgement.holds) {
            let _ = writeln!(out, "  {}", part_line(part));
        }
        let note = note(claim, outcome);
        if !note.is_empty() {
            let _ = writeln!(out, "  {note}");
        }
    }
    out.trim_end().to_owned()
}

/// What each arm showed, in each of its repetitions.
fn arm_lines(out: &mut String, outcome: &ScenarioOutcome) {
    let mut shown = Vec::new();
    for arm in &outcome.arms {
        if shown.contains(&&arm.name) {
            continue;
        }
        shown.push(&arm.name);
        let _ = writeln!(out, "  {}", arm.label);
        let all: Vec<_> = outcome.arms.iter().filter(|other| other.name == arm.name).collect();
        for (number, one) in all.iter().enumerate() {
            if all.len() > 1 {
                let _ = writeln!(out, "    repetition {}", number + 1);
            }
            let record = &one.kept.record;
            let mut lines: Vec<String> = record.groups.iter().map(group_line).collect();
            lines.extend((!record.groups.is_empty()).then(|| stall_line(record)));
            lines.extend(record.procedure.iter().flat_map(procedure_lines));
            let indent = if all.len() > 1 { 6 } else { 4 };
            for line in lines {
                let _ = writeln!(out, "{:indent$}{line}", "");
            }
        }
    }
}

/// The word for a verdict.
#[must_use]
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "confirmed",
        Verdict::Refuted => "refuted",
        Verdict::Inconclusive => "inconclusive",
    }
}

fn part_line(part: &Part) -> String {
    let word = match part.outcome {
        Outcome::Holds => "pass",
        Outcome::Fails => "FAIL",
        Outcome::Unknown(_) => "open",
    };
    format!("{word}  {}", part.sentence())
}

/// The figures of a procedure, a few to a line, then its remarks.
fn procedure_lines(procedure: &Procedure) -> Vec<String> {
    /// Figures on one line: about a terminal's width.
    const PER_LINE: usize = 4;
    let words = |figure: &NamedFigure| {
        let dimension = match figure.unit.as_str() {
            "s" => Dimension::Time,
            "B" => Dimension::Size,
            "1/s" => Dimension::Rate,
            _ => Dimension::Number,
        };
        format!("{} {}", figure.name, in_words(figure.value, dimension))
    };
    let figures: Vec<String> = procedure.figures.iter().map(words).collect();
    let lines = figures.chunks(PER_LINE).map(|some| some.join(", "));
    let lines = lines.map(|line| format!("{}: {line}", procedure.kind));
    lines.chain(procedure.notes.iter().cloned()).collect()
}

fn group_line(group: &Group) -> String {
    let (name, quantiles) = crate::console::table::headline(group, &group.total);
    let time = |us: Option<f64>, is_bound: bool| match us {
        Some(us) if is_bound => format!(">={}", in_words(us / 1e6, Dimension::Time)),
        Some(us) => in_words(us / 1e6, Dimension::Time),
        None => "n/a".to_owned(),
    };
    let at = |p: f64| {
        quantiles.at(p).map_or_else(|| time(None, false), |entry| time(entry.us, entry.censored))
    };
    let counts = &group.counts;
    let mut line = format!(
        "{}: {}, {name} p50 {}, p99 {}, p99.9 {}, max {}",
        group.name,
        with_noun(counts.ok + counts.error, "reply"),
        at(50.0),
        at(99.0),
        at(99.9),
        time(quantiles.max_us, quantiles.censored),
    );
    if counts.error + counts.timeout + counts.unfinished + counts.shed > 0 {
        let _ = write!(
            line,
            "; {} errors, {} timeouts, {} unfinished, {} shed",
            counts.error, counts.timeout, counts.unfinished, counts.shed
        );
    }
    if group.role == Role::Offender {
        line.push_str(" (offender)");
    }
    line
}

/// The stalls that count, by kind: each number is of stalls of one description.
fn stall_line(record: &RunRecord) -> String {
    let least = in_words(Stall::NOTABLE_S, Dimension::Time);
    let notable: Vec<&Stall> = record.stalls.iter().filter(|stall| stall.is_notable()).collect();
    let longest = notable.iter().max_by(|a, b| a.duration_s.total_cmp(&b.duration_s));
    let Some(longest) = longest else {
        return match record.stalls.is_empty() {
            true => "no stall".to_owned(),
            false => format!("no stall of {least} or more, and none with a known cause"),
        };
    };
    let waiting = || longest.evidence.iter().find(|why| why.starts_with(WAITING));
    let lost: f64 = notable.iter().map(|stall| stall.lost_client_seconds).sum();
    let explained = notable.iter().filter(|stall| stall.cause.is_some()).count();
    let unknown = notable.len() - explained;
    let known = (explained > 0)
        .then(|| format!("{} with a known cause", with_noun(explained as u64, "stall")));
    let unknown = (unknown > 0)
        .then(|| format!("{} of {least} or more without one", with_noun(unknown as u64, "stall")));
    let counts = match (known, unknown) {
        (None, Some(unknown)) => unknown.replace("without one", "without a known cause"),
        (known, unknown) => known.into_iter().chain(unknown).collect::<Vec<_>>().join(", "),
    };
    format!(
        "{counts}; longest {} ({}); {lost:.2} client-seconds lost",
        in_words(longest.duration_s, Dimension::Time),
        longest.cause.as_ref().or_else(waiting).map_or("no cause found", String::as_str),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_stalls_counts_each_kind_by_its_own_description() {
        let stall = |duration_s, cause: Option<&str>| Stall {
            duration_s,
            cause: cause.map(str::to_owned),
            ..Stall::default()
        };
        for (stalls, want) in [
            (vec![], "no stall"),
            (vec![stall(0.01, None)], "no stall of 20ms or more, and none with a known cause"),
            (
                vec![stall(0.00408, Some("KEYS *")), stall(0.002, Some("KEYS *"))],
                "2 stalls with a known cause; longest 4.08ms (KEYS *); 0.00 client-seconds lost",
            ),
            (
                vec![stall(0.025, None)],
                "1 stall of 20ms or more without a known cause; longest 25ms (no cause found); 0.00 client-seconds lost",
            ),
            (
                vec![stall(0.025, None), stall(0.1, Some("KEYS *"))],
                "1 stall with a known cause, 1 stall of 20ms or more without one; longest 100ms (KEYS *); 0.00 client-seconds lost",
            ),
        ] {
            let record = RunRecord { stalls, ..RunRecord::default() };
            assert_eq!(stall_line(&record), want);
        }
    }
}
