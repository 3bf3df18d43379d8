//! `report.html`: one file without network requests, readable without JavaScript and on paper.
//!
//! This only fills in strings from the view and pictures from the charts. The content security policy forbids all loads, so the
//! browser enforces that the page makes no request.

pub(crate) mod catalog;
pub(crate) mod comparison;
mod style;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::Chart;
use crate::view::figure::Figure;
use crate::view::messages;
use crate::view::repetitions;
use crate::view::report::{ClaimView, Report};
use crate::view::table::{Align, Table};
use aelab_results::caveat::Merged;
use aelab_results::record::{ClaimVerdict, Severity};

/// The browser may only show what is in the file.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:";

/// The head of every page: title, style sheet and content security policy.
fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width,initial-scale=1";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="color-scheme" content="light dark";
            link rel="icon" href="data:,";
            title { (title) }
            style { (PreEscaped(style::sheet())) }
        }
    }
}

/// The page.
pub(crate) fn write(report: &Report, charts: &[&Chart]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&report.heading))
            body {
                (header(report))
                main {
                    @if report.is_invalid() {
                        p.void { (report.warning()) }
                    }
                    (verdicts(report))
                    (caveats(report))
                    @if !report.limits.rows.is_empty() {
                        (section("limits", "Limits", table(&report.limits)))
                    }
                    @if !report.key.rows.is_empty() {
                        (section("key", "Key figures", html! {
                            @if !report.lead.is_empty() { p.note { (report.lead) } }
                            (table(&report.key))
                        }))
                    }
                    @if !report.repetitions.rows.is_empty() {
                        (section("repetitions", "Repetitions", html! {
                            p.note { (repetitions::NOTE) }
                            (table(&report.repetitions))
                        }))
                    }
                    @for figure in &report.figures { (figure_block(figure, charts)) }
                    @if !report.procedures.is_empty() { (procedures(report)) }
                    @if report.has_load() { (numbers(report)) }
                    (section("environment", "Machine and server", html! {
                        (table(&report.environment))
                        (table(&report.settings.shown))
                        @if !report.settings.rest.rows.is_empty() {
                            details {
                                summary { "All other settings of the server" }
                                (table(&report.settings.rest))
                            }
                        }
                    }))
                    (how_to_read())
                    (files(report))
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

fn header(report: &Report) -> Markup {
    html! {
        header {
            h1 { (report.heading) }
            @if !report.question.is_empty() { p.question { (report.question) } }
            @for line in &report.workload { p.question { (line) } }
            @if !report.note.is_empty() { p.user-note { (report.note) } }
            p.facts { @for fact in &report.facts { span { (fact) } " " } }
        }
    }
}

fn verdicts(report: &Report) -> Markup {
    html! {
        @if !report.claims.is_empty() {
            section #claims aria-label="Claims" {
                @for claim in &report.claims {
                    article.claim {
                        p {
                            strong class={ "chip " (verdict_class(claim.verdict)) } {
                                (claim.verdict.as_str())
                            }
                            " " span.id { (claim.id) } " " (claim.text)
                        }
                        @if !claim.note.is_empty() { p.note { (claim.note) "." } }
                        (criteria(claim))
                    }
                }
            }
        }
    }
}

/// What was expected beside what was measured.
fn criteria(claim: &ClaimView) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { th scope="col" { "expected" } th scope="col" { "measured" } } }
                tbody {
                    @for (expected, measured) in &claim.criteria {
                        tr.first { td { (expected) } td { (measured) } }
                    }
                }
            }
        }
    }
}

fn verdict_class(verdict: ClaimVerdict) -> &'static str {
    match verdict {
        ClaimVerdict::Confirmed => "good",
        ClaimVerdict::Refuted => "bad",
        ClaimVerdict::Inconclusive => "unsure",
    }
}

fn caveats(report: &Report) -> Markup {
    html! {
        section #caveats aria-label="Caveats" {
            @if report.caveats.is_empty() {
                p.fine { "No caveats: the load generator kept its schedule and had CPU time to spare." }
            } @else {
                h2 { "Caveats" }
                ul {
                    @for merged in &report.caveats {
                        li { (caveat(merged)) }
                    }
                }
            }
        }
    }
}

fn caveat(merged: &Merged) -> Markup {
    let caveat = &merged.caveat;
    let place = merged.place();
    let (class, word) = match caveat.severity {
        Severity::Invalid => ("bad", "invalid"),
        Severity::Warning => ("unsure", "warning"),
    };
    html! {
        strong class={ "chip " (class) } { (word) } " "
        code { (caveat.id) }
        @if !place.is_empty() { " (" (place) ")" }
        ": " (with_code(&caveat.text)) ". "
        @if !caveat.remedy.is_empty() {
            span.remedy { (with_code(&caveat.remedy)) "." }
        }
    }
}

