//! The tables of groups that receive: what became of messages, and how long commands waited for data.
//!
//! Filled from the record alone, and empty where no group received. What was received is never added to replies. Next: `report`.

use crate::view::arms::ArmData;
use crate::view::report::of_arms;
use crate::view::table::Table;
use crate::view::tables::spread;
use aelab_results::record::{Delivery, Group};
use aelab_results::text::number::{grouped, rate};

/// Above the tables.
pub(crate) const NOTE: &str = "The response time of a message counts from when its sender's request was due, its service time from when that was sent. Only messages with the sender's stamp are counted, those of the warm-up included.";

/// What became of messages and how long commands waited for data; no table where nobody received.
pub(crate) fn tables(arms: &[ArmData<'_>]) -> Vec<Table> {
    let of_arm = |arm| receivers(arm).map(move |group| (arm, group));
    let waits = arms.iter().flat_map(of_arm).filter_map(|(arm, group)| {
        Some((arm.label(), group.name.as_str(), group.blocked.as_ref()?))
    });
    let waited = spread("How long commands waited for data", "Wait", waits);
    let tables = [delivered(arms), waited];
    tables.into_iter().filter(|t| !t.rows.is_empty()).map(|t| of_arms(arms, t)).collect()
}

fn receivers<'a>(arm: &'a ArmData<'a>) -> impl Iterator<Item = &'a Group> {
    arm.record.groups.iter().filter(|group| group.has_messages())
}

fn delivered(arms: &[ArmData<'_>]) -> Table {
    let mut table = Table::new(
        "What became of messages, once for each receiver",
        &[
            "<Arm",
            "<Group",
            ">Received",
            ">Due in the measurement",
            ">Lost",
            ">Duplicated",
            ">Out of order",
            ">Of other runs",
        ],
    );
    for arm in arms {
        for group in receivers(arm) {
            // A command that waits for data may wait for other than stamped messages.
            let unmarked = |d: &Delivery| group.blocked.is_some() && *d == Delivery::default();
            let Some(d) = group.delivery.filter(|d| !unmarked(d)) else { continue };
            let mut row = vec![arm.label().to_owned(), group.name.clone()];
            let counts = [d.received, d.measured, d.lost, d.duplicated, d.out_of_order, d.foreign];
            row.extend(counts.map(grouped));
            table.push(row);
        }
    }
    table
}

/// True if the headline of some arm holds replies to senders as well as what receivers got.
pub(crate) fn are_mixed(arms: &[ArmData<'_>]) -> bool {
    arms.iter().any(|arm| {
        let groups = arm.groups();
        groups.iter().any(|g| g.has_messages()) && groups.iter().any(|g| !g.has_messages())
    })
}

/// How many messages never reached a subscriber, of how many that should have: `7 of 24,007`; `None` where nobody subscribed.
pub(crate) fn lost(arm: &ArmData<'_>) -> Option<String> {
    let groups = arm.record.groups.iter().filter_map(Group::subscribed);
    let sums = groups.map(|d| (d.lost, d.received)).reduce(|a, b| (a.0 + b.0, a.1 + b.1));
    sums.map(|(lost, received)| match lost {
        0 => "0".to_owned(),
        lost => format!("{} of {}", grouped(lost), grouped(lost + received)),
    })
}

/// What comes per second to the headline's groups that receive (`of_messages`), or to the others; `None` without any.
pub(crate) fn per_second(arm: &ArmData<'_>, of_messages: bool) -> Option<f64> {
    let groups = arm.groups().into_iter().filter(|g| g.has_messages() == of_messages);
    groups.map(|g| g.achieved_rate).reduce(|a, b| a + b)
}

/// The same in words: `200/s`, `2,000/s messages`, `200/s replies and 2,000/s messages`.
pub(crate) fn flow(arm: &ArmData<'_>) -> String {
    match (per_second(arm, false), per_second(arm, true)) {
        (Some(replies), Some(messages)) => {
            format!("{} replies and {} messages", rate(replies), rate(messages))
        }
        (None, Some(messages)) => format!("{} messages", rate(messages)),
        (replies, None) => rate(replies.unwrap_or(0.0)),
    }
}
