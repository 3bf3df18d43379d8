//! What a record says about lost connections and the silence after them, in virtual time: whether requests waited in it, and when a
//! run ends that has no connection left.

use crate::virtual_time::{MS, constant, gets, group, phases, run_plan, shaped};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, GroupPlan, OnTimeout, Phases, PoolOrder, PoolPlan, Reconnect, RunPlan, Shape,
};
use aelab_engine::record::result::RunResult;
use aelab_engine::sim::Script;
use aelab_lab::record::{Context, keep};
use aelab_results::record::{RunRecord, Severity};

const fn ms(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

fn record(plan: &RunPlan, script: &Script) -> (RunResult, RunRecord) {
    let result = run_plan(plan, script);
    let record = keep(plan, &result, Context::default(), Vec::new()).record;
    (result, record)
}

fn changed(record: &RunRecord) -> Option<&str> {
    let caveat = record.caveats.iter().find(|caveat| caveat.id == "server-changed")?;
    assert_eq!(caveat.severity, Severity::Invalid);
    Some(&caveat.text)
}

/// The server closes all connections at this time, and is back after so long.
fn outage(from: Nanos, length: Nanos) -> Script {
    Script { outages: vec![from..from.saturating_add(length)], ..Script::steady(MS) }
}

fn closed(think: Nanos) -> ArrivalProcess {
    ArrivalProcess::Closed { think }
}

/// Eight seconds without a warm-up.
fn eight_seconds(groups: Vec<GroupPlan>) -> RunPlan {
    RunPlan::new(groups, phases(Nanos::ZERO, ms(8_000)))
}

fn publishers() -> GroupPlan {
    GroupPlan { arrival: constant(0.5), ..group("publishers", &["PUBLISH", "c", "{stamp}"], 1) }
}

#[test]
fn a_silence_in_which_nothing_is_due_does_not_accuse_the_server() {
    let sparse = || gets(1, constant(0.5));
    let early = ArrivalProcess::Trace([0, 1_000, 2_000].map(ms).to_vec().into());
    let burst = shaped(Shape::Burst { rate: 10.0, on: ms(100), off: ms(3_900) });
    let pool = PoolPlan { min_idle: 2, max_idle: 2, max_wait: None, order: PoolOrder::Lifo };
    for (name, groups) in [
        ("a low rate", vec![sparse()]),
        ("several connections", vec![gets(5, constant(0.5))]),
        ("two groups", vec![sparse(), GroupPlan { name: "others".to_owned(), ..sparse() }]),
        ("a schedule that ends early", vec![gets(2, early)]),
        ("bursts with pauses", vec![gets(3, burst)]),
        ("users that think", vec![gets(2, closed(ms(3_000)))]),
        ("a pool", vec![GroupPlan { pool: Some(pool), ..gets(2, constant(0.5)) }]),
        (
            "idle connections",
            vec![
                GroupPlan { arrival: ArrivalProcess::Idle, ..group("idle", &["PING"], 5) },
                sparse(),
            ],
        ),
        ("subscribers", vec![publishers(), group("subscribers", &["SUBSCRIBE", "c"], 2)]),
    ] {
        let (result, record) = record(&eight_seconds(groups), &outage(ms(6_500), ms(50)));
        let lost: u64 = result.groups.iter().map(|group| group.connections.lost).sum();
        assert!(lost > 0, "{name}: the connections were idle, and lost");
        assert_eq!(changed(&record), None, "{name}: {:?}", record.caveats);
        assert_eq!(result.stalls, [], "{name}");
        assert!(record.groups.iter().all(|group| group.counts.error == 0), "{name}");
    }
}

#[test]
fn a_server_that_is_gone_is_named_whatever_the_load_is() {
    let gone = outage(ms(4_000), ms(1_000_000));
    let frozen = Script { freezes: vec![ms(4_000)..ms(1_000_000)], ..Script::steady(MS) };
    let impatient =
        |on_timeout| GroupPlan { timeout: Some(ms(300)), on_timeout, ..gets(2, constant(1.0)) };
    let renewed = GroupPlan { requests_per_connection: Some(1), ..gets(1, closed(ms(200))) };
    for (name, group, script) in [
        ("a rate", gets(2, constant(5.0)), &gone),
        ("a closed loop", gets(2, closed(Nanos::ZERO)), &gone),
        ("users that think", gets(1, closed(ms(500))), &gone),
        ("connections of one request", renewed, &gone),
        ("without an answer", gets(2, constant(5.0)), &frozen),
        ("without an answer, closed loop", gets(2, closed(ms(100))), &frozen),
        ("time limits", impatient(OnTimeout::Reconnect), &frozen),
        ("time limits on kept connections", impatient(OnTimeout::Keep), &frozen),
    ] {
        let (result, record) = record(&eight_seconds(vec![group]), script);
        let text = changed(&record);
        assert!(
            text.is_some_and(|text| text.contains("no reply came in the last")),
            "{name}: {text:?}"
        );
        assert!(!result.stalls.is_empty(), "{name}");
    }
    // Subscribers that are not let in again.
    let both = vec![
        GroupPlan { arrival: constant(0.1), ..publishers() },
        group("subscribers", &["SUBSCRIBE", "c"], 2),
    ];
    let (_, record) = record(&eight_seconds(both), &gone);
    assert!(changed(&record).is_some(), "{:?}", record.caveats);
}

/// One request is lost with its connection; the next is due two seconds later.
#[test]
fn a_pause_after_a_lost_request_is_no_stall() {
    let lost = Script {
        outages: vec![ms(2_000) + Nanos::from_micros(500)..ms(2_050)],
        ..Script::steady(MS)
    };
    let (result, record) = record(&eight_seconds(vec![gets(1, constant(0.5))]), &lost);
    assert_eq!((record.groups[0].counts.ok, record.groups[0].counts.error), (3, 1));
    assert_eq!(result.stalls, []);
    // In a closed loop the user asks again at once, and waits.
    let (result, _) = self::record(&eight_seconds(vec![gets(1, closed(Nanos::ZERO))]), &lost);
    let [stall] = result.stalls.as_slice() else { panic!("{:?}", result.stalls) };
    assert!(stall.start <= ms(2_001) && stall.duration >= ms(49), "{stall:?}");
}

/// Ten seconds of load that the server ends after 1.3 by closing all connections.
fn cut_off(groups: Vec<GroupPlan>, warmup: Nanos) -> (RunResult, RunRecord) {
    let never = |group| GroupPlan { reconnect: Reconnect::Never, ..group };
    let phases = Phases { warmup, ..phases(Nanos::ZERO, ms(10_000)) };
    let plan = RunPlan::new(groups.into_iter().map(never).collect(), phases);
    record(&plan, &outage(ms(1_300), ms(50)))
}

#[test]
fn without_reconnects_a_run_ends_with_its_last_connection() {
    let pool = PoolPlan { min_idle: 2, max_idle: 2, max_wait: None, order: PoolOrder::Lifo };
    let idle = GroupPlan { arrival: ArrivalProcess::Idle, ..group("idle", &["PING"], 5) };
    let busy = gets(2, constant(5_000.0));
    for (name, groups) in [
        ("a closed loop", vec![gets(3, closed(Nanos::ZERO))]),
        ("users that think", vec![gets(3, closed(ms(400)))]),
        ("a rate", vec![gets(3, constant(100.0))]),
        ("a rate beyond what the server can do", vec![busy]),
        ("a pool", vec![GroupPlan { pool: Some(pool), ..gets(2, constant(100.0)) }]),
        ("two groups", vec![gets(1, constant(100.0)), group("others", &["PING"], 2)]),
        ("idle connections", vec![idle.clone(), gets(1, constant(100.0))]),
        ("idle connections alone", vec![idle]),
        ("subscribers", vec![group("subscribers", &["SUBSCRIBE", "c"], 2)]),
    ] {
        let (result, record) = cut_off(groups, Nanos::ZERO);
        assert!(result.is_cut_off, "{name}");
        assert_eq!((result.measure_until, result.ended), (ms(1_300), ms(1_300)), "{name}");
        if name == "idle connections alone" || name == "subscribers" {
            continue;
        }
        let said = "the server changed during the run: after 1.3 of 10.0 s no connection was left";
        assert_eq!(changed(&record), Some(said), "{name}: {:?}", record.caveats);
    }
}

#[test]
fn a_run_goes_on_while_a_group_has_connections() {
    // The connections of one group come back, and a run that loses none ends as planned.
    let steady = GroupPlan { name: "steady".to_owned(), ..gets(1, constant(100.0)) };
    let plan = RunPlan::new(
        vec![GroupPlan { reconnect: Reconnect::Never, ..gets(2, closed(ms(1))) }, steady],
        phases(Nanos::ZERO, ms(10_000)),
    );
    let (result, _) = record(&plan, &outage(ms(1_300), ms(50)));
    assert_eq!((result.is_cut_off, result.measure_until), (false, ms(10_000)));
    let ok: Vec<u64> = result.groups.iter().map(|group| group.counts.ok).collect();
    assert!(ok[1] > 980, "{ok:?}");
    // What is cut off in the warm-up measured nothing.
    let (result, record) = cut_off(vec![gets(2, closed(ms(1)))], ms(3_000));
    assert_eq!((result.measure_from, result.ended), (ms(1_300), ms(1_300)));
    assert!(changed(&record).is_some_and(|text| text.contains("after 0.0 of 10.0 s")));
}