/// A text in which words between backticks are shown as code.
fn with_code(text: &str) -> Markup {
    let is_marked = text.matches('`').count().is_multiple_of(2);
    let parts: Vec<&str> = if is_marked { text.split('`').collect() } else { vec![text] };
    html! {
        @for (position, part) in parts.into_iter().enumerate() {
            @if position % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn section(id: &str, heading: &str, body: Markup) -> Markup {
    html! { section id=(id) { h2 { (heading) } (body) } }
}

fn figure_block(figure: &Figure, charts: &[&Chart]) -> Markup {
    let drawn = charts.iter().find(|c| c.name == figure.name).map(|c| c.inline());
    html! {
        @if let Some((wide, narrow)) = drawn {
            figure id={ "figure-" (figure.name) } {
                div.wide { (PreEscaped(wide)) }
                div.narrow { (PreEscaped(narrow)) }
                details {
                    summary { "The numbers of this figure" }
                    (table(&figure.twin))
                }
            }
        }
    }
}

fn procedures(report: &Report) -> Markup {
    let body = html! {
        @for procedure in &report.procedures {
            h3 { (procedure.heading) }
            p.note { (procedure.about) }
            @if !procedure.notes.is_empty() { ul { @for note in &procedure.notes { li { (note) } } } }
            (table(&procedure.figures))
            @for rows in &procedure.tables { (table(rows)) }
        }
    };
    section("procedures", "Results of the procedures", body)
}

fn numbers(report: &Report) -> Markup {
    html! {
        (section("percentiles", "Percentiles", html! {
            p.note { "Response time starts when a request is due (in a closed loop: when its connection is free). Service time starts when it is sent. A percentile is shown only if at least ten samples lie above it." }
            (table(&report.percentiles))
        }))
        @if !report.pool.is_empty() {
            (section("pool", "Connection pool", html! {
                p.note { "The wait for a connection is part of the response time, not of the service time." }
                @for rows in &report.pool { (table(rows)) }
            }))
        }
        @if !report.messages.is_empty() {
            (section("messages", "Messages", html! {
                p.note { (messages::NOTE) }
                @for rows in &report.messages { (table(rows)) }
            }))
        }
        (section("stalls", "Stalls", html! {
            @if report.stalls.rows.is_empty() {
                p { (report.no_stall) "." }
            } @else { (table(&report.stalls)) }
        }))
        (section("groups", "All groups", html! {
            (table(&report.loads))
            (table(&report.groups))
            (table(&report.counts))
        }))
    }
}

fn table(table: &Table) -> Markup {
    html! {
        @if !table.rows.is_empty() {
            div.scroll {
                table {
                    @if !table.caption.is_empty() { caption { (table.caption) } }
                    thead { tr {
                        @for (name, align) in &table.head {
                            th scope="col" class=[right(*align)] { (name) }
                        }
                    } }
                    tbody {
                        @for (row, repeats) in with_repeats(table) {
                            tr class=[(!repeats).then_some("first")] {
                                @for (cell, (_, align)) in row.iter().zip(&table.head) {
                                    td class=[right(*align)] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn right(align: Align) -> Option<&'static str> {
    (align == Align::Right).then_some("r")
}

/// Each row, and whether its first cell repeats the row before.
fn with_repeats(table: &Table) -> impl Iterator<Item = (&Vec<String>, bool)> {
    let before = std::iter::once(None).chain(table.rows.iter().map(Some));
    table.rows.iter().zip(before).map(|(row, before)| {
        let repeats = before.is_some_and(|b| b.first() == row.first());
        (row, repeats)
    })
}

fn how_to_read() -> Markup {
    html! {
        section #reading {
            h2 { "How to read this report" }
            dl {
                dt { "Response time" }
                dd { "Time from when a request was due until the last byte of its reply arrived. Requests stay due while the server does not answer, so this is the time that a user waits." }
                dt { "Service time" }
                dd { "Time from when the request was sent. During a stall most requests cannot be sent, so service time does not include that wait. The report therefore shows both." }
                dt { "Stall" }
                dd { "A time span in which no reply arrived on any connection while requests were due. Client-seconds lost is the sum of the waiting times of all delayed requests." }
                dt { "Percentile axis" }
                dd { "Each step to the right (90 %, 99 %, 99.9 %, …) leaves one tenth of the requests above it. The axis ends at the number of samples. Where fewer than ten samples lie above, the background is grey: the curve there depends on a few requests." }
                dt { "95 % interval" }
                dd { "Block bootstrap: time blocks of the run are resampled with replacement. Requests that wait for the same stall are one event, so an interval can be wide even with many samples." }
                dt { "≥" }
                dd { "Lower bound: some requests had no reply when the run ended, so the true value may be higher." }
            }
        }
    }
}

fn files(report: &Report) -> Markup {
    html! {
        section #files {
            h2 { "Files and command" }
            @if !report.command.is_empty() { pre { code { (report.command) } } }
            ul {
                @for (name, what) in &report.files { li { a href=(name) { (name) } ": " (what) } }
                @for (name, dir) in &report.arms {
                    li { a href={ (dir) "/report.html" } { "arm " (name) } ": report of this arm" }
                }
            }
        }
    }
}
