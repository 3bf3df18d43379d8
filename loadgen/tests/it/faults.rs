//! Bad input and faults: one line with a remedy, the right exit code, and nothing that was measured is lost.

use crate::fake_server::{Action, ok, serve, serve_one};
use crate::recording_server::{Listener, Manner};
use crate::support::{
    LOADGEN, Server, TempDir, ask, check_failure, check_failure_id, free_port, impostor, loadgen,
};
use aelab_results::read_folder;
use aelab_results::record::{RunRecord, Severity};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::Duration;

#[test]
fn port_closed() {
    let port = free_port().to_string();
    check_failure_id(&["run", "-p", &port, "-n", "10", "PING"], 6, "connect-failed");
}

#[test]
fn wrong_password() {
    let server = Server::start(&["--requirepass", "right"]);
    let port = server.port_arg();
    check_failure_id(&["run", "-p", &port, "-a", "wrong", "PING"], 6, "wrong-password");
    check_failure_id(&["run", "-p", &port, "PING"], 6, "password-required");
    check_failure(&["run", "-p", &port, "PING"], 6, "-a PASSWORD");
    let called = loadgen(&["run", "-p", &port, "-a", "right", "-n", "100", "-q", "PING"]);
    assert!(matches!(called.code, 0 | 4), "{}", called.stderr);
}

#[test]
fn the_target_is_no_redis() {
    let http = impostor("HTTP/1.1 400 Bad Request\r\n\r\n").to_string();
    check_failure_id(&["run", "-p", &http, "PING"], 6, "not-redis");
    let mute = impostor("").to_string();
    check_failure_id(&["run", "-p", &mute, "PING"], 6, "connection-closed");
}

#[test]
fn a_peer_that_hangs_up_may_want_tls_or_not() {
    let mute = impostor("").to_string();
    check_failure(&["run", "-p", &mute, "PING"], 6, "add --tls");
    check_failure(&["run", "--tls", "--insecure", "-p", &mute, "PING"], 6, "or leave out --tls");
}

#[test]
fn a_run_without_success_says_why() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let port = server.port_arg();
    check_failure_id(&["run", "-p", &port, "-n", "100", "NOSUCH"], 4, "no-success");
    let called = loadgen(&["run", "-p", &port, "-n", "100", "--json", "NOSUCH"]);
    let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    let of = |id: &str| record.caveats.iter().find(|caveat| caveat.id == id);
    let refused = of("no-success").expect("a caveat");
    assert!(refused.text.contains("unknown command"), "{}", refused.text);
    assert!(refused.remedy.contains("arguments") && of("server-changed").is_none());
    let once = ["run", "-p", &port, "-c", "1", "--duration", "200ms", "--warmup", "0"];
    let asleep = [&once[..], &["--timeout", "50ms", "DEBUG", "SLEEP", "0.5"]].concat();
    check_failure_id(&asleep, 4, "no-success");
    check_failure(&asleep, 4, "--timeout");
}

#[test]
fn an_iteration_that_outlasts_the_run_is_not_a_silent_server() {
    let port = Listener::start(Manner::default()).port.to_string();
    let scan = ["run", "-p", &port, "-c", "1", "--warmup", "0", "--duration", "300ms"];
    let scan = [&scan[..], &["--no-live", "HSCAN", "big", "{cursor}"]].concat();
    check_failure_id(&scan, 4, "nothing-complete");
}

#[test]
fn a_stall_by_another_client_gets_its_cause_from_the_slow_log() {
    let server = Server::start(&[]);
    let port = server.port;
    let other = thread::spawn(move || {
        while ask(port, "EXISTS a").is_none_or(|answer| answer != ":1") {
            sleep(Duration::from_millis(20));
        }
        ask(port, "DEBUG SLEEP 0.3")
    });
    let text = port.to_string();
    let load = ["--rate", "200", "--warmup", "0", "--duration", "2s", "--json", "SET", "a", "x"];
    let called = loadgen(&[&["run", "-p", &text], &load[..]].concat());
    other.join().expect("asked");
    let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    let causes: Vec<_> = record.stalls.iter().filter_map(|stall| stall.cause.as_deref()).collect();
    assert!(causes.contains(&"DEBUG SLEEP 0.3"), "{:?}", record.stalls);
}

#[test]
fn a_subscriber_that_receives_foreign_messages_has_a_caveat() {
    let server = Server::start(&[]);
    let port = server.port;
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let other = thread::spawn(move || {
        while !over.load(Relaxed) {
            let _ = ask(port, "PUBLISH news x");
            sleep(Duration::from_millis(20));
        }
    });
    let called =
        loadgen(&["run", "-p", &port.to_string(), "--duration", "1s", "SUBSCRIBE", "news"]);
    is_over.store(true, Relaxed);
    other.join().expect("published");
    assert!(
        called.failure().contains("none of them contains the time when it was sent"),
        "{}",
        called.stderr
    );
}

