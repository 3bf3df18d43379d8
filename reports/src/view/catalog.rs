//! All claims on one page, as ready text: the article's figure beside what each server showed.
//!
//! A claim that several scenarios judge has a row for each. Invariant: nothing is left out: a claim that was not judged on a
//! server says why.

use crate::view::finding::capitalised;
use crate::view::table::Table;
use aelab_results::record::{Catalog, CatalogRun, Claim, ClaimPart, ClaimVerdict, RunRecord};
use aelab_results::text::number::counted;

/// The page.
#[derive(Debug)]
pub(crate) struct CatalogView {
    pub(crate) heading: String,
    pub(crate) facts: Vec<String>,
    /// Column heads, one per server.
    pub(crate) servers: Vec<String>,
    /// One row per claim and scenario, in the order of the claims.
    pub(crate) rows: Vec<Row>,
    /// How many of each verdict, per server.
    pub(crate) counts: Table,
    /// What was left out or went wrong, one line each.
    pub(crate) notes: Vec<String>,
    pub(crate) command: String,
}

/// One claim.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) text: String,
    /// The article's figure; may be empty.
    pub(crate) article: String,
    pub(crate) scenario: String,
    /// One per server.
    pub(crate) cells: Vec<Cell>,
}

/// What a claim came to on one server.
#[derive(Debug)]
pub(crate) struct Cell {
    /// `None` if it was not run there.
    pub(crate) verdict: Option<ClaimVerdict>,
    /// The deciding number, or why there is none.
    pub(crate) number: String,
    /// What the number is about; may be empty.
    pub(crate) about: String,
    /// Within which bounds it had to be; may be empty.
    pub(crate) wanted: String,
    /// How many of its parts held; empty if there are none.
    pub(crate) tally: String,
    /// All of them, in the order of the file.
    pub(crate) parts: Vec<PartLine>,
    /// The scenario's own page, relative; empty if there is none.
    pub(crate) link: String,
}

/// One part of a judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartLine {
    /// `holds`, `fails` or `open`.
    pub(crate) outcome: String,
    pub(crate) text: String,
}

impl CatalogView {
    /// The view of a record of many scenarios.
    pub(crate) fn of(record: &RunRecord, catalog: &Catalog) -> Self {
        let mut facts = Vec::new();
        if !record.started_at.is_empty() {
            facts.push(record.started_at.clone());
        }
        let mut scenarios: Vec<&str> = Vec::new();
        for run in &catalog.runs {
            if !scenarios.contains(&run.scenario.as_str()) {
                scenarios.push(&run.scenario);
            }
        }
        facts.push(format!("scale {}", catalog.scale));
        facts.push(counted(scenarios.len(), "scenario"));
        facts.extend(machine(record));
        facts.extend(catalog.servers.iter().filter_map(|server| program(catalog, server)));
        if record.interrupted {
            facts.push("interrupted".to_owned());
        }
        Self {
            heading: "Claims of the articles, measured".to_owned(),
            facts,
            servers: catalog.servers.clone(),
            rows: rows(catalog, &scenarios),
            counts: counts(catalog),
            notes: notes(catalog),
            command: record.command.join(" "),
        }
    }
}

/// Where it was measured.
fn machine(record: &RunRecord) -> Vec<String> {
    let environment = &record.environment;
    let cores = environment.cores.and_then(|cores| usize::try_from(cores).ok());
    let cores = cores.map(|cores| counted(cores, "core"));
    [environment.cpu_model.clone(), cores, environment.kernel.clone()]
        .into_iter()
        .flatten()
        .collect()
}

/// What a server called itself: `bundled is ae-server 7.0.15`.
fn program(catalog: &Catalog, server: &str) -> Option<String> {
    let mut runs = catalog.runs.iter();
    let run = runs.find(|run| run.server == server && !run.program.is_empty())?;
    Some(format!("{server} is {}", run.program))
}

