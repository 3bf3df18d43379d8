//! Limits on a run: exit code 5 if one is exceeded, 3 if the run cannot decide it, in every form of output.

use crate::support::{Called, Server, TempDir, check_failure, check_failure_id, loadgen};
use aelab_results::record::LimitOutcome;

/// A server with a string under `a`, so that INCR and LPUSH of it fail.
fn server() -> Server {
    let server = Server::start(&[]);
    let called = run(&server, &["SET", "a", "x"]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    server
}

/// 300 requests are too few for the load generator's own load to be judged.
fn run(server: &Server, words: &[&str]) -> Called {
    let port = server.port_arg();
    loadgen(&[&["run", "-p", &port, "-n", "300", "-c", "2", "--no-live"], words].concat())
}

/// Half of these requests fail.
const FAILING: [&str; 4] = ["--command", "GET a", "--command", "INCR a"];

#[test]
fn errors_above_one_percent_fail_the_run_whatever_is_printed() {
    let server = server();
    for form in [&[][..], &["--json"], &["--csv"], &["-q"], &["--max-p90", "10s"]] {
        let called = run(&server, &[form, &FAILING].concat());
        assert_eq!(called.code, 5, "{form:?}: {}", called.stderr);
        let line = called.failure();
        assert!(line.starts_with("loadgen: error[limit-exceeded]: a limit is exceeded"), "{line}");
        assert!(line.contains("--max-error-rate"), "{line}");
        assert!(!called.stdout.is_empty(), "{form:?}: the results are printed all the same");
    }
    for accepted in ["100%", "0.9"] {
        let called = run(&server, &[&["--max-error-rate", accepted][..], &FAILING].concat());
        assert_eq!(called.code, 0, "{}", called.stderr);
    }
    // Of several tests each is judged.
    let port = server.port_arg();
    let tests = ["run", "-p", &port, "-n", "300", "-t", "set,get", "--min-rate", "100M"];
    check_failure_id(&tests, 5, "limit-exceeded");
}

#[test]
fn a_percentile_and_a_rate_have_limits() {
    let server = server();
    for (limits, code) in [
        (&["--max-p90", "10s", "--max-p50=10s", "--min-rate", "1"][..], 0),
        (&["--max-p50", "1ns"], 5),
        (&["--max-p100=1ns"], 5),
        (&["--min-rate", "100M"], 5),
        (&["--max-p99.99", "10s"], 3),
        // What is exceeded at p50 is exceeded at p99.99, however few samples there are.
        (&["--max-p99.99", "1ns"], 5),
        (&["--max-p99.99", "10s", "--min-rate", "100M"], 5),
    ] {
        let called = run(&server, &[limits, &["GET", "a"]].concat());
        assert_eq!(called.code, code, "{limits:?}: {}", called.stderr);
        let shown = called.stdout.lines().filter(|line| line.starts_with("limit ")).count();
        assert_eq!(shown, limits.iter().filter(|word| word.starts_with("--")).count());
    }
    for (limit, part) in [
        (&["--max-p99.9", "soon"][..], "'soon' for '--max-p99.9 <TIME>'"),
        (&["--max-p101", "1s"], "a percentile is above 0"),
        (&["--max-error-rate", "1"], "a percentage such as 1%"),
        (&["--min-rate", "0"], "greater than zero"),
    ] {
        check_failure(&[&["run"], limit, &["GET", "a"]].concat(), 2, part);
    }
}

#[test]
fn a_folder_is_compared_with_limits_later() {
    let server = server();
    let dir = TempDir::new();
    let out = dir.file("run");
    let called = run(&server, &["--out", &out, "--max-p50", "10s", "GET", "a"]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let record = aelab_results::read_folder(out.as_ref()).expect("reads back").record;
    assert_eq!(record.limits.len(), 1);
    assert_eq!(record.limits[0].outcome, LimitOutcome::Holds);
    let page = std::fs::read_to_string(dir.path().join("run/report.html")).expect("a page");
    assert!(page.contains("id=\"limits\"") && page.contains("--max-p50"), "limits on the page");
    // The limits of then, others, and a percentile that only the log has.
    for (limits, code, said) in [
        (&[][..], 0, "pass  load: p50"),
        (&["--max-p50", "1ns"], 5, "FAIL  load: p50"),
        (&["--max-p37.5", "10s"], 0, "pass  load: p37.5"),
        (&["--max-p37.5", "1ns"], 5, "FAIL  load: p37.5"),
        (&["--max-p99.99", "10s"], 3, "open  load: p99.99"),
    ] {
        let called = loadgen(&[&["report", "check", &out], limits].concat());
        assert_eq!(called.code, code, "{limits:?}: {}", called.stderr);
        assert!(called.stdout.starts_with(said), "{limits:?}: {}", called.stdout);
    }
    check_failure(&["report", "check", &dir.file("none")], 2, "cannot read the record");
    let tests = dir.file("tests");
    let called = run(&server, &["--out", &tests, "-t", "set,get"]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let called = loadgen(&["report", "check", &tests, "--min-rate", "100M"]);
    assert_eq!((called.code, called.stdout.lines().count()), (5, 2), "{}", called.stdout);
}
