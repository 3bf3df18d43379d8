//! Procedures against a real server: what must be exact is exact, and every figure that a scenario names is there. No timing.

use crate::support::{Server, TempDir};
use aelab_engine::plan::{Endpoint, Target};
use aelab_lab::procedure::{
    Findings, ServerUnderTest, accept_queue, connection_cost, connection_state, flow_control,
    max_total, maxclients, pipelining, split_command, tcp_vs_unix, transaction,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A under_test at this server.
fn under_test<'a>(server: &Server, cancel: &'a AtomicBool) -> ServerUnderTest<'a> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    ServerUnderTest {
        target: Target::plain(Endpoint::Tcp(addr)),
        unix: None,
        pid: Some(server.pid()),
        cpus: None,
        seed: 1,
        cancel,
    }
}

#[track_caller]
fn value(findings: &Findings, name: &str) -> f64 {
    let names: Vec<&str> = findings.figures.iter().map(|figure| figure.name.as_str()).collect();
    findings.get(name).unwrap_or_else(|| panic!("no figure {name} among {names:?}")).value
}

/// The figures that must be exactly these.
#[track_caller]
fn check(findings: &Findings, wanted: &[(&str, f64)]) {
    for (name, wanted) in wanted {
        let found = value(findings, name);
        assert!((found - wanted).abs() < 1e-9, "{name} is {found}, not {wanted}: {findings:?}");
    }
    for figure in &findings.figures {
        assert!(figure.lo <= figure.value && figure.value <= figure.hi, "{figure:?}");
    }
}

#[test]
fn a_command_in_pieces_is_gathered() {
    let (server, cancel) = (Server::start(&[]), AtomicBool::new(false));
    let params = split_command::Params { value_bytes: 20, large_value_bytes: 100_000 };
    let found = split_command::run(&under_test(&server, &cancel), &params).expect("figures");
    check(&found, &[("early_replies", 0.0), ("different_replies", 0.0)]);
    assert!(value(&found, "offsets") > 100.0 && value(&found, "large_pieces") > 60.0);
}

#[test]
fn nothing_leaks_from_one_connection_to_another() {
    let (server, cancel) = (Server::start(&[]), AtomicBool::new(false));
    let params = connection_state::Params { commands: 700, connections: 4 };
    let found = connection_state::run(&under_test(&server, &cancel), &params).expect("figures");
    check(&found, &[("leaks", 0.0), ("out_of_order", 0.0), ("replies", 2800.0)]);
    assert!(value(&found, "checks") > 20.0);
}

#[test]
fn a_stalled_server_throttles_its_client_and_loses_nothing() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let cancel = AtomicBool::new(false);
    let params = flow_control::Params {
        stall: Duration::from_millis(600),
        sample_every: Duration::from_millis(5),
        value_bytes: 1000,
    };
    let found = flow_control::run(&under_test(&server, &cancel), &params).expect("figures");
    check(&found, &[("lost", 0.0), ("errors", 0.0), ("executed_twice_or_never", 0.0)]);
    assert!(value(&found, "requests") > 0.0 && value(&found, "queued_at_sender_bytes") > 0.0);
    assert!(!found.tables[0].rows.is_empty());
}

#[test]
fn a_sleeping_server_is_connected_to() {
    let server = Server::start(&["--enable-debug-command", "yes", "--tcp-backlog", "4"]);
    let cancel = AtomicBool::new(false);
    let params = accept_queue::Params {
        stall: Duration::from_millis(300),
        connections: 4,
        crowd: 12,
        crowd_stall: Duration::from_millis(300),
    };
    let found = accept_queue::run(&under_test(&server, &cancel), &params).expect("figures");
    check(&found, &[("crowd_failed", 0.0)]);
    for name in ["idle_connect_s", "stalled_connect_s", "stalled_first_reply_s", "stall_s"] {
        assert!(value(&found, name) > 0.0, "{name}");
    }
    let (at_once, retried) = (value(&found, "crowd_at_once"), value(&found, "crowd_retried"));
    assert!((at_once + retried - 12.0).abs() < 1e-9 && retried > 0.0, "{at_once} and {retried}");
}

