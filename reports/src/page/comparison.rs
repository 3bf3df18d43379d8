//! The page of a comparison. It only fills in strings of the view.

use crate::chart::Chart;
use crate::page::{figure_block, head, section, table};
use crate::view::comparison::ComparisonView;
use maud::{DOCTYPE, html};

/// The page.
pub(crate) fn write(view: &ComparisonView, charts: &[&Chart]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&view.heading))
            body {
                header { h1 { (view.heading) } (table(&view.sides)) }
                main {
                    @if view.is_invalid {
                        p.void { "Invalid: a side of this comparison must not be used." }
                    }
                    @if !view.notes.is_empty() {
                        section #notes { ul { @for note in &view.notes { li { (note) } } } }
                    }
                    (section("metrics", "Metrics", table(&view.metrics)))
                    @for figure in &view.figures { (figure_block(figure, charts)) }
                    (section("setup", "Differences of the setup", html! {
                        @if view.setup.rows.is_empty() { p.note { "None." } }
                        (table(&view.setup))
                    }))
                    @if !view.unpaired.is_empty() {
                        (section("unpaired", "Only on one side", html! {
                            ul { @for one in &view.unpaired { li { (one) } } }
                        }))
                    }
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}
