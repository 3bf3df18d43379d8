//! `loadgen selftest`: prove the engine against theory on this machine.

use crate::console;
use crate::console::selftest as text;
use crate::selftest;
use crate::selftest::row::Row;
use aelab_engine::clock;
use aelab_engine::error::{Exit, Failure};
use clap::Args;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// `loadgen selftest …`
#[derive(Debug, Args)]
#[command(after_help = rows_in_words())]
pub struct SelftestArgs {
    /// Only these rows, by name (A1,A13,…).
    #[arg(long, value_delimiter = ',', value_name = "NAMES", value_parser = known)]
    pub only: Vec<String>,
    /// Print the rows as one JSON object at the end, instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What there is to ask for, how long it takes and how it ends.
fn rows_in_words() -> String {
    let rows = selftest::CHECKS
        .iter()
        .map(|check| format!("  {:9} {}\n", check.ids.join(", "), check.about));
    format!(
        "Rows:\n{}  {:9} the books of all of these\nAll of them take about four minutes, and want a machine that does nothing \
         else. A comparison of times that fails is made again, three times at most; its row says at which try it held.\n\n\
         Exit codes: 0 all rows hold; 2 bad input; 4 a row does not hold; 6 the bundled server did not start.",
        rows.collect::<String>(),
        selftest::BOOKS,
    )
}

fn known(text: &str) -> Result<String, String> {
    if selftest::ids().any(|id| id.eq_ignore_ascii_case(text)) {
        return Ok(text.to_ascii_uppercase());
    }
    let ids: Vec<&str> = selftest::ids().collect();
    let elsewhere = selftest::ELSEWHERE.iter().find(|(id, _)| id.eq_ignore_ascii_case(text));
    let what = match elsewhere {
        Some((id, why)) => format!("{id} is no row of the self-test: {why}"),
        None => "there is no such row".to_owned(),
    };
    Err(format!("{what}; there are {}", ids.join(", ")))
}

/// Does it.
///
/// # Errors
/// A row that does not hold (exit 4), a server that does not start (exit 6).
pub fn run(args: &SelftestArgs, cancel: &AtomicBool) -> Result<Exit, Failure> {
    let from = clock::now();
    if !args.json {
        console::result(&text::header());
    }
    let rows = selftest::run(
        &args.only,
        cancel,
        |check| console::note(&format!("{}: {} …", check.ids.join(", "), check.about)),
        |rows| {
            if !args.json {
                rows.iter().for_each(|row| console::result(&text::line(row)));
            }
        },
    )?;
    if args.json {
        console::result(&text::json(&rows));
    }
    let took = Duration::from(clock::now().since(from)).as_secs();
    let failed: Vec<&Row> = rows.iter().filter(|row| !row.holds).collect();
    if failed.is_empty() {
        console::note(&format!("all {} rows hold ({took} s)", rows.len()));
        return Ok(Exit::Success);
    }
    let mut ids: Vec<&str> = failed.iter().map(|row| row.id).collect();
    ids.dedup();
    Err(Failure::invalid(format!(
        "{} of {} rows do not hold: {}; stop other programs on this machine and run them again with --only {}",
        failed.len(),
        rows.len(),
        ids.join(", "),
        ids.join(",")
    )))
}
