//! A password is in no file that a command writes and in no stream, however it was given.
//!
//! Invariant: every output is searched for the password itself, so a new output or a new form of the flag is covered without
//! naming the place where it would show.

use crate::support::{LOADGEN, Server, TempDir, free_port, impostor, loadgen};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Long and unlike anything else that could be printed; `.` and `-` need no escape in a URL.
const CANARY: &str = "canary.7f3a-91";

/// Checks a text or the bytes of a file.
#[track_caller]
fn no_canary(what: &str, bytes: &[u8]) {
    let found = bytes.windows(CANARY.len()).position(|part| part == CANARY.as_bytes());
    if let Some(at) = found {
        let around = &bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())];
        panic!("{what} holds the password: …{}…", String::from_utf8_lossy(around));
    }
}

/// Searches all files of a folder; returns how many there are.
#[track_caller]
fn search(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                return search(&path);
            }
            no_canary(&path.display().to_string(), &std::fs::read(&path).expect("readable"));
            1
        })
        .sum()
}

#[track_caller]
fn call(words: &[&str], environment: Option<&str>) -> Output {
    let mut command = Command::new(LOADGEN);
    command.args(words).env_remove("REDISCLI_AUTH");
    if let Some(password) = environment {
        command.env("REDISCLI_AUTH", password);
    }
    let output = command.output().expect("loadgen runs");
    no_canary(&format!("stdout of {words:?}"), &output.stdout);
    no_canary(&format!("stderr of {words:?}"), &output.stderr);
    output
}

#[test]
fn no_file_and_no_stream_of_a_run_holds_the_password() {
    let server = Server::start(&["--requirepass", CANARY]);
    let (port, dir) = (server.port_arg(), TempDir::new());
    let glued = format!("-a{CANARY}");
    let (equals, long) = (format!("-a={CANARY}"), format!("--pass={CANARY}"));
    let alias = format!("--password={CANARY}");
    let url = format!("redis://default:{CANARY}@127.0.0.1:{port}");
    let (short_url, long_url) = (format!("-u{url}"), format!("--uri={url}"));
    let bare_url = format!("redis://{CANARY}@127.0.0.1:{port}");
    let (login, plain) = (format!("AUTH default {CANARY}"), format!("AUTH {CANARY}"));
    let inputs = TempDir::new();
    let logins = inputs.file("logins");
    std::fs::write(&logins, format!("{plain}\n2 {login}\n")).expect("written");
    let lines: [&[&str]; 13] = [
        &["-p", &port, "-a", CANARY, "PING"],
        &["-p", &port, &glued, "PING"],
        &["-p", &port, &equals, "--prefill", "-r", "10", "GET", "__key__"],
        &["-p", &port, "-3a", CANARY, "-t", "set,get"],
        &["-p", &port, &long, "PING"],
        &["-p", &port, "--pass", CANARY, "--user", "default", "PING"],
        &["-p", &port, &alias, "PING"],
        &["-u", &url, "PING"],
        &[&short_url, "PING"],
        &[&long_url, "PING"],
        &["-u", &bare_url, "--command", &login, "--command", &plain],
        &["-p", &port, "-a", CANARY, "--command-file", &logins],
        &["-u", &url, "AUTH", CANARY, ";", "PING"],
    ];
    for (number, line) in lines.iter().enumerate() {
        for form in [&["--json"][..], &["--csv"], &["-q"], &[]] {
            let out = dir.file(&format!("out-{number}"));
            let json = dir.file(&format!("json-{number}"));
            let head = ["run", "-n", "60", "--out", &out, "--force", "--json-out-file", &json];
            let output = call(&[&head, form, line].concat(), None);
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 4)), "{line:?}: {output:?}");
            let record = std::fs::read(Path::new(&out).join("result.json")).expect("a record");
            let has_mask = record.windows(3).any(|part| part == b"***");
            assert!(has_mask, "{line:?}: the command line is recorded, with a mask");
        }
    }
    let out = dir.file("out-env");
    let output = call(&["run", "-p", &port, "-n", "60", "--out", &out, "PING"], Some(CANARY));
    assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
    call(&["report", "render", &dir.file("out-0")], None);
    assert!(search(dir.path()) > 100, "pages and charts are there");
}

