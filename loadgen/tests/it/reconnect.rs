//! Lost connections: the pauses before they come back, and that every lost request is in the books.

use crate::fake_server::{Action, Behaviour, group, ok, plan, serve, serve_one};
use crate::support::{LOADGEN, Server, check_failure, free_port, loadgen};
use aelab_engine::Live;
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{ArrivalProcess, Endpoint, GroupPlan, Phases, Rate, Reconnect, RunPlan};
use aelab_engine::record::result::GroupResult;
use aelab_engine::sim::{Script, simulate};
use aelab_results::record::RunRecord;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, sleep};
use std::time::Duration;

/// 1,000 requests/s over 8 connections for 10 s, while the server is gone from `from` to `until`.
fn outage(seed: u64, reconnect: Reconnect, from: Nanos, until: Nanos) -> GroupResult {
    outage_after(Nanos::ZERO, seed, reconnect, from, until)
}

/// The same behind a warm-up.
fn outage_after(
    warmup: Nanos,
    seed: u64,
    reconnect: Reconnect,
    from: Nanos,
    until: Nanos,
) -> GroupResult {
    let addr: SocketAddr = ([127, 0, 0, 1], 6379).into();
    let group = GroupPlan {
        arrival: ArrivalProcess::Constant(Rate::per_second(1_000.0).expect("a rate")),
        requests: None,
        reconnect,
        ..group(Endpoint::Tcp(addr), 8, 1)
    };
    let phases =
        Phases { warmup, measure: Some(Nanos::from_secs(10)), drain_max: Nanos::from_secs(5) };
    let plan = RunPlan { seed, ..RunPlan::new(vec![group], phases) };
    let network = Nanos::from_micros(100);
    let script =
        Script { network, outages: vec![from..until], ..Script::steady(Nanos::from_micros(1)) };
    let mut result = simulate(&plan, &script).expect("the plan is sound");
    let group = result.groups.remove(0);
    group.counts.check().expect("the books balance");
    group
}

fn attempts(group: &GroupResult) -> u64 {
    let refused = group.failures.iter().filter(|(reason, _)| reason.contains("refused"));
    refused.map(|(_, count)| count).sum()
}

#[test]
fn pauses_double_up_to_their_limit_with_a_jitter_that_the_seed_decides() {
    let backoff =
        Reconnect::Backoff { first: Nanos::from_millis(10), max: Nanos::from_millis(320) };
    let (from, until) = (Nanos::from_secs(2), Nanos::from_secs(5));
    let group = outage(1, backoff, from, until);
    assert_eq!((group.connections.lost, group.connections.reconnects), (8, 8));
    // 10 + 20 + … + 320 ms, then 320 ms each, less up to half: between 13 and 27 attempts in three seconds.
    let per_connection = attempts(&group) as f64 / 8.0;
    assert!((13.0..27.0).contains(&per_connection), "{per_connection}");
    // What was due meanwhile waited, and was answered.
    assert_eq!(group.counts.ok + group.counts.error, 10_000);
    assert!(group.counts.error <= 8);
    let again = outage(1, backoff, from, until);
    assert_eq!((attempts(&again), again.counts), (attempts(&group), group.counts));
    let response = |group: &GroupResult| group.commands[0].response_time.exact.sum;
    assert_eq!(response(&again), response(&group));
    let other = outage(2, backoff, from, until);
    assert_ne!(response(&other), response(&group), "another seed, other pauses");
}

#[test]
fn a_fixed_pause_is_the_same_each_time_and_immediate_is_a_millisecond_apart() {
    let (from, until) = (Nanos::from_secs(2), Nanos::from_secs(5));
    let fixed = |pause| outage(1, Reconnect::Fixed(pause), from, until);
    let group = fixed(Nanos::from_millis(100));
    assert_eq!((group.connections.lost, group.connections.reconnects), (8, 8));
    // One attempt every 100 ms (and the time it takes to be refused) for three seconds.
    let per_connection = attempts(&group) as f64 / 8.0;
    assert!((28.0..=30.0).contains(&per_connection), "{per_connection}");
    let per_connection = attempts(&fixed(Nanos::ZERO)) as f64 / 8.0;
    assert!((2_000.0..=3_001.0).contains(&per_connection), "{per_connection}");
}

