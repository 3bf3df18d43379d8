//! `loadgen report …`: work on folders, without any server.

use crate::cli::{ExportFormat, ReportCommand};
use crate::commands::{limits, results_folder};
use crate::console;
use aelab_engine::error::{Exit, Failure};
use aelab_reports::export::Format;
use aelab_results::files::write_atomic;
use aelab_results::hlog::HLOG_FILE;
use aelab_results::rederive::without_log;
use aelab_results::schema::RESULT_SCHEMA;
use aelab_results::{read_folder, write_folder};
use std::path::{Path, PathBuf};

/// The comparison in its folder.
const COMPARE_FILE: &str = "compare.json";

/// Does it.
///
/// # Errors
/// A folder that is no run's, or cannot be written (exit 2); a limit that is exceeded or undecided.
pub fn run(command: &ReportCommand) -> Result<Exit, Failure> {
    match command {
        ReportCommand::Render { dir } => {
            let files =
                aelab_reports::render(dir).map_err(|error| Failure::usage(error.to_string()))?;
            for file in files {
                console::result(&file.display().to_string());
            }
            Ok(Exit::Success)
        }
        ReportCommand::Check { dir, limits } => limits::check(dir, &limits.limits()),
        ReportCommand::Rederive { dir } => rederive(dir),
        ReportCommand::Merge { dirs, out, force } => merge(dirs, out, *force),
        ReportCommand::Compare { a, b, json, out } => compare((a, b), *json, out.as_deref()),
        ReportCommand::Export { dir, format, tag } => export(dir, *format, tag.as_deref()),
        ReportCommand::Schema => {
            console::print(RESULT_SCHEMA.trim_end())
                .map_err(|error| Failure::usage(format!("cannot write to stdout: {error}")))?;
            Ok(Exit::Success)
        }
    }
}

/// `loadgen report rederive`: the times of the record against the log.
fn rederive(dir: &Path) -> Result<Exit, Failure> {
    let folder = read_folder(dir).map_err(|error| Failure::usage(error.to_string()))?;
    if let Some(one) = without_log(&folder).first() {
        return Err(Failure::usage(format!(
            "{} has no {HLOG_FILE}, so nothing can be derived; restore the file",
            one.dir.display()
        )));
    }
    let found = aelab_results::rederive::rederive(&folder);
    for difference in &found.differences {
        console::result(&format!("differs  {}", difference.sentence()));
    }
    if let Some(first) = found.differences.first() {
        let count = found.differences.len();
        let message = format!(
            "{}: {count} of {} values differ from {HLOG_FILE}, first {}; use the files as loadgen wrote them",
            dir.display(),
            found.checked,
            first.field
        );
        return Err(Failure::invalid(message).with_id("record-differs"));
    }
    console::result(&format!("equal  {} values derived again from {HLOG_FILE}", found.checked));
    if found.open > 0 {
        console::result(&format!(
            "open   {} values also depend on requests without a reply, which the log does not hold",
            found.open
        ));
    }
    Ok(Exit::Success)
}

/// `loadgen report merge`: the sum of runs in a folder of its own.
fn merge(dirs: &[PathBuf], out: &Path, force: bool) -> Result<Exit, Failure> {
    let parts = dirs
        .iter()
        .map(|dir| read_folder(dir).map_err(|error| Failure::usage(error.to_string())))
        .collect::<Result<Vec<_>, Failure>>()?;
    let merged = aelab_results::merge::merge(&parts)
        .map_err(|refusal| Failure::usage(refusal.to_string()).with_id("not-mergeable"))?;
    let _claim = results_folder::prepare(out, force)?;
    write_folder(out, &merged.record, &merged.series)
        .map_err(|error| Failure::usage(error.to_string()).with_id("result-not-written"))?;
    results_folder::render(out);
    console::result(&out.display().to_string());
    Ok(Exit::Success)
}

/// `loadgen report compare`: tables on stdout, or JSON; the same JSON in a folder if there is one.
fn compare((a, b): (&Path, &Path), is_json: bool, out: Option<&Path>) -> Result<Exit, Failure> {
    let read = |dir: &Path| read_folder(dir).map_err(|error| Failure::usage(error.to_string()));
    let (of_a, of_b) = (read(a)?, read(b)?);
    let comparison = aelab_results::compare::compare(&of_a, &of_b);
    if comparison.pairs.is_empty() {
        return Err(Failure::usage(format!(
            "{} and {} have no group of requests in common; compare runs of the same load",
            a.display(),
            b.display()
        )));
    }
    let json = serde_json::to_string_pretty(&comparison)
        .map_err(|error| Failure::usage(format!("the comparison has no JSON form: {error}")))?;
    if let Some(out) = out {
        let path = out.join(COMPARE_FILE);
        std::fs::create_dir_all(out)
            .and_then(|()| write_atomic(&path, |file| writeln!(file, "{json}")))
            .map_err(|error| {
                let message = format!(
                    "cannot write {}: {error}; give another folder with --out",
                    path.display()
                );
                Failure::usage(message).with_id("output-not-writable")
            })?;
        aelab_reports::render_comparison(out, &comparison, &of_a, &of_b)
            .map_err(|error| Failure::usage(error.to_string()).with_id("output-not-writable"))?;
    }
    match is_json {
        true => console::print(&json)
            .map_err(|error| Failure::usage(format!("cannot write to stdout: {error}")))?,
        false => console::text(&console::comparison::text(&comparison)),
    }
    Ok(Exit::Success)
}

/// `loadgen report export`: the text on stdout.
fn export(dir: &Path, format: ExportFormat, tag: Option<&str>) -> Result<Exit, Failure> {
    if tag.is_some() && format != ExportFormat::Hgrm {
        return Err(Failure::usage("--tag chooses the series of --format hgrm; leave it out"));
    }
    let format = match format {
        ExportFormat::Hgrm => Format::Hgrm,
        ExportFormat::Csv => Format::Csv,
        ExportFormat::CsvDistribution => Format::CsvDistribution,
        ExportFormat::Jsonl => Format::Jsonl,
        ExportFormat::Openmetrics => Format::OpenMetrics,
        ExportFormat::GithubActionBenchmark => Format::GithubActionBenchmark,
        ExportFormat::GithubActionBenchmarkRate => Format::GithubActionBenchmarkRate,
        ExportFormat::Bencher => Format::Bencher,
        ExportFormat::Otava => Format::Otava,
    };
    let folder = read_folder(dir).map_err(|error| Failure::usage(error.to_string()))?;
    let text = aelab_reports::export::export(&folder, format, tag)
        .map_err(|error| Failure::usage(error.to_string()))?;
    console::print(text.strip_suffix('\n').unwrap_or(&text))
        .map_err(|error| Failure::usage(format!("cannot write to stdout: {error}")))?;
    Ok(Exit::Success)
}
