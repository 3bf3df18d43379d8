//! Every scenario of the catalog at its smallest, on the bundled server and on redis-server: structure, no timing.
//!
//! Takes some minutes, so it is asked for by name (CI does): `cargo test -p aelab-loadgen --test it -- --ignored the_whole`.

use crate::support::{Server, TempDir, ask, loadgen};
use aelab_results::Folder;
use aelab_results::read_folder;
use aelab_results::record::{Catalog, CatalogRun};
use aelab_scenarios::Scale;
use aelab_scenarios::catalog::{CATALOG, find};
use aelab_scenarios::model::{Arm, Group, Need, Role, Socket};
use std::path::Path;

/// Whether redis-server can be started here; CI insists on it.
fn has_redis() -> bool {
    let there = std::process::Command::new("redis-server").arg("--version").output().is_ok();
    assert!(there || std::env::var_os("AELAB_REQUIRE_REDIS").is_none(), "redis-server is missing");
    there
}

#[test]
#[ignore = "some minutes; CI asks for it by name"]
fn the_whole_catalog_is_run_and_judged() {
    let dir = TempDir::new();
    let out = dir.file("all");
    let mut args = vec!["scenario", "run", "--all", "--scale", "smoke", "--out", &out];
    args.extend(["--title", "All of them"]);
    if has_redis() {
        args.push("--both");
    }
    let called = loadgen(&args);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let whole = read_folder(Path::new(&out)).expect("reads back");
    assert_eq!(whole.record.title, "All of them");
    let catalog = whole.record.catalog.expect("a catalog");
    assert_eq!(catalog.runs.len(), CATALOG.len() * catalog.servers.len());
    for file in ["report.html", "summary.md"] {
        assert!(Path::new(&out).join(file).is_file(), "{file}");
    }
    for run in &catalog.runs {
        check(run, &catalog, Path::new(&out));
    }
}

/// Verdicts are there, books balance, stalls have the right cause.
fn check(run: &CatalogRun, catalog: &Catalog, out: &Path) {
    let place = format!("{} on {}: {:?}", run.scenario, run.server, run.notes);
    let entry = find(&run.scenario).expect("of the catalog");
    let scenario = entry.resolve(Scale::Smoke).expect("reads");
    let ids: Vec<&str> = scenario.claims.iter().map(|claim| claim.id.as_str()).collect();
    let judged: Vec<&str> = run.claims.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(judged, ids, "{place}");
    let bundled = run.server == catalog.servers[0];
    if run.dir.is_empty() {
        let all_need = scenario.arms.iter().all(|arm| arm.needs.contains(&Need::Bundled));
        assert!(!bundled && all_need, "not run: {place}");
        return;
    }
    for claim in &run.claims {
        assert!(!claim.number.is_empty() && !claim.measured.is_empty(), "{place}: {claim:?}");
    }
    let folder = read_folder(&out.join(&run.dir)).expect("reads back");
    let offenders: Vec<String> = scenario
        .arms
        .iter()
        .flat_map(|arm| &arm.groups)
        .filter(|group| group.role == Role::Offender)
        .flat_map(|group| &group.commands)
        .filter_map(|command| command.template.split_whitespace().next())
        .map(str::to_ascii_uppercase)
        .collect();
    let fit = |arm: &&Arm| bundled || !arm.needs.contains(&Need::Bundled);
    assert_eq!(folder.arms.len(), scenario.arms.iter().filter(fit).count(), "arms: {place}");
    for (arm, folder) in &folder.arms {
        let place = format!("{place}, arm {}", arm.name);
        check_arm(folder, &offenders, &place);
        check_view(folder, scenario.arm(&arm.name).expect("an arm of it"), bundled, &place);
    }
}

fn check_arm(folder: &Folder, offenders: &[String], place: &str) {
    let record = &folder.record;
    assert!(
        !record.groups.is_empty() || record.procedure.is_some(),
        "{place}: nothing was measured"
    );
    assert!(record.server_view.is_some(), "{place}: the server's own view is missing");
    for group in &record.groups {
        assert!(group.counts.add_up(), "{place}: {:?}", group.counts);
    }
    for stall in &record.stalls {
        let Some(cause) = &stall.cause else { continue };
        let name = cause.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        assert!(offenders.contains(&name), "{place}: a stall is blamed on {cause}");
        assert!(!stall.evidence.is_empty(), "{place}: {cause} is blamed without evidence");
    }
}

