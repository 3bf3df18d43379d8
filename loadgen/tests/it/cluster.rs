//! Clusters: exact in virtual time, then against real nodes.

use crate::fake_server::{Action, serve};
use crate::support::{Nodes, TempDir, ask, check_failure, check_failure_id, free_port, loadgen};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, ClusterPlan, CommandPlan, GroupPlan, KeySpace, Phases, Rate, RunPlan, Target,
    ValueSize, Workload,
};
use aelab_engine::record::result::GroupResult;
use aelab_engine::sim::{ClusterScript, Move, Script, simulate};
use aelab_results::record::RunRecord;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::Duration;

const US: Nanos = Nanos::from_micros(1);

/// 1,000 GETs of random keys per second, or a closed loop.
pub(crate) fn group(
    cluster: &ClusterScript,
    connections: usize,
    arrival: ArrivalProcess,
) -> GroupPlan {
    let layout = cluster.layout();
    let mut target = Target::plain(layout.nodes[0].endpoint.clone());
    target.more = layout.nodes[1..].iter().map(|node| node.endpoint.clone()).collect();
    let workload = Workload {
        commands: vec![CommandPlan::new(&["GET", "__key__"])],
        keys: KeySpace::uniform(100_000),
        values: ValueSize::Fixed(8),
        compressible: 0.0,
        order: aelab_engine::plan::CommandOrder::Random,
    };
    GroupPlan {
        arrival,
        cluster: Some(ClusterPlan { layout, keys: vec![vec![1]] }),
        ..GroupPlan::new("load", target, connections, workload)
    }
}

pub(crate) fn constant(per_second: f64) -> ArrivalProcess {
    ArrivalProcess::Constant(Rate::per_second(per_second).expect("a rate"))
}

pub(crate) fn simulated(group: GroupPlan, threads: usize, script: &Script) -> GroupResult {
    let phases = Phases {
        warmup: Nanos::ZERO,
        measure: Some(Nanos::from_secs(10)),
        drain_max: Nanos::from_secs(5),
    };
    let plan = RunPlan { threads, ..RunPlan::new(vec![group], phases) };
    let mut result = simulate(&plan, script).expect("the plan is sound");
    let group = result.groups.remove(0);
    group.counts.check().expect("the books balance");
    group
}

pub(crate) fn script(cluster: &ClusterScript) -> Script {
    let cluster = Some(cluster.clone());
    Script { cluster, network: Nanos::from_micros(50), ..Script::steady(US) }
}

#[test]
fn every_request_goes_where_its_key_is() {
    let cluster = ClusterScript::of(3);
    for (threads, arrival) in [
        (1, constant(1_000.0)),
        (2, constant(1_000.0)),
        (2, ArrivalProcess::Closed { think: Nanos::ZERO }),
        (1, ArrivalProcess::Closed { think: Nanos::from_millis(10) }),
    ] {
        let group = simulated(group(&cluster, 12, arrival), threads, &script(&cluster));
        let redirects = group.redirects.expect("a cluster");
        assert_eq!((redirects.moved, redirects.asked), (0, 0));
        assert_eq!((group.counts.error, group.counts.unfinished), (0, 0));
        assert_eq!(group.counts.ok, group.counts.scheduled);
        let established: Vec<u64> =
            group.endpoints.iter().map(|site| site.connections.established).collect();
        assert_eq!(established, [4, 4, 4]);
    }
}

#[test]
fn a_closed_loop_in_a_cluster_has_as_many_requests_under_way_as_its_window() {
    let cluster = ClusterScript::of(3);
    // Each request takes 101 µs, so 6 users could do 59,000 per second; when three want the same node, one waits.
    let group = GroupPlan {
        pipeline: 2,
        ..group(&cluster, 3, ArrivalProcess::Closed { think: Nanos::ZERO })
    };
    let done = simulated(group, 1, &script(&cluster));
    let per_second = done.counts.ok as f64 / 10.0;
    assert!((40_000.0..59_000.0).contains(&per_second), "{per_second}");
}

