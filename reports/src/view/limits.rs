//! The limits that were stated for a run, with what was measured.

use crate::view::table::Table;
use aelab_results::folder::Folder;
use aelab_results::record::StatedLimit;

/// One row per limit; empty without any.
pub(crate) fn table(folder: &Folder) -> Table {
    let mut table =
        Table::new("", &["<Test", "<", "<Figure", "<Group", ">Measured", "<Limit", "<Note"]);
    let arms = folder.arms.iter().flat_map(|(arm, one)| {
        one.record.limits.iter().map(move |limit| (arm.name.as_str(), limit))
    });
    let own = folder.record.limits.iter().map(|limit| ("", limit));
    for (arm, limit) in own.chain(arms) {
        table.push(row(arm, limit));
    }
    if folder.arms.is_empty() { table.without_first() } else { table }
}

fn row(arm: &str, limit: &StatedLimit) -> Vec<String> {
    let (value, bound) = limit.figures();
    vec![
        arm.to_owned(),
        limit.outcome.as_str().to_owned(),
        limit.about(),
        limit.group.clone(),
        value.unwrap_or_else(|| "unknown".to_owned()),
        format!("--{} {bound}", limit.name),
        limit.why.clone(),
    ]
}