#[test]
fn no_front_end_and_no_scenario_shows_the_password() {
    let server = Server::start(&["--requirepass", CANARY]);
    let (port, dir) = (server.port_arg(), TempDir::new());
    let pair = format!("default:{CANARY}");
    let glued = format!("-a{CANARY}");
    let authenticate = format!("--authenticate={CANARY}");
    let url = format!("redis://:{CANARY}@127.0.0.1:{port}");
    let valkey = format!("valkey://default:{CANARY}@127.0.0.1:{port}");
    let (json, text) = (dir.file("memtier.json"), dir.file("memtier.txt"));
    let memtier = ["run", "--compat", "memtier", "-t", "1", "-c", "1", "-n", "60"];
    let files = ["--json-out-file", json.as_str(), "-o", text.as_str()];
    for login in [&["-p", &port, "-a", &pair][..], &["-p", &port, &authenticate], &["-u", &url]] {
        let output = call(&[&memtier, login, &files].concat(), None);
        assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
        assert!(std::fs::read_to_string(&json).expect("written").contains("Command line"));
    }
    for (tool, login) in [
        ("redis-benchmark", &["-p", &port, "-a", CANARY][..]),
        ("redis-benchmark", &["-p", &port, &glued, "--user", "default"]),
        ("redis-benchmark", &["-u", &url]),
        ("valkey-benchmark", &["-u", &valkey]),
    ] {
        for form in [&["-q"][..], &["--csv"], &[]] {
            let words = ["run", "--compat", tool, "-n", "60", "-t", "ping"];
            let output = call(&[&words, login, form].concat(), None);
            assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
        }
    }
    let file = dir.file("mine.toml");
    let scenario = "question = \"?\"\n[data]\nkeys = 1\n[phases]\nwarmup = \"100ms\"\nmeasure = \"500ms\"\n\
                    drain = \"5s\"\n[groups.victims]\nrole = \"victim\"\nconnections = 2\nrate = 200\n\
                    commands = [\"GET __key__\"]\n";
    std::fs::write(&file, scenario).expect("written");
    let out = dir.file("running");
    let empty = format!("{url}/5");
    let output = call(&["scenario", "run", &file, "--target", &empty, "--out", &out], None);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
    // The lab's own server has a password, too.
    let started = dir.file("started.toml");
    let arm = format!("[arms.one]\nserver_args = [\"--masterauth\", \"{CANARY}\"]\n");
    let text = format!("{scenario}[server]\nrequirepass = \"{CANARY}\"\n{arm}");
    std::fs::write(&started, text).expect("written");
    let out = dir.file("fresh");
    let output = call(&["scenario", "run", &started, "--out", &out], None);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
    std::fs::remove_file(started).expect("removed");
    assert!(search(dir.path()) > 10);
}

#[test]
fn no_failure_repeats_the_password() {
    let server = Server::start(&["--requirepass", "another"]);
    let (port, closed) = (server.port_arg(), free_port().to_string());
    let old =
        impostor("-ERR unknown command `AUTH`, with args beginning with: `canary.7f3a-91`, \r\n");
    let hello = impostor(
        "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `canary.7f3a-91`\r\n",
    );
    let (old, hello) = (old.to_string(), hello.to_string());
    let url = format!("redis://me:{CANARY}@127.0.0.1:{closed}");
    let (long, host) = (format!("--pass={CANARY}"), format!("me:{CANARY}@127.0.0.1"));
    let bad = format!("redis://me:{CANARY}@127.0.0.1:port");
    let lines: [&[&str]; 17] = [
        &["run", "-p", &port, "-a", CANARY, "PING"],
        &["run", "-p", &closed, "-a", CANARY, "PING"],
        &["run", "-u", &url, "PING"],
        &["run", "-u", &bad, "PING"],
        &["run", &url],
        &["run", "-h", &host, "PING"],
        &["run", "-h", &url, "PING"],
        &["run", "--endpoint", &url, "PING"],
        &["run", "GET", "a", &long],
        &["run", "GET", "a", "-u", &url],
        &["-a", CANARY, "-q"],
        &["-u", &url],
        &["report", &url],
        &["scenario", "run", "keys-vs-scan", "--target", &bad],
        &["relay", "--listen", "0", "--upstream", &url],
        &["run", "-p", &old, "-a", CANARY, "PING"],
        &["run", "-p", &hello, "-3", "-a", CANARY, "PING"],
    ];
    for line in lines {
        let output = call(line, None);
        assert!(matches!(output.status.code(), Some(2 | 6)), "{line:?}: {output:?}");
    }
    for tool in ["memtier", "redis-benchmark", "valkey-benchmark"] {
        for line in [&["-u", &url][..], &["-u", &bad], &["-h", &host], &["-a", CANARY, "--no"]] {
            let output = call(&[&["run", "--compat", tool], line].concat(), None);
            assert!(matches!(output.status.code(), Some(2 | 6)), "{line:?}: {output:?}");
        }
    }
}

#[test]
fn no_metric_holds_the_password() {
    let server = Server::start(&["--requirepass", CANARY]);
    let address = format!("127.0.0.1:{}", free_port());
    let (login, plain) = (format!("AUTH default {CANARY}"), format!("AUTH {CANARY}"));
    let mut child = Command::new(LOADGEN)
        .args(["run", "-p", &server.port_arg(), "-a", CANARY, "--duration", "60s"])
        .args(["--prometheus", &address, "--command", &login, "--command", &plain])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("loadgen runs");
    let scrape = || {
        let mut answer = Vec::new();
        let mut stream = TcpStream::connect(&address).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
        stream.read_to_end(&mut answer).ok()?;
        String::from_utf8_lossy(&answer).contains("loadgen_").then_some(answer)
    };
    let found = (0..500).find_map(|_| {
        sleep(Duration::from_millis(20));
        scrape()
    });
    child.kill().expect("killed");
    child.wait().expect("ended");
    no_canary("the metrics", &found.expect("metrics"));
}

#[test]
fn help_is_not_changed_by_masking() {
    let help = loadgen(&["run", "--help-all"]).stdout;
    assert!(help.contains("redis://[USER:PASS@]HOST"), "{help}");
}
