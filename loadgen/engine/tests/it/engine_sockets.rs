//! The engine over real sockets, against a scripted server inside the test. Structure only: nothing here depends on how
//! fast the machine is.

use crate::fake_server::{Action, HANDSHAKE, group, ok, plan, serve, serve_one};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, Endpoint, GroupPlan, Pacing, Rate, Reconnect, RunPlan, Target, ValueSize,
};
use aelab_engine::record::result::{GroupResult, RunResult};
use aelab_engine::{EngineError, Live};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

fn try_run(plan: &RunPlan) -> Result<RunResult, EngineError> {
    aelab_engine::run(plan, &Live::new(plan), &AtomicBool::new(false))
}

fn run(plan: &RunPlan) -> GroupResult {
    let mut result = try_run(plan).expect("the run succeeds");
    let group = result.groups.remove(0);
    group.check_accounting().expect("the books balance");
    group
}

#[test]
fn every_request_is_sent_and_answered_once() {
    for (connections, pipeline, threads) in [(1, 1, 1), (7, 3, 1), (5, 16, 2), (1, 100, 3)] {
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        let addr = serve(move |_, request, _| {
            count.fetch_add(usize::from(request != HANDSHAKE), Ordering::Relaxed);
            ok()
        });
        let mut plan =
            plan(GroupPlan { pipeline, ..group(Endpoint::Tcp(addr), connections, 5_000) });
        plan.threads = threads;
        let group = run(&plan);
        assert_eq!((group.counts.scheduled, group.counts.ok), (5_000, 5_000));
        assert_eq!(served.load(Ordering::Relaxed), 5_000);
        assert_eq!(group.connections.established, connections as u64);
        assert_eq!(group.commands[0].response_time.total.len(), 5_000);
    }
}

#[test]
fn a_unix_socket_works_alike() {
    let dir = std::env::temp_dir().join(format!("aelab-engine-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory for the socket");
    let path = dir.join("s");
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || stream.map(|stream| serve_one(stream, 0, &|_, _, _| ok())));
        }
    });
    let mut workload = group(Endpoint::Unix(path), 4, 1_000);
    // Larger than a Unix socket's buffer, so that writes are cut.
    workload.workload.values = ValueSize::Fixed(400_000);
    let group = run(&plan(workload));
    assert_eq!(group.counts.ok, 1_000);
    std::fs::remove_dir_all(dir).expect("clean up");
}

#[test]
fn large_values_and_replies_pass_in_pieces() {
    let addr = serve(|_, _, _| {
        let mut reply = b"$3000000\r\n".to_vec();
        reply.resize(reply.len() + 3_000_000, b'x');
        reply.extend_from_slice(b"\r\n");
        Action::Reply(reply)
    });
    let mut workload = GroupPlan { pipeline: 2, ..group(Endpoint::Tcp(addr), 3, 60) };
    workload.workload.values = ValueSize::Range { min: 0, max: 3_000_000 };
    let group = run(&plan(workload));
    assert_eq!(group.counts.ok, 60);
    assert!(group.traffic.received_bytes > 60 * 3_000_000);
}

#[test]
fn nobody_there_is_an_error_with_the_address() {
    let addr = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    let error = try_run(&plan(group(Endpoint::Tcp(addr), 3, 10))).expect_err("refused");
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        format!("cannot connect to {addr} for group 'load': Connection refused")
    );
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let addr = serve(|_, _, args| {
        let wrong = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n";
        Action::Reply(if args[0] == b"AUTH" { wrong.to_vec() } else { b"+OK\r\n".to_vec() })
    });
    let mut workload = group(Endpoint::Tcp(addr), 1, 1);
    workload.target.password = Some("guess".to_owned());
    let error = try_run(&plan(workload)).expect_err("refused");
    let text = error.to_string();
    assert!(matches!(error, EngineError::Refused { .. }), "{text}");
    assert!(text.contains("AUTH was answered with 'WRONGPASS invalid username"), "{text}");
}