#[test]
fn a_server_that_fell_silent_is_named_although_it_answers_after_the_end() {
    let server = Server::start(&[]);
    let port = server.port;
    let sleeper = thread::spawn(move || {
        while ask(port, "EXISTS a").is_none_or(|answer| answer != ":1") {
            sleep(Duration::from_millis(20));
        }
        ask(port, "DEBUG SLEEP 3.5")
    });
    let text = port.to_string();
    let load = ["-c", "2", "--warmup", "0", "--duration", "3s", "--json", "SET", "a", "x"];
    let called = loadgen(&[&["run", "-p", &text], &load[..]].concat());
    sleeper.join().expect("asked");
    let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    let said =
        record.caveats.iter().any(|caveat| caveat.text.contains("no reply came in the last"));
    assert!(said && called.code == 4, "{:?}", record.caveats);
}

#[test]
fn a_processor_that_is_not_there_is_named() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    check_failure(&["run", "-p", &port, "--cpus", "1000", "PING"], 2, "may use with --cpus");
}

#[test]
fn bad_input() {
    check_failure(&["run", "--rate", "-5"], 2, "greater than zero");
    check_failure(&["run", "--command-ratio", "3", "PING"], 2, "needs a --command");
    check_failure(&["scenario", "run", "keys-vs-scan", "--both"], 2, "--both");
    check_failure(&["run", "-t", "4"], 2, "--threads 4");
    check_failure(&["run", "-P", "redis"], 2, "the protocol is always Redis's");
    check_failure(&["run", "--conections", "4"], 2, "--connections");
    check_failure(&["scenario", "run", "key-vs-scan"], 2, "did you mean `keys-vs-scan`");
    check_failure(&["report", "render", "/nonexistent"], 2, "give the folder of a run");
    check_failure(&[], 2, "a command is missing");
}

#[test]
fn a_misspelt_key_of_a_scenario() {
    let dir = TempDir::new();
    let file = dir.file("mine.toml");
    let text = "question = \"?\"\n[groups.g]\nrole = \"victim\"\nconections = 3\n";
    fs::write(&file, text).expect("written");
    let expected = format!("{file}:4:1: unknown key `conections`; did you mean `connections`?");
    check_failure(&["scenario", "run", &file], 2, &expected);
}

