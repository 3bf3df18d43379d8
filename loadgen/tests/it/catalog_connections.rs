//! The scenarios about connections, run at their smallest scale: every claim has a verdict, every account balances, and what does
//! not depend on speed comes out as it must.

use crate::support::{TempDir, loadgen};
use aelab_results::record::{ClaimVerdict, RunRecord};
use std::path::Path;
use std::process::Command;

fn record(dir: &Path) -> RunRecord {
    aelab_results::read_folder(dir).expect("a folder that reads back").record
}

/// Runs a scenario on the bundled server; `certain` are claims whose verdict no machine can change.
#[track_caller]
fn check(name: &str, certain: &[(&str, ClaimVerdict)]) {
    check_on(&[], name, certain);
}

/// Runs it on both, if redis-server is there.
#[track_caller]
fn check_both(name: &str, certain: &[(&str, ClaimVerdict)]) {
    check(name, certain);
    let version = Command::new("redis-server").arg("--version").output();
    if version.is_ok_and(|output| output.status.success()) {
        check_on(&["--server-bin", "redis-server"], name, certain);
    }
}

#[track_caller]
fn check_on(server: &[&str], name: &str, certain: &[(&str, ClaimVerdict)]) {
    let dir = TempDir::new();
    let out = dir.file("out");
    let args = ["scenario", "run", name, "--scale", "smoke", "--out", &out];
    let called = loadgen(&[&args[..], server].concat());
    assert_eq!(called.code, 0, "{name}: {}", called.stderr);
    let whole = record(Path::new(&out));
    let scenario = whole.scenario.as_ref().expect("the scenario's part");
    assert!(!scenario.claims.is_empty() && !scenario.arms.is_empty());
    for claim in &scenario.claims {
        assert!(!claim.measured.is_empty(), "{name}: {} is not measured", claim.id);
    }
    for (id, verdict) in certain {
        let claim = scenario.claims.iter().find(|claim| claim.id == *id).expect("the claim");
        assert_eq!(claim.verdict, *verdict, "{name}, {id}: {}", claim.measured);
    }
    for arm in &scenario.arms {
        let record = record(&Path::new(&out).join(&arm.dir));
        for group in &record.groups {
            assert!(group.counts.add_up(), "{name}, {}: {:?}", arm.name, group.counts);
            assert!(group.counts.ok > 0, "{name}, {}: {:?}", arm.name, group.counts);
        }
        match &record.procedure {
            Some(procedure) => assert!(!procedure.figures.is_empty(), "{name}, {}", arm.name),
            None => assert!(!record.groups.is_empty(), "{name}, {}", arm.name),
        }
    }
}

#[test]
fn commands_in_pieces() {
    check_both("split-command", &[("B3", ClaimVerdict::Confirmed)]);
}

#[test]
fn state_of_connections() {
    check_both("connection-state", &[("B2", ClaimVerdict::Confirmed)]);
}

#[test]
fn flow_control() {
    check("flow-control", &[]);
}

#[test]
fn pipelines_over_links() {
    check("pipelining", &[]);
}

#[test]
fn transactions() {
    check_both("pipeline-is-not-a-transaction", &[("B6-all-or-nothing", ClaimVerdict::Refuted)]);
}

#[test]
fn accept_queues() {
    check("accept-queue", &[]);
}

#[test]
fn costs_of_connections() {
    check_both("connection-cost", &[("B8", ClaimVerdict::Confirmed)]);
}

#[test]
fn limits_of_clients() {
    check_both("maxclients", &[("B10", ClaimVerdict::Confirmed)]);
}

#[test]
fn greedy_neighbours() {
    check_both("pool-max-total", &[("B13", ClaimVerdict::Confirmed)]);
}

#[test]
fn both_sockets() {
    check("tcp-vs-uds", &[]);
}

#[test]
fn pools() {
    check("pool-vs-connect", &[]);
}

#[test]
fn pools_that_grow() {
    check("pool-min-idle", &[]);
}

#[test]
fn short_lived_clients() {
    check("serverless-churn", &[]);
}
