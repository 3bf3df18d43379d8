//! The page of many scenarios: one row per claim, one column per server. It only fills in strings of the view.

use crate::page::{head, table, verdict_class};
use crate::view::catalog::{CatalogView, Cell, Row};
use crate::view::finding::capitalised;
use maud::{DOCTYPE, Markup, html};

/// The page.
pub(crate) fn write(view: &CatalogView) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&view.heading))
            body {
                header {
                    h1 { (view.heading) }
                    p.facts { @for fact in &view.facts { span { (fact) } " " } }
                }
                main {
                    section #verdicts { (table(&view.counts)) }
                    section #claims { (claims(view)) }
                    @if !view.notes.is_empty() {
                        section #notes {
                            h2 { "Skipped arms and errors" }
                            ul { @for note in &view.notes { li { (note) } } }
                        }
                    }
                    section #files {
                        h2 { "Command" }
                        pre { code { (view.command) } }
                    }
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

fn claims(view: &CatalogView) -> Markup {
    html! {
        div.scroll {
            table {
                caption { "A claim is confirmed if all its criteria hold, and refuted if at least one fails. Each cell shows one criterion: the first that failed, or the first of a confirmed claim. Open the line below it to see all criteria. The verdict links to the report of the scenario." }
                thead { tr {
                    th scope="col" { "" }
                    th scope="col" { "Claim" }
                    th scope="col" { "The article" }
                    @for server in &view.servers { th scope="col" { (server) } }
                    th scope="col" { "Scenario" }
                } }
                tbody { @for row in &view.rows { (claim(row)) } }
            }
        }
    }
}

fn claim(row: &Row) -> Markup {
    html! {
        tr.first {
            td { (row.id) }
            td { (row.text) }
            td { (row.article) }
            @for cell in &row.cells { td { (outcome(cell)) } }
            td { code { (row.scenario) } }
        }
    }
}

fn outcome(cell: &Cell) -> Markup {
    html! {
        @match cell.verdict {
            Some(verdict) => {
                a href=(cell.link) {
                    strong class={ "chip " (verdict_class(verdict)) } { (verdict.as_str()) }
                }
                br; (capitalised(&cell.about)) ": " strong { (cell.number) }
                @if !cell.wanted.is_empty() { " " span.fine { "(expected: " (cell.wanted) ")" } }
                @if cell.parts.len() > 1 { (parts(cell)) }
            }
            None => span.fine { (cell.number) }
        }
    }
}

/// All criteria of a claim, folded.
fn parts(cell: &Cell) -> Markup {
    html! {
        details.parts {
            summary { (cell.tally) }
            ul { @for part in &cell.parts {
                li { strong class=(outcome_class(&part.outcome)) { (part.outcome) } " " (part.text) }
            } }
        }
    }
}

fn outcome_class(outcome: &str) -> &'static str {
    match outcome {
        "holds" => "good",
        "fails" => "bad",
        _ => "unsure",
    }
}