#[test]
fn transactions_are_not_interrupted_and_failures_are_reported() {
    let (server, cancel) = (Server::start(&[]), AtomicBool::new(false));
    let params = transaction::Params { readings: 3000, attempts: 20 };
    let found = transaction::run(&under_test(&server, &cancel), &params).expect("figures");
    check(
        &found,
        &[
            ("multi_interleaved", 0.0),
            ("pipeline_write_after_failure_runs", 1.0),
            ("multi_write_before_failure_stays", 1.0),
            ("multi_write_after_failure_runs", 1.0),
            ("multi_refused_writes_stay", 0.0),
        ],
    );
    assert!(value(&found, "writes") > 0.0);
}

#[test]
fn pipelines_of_all_depths_are_timed() {
    let (server, cancel) = (Server::start(&[]), AtomicBool::new(false));
    let params = pipelining::Params {
        commands: 20,
        depths: vec![1, 7, 20, 50],
        round_trips: vec![Duration::from_millis(1)],
        repeats: 2,
    };
    let found = pipelining::run(&under_test(&server, &cancel), &params).expect("figures");
    assert_eq!(found.tables[0].rows.len(), 4);
    // A link never carries anything faster than it says: twenty round trips one by one, one in a batch.
    assert!(value(&found, "rtt1000us_depth1_s") >= 0.020);
    assert!(value(&found, "rtt1000us_depth20_s") >= 0.001);
    assert!(value(&found, "over_model_max") > 0.0);
}

#[test]
fn the_cost_of_connections_is_counted() {
    let (server, cancel) = (Server::start(&[]), AtomicBool::new(false));
    let params = connection_cost::Params { connections: vec![10, 100], rest: Duration::ZERO };
    let found = connection_cost::run(&under_test(&server, &cancel), &params).expect("figures");
    check(&found, &[("idle_descriptors", 1.0), ("command_descriptors", 1.0)]);
    check(&found, &[("idle_epoll_entries", 1.0), ("idle10_descriptors", 1.0)]);
    assert!(
        found.get("idle_resident_bytes").is_some()
            && found.get("command_allocated_bytes").is_some()
    );
}

#[test]
fn a_limit_of_clients_is_kept_exactly() {
    let (server, cancel) = (Server::start(&[]), AtomicBool::new(false));
    let params = maxclients::Params { limit: 20 };
    let found = maxclients::run(&under_test(&server, &cancel), &params).expect("figures");
    let exact = [("limit", 20.0), ("accepted", 20.0), ("refused_in_words", 1.0)];
    check(&found, &exact);
    check(&found, &[("room_after_leaving", 1.0), ("rejected_connections", 2.0)]);
    assert!(value(&found, "configured_limit") > 20.0);
}

#[test]
fn a_bound_leaves_room_for_neighbours() {
    let (server, cancel) = (Server::start(&[]), AtomicBool::new(false));
    let params = max_total::Params { limit: 40, demand: 60, max_total: 10, neighbours: 5, each: 4 };
    let found = max_total::run(&under_test(&server, &cancel), &params).expect("figures");
    // One of the forty is the laboratory's own.
    check(&found, &[("unbounded_greedy_holds", 39.0), ("unbounded_neighbours_served", 0.0)]);
    check(&found, &[("bounded_greedy_holds", 10.0), ("bounded_neighbours_served", 20.0)]);
    check(&found, &[("unbounded_refusals_miscounted", 0.0), ("bounded_refusals_miscounted", 0.0)]);
}

#[test]
fn both_sockets_are_compared() {
    let dir = TempDir::new();
    let socket = dir.file("socket");
    let (server, cancel) = (Server::start(&["--unixsocket", &socket]), AtomicBool::new(false));
    let params = tcp_vs_unix::Params {
        value_sizes: vec![32],
        depths: vec![1, 8],
        connections: vec![2, 5],
        open_load: 50,
        pairs: 2,
        block: Duration::from_millis(50),
    };
    let under_test = ServerUnderTest { unix: Some(socket.into()), ..under_test(&server, &cancel) };
    let found = tcp_vs_unix::run(&under_test, &params).expect("figures");
    assert_eq!(found.tables[0].rows.len(), 5, "two depths, five connections, two open loops");
    for regime in ["size32_depth1", "size32_depth1_conns5", "size32_depth1_conns5_open"] {
        assert!(value(&found, &format!("{regime}_p50_ratio")) > 0.0, "{regime}");
    }
    assert!(value(&found, "largest_lower_by") >= value(&found, "smallest_lower_by"));
    assert!(value(&found, "size32_depth8_throughput_ratio") > 0.0);
}
