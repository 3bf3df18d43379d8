//! What `loadgen run` prints of its records, and where: stdout, or a file.
//!
//! Not the texts themselves (see `console`). Invariant: a file that cannot be written is found out before the run.

use crate::cli::output::{OutputArgs, Style};
use crate::cli::run::RunArgs;
use crate::console::{self, compat, lines, table};
use crate::exit::Failure;
use crate::record::Kept;
use aelab_reports::record::{CaveatRecord, RunRecord, Severity};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where results go, and whether they arrived.
pub(super) struct Sink {
    place: Place,
    /// The first thing that could not be written, and why.
    lost: Option<String>,
    /// Warnings that have been printed.
    said: Vec<String>,
    /// Doubts to be told when all results are out, each with its test.
    doubts: Vec<CaveatRecord>,
}

enum Place {
    /// The terminal, or whoever reads the pipe.
    Stdout,
    /// A file; what it held stays until there is a first result.
    File(Option<File>, PathBuf),
}

impl Sink {
    /// As the flags say.
    ///
    /// # Errors
    /// One of the files cannot be written (exit 2).
    pub(super) fn open(output: &OutputArgs) -> Result<Self, Failure> {
        if let Some(path) = &output.json_out_file {
            check("--json-out-file", path)?;
        }
        let place = match &output.out_file {
            Some(path) => {
                check("--out-file", path)?;
                Place::File(None, path.clone())
            }
            None => Place::Stdout,
        };
        Ok(Self { place, lost: None, said: Vec::new(), doubts: Vec::new() })
    }

    /// A result.
    pub(super) fn result(&mut self, text: &str) {
        let (written, place) = match &mut self.place {
            Place::Stdout => (console::print(text), "stdout".to_owned()),
            Place::File(file, path) => {
                let opened = match file.take() {
                    Some(open) => Ok(open),
                    None => File::create(&*path),
                };
                let written = opened.and_then(|open| writeln!(file.insert(open), "{text}"));
                (written, format!("--out-file {}", path.display()))
            }
        };
        if let Err(error) = written {
            self.lost.get_or_insert_with(|| format!("{place}: {error}"));
        }
    }

    /// The doubts of a record that were not printed with an earlier one. What makes a run invalid is said each time: it may be
    /// the only run that is.
    fn news(&mut self, record: &RunRecord) -> RunRecord {
        let mut record = record.clone();
        record.caveats.retain(|caveat| {
            let is_news = caveat.severity == Severity::Invalid || !self.said.contains(&caveat.id);
            self.said.push(caveat.id.clone());
            is_news
        });
        record
    }

    /// Keeps the doubts of a record for the end: between the lines of several tests they would be taken for some of them.
    fn keep_doubts(&mut self, title: Option<&str>, record: &RunRecord) {
        let of_test = |caveat: &CaveatRecord| CaveatRecord {
            arm: title.map(str::to_owned).or_else(|| caveat.arm.clone()),
            ..caveat.clone()
        };
        self.doubts.extend(record.caveats.iter().map(of_test));
    }

    /// Tells what was kept for the end, gravest first, what several tests have in common once.
    pub(super) fn say_doubts(&mut self) {
        let mut caveats = std::mem::take(&mut self.doubts);
        caveats.sort_by_key(|caveat| caveat.severity);
        let text = table::caveats(&RunRecord { caveats, ..RunRecord::default() });
        if !text.is_empty() {
            console::notes(text.trim_end());
        }
    }

    /// The columns of the page that a text goes to, if they are few.
    fn page(&self) -> Option<usize> {
        match &self.place {
            Place::Stdout => console::page(),
            Place::File(..) => None,
        }
    }

    fn text(&mut self, text: &str) {
        match &self.place {
            Place::Stdout => self.result(&console::folded(text)),
            Place::File(..) => self.result(text),
        }
    }

    /// Whether all results arrived.
    ///
    /// # Errors
    /// Some did not (exit 2): a script must not take a part for the whole.
    pub(super) fn close(self) -> Result<(), Failure> {
        match self.lost {
            Some(why) => Err(Failure::usage(format!(
                "the result could not be written to {why}; make room, or choose another place"
            ))),
            None => Ok(()),
        }
    }
}

/// Whether a file can be written, which leaves it as it is: a run that fails must not empty the result of an earlier one.
fn check(flag: &str, path: &Path) -> Result<(), Failure> {
    let was_there = path.exists();
    OpenOptions::new().append(true).create(true).open(path).map_err(|error| {
        Failure::usage(format!("{flag} {}: {error}; nothing was measured", path.display()))
    })?;
    if !was_there {
        // Whoever finds it would take it for an empty result.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

/// Prints a run in the form that was asked for.
pub(super) fn print(args: &RunArgs, title: &str, runs: usize, kept: &Kept, sink: &mut Sink) {
    let (output, record) = (&args.output, &kept.record);
    // A benchmark test has a title of its own; a mix is told by its commands.
    let label = (record.headline_groups().iter().map(|group| group.commands.len()).sum::<usize>()
        == 1)
        .then_some(title);
    if output.is_for_programs() && !output.json {
        sink.keep_doubts((runs > 1).then_some(title), record);
    }
    if output.csv {
        sink.result(&lines::csv(record, label));
    } else if output.quiet {
        sink.result(&lines::quiet(record, label));
    } else if output.json {
        // Printed when all runs are over.
    } else if output.style == Style::RedisBenchmark {
        let about = compat::About {
            value_bytes: args.load.values().typical(),
            keeps_alive: args.load.reconnect_interval != Some(1),
            threads: args.load.threads,
        };
        let text = compat::redis_benchmark(record, &kept.series, label, about);
        sink.result(&format!("{text}\n"));
    } else if output.style == Style::Memtier {
        sink.result(&compat::memtier(record, &output.percentiles));
    } else {
        if runs > 1 {
            sink.result(&format!("== {title}"));
        }
        let record = sink.news(record);
        let page = sink.page();
        sink.text(&table::table(&record, &output.percentiles, page));
    }
}

/// One test is a record; several are an array of them, also if the last ones were not made.
///
/// # Errors
/// The record has no JSON form.
pub(super) fn print_json(
    runs: usize,
    kept: &[(String, Kept)],
    sink: &mut Sink,
) -> Result<(), Failure> {
    let failed = |error| Failure::invalid(format!("the record has no JSON form: {error}"));
    let texts: Result<Vec<String>, _> = kept.iter().map(|(_, one)| one.record.to_json()).collect();
    let texts = texts.map_err(failed)?;
    let texts: Vec<&str> = texts.iter().map(|text| text.trim_end()).collect();
    sink.result(&if runs == 1 { texts.concat() } else { format!("[\n{}\n]", texts.join(",\n")) });
    Ok(())
}

/// Writes memtier's JSON, if it was asked for.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_memtier_json(
    output: &OutputArgs,
    kept: &[(String, Kept)],
) -> Result<(), Failure> {
    let Some(path) = &output.json_out_file else { return Ok(()) };
    let runs: Vec<(&str, &RunRecord)> =
        kept.iter().map(|(title, one)| (title.as_str(), &one.record)).collect();
    let failed =
        |error: String| Failure::usage(format!("--json-out-file {}: {error}", path.display()));
    let text = compat::memtier_json(&runs, &output.percentiles)
        .map_err(|error| failed(error.to_string()))?;
    fs::write(path, text + "\n").map_err(|error| failed(error.to_string()))
}
