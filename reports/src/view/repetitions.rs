//! Arms that ran several times: each repetition by itself, and what the other figures are made of.

use crate::view::arms::Lead;
use crate::view::finding::capitalised;
use crate::view::quantiles::at;
use crate::view::stalls;
use crate::view::table::Table;
use aelab_results::folder::Folder;
use aelab_results::pooled::pooled;
use aelab_results::record::{Claim, RunRecord};
use aelab_results::text::number::{grouped, rate};

/// What the page says about repetitions.
pub(crate) const NOTE: &str = "Figures, curves and tables of an arm are of all its repetitions together; over time, they follow each other. Verdicts compare repetition by repetition.";

/// The folder with the repetitions of every arm as one run.
pub(crate) fn together(folder: &Folder) -> Folder {
    let arms = folder.arms.iter().map(|(arm, one)| (arm.clone(), pooled(one))).collect();
    Folder { arms, ..pooled(folder) }
}

/// The largest number of repetitions of an arm; 1 if there are none.
pub(crate) fn count(folder: &Folder) -> usize {
    let own = folder.repetitions.len();
    1 + folder.arms.iter().map(|(_, one)| one.repetitions.len()).fold(own, usize::max)
}

/// One row for each repetition of each arm; empty if every arm ran once.
pub(crate) fn table(folder: &Folder, lead: Lead) -> Table {
    let mut table = Table::new(
        format!("Each repetition: {}", lead.name()),
        &["<Arm", ">Repetition", ">p50", ">p99", ">p99.9", ">Replies per second", ">Stalls"],
    );
    if count(folder) == 1 {
        return table;
    }
    let own = std::iter::once(("this arm", folder)).filter(|_| folder.arms.is_empty());
    let arms = folder.arms.iter().map(|(arm, one)| (arm.name.as_str(), one));
    for (name, arm) in own.chain(arms) {
        for (number, one) in std::iter::once(arm).chain(&arm.repetitions).enumerate() {
            table.push(row(name, number + 1, &one.record, lead));
        }
    }
    table
}

fn row(arm: &str, number: usize, record: &RunRecord, lead: Lead) -> Vec<String> {
    let groups = record.headline_groups();
    let time = |p| groups.first().map_or_else(String::new, |g| at(lead.figures(&g.total), p));
    vec![
        arm.to_owned(),
        number.to_string(),
        time(50.0),
        time(99.0),
        time(99.9),
        rate(groups.iter().map(|group| group.achieved_rate).sum::<f64>()),
        grouped(stalls::notable(record).count() as u64),
    ]
}

/// The headline of arms that ran several times: the figure of the first verdict, so that page and verdict say the same.
pub(crate) fn headline(folder: &Folder) -> Option<String> {
    let claims = folder.record.scenario.iter().flat_map(|scenario| &scenario.claims);
    let decided = |claim: &&Claim| {
        let is_measured = !claim.number.is_empty() && !claim.number.starts_with("not measured");
        is_measured && !claim.decided_by.is_empty()
    };
    let claim = claims.into_iter().find(decided).filter(|_| count(folder) > 1)?;
    let says = capitalised(claim.decided_by.trim_end_matches('.'));
    Some(format!("{says}: {}", claim.number))
}
