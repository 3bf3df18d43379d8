//! The page of many scenarios: one row per claim, one column per server. Only substitutes.

use crate::page::{head, table, verdict_class};
use crate::view::catalogue::{CatalogueView, Cell, Row};
use crate::view::finding::capitalised;
use maud::{DOCTYPE, Markup, html};

/// The page.
pub(crate) fn write(view: &CatalogueView) -> String {
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
                            h2 { "Left out, and what went wrong" }
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

fn claims(view: &CatalogueView) -> Markup {
    html! {
        div.scroll {
            table {
                caption { "A confirmed claim held in every part; a refuted one failed in at least one, and what is shown is that part; of a confirmed one it is the first. The others are folded below it; the verdict leads to the scenario's own page." }
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
                @if !cell.wanted.is_empty() { " " span.fine { "(wanted: " (cell.wanted) ")" } }
                @if cell.parts.len() > 1 { (parts(cell)) }
            }
            None => span.fine { (cell.number) }
        }
    }
}

/// All parts of a judgement, folded away.
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
