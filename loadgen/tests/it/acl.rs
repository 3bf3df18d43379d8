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

/// A reply of one string.
fn bulk(text: &str) -> Action {
    Action::Reply(format!("${}\r\n{text}\r\n", text.len()).into())
}

#[test]
fn a_server_that_refuses_config_has_the_settings_of_info() {
    let addr = serve(|_, _, words| match words[0].to_ascii_uppercase().as_slice() {
        b"CONFIG" => Action::Reply(b"-NOPERM no permissions to run 'config|get'\r\n".to_vec()),
        b"INFO" => bulk("redis_version:7.0.15\r\nmaxclients:77\r\nmaxmemory_policy:noeviction"),
        _ => Action::Reply(b"+OK\r\n".to_vec()),
    });
    let port = addr.port().to_string();
    let called = loadgen(&["run", "-p", &port, "-n", "100", "--json", "SET", "a", "1"]);
    let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    let server = record.server.expect("a server");
    assert!(server.config_refusal.is_some_and(|why| why.contains("NOPERM")));
    assert_eq!(server.config["maxclients"], "77");
    assert_eq!(server.config["maxmemory-policy"], "noeviction");
}

#[test]
fn a_stall_reports_that_the_slow_log_is_off_and_how_to_switch_it_on() {
    for (setting, value, remedy) in [
        ("slowlog-log-slower-than", "-1", "CONFIG SET slowlog-log-slower-than 10000"),
        ("slowlog-log-slower-than", "60000000", "CONFIG SET slowlog-log-slower-than"),
        ("slowlog-max-len", "0", "CONFIG SET slowlog-max-len 128"),
    ] {
        let addr = serve(move |_, request, words| match words[0].to_ascii_uppercase().as_slice() {
            b"CONFIG" => Action::Reply(
                format!("*2\r\n${}\r\n{setting}\r\n${}\r\n{value}\r\n", setting.len(), value.len())
                    .into(),
            ),
            b"SLOWLOG" => Action::Reply(b"*0\r\n".to_vec()),
            _ => {
                if request == 100 {
                    sleep(Duration::from_millis(600));
                }
                Action::Reply(b"+OK\r\n".to_vec())
            }
        });
        let port = addr.port().to_string();
        let args =
            ["run", "-p", &port, "-c", "1", "--rate", "200", "--duration", "1s", "--warmup", "0s"];
        let called = loadgen(&[&args[..], &["SET", "a", "1"]].concat());
        assert!(called.stdout.contains(remedy), "{setting} {value}: {}", called.stdout);
    }
}

#[test]
fn the_remedy_names_the_refused_command() {
    let port = serve_without(&["MSET", "CLUSTER"]);
    let fill = ["run", "-p", &port, "-r", "100", "--prefill", "-n", "10", "GET", "__key__"];
    check_failure(&fill, 6, "ACL SETUSER NAME +mset");
    let cluster = ["run", "-p", &port, "--cluster", "-n", "10", "PING"];
    check_failure(&cluster, 6, "+cluster|slots");
}
