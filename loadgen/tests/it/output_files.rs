//! Files for results and files that are read: full disks, pipes, and results of earlier runs.

use crate::support::{
    LOADGEN, Server, TempDir, check_failure, check_failure_id, free_port, loadgen,
};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, sleep};
use std::time::Duration;

/// A lost result is a failure; a reader that closes the pipe is not.
#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    for form in [&["-q"][..], &["--json"], &["--csv"], &[]] {
        let run = [&["run", "-p", &port, "-n", "10"][..], form].concat();
        let named = [&run[..], &["--out-file", "/dev/full", "PING"]].concat();
        check_failure_id(&named, 2, "result-not-written");
        check_failure(&named, 2, "--out-file /dev/full");
        let full = fs::File::create("/dev/full").expect("a full disk");
        let output = Command::new(LOADGEN).args(&run).arg("PING").stdout(full).output();
        let output = output.expect("loadgen runs");
        assert_eq!(output.status.code(), Some(2), "{form:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("error[result-not-written]: ") && said.contains("stdout"), "{said}");
    }
    let run = ["run", "-p", &port, "-n", "10", "--json", "PING"];
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = Command::new(LOADGEN).args(run).stdout(writer).stderr(Stdio::null()).status();
    assert!(matches!(status.expect("loadgen runs").code(), Some(0 | 4)));
}

#[test]
fn a_run_that_fails_leaves_earlier_results_alone() {
    let dir = TempDir::new();
    let port = free_port().to_string();
    for flag in ["--out-file", "--json-out-file"] {
        let (old, new) = (dir.file("old"), dir.file("new"));
        fs::write(&old, "earlier").expect("written");
        for path in [&old, &new] {
            assert_eq!(loadgen(&["run", "-p", &port, "-n", "5", flag, path, "PING"]).code, 6);
        }
        assert_eq!(fs::read_to_string(&old).expect("there"), "earlier", "{flag}");
        assert!(!Path::new(&new).exists(), "{flag}");
    }
}

/// Opening a pipe waits for the process at its other end, and there is none.
#[test]
fn a_pipe_without_a_process_at_its_other_end_is_refused() {
    let dir = TempDir::new();
    let pipe = dir.file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let port = free_port().to_string();
    let refused = |words: &[&str], why: &str| {
        check_failure(&[&["run", "-p", &port, "-n", "1"], words].concat(), 2, why);
    };
    refused(&["--replay", &pipe], "must be a regular file, and is a pipe");
    refused(&["--out-file", &pipe, "PING"], "is a pipe without a reader; nothing was measured");
    refused(&["--json-out-file", &pipe, "PING"], "is a pipe without a reader; nothing");
    let silent = "is a pipe from which nothing has come for 5 s";
    thread::scope(|scope| {
        scope.spawn(|| refused(&["--command-file", &pipe], silent));
        let trace = format!("trace:{pipe}");
        scope.spawn(move || refused(&["--arrival", &trace, "PING"], silent));
        scope.spawn(|| refused(&["--tls", "--cacert", &pipe, "PING"], silent));
    });
    // What is written to it is taken, also after a while, and results go to one that is read.
    let mut writer =
        Command::new("sh").args(["-c", "sleep 0.2; echo PING > \"$0\"", &pipe]).spawn();
    let server = Server::start(&[]);
    let port = server.port_arg();
    let called = loadgen(&["run", "-p", &port, "-n", "10", "-q", "--command-file", &pipe]);
    assert!(called.stdout.contains("requests per second"), "{} {}", called.stdout, called.stderr);
    writer.as_mut().expect("a shell").wait().expect("over");
    let copy = dir.file("copy");
    let mut reader = Command::new("sh")
        .args(["-c", "cat \"$0\" > \"$1\"", &pipe, &copy])
        .spawn()
        .expect("a shell");
    while loadgen(&["run", "-p", &port, "-n", "10", "-q", "--out-file", &pipe, "PING"]).code == 2 {
        sleep(Duration::from_millis(20));
    }
    reader.wait().expect("over");
    assert!(fs::read_to_string(&copy).expect("there").contains("PING: "));
}

#[test]
fn a_full_disk_leaves_no_empty_result() {
    let dir = TempDir::new();
    let port = free_port().to_string();
    let new = dir.file("new");
    for flag in ["--out-file", "--json-out-file"] {
        // No file of this shell's children may grow beyond a block: what a full disk does, without one.
        let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
        let words = ["-c", script, "sh", LOADGEN, "run", "-p", &port, flag, &new, "PING"];
        let output = Command::new("sh").args(words).output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("error[output-not-writable]: ") && said.contains(flag), "{said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(!Path::new(&new).exists(), "{flag}");
    }
}
