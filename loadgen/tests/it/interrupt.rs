//! ^C at random moments: whatever was measured by then is in a folder that reads back, or nothing had begun.
//!
//! `AELAB_INTERRUPTIONS=1000` makes as many of them; the moments are drawn from a fixed seed.

use crate::support::{LOADGEN, Server, TempDir};
use aelab_results::read_folder;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Enough to meet every phase of a short run a few times.
const DEFAULT_COUNT: u64 = 30;
/// The moments lie within this span from the start of the program: connecting, warm-up, measuring, drain, writing, and after.
const SPAN_US: u64 = 1_200_000;

/// SplitMix64, so that a failure can be repeated.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn an_interrupted_run_leaves_a_folder_that_reads_back() {
    let count = std::env::var("AELAB_INTERRUPTIONS").ok().and_then(|text| text.parse().ok());
    let server = Server::start(&[]);
    let port = server.port_arg();
    let mut state = 1;
    let (mut read_back, mut interrupted) = (0, 0);
    let count = count.unwrap_or(DEFAULT_COUNT);
    for number in 0..count {
        let after = Duration::from_micros(next(&mut state) % SPAN_US);
        let dir = TempDir::new();
        let out = dir.file("out");
        let mut args = vec!["run", "-p", &port, "-c", "5", "--no-live", "--out", &out];
        // In turn: open and closed loop, one test and several, with a length and with a number of requests.
        args.extend(match number % 3 {
            0 => ["--rate", "2k", "--duration", "400ms", "PING"],
            1 => ["-n", "20k", "-q", "-t", "set,get"],
            _ => ["-d", "100", "--duration", "500ms", "PING"],
        });
        let mut child = Command::new(LOADGEN)
            .args(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("loadgen runs");
        sleep(after);
        let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(signalled.is_ok(), "kill is there");
        let status = child.wait().expect("it ends");
        let path = Path::new(&out);
        let about = format!("interruption {number}, after {after:?}, ended with {status}");
        if !path.join("result.json").exists() {
            // Before anything was measured: nothing is there, rather than a part of something.
            assert!(!path.join("latency.hlog").exists(), "{about}: a log without a record");
            assert_ne!(status.code(), Some(0), "{about}: success without a result");
            continue;
        }
        let folder = read_folder(path).unwrap_or_else(|error| panic!("{about}: {error}"));
        let folders = std::iter::once(&folder).chain(folder.arms.iter().map(|(_, arm)| arm));
        for group in folders.flat_map(|folder| &folder.record.groups) {
            assert!(group.counts.add_up(), "{about}: {:?}", group.counts);
        }
        read_back += 1;
        if folder.record.interrupted {
            interrupted += 1;
            assert_eq!(status.code(), Some(4), "{about}");
        }
    }
    assert!(read_back > 0 || count < DEFAULT_COUNT, "no run of {count} left a folder");
    assert!(interrupted <= read_back);
}

/// A terminal that is gone, as when ssh breaks off, is no reason to lose what was measured; unless nohup says to go on.
#[test]
fn a_lost_terminal_ends_a_run_as_an_interruption_does() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    // Said to `env`, as a test that itself runs under nohup would hand its own on.
    for (signal, want) in [("--default-signal=HUP", true), ("--ignore-signal=HUP", false)] {
        let dir = TempDir::new();
        let out = dir.file("out");
        let words = format!("run -p {port} --no-live --duration 2s --warmup 0 --out {out} PING");
        let mut child = Command::new("env")
            .args([signal, LOADGEN])
            .args(words.split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("loadgen runs");
        sleep(Duration::from_secs(1));
        let signalled = Command::new("kill").args(["-HUP", &child.id().to_string()]).status();
        assert!(signalled.is_ok(), "kill is there");
        let status = child.wait().expect("it ends");
        let folder = read_folder(Path::new(&out)).unwrap_or_else(|e| panic!("{status}: {e}"));
        assert_eq!(folder.record.interrupted, want, "{status}");
    }
}

#[test]
fn an_interrupted_stall_explorer_leaves_a_page() {
    let dir = TempDir::new();
    let out = dir.file("stall");
    let question = ["--offender", "SMEMBERS bigset", "--every", "20s", "--sizes", "1k,2k"];
    let mut child = Command::new(LOADGEN)
        .args(["scenario", "run", "stall", "--victim-rate", "200", "--out", &out])
        .args(question)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("loadgen runs");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let measures = lines.by_ref().map_while(Result::ok).any(|line| line.contains("measuring"));
    assert!(measures, "it never began to measure");
    let signalled = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(signalled.is_ok(), "kill is there");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(4), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("what was measured is in")), "{rest:?}");
    let folder = read_folder(Path::new(&out)).expect("it reads back");
    assert!(folder.record.interrupted && folder.arms.len() == 1);
    assert!(folder.record.procedure.is_some_and(|answer| !answer.notes.is_empty()));
    for file in ["report.html", "summary.md", "arms/size-1000/report.html"] {
        assert!(Path::new(&out).join(file).exists(), "{file} is missing");
    }
}
