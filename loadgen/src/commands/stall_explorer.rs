//! `loadgen scenario run stall`: how long does a command block other clients, and how large may its key be?
//!
//! Runs one arm per size, fits a line to the lengths of the stalls, and reports where it crosses the limit. Invariant: the
//! answer names the measured sizes, so that a prediction is not mistaken for a measurement.

use crate::cli::scenario::ScenarioRunArgs;
use crate::cli::stall_explorer::Question;
use crate::commands::exit::{no_arm_ran, server_change, with_results_in};
use crate::commands::results_folder;
use crate::commands::scenario_output;
use crate::console;
use crate::console::progress::Console;
use crate::exporter::Exporter;
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::{Exit, Failure};
use aelab_lab::scenario::existing_data;
use aelab_lab::scenario::stall_explorer::{self, Answer, Explored};
use aelab_lab::session::duration::{self, Estimate};
use aelab_lab::{CleanUp, Place, Settings};
use aelab_results::record::RunRecord;
use aelab_results::text::number::counted;
use aelab_scenarios::criterion::Dimension;
use aelab_scenarios::explore::Data;
use aelab_scenarios::judge::in_words;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Does it.
///
/// # Errors
/// A command that cannot be sent (exit 2), a server that is not there (exit 6), an interruption (exit 4); what was measured
/// before it is kept.
pub(super) fn run(
    args: &ScenarioRunArgs,
    question: &Question,
    words: &[String],
    cancel: &AtomicBool,
    exporter: Option<&Exporter>,
) -> Result<Exit, Failure> {
    let place = args.place()?;
    if let Place::Running(target) = &place {
        crate::commands::wait_ready::wait(target, false, args.wait_ready, cancel)?;
    }
    let question = &on_data(question, &place)?;
    let scenario = question.exploration.scenario();
    let mut scenario = scenario.map_err(|error| Failure::usage(error.message))?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    aelab_lab::arm::run_plan::check(&scenario)?;
    let estimate = duration::estimate(&scenario);
    console::note(&announcement(scenario.arms.len(), estimate));
    let dir = args.out.clone().map_or_else(|| results_folder::default_dir(&scenario.name), Ok)?;
    let _claim = results_folder::prepare(&dir, args.force)?;
    let settings = Settings {
        place,
        command: words.to_vec(),
        labels: args.labels.labels(),
        cancel,
        progress: String::new(),
        observer: &Console { exporter, scenario: &scenario.name, ..Console::default() },
        clean_up: CleanUp::Remove,
        until: Some(clock::now() + Nanos::from(estimate.at_most)),
    };
    let Explored { outcome, answer } = stall_explorer::run(question, &scenario, &settings, &dir);
    let Some(answer) = answer else {
        // The folder was made for this run; an empty one is no result.
        let _ = std::fs::remove_dir(&dir);
        return Err(no_arm_ran(outcome));
    };
    results_folder::render(&dir);
    scenario_output::print(args, &text(question, &answer, &outcome.record), &dir);
    if args.json {
        scenario_output::print_json(std::slice::from_ref(&outcome.record), true)?;
    }
    let failed = match (outcome.failure, answer.refusal(), server_change(&outcome.record)) {
        (Some(failure), ..) => failure,
        (None, Some(refusal), _) => {
            let offender = &question.exploration.offender;
            let why =
                format!("{offender} failed each time: {refusal}; check the command and --data");
            Failure::invalid(why).with_id("no-success")
        }
        (None, None, Some(why)) => Failure::invalid(why).with_id("server-changed"),
        (None, None, None) if args.strict => return Ok(strict_exit(&outcome.record, &answer)),
        // As for every scenario, the answer changes the exit code only with `--strict`.
        (None, None, None) => return Ok(Exit::Success),
    };
    Err(with_results_in(failed, &dir))
}

/// The question with the size of the data that is there, if it is about such data.
fn on_data(question: &Question, place: &Place) -> Result<Question, Failure> {
    let mut question = question.clone();
    if question.exploration.data == Data::Existing {
        let Place::Running(target) = place else {
            return Err(Failure::usage("--existing-data needs --target, the server with the data"));
        };
        existing_data::look_up(target, &mut question.exploration)?;
    }
    Ok(question)
}

/// How long it takes, before it starts.
fn announcement(sizes: usize, estimate: Estimate) -> String {
    let time = |duration: Duration| {
        let seconds = duration.as_secs_f64().ceil();
        match seconds < 120.0 {
            true => format!("{seconds:.0} s"),
            false => format!("{:.1} min", seconds / 60.0),
        }
    };
    format!(
        "this takes about {}, and at most {}, for {}",
        time(estimate.about),
        time(estimate.at_most),
        counted(sizes, "size")
    )
}

fn strict_exit(record: &RunRecord, answer: &Answer) -> Exit {
    match answer.line {
        _ if record.is_invalid() => Exit::Invalid,
        None => Exit::Inconclusive,
        Some(_) => Exit::Success,
    }
}

/// A table of the sizes, then the answer in sentences.
fn text(question: &Question, answer: &Answer, record: &RunRecord) -> String {
    let time = |seconds: Option<f64>| {
        seconds.map_or_else(|| "n/a".to_owned(), |s| in_words(s, Dimension::Time))
    };
    let before = console::table::caveats(record) + &console::table::title(record);
    let mut lines = before.lines().map(str::to_owned).collect::<Vec<_>>();
    lines.push(format!(
        "{:>12} {:>12} {:>12} {:>12} {:>12}",
        "elements", "stall", "server", "p99", "max"
    ));
    for size in &answer.sizes {
        lines.push(format!(
            "{:>12} {:>12} {:>12} {:>12} {:>12}",
            size.elements,
            time(size.stall_s()),
            time(size.execution_s),
            time(size.p99_s),
            time(size.max_s)
        ));
    }
    lines.extend(answer.sentences(question));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::caveat::Caveat;

    #[test]
    fn the_time_is_announced_in_seconds_or_minutes() {
        let estimate =
            Estimate { about: Duration::from_millis(104_200), at_most: Duration::from_secs(150) };
        let text = announcement(4, estimate);
        assert_eq!(text, "this takes about 105 s, and at most 2.5 min, for 4 sizes");
    }

    #[test]
    fn strict_tells_no_answer_from_an_invalid_one() {
        let answer = Answer { sizes: Vec::new(), line: None, keeps_p99: None, first_over: None };
        let mut record = RunRecord::default();
        assert_eq!(strict_exit(&record, &answer), Exit::Inconclusive);
        let caveat = Caveat::server_starved(0.5, 1.0, 0.1).expect("a caveat");
        record.caveats.push(caveat.to_record());
        assert_eq!(strict_exit(&record, &answer), Exit::Invalid);
    }
}
