//! What `loadgen scenario run` prints: text for people, or with `--json` records for programs.

use crate::cli::scenario::ScenarioRunArgs;
use crate::console;
use aelab_engine::error::Failure;
use aelab_results::record::RunRecord;
use std::path::Path;

/// Prints the records of scenarios as `run --json` prints those of tests: one by itself, several as an array.
///
/// # Errors
/// A record has no JSON form.
pub(super) fn print_json(records: &[RunRecord], is_one: bool) -> Result<(), Failure> {
    let failed = |error| Failure::invalid(format!("the record has no JSON form: {error}"));
    let texts: Vec<String> =
        records.iter().map(RunRecord::to_json).collect::<Result<_, _>>().map_err(failed)?;
    let texts: Vec<&str> = texts.iter().map(|text| text.trim_end()).collect();
    console::result(&if is_one { texts.concat() } else { format!("[\n{}\n]", texts.join(",\n")) });
    Ok(())
}

/// Prints what people read of a scenario, unless stdout is for a program, and its folder.
pub(super) fn print(args: &ScenarioRunArgs, text: &str, dir: &Path) {
    let place = dir.display().to_string();
    if args.json {
        console::note(&place);
    } else {
        console::text(text);
        console::result(&place);
    }
}
