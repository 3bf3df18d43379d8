//! What others see of a run while it is on: scrapers, and whoever reads stderr. Structure only, no timing.

use crate::support::{LOADGEN, Server, check_failure, free_port, loadgen};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A run with an exporter, ended at the end of the test.
struct Run {
    child: Child,
    port: u16,
}

impl Run {
    fn start(server: &Server) -> Self {
        Self::of(server, &["PING"])
    }

    /// With this load.
    fn of(server: &Server, load: &[&str]) -> Self {
        Self::with(server, &[&["--rate", "500", "--warmup", "0"], load].concat())
    }

    /// With this load, rate and warm-up.
    fn with(server: &Server, load: &[&str]) -> Self {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new(LOADGEN)
            .args(["run", "-p", &server.port_arg(), "--duration", "60s", "--prometheus", &address])
            .args(load)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("loadgen runs");
        Self { child, port }
    }

    /// The answer to a request; empty if there was none.
    fn ask(&self, request: &[u8]) -> String {
        let mut answer = Vec::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.write_all(request);
            let _ = stream.read_to_end(&mut answer);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn scrape(&self) -> String {
        self.ask(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    }

    /// Scrapes until a counter is above `more_than`.
    fn scrape_until(&self, name: &str, more_than: f64) -> String {
        for _ in 0..500 {
            let text = self.scrape();
            if value(&text, name).is_some_and(|value| value > more_than) {
                return text;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("{name} never rose above {more_than}: {}", self.scrape());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of the first sample whose name and labels begin so.
fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find(|line| line.starts_with(name))?.rsplit(' ').next()?.parse().ok()
}

#[test]
fn scrapers_see_the_run_whatever_others_send() {
    let server = Server::start(&[]);
    let run = Run::start(&server);
    let first = run.scrape_until("loadgen_replies_total{run=\"PING\",group=\"load\"}", 0.0);
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
    assert!(first.contains("Content-Type: text/plain; version=0.0.4"), "{first}");
    // Peers that hold their connection and say nothing, or nonsense, or half a request.
    let silent: Vec<_> =
        (0..5).filter_map(|_| TcpStream::connect(("127.0.0.1", run.port)).ok()).collect();
    for mut stream in &silent {
        let _ = stream.write_all(b"GET /met");
    }
    assert!(run.ask(&[0xff; 20_000]).is_empty() || !run.ask(b"\0\0\r\n\r\n").contains("200 OK"));
    assert!(run.ask(b"GET /elsewhere HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(run.ask(b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    assert!(run.ask(b"HEAD /metrics HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
    let earlier = value(&first, "loadgen_replies_total").expect("a value");
    let scrapers: Vec<String> = std::thread::scope(|scope| {
        let each =
            (0..4).map(|_| scope.spawn(|| run.scrape_until("loadgen_replies_total", earlier)));
        let each: Vec<_> = each.collect();
        each.into_iter().map(|thread| thread.join().expect("scraped")).collect()
    });
    drop(silent);
    for text in scrapers {
        for name in ["loadgen_info", "loadgen_elapsed_seconds", "loadgen_connections{"] {
            assert!(value(&text, name).is_some_and(|value| value > 0.0), "{name}: {text}");
        }
        well_formed(text.split("\r\n\r\n").nth(1).expect("a body"));
    }
}

#[test]
fn peers_that_say_nothing_do_not_shut_scrapers_out() {
    let server = Server::start(&[]);
    let run = Run::start(&server);
    run.scrape_until("loadgen_replies_total", 0.0);
    let silent: Vec<_> =
        (0..40).filter_map(|_| TcpStream::connect(("127.0.0.1", run.port)).ok()).collect();
    assert_eq!(silent.len(), 40);
    // Three rounds of two seconds at most, then it is the scraper's turn.
    let answer = run.scrape();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

/// How long a command waited for data says nothing about the server, in the warm-up as little as afterwards.
#[test]
fn waits_for_data_are_no_response_times_in_the_warm_up() {
    let server = Server::start(&[]);
    let receivers = [
        ("BLPOP+LPUSH", "BLPOP q 0", "LPUSH q {stamp}"),
        ("SUBSCRIBE+PUBLISH", "SUBSCRIBE n", "PUBLISH n {stamp}"),
    ];
    for (title, receive, send) in receivers {
        let commands = ["--command", receive, "--command", send];
        // Ten a second: whoever waits for one waits 100 ms.
        let slow = ["-c", "2", "--rate", "10", "--warmup", "60s"];
        let run = Run::with(&server, &[&slow[..], &commands].concat());
        let of = |what: &str| {
            format!("loadgen_response_time_seconds_{what}{{run=\"{title}\",group=\"receivers\"")
        };
        let messages = format!("loadgen_messages_total{{run=\"{title}\",group=\"receivers\"");
        run.scrape_until(&messages, 8.0);
        let text = run.scrape_until(&of("count"), 8.0);
        assert!(text.contains("phase=\"warmup\"} 1"), "{text}");
        let count = value(&text, &of("count")).expect("a count");
        // Of most it is a fraction of that, on a slow machine too.
        let quick = text
            .lines()
            .find(|line| line.starts_with(&of("bucket")) && line.contains("le=\"0.05\""));
        let quick: f64 =
            quick.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("a value");
        assert!(quick * 2.0 > count, "{receive}: {text}");
    }
}

#[test]
fn each_command_has_its_own_response_times() {
    let server = Server::start(&[]);
    let load = ["--command", "GET a", "--command", "SET a 1", "--command-ratio", "3"];
    let run = Run::of(&server, &[&load[..], &["--command-ratio", "1"]].concat());
    let of = |command: &str| {
        format!(
            "loadgen_response_time_seconds_count{{run=\"GET+SET\",group=\"load\",command=\"{command}\"}}"
        )
    };
    run.scrape_until(&of("SET"), 20.0);
    let text = run.scrape();
    let count = |command| value(&text, &of(command)).expect("a count");
    let replies = value(&text, "loadgen_replies_total").expect("a count");
    assert!(count("GET") > count("SET"), "{text}");
    // Times are counted at once, replies ten times a second.
    assert!(count("GET") + count("SET") >= replies, "{text}");
    well_formed(text.split("\r\n\r\n").nth(1).expect("a body"));
}

/// Of a mix in which one command always fails, only that one has errors, and their sum is that of the record.
#[test]
fn each_command_has_its_own_errors() {
    let server = Server::start(&[]);
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let dir = crate::support::TempDir::new();
    let (port_arg, out) = (server.port_arg(), dir.file("out.json"));
    let child = Command::new(LOADGEN)
        .args(["run", "-p", &port_arg, "-n", "300", "--threads", "2", "-c", "4", "--warmup", "0"])
        .args(["--ratio-order", "exact", "--command", "SET a 1", "--command", "LPUSH a x"])
        .args([
            "--prometheus",
            &address,
            "--prometheus-linger",
            "60s",
            "--json",
            "--out-file",
            &out,
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("loadgen runs");
    let mut run = Run { child, port };
    run.scrape_until("loadgen_phase{run=\"SET+LPUSH\",phase=\"done\"}", 0.0);
    let text = run.scrape();
    let errors = |name: &str, command: &str| {
        let labels = format!("run=\"SET+LPUSH\",group=\"load\",command=\"{command}\"");
        value(&text, &format!("{name}{{{labels}}}"))
    };
    assert_eq!(errors("loadgen_errors_total", "SET"), Some(0.0), "{text}");
    assert_eq!(errors("loadgen_timeouts_total", "LPUSH"), Some(0.0), "{text}");
    let of_lpush = errors("loadgen_errors_total", "LPUSH").expect("a count");
    let _ = Command::new("kill").args(["-INT", &run.child.id().to_string()]).status();
    let _ = run.child.wait();
    let record = std::fs::read_to_string(&out).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["groups"][0]["counts"]["error"].as_f64(), Some(of_lpush), "{record}");
    assert!(of_lpush > 100.0, "{text}");
}

#[test]
fn the_final_counters_stay_for_a_last_scrape() {
    let server = Server::start(&[]);
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let child = Command::new(LOADGEN)
        .args(["run", "-p", &server.port_arg(), "-n", "300", "--prometheus", &address])
        .args(["--prometheus-linger", "60s", "PING"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("loadgen runs");
    let mut run = Run { child, port };
    run.scrape_until("loadgen_phase{run=\"PING\",phase=\"done\"}", 0.0);
    assert_eq!(value(&run.scrape(), "loadgen_replies_total"), Some(300.0));
    assert!(run.child.try_wait().expect("a child").is_none(), "it stays");
    let killed = Command::new("kill").args(["-INT", &run.child.id().to_string()]).status();
    assert!(killed.expect("kill").success());
    let status = run.child.wait().expect("ends");
    assert_eq!(status.code(), Some(0), "the run itself was whole");
}

#[test]
fn arms_of_scenarios_are_served_under_their_names() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let dir = crate::support::TempDir::new();
    let child = Command::new(LOADGEN)
        .args(["scenario", "run", "keys-vs-scan", "--scale", "smoke", "--out", &dir.file("out")])
        .args(["--prometheus", &address, "--prometheus-linger", "60s"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("loadgen runs");
    let mut run = Run { child, port };
    let name = "loadgen_replies_total{scenario=\"keys-vs-scan\",run=\"";
    let mut found = None;
    for _ in 0..1_500 {
        found = value(&run.scrape(), name).filter(|count| *count > 0.0);
        if found.is_some() || run.child.try_wait().expect("a child").is_some() {
            break;
        }
        sleep(Duration::from_millis(20));
    }
    assert!(found.is_some(), "{}", run.scrape());
    // To its end, so that it stops the servers that it started.
    let _ = Command::new("kill").args(["-INT", &run.child.id().to_string()]).status();
    let _ = run.child.wait();
}

/// What a parser of the format relies on.
fn well_formed(body: &str) {
    assert!(body.ends_with('\n'));
    let mut last_bucket = 0.0;
    for line in body.lines() {
        if line.starts_with('#') {
            let kind = line.split(' ').nth(1);
            assert!(matches!(kind, Some("HELP" | "TYPE")), "{line}");
            continue;
        }
        let (name, number) = line.rsplit_once(' ').expect("a name and a value");
        let number: f64 = number.parse().expect("a number");
        assert!(name.starts_with("loadgen_"), "{line}");
        if name.contains("_bucket{") {
            // Each command has buckets of its own, which begin at the lowest bound.
            let is_first = name.contains("le=\"0.00005\"");
            assert!(number >= last_bucket || is_first, "buckets are cumulative: {line}");
            last_bucket = number;
        }
        if name.starts_with("loadgen_response_time_seconds_count") {
            assert!((number - last_bucket).abs() < 0.5, "the last bucket holds all: {line}");
        }
    }
}

#[test]
fn messages_are_counted_where_they_arrive() {
    let server = Server::start(&[]);
    let run = Run::of(
        &server,
        &["--command", "SUBSCRIBE a", "--command", "PUBLISH a {stamp}", "-c", "4"],
    );
    run.scrape_until(
        "loadgen_messages_total{run=\"SUBSCRIBE+PUBLISH\",group=\"receivers\"}",
        100.0,
    );
    let text = run.scrape();
    let replies =
        value(&text, "loadgen_replies_total{run=\"SUBSCRIBE+PUBLISH\",group=\"receivers\"}");
    assert!(replies.is_some_and(|count| count < 5.0), "a reply to each SUBSCRIBE: {text}");
}

#[test]
fn an_address_that_is_taken_is_said_before_anything_is_measured() {
    let server = Server::start(&[]);
    let taken = format!("127.0.0.1:{}", server.port);
    let port = server.port_arg();
    let run = |address: &str| {
        ["run", "-p", &port, "-n", "10", "--prometheus", address, "PING"].map(str::to_owned)
    };
    for address in [taken.as_str(), "nonsense", "127.0.0.1:99999"] {
        let args = run(address);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        check_failure(&args, 2, "--prometheus cannot listen on");
    }
}

#[test]
fn several_tests_are_one_json_array_and_one_is_an_object() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let run = |tests: &str| {
        let called =
            loadgen(&["run", "-p", &port, "-n", "200", "--json", "--no-live", "-t", tests]);
        assert!(matches!(called.code, 0 | 4), "{}", called.stderr);
        serde_json::from_str::<serde_json::Value>(&called.stdout).expect("one JSON text")
    };
    let both = run("set,get");
    let records = both.as_array().expect("an array");
    assert_eq!(records.len(), 2);
    for (record, command) in records.iter().zip(["SET", "GET"]) {
        assert_eq!(record["schema"], 1);
        assert!(record["groups"][0]["commands"][command].is_object(), "{record}");
        assert!(record["audit"]["threads"][0]["cpu_share"].is_number(), "{record}");
    }
    let one = run("get");
    assert_eq!(one["schema"], 1);
    assert_eq!(one["groups"][0]["commands"]["GET"]["hits"], 200, "SET wrote the one key");
    // Which command of an operation found nothing, nobody counted.
    let args = ["run", "-p", &port, "-n", "20", "--json", "GET", "a", ";", "GET", "no-such"];
    let both: serde_json::Value =
        serde_json::from_str(&loadgen(&args).stdout).expect("one JSON text");
    assert!(both["groups"][0]["commands"]["GET*2"]["hits"].is_null(), "{both}");
}

#[test]
fn lists_that_are_empty_and_counts_of_zero_are_misses() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let run = |args: &[&str]| {
        let mut all = vec!["run", "-p", &port, "-n", "20", "--json", "--no-live"];
        all.extend(args);
        let called = loadgen(&all);
        assert!(matches!(called.code, 0 | 4), "{}", called.stderr);
        serde_json::from_str::<serde_json::Value>(&called.stdout).expect("one JSON text")
    };
    let found = |record: &serde_json::Value, command: &str| {
        let metrics = &record["groups"][0]["commands"][command];
        (metrics["hits"].as_u64(), metrics["misses"].as_u64())
    };
    let doubts_it = |record: &serde_json::Value| {
        let caveats = record["caveats"].as_array().expect("an array");
        caveats.iter().any(|caveat| caveat["id"] == "no-hits")
    };
    let ycsb = run(&["--ycsb", "c", "-r", "20"]);
    assert_eq!(found(&ycsb, "READ"), (Some(0), Some(20)), "{ycsb}");
    assert!(doubts_it(&ycsb), "{ycsb}");
    let filled = run(&["--ycsb", "c", "-r", "20", "--prefill"]);
    assert_eq!(found(&filled, "READ"), (Some(20), Some(0)), "{filled}");
    run(&["SADD", "there", "x"]);
    for (command, name, want) in [
        ("LRANGE no-such 0 -1", "LRANGE", (Some(0), Some(20))),
        ("MGET no-such nor-this", "MGET", (Some(0), Some(20))),
        ("EXISTS no-such", "EXISTS", (Some(0), Some(20))),
        ("EXISTS there", "EXISTS", (Some(20), Some(0))),
        ("SMEMBERS there", "SMEMBERS", (Some(20), Some(0))),
        // 0 is a place as good as any, and what a write says is no search.
        ("LRANGE no-such {page 10}", "LRANGE", (None, None)),
        ("SADD there x", "SADD", (None, None)),
    ] {
        for resp in [&[][..], &["-3"]] {
            let record = run(&[resp, &["--command", command]].concat());
            assert_eq!(found(&record, name), want, "{command}: {record}");
            assert_eq!(doubts_it(&record), want.0 == Some(0), "{command}: {record}");
        }
    }
}

#[test]
fn progress_is_written_to_a_log_unless_switched_off() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let load = ["run", "-p", &port, "--rate", "100", "--duration", "2s", "--warmup", "0"];
    let run = |flags: &[&str]| {
        let called = loadgen(&[&load[..], flags, &["PING"]].concat());
        assert!(matches!(called.code, 0 | 4), "{}", called.stderr);
        called.stderr
    };
    let said = |text: &str| {
        text.lines().any(|line| line.starts_with("PING: ") && line.contains("replies/s"))
    };
    assert!(said(&run(&[])), "a line after a second");
    for flags in [&["--no-live"][..], &["-q"]] {
        assert!(!said(&run(flags)), "{flags:?}");
    }
}

#[test]
fn a_warm_up_that_finds_its_own_end_says_how_it_went() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let called = loadgen(&[
        "run",
        "-p",
        &port,
        "--rate",
        "200",
        "--duration",
        "300ms",
        "--warmup",
        "auto",
        "--json",
        "PING",
    ]);
    let record: serde_json::Value = serde_json::from_str(&called.stdout).expect("a record");
    let warmup = &record["audit"]["warmup"];
    let seconds = warmup["length_s"].as_f64().expect("a length");
    assert!(seconds >= 5.0, "five blocks of a second at least: {warmup}");
    let caveats = record["caveats"].as_array().expect("caveats");
    let unsettled = caveats.iter().any(|c| {
        c["id"] == "warm-up-unstable"
            && c["text"].as_str().is_some_and(|t| t.contains("still changed"))
    });
    assert_eq!(warmup["settled"] == false, unsettled, "{record}");
    assert_eq!(record["groups"][0]["counts"]["scheduled"], 60);
}

#[test]
fn connections_missing_from_the_start_are_a_caveat() {
    // One for the program's own questions.
    let server = Server::start(&["--maxclients", "5"]);
    let called =
        loadgen(&["run", "-p", &server.port_arg(), "-c", "20", "-n", "200", "--json", "PING"]);
    let record: serde_json::Value = serde_json::from_str(&called.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", called.stderr));
    let caveats = record["caveats"].as_array().expect("caveats");
    let missing = caveats.iter().find(|caveat| caveat["id"] == "connections-missing");
    let missing = missing.unwrap_or_else(|| panic!("{caveats:?}"));
    assert_eq!(missing["limit"], 20.0);
    assert!(missing["text"].as_str().is_some_and(|text| text.contains("max number of clients")));
}