#[test]
fn something_else_than_redis_is_recognised() {
    let addr = serve(|_, request, _| match request {
        HANDSHAKE => Action::ReplyAndClose(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        _ => Action::Close,
    });
    let error = try_run(&plan(group(Endpoint::Tcp(addr), 1, 1))).expect_err("no redis");
    assert!(error.to_string().contains("not RESP"), "{error}");
}

/// Its greeting would be taken for the answer to PING, and every answer for that to the request before.
#[test]
fn a_server_that_speaks_first_is_refused_in_words() {
    for greeting in [&b"+HELLO\r\n"[..], b"+OK\r\n+OK\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        thread::spawn(move || {
            for (index, mut stream) in listener.incoming().flatten().enumerate() {
                let pong = |_: usize, _: usize, _: &[&[u8]]| Action::Reply(b"+PONG\r\n".to_vec());
                let _ = stream.write_all(greeting);
                thread::spawn(move || serve_one(stream, index, &pong));
            }
        });
        let error = try_run(&plan(group(Endpoint::Tcp(addr), 3, 300))).expect_err("out of step");
        assert!(matches!(error, EngineError::Refused { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("HELLO") || text.contains("reply to no request"), "{text}");
    }
}

#[test]
fn connections_over_the_servers_limit_are_counted_not_hidden() {
    let addr = serve(|index, _, _| {
        let full = b"-ERR max number of clients reached\r\n".to_vec();
        if index < 3 { ok() } else { Action::ReplyAndClose(full) }
    });
    let group = run(&plan(group(Endpoint::Tcp(addr), 5, 300)));
    assert_eq!((group.connections.established, group.connections.failed), (3, 2));
    assert_eq!(group.counts.ok, 300);
    let (reason, count) = &group.failures[0];
    assert!(reason.contains("max number of clients reached") && *count == 2, "{reason}");
}

#[test]
fn lost_connections_come_back_and_are_counted() {
    // Every connection dies after its tenth request; that request is lost.
    let addr = serve(|_, request, _| if request == 10 { Action::Close } else { ok() });
    let mut workload = group(Endpoint::Tcp(addr), 4, 200);
    workload.reconnect =
        Reconnect::Backoff { first: Nanos::from_millis(1), max: Nanos::from_millis(5) };
    let group = run(&plan(workload));
    assert_eq!(group.counts.ok + group.counts.error, 200);
    assert!(group.counts.error >= 15, "{:?}", group.counts);
    let [error] = group.errors.as_slice() else { panic!("{:?}", group.errors) };
    assert_eq!((error.word.as_str(), error.count), ("disconnected", group.counts.error));
    assert_eq!(group.connections.lost, group.counts.error);
    assert!(group.connections.lost - group.connections.reconnects <= 4);
}

#[test]
fn a_server_that_goes_away_for_good_ends_the_run() {
    let addr = serve(|_, request, _| if request == 5 { Action::Close } else { ok() });
    let mut workload = group(Endpoint::Tcp(addr), 2, 1_000);
    workload.reconnect = Reconnect::Never;
    let group = run(&plan(workload));
    assert_eq!((group.counts.ok, group.counts.error), (10, 2));
    assert_eq!((group.connections.lost, group.connections.reconnects), (2, 0));
}

#[test]
fn a_reply_cut_in_the_middle_is_an_error_not_an_answer() {
    let addr = serve(|index, request, _| match (index, request) {
        (0, 3) => Action::ReplyAndClose(b"$100\r\nonly this".to_vec()),
        _ => ok(),
    });
    let group = run(&plan(group(Endpoint::Tcp(addr), 1, 50)));
    assert_eq!((group.counts.ok, group.counts.error), (49, 1));
    assert_eq!(group.connections.reconnects, 1);
}

#[test]
fn answers_nobody_asked_for_break_the_connection() {
    let addr = serve(|index, request, _| match (index, request) {
        (0, 3) => Action::Reply(b"+OK\r\n+OK\r\n".to_vec()),
        _ => ok(),
    });
    let group = run(&plan(group(Endpoint::Tcp(addr), 1, 50)));
    // Either the surplus came alone, or it was taken for the answer to the next request and the one after was surplus.
    assert_eq!(group.replies.unexpected, 1);
    assert_eq!(group.connections.reconnects, 1);
    assert_eq!(group.counts.ok + group.counts.error, 50);
    assert_eq!((group.connections.lost, group.connections.unreadable), (1, 1));
    assert!(group.errors.iter().all(|error| error.word == "protocol-error"), "{:?}", group.errors);
}

#[test]
fn a_break_right_after_a_reply_costs_no_more_than_was_waited() {
    let addr = serve(|_, request, _| match request {
        HANDSHAKE => ok(),
        request if request % 20 == 19 => Action::Reply(b"+OK\r\n+OK\r\n".to_vec()),
        _ => ok(),
    });
    let mut load = group(Endpoint::Tcp(addr), 2, 400);
    load.arrival = ArrivalProcess::Constant(Rate::per_second(1_000.0).expect("a rate"));
    load.reconnect = Reconnect::Fixed(Nanos::from_millis(60));
    let result = try_run(&plan(load)).expect("the run succeeds");
    assert!(!result.stalls.is_empty());
    for stall in &result.stalls {
        assert!(stall.lost.0 <= stall.delayed * stall.duration.0, "{stall:?}");
    }
}

#[test]
fn resp3_database_and_password_are_negotiated() {
    let addr = serve(|_, _, args| {
        let reply: &[u8] = match args[0] {
            b"HELLO" if args[1..] == [b"3".as_slice(), b"AUTH", b"me", b"secret"] => b"%0\r\n",
            b"SELECT" if args[1] == b"7" => b"+OK\r\n",
            b"SET" => b">2\r\n+invalidate\r\n_\r\n_\r\n",
            b"PING" => b"+PONG\r\n",
            _ => b"-ERR unexpected\r\n",
        };
        Action::Reply(reply.to_vec())
    });
    let mut workload = group(Endpoint::Tcp(addr), 2, 100);
    workload.target = Target {
        user: Some("me".to_owned()),
        password: Some("secret".to_owned()),
        db: 7,
        protocol: aelab_engine::plan::Protocol::Resp3,
        ..workload.target
    };
    let group = run(&plan(workload));
    assert_eq!((group.counts.ok, group.replies.null), (100, 100));
}

#[test]
fn a_cancelled_run_keeps_what_it_has() {
    let addr = serve(|_, _, _| ok());
    let mut workload = group(Endpoint::Tcp(addr), 4, u64::MAX);
    workload.arrival = ArrivalProcess::Poisson(Rate::per_second(2_000.0).expect("a rate"));
    let plan = plan(workload);
    let (live, cancel) = (Live::new(&plan), AtomicBool::new(false));
    let result = thread::scope(|scope| {
        let run = scope.spawn(|| aelab_engine::run(&plan, &live, &cancel));
        while live.group(0).ok == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        cancel.store(true, Ordering::Relaxed);
        run.join().expect("no panic").expect("a result")
    });
    assert!(result.interrupted);
    assert!(result.measure_until < Nanos::from_secs(60));
    let group = &result.groups[0];
    assert!(group.counts.ok > 0);
    group.check_accounting().expect("the books balance");
}

#[test]
fn impossible_plans_are_refused_before_anything_is_opened() {
    let addr: SocketAddr = ([127, 0, 0, 1], 1).into();
    type Spoil = fn(&mut RunPlan);
    let cases: [(Spoil, &str); 7] = [
        (|plan| plan.groups.clear(), "no group"),
        (|plan| plan.threads = 0, "thread"),
        (|plan| plan.groups[0].connections = 0, "connection"),
        (|plan| plan.groups[0].pipeline = 0, "pipeline"),
        (|plan| plan.groups[0].workload.commands.clear(), "commands"),
        (|plan| plan.groups[0].workload.commands[0].args[1] = b"{rand x}".to_vec(), "'x'"),
        (|plan| plan.cpus = Some(vec![100_000]), "CPU 100000"),
    ];
    for (spoil, part) in cases {
        let mut plan = plan(group(Endpoint::Tcp(addr), 1, 1));
        spoil(&mut plan);
        let error = try_run(&plan).expect_err("refused").to_string();
        assert!(error.contains(part), "{error}");
    }
    let error = try_run(&plan(group(Endpoint::Tcp(addr), 900_000, 1))).expect_err("too many");
    assert!(matches!(error, EngineError::Descriptors { .. }), "{error}");
    assert!(error.to_string().contains("ulimit -n"), "{error}");
}

#[test]
fn a_connection_per_request_works_over_tcp_and_unix_sockets() {
    let addr = serve(|_, _, _| ok());
    let path = std::env::temp_dir().join(format!("aelab-churn-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("a free path");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve_one(stream, 0, &|_, _, _| ok()));
        }
    });
    for endpoint in [Endpoint::Tcp(addr), Endpoint::Unix(path.clone())] {
        let churn = GroupPlan { requests_per_connection: Some(1), ..group(endpoint, 4, 400) };
        let group = run(&plan(churn));
        assert_eq!((group.counts.ok, group.counts.error), (400, 0));
        assert_eq!((group.connections.lost, group.connections.reconnects), (0, 0));
        assert!((396..=400).contains(&group.connections.renewed), "{:?}", group.connections);
        assert!(group.opening.first_reply.len() >= 400);
    }
    let _ = std::fs::remove_file(&path);
}

#[test]
fn precise_pacing_learns_its_margin_and_says_it() {
    let addr = serve(|_, _, _| ok());
    let of = |pacing| {
        let plan = RunPlan { pacing, threads: 2, ..plan(group(Endpoint::Tcp(addr), 4, 40)) };
        let threads = try_run(&plan).expect("the run succeeds").audit.threads;
        threads.into_iter().map(|thread| thread.margin).collect::<Vec<_>>()
    };
    let micros = Nanos::from_micros;
    for margin in of(Pacing::Precise { margin: None }) {
        let margin = margin.expect("measured");
        assert!((micros(5)..=micros(500)).contains(&margin), "{margin}");
    }
    assert_eq!(of(Pacing::Precise { margin: Some(micros(70)) }), [Some(micros(70)); 2]);
    assert_eq!(of(Pacing::Timerfd), [None; 2]);
}
