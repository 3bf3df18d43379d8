//! Limits of the values in a record, checked before anything is computed from it.
//!
//! A record may come from another program. A duration of 1e18 s would need more memory than there is, and counts near
//! `u64::MAX` would overflow in a sum. This module only reports such a value; it repairs nothing.

use crate::folder::Folder;
use crate::record::RunRecord;

/// One year in seconds: no measurement is longer, and its charts still fit into memory.
const LENGTH_MAX_S: f64 = 366.0 * 86_400.0;
/// Requests: more than any machine sends in a year, and far from an overflow of a sum.
const COUNT_MAX: u64 = 1_000_000_000_000_000;

/// The first field of the folder's own record that is out of range, with its value. Arms are not checked.
#[must_use]
pub fn out_of_range(folder: &Folder) -> Option<(String, String)> {
    let record = &folder.record;
    lengths(record)
        .into_iter()
        .find(|(_, value)| !(0.0..=LENGTH_MAX_S).contains(value))
        .map(|(name, value)| (name, format!("{value:e} s")))
        .or_else(|| {
            let excess = counts(record).into_iter().find(|(_, value)| *value > COUNT_MAX);
            excess.map(|(name, value)| (name, value.to_string()))
        })
}

fn lengths(record: &RunRecord) -> Vec<(String, f64)> {
    let mut all = vec![("duration_s".to_owned(), record.duration_s)];
    for (i, stall) in record.stalls.iter().enumerate() {
        // Negative where the stall began in the warm-up.
        all.push((format!("stalls[{i}].start_s"), stall.start_s.abs()));
        all.push((format!("stalls[{i}].duration_s"), stall.duration_s));
    }
    all
}

fn counts(record: &RunRecord) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for (i, group) in record.groups.iter().enumerate() {
        let c = &group.counts;
        for (name, value) in [
            ("scheduled", c.scheduled),
            ("sent", c.sent),
            ("shed", c.shed),
            ("ok", c.ok),
            ("error", c.error),
            ("timeout", c.timeout),
            ("unfinished", c.unfinished),
            ("never_sent", c.never_sent),
        ] {
            all.push((format!("groups[{i}].counts.{name}"), value));
        }
    }
    all.extend(
        record.stalls.iter().enumerate().map(|(i, s)| (format!("stalls[{i}].delayed"), s.delayed)),
    );
    all
}
