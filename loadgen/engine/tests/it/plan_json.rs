//! A plan is plain data: it survives JSON, so that another machine can run it.

use aelab_engine::clock::Nanos;
use aelab_engine::plan::cluster_slots::{Layout, Node, SLOTS};
use aelab_engine::plan::{
    ArrivalProcess, Assignment, ClusterPlan, CommandOrder, CommandPlan, ConnectPlan,
    ConnectSchedulePlan, Cursor, Endpoint, Framing, GroupPlan, KeyDistribution, KeySpace,
    OnTimeout, Pacing, Phases, PoolOrder, PoolPlan, Protocol, Rate, Reconnect, RequestLog, Role,
    RunPlan, Sending, Shape, Target, Timestamps, ValueSize, WarmupEndPlan, Workload,
};
use aelab_engine::replay::load::{Wish, load};
use aelab_engine::tls::{TlsClient, TlsOptions, Trust};
use std::sync::Arc;

const SEC: Nanos = Nanos::from_secs(1);
const SECRET: &str = "correct horse";

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).expect("a rate")
}

fn arrivals() -> Vec<ArrivalProcess> {
    let shapes = [
        Shape::Ramp { from: 0.1, to: 1e6, over: SEC },
        Shape::Steps { rates: vec![1.0, 1.0 / 3.0], each: SEC },
        Shape::Burst { rate: 10.0, on: SEC, off: Nanos(1) },
        Shape::Sine { rate: 10.0, amplitude: 0.1, period: SEC },
    ];
    let mut all = vec![
        ArrivalProcess::Closed { think: SEC },
        ArrivalProcess::Constant(rate(1e5)),
        ArrivalProcess::Poisson(rate(0.3)),
        ArrivalProcess::Uniform(rate(7.0)),
        ArrivalProcess::Trace([Nanos::ZERO, SEC, Nanos::MAX].into()),
        ArrivalProcess::Idle,
    ];
    all.extend(shapes.map(ArrivalProcess::Shaped));
    all
}

fn workloads() -> Vec<Workload> {
    let keys = [
        KeyDistribution::Uniform,
        KeyDistribution::Sequential,
        KeyDistribution::New,
        KeyDistribution::Zipf { exponent: 0.99 },
        KeyDistribution::Latest { exponent: 1.1 },
        KeyDistribution::Gaussian { deviation: 1.0 / 6.0 },
        KeyDistribution::Hotspot { keys: 0.1, requests: 0.9 },
    ];
    let values = [
        ValueSize::Fixed(64),
        ValueSize::Range { min: 1, max: 9 },
        ValueSize::Weighted([(1, 2), (3, 4)].into()),
        ValueSize::Zipf { min: 1, max: 9, exponent: 0.5 },
    ];
    let commands = vec![
        CommandPlan { weight: 3, ..CommandPlan::new(&[&b"SET"[..], b"\xff\x00key", b"__data__"]) },
        CommandPlan { framing: Framing::Inline, ..CommandPlan::new(&["PING"]) },
        CommandPlan {
            cursor: Cursor::Follow { arg_index: 1 },
            sending: Sending::InTurn,
            ..CommandPlan::new(&["SCAN", "0"])
        },
    ];
    let sizes = values.iter().cycle();
    let both = keys.into_iter().zip(sizes);
    both.map(|(distribution, values)| Workload {
        commands: commands.clone(),
        keys: KeySpace { distribution, ..KeySpace::uniform(1_000) },
        values: values.clone(),
        compressible: 0.25,
        order: CommandOrder::Exact,
    })
    .collect()
}

fn targets() -> Vec<Target> {
    let addr = "[::1]:6379".parse().expect("an address");
    let options = TlsOptions {
        trust: Trust::Anyone,
        sni: Some("redis.example".to_owned()),
        ..TlsOptions::default()
    };
    let tls = TlsClient::new(&options).expect("no file is needed").endpoint("host", addr);
    let plain = Target::plain(Endpoint::Tcp(addr));
    vec![
        Target { more: vec![Endpoint::Unix("/tmp/a socket".into())], db: 3, ..plain.clone() },
        Target {
            endpoint: Endpoint::Tls(tls.expect("an endpoint")),
            user: Some("alice".to_owned()),
            password: Some(SECRET.to_owned()),
            protocol: Protocol::Resp3,
            ..plain
        },
    ]
}

