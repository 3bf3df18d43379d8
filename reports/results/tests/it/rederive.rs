//! Deriving a record again: equal for what was written, and every change is named.

use crate::synthetic::{self, Plan};
use aelab_results::read_folder;
use aelab_results::record::{Metrics, Quantiles, RunRecord};
use aelab_results::rederive::{Rederived, rederive, without_log};

/// What is found in a folder whose record was changed.
fn after(change: impl Fn(&mut RunRecord)) -> Rederived {
    let dir = synthetic::temp_dir(&format!("rederive-{:?}", std::thread::current().id()));
    let run = synthetic::run(&Plan::keys());
    run.write(&dir);
    let mut folder = read_folder(&dir).unwrap();
    change(&mut folder.record);
    rederive(&folder)
}

fn total(record: &mut RunRecord) -> &mut Metrics {
    &mut record.groups[0].total
}

#[test]
fn a_record_equals_its_log() {
    let found = after(|_| {});
    assert_eq!(found.differences, []);
    // Two sets of metrics; per time: count, smallest, largest, mean, and six percentiles with their intervals.
    assert_eq!((found.checked, found.open), (1 + 2 * 3 * (4 + 6 * 3), 0));
}

#[test]
fn every_changed_value_is_named() {
    type Change = fn(&mut Quantiles);
    let changes: [(&str, Change); 7] = [
        ("count", |t| t.count += 1),
        ("min_us", |t| t.min_us = t.min_us.map(|us| us * 1.01)),
        ("max_us", |t| t.max_us = t.max_us.map(|us| us * 1.01)),
        ("mean_us", |t| t.mean_us = t.mean_us.map(|us| us * 1.01)),
        ("percentiles[p99].us", |t| t.percentiles[3].us = t.percentiles[3].us.map(|us| us + 0.001)),
        ("percentiles[p50].lo_us", |t| t.percentiles[0].lo_us = None),
        ("percentiles[p99.99].us", |t| t.percentiles[5].us = Some(1.0)),
    ];
    for (field, change) in changes {
        let found = after(|record| change(&mut total(record).response_time));
        let named: Vec<&str> = found.differences.iter().map(|d| d.field.as_str()).collect();
        assert_eq!(named, [format!("groups[0].total.response_time.{field}")]);
        let found = after(|record| {
            let get = record.groups[0].commands.get_mut("GET").unwrap();
            change(&mut get.service_time);
        });
        let named: Vec<&str> = found.differences.iter().map(|d| d.field.as_str()).collect();
        assert_eq!(named, [format!("groups[0].commands.GET.service_time.{field}")]);
    }
}

#[test]
fn a_lost_line_is_named_and_requests_without_a_reply_are_open() {
    let dir = synthetic::temp_dir("rederive-lost");
    synthetic::run(&Plan::calm()).write(&dir);
    let path = dir.join("latency.hlog");
    let text = std::fs::read_to_string(&path).unwrap();
    let untagged = text.lines().position(|line| line.starts_with("1.000,")).unwrap();
    let kept: Vec<&str> =
        text.lines().enumerate().filter(|(n, _)| *n != untagged).map(|(_, line)| line).collect();
    std::fs::write(&path, kept.join("\n") + "\n").unwrap();
    let found = rederive(&read_folder(&dir).unwrap());
    assert_eq!(found.differences.len(), 1, "{found:?}");
    assert!(found.differences[0].sentence().contains("untagged lines"), "{found:?}");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(without_log(&read_folder(&dir).unwrap()).len(), 1);

    let found = after(|record| {
        record.groups[0].counts.unfinished = 1;
        total(record).response_time.censored = true;
        total(record).response_time.percentiles[3].us = Some(1e9);
    });
    assert_eq!((found.differences.len(), found.open), (0, 2 + 6 * 3));
}

#[test]
fn arms_are_derived_too() {
    let dir = synthetic::temp_dir("rederive-arms");
    synthetic::write_scenario(&dir);
    let mut folder = read_folder(&dir).unwrap();
    assert_eq!(rederive(&folder).differences, []);
    folder.arms[1].1.record.groups[0].total.send_lag.count = 7;
    let found = rederive(&folder);
    assert_eq!(found.differences[0].field, "arms/scan: groups[0].total.send_lag.count");
}
