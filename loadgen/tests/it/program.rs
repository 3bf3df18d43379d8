//! What the program does for its user, end to end: structure only, no timing.

use crate::fake_server::{Action, ok, serve};
use crate::support::{LOADGEN, Server, TempDir, check_failure, check_failure_id, loadgen};
use aelab_results::read_folder;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[test]
fn the_forms_of_output() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let run = |more: &[&str]| {
        let args: Vec<&str> = ["run", "-p", &port, "-n", "2000", "-t", "set,get"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let called = loadgen(&args);
        assert!(matches!(called.code, 0 | 4), "{more:?}: {}", called.stderr);
        called.stdout
    };
    let csv = run(&["--csv"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[0].starts_with("\"test\",\"rps\",\"avg_latency_ms\""), "{csv}");
    assert!(lines[1].starts_with("\"SET\",") && lines[2].starts_with("\"GET\","), "{csv}");
    let quiet = run(&["-q"]);
    assert!(quiet.lines().all(|line| line.contains(" requests per second, p50=")), "{quiet}");
    let table = run(&[]);
    assert!(table.contains("== GET") && table.contains("2000 ok, 0 errors"), "{table}");
}

#[test]
fn a_folder_holds_all_promised_files() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let out = dir.file("out");
    let called = loadgen(&[
        "run",
        "-p",
        &server.port_arg(),
        "--rate",
        "1k",
        "--duration",
        "1s",
        "--out",
        &out,
        "PING",
    ]);
    assert!(matches!(called.code, 0 | 4), "{}", called.stderr);
    assert_eq!(called.stdout.lines().last(), Some(out.as_str()), "the path comes last");
    let path = Path::new(&out);
    for file in ["result.json", "latency.hlog", "report.html", "summary.md"] {
        assert!(path.join(file).is_file(), "{file}");
    }
    let folder = read_folder(path).expect("reads back");
    let group = &folder.record.groups[0];
    assert_eq!(group.counts.scheduled, 1000);
    assert!(group.counts.add_up());
    assert_eq!(group.total.response_time.count, group.counts.ok);
    assert!(folder.hlog.is_some());
}

#[test]
fn a_folder_that_holds_a_run_is_not_replaced_by_accident() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let out = dir.file("out");
    let port = server.port_arg();
    let args = ["run", "-p", &port, "-n", "100", "-q", "--out", &out, "PING"];
    assert!(matches!(loadgen(&args).code, 0 | 4));
    check_failure_id(&args, 2, "folder-holds-run");
    let forced = ["run", "-p", &port, "-n", "100", "-q", "--force", "--out", &out, "PING"];
    assert!(matches!(loadgen(&forced).code, 0 | 4));
}

#[test]
fn two_runs_at_once_do_not_share_a_folder() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let (out, port) = (dir.file("out"), server.port_arg());
    let run = ["run", "-p", &port, "--rate", "50", "--duration", "20s", "--out", &out, "PING"];
    let mut first = Command::new(LOADGEN)
        .args(run)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("loadgen runs");
    let is_there = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(20));
        Path::new(&out).exists()
    });
    assert!(is_there);
    // Between making it and claiming it lies next to nothing.
    thread::sleep(Duration::from_millis(500));
    check_failure_id(&run, 2, "folder-in-use");
    first.kill().expect("killed");
    first.wait().expect("ended");
    let short = ["run", "-p", &port, "-n", "10", "-q", "--out", &out, "PING"];
    assert!(loadgen(&short).ran(), "a run that was killed claims nothing");
}

#[test]
fn schedules_keys_values_and_connections_of_all_kinds() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let port = server.port_arg();
    let trace = dir.file("instants");
    std::fs::write(&trace, "0\n0.1\n# comment\n200ms\n").expect("written");
    let trace = format!("trace:{trace}");
    let run = |name: &str, more: &[&str]| {
        let out = dir.file(name);
        let mut args = vec!["run", "-p", &port, "--out", &out];
        args.extend(more);
        let called = loadgen(&args);
        assert!(matches!(called.code, 0 | 4), "{more:?}: {}", called.stderr);
        read_folder(Path::new(&out)).expect("reads back").record
    };
    // 100/s to 300/s within half a second: 100 requests; 50 + 150; three.
    for (arrival, scheduled) in
        [("ramp:100-300@500ms", 100), ("step:100,300@500ms", 200), (trace.as_str(), 3)]
    {
        let name = arrival.split(':').next().unwrap_or_default();
        let record = run(name, &["--arrival", arrival, "PING"]);
        assert_eq!(record.groups[0].counts.scheduled, scheduled, "{arrival}");
        assert_eq!(record.groups[0].counts.ok, scheduled, "{arrival}");
    }
    for dist in ["zipf:1.1", "latest", "gaussian", "hotspot:keys=0.1,requests=0.9"] {
        let set = ["-n", "500", "-r", "100", "-t", "set", "--key-dist", dist, "-d", "8:9,1KiB:1"];
        let record = run(&dist[..4], &[&set[..], &["--compressible", "0.5"]].concat());
        assert_eq!(record.groups[0].counts.ok, 500, "{dist}");
    }
    let record = run("idle", &["-n", "500", "--idle", "20", "--connect-rate", "1k", "PING"]);
    assert_eq!(
        (record.groups[1].name.as_str(), record.groups[1].connections.established),
        ("idle", 20)
    );
    let record = run("churn", &["-n", "500", "-c", "5", "--reconnect-interval", "10", "PING"]);
    assert_eq!(record.groups[0].counts.ok, 500);
    let ttl = run("ttl", &["-n", "100", "SET", "__key__", "x", "EX", "{ttl 50-90}"]);
    assert_eq!(ttl.groups[0].counts.ok, 100);
}

