//! What a record of `loadgen run` says beside its numbers: the server's settings, the load in words, the user's words.

use crate::support::{Server, TempDir, loadgen};
use serde_json::Value;

fn record(server: &Server, words: &[&str]) -> Value {
    let port = server.port_arg();
    let called = loadgen(&[&["run", "-p", &port, "-n", "300", "--json"], words].concat());
    assert!(called.ran(), "{}", called.stderr);
    serde_json::from_str(&called.stdout).expect("a record")
}

#[test]
fn every_record_has_the_settings_of_the_server_and_no_password() {
    let server = Server::start(&["--hz", "37", "--maxmemory-policy", "allkeys-lru"]);
    for words in [&["PING"][..], &["-3", "PING"], &["-t", "ping_mbulk"]] {
        let config = &record(&server, words)["server"]["config"];
        assert_eq!(config["hz"], "37", "{words:?}");
        assert_eq!(config["maxmemory-policy"], "allkeys-lru");
        for name in ["save", "appendonly", "maxmemory", "maxclients", "timeout"] {
            assert!(config[name].is_string(), "{name}: {config}");
        }
    }
    let secret = Server::start(&["--requirepass", "canary-4711"]);
    let dir = TempDir::new();
    let (port, out) = (secret.port_arg(), dir.file("run"));
    let words = ["run", "-p", &port, "-n", "300", "--out", &out, "PING"];
    let called = std::process::Command::new(crate::support::LOADGEN)
        .args(words)
        .env("REDISCLI_AUTH", "canary-4711")
        .output()
        .expect("runs");
    assert_eq!(called.status.code(), Some(0), "{}", String::from_utf8_lossy(&called.stderr));
    for file in ["result.json", "report.html", "summary.md"] {
        let text = std::fs::read_to_string(dir.path().join("run").join(file)).expect(file);
        assert!(!text.contains("canary-4711"), "{file} has the password");
    }
    let page = std::fs::read_to_string(dir.path().join("run/report.html")).expect("a page");
    for shown in ["<td>appendonly</td>", "<td>maxmemory-policy</td>", "All other settings"] {
        assert!(page.contains(shown), "{shown}");
    }
}

#[test]
fn the_load_in_words_and_the_words_of_the_user_are_in_all_that_is_written() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let out = dir.file("run");
    let port = server.port_arg();
    let called = loadgen(&[
        "run",
        "-p",
        &port,
        "-n",
        "300",
        "-c",
        "3",
        "-r",
        "1000",
        "-d",
        "512",
        "--ratio",
        "1:9",
        "--key-dist",
        "zipf:0.99",
        "--title",
        "Canary <deploy> 42",
        "--note",
        "After the index was rebuilt.",
        "--tag",
        "env=staging",
        "--tag",
        "build=a=b",
        "--out",
        &out,
    ]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let sends = "SET:GET 1:9, zipf 0.99 over 1k keys, 512B values";
    assert!(called.stdout.contains("Canary <deploy> 42"), "{}", called.stdout);
    assert!(called.stdout.contains(sends), "{}", called.stdout);
    let record = aelab_results::read_folder(out.as_ref()).expect("reads back").record;
    assert_eq!(record.title, "Canary <deploy> 42");
    assert_eq!(record.note, "After the index was rebuilt.");
    assert_eq!((&*record.tags["env"], &*record.tags["build"]), ("staging", "a=b"));
    assert_eq!(record.groups[0].workload, sends);
    assert_eq!(record.groups[0].load, "closed loop, 300 requests over 3 connections");
    for (file, title) in
        [("report.html", "Canary &lt;deploy&gt; 42"), ("summary.md", "Canary \\<deploy\\> 42")]
    {
        let text = std::fs::read_to_string(dir.path().join("run").join(file)).expect(file);
        for part in [
            title,
            sends,
            "300 requests over 3 connections",
            "After the index was rebuilt.",
            "env=staging",
        ] {
            assert!(text.contains(part), "{file}: {part}");
        }
    }
    // Several tests make a folder of arms: its own page has them, too.
    let tests = dir.file("tests");
    let words =
        ["run", "-p", &port, "-n", "300", "-t", "set,get", "--title", "Both", "--out", &tests];
    assert_eq!(loadgen(&words).code, 0);
    for place in ["", "arms/set", "arms/get"] {
        let record = aelab_results::read_folder(&dir.path().join("tests").join(place));
        assert_eq!(record.expect("reads back").record.title, "Both", "{place}");
    }
    crate::support::check_failure(&["run", "--tag", "env", "PING"], 2, "NAME=VALUE");
}

/// Memory per connection is that of all servers over all connections.
#[test]
fn memory_per_connection_does_not_depend_on_the_number_of_servers() {
    let (first, second) = (Server::start(&[]), Server::start(&[]));
    let bytes = |servers: &[&Server], connections: &str| {
        let list: Vec<String> =
            servers.iter().map(|server| format!("127.0.0.1:{}", server.port_arg())).collect();
        let list = list.join(",");
        let words = [
            "run",
            "--endpoint",
            &list,
            "-c",
            connections,
            "-n",
            "10000",
            "--warmup",
            "100ms",
            "--json",
            "PING",
        ];
        let called = loadgen(&words);
        let record: Value = serde_json::from_str(&called.stdout).expect("a record");
        let bytes = &record["environment"]["server_used_bytes_per_connection"];
        bytes.as_f64().unwrap_or_else(|| panic!("{}", record["environment"]))
    };
    let (one, two) = (bytes(&[&first], "1000"), bytes(&[&first, &second], "2000"));
    assert!((0.8..1.25).contains(&(two / one)), "{one} with one server, {two} with two");
}
