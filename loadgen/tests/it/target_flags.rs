//! Which server a run goes to, and the flags of the surroundings: every one shows in what is heard or in the record.
//!
//! Flags of the load itself are in `options`. No row depends on how fast the machine is.

use crate::recording_server::{Heard, Listener, Manner};
use crate::support::{LOADGEN, Server, TempDir, check_failure, loadgen};
use aelab_loadgen::cli::Cli;
use aelab_results::read_folder;
use aelab_results::record::{Audit, RunRecord};
use clap::CommandFactory as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Ten GETs to two peers named with these words; what each heard.
#[track_caller]
fn two(words: &[&str]) -> [usize; 2] {
    let peers = [Listener::start(Manner::default()), Listener::start(Manner::default())];
    let filled = words.iter().map(|word| {
        word.replace("P1", &peers[0].port.to_string()).replace("P2", &peers[1].port.to_string())
    });
    let words: Vec<String> = filled.collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let run = [&["run"], &words[..], &["-c", "2", "-n", "10", "GET", "a"]].concat();
    let called = loadgen(&run);
    assert!(called.ran(), "{words:?}: {}", called.stderr);
    peers.map(|peer| peer.load().iter().filter(|one| one.name() == "GET").count())
}

#[test]
fn every_way_to_name_servers_leads_there() {
    for words in [
        &["-h", "127.0.0.1:P1"][..],
        &["-h", "127.0.0.1", "-p", "P1"],
        &["-u", "redis://127.0.0.1:P1"],
        &["--uri=redis://127.0.0.1:P1/"],
        &["--endpoint", "127.0.0.1:P1"],
    ] {
        assert_eq!(two(words), [10, 0], "{words:?}");
    }
    for words in [
        &["-h", "127.0.0.1:P1,127.0.0.1:P2"][..],
        &["-u", "redis://127.0.0.1:P1", "-u", "redis://127.0.0.1:P2"],
        &["-u", "redis://127.0.0.1:P1", "--endpoint", "127.0.0.1:P2"],
        &["--endpoint", "127.0.0.1:P1,127.0.0.1:P2"],
    ] {
        let heard = two(words);
        assert!(heard[0] + heard[1] == 10 && heard[0] > 0 && heard[1] > 0, "{words:?}: {heard:?}");
    }
    let words = ["run", "-u", "redis://127.0.0.1", "-u", "redis://:x@127.0.0.1", "PING"];
    check_failure(&words, 2, "URL 2 of -u");
}

#[test]
fn a_url_brings_its_login_and_database() {
    let peer = Listener::start(Manner::default());
    let url = format!("redis://me:pw@127.0.0.1:{}/3", peer.port);
    assert!(loadgen(&["run", "-u", &url, "-c", "1", "-n", "5", "GET", "a"]).ran());
    let heard: Vec<Vec<String>> = peer.all().into_iter().map(|one: Heard| one.args).collect();
    for want in [&["AUTH", "me", "pw"][..], &["SELECT", "3"]] {
        assert!(heard.iter().any(|args| args == want), "{want:?}: {heard:?}");
    }
}

#[test]
fn the_password_may_come_from_the_environment_and_flags_win() {
    for (flags, want) in [(&[][..], "from-outside"), (&["-a", "typed"], "typed")] {
        let peer = Listener::start(Manner::default());
        let port = peer.port.to_string();
        let output = Command::new(LOADGEN)
            .args([&["run", "-p", &port, "-c", "1", "-n", "5"], flags, &["GET", "a"]].concat())
            .env("REDISCLI_AUTH", "from-outside")
            .output()
            .expect("loadgen runs");
        assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
        let heard = peer.all();
        assert!(heard.iter().any(|one| one.args == ["AUTH", want]), "{heard:?}");
    }
}

#[test]
fn a_unix_socket_is_a_server_too() {
    let dir = TempDir::new();
    let path = dir.file("s.sock");
    let _server = Server::start(&["--unixsocket", &path]);
    for words in [&["-s", &path][..], &["-u", &format!("unix://{path}")]] {
        let called = loadgen(&[&["run"], words, &["-n", "50", "--csv", "PING"]].concat());
        assert!(called.ran() && called.stdout.contains("\"PING\""), "{}", called.stderr);
    }
}

#[test]
fn asked_percentiles_are_in_the_record_and_the_folder_is_replaced_on_demand() {
    let peer = Listener::start(Manner::default());
    let dir = TempDir::new();
    let (out, port) = (dir.file("out"), peer.port.to_string());
    let asked = ["--percentiles", "75,p12.5", "--out", &out];
    let run = |more: &[&str]| {
        loadgen(&[&["run", "-p", &port, "-n", "200"], &asked[..], more, &["GET", "a"]].concat())
    };
    assert!(run(&[]).ran());
    assert_eq!(run(&[]).code, 2, "the folder holds a run");
    assert!(run(&["--force", "--no-live"]).ran());
    let record = read_folder(Path::new(&out)).expect("reads back").record;
    let total = &record.groups[0].total.service_time;
    assert!(total.us_at(75.0).is_some() && total.us_at(12.5).is_some(), "{total:?}");
}