fn rows(catalog: &Catalog, scenarios: &[&str]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for scenario in scenarios {
        let runs: Vec<&CatalogRun> =
            catalog.runs.iter().filter(|run| run.scenario == **scenario).collect();
        let mut ids: Vec<&Claim> = Vec::new();
        for claim in runs.iter().flat_map(|run| &run.claims) {
            if !ids.iter().any(|known| known.id == claim.id) {
                ids.push(claim);
            }
        }
        for claim in ids {
            let on = |server: &String| {
                let run = runs.iter().find(|run| run.server == *server);
                cell(run.copied(), &claim.id)
            };
            rows.push(Row {
                id: claim.id.clone(),
                text: claim.text.clone(),
                article: claim.article.clone(),
                scenario: (*scenario).to_owned(),
                cells: catalog.servers.iter().map(on).collect(),
            });
        }
    }
    rows.sort_by_key(|row| order(&row.id));
    rows
}

/// Claims by letter, then by number: A2 comes before A10.
fn order(id: &str) -> (String, u64, String) {
    let letters: String = id.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let digits: String = id[letters.len()..].chars().take_while(char::is_ascii_digit).collect();
    (letters, digits.parse().unwrap_or(u64::MAX), id.to_owned())
}

fn cell(run: Option<&CatalogRun>, id: &str) -> Cell {
    let bare = |why: &str, link: String| Cell {
        verdict: None,
        number: why.to_owned(),
        about: String::new(),
        wanted: String::new(),
        tally: String::new(),
        parts: Vec::new(),
        link,
    };
    let absent = |why: &str| bare(why, String::new());
    let Some(run) = run else { return absent("not run") };
    if run.dir.is_empty() {
        return absent(run.notes.first().map_or("not run", String::as_str));
    }
    let link = format!("{}/report.html", run.dir);
    match run.claims.iter().find(|claim| claim.id == id) {
        Some(claim) if !claim.left_out.is_empty() => bare(&claim.left_out, link),
        Some(claim) => Cell {
            verdict: Some(claim.verdict),
            number: match claim.note.is_empty() {
                true => claim.number.clone(),
                false => format!("{} ({})", claim.number, claim.note),
            },
            about: claim.decided_by.clone(),
            wanted: claim.wanted.clone(),
            tally: tally(claim),
            parts: claim.parts.iter().map(part_line).collect(),
            link,
        },
        None => bare("not judged", link),
    }
}

/// `all 5 criteria hold`, or how many of them hold, fail and are undecided.
fn tally(claim: &Claim) -> String {
    let of = |outcome: &str| claim.parts.iter().filter(|part| part.outcome == outcome).count();
    let (all, holds) = (claim.parts.len(), of("holds"));
    match all {
        0 => String::new(),
        1 => "1 criterion".to_owned(),
        _ if holds == all => format!("all {all} criteria hold"),
        _ => {
            let others = [("fail", of("fails")), ("undecided", of("open"))];
            let others = others.iter().filter(|(_, count)| *count > 0);
            let others: Vec<String> =
                others.map(|(word, count)| format!("{count} {word}")).collect();
            format!("of {all} criteria, {holds} hold, {}", others.join(", "))
        }
    }
}

fn part_line(part: &ClaimPart) -> PartLine {
    let why = if part.why.is_empty() { String::new() } else { format!(" ({})", part.why) };
    PartLine {
        outcome: part.outcome.clone(),
        text: format!(
            "{}: {}, expected {}{why}",
            capitalised(&part.says),
            part.number,
            part.wanted
        ),
    }
}

