//! What `loadgen run` prints of its records, and where: stdout, or a file.
//!
//! Not the texts themselves (see `console`). Invariant: a file that cannot be written is found out before the run.

use crate::cli::output::{OutputArgs, Style};
use crate::cli::run::RunArgs;
use crate::console::{self, compat, lines, table};
use aelab_engine::error::Failure;
use aelab_engine::files;
use aelab_lab::record::Kept;
use aelab_results::caveat::badness;
use aelab_results::record::{CaveatRecord, RunRecord, Severity};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Where results go, and whether they arrived.
pub(super) struct Sink {
    place: Place,
    /// Where memtier's JSON goes.
    json: Option<OutFile>,
    /// The first thing that could not be written, and why.
    lost: Option<String>,
    /// Warnings that have been printed, and how bad their figures were.
    said: Vec<(String, f64)>,
    /// Caveats to print after all results, each with its test.
    caveats: Vec<CaveatRecord>,
}

enum Place {
    /// A terminal or a pipe.
    Stdout,
    /// A file.
    File(OutFile),
}

/// A file for results; its content is kept until the first result.
struct OutFile {
    flag: &'static str,
    path: PathBuf,
    /// Whether this run made it.
    is_ours: bool,
    /// A regular file from the first result on. A pipe or device from the check on: the reader of a pipe would take a check
    /// for its end, and opening a pipe without a reader would block.
    open: Option<File>,
}

/// Room that a result needs at least; a disk with less is called full before the run.
const PROBE_BYTES: usize = 64 << 10;

impl OutFile {
    /// Finds out whether it can be written, which leaves it as it is: a run that fails must not empty the result of an earlier
    /// one.
    ///
    /// # Errors
    /// It cannot (exit 2).
    fn check(flag: &'static str, path: &Path) -> Result<Self, Failure> {
        let was_there = path.exists();
        let opened = files::open_output(path).and_then(|mut file| {
            // What was there is not added to, so it cannot be told whether there is room.
            let probed = if was_there { Ok(()) } else { probe(&mut file) };
            if !was_there {
                // It would look like an empty result.
                let _ = fs::remove_file(path);
            }
            probed?;
            let is_file = file.metadata()?.is_file();
            Ok((!is_file).then_some(file))
        });
        let open = opened.map_err(|error| {
            Failure::usage(format!(
                "{flag} {}: {error}; nothing was measured; free disk space, or choose another path",
                path.display()
            ))
            .with_id("output-not-writable")
        })?;
        Ok(Self { flag, path: path.to_owned(), is_ours: !was_there, open })
    }

    /// Adds a text to what was written before.
    ///
    /// # Errors
    /// One line: which file, and why. Nothing is left of a file that was made for this text.
    fn write(&mut self, text: &str) -> Result<(), String> {
        let was_begun = self.open.is_some();
        self.begun().and_then(|file| writeln!(file, "{text}")).map_err(|error| {
            if self.is_ours && !was_begun {
                self.open = None;
                let _ = fs::remove_file(&self.path);
            }
            format!("{} {}: {error}", self.flag, self.path.display())
        })
    }

    /// The file, emptied of what an earlier run left if this is the first result.
    fn begun(&mut self) -> io::Result<&mut File> {
        let file = match self.open.take() {
            Some(file) => file,
            None => File::create(&self.path)?,
        };
        Ok(self.open.insert(file))
    }
}

/// Whether there is room for a result behind a new file's beginning.
fn probe(file: &mut File) -> io::Result<()> {
    file.write_all(&vec![0; PROBE_BYTES])?;
    file.sync_all()
}

impl Sink {
    /// As the flags say.
    ///
    /// # Errors
    /// One of the files cannot be written (exit 2).
    pub(super) fn open(output: &OutputArgs) -> Result<Self, Failure> {
        let check = |flag, path: &Option<PathBuf>| {
            path.as_ref().map(|path| OutFile::check(flag, path)).transpose()
        };
        let json = check("--json-out-file", &output.json_out_file)?;
        let place = check("--out-file", &output.out_file)?.map_or(Place::Stdout, Place::File);
        Ok(Self { place, json, lost: None, said: Vec::new(), caveats: Vec::new() })
    }

