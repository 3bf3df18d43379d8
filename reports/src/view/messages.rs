//! The tables of groups that receive: delivered messages, and how long blocking commands waited for data.
//!
//! Filled from the record; empty if no group received. Messages are never added to replies. Read next: `report`.

use crate::view::arms::{ArmData, of_arms};
use crate::view::quantiles::spread;
use crate::view::table::Table;
use aelab_results::record::{Delivery, Group};
use aelab_results::text::number::{grouped, rate};

/// Above the tables.
pub(crate) const NOTE: &str = "The response time of a message starts when the sender's request was due, its service time when that request was sent. Only messages with the sender's stamp are counted, including those of the warm-up.";

/// Delivered messages, and how long commands waited for data; no table if no group received.
pub(crate) fn tables(arms: &[ArmData<'_>]) -> Vec<Table> {
    let of_arm = |arm| receivers(arm).map(move |group| (arm, group));
    let waits = arms.iter().flat_map(of_arm).filter_map(|(arm, group)| {
        Some((arm.label(), group.name.as_str(), group.blocked.as_ref()?))
    });
    let waited = spread("Time that commands waited for data", "Wait", waits);
    let tables = [delivered(arms), waited];
    tables.into_iter().filter(|t| !t.rows.is_empty()).map(|t| of_arms(arms, t)).collect()
}

fn receivers<'a>(arm: &'a ArmData<'a>) -> impl Iterator<Item = &'a Group> {
    arm.record.groups.iter().filter(|group| group.has_messages())
}

fn delivered(arms: &[ArmData<'_>]) -> Table {
    let mut table = Table::new(
        "Delivery of messages, counted once per receiver",
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
            // A blocking command may receive data without a stamp.
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

/// True if the headline of some arm has both replies and messages.
pub(crate) fn are_mixed(arms: &[ArmData<'_>]) -> bool {
    arms.iter().any(|arm| {
        let groups = arm.groups();
        groups.iter().any(|g| g.has_messages()) && groups.iter().any(|g| !g.has_messages())
    })
}

/// Messages that did not reach a subscriber, of all that should have: `7 of 24,007`; `None` without subscribers.
pub(crate) fn lost(arm: &ArmData<'_>) -> Option<String> {
    let groups = arm.record.groups.iter().filter_map(Group::subscribed);
    let sums = groups.map(|d| (d.lost, d.received)).reduce(|a, b| (a.0 + b.0, a.1 + b.1));
    sums.map(|(lost, received)| match lost {
        0 => "0".to_owned(),
        lost => format!("{} of {}", grouped(lost), grouped(lost + received)),
    })
}

/// Messages per second of the headline's receiving groups (`of_messages`), or replies per second of the others; `None` without
/// such groups.
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