#[test]
fn losses_of_the_warm_up_are_separate_from_those_of_the_measurement() {
    // A request is on its way just then.
    let (from, until) = (Nanos::from_micros(1_000_150), Nanos::from_secs(2));
    let fixed = Reconnect::Fixed(Nanos::from_millis(100));
    let early = outage_after(Nanos::from_secs(3), 1, fixed, from, until);
    assert_eq!((early.connections.lost, early.connections.lost_in_warmup), (8, 8));
    assert!(early.errors.is_empty() && early.counts.error == 0, "{:?}", early.errors);
    let late = outage_after(Nanos::from_millis(500), 1, fixed, from, until);
    assert_eq!((late.connections.lost, late.connections.lost_in_warmup), (8, 0));
    assert_eq!(late.errors.iter().map(|error| error.count).sum::<u64>(), late.counts.error);
    assert!(late.counts.error > 0);
}

#[test]
fn policies_are_read_as_they_are_written() {
    let ms = Nanos::from_millis;
    for (text, want) in [
        ("immediate", Reconnect::Fixed(Nanos::ZERO)),
        ("never", Reconnect::Never),
        ("fixed:100ms", Reconnect::Fixed(ms(100))),
        ("backoff:50ms..5s", Reconnect::Backoff { first: ms(50), max: ms(5_000) }),
    ] {
        assert_eq!(Reconnect::parse(text), Ok(want), "{text}");
    }
    for text in ["", "soon", "fixed", "fixed:x", "backoff:5s", "backoff:5s..1s", "backoff:0..1s"] {
        assert!(Reconnect::parse(text).is_err(), "{text}");
    }
}

#[test]
fn without_reconnecting_due_requests_are_reported_as_unanswered() {
    let second = Nanos::from_secs(2);
    let group = outage(1, Reconnect::Never, second, second + Nanos::from_millis(1));
    assert_eq!((group.connections.lost, group.connections.reconnects), (8, 0));
    // The run ends with its last connection: what fell due at that moment is all that waits.
    assert_eq!(group.counts.unfinished, group.counts.never_sent);
    assert!((2_000..2_010).contains(&group.counts.scheduled), "{:?}", group.counts);
    assert!((1..10).contains(&group.counts.unfinished), "{:?}", group.counts);
}

/// A server of which the first eight connections with an odd number are reset at their fiftieth request.
fn half_are_reset() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for (index, stream) in listener.incoming().flatten().enumerate() {
            let mut probe = stream.try_clone().expect("a second handle");
            thread::spawn(move || {
                let is_victim = index < 8 && index % 2 == 1;
                let behaviour: Arc<Behaviour> = Arc::new(move |_, request, _| match request {
                    50 if is_victim => Action::Close,
                    _ => ok(),
                });
                serve_one(stream, index, &*behaviour);
                // Closing with bytes unread resets the connection: wait for some more.
                let _ = probe.set_read_timeout(Some(Duration::from_millis(1)));
                let _ = probe.read(&mut [0; 1]);
            });
        }
    });
    addr
}

#[test]
fn resetting_half_of_the_connections_loses_only_their_requests() {
    let addr = half_are_reset();
    let plan = plan(GroupPlan { pipeline: 4, ..group(Endpoint::Tcp(addr), 8, 8_000) });
    let result =
        aelab_engine::run(&plan, &Live::new(&plan), &AtomicBool::new(false)).expect("runs");
    let group = &result.groups[0];
    group.counts.check().expect("the books balance");
    assert_eq!((group.connections.established, group.connections.lost), (8, 4));
    assert_eq!(group.connections.reconnects, 4);
    assert_eq!(group.counts.ok + group.counts.error, 8_000);
    // Those on their way when it happened, at most a window for each.
    assert!((4..=16).contains(&group.counts.error), "{:?}", group.counts);
    let lost: u64 = group.errors.iter().filter(|e| e.word == "disconnected").map(|e| e.count).sum();
    assert_eq!(lost, group.counts.error);
}

