//! `summary.md`: the report on one screen, for a pull request or a CI job's summary.
//!
//! Plain Markdown tables, no pictures (a job summary cannot show files of the run) and no links out of the folder. It only fills
//! in what the view prepared.

use std::fmt::Write as _;

use crate::view::catalog::CatalogView;
use crate::view::repetitions;
use crate::view::report::Report;
use crate::view::table::{Align, Table};
use aelab_results::record::Severity;

/// The text of the summary.
pub(crate) fn write(report: &Report) -> String {
    let mut out = format!("## {}\n\n", text(&report.heading));
    if !report.question.is_empty() {
        let _ = writeln!(out, "{}\n", text(&report.question));
    }
    for line in report.workload.iter().chain([&report.note]).filter(|line| !line.is_empty()) {
        let _ = writeln!(out, "{}\n", text(line));
    }
    if report.is_invalid() {
        let _ = writeln!(out, "**{}**\n", text(report.warning()));
    }
    for claim in &report.claims {
        let verdict = claim.verdict.as_str();
        let _ = writeln!(out, "**{verdict}** {}: {}\n", text(&claim.id), text(&claim.text));
        if !claim.note.is_empty() {
            let _ = writeln!(out, "{}.\n", text(&claim.note));
        }
        let mut criteria = Table::new("", &["<Expected", "<Measured"]);
        for (expected, measured) in &claim.criteria {
            criteria.push(vec![expected.clone(), measured.clone()]);
        }
        table(&mut out, &criteria);
    }
    if report.caveats.is_empty() {
        out.push_str("No caveats.\n\n");
    }
    for merged in &report.caveats {
        let word = match merged.caveat.severity {
            Severity::Invalid => "INVALID",
            Severity::Warning => "Warning",
        };
        let place = merged.place();
        let place = if place.is_empty() { place } else { format!(" ({place})") };
        let _ = writeln!(
            out,
            "> **{word}** {}{}: {}\n",
            text(&merged.caveat.id),
            text(&place),
            text(&merged.caveat.message())
        );
    }
    table(&mut out, &report.limits);
    for figure in &report.figures {
        let _ = writeln!(out, "- {}", text(&figure.title));
    }
    out.push('\n');
    if !report.lead.is_empty() {
        let _ = writeln!(out, "{}\n", text(report.lead));
    }
    table(&mut out, &report.key);
    if !report.repetitions.rows.is_empty() {
        let _ = writeln!(out, "{}\n", text(repetitions::NOTE));
        table(&mut out, &report.repetitions);
    }
    for more in report.pool.iter().chain(&report.messages) {
        let _ = writeln!(out, "{}:\n", text(&more.caption));
        table(&mut out, more);
    }
    let _ =
        writeln!(out, "{}", report.facts.iter().map(|f| text(f)).collect::<Vec<_>>().join(" · "));
    out
}

/// The text of the summary of many scenarios.
pub(crate) fn write_catalog(view: &CatalogView) -> String {
    let mut out = format!("## {}\n\n{}\n\n", text(&view.heading), text(&view.facts.join(" · ")));
    table(&mut out, &view.counts);
    let mut columns = vec!["<Claim".to_owned(), "<".to_owned(), "<The article".to_owned()];
    columns.extend(view.servers.iter().map(|server| format!("<{server}")));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut claims = Table::new("", &columns);
    for row in &view.rows {
        let mut cells = vec![row.id.clone(), row.text.clone(), row.article.clone()];
        cells.extend(row.cells.iter().map(|cell| match cell.verdict {
            Some(verdict) if cell.tally.is_empty() => {
                format!("{}: {}: {}", verdict.as_str(), cell.about, cell.number)
            }
            Some(verdict) => {
                format!("{} ({}): {}: {}", verdict.as_str(), cell.tally, cell.about, cell.number)
            }
            None => cell.number.clone(),
        }));
        claims.push(cells);
    }
    table(&mut out, &claims);
    for note in &view.notes {
        let _ = writeln!(out, "- {}", text(note));
    }
    out
}

fn table(out: &mut String, table: &Table) {
    if table.rows.is_empty() {
        return;
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(table.head.iter().map(|(name, _)| text(name)).collect()));
    let rule = |align: &Align| if *align == Align::Right { "---:" } else { "---" }.to_owned();
    out.push_str(&line(table.head.iter().map(|(_, align)| rule(align)).collect()));
    for row in &table.rows {
        out.push_str(&line(row.iter().map(|cell| text(cell)).collect()));
    }
    out.push('\n');
}

/// Text escaped for Markdown, on one line. Words and brackets between backticks stay code.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        if let Some(code) = code_span(rest) {
            out.push_str(code);
            rest = &rest[code.len()..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\u{a0}' => out.push(' '),
            '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// The code span at the start of the text, with its backticks.
fn code_span(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('`')?.split_once('`')?.0;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " []_-.".contains(c);
    (!inner.is_empty() && inner.trim() == inner && inner.chars().all(is_plain))
        .then(|| &text[..inner.len() + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_escaped_and_code_stays_code() {
        for (raw, want) in [
            ("a|b *c* <d>", "a\\|b \\*c\\* \\<d\\>"),
            ("raise `[engine] threads` in it", "raise `[engine] threads` in it"),
            ("a ` alone", "a \\` alone"),
            ("`<b>` and `x`", "\\`\\<b\\>\\` and `x`"),
            ("``", "\\`\\`"),
            ("`a|b`", "\\`a\\|b\\`"),
            ("two\nlines\u{a0}é", "two lines é"),
        ] {
            assert_eq!(text(raw), want, "{raw}");
        }
    }
}