    /// A result.
    pub(super) fn result(&mut self, text: &str) {
        let written = match &mut self.place {
            Place::Stdout => console::print(text).map_err(|error| format!("stdout: {error}")),
            Place::File(file) => file.write(text),
        };
        if let Err(why) = written {
            self.lost.get_or_insert(why);
        }
    }

    /// The caveats of a record that were not printed with an earlier one, or whose figure is worse now: the report shows the
    /// worst. Those that make a run invalid are printed each time.
    fn unprinted(&mut self, record: &RunRecord) -> RunRecord {
        let mut record = record.clone();
        record.caveats.retain(|caveat| {
            let now = badness(caveat);
            let before = self.said.iter().filter(|(id, _)| *id == caveat.id);
            let is_known =
                before.map(|(_, bad)| *bad).max_by(f64::total_cmp).is_some_and(|b| b >= now);
            self.said.push((caveat.id.clone(), now));
            caveat.severity == Severity::Invalid || !is_known
        });
        record
    }

    /// Keeps the caveats of a record for the end: between the lines of several tests they would look like results.
    fn keep_caveats(&mut self, title: Option<&str>, record: &RunRecord) {
        let of_test = |caveat: &CaveatRecord| CaveatRecord {
            arm: title.map(str::to_owned).or_else(|| caveat.arm.clone()),
            ..caveat.clone()
        };
        self.caveats.extend(record.caveats.iter().map(of_test));
    }

    /// Prints the caveats that were kept for the end, the most severe first, each once.
    pub(super) fn print_caveats(&mut self) {
        let mut caveats = std::mem::take(&mut self.caveats);
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
            Place::File(_) => None,
        }
    }

    fn text(&mut self, text: &str) {
        match &self.place {
            Place::Stdout => self.result(&console::folded(text)),
            Place::File(_) => self.result(text),
        }
    }

    /// Whether all results arrived.
    ///
    /// # Errors
    /// Some did not (exit 2): a script must not take a part for the whole.
    pub(super) fn close(self) -> Result<(), Failure> {
        match self.lost {
            Some(why) => Err(Failure::usage(format!(
                "the result could not be written to {why}; free disk space, or choose another path"
            ))
            .with_id("result-not-written")),
            None => Ok(()),
        }
    }
}

/// Prints a run in the form that was asked for.
pub(super) fn print(args: &RunArgs, title: &str, runs: usize, kept: &Kept, sink: &mut Sink) {
    let (output, record) = (&args.output, &kept.record);
    // A benchmark test has a title of its own, a command its words; a mix is named by its commands.
    let commands = record.headline_groups().iter().map(|group| group.commands.len()).sum::<usize>();
    let typed = args.typed_name();
    let named = match (&typed, &args.load.command_file) {
        (Some(typed), _) => Some(typed.as_str()),
        (None, Some(_)) => None,
        (None, None) => Some(title),
    };
    let label = named.filter(|_| commands == 1);
    if output.is_for_programs() && !output.json {
        sink.keep_caveats((runs > 1).then_some(title), record);
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
        let record = sink.unprinted(record);
        let page = sink.page();
        sink.text(&table::table(&record, &args.percentiles(), page));
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
    sink: &mut Sink,
) -> Result<(), Failure> {
    let Some(file) = &mut sink.json else { return Ok(()) };
    let runs: Vec<(&str, &RunRecord)> =
        kept.iter().map(|(title, one)| (title.as_str(), &one.record)).collect();
    let text = compat::memtier_json(&runs, &output.percentiles)
        .map_err(|error| Failure::invalid(format!("the record has no JSON form: {error}")))?;
    if let Err(why) = file.write(&text) {
        sink.lost.get_or_insert(why);
    }
    Ok(())
}
