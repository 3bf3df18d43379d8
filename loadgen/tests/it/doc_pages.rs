//! The commands in pages of docs/ work as they stand there.

use crate::support::{Server, TempDir, loadgen, loadgen_in};
use aelab_results::record::RunRecord;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The command lines in the page's blocks without a language, in order.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut block: Option<bool> = None;
    for line in page.lines() {
        block = match (block, line.strip_prefix("```")) {
            (None, Some(language)) => Some(language.is_empty()),
            (Some(_), Some(_)) => None,
            (state, None) => state,
        };
        if block == Some(true) && line.starts_with("loadgen ") {
            commands.push(line.to_owned());
        }
    }
    commands
}

/// Runs each command of a page in a folder with the files that the page speaks of.
fn check(page: &str, least: usize) {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text);
    write("workload.txt", "9 GET __key__\nSET __key__ {data 16-256} EX {ttl 60-120}\n")
        .expect("written");
    write("instants.txt", "0\n0.1\n200ms\n").expect("written");
    write("capture.txt", "OK\n1.000000 [0 127.0.0.1:1] \"set\" \"a\" \"1\"\n").expect("written");
    std::fs::create_dir(dir.path().join("appendonlydir")).expect("made");
    write("appendonlydir/appendonly.aof.1.incr.aof", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n")
        .expect("written");
    let commands = commands(page);
    assert!(commands.len() >= least, "{commands:?}");
    for command in commands {
        let line = command.replace("-p 6379", &format!("-p {}", server.port));
        let words = aelab_engine::workload::words::split_words(&line).expect("reads");
        let words: Vec<String> =
            words.into_iter().map(|word| String::from_utf8(word).expect("text")).collect();
        let called = loadgen_in(dir.path(), &words[1..]);
        // A machine without time for it may spoil a measurement; the command worked.
        assert!(matches!(called.code, 0 | 4), "{command}: {}", called.stderr);
        // Who receives may have had all its connections ready before the measurement.
        let heard =
            called.stdout.contains(" messages received") && called.stdout.contains("; 0 lost");
        assert!(heard || !called.stdout.contains(" 0 ok"), "{command}: {}", called.stdout);
    }
}

#[test]
fn workloads() {
    check(include_str!("../../../docs/workloads.md"), 20);
}

#[test]
fn switching() {
    check(include_str!("../../../docs/switching.md"), 4);
}

#[test]
fn operations_and_messages() {
    let page = include_str!("../../../docs/operations-and-messages.md");
    check(page, 2);
    let (_, block) = page.split_once("```toml\n").expect("a scenario");
    let (scenario, _) = block.split_once("```").expect("its end");
    let dir = TempDir::new();
    std::fs::write(dir.path().join("messages.toml"), scenario).expect("written");
    let words = ["scenario", "run", "messages.toml", "--out", "result"].map(str::to_owned);
    let called = loadgen_in(dir.path(), &words);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let arms = dir.path().join("result/arms");
    let arm = std::fs::read_dir(arms).expect("arms").next().expect("one").expect("a folder").path();
    let record = aelab_results::read_folder(&arm).expect("reads back").record;
    let heard: Vec<_> = record.groups.iter().filter_map(|group| group.delivery.as_ref()).collect();
    assert!(heard.iter().any(|delivery| delivery.received > 1_000 && delivery.lost == 0));
}

#[test]
fn the_pool_settings_of_client_libraries_are_named() {
    let page = include_str!("../../../docs/capacity.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let libraries = [
        ("Jedis", "`maxTotal`"),
        ("Lettuce", "`minIdle`"),
        ("Spring Data Redis", "`max-active`"),
        ("Redisson", "`connectionPoolSize`"),
        ("redis-py", "`max_connections`"),
        ("go-redis", "`PoolSize`"),
        ("node-redis", "`maximum`"),
        ("ioredis", "`max`"),
        ("StackExchange.Redis", "`ConnectionMultiplexer`"),
        ("redis-rs", "`max_size`"),
    ];
    let readme = include_str!("../../../README.md");
    for (library, setting) in libraries {
        let is_there = rows.iter().any(|row| row.contains(library) && row.contains(setting));
        assert!(is_there, "no row names {setting} of {library}");
    }
    for library in ["Jedis", "Lettuce", "redis-py", "go-redis", "ioredis", "StackExchange.Redis"] {
        assert!(readme.contains(library), "README.md does not name {library}");
    }
}

#[test]
fn capacity() {
    check(include_str!("../../../docs/capacity.md"), 3);
}

/// A heading of the page of fields, and a field in the table under it.
type Field = (&'static str, String);

/// The fields of the page's tables.
fn fields_of_page(page: &str) -> BTreeSet<Field> {
    let mut heading = "";
    let mut fields = BTreeSet::new();
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            heading =
                HEADINGS.into_iter().find(|one| *one == name).expect("a heading with a table");
        }
        if let Some(cell) = line.strip_prefix("| `").and_then(|rest| rest.split(" | ").next()) {
            let names = cell.split(',').map(|name| name.trim_matches(|c| c == '`' || c == ' '));
            fields.extend(names.map(|name| (heading, name.to_owned())));
        }
    }
    fields
}

const HEADINGS: [&str; 4] = ["The record", "A group", "Metrics", "Times"];
/// Fields whose own fields are named by somebody else.
const OPEN: [&str; 3] = ["environment", "server.config", "tags"];
/// Fields of folders that hold arms, which the page names in a sentence.
const OF_SCENARIOS: [&str; 6] =
    ["server_view", "procedure", "scenario", "catalogue", "gate", "plan"];