#[test]
fn a_subscriber_without_messages_gets_a_remedy() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let alone = ["run", "-p", &port, "-c", "2", "--duration", "300ms", "SUBSCRIBE", "news"];
    check_failure(&alone, 4, "PUBLISH CHANNEL {stamp}");
    let counted = ["run", "-p", &port, "-c", "2", "-n", "9", "SUBSCRIBE", "news"];
    check_failure(&counted, 2, "PUBLISH CHANNEL {stamp}");
}

#[test]
fn a_blocked_command_without_data_gets_a_remedy_and_is_no_stall() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let alone = ["run", "-p", &port, "-c", "2", "--duration", "300ms", "BLPOP", "q", "0"];
    check_failure_id(&alone, 4, "nothing-heard");
    let called =
        loadgen(&[&alone[..5], &["--duration", "300ms", "--json", "BLPOP", "q", "0"]].concat());
    let record: serde_json::Value = serde_json::from_str(&called.stdout).expect("a record");
    let caveats = record["caveats"].as_array().expect("caveats");
    let ids: Vec<_> = caveats.iter().filter_map(|caveat| caveat["id"].as_str()).collect();
    assert!(ids.contains(&"nothing-heard") && !ids.contains(&"server-changed"), "{ids:?}");
    // Refused each time: it never waited.
    let peer = serve(|_, _, args| match args[0] {
        b"XREADGROUP" => Action::Reply(b"-NOGROUP No such key 's'\r\n".to_vec()),
        _ => ok(),
    });
    let port = peer.port().to_string();
    let run = ["run", "-p", &port, "-c", "2", "--duration", "200ms", "--rate", "50"];
    let reader = "XREADGROUP GROUP g me BLOCK 0 STREAMS s >";
    let both = ["--command", reader, "--command", "XADD s * m {stamp}"];
    check_failure(&[&run[..], &both].concat(), 4, "most often \"NOGROUP No such key 's'\". Create");
    check_failure(&[&run[..7], &["--command", reader]].concat(), 4, "NOGROUP");
}

#[test]
fn senders_and_receivers_may_be_in_one_run() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    for (receive, send) in
        [("SUBSCRIBE news", "PUBLISH news {stamp}"), ("BLPOP q 0", "LPUSH q {stamp}")]
    {
        let called = loadgen(&[
            "run",
            "-p",
            &port,
            "-c",
            "4",
            "--rate",
            "100",
            "--duration",
            "1s",
            "--json",
            "--no-live",
            "--command",
            receive,
            "--command",
            send,
        ]);
        assert!(called.ran(), "{receive}: {}", called.stderr);
        let record: serde_json::Value = serde_json::from_str(&called.stdout).expect("a record");
        let groups = record["groups"].as_array().expect("groups");
        let names: Vec<_> = groups.iter().map(|group| group["name"].as_str()).collect();
        assert_eq!(names, [Some("load"), Some("receivers")]);
        let heard = &groups[1]["delivery"];
        // On a machine that stood still at the end, what was pushed last is still in the queue.
        assert!(heard["received"].as_u64() >= Some(20) && heard["lost"] == 0, "{receive}: {heard}");
    }
}

#[test]
fn promises_that_are_no_rows_of_the_self_test_say_where_they_are_held() {
    check_failure(&["selftest", "--only", "A15"], 2, "the monotonic clock");
    check_failure(&["selftest", "--only", "A20"], 2, "latency.hlog");
    check_failure(&["selftest", "--only", "A99"], 2, "there is no such row");
}

#[test]
fn placeholders_that_were_not_meant_so_are_refused_or_sent_as_they_are() {
    for (words, part) in [
        (&["GET", "{kye}"][..], "did you mean {key …}"),
        (&["GET", "{page 5}"], "which GET does not take"),
        (&["LRANGE", "l", "{page 0}"], "the page's size"),
        (&["GET", "a", "--out", "x"], "follows the command"),
    ] {
        check_failure(&[&["run", "-n", "10"], words].concat(), 2, part);
    }
    let pool = ["run", "--rate", "9", "--pool-max-total", "3", "--pool-max-idle", "9", "PING"];
    check_failure(&pool, 2, "--pool-max-idle 9 is above");
    let server = Server::start(&[]);
    let port = server.port_arg();
    assert!(loadgen(&["run", "-p", &port, "-n", "5", "SET", "\\{kye}", "x"]).ran());
    assert_eq!(crate::support::ask(server.port, "EXISTS {kye}").as_deref(), Some(":1"));
    assert!(loadgen(&["run", "-p", &port, "-n", "5", "--", "SET", "--out", "x"]).ran());
    assert_eq!(crate::support::ask(server.port, "EXISTS --out").as_deref(), Some(":1"));
}

