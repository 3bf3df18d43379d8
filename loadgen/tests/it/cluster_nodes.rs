//! Nodes of a cluster that no layout names: only redirections do, by ASK or MOVED, by address, port or host name.

use crate::cluster::{constant, group, one_node, record, script, simulated};
use crate::fake_server::{Action, serve};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::ArrivalProcess;
use aelab_engine::sim::{ClusterScript, Move, Naming};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// A new node has no slots yet, so that only redirections name it: by ASK while slots move to it, by MOVED when they have.
#[test]
fn nodes_that_only_redirections_name_get_connections() {
    let second = Nanos::from_secs(1);
    let ever = Nanos::from_secs(1_000);
    let closed = ArrivalProcess::Closed { think: Nanos::from_millis(1) };
    for naming in [Naming::Address, Naming::Port, Naming::Host] {
        // From the start or in mid-run, for all keys or for few, to the end of the run, or until they have moved.
        for (slots, ask_from, moved_from) in [
            (0..16_384, Nanos::ZERO, ever),
            (0..16_384, second, ever),
            (0..1_000, second, Nanos::from_secs(4)),
            (0..1_000, second, second),
        ] {
            for (arrival, connections) in [
                (constant(1_000.0), 6),
                (closed.clone(), 6),
                (closed.clone(), 1),
                (constant(50.0), 1),
            ] {
                let mut cluster = ClusterScript::of(2);
                (cluster.without_slots, cluster.naming) = (1, naming);
                cluster.names.push(("new.example:7001".to_owned(), cluster.nodes[1]));
                let slots = slots.clone();
                cluster.moves.push(Move { slots, to: 1, ask_from, moved_from });
                let done = simulated(group(&cluster, connections, arrival), 1, &script(&cluster));
                assert_eq!((done.counts.error, done.counts.unfinished), (0, 0), "{naming:?}");
                assert_eq!(done.counts.ok, done.counts.scheduled, "{:?}", done.counts);
                let redirects = done.redirects.expect("a cluster");
                assert!(redirects.asked + redirects.moved > 10, "{redirects:?}");
                assert_eq!(done.endpoints.len(), 2);
            }
        }
    }
}

/// A primary fails and its replica takes over all its slots: no layout names the replica, only MOVED does.
#[test]
fn a_promoted_replica_gets_the_requests_of_its_primary() {
    let third = Nanos::from_secs(3);
    let closed = ArrivalProcess::Closed { think: Nanos::from_millis(1) };
    for naming in [Naming::Address, Naming::Port] {
        for (arrival, connections, threads, pipeline) in [
            (constant(1_000.0), 6, 1, 1),
            (constant(1_000.0), 6, 2, 8),
            (closed.clone(), 6, 2, 1),
            (closed.clone(), 2, 1, 4),
            (closed.clone(), 4, 2, 3),
            (constant(1_000.0), 2, 1, 4),
            (constant(20.0), 2, 1, 1),
        ] {
            let mut cluster = ClusterScript::of(3);
            (cluster.without_slots, cluster.naming) = (1, naming);
            // The second half is that of the second node.
            let slots = 8_192..16_384;
            cluster.moves = vec![Move { slots, to: 2, ask_from: third, moved_from: third }];
            let mut load = group(&cluster, connections, arrival);
            load.pipeline = pipeline;
            let done = simulated(load, threads, &script(&cluster));
            assert_eq!((done.counts.error, done.counts.unfinished), (0, 0), "{:?}", done.counts);
            assert_eq!(done.counts.ok, done.counts.scheduled, "{naming:?} {connections}");
            let redirects = done.redirects.expect("a cluster");
            assert!(redirects.moved > 10 && redirects.asked == 0, "{redirects:?}");
            assert_eq!(done.endpoints.len(), 3);
        }
    }
}

/// It had slots, gave them away, and gets others.
#[test]
fn a_node_that_had_given_its_slots_away_gets_connections_again() {
    let mut cluster = ClusterScript::of(2);
    let secs = Nanos::from_secs;
    let to = |to, ask_from, moved_from| Move { slots: 0..16_384, to, ask_from, moved_from };
    let ever = secs(1_000);
    cluster.moves = vec![to(0, secs(1), secs(1)), to(1, secs(5), ever)];
    let only_first = ClusterScript { without_slots: 1, ..cluster.clone() }.layout();
    cluster.newer = Some(only_first);
    for back in [ever, secs(6)] {
        cluster.moves[1].moved_from = back;
        let done = simulated(group(&cluster, 4, constant(500.0)), 1, &script(&cluster));
        assert_eq!((done.counts.ok, done.counts.error), (5_000, 0), "{:?}", done.counts);
    }
}

/// The first node says that it has all slots, and sends every GET to another one, which it names in different ways.
#[test]
fn every_request_is_sent_to_the_node_that_ask_names() {
    for host in ["127.0.0.1", "", "localhost"] {
        let heard = Arc::new(AtomicUsize::new(0));
        let (asked, ports) = (Arc::clone(&heard), Arc::new(OnceLock::new()));
        let said_asking = Mutex::new(HashSet::new());
        let other = serve(move |connection, _, args| {
            let mut said_asking = said_asking.lock().expect("no panic");
            Action::Reply(match args[0] {
                b"ASKING" => {
                    said_asking.insert(connection);
                    b"+OK\r\n".to_vec()
                }
                b"GET" if said_asking.remove(&connection) => {
                    asked.fetch_add(1, Ordering::Relaxed);
                    b"$1\r\nx\r\n".to_vec()
                }
                b"GET" => b"-MOVED 7629 127.0.0.1:1\r\n".to_vec(),
                _ => b"+PONG\r\n".to_vec(),
            })
        });
        let own = Arc::clone(&ports);
        let first = serve(move |_, _, args| {
            Action::Reply(match args[0] {
                b"GET" => format!("-ASK 7629 {host}:{}\r\n", other.port()).into_bytes(),
                _ => one_node(own.get().copied(), args),
            })
        });
        ports.set(first.port()).expect("set once");
        let text = first.port().to_string();
        for connections in ["1", "4"] {
            let before = heard.load(Ordering::Relaxed);
            let load = ["-p", &text, "-c", connections, "-n", "20", "--warmup", "0", "GET", "a"];
            let run = record(&load);
            let group = &run.groups[0];
            assert_eq!((group.counts.ok, group.counts.error), (20, 0), "{host} {connections}");
            assert_eq!(heard.load(Ordering::Relaxed) - before, 20);
            assert_eq!(group.redirects.map(|redirects| redirects.asked), Some(20));
        }
    }
}
