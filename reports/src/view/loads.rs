//! The load in words: of a single run under its heading, of arms as a table.

use crate::view::table::Table;
use aelab_results::folder::Folder;
use aelab_results::record::{Group, RunRecord};

/// One line for each group that sends or receives; with its name if there are several.
pub(crate) fn lines(record: &RunRecord) -> Vec<String> {
    let groups: Vec<&Group> =
        record.groups.iter().filter(|group| !group.in_words().is_empty()).collect();
    let line = |group: &&Group| match groups.len() {
        1 => group.in_words(),
        _ => format!("{}: {}", group.name, group.in_words()),
    };
    groups.iter().map(line).collect()
}

/// One row for each group of each arm.
pub(crate) fn table(folder: &Folder) -> Table {
    let mut table = Table::new("The load in words", &["<Arm", "<Group", "<Sends", "<Load"]);
    for (arm, one) in &folder.arms {
        for group in one.record.groups.iter().filter(|group| !group.in_words().is_empty()) {
            let (sends, load) = (group.workload.clone(), group.load.clone());
            table.push(vec![arm.name.clone(), group.name.clone(), sends, load]);
        }
    }
    table
}