#[test]
fn engine_threads_run_where_they_are_told() {
    let server = Server::start(&[]);
    let mut child = Command::new(LOADGEN)
        .args(["run", "-p", &server.port_arg(), "--cpus", "0", "--rate", "100"])
        .args(["--duration", "20s", "--warmup", "0", "--no-live", "PING"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("loadgen runs");
    let tasks = format!("/proc/{}/task", child.id());
    let is_pinned = || {
        let statuses = fs::read_dir(&tasks).into_iter().flatten().flatten();
        let texts = statuses.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
        texts.into_iter().any(|text| text.lines().any(|line| line == "Cpus_allowed_list:\t0"))
    };
    let found = (0..500).any(|_| {
        sleep(Duration::from_millis(20));
        is_pinned()
    });
    let _ = child.kill();
    let _ = child.wait();
    // A machine of one processor shows nothing; there every thread is.
    assert!(found, "no thread is bound to processor 0");
}

#[test]
fn the_chosen_pacing_its_margin_and_its_price_are_in_the_record() {
    let peer = Listener::start(Manner::default());
    let port = peer.port.to_string();
    let [timerfd, precise, spin] = ["timerfd", "precise", "spin"].map(|pacing| {
        let load = ["--rate", "10", "--duration", "1s", "--warmup", "0", "--pacing", pacing];
        let called = loadgen(&[&["run", "-p", &port, "--json"], &load[..], &["GET", "a"]].concat());
        assert!(called.ran(), "{pacing}: {}", called.stderr);
        let record = RunRecord::from_json(&called.stdout, Path::new(pacing)).expect("a record");
        let engine = record.audit.expect("an account of the engine");
        assert_eq!(engine.pacing, pacing);
        let [thread] = engine.threads.try_into().expect("one thread");
        thread
    });
    assert!(precise.margin_us.is_some_and(|margin| margin > 0.0), "{precise:?}");
    assert_eq!([timerfd.margin_us, spin.margin_us], [None, None]);
    // What it spins is no load: without it, the price of ten requests is the same.
    assert!(timerfd.spun_share < 1e-9 && precise.spun_share > 0.0, "{precise:?}");
    assert!(spin.spun_share > 0.0 && spin.spun_share <= 1.0, "{spin:?}");
    // Ten requests cost a thread that sleeps next to nothing, and one that does not sleep all that it can get.
    assert!(spin.cpu_share > 2.0 * timerfd.cpu_share, "{spin:?} {timerfd:?}");
}

/// What waits for due times spins where there is room for it, and the record says which it was.
#[test]
fn the_default_pacing_spins_if_there_is_a_cpu_for_it() {
    let peer = Listener::start(Manner::default());
    let port = peer.port.to_string();
    let of = |words: &[&str]| {
        let called = loadgen(&[&["run", "-p", &port, "--json"], words, &["GET", "a"]].concat());
        assert!(called.ran(), "{}", called.stderr);
        let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
        record.audit.expect("an account of the engine")
    };
    // Not beside others that want the CPU.
    let is_free = |audit: &Audit| audit.gaps.is_some_and(|gaps| gaps.lost_share <= 0.05);
    let rate = ["--rate", "100", "--duration", "200ms", "--warmup", "0"];
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let audit = of(&rate);
    assert_eq!(audit.pacing, if cpus > 1 && is_free(&audit) { "precise" } else { "timerfd" });
    let threads = cpus.to_string();
    assert_eq!(of(&[&rate[..], &["--threads", &threads, "-c", "100"]].concat()).pacing, "timerfd");
    assert_eq!(of(&["-n", "100"]).pacing, "timerfd", "a closed loop waits for nothing");
}

#[test]
fn several_tests_are_one_json_document() {
    let peer = Listener::start(Manner::default());
    let port = peer.port.to_string();
    let called = loadgen(&["run", "-p", &port, "-n", "20", "-t", "set,get", "--json"]);
    assert!(called.ran(), "{}", called.stderr);
    let parsed: serde_json::Value = serde_json::from_str(&called.stdout).expect("one document");
    assert_eq!(parsed.as_array().map(Vec::len), Some(2));
}

/// The net under the tables: whoever adds a flag is told to add a row.
#[test]
fn every_flag_of_run_is_named_by_a_test() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let files = fs::read_dir(dir).expect("this folder").flatten();
    let texts: Vec<String> =
        files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
    let is_named = |flag: &str| {
        texts.iter().any(|text| {
            let ends = text.match_indices(flag).map(|(at, _)| &text[at + flag.len()..]);
            ends.into_iter()
                .any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
        })
    };
    let cli = Cli::command();
    let run = cli.find_subcommand("run").expect("there is one");
    let flags = run.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg.get_short())));
    let missing: Vec<&str> = flags
        .filter(|(long, short)| {
            let short = short.map(|short| format!("-{short}"));
            !is_named(&format!("--{long}")) && !short.is_some_and(|short| is_named(&short))
        })
        .map(|(long, _)| long)
        .collect();
    assert!(missing.is_empty(), "no test names {missing:?}");
}