#[test]
fn a_stall_of_the_server_is_in_the_response_times() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let dir = TempDir::new();
    let out = dir.file("out");
    let (port, number) = (server.port_arg(), server.port);
    let sleeper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(1000));
        crate::support::ask(number, "DEBUG SLEEP 0.5")
    });
    loadgen(&[
        "run",
        "-p",
        &port,
        "--rate",
        "500",
        "--duration",
        "3s",
        "--warmup",
        "0",
        "--out",
        &out,
        "PING",
    ]);
    assert_eq!(sleeper.join().expect("asked").as_deref(), Some("+OK"));
    let record = read_folder(Path::new(&out)).expect("reads back").record;
    let longest = record.stalls.iter().map(|stall| stall.duration_s).fold(0.0, f64::max);
    assert!(longest >= 0.45, "the stall is named: {:?}", record.stalls);
    let response = &record.groups[0].total.response_time;
    assert!(response.max_us.expect("samples") >= 450_000.0);
    // 250 of 1500 requests were due in it: the mean holds their waits (half of 0.5 s each), as no mean of service times would.
    assert!(response.mean_us.expect("samples") >= 30_000.0, "{:?}", response.mean_us);
}

#[test]
fn catalog_on_the_command_line() {
    let list = loadgen(&["scenario", "list"]);
    assert_eq!(list.code, 0);
    assert!(list.stdout.contains("keys-vs-scan") && list.stdout.contains("A13"));
    let show = loadgen(&["scenario", "show", "keys-vs-scan", "--scale", "full"]);
    assert!(show.stdout.contains("keys = \"10M\""), "{}", show.stdout);
    // It has no file, and its name is in the list all the same.
    let show = loadgen(&["scenario", "show", "stall"]);
    assert_eq!(show.code, 0, "{}", show.stderr);
    assert!(list.stdout.contains("stall"), "{}", list.stdout);
    assert!(show.stdout.contains("loadgen scenario run stall --offender"), "{}", show.stdout);
}

#[test]
fn a_scenario_of_ones_own_is_run_and_judged() {
    let dir = TempDir::new();
    let (file, out) = (dir.file("mine.toml"), dir.file("out"));
    std::fs::write(&file, MINE).expect("written");
    let called = loadgen(&["scenario", "run", &file, "--out", &out]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let folder = read_folder(Path::new(&out)).expect("reads back");
    let scenario = folder.record.scenario.as_ref().expect("a scenario");
    assert_eq!(scenario.name, "mine");
    let verdicts: Vec<_> = scenario.claims.iter().map(|c| c.verdict.as_str()).collect();
    // On a machine that is too busy an arm must not be used, and decides nothing.
    let busy = folder.arms.iter().any(|(_, arm)| arm.record.is_invalid());
    for (verdict, want) in verdicts.iter().zip(["confirmed", "refuted", "inconclusive"]) {
        let fits = *verdict == want || (busy && *verdict == "inconclusive");
        assert!(fits, "{want}: {}", called.stdout);
    }
    assert_eq!(verdicts.len(), 3);
    assert_eq!(folder.arms.len(), 2);
    for (arm, folder) in &folder.arms {
        for group in &folder.record.groups {
            assert!(group.counts.add_up(), "{}: {:?}", arm.name, group.counts);
            assert_eq!(group.counts.error, 0, "{}", arm.name);
        }
    }
    let strict = loadgen(&["scenario", "run", &file, "--out", &out, "--force", "--strict"]);
    assert!(
        matches!(strict.code, 1 | 4),
        "refuted, unless the machine was too busy: {}",
        strict.code
    );
}

const MINE: &str = r#"
question = "Does it all hang together?"
[claims.X1]
text = "requests are answered"
[[claims.X1.holds]]
says = "all of them"
measure = "keys.victims.count.ok"
min = 500
[claims.X2]
text = "nothing is answered"
[[claims.X2.holds]]
says = "none"
measure = "scan.victims.count.ok"
max = 0
[claims.X3]
text = "nobody can know"
[[claims.X3.holds]]
says = "a percentile beyond the sample"
measure = "scan.victims.response.p99.99"
max = "1h"
[data]
keys = "20k"
[phases]
warmup = "200ms"
measure = "1s"
drain = "5s"
[groups.victims]
role = "victim"
connections = 5
rate = 500
commands = ["GET __key__"]
[groups.offender]
role = "offender"
every = "250ms"
commands = ["KEYS *"]
[arms.keys]
[arms.scan]
groups.offender.commands = ["SCAN {cursor} COUNT 1000"]
"#;
