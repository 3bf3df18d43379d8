//! `loadgen selftest`: its flags as typed.

use crate::selftest;
use clap::Args;

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
