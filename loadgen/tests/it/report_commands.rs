//! `loadgen report rederive|merge|compare|schema` on folders of real runs.

use crate::schema_check::Schema;
use crate::support::{Called, Server, TempDir, check_failure, check_failure_id, loadgen};
use serde_json::Value;

/// Runs into a folder; the run may be invalid, as other tests use the machine.
fn run(server: &Server, out: &str, words: &[&str]) {
    let port = server.port_arg();
    let called = loadgen(&[&["run", "-p", &port, "--no-live", "--out", out][..], words].concat());
    assert!(called.ran(), "{}", called.stderr);
}

fn edit(dir: &str, change: impl Fn(&mut Value)) {
    let path = format!("{dir}/result.json");
    let text = std::fs::read_to_string(&path).expect("a record");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut record);
    std::fs::write(&path, record.to_string()).expect("written");
}

fn check(called: &Called, code: i32) {
    assert_eq!(called.code, code, "{}{}", called.stdout, called.stderr);
}

const LOADS: [&[&str]; 5] = [
    &["-n", "3000", "--command", "SET __key__ __data__", "--command", "GET __key__"],
    &["--rate", "1000", "--duration", "2500ms", "--warmup", "123ms", "GET", "a"],
    &["--rate", "500", "--duration", "500ms", "--pool-max-total", "4", "GET", "a"],
    &["-n", "200", "-c", "4", "--command", "BLPOP l 0", "--command", "RPUSH l {stamp}"],
    &["-n", "2000", "--timestamps", "kernel", "--idle", "2", "GET", "a"],
];

#[test]
fn real_records_follow_the_schema_and_are_derived_again_from_their_logs() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    for (index, load) in LOADS.iter().enumerate() {
        let out = dir.file(&format!("run{index}"));
        run(&server, &out, load);
        let text = std::fs::read_to_string(format!("{out}/result.json")).expect("a record");
        let record: Value = serde_json::from_str(&text).expect("JSON");
        let found = Schema::load().violations(&record);
        assert!(found.is_empty(), "{load:?}: {found:#?}");
        let called = loadgen(&["report", "rederive", &out]);
        check(&called, 0);
        assert!(called.stdout.starts_with("equal  "), "{load:?}: {}", called.stdout);
    }
    let out = dir.file("run1");
    edit(&out, |record| {
        let p50 = &mut record["groups"][0]["total"]["response_time"]["percentiles"][0]["us"];
        *p50 = (p50.as_f64().expect("a time") * 1.01).into();
    });
    let called = loadgen(&["report", "rederive", &out]);
    check(&called, 4);
    let named = "differs  groups[0].total.response_time.percentiles[p50].us: the record has ";
    assert!(called.stdout.starts_with(named), "{}", called.stdout);
    check_failure_id(&["report", "rederive", &out], 4, "record-differs");
    std::fs::remove_file(format!("{out}/latency.hlog")).expect("removed");
    check_failure(&["report", "rederive", &out], 2, "no latency.hlog");
    let printed = loadgen(&["report", "schema"]);
    let schema: Value = serde_json::from_str(&printed.stdout).expect("JSON");
    assert_eq!(schema["properties"]["schema"]["const"], 1);
}

