//! Medians, and Markdown tables of them.

use std::fmt::Write as _;

/// The middle of `values`; of an even number, the mean of the two in the middle. Zero without values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

/// A Markdown table under a heading.
pub(crate) fn markdown(title: &str, columns: &[String], rows: &[Vec<String>]) -> String {
    let mut text = format!("\n{title}\n\n");
    let mut line = |cells: &[String]| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(columns);
    line(&columns.iter().enumerate().map(|(i, _)| dashes(i)).collect::<Vec<_>>());
    for row in rows {
        line(row);
    }
    text
}

/// The first column holds words, the others numbers.
fn dashes(column: usize) -> String {
    if column == 0 { "---".into() } else { "---:".into() }
}

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
pub(crate) fn show(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "why there is no result")]
pub(crate) fn complain(problem: &str) {
    eprintln!("compare: {problem}");
}
