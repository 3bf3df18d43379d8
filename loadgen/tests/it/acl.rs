//! A user who may not do everything (ACL): what could not be looked up or done is said, with what to allow.

use crate::fake_server::{Action, serve};
use crate::support::{check_failure, loadgen};
use aelab_results::record::RunRecord;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// A server that refuses these commands, and stops for 600 ms at the hundredth request of a connection.
fn serve_without(forbidden: &'static [&'static str]) -> String {
    let addr = serve(move |_, request, words| {
        let name = String::from_utf8_lossy(words[0]).to_ascii_uppercase();
        if forbidden.contains(&name.as_str()) {
            let name = name.to_ascii_lowercase();
            return Action::Reply(
                format!("-NOPERM this user has no permissions to run the '{name}' command\r\n")
                    .into(),
            );
        }
        if request == 100 {
            sleep(Duration::from_millis(600));
        }
        Action::Reply(b"+OK\r\n".to_vec())
    });
    addr.port().to_string()
}

#[test]
fn a_stall_reports_that_slowlog_was_refused() {
    let port = serve_without(&["SLOWLOG", "INFO"]);
    let args =
        ["run", "-p", &port, "-c", "1", "--rate", "200", "--duration", "1s", "--warmup", "0s"];
    let called = loadgen(&[&args[..], &["SET", "a", "1"]].concat());
    assert!(called.stdout.contains("may not use SLOWLOG"), "{}", called.stdout);
    assert!(called.stderr.contains("refused INFO (NOPERM"), "{}", called.stderr);
    assert!(called.stderr.contains("+info"), "{}", called.stderr);
    let called = loadgen(&[&args[..], &["--json", "SET", "a", "1"]].concat());
    let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    let evidence =
        record.stalls.iter().find(|stall| stall.duration_s >= 0.2).map(|stall| &stall.evidence);
    let evidence = evidence.expect("the stall").join("; ");
    assert!(evidence.contains("refused SLOWLOG (NOPERM"), "{evidence}");
    assert!(evidence.contains("+slowlog|get"), "{evidence}");
}

#[test]
fn the_remedy_names_the_refused_command() {
    let port = serve_without(&["MSET", "CLUSTER"]);
    let fill = ["run", "-p", &port, "-r", "100", "--prefill", "-n", "10", "GET", "__key__"];
    check_failure(&fill, 6, "ACL SETUSER NAME +mset");
    let cluster = ["run", "-p", &port, "--cluster", "-n", "10", "PING"];
    check_failure(&cluster, 6, "+cluster|slots");
}