#[test]
fn runs_are_added_and_compared() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let [a, b, sum, slow] = ["a", "b", "sum", "slow"].map(|name| dir.file(name));
    for out in [&a, &b] {
        run(&server, out, &["--rate", "400", "--duration", "2500ms", "GET", "a"]);
    }
    check(&loadgen(&["report", "merge", &a, &b, "--out", &sum]), 0);
    let folder = aelab_results::read_folder(sum.as_ref()).expect("reads back");
    assert_eq!(folder.record.groups[0].counts.scheduled, 2 * 1000);
    assert!(dir.path().join("sum/report.html").exists());
    check(&loadgen(&["report", "rederive", &sum]), 0);
    let again = ["report", "merge", &a, &b, "--out", &sum];
    check_failure_id(&again, 2, "folder-holds-run");
    check(&loadgen(&[&again[..], &["--force"]].concat()), 0);
    check_failure_id(&["report", "merge", &a, &a, "--out", &slow], 2, "not-mergeable");
    run(&server, &slow, &["--rate", "300", "--duration", "2500ms", "GET", "a"]);
    check_failure_id(&["report", "merge", &a, &slow, "--out", &sum, "--force"], 2, "not-mergeable");
    check_failure(&["report", "merge", &a, "--out", &sum], 2, "2 values required");

    let called = loadgen(&["report", "compare", &a, &slow]);
    check(&called, 0);
    for part in
        ["load: response time, one run each", "rate ", "B/A by quantile: p10 ", "within a run only"]
    {
        assert!(called.stdout.contains(part), "{part}: {}", called.stdout);
    }
    let out = dir.file("compared");
    let called = loadgen(&["report", "compare", &a, &slow, "--json", "--out", &out]);
    check(&called, 0);
    let json: Value = serde_json::from_str(&called.stdout).expect("JSON");
    let rate = &json["pairs"][0]["metrics"][4];
    assert_eq!(rate["name"], "rate");
    let ratio = rate["ratio"].as_f64().expect("a ratio");
    assert!((0.5..1.0).contains(&ratio), "{rate}");
    let file = std::fs::read_to_string(format!("{out}/compare.json")).expect("a file");
    assert_eq!(file.trim_end(), called.stdout.trim_end());
    assert!(dir.path().join("compared/report.html").exists());
    assert!(dir.path().join("compared/charts/percentiles.svg").exists());
    let file = format!("{out}/compare.json/below");
    check_failure_id(&["report", "compare", &a, &b, "--out", &file], 2, "output-not-writable");
    check_failure(&["report", "compare", &a, &dir.file("none")], 2, "cannot read the record");
}

#[test]
fn every_format_is_printed_from_a_real_run() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let out = dir.file("run");
    run(&server, &out, &["-n", "3000", "--ratio", "1:1"]);
    let export = |words: &[&str]| {
        let called = loadgen(&[&["report", "export", &out][..], words].concat());
        check(&called, 0);
        called.stdout
    };
    for (format, part) in [
        ("hgrm", "#[Buckets ="),
        ("csv", "arm,group,command,metric,start_s"),
        ("csv-distribution", ",load,GET,service,"),
        ("jsonl", "\"command\":\"SET\""),
        ("openmetrics", "loadgen_service_time_seconds_bucket{group=\"load\",command=\"GET\",le="),
        ("github-action-benchmark", "load p50 service time"),
        ("github-action-benchmark-rate", "load rate"),
        ("bencher", "throughput"),
        ("otava", "load.p99_us"),
    ] {
        let text = export(&["--format", format]);
        assert!(text.contains(part) && text.ends_with('\n'), "{format}: {text}");
    }
    let hgrm = export(&["--format", "hgrm", "--tag", "load:SET:service"]);
    assert!(hgrm.contains("Total count    ="), "{hgrm}");
    let unknown = ["report", "export", &out, "--format", "hgrm", "--tag", "load:DEL:service"];
    check_failure(&unknown, 2, "there is no series 'load:DEL:service'; the log has: load:");
    check_failure(&["report", "export", &out, "--format", "csv", "--tag", "x"], 2, "--tag chooses");
    check_failure(&["report", "export", &out], 2, "--format");
    check_failure(&["report", "export", &out, "--format", "xml"], 2, "openmetrics");
}

/// Metric names of a text: words that begin with the prefix.
fn metrics_in(text: &str) -> std::collections::BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named = words.filter(|word| word.starts_with("loadgen_"));
    named.map(|word| word.trim_end_matches("_bucket").trim_end_matches("_count")).collect()
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist_and_misses_none() {
    let text = include_str!("../../../packaging/grafana-dashboard.json");
    let dashboard: Value = serde_json::from_str(text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let cells = |panel: &Value| {
        let at = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        (at("x"), at("y"), at("w"), at("h"))
    };
    let mut shown = String::new();
    for (index, panel) in panels.iter().enumerate() {
        let (x, y, w, h) = cells(panel);
        assert!(x + w <= 24, "{panel}");
        for other in &panels[..index] {
            let (a, b, c, d) = cells(other);
            assert!(x >= a + c || a >= x + w || y >= b + d || b >= y + h, "{panel} covers {other}");
        }
        for target in panel["targets"].as_array().expect("targets") {
            shown.push_str(target["expr"].as_str().expect("an expression"));
            shown.push('\n');
        }
    }
    let page = include_str!("../../../docs/live.md");
    let table: String = page.lines().filter(|line| line.starts_with("| `loadgen_")).collect();
    let mut told = metrics_in(&table);
    // They say something about the program, and nothing over time.
    assert!(told.remove("loadgen_info") && told.remove("loadgen_elapsed_seconds"));
    assert_eq!(metrics_in(&shown), told);
}
