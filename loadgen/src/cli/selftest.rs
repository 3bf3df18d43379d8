//! `loadgen selftest`: its flags as typed.

use crate::selftest;
use clap::Args;

/// `loadgen selftest …`
#[derive(Debug, Args)]
#[command(after_help = rows_in_words())]
pub struct SelftestArgs {
    /// Run only these rows (listed below), such as A1,A13.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", value_parser = known)]
    pub only: Vec<String>,
    /// Print all rows as one JSON object at the end instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What there is to ask for, how long it takes and how it ends.
fn rows_in_words() -> String {
    let rows = selftest::CHECKS
        .iter()
        .map(|check| format!("  {:9} {}\n", check.ids.join(", "), check.about));
    format!(
        "Rows:\n{}  {:9} request counts are consistent in all runs above\nAll rows take about four minutes on an idle machine. If \
         a comparison of times fails, it is measured again, at most three times in total. The row then shows the \
         number of its last attempt, such as (try 2).\n\n\
         Exit codes: 0 all rows pass; 2 bad input; 4 a row fails, or the \
         command was interrupted; 6 the bundled server did not start.",
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
        Some((id, why)) => format!("{id} is not a row of the self-test: {why}"),
        None => "there is no such row".to_owned(),
    };
    Err(format!("{what}; there are {}", ids.join(", ")))
}