/// The fields of a record's JSON as the page names them.
fn fields_of(value: &Value, heading: &'static str, prefix: &str, found: &mut BTreeSet<Field>) {
    for (name, inner) in value.as_object().expect("an object") {
        let field = format!("{prefix}{name}");
        let each: Vec<&Value> = match inner {
            Value::Array(items) => items.iter().filter(|item| item.is_object()).collect(),
            Value::Object(_) => vec![inner],
            _ => Vec::new(),
        };
        let is_empty = inner.as_array().is_some_and(Vec::is_empty);
        if is_empty || OF_SCENARIOS.contains(&field.as_str()) {
            continue;
        }
        if each.is_empty() || OPEN.contains(&field.as_str()) {
            found.insert((heading, field));
        } else if field == "commands" {
            found.insert((heading, field));
            let commands = inner.as_object().expect("by name");
            commands.values().for_each(|one| fields_of(one, "Metrics", "", found));
        } else {
            let field = if inner.is_array() { field + "[]" } else { field };
            let below = match each[0] {
                one if field == "groups[]" || one.get("response_time").is_some() => {
                    Some(if field == "groups[]" { "A group" } else { "Metrics" })
                }
                one => one.get("percentiles").map(|_| "Times"),
            };
            for one in each {
                match below {
                    Some(below) => fields_of(one, below, "", found),
                    None => fields_of(one, heading, &format!("{field}."), found),
                }
            }
            if below.is_some() {
                found.insert((heading, field));
            }
        }
    }
}

/// A record that has everything: what is optional is named here, the rest comes by itself.
const WHOLE: &str = r#"{
    "schema": 1, "tool": {"commit": "x"}, "title": "x", "note": "x", "tags": {"x": "x"}, "command": ["x"], "server": {"version": "x", "pid": 1, "keys": 1, "config_refusal": "x"},
    "caveats": [{"id": "x", "severity": "warning", "arm": "x"}], "stalls": [{"evidence": ["x"]}], "limits": [{}], "merged_from": [{}],
    "audit": {"threads": [{"cpu": 1, "margin_us": 1}], "own_lag": {}, "late_share": 1, "gaps": {},
              "warmup": {"moving": "x"}},
    "groups": [{"workload": "x", "load": "x", "endpoints": [{}], "kernel": {}, "redirects": {}, "carried_over": 1, "delivery": {}, "blocked": {},
                "errors": [{}], "error_time": {}, "pool": {}, "over_time": {"replied": [1]},
                "commands": {"GET": {"hits": 1, "misses": 1, "sent_bytes": 1, "received_bytes": 1,
                    "response_time": {"percentiles": [{"lo_us": 1, "hi_us": 1, "need": 1}]}}}}]}"#;

#[test]
fn the_page_of_fields_names_every_field_of_a_record() {
    let page = include_str!("../../../docs/result-json.md");
    let told = fields_of_page(page);
    let record = RunRecord::from_json(WHOLE, Path::new("test")).expect("a record");
    let value = |record: &RunRecord| -> Value {
        serde_json::from_str(&record.to_json().expect("JSON")).expect("JSON")
    };
    let mut all = BTreeSet::new();
    fields_of(&value(&record), "The record", "", &mut all);
    let untold: Vec<_> = all.difference(&told).collect();
    let unknown: Vec<_> = told.difference(&all).collect();
    assert!(untold.is_empty() && unknown.is_empty(), "untold {untold:?}, unknown {unknown:?}");
    // What runs have that the type above lacks.
    let server = Server::start(&[]);
    let port = server.port_arg();
    for load in [
        &["-n", "2000", "--command", "GET a", "--command", "LPUSH a b ; INCR a"][..],
        &["--rate", "500", "--duration", "500ms", "--pool-max-total", "4", "GET", "a"],
        &["-n", "200", "-c", "4", "--command", "BLPOP l 0", "--command", "RPUSH l {stamp}"],
        &["-n", "2000", "--timestamps", "kernel", "--idle", "2", "GET", "a"],
    ] {
        let called = loadgen(&[&["run", "-p", &port, "--json", "--no-live"], load].concat());
        let value: Value = serde_json::from_str(&called.stdout).expect(&called.stderr);
        let mut found = BTreeSet::new();
        fields_of(&value, "The record", "", &mut found);
        let untold: Vec<_> = found.difference(&told).collect();
        assert!(untold.is_empty() && found.len() > 50, "{load:?}: {untold:?}");
    }
}

#[test]
fn the_lines_for_scripts_work() {
    let page = include_str!("../../../docs/result-json.md");
    let (_, block) = page.split_once("```sh\n").expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    let (run, queries) = block.split_once('\n').expect("a run, then queries");
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let words = run.replace("-p 6379", &format!("-p {}", server.port));
    let (words, file) = words.split_once(" > ").expect("a file");
    let words: Vec<String> = words.split(' ').skip(1).map(str::to_owned).collect();
    let called = loadgen_in(dir.path(), &words);
    assert!(called.ran(), "{}", called.stderr);
    std::fs::write(dir.path().join(file), &called.stdout).expect("written");
    if Command::new("jq").arg("--version").output().is_err() {
        println!("skipped: jq is not installed");
        return;
    }
    let answers = queries.lines().map(|line| {
        let asked = Command::new("sh").args(["-c", line]).current_dir(dir.path()).output();
        let asked = asked.expect("a shell");
        assert!(asked.status.success(), "{line}: {asked:?}");
        String::from_utf8(asked.stdout).expect("text").trim().to_owned()
    });
    let answers: Vec<String> = answers.collect();
    assert!(answers[0].parse::<f64>().is_ok_and(|rate| rate > 0.0), "{answers:?}");
    assert!(answers[1].parse::<f64>().is_ok_and(|us| us > 0.0), "{answers:?}");
    assert_eq!(answers[2], "GET\t0\t10000");
    assert!(answers[3].starts_with('['), "{answers:?}");
}