#[test]
fn requests_that_are_moved_are_sent_again_and_keep_their_due_time() {
    let mut cluster = ClusterScript::of(3);
    // At 5 s the second half of node 1's slots goes to node 2, without a word before.
    let five = Nanos::from_secs(5);
    cluster.moves.push(Move { slots: 8_192..10_923, to: 2, ask_from: five, moved_from: five });
    let group = simulated(group(&cluster, 6, constant(1_000.0)), 1, &script(&cluster));
    let redirects = group.redirects.expect("a cluster");
    assert_eq!(redirects.asked, 0);
    // One per slot that was asked for in the five seconds after: each redirection teaches one slot.
    assert!((400..800).contains(&redirects.moved), "{redirects:?}");
    assert_eq!((group.counts.ok, group.counts.error), (10_000, 0));
    // Two round trips in place of one, and both in the service time.
    let command = &group.commands[0];
    let twice = command.response_time.total.count_between(150_000, 300_000);
    assert!(twice >= redirects.moved && twice < redirects.moved + 50, "{twice}");
    assert_eq!(command.response_time.exact.max, command.service_time.exact.max);
}

#[test]
fn requests_for_slots_on_their_way_are_asked_for() {
    let mut cluster = ClusterScript::of(2);
    let (from, until) = (Nanos::from_secs(2), Nanos::from_secs(4));
    cluster.moves.push(Move { slots: 0..4_096, to: 1, ask_from: from, moved_from: until });
    let done = simulated(group(&cluster, 4, constant(1_000.0)), 2, &script(&cluster));
    let redirects = done.redirects.expect("a cluster");
    // A quarter of the keys for two seconds: each of these requests anew.
    assert!((400..600).contains(&redirects.asked), "{redirects:?}");
    assert!(redirects.moved > 500, "{redirects:?}");
    assert_eq!((done.counts.ok, done.counts.error), (10_000, 0));
}

#[test]
fn a_new_node_gets_its_share_of_the_connections() {
    let known = ClusterScript::of(2);
    let mut cluster = ClusterScript::of(3);
    let group = GroupPlan { pipeline: 2, ..group(&known, 6, constant(2_000.0)) };
    // The third node has had a third of the slots all the time, and the layout that we start with knows nothing of it.
    let quarter = |slots, to| Move { slots, to, ask_from: Nanos::ZERO, moved_from: Nanos::ZERO };
    cluster.moves.push(quarter(0..100, 2));
    let done = simulated(group, 1, &script(&cluster));
    assert_eq!((done.counts.ok, done.counts.error), (20_000, 0));
    assert_eq!(done.endpoints.len(), 3);
    assert!(done.connections.renewed >= 2, "{:?}", done.connections);
    assert!(done.redirects.expect("a cluster").moved > 1_000);
}

#[test]
fn a_newer_layout_is_taken_over_while_running() {
    let mut old = ClusterScript::of(2);
    let mut new = ClusterScript::of(3);
    // The layout we start with sends everything to two nodes; the cluster has three, and after 100 ms we are told.
    let load = GroupPlan { pipeline: 2, ..group(&old, 6, constant(2_000.0)) };
    let told = ClusterScript { newer: Some(new.layout()), ..new.clone() };
    let done = simulated(load, 1, &script(&told));
    assert_eq!((done.counts.ok, done.counts.error), (20_000, 0));
    let moved = done.redirects.expect("a cluster").moved;
    assert!((20..220).contains(&moved), "{moved}");
    assert_eq!((done.endpoints.len(), done.connections.renewed), (3, 2));
    // A node that serves nothing any more gives its connections away.
    new.moves.push(Move {
        slots: 0..16_384,
        to: 0,
        ask_from: Nanos::ZERO,
        moved_from: Nanos::ZERO,
    });
    old.nodes.truncate(1);
    let load = GroupPlan { pipeline: 2, ..group(&new, 6, constant(2_000.0)) };
    let told = ClusterScript { newer: Some(old.layout()), ..new.clone() };
    let done = simulated(load, 1, &script(&told));
    assert_eq!((done.counts.ok, done.counts.error), (20_000, 0));
    assert_eq!(done.connections.renewed, 4);
}

#[test]
fn a_lost_node_loses_only_its_own_requests() {
    let cluster = ClusterScript::of(3);
    let (down, up) = (Nanos::from_secs(4), Nanos::from_millis(4_300));
    let script = Script { outages: vec![down..up], ..script(&cluster) };
    for arrival in [constant(5_000.0), ArrivalProcess::Closed { think: Nanos::from_millis(1) }] {
        let done = simulated(group(&cluster, 6, arrival), 1, &script);
        assert_eq!(done.connections.reconnects, 6, "{:?}", done.connections);
        assert!(done.counts.error <= 6, "{:?}", done.counts);
        assert_eq!(done.counts.ok + done.counts.error, done.counts.scheduled);
        assert!(done.endpoints.iter().all(|site| site.connections.reconnects == 2));
    }
}

