//! Quantiles as text: percentiles with their intervals, lower bounds, and the empty cell.

use crate::view::table::Table;
use aelab_results::record::{Percentile, Quantiles};
use aelab_results::text::number::{duration, grouped, percentile};

/// The text of an empty cell.
pub(super) const NONE: &str = "–";

pub(super) fn none() -> String {
    NONE.to_owned()
}

pub(super) fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(none)
}

pub(super) fn at(quantiles: &Quantiles, p: f64) -> String {
    quantiles.at(p).map_or_else(none, value)
}

/// A percentile as text: with `≥` if censored, or the number of samples it needs.
pub(super) fn value(percentile: &Percentile) -> String {
    match (percentile.us, percentile.need) {
        (Some(us), _) if percentile.censored => format!("≥\u{a0}{}", duration(us)),
        (Some(us), _) => duration(us),
        (None, Some(need)) => format!("needs {} samples", grouped(need)),
        (None, None) => NONE.to_owned(),
    }
}

/// The largest sample as text: a lower bound if requests were `open` at the end.
pub(super) fn largest(quantiles: &Quantiles, open: bool) -> String {
    let censored = quantiles.percentiles.iter().filter(|p| p.censored);
    let bound = censored.filter_map(|p| p.us).max_by(f64::total_cmp);
    match (quantiles.max_us, bound) {
        (max, Some(bound)) => format!("≥\u{a0}{}", duration(bound.max(max.unwrap_or(0.0)))),
        (Some(max), None) if open || quantiles.censored => format!("≥\u{a0}{}", duration(max)),
        (max, None) => or_none(max.map(duration)),
    }
}

pub(super) fn interval(percentile: &Percentile) -> String {
    match (percentile.lo_us, percentile.hi_us) {
        (Some(lo), Some(hi)) => format!("{} to {}", duration(lo), duration(hi)),
        _ => NONE.to_owned(),
    }
}

/// A time that is neither response nor service time, with its intervals: of each arm and group that has samples.
pub(super) fn spread<'a>(
    caption: &str,
    time: &str,
    rows: impl Iterator<Item = (&'a str, &'a str, &'a Quantiles)>,
) -> Table {
    let time = format!(">{time}");
    let columns = ["<Arm", "<Group", ">Percentile", &time, ">95 % interval"];
    let mut table = Table::new(caption, &columns);
    for (arm, group, quantiles) in rows.filter(|(_, _, quantiles)| quantiles.count > 0) {
        let mut row = |name: String, value: String, interval: String| {
            table.push(vec![arm.to_owned(), group.to_owned(), name, value, interval]);
        };
        for p in [50.0, 90.0, 99.0, 99.9].into_iter().filter_map(|p| quantiles.at(p)) {
            row(percentile(p.p), value(p), interval(p));
        }
        row("largest".to_owned(), largest(quantiles, false), String::new());
    }
    table
}
