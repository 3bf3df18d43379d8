//! `--wait-ready`: a server that is not ready is waited for, and the message names the flag.

use crate::cluster::one_node;
use crate::fake_server::{Action, serve};
use crate::support::{LOADGEN, Server, TempDir, check_failure, check_failure_id, loadgen};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

/// A server that answers everything with an error, until it is stopped.
struct NotReady {
    port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NotReady {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        listener.set_nonblocking(true).expect("does not block");
        let port = listener.local_addr().expect("an address").port();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            while !over.load(Relaxed) {
                let Ok((mut stream, _)) = listener.accept() else {
                    sleep(Duration::from_millis(5));
                    continue;
                };
                let mut buffer = [0; 1024];
                let _ = stream.set_nonblocking(false);
                let _ = stream.read(&mut buffer);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { port, is_over, thread: Some(thread) }
    }

    /// Gives its port back.
    fn stop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("ends");
        }
    }
}

const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";

fn start(words: &[&str]) -> Child {
    Command::new(LOADGEN)
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("loadgen runs")
}

#[test]
fn a_server_that_loads_its_data_is_waited_for() {
    let dir = TempDir::new();
    let file = dir.file("mine.toml");
    let scenario = "question = \"?\"\n[data]\nkeys = 1\n[phases]\nwarmup = \"100ms\"\nmeasure = \"500ms\"\n\
                    drain = \"5s\"\n[groups.victims]\nrole = \"victim\"\nconnections = 2\nrate = 200\n\
                    commands = [\"GET __key__\"]\n";
    std::fs::write(&file, scenario).expect("written");
    let out = dir.file("out");
    for is_scenario in [false, true] {
        let mut not_ready = NotReady::start(LOADING);
        let port = not_ready.port.to_string();
        let url = format!("redis://127.0.0.1:{port}");
        let child = match is_scenario {
            false => start(&["run", "-p", &port, "--wait-ready", "60s", "-n", "50", "PING"]),
            true => start(&[
                "scenario",
                "run",
                &file,
                "--target",
                &url,
                "--wait-ready",
                "60s",
                "--out",
                &out,
            ]),
        };
        sleep(Duration::from_millis(300));
        // For a while nothing listens at all; then the server is up.
        not_ready.stop();
        let _server = Server::start_on(not_ready.port, &[]);
        let output = child.wait_with_output().expect("ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 4)), "{said}");
        assert!(said.contains("waiting up to 60s for 127.0.0.1:"), "{said}");
    }
}

#[test]
fn without_the_flag_the_message_names_it() {
    for (answer, id) in [
        (LOADING, "loading"),
        ("-BUSY Redis is busy running a script. You can only call SCRIPT KILL.\r\n", "busy"),
        ("-MASTERDOWN Link with MASTER is down\r\n", "master-down"),
    ] {
        let not_ready = NotReady::start(answer);
        let port = not_ready.port.to_string();
        check_failure_id(&["run", "-p", &port, "PING"], 6, id);
        check_failure(&["run", "-p", &port, "PING"], 6, "--wait-ready 30s");
        let limited = ["run", "-p", &port, "--wait-ready", "300ms", "PING"];
        check_failure_id_behind_a_note(&limited, id);
    }
}

/// The limit is over: one note that it waits, and then the failure.
fn check_failure_id_behind_a_note(words: &[&str], id: &str) {
    let called = loadgen(words);
    let line = called.failure();
    assert_eq!(called.code, 6, "{}", called.stderr);
    assert!(line.contains(&format!("error[{id}]: ")) && line.contains("after 300ms"), "{line}");
}

/// A node of a cluster that is not whole at first: by its own state, or by the slots that it names.
#[test]
fn a_cluster_that_is_not_complete_is_waited_for() {
    for (state, last_slot, is_whole) in [
        ("fail", 16_383, false),
        ("ok", 9_000, false),
        ("fail", 9_000, false),
        ("ok", 16_383, true),
    ] {
        let is_ready = Arc::new(AtomicBool::new(is_whole));
        let ready = Arc::clone(&is_ready);
        let own = Arc::new(OnceLock::new());
        let port = Arc::clone(&own);
        let node = serve(move |_, _, args| {
            let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len()).into_bytes();
            let is_ready = ready.load(Relaxed);
            let (state, last) = if is_ready { ("ok", 16_383) } else { (state, last_slot) };
            let port = port.get().copied();
            Action::Reply(match (args[0], args.get(1).copied().unwrap_or_default()) {
                (b"CLUSTER", b"INFO") => {
                    bulk(&format!("cluster_enabled:1\r\ncluster_state:{state}\r\n"))
                }
                (b"CLUSTER", _) => {
                    let node =
                        format!("*3\r\n$9\r\n127.0.0.1\r\n:{}\r\n$3\r\nabc\r\n", port.unwrap_or(0));
                    format!("*1\r\n*3\r\n:0\r\n:{last}\r\n{node}").into_bytes()
                }
                (b"GET", _) => b"$1\r\nx\r\n".to_vec(),
                _ => one_node(port, args),
            })
        });
        own.set(node.port()).expect("set once");
        let port = node.port().to_string();
        let load = ["run", "--cluster", "-p", &port, "-c", "2", "-n", "20"];
        let command = ["GET", "__key__"];
        if !is_whole {
            let words = [&load[..], &command].concat();
            check_failure_id(&words, 6, "cluster-down");
            check_failure(&words, 6, "--wait-ready 30s");
            let limited = [&load[..], &["--wait-ready", "300ms"], &command].concat();
            check_failure_id_behind_a_note(&limited, "cluster-down");
        }
        let child = start(&[&load[..], &["--wait-ready", "60s"], &command].concat());
        sleep(Duration::from_millis(300));
        is_ready.store(true, Relaxed);
        let output = child.wait_with_output().expect("ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 4)), "{state} {last_slot}: {said}");
        assert_eq!(said.contains("cluster-down"), !is_whole, "{state} {last_slot}: {said}");
    }
}

/// What does not pass by itself is an error at once.
#[test]
fn a_wrong_password_is_not_waited_for() {
    let server = Server::start(&["--requirepass", "right"]);
    let port = server.port_arg();
    let words = ["run", "-p", &port, "-a", "wrong", "--wait-ready", "1h", "PING"];
    check_failure_id(&words, 6, "wrong-password");
    let words = ["scenario", "run", "keys-vs-scan", "--wait-ready", "1s"];
    check_failure(&words, 2, "--wait-ready needs a running server");
}