#[test]
fn more_connections_than_descriptors() {
    let server = Server::start(&[]);
    let script = format!("ulimit -n 64; exec \"$0\" run -p {} -c 100 -n 1000 PING", server.port);
    let output = Command::new("sh").args(["-c", &script, LOADGEN]).output().expect("runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("ulimit -n"), "{stderr}");
}

#[test]
fn a_folder_that_cannot_be_written_is_found_before_the_run() {
    let dir = TempDir::new();
    let in_the_way = dir.file("file");
    fs::write(&in_the_way, "x").expect("written");
    let server = Server::start(&[]);
    let port = server.port_arg();
    let out = format!("{in_the_way}/out");
    check_failure_id(&["run", "-p", &port, "--out", &out, "PING"], 2, "folder-not-writable");
}

#[test]
fn a_server_that_dies_costs_errors_and_a_reconnect() {
    let server = Server::start(&[]);
    let port = server.port;
    // Twice what the server can do: whenever it dies, requests are in flight.
    let child = Command::new(LOADGEN)
        .args(["run", "-p", &port.to_string(), "-c", "4", "--rate", "100"])
        .args(["--duration", "3s", "--warmup", "0", "--json", "DEBUG", "SLEEP", "0.02"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("loadgen runs");
    sleep(Duration::from_secs(1));
    server.stop();
    sleep(Duration::from_millis(300));
    let _again = Server::start_on(port, &[]);
    let output = child.wait_with_output().expect("loadgen ends");
    let json = String::from_utf8_lossy(&output.stdout);
    let record = RunRecord::from_json(&json, Path::new("stdout")).expect("a record");
    assert!(
        record.caveats.iter().any(|caveat| caveat.id == "server-changed"),
        "{:?}",
        record.caveats
    );
    assert_eq!(output.status.code(), Some(4));
    let group = &record.groups[0];
    assert!(group.connections.reconnects >= 4, "{:?}", group.connections);
    assert!(group.counts.ok > 0 && group.counts.error > 0, "{:?}", group.counts);
    assert!(group.counts.add_up(), "{:?}", group.counts);
}

#[test]
fn an_interrupted_run_leaves_a_folder_that_reads_back() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let out = dir.file("out");
    let child = Command::new(LOADGEN)
        .args(["run", "-p", &server.port_arg(), "--rate", "500", "--duration", "60s"])
        .args(["--warmup", "0", "--out", &out, "PING"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("loadgen runs");
    sleep(Duration::from_millis(1500));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    let output = child.wait_with_output().expect("loadgen ends");
    assert_eq!(output.status.code(), Some(4));
    let folder = read_folder(Path::new(&out)).expect("reads back");
    assert!(folder.record.interrupted && folder.record.groups[0].counts.ok > 0);
    assert!(folder.record.groups[0].counts.add_up());
}

#[test]
fn a_server_that_does_not_start_shows_its_last_words() {
    let dir = TempDir::new();
    let script = dir.file("server.sh");
    fs::write(&script, "#!/bin/sh\necho cannot find my shoes\nexit 3\n").expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, mode).expect("executable");
    let args = ["scenario", "run", "keys-vs-scan", "--scale", "smoke", "--out"];
    let out = dir.file("out");
    let args: Vec<&str> = args.into_iter().chain([&*out, "--server-bin", &*script]).collect();
    check_failure(&args, 6, "cannot find my shoes");
    assert!(!dir.path().join("out").exists(), "an empty folder only confuses");
}

#[test]
fn a_target_that_holds_data_is_not_touched() {
    let server = Server::start(&[]);
    assert_eq!(ask(server.port, "SET mine 1").as_deref(), Some("+OK"));
    let dir = TempDir::new();
    let (out, url) = (dir.file("out"), format!("redis://127.0.0.1:{}", server.port));
    let args = ["scenario", "run", "keys-vs-scan", "--target", &url, "--out", &out];
    check_failure(&args, 2, "nothing was changed");
    assert_eq!(ask(server.port, "DBSIZE").as_deref(), Some(":1"));
}

#[test]
fn several_servers_share_the_connections_and_each_is_counted() {
    let servers = [Server::start(&[]), Server::start(&[]), Server::start(&[])];
    let places: Vec<String> = servers.iter().map(|s| format!("127.0.0.1:{}", s.port)).collect();
    let list = places[1..].join(",");
    let called = loadgen(&[
        "run",
        "--endpoint",
        &places[0],
        "--endpoint",
        &list,
        "-c",
        "8",
        "--threads",
        "3",
        "-n",
        "4000",
        "--json",
        "PING",
    ]);
    assert!(called.ran(), "{}", called.stderr);
    let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    let sites = &record.groups[0].endpoints;
    assert_eq!(sites.iter().map(|site| site.name.clone()).collect::<Vec<_>>(), places);
    let asked: Vec<u64> = sites.iter().map(|site| site.connections.asked).collect();
    assert_eq!(asked, [3, 3, 2]);
    assert!(sites.iter().all(|site| site.connections.established == site.connections.asked));
    let [first, second] = [&places[0], &format!("127.0.0.1:{}", free_port())];
    check_failure(&["run", "--endpoint", first, "--endpoint", second, "PING"], 6, second);
    check_failure(&["run", "--endpoint", &list, "-c", "1", "PING"], 2, "at least 2 connections");
    check_failure(&["run", "-h", "no-such-host.invalid", "PING"], 6, "no-such-host.invalid");
}

/// A server that does not say what it is any more, once something was written to it.
fn changes_when_written() -> SocketAddr {
    let has_written = AtomicBool::new(false);
    serve(move |_, _, args| match args[0] {
        b"SET" => {
            has_written.store(true, Relaxed);
            ok()
        }
        b"INFO" | b"PING" if has_written.load(Relaxed) => Action::Close,
        b"INFO" => Action::Reply(b"$22\r\nredis_version:7.0.15\r\n\r\n".to_vec()),
        _ => ok(),
    })
}

/// Whichever of several servers it is, their load has gone elsewhere.
#[test]
fn one_of_several_servers_that_changes_is_named() {
    let (server, peer) = (Server::start(&[]), changes_when_written());
    let both = format!("127.0.0.1:{},{peer}", server.port);
    let run = ["run", "-h", &both, "-c", "2", "-n", "50", "--json", "SET", "a", "b"];
    let called = loadgen(&run);
    let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    let mut changed = record.caveats.iter().filter(|caveat| caveat.id == "server-changed");
    let text = changed.next().map_or("", |caveat| caveat.text.as_str());
    assert!(called.code == 4 && text.contains(&peer.to_string()), "{text}");
    assert!(changed.next().is_none());
}

/// A server that is gone before the second test has not taken the first one's figures with it.
#[test]
fn tests_that_were_made_are_kept_when_the_next_cannot_be() {
    let peer = changes_when_written();
    let (dir, port) = (TempDir::new(), peer.port().to_string());
    let (out, json) = (dir.file("out"), dir.file("memtier.json"));
    let run = ["run", "-p", &port, "-n", "50", "-t", "set,get", "--json"];
    let called = loadgen(&[&run[..], &["--out", &out, "--json-out-file", &json]].concat());
    assert_eq!(called.code, 6, "{}", called.stderr);
    assert!(called.failure().contains("closed the connection"), "{}", called.stderr);
    let folder = read_folder(Path::new(&out)).expect("reads back");
    assert!(folder.record.interrupted && folder.arms.len() == 1, "{:?}", folder.record.caveats);
    assert_eq!(folder.arms[0].1.record.groups[0].counts.ok, 50);
    let records: serde_json::Value = serde_json::from_str(&called.stdout).expect("one document");
    assert_eq!(records.as_array().map(Vec::len), Some(1));
    assert!(fs::read_to_string(&json).is_ok_and(|text| text.contains("ALL STATS")));
}

/// What to do about errors is what the most frequent of them calls for, wherever it came.
#[test]
fn the_most_frequent_error_has_a_remedy() {
    let peer = serve(|_, turn, args| {
        Action::Reply(match args[0] {
            b"INFO" => b"$20\r\nredis_version:7.0.15\r\n".to_vec(),
            b"GET" if turn % 10 == 0 => b"-ERR only now and then\r\n".to_vec(),
            b"GET" if turn % 10 < 8 => b"-MOVED 7 127.0.0.1:1\r\n".to_vec(),
            b"GET" => b"$1\r\nx\r\n".to_vec(),
            _ => b"+OK\r\n".to_vec(),
        })
    });
    let port = peer.port().to_string();
    let called = loadgen(&["run", "-p", &port, "-c", "1", "-n", "200", "--json", "GET", "a"]);
    let record: serde_json::Value = serde_json::from_str(&called.stdout).expect("one JSON text");
    let caveats = record["caveats"].as_array().expect("an array");
    let errors = caveats.iter().find(|caveat| caveat["id"] == "error-replies").expect("a caveat");
    assert!(errors["text"].as_str().is_some_and(|text| text.contains("MOVED")), "{errors}");
    assert!(errors["remedy"].as_str().is_some_and(|to_do| to_do.contains("--cluster")), "{errors}");
}

/// A pool has no --connections to raise.
#[test]
fn a_pool_that_is_too_small_has_a_caveat() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let load = ["run", "-p", &port, "--rate", "200", "--duration", "1s", "--warmup", "0", "--json"];
    let slow = ["--pool-max-total", "1", "--pool-max-wait", "20ms", "DEBUG", "SLEEP", "0.05"];
    let called = loadgen(&[&load[..], &slow[..]].concat());
    let record: serde_json::Value = serde_json::from_str(&called.stdout).expect("one JSON text");
    let caveats = record["caveats"].as_array().expect("an array");
    let too_slow =
        caveats.iter().find(|caveat| caveat["id"] == "rate-not-achieved").expect("a caveat");
    let to_do = too_slow["remedy"].as_str().unwrap_or_default();
    assert!(to_do.contains("--pool-max-total") && !to_do.contains("--connections"), "{to_do}");
}

/// A greeting that passes for PING's answer is found out by the next one; nothing is measured one reply behind.
#[test]
fn a_greeting_that_looks_like_an_answer_is_found_out() {
    for greeting in [&b"+OK\r\n"[..], b"+PONG\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port().to_string();
        thread::spawn(move || {
            for (index, mut stream) in listener.incoming().flatten().enumerate() {
                let answer = |_: usize, _: usize, args: &[&[u8]]| {
                    Action::Reply(match args[0] {
                        b"PING" => b"+PONG\r\n".to_vec(),
                        b"INFO" => b"$20\r\nredis_version:7.0.15\r\n".to_vec(),
                        _ => b"+OK\r\n".to_vec(),
                    })
                };
                let _ = stream.write_all(greeting);
                thread::spawn(move || serve_one(stream, index, &answer));
            }
        });
        check_failure(&["run", "-p", &port, "-n", "10", "GET", "a"], 6, "before it is asked");
    }
}

#[test]
fn a_subscriber_that_hears_nothing_says_so_in_its_record() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let load = ["--duration", "500ms", "--warmup", "0", "--json", "SUBSCRIBE", "news"];
    let called = loadgen(&[&["run", "-p", &port, "-c", "2"], &load[..]].concat());
    assert_eq!(called.code, 4, "{}", called.stderr);
    let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    let said = record.caveats.first().expect("a caveat");
    assert_eq!((said.id.as_str(), said.severity), ("nothing-heard", Severity::Invalid));
    let last = said.message();
    assert!(last.contains("nothing was published") && called.failure().contains(&last), "{last}");
}
