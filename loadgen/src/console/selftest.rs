//! The self-test as text and as JSON. Pure: rows in, text out.

use crate::selftest::row::Row;
use serde_json::json;

/// Widths of the columns; what is longer pushes the rest of its line to the right.
const WHAT: usize = 56;
const FIGURE: usize = 28;

/// The head of the table.
#[must_use]
pub fn header() -> String {
    format!(
        "{:<4} {:<WHAT$} {:<FIGURE$} {:<FIGURE$} {:<8} ",
        "", "what", "expected", "measured", "within"
    )
    .trim_end()
    .to_owned()
}

/// One line of the table.
#[must_use]
pub fn line(row: &Row) -> String {
    let verdict = if row.holds { "pass" } else { "FAIL" };
    format!(
        "{:<4} {:<WHAT$} {:<FIGURE$} {:<FIGURE$} {:<8} {verdict}",
        row.id, row.what, row.expected, row.measured, row.tolerance
    )
}

/// All rows for scripts.
#[must_use]
pub fn json(rows: &[Row]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.id, "what": row.what, "expected": row.expected,
                "measured": row.measured, "tolerance": row.tolerance, "pass": row.holds,
            })
        })
        .collect();
    json!({ "pass": rows.iter().all(|row| row["pass"] == true), "rows": rows }).to_string()
}