/// A plan with every kind of arrival, workload, server and connection, with a cluster and a capture.
fn plan() -> RunPlan {
    let (targets, workloads) = (targets(), workloads());
    let mut groups = Vec::new();
    for (number, arrival) in arrivals().into_iter().enumerate() {
        let (target, workload) =
            (&targets[number % targets.len()], &workloads[number % workloads.len()]);
        groups.push(GroupPlan {
            arrival,
            requests: Some(number as u64),
            timeout: Some(SEC),
            ..GroupPlan::new(&format!("group {number}"), target.clone(), 2, workload.clone())
        });
    }
    groups[0].role = Role::Offender;
    groups[0].on_timeout = OnTimeout::Keep;
    groups[0].log_requests = RequestLog::Keep { max: 5 };
    groups[0].reconnect = Reconnect::Never;
    groups[1].role = Role::Background;
    groups[1].reconnect = Reconnect::Fixed(SEC);
    groups[1].connect_schedule = ConnectSchedulePlan::Before(rate(100.0));
    groups[1].pool =
        Some(PoolPlan { min_idle: 1, max_idle: 2, max_wait: Some(SEC), order: PoolOrder::Fifo });
    groups[2].role = Role::Probe;
    groups[2].connect_schedule = ConnectSchedulePlan::During(rate(0.5));
    groups[2].requests_per_connection = Some(1);
    let nodes = vec![Node { name: "a:1".to_owned(), endpoint: targets[1].endpoint.clone() }];
    let layout = Layout { nodes, slots: vec![0; SLOTS].into() };
    groups[3].cluster = Some(ClusterPlan { layout, keys: vec![vec![1], vec![], vec![1, 2]] });
    groups[4].assignment = Assignment::Pinned;
    groups[4].replay = Some(Arc::new(captured()));
    RunPlan {
        threads: 3,
        cpus: Some(vec![0, 2]),
        pacing: Pacing::Precise { margin: Some(Nanos(70)) },
        timestamps: Timestamps::Kernel,
        connect: ConnectPlan { in_parallel: 7, timeout: SEC },
        look_for_gaps: Some(SEC),
        warmup_end: Some(WarmupEndPlan::for_measurement(None)),
        ..RunPlan::new(
            groups,
            Phases { warmup: Nanos::ZERO, measure: Some(SEC), drain_max: Nanos::MAX },
        )
    }
}

fn captured() -> aelab_engine::replay::Replay {
    let file = std::env::temp_dir().join(format!("aelab-plan-{}.aof", std::process::id()));
    std::fs::write(&file, "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n").expect("a file");
    let wish = Wish { all: false, connections_max: 4, commands_max: None, only_db: None };
    let loaded = load(&file, &wish).expect("a capture");
    std::fs::remove_file(&file).expect("removed");
    loaded.replay
}

#[test]
fn every_kind_of_plan_survives_json() {
    let plan = plan();
    let text = serde_json::to_string(&plan).expect("plain data");
    let back: RunPlan = serde_json::from_str(&text).expect("the same form");
    assert_eq!(format!("{back:?}"), format!("{plan:?}"));
    assert_eq!(serde_json::to_string(&back).expect("plain data"), text);
    // What Debug does not print.
    let password = |plan: &RunPlan| plan.groups[1].target.password.clone();
    assert_eq!(password(&back).as_deref(), Some(SECRET));
    assert_eq!(
        back.groups[3].cluster.as_ref().map(|cluster| cluster.layout.slots.len()),
        Some(SLOTS)
    );
}

#[test]
fn a_password_is_not_printed_by_debug() {
    let text = format!("{:?}", plan());
    assert!(!text.contains(SECRET), "{text}");
    assert!(text.contains("alice"));
}

#[test]
fn a_rate_of_zero_is_refused() {
    let error = serde_json::from_str::<Rate>("[0, 1]").expect_err("no rate");
    assert!(error.to_string().contains("at least one request"), "{error}");
}

#[test]
fn a_missing_capture_is_an_error_before_any_connection() {
    let mut plan = plan();
    plan.groups = plan.groups.split_off(4);
    plan.groups.truncate(1);
    plan.groups[0].connections = 1;
    plan.groups[0].target.more.clear();
    plan.groups[0].arrival = ArrivalProcess::Constant(rate(10.0));
    plan.groups[0].requests = None;
    plan.warmup_end = None;
    plan.timestamps = Timestamps::Program;
    let error = aelab_engine::sim::simulate(&plan, &aelab_engine::sim::Script::steady(SEC))
        .expect_err("gone");
    assert!(error.to_string().contains("cannot be replayed"), "{error}");
}