#[test]
fn a_server_that_restarts_twice_is_found_again_twice() {
    let port = free_port();
    let mut server = Some(Server::start_on(port, &[]));
    let child = Command::new(LOADGEN)
        .args(["run", "-p", &port.to_string(), "-c", "4", "--rate", "200"])
        .args(["--duration", "6s", "--warmup", "0", "--json", "PING"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("loadgen runs");
    for _ in 0..2 {
        sleep(Duration::from_millis(1_200));
        server.take().expect("a server").stop();
        sleep(Duration::from_millis(300));
        server = Some(Server::start_on(port, &[]));
    }
    let output = child.wait_with_output().expect("loadgen ends");
    let json = String::from_utf8_lossy(&output.stdout);
    let record = RunRecord::from_json(&json, Path::new("stdout")).expect("a record");
    assert_eq!(output.status.code(), Some(4), "another server answered in the end");
    let group = &record.groups[0];
    assert!(group.connections.reconnects >= 8, "{:?}", group.connections);
    assert!(group.counts.add_up(), "{:?}", group.counts);
    // What was due while nobody was there waited, and was answered.
    assert_eq!(group.counts.scheduled, 1_200);
    assert_eq!(group.counts.ok + group.counts.error, 1_200, "{:?}", group.counts);
}

/// What loadgen does on its own account is not the server's doing.
#[test]
fn connections_closed_by_loadgen_are_not_counted_as_lost() {
    let number = serve(|_, request, args| match args[0] {
        b"GET" if request % 10 == 9 => Action::Reply(b":abc\r\n".to_vec()),
        b"LLEN" => Action::Reply(b":abc\r\n".to_vec()),
        b"SET" if request % 10 == 9 => {
            sleep(Duration::from_millis(300));
            ok()
        }
        _ => ok(),
    });
    let port = number.port().to_string();
    let said = "no request succeeded: the replies could not be parsed";
    check_failure(&["run", "-p", &port, "-n", "100", "LLEN", "a"], 4, said);
    let lost = |words: &[&str]| {
        let run = ["run", "-p", &port, "-n", "50", "-c", "1", "--warmup", "0", "--json"];
        let called = loadgen(&[&run[..], words].concat());
        let record = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
        let of = |id: &str| record.caveats.iter().find(|caveat| caveat.id == id).cloned();
        assert!(of("server-changed").is_none(), "{:?}", record.caveats);
        (of("connections-lost").expect("a caveat"), record.groups[0].clone())
    };
    let (caveat, group) = lost(&["GET", "a"]);
    let each = "closed all of them because a reply could not be parsed";
    assert!(caveat.text.contains(each) && caveat.text.contains("number in a reply"), "{caveat:?}");
    assert!(caveat.remedy.contains("speaks the Redis protocol"), "{}", caveat.remedy);
    assert_eq!((group.errors[0].word.as_str(), group.errors[0].count), ("protocol-error", 5));
    let (caveat, group) = lost(&["--timeout", "50ms", "-P", "2", "SET", "a", "b"]);
    let each = "closed all of them because a request had no reply within its timeout";
    assert!(caveat.text.contains(each), "{}", caveat.text);
    assert!(caveat.remedy.contains("Raise `--timeout`"), "{}", caveat.remedy);
    assert!(group.counts.timeout > 0, "{:?}", group.counts);
    let never = ["run", "-p", &port, "-n", "50", "-c", "1", "--reconnect", "never", "GET", "a"];
    check_failure(&never, 4, "closed its last connection after 10 of 50 requests");
    assert!(group.errors.iter().all(|e| e.word == "closed-after-timeout"), "{:?}", group.errors);
}