fn counts(catalog: &Catalog) -> Table {
    let columns = ["<Server", ">Confirmed", ">Refuted", ">Inconclusive", ">Not run"];
    let mut table = Table::new("Verdicts", &columns);
    for server in &catalog.servers {
        let runs: Vec<&CatalogRun> =
            catalog.runs.iter().filter(|run| run.server == *server).collect();
        let claims = |judged: bool| {
            let all = runs.iter().flat_map(|run| run.claims.iter().map(move |claim| (run, claim)));
            let is_judged =
                |run: &CatalogRun, claim: &Claim| !run.dir.is_empty() && claim.left_out.is_empty();
            all.filter(move |(run, claim)| is_judged(run, claim) == judged).map(|(_, claim)| claim)
        };
        let of = |verdict| claims(true).filter(|claim| claim.verdict == verdict).count();
        table.push(vec![
            server.clone(),
            of(ClaimVerdict::Confirmed).to_string(),
            of(ClaimVerdict::Refuted).to_string(),
            of(ClaimVerdict::Inconclusive).to_string(),
            claims(false).count().to_string(),
        ]);
    }
    table
}

fn notes(catalog: &Catalog) -> Vec<String> {
    let of = |run: &CatalogRun| {
        let place = format!("{} on {}", run.scenario, run.server);
        run.notes.iter().map(move |note| format!("{place}: {note}")).collect::<Vec<_>>()
    };
    catalog.runs.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_in_their_natural_order() {
        let mut ids = ["B1", "A10", "A2", "X", "A1"];
        ids.sort_by_key(|id| order(id));
        assert_eq!(ids, ["A1", "A2", "A10", "B1", "X"]);
    }

    #[test]
    fn criteria_are_counted_by_outcome() {
        let claim = |outcomes: &[&str]| Claim {
            parts: outcomes
                .iter()
                .map(|outcome| ClaimPart { outcome: (*outcome).to_owned(), ..ClaimPart::default() })
                .collect(),
            ..Claim::default()
        };
        assert_eq!(tally(&claim(&["holds", "holds"])), "all 2 criteria hold");
        assert_eq!(
            tally(&claim(&["holds", "fails", "open"])),
            "of 3 criteria, 1 hold, 1 fail, 1 undecided"
        );
        assert_eq!(tally(&claim(&["fails"])), "1 criterion");
        assert_eq!(tally(&claim(&[])), "");
    }

    #[test]
    fn a_claim_whose_arms_were_left_out_is_not_called_inconclusive() {
        let claim = Claim {
            id: "A9".into(),
            left_out: "arm without was left out: it needs the bundled server".into(),
            ..Claim::default()
        };
        let run = CatalogRun {
            scenario: "server-cron".into(),
            server: "redis".into(),
            program: "redis 7.0.15".into(),
            dir: "r/server-cron".into(),
            notes: Vec::new(),
            claims: vec![claim],
        };
        let catalog =
            Catalog { scale: "smoke".into(), servers: vec!["redis".into()], runs: vec![run] };
        let view = CatalogView::of(&RunRecord::default(), &catalog);
        assert!(view.rows[0].cells[0].verdict.is_none());
        assert!(view.rows[0].cells[0].number.contains("bundled"));
        assert!(view.facts.contains(&"redis is redis 7.0.15".to_owned()), "{:?}", view.facts);
        assert_eq!(view.counts.rows[0], ["redis", "0", "0", "0", "1"]);
    }

    #[test]
    fn a_claim_that_was_not_run_says_why() {
        let claim = Claim { id: "A1".into(), number: "ratio 1".into(), ..Claim::default() };
        let run = |server: &str, dir: &str, notes: &[&str]| CatalogRun {
            scenario: "io-models".into(),
            server: server.into(),
            program: String::new(),
            dir: dir.into(),
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
            claims: vec![claim.clone()],
        };
        let catalog = Catalog {
            scale: "smoke".into(),
            servers: vec!["bundled".into(), "redis".into()],
            runs: vec![
                run("bundled", "b/io-models", &[]),
                run("redis", "", &["needs the bundled server"]),
            ],
        };
        let view = CatalogView::of(&RunRecord::default(), &catalog);
        assert_eq!(view.rows.len(), 1);
        let cells = &view.rows[0].cells;
        assert_eq!(cells[0].number, "ratio 1");
        assert!(cells[1].verdict.is_none() && cells[1].number.contains("bundled"), "{cells:?}");
        assert_eq!(view.counts.rows[1], ["redis", "0", "0", "0", "1"]);
    }
}
