//! Kernel time stamps: every reply is accounted for, the parts add up, and what has no stamps is refused.

use crate::fake_server::{Action, group, ok, plan, serve};
use crate::support::{Server, check_failure, loadgen};
use aelab_engine::plan::{Endpoint, GroupPlan, RunPlan, Timestamps};
use aelab_engine::record::result::RunResult;
use aelab_engine::{EngineError, Live};
use aelab_results::record::RunRecord;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::Duration;

fn stamped(group: GroupPlan) -> Result<RunResult, EngineError> {
    let plan = RunPlan { timestamps: Timestamps::Kernel, threads: 2, ..plan(group) };
    aelab_engine::run(&plan, &Live::new(&plan), &AtomicBool::new(false))
}

#[test]
fn every_reply_has_a_stamp_or_is_counted_without() {
    let addr = serve(|_, _, _| ok());
    for (connections, pipeline) in [(4, 1), (2, 16)] {
        let load = GroupPlan { pipeline, ..group(Endpoint::Tcp(addr), connections, 4_000) };
        let result = stamped(load).expect("runs");
        let group = &result.groups[0];
        let stamps = group.kernel_times.as_ref().expect("stamps");
        assert_eq!(group.counts.ok, 4_000);
        assert_eq!(stamps.wire.exact.count, stamps.wake_up.exact.count);
        assert_eq!(stamps.wire.exact.count + stamps.unstamped, 4_000);
        assert!(stamps.unstamped < 400, "{} without a stamp", stamps.unstamped);
        let clock = result.audit.kernel_clock.expect("a clock");
        // The two parts of each request add up to its service time, but for what the clocks may be apart.
        let parts = stamps.wire.exact.sum + stamps.wake_up.exact.sum;
        let whole = group.commands[0].service_time.exact.sum;
        if stamps.unstamped == 0 && clock.steps == 0 {
            assert!(
                parts.abs_diff(whole) <= u128::from(4_000 * clock.uncertainty.0),
                "{parts} {whole}"
            );
        }
    }
}

#[test]
fn a_slow_server_is_on_the_wire() {
    let addr = serve(|_, request, _| {
        if request < usize::MAX {
            sleep(Duration::from_millis(20));
        }
        ok()
    });
    let result = stamped(group(Endpoint::Tcp(addr), 2, 20)).expect("runs");
    let stamps = result.groups[0].kernel_times.as_ref().expect("stamps");
    assert!(stamps.wire.exact.count > 0, "no reply had a stamp");
    if result.audit.kernel_clock.is_some_and(|clock| clock.steps == 0) {
        assert!(stamps.wire.exact.min >= 19_900_000, "{}", stamps.wire.exact.min);
    }
}

#[test]
fn without_the_wish_there_are_none() {
    let addr = serve(|_, _, _| Action::Reply(b"+OK\r\n".to_vec()));
    let plan = plan(group(Endpoint::Tcp(addr), 1, 10));
    let result =
        aelab_engine::run(&plan, &Live::new(&plan), &AtomicBool::new(false)).expect("runs");
    assert!(result.groups[0].kernel_times.is_none() && result.audit.kernel_clock.is_none());
}

#[test]
fn a_unix_socket_has_no_stamps() {
    let error = stamped(group(Endpoint::Unix("/tmp/x".into()), 1, 1)).expect_err("refused");
    assert!(matches!(&error, EngineError::Plan(text) if text.contains("Unix socket")), "{error}");
}

#[test]
fn the_program_says_how_much_was_its_own_waking_up() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let run = ["run", "-p", &port, "--timestamps", "kernel", "-c", "2", "-n", "2000"];
    let called = loadgen(&[&run[..], &["PING"]].concat());
    assert!(called.ran(), "{}", called.stderr);
    for part in
        ["wire (sent-arrived)", "wake-up (until read)", "the load generator's own wake-up: "]
    {
        assert!(called.stdout.contains(part), "{}", called.stdout);
    }
    let called = loadgen(&[&run[..], &["--json", "PING"]].concat());
    let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    let kernel = record.groups[0].kernel.as_ref().expect("stamps in the record");
    assert_eq!(kernel.wire.count + kernel.unstamped, 2_000);
    assert_eq!(kernel.wake_up.count, kernel.wire.count);
    check_failure(&["run", "-p", &port, "--timestamps", "nic", "PING"], 2, "nic");
}

#[test]
fn messages_have_no_rows_of_their_own() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let run = ["run", "-p", &port, "--timestamps", "kernel", "-c", "4", "-n", "500"];
    let messages = ["--command", "SUBSCRIBE n", "--command", "PUBLISH n {stamp}"];
    let called = loadgen(&[&run[..], &messages].concat());
    assert!(called.ran(), "{}", called.stderr);
    assert_eq!(called.stdout.matches("wire (sent-arrived)").count(), 1, "{}", called.stdout);
    assert!(called.stderr.contains("not split into wire and wake-up"), "{}", called.stderr);
}

#[test]
fn kernel_timestamps_need_an_output_that_shows_them() {
    for output in ["-q", "--csv"] {
        let run = ["run", "--timestamps", "kernel", "-n", "10", output, "PING"];
        check_failure(&run, 2, "add --out DIR");
    }
}
