//! `loadgen selftest`: validate the load generator against queueing theory on this machine.

use crate::cli::selftest::SelftestArgs;
use crate::console;
use crate::console::selftest as text;
use crate::selftest;
use crate::selftest::row::Row;
use aelab_engine::clock;
use aelab_engine::error::{Exit, Failure};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

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
        console::note(&format!("all {} rows pass ({took} s)", rows.len()));
        return Ok(Exit::Success);
    }
    let mut ids: Vec<&str> = failed.iter().map(|row| row.id).collect();
    ids.dedup();
    Err(Failure::invalid(format!(
        "{} of {} rows fail: {}; stop other programs on this machine, then run these rows again with --only {}",
        failed.len(),
        rows.len(),
        ids.join(", "),
        ids.join(",")
    )))
}