/// The server's own view is whole: INFO twice, its process, its counters, sockets of connections that stay.
fn check_view(folder: &Folder, arm: &Arm, bundled: bool, place: &str) {
    let view = folder.record.server_view.as_ref().expect("looked at before");
    assert!(!view.info_before.is_empty() && !view.info_after.is_empty(), "{place}: no INFO");
    for moment in ["before", "begun", "ended"] {
        let process = view.process.get(moment);
        let has = |field: &str| process.is_some_and(|process| process.contains_key(field));
        for field in ["rss_bytes", "cpu_ns", "context_switches", "descriptors"] {
            assert!(has(field), "{place}: no {field} of the process when {moment}");
        }
    }
    assert!(!bundled || !view.ae_stats.is_empty(), "{place}: no AE STATS");
    assert!(arm.engine.trace == 0 || !view.ae_trace.is_empty(), "{place}: no AE TRACE");
    let stays = |group: &Group| group.pool.is_none() && group.socket == Socket::Tcp;
    let has_sockets = arm.groups.iter().any(stays);
    assert!(!has_sockets || !view.tcp_info.is_empty(), "{place}: no TCP_INFO");
    let offends = arm.groups.iter().any(|group| group.role == Role::Offender);
    let stalled = folder.record.stalls.iter().any(|stall| stall.cause.is_some());
    assert!(!offends || !stalled || !view.slowlog.is_empty(), "{place}: no SLOWLOG");
}

#[test]
fn the_stall_explorer_answers() {
    let dir = TempDir::new();
    let out = dir.file("stall");
    let args = ["scenario", "run", "stall", "--offender", "SMEMBERS bigset", "--every", "300ms"];
    let sizes = ["--sizes", "20k,100k", "--victim-rate", "500", "--out", &out];
    let called = loadgen(&[&args[..], &sizes[..], &["--title", "My set", "--tag", "a=b"]].concat());
    assert_eq!(called.code, 0, "whatever came out, without --strict: {}", called.stderr);
    let folder = read_folder(Path::new(&out)).expect("reads back");
    assert!(called.stdout.lines().any(|line| line == "My set"), "{}", called.stdout);
    assert_eq!((&*folder.record.title, &*folder.record.tags["a"]), ("My set", "b"));
    assert_eq!(folder.arms.len(), 2);
    let procedure = folder.record.procedure.expect("an answer");
    assert_eq!(procedure.tables[0].rows.len(), 2);
    assert!(
        !procedure.notes.is_empty() && called.stdout.contains(&procedure.notes[0]),
        "{procedure:?}"
    );
}

#[test]
fn the_stall_explorer_measures_data_that_is_there_and_writes_nothing() {
    let server = Server::start(&[]);
    let members: Vec<String> = (0..400).map(|n| format!("m{n}")).collect();
    let filled = ask(server.port, &format!("SADD mine {}", members.join(" ")));
    assert_eq!(filled.as_deref(), Some(":400"));
    let (dir, url) = (TempDir::new(), format!("redis://127.0.0.1:{}", server.port));
    let out = dir.file("stall");
    let explore = |offender: &str, more: &[&str]| {
        let args = ["scenario", "run", "stall", "--offender", offender, "--existing-data"];
        let rest = ["--target", &url, "--scale", "smoke", "--every", "100ms", "--out", &out];
        loadgen(&[&args[..], &rest[..], more].concat())
    };
    let called = explore("SMEMBERS mine", &[]);
    assert!(matches!(called.code, 0 | 4), "{}", called.stderr);
    assert!(called.stderr.contains("this takes about"), "{}", called.stderr);
    let folder = read_folder(Path::new(&out)).expect("reads back");
    let table = &folder.record.procedure.expect("an answer").tables[0];
    assert_eq!(table.rows[0][0], Some(400.0));
    assert_eq!(ask(server.port, "DBSIZE").as_deref(), Some(":1"));
    assert_eq!(ask(server.port, "SCARD mine").as_deref(), Some(":400"));
    for (offender, more, why) in [
        ("SPOP mine", &["--data", "set"][..], "SPOP changes data"),
        ("EVAL return 1 mine", &["--data", "set"], "EVAL may change data"),
        ("SMEMBERS other", &[], "other is not in database 0"),
        ("SMEMBERS mine", &["--victim", "INCR n"], "INCR changes data"),
        ("SMEMBERS mine", &["--sizes", "1,2"], "cannot be used with"),
    ] {
        let called = explore(offender, &[more, &["--force"]].concat());
        assert_eq!(called.code, 2, "{offender}: {}", called.stderr);
        assert!(called.stderr.contains(why), "{offender}: {}", called.stderr);
    }
    assert_eq!(ask(server.port, "DBSIZE").as_deref(), Some(":1"));
}

#[test]
fn an_explored_command_that_fails_each_time_is_no_answer() {
    let dir = TempDir::new();
    let out = dir.file("stall");
    let offender = ["scenario", "run", "stall", "--offender", "LRANGE big 0 -1", "--data", "set"];
    let rest = ["--scale", "smoke", "--sizes", "10,20", "--out", &out];
    let called = loadgen(&[&offender[..], &rest[..]].concat());
    assert_eq!(called.code, 4, "{}", called.stderr);
    assert!(called.stderr.contains("failed each time: WRONGTYPE"), "{}", called.stderr);
}
