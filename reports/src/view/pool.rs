//! The tables of emulated connection pools: their connections, and how long requests waited for one.
//!
//! Filled from the record; empty if no group had a pool. Read next: `report`.

use crate::view::arms::{ArmData, of_arms};
use crate::view::quantiles::spread;
use crate::view::table::Table;
use aelab_results::record::{Group, Pool};
use aelab_results::text::number::grouped;

/// The pools of a group, with its arm.
fn pools<'a>(
    arms: &'a [ArmData<'a>],
) -> impl Iterator<Item = (&'a ArmData<'a>, &'a Group, &'a Pool)> {
    arms.iter().flat_map(|arm| {
        let of_group = move |group: &'a Group| Some((arm, group, group.pool.as_ref()?));
        arm.record.groups.iter().filter_map(of_group)
    })
}

/// The connections of the pools, and the wait for them; no table without a pool.
pub(crate) fn tables(arms: &[ArmData<'_>]) -> Vec<Table> {
    let waits = pools(arms).map(|(arm, group, pool)| (arm.label(), &group.name[..], &pool.wait));
    let wait = spread("Time that requests waited for a pool connection", "Wait", waits);
    let tables = [counts(arms), wait];
    tables.into_iter().filter(|t| !t.rows.is_empty()).map(|t| of_arms(arms, t)).collect()
}

fn counts(arms: &[ArmData<'_>]) -> Table {
    let mut table = Table::new(
        "Connections of the pool during the run",
        &[
            "<Arm",
            "<Group",
            ">Size",
            ">Open at the start",
            ">Most open",
            ">Opened",
            ">Closed",
            ">Pool timeouts",
        ],
    );
    for (arm, group, pool) in pools(arms) {
        let held = &group.connections;
        let mut row = vec![arm.label().to_owned(), group.name.clone()];
        let counts = [held.asked, held.established, pool.most_open, pool.opened, pool.closed];
        row.extend(counts.map(grouped));
        row.push(grouped(pool.pool_timeouts));
        table.push(row);
    }
    table
}