#[test]
fn keys_of_different_slots_are_refused_before_anything_is_sent() {
    let cluster = ClusterScript::of(3);
    let with = |args: &[&str], keys: &[usize]| {
        let mut group = group(&cluster, 3, constant(10.0));
        group.workload.commands = vec![CommandPlan::new(args)];
        group.cluster.as_mut().expect("a cluster").keys = vec![keys.to_vec()];
        let phases = Phases {
            warmup: Nanos::ZERO,
            measure: Some(Nanos::from_secs(1)),
            drain_max: Nanos::from_secs(1),
        };
        simulate(&RunPlan::new(vec![group], phases), &script(&cluster)).map_err(|e| e.to_string())
    };
    with(&["MSET", "{a}__key__", "1", "{a}__key__", "2"], &[1, 3]).expect("one slot");
    let error = with(&["MSET", "__key__", "1", "__key__", "2"], &[1, 3]).expect_err("two slots");
    assert!(error.contains("MSET") && error.contains("hash tag"), "{error}");
    with(&["PING"], &[]).expect("any node");
}

#[test]
fn every_thread_needs_a_connection_to_every_node() {
    let cluster = ClusterScript::of(3);
    for connections in 6..=8 {
        let done = simulated(group(&cluster, connections, constant(1_000.0)), 2, &script(&cluster));
        assert_eq!((done.counts.ok, done.counts.unfinished), (done.counts.scheduled, 0));
    }
    let phases = Phases { warmup: Nanos::ZERO, measure: Some(US), drain_max: US };
    let too_few = RunPlan::new(vec![group(&cluster, 5, constant(10.0))], phases);
    let too_few = RunPlan { threads: 2, ..too_few };
    let error = simulate(&too_few, &script(&cluster)).expect_err("keys that no thread can send");
    assert!(error.to_string().contains("at least 6 connections"), "{error}");
}

/// What the program says about a run against real nodes.
pub(crate) fn record(args: &[&str]) -> RunRecord {
    let called = loadgen(&[&["run", "--json", "--cluster"], args].concat());
    assert!(called.ran(), "{args:?}: {}", called.stderr);
    RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record")
}

/// Records of YCSB lie in the slots of their keys, and all reads find them.
fn plays_ycsb(url: &[&str], keys: impl Fn() -> u64) {
    let before = keys();
    for workload in ["a", "d"] {
        let ycsb = ["-r", "200", "--ycsb", workload, "--prefill", "-n", "600"];
        let run = record(&[url, &ycsb[..]].concat());
        let group = &run.groups[0];
        assert_eq!((group.counts.ok, group.counts.error), (600, 0), "{workload}");
        let reads = &group.commands["READ"];
        assert!(reads.hits > Some(200), "{workload}: {reads:?}");
        // A record is asked for only after the reply to its insertion.
        assert_eq!(reads.misses, Some(0), "{workload}: {reads:?}");
    }
    assert!(keys() >= before + 200, "the records lie in the cluster");
    let of_one_server = [&["run", "--cluster"], url, &["--ycsb", "f", "--prefill"]].concat();
    check_failure(&of_one_server, 2, "a to d work with --cluster");
}

#[test]
fn a_real_cluster_moves_slots_during_a_run() {
    let dir = TempDir::new();
    let Some(nodes) = Nodes::start(&dir) else { return };
    let port = nodes.ports[0].to_string();
    let url = ["-p", &*port, "-c", "6"];
    let filled = [&url[..], &["-r", "3000", "--prefill", "-n", "6000", "GET", "__key__"]].concat();
    let read = record(&filled);
    assert_eq!((read.groups[0].counts.ok, read.groups[0].counts.error), (6_000, 0));
    assert_eq!(read.server.and_then(|server| server.keys), Some(3_000));
    let sizes = || -> Vec<u64> {
        let answers = nodes.ports.iter().filter_map(|port| ask(*port, "DBSIZE"));
        answers.filter_map(|size| size[1..].parse().ok()).collect()
    };
    let before = sizes();
    assert_eq!(before.iter().sum::<u64>(), 3_000, "{before:?}");
    // Two keys of one slot in each command, and every node has such slots.
    let both = ["-n", "300", "MSET", "a{tag}", "1", "b{tag}", "2"];
    let tagged = record(&[&url[..], &both[..]].concat());
    assert_eq!((tagged.groups[0].counts.ok, tagged.groups[0].counts.error), (300, 0));
    let after = sizes();
    assert!(before.iter().zip(&after).all(|(old, new)| old < new), "{before:?} {after:?}");

    let child = Command::new(crate::support::LOADGEN)
        .args(["run", "--json", "--cluster", "-p", &port, "-c", "6", "-r", "3000"])
        .args(["--rate", "2000", "--duration", "6s", "--warmup", "0", "--threads", "2"])
        .args(["--command", "GET __key__", "--command", "PING"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("loadgen runs");
    sleep(Duration::from_secs(1));
    nodes.reshard(2_000);
    let output = child.wait_with_output().expect("loadgen ends");
    let json = String::from_utf8_lossy(&output.stdout);
    let record = RunRecord::from_json(&json, Path::new("stdout")).expect("a record");
    let group = &record.groups[0];
    assert!(group.counts.add_up(), "{:?}", group.counts);
    assert_eq!((group.counts.scheduled, group.counts.error), (12_000, 0), "{:?}", group.counts);
    assert!(group.redirects.is_some_and(|redirects| redirects.moved > 0), "{:?}", group.redirects);
    assert_eq!(group.endpoints.len(), 3);

    plays_ycsb(&url, || sizes().iter().sum());
    let two_slots = ["run", "--cluster", "-p", &port, "-r", "100", "MGET", "__key__", "__key__"];
    check_failure(&two_slots, 2, "different slots");
    // Refused before data is loaded.
    let count = sizes().iter().sum::<u64>();
    let filling = ["--prefill", "--key-prefix", "untouched:"];
    check_failure(&[&two_slots[..6], &filling, &two_slots[6..]].concat(), 2, "different slots");
    assert_eq!(sizes().iter().sum::<u64>(), count, "nothing was written");
    // redis-benchmark's tests of several keys, each with its keys in one slot.
    let tests = ["-t", "set,get,mset,mget", "-r", "1000", "-n", "300", "--json"];
    let called = loadgen(&[&["run", "--cluster"], &url[..], &tests].concat());
    let all: Vec<RunRecord> = serde_json::from_str(&called.stdout).expect("four records");
    let counts = all.iter().map(|one| (one.groups[0].counts.ok, one.groups[0].counts.error));
    assert_eq!(counts.collect::<Vec<_>>(), [(300, 0); 4], "{}", called.stderr);
    check_failure(&["run", "--cluster", "-p", &port, "--dbnum", "1", "PING"], 2, "database 0");
    check_failure(&["run", "--cluster", "-p", &port, "-c", "2", "PING"], 2, "at least 3");
}

#[test]
fn a_server_that_is_no_cluster_is_refused() {
    let server = crate::support::Server::start(&[]);
    check_failure(
        &["run", "--cluster", "-p", &server.port_arg(), "PING"],
        6,
        "leave out --cluster",
    );
}

#[test]
fn a_node_that_joins_when_all_connections_are_dealt_out_is_served_by_lent_ones() {
    let known = ClusterScript::of(2);
    let mut cluster = ClusterScript::of(3);
    let quarter = |slots, to| Move { slots, to, ask_from: Nanos::ZERO, moved_from: Nanos::ZERO };
    cluster.moves.push(quarter(0..100, 2));
    for (threads, arrival) in [
        (1, constant(200.0)),
        (2, constant(200.0)),
        (1, ArrivalProcess::Closed { think: Nanos::from_millis(5) }),
    ] {
        let group = group(&known, 2 * threads, arrival);
        let done = simulated(group, threads, &script(&cluster));
        assert_eq!((done.counts.error, done.counts.unfinished), (0, 0), "{:?}", done.counts);
        assert_eq!(done.counts.ok, done.counts.scheduled);
        assert!(done.counts.ok > 1_000 && done.connections.renewed > 2, "{:?}", done.connections);
    }
}

/// What the server said is told in full, so that somebody can mend the name.
#[test]
fn a_node_whose_name_leads_nowhere_is_named() {
    let port = Arc::new(OnceLock::new());
    let own = Arc::clone(&port);
    let peer = serve(move |_, _, args| {
        Action::Reply(match args[0] {
            b"GET" => b"-MOVED 7 node.invalid:6379\r\n".to_vec(),
            _ => one_node(own.get().copied(), args),
        })
    });
    port.set(peer.port()).expect("set once");
    let text = peer.port().to_string();
    let run = ["run", "-p", &text, "--cluster", "-c", "2", "-n", "20", "GET", "__key__"];
    check_failure_id(&run, 4, "no-success");
    check_failure(&run, 4, "MOVED 7 node.invalid:6379");
    let said = loadgen(&run).stderr;
    assert!(said.contains("cluster-announce-hostname") && !said.contains("--cluster"), "{said}");
}

/// Whoever followed eight of them asks it as a cluster already.
#[test]
fn a_redirection_loop_between_nodes_is_reported() {
    let port = Arc::new(OnceLock::new());
    let own = Arc::clone(&port);
    let peer = serve(move |_, _, args| Action::Reply(one_node(own.get().copied(), args)));
    port.set(peer.port()).expect("set once");
    let text = peer.port().to_string();
    let run = ["run", "-p", &text, "--cluster", "-c", "2", "-n", "20", "GET", "__key__"];
    check_failure_id(&run, 4, "no-success");
    check_failure(&run, 4, "redirected requests in a loop");
    let said = loadgen(&run).stderr;
    assert!(said.contains("CLUSTER SLOTS") && !said.contains("--cluster"), "{said}");
}

/// As behind NAT or in a container: the address that the cluster announces leads nowhere from here.
#[test]
fn a_node_that_cannot_be_reached_is_named_and_waited_for_no_longer_than_asked() {
    let nowhere = free_port();
    let start = |moves: fn(usize) -> bool| {
        let port = Arc::new(OnceLock::new());
        let own = Arc::clone(&port);
        let peer = serve(move |_, request, args| {
            Action::Reply(match args[0] {
                b"GET" if moves(request) => {
                    format!("-MOVED 7 127.0.0.1:{nowhere}\r\n").into_bytes()
                }
                b"GET" => b"+OK\r\n".to_vec(),
                _ => one_node(own.get().copied(), args),
            })
        });
        port.set(peer.port()).expect("set once");
        peer.port().to_string()
    };
    let load = ["--cluster", "-c", "4", "--rate", "200", "--duration", "1s", "--warmup", "0s"];
    let args = |port: &str| -> Vec<String> {
        let more = ["--timeout", "100ms", "GET", "__key__"];
        ["run", "-p", port].iter().chain(&load).chain(&more).map(|&word| word.to_owned()).collect()
    };
    let named = format!("127.0.0.1:{nowhere}");
    let some = start(|request| request % 2 == 0);
    let args_some = args(&some);
    let words: Vec<&str> = args_some.iter().map(String::as_str).collect();
    check_failure_id(&words, 4, "node-unreached");
    check_failure(&words, 4, &named);
    let record = record_of(&words);
    let counts = record.groups[0].counts;
    assert!(counts.ok > 0 && counts.timeout > 0 && counts.unfinished == 0, "{counts:?}");
    let all = start(|_| true);
    let args_all = args(&all);
    let words: Vec<&str> = args_all.iter().map(String::as_str).collect();
    check_failure_id(&words, 6, "node-unreached");
    check_failure(&words, 6, &named);
    assert!(record_of(&words).is_invalid());
}

fn record_of(words: &[&str]) -> RunRecord {
    let called = loadgen(&[&words[..1], &["--json"], &words[1..]].concat());
    RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record")
}

/// What a cluster of one node on this port says, which sends every GET to itself.
pub(crate) fn one_node(port: Option<u16>, args: &[&[u8]]) -> Vec<u8> {
    let bulk = |text: &[u8]| [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat();
    let port = port.unwrap_or(0);
    match args[0] {
        b"INFO" => bulk(b"redis_version:7.0.15\r\nredis_mode:cluster\r\n"),
        b"CLUSTER" => {
            let node = format!("*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$3\r\nabc\r\n");
            format!("*1\r\n*3\r\n:0\r\n:16383\r\n{node}").into_bytes()
        }
        b"COMMAND" => [b"*1\r\n".to_vec(), bulk(args.last().copied().unwrap_or_default())].concat(),
        b"GET" => format!("-MOVED 7 127.0.0.1:{port}\r\n").into_bytes(),
        _ => b"+OK\r\n".to_vec(),
    }
}
