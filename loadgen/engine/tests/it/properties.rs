//! Any plan against any server in virtual time: the accounting balances.

use crate::support::{US, constant, group, poisson, rate, shaped};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, Assignment, ConnectSchedulePlan, Cursor, GroupPlan, OnTimeout, Phases,
    PoolOrder, PoolPlan, RunPlan, Sending, Shape,
};
use aelab_engine::record::result::GroupResult;
use aelab_engine::sim::{Script, Service, simulate};
use proptest::prelude::{
    Just, Strategy as _, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::test_runner::TestCaseError;

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    /// Whatever the server does, nothing is lost or counted twice, and every counted sample is in a histogram.
    #[test]
    fn books_balance_under_freezes_outages_and_torn_bytes(
        freezes in prop::collection::vec((0..4_000_u64, 1..800_u64), 0..4),
        outages in prop::collection::vec((0..4_000_u64, 1..800_u64), 0..3),
        connections in 1..8_usize,
        pipeline in 1..5_usize,
        threads in 1..3_usize,
        chunk in prop_oneof![Just(usize::MAX), 1..40_usize],
        arrival in prop_oneof![
            Just(constant(500.0)),
            Just(poisson(700.0)),
            Just(shaped(Shape::Burst {
                rate: 400.0, on: Nanos::from_millis(20), off: Nanos::from_millis(90),
            })),
            Just(ArrivalProcess::Closed { think: Nanos::ZERO }),
            Just(ArrivalProcess::Closed { think: Nanos::from_millis(3) }),
        ],
        timeout in prop_oneof![Just(None), (10..900_u64).prop_map(|ms| Some(Nanos::from_millis(ms)))],
        keep in any::<bool>(),
        pinned in any::<bool>(),
        requests_per_connection in prop_oneof![Just(None), (1..6_u64).prop_map(Some)],
        storm in any::<bool>(),
        pool in prop_oneof![Just(None), (0..3_usize, 0..3_usize, 1..300_u64).prop_map(Some)],
        command in prop_oneof![
            Just("GET"), Just("SCAN"), Just("FAIL"), Just("MULTI ; GET k ; EXEC"), Just("MULTI ; FAIL"),
        ],
        in_turn in any::<bool>(),
        (wake_late, lead) in (0..60_u64, prop_oneof![Just(0), Just(30_u64)]),
    ) {
        let span = |&(from, len): &(u64, u64)| {
            Nanos::from_millis(from)..Nanos::from_millis(from + len)
        };
        let script = Script {
            service: Service::Fixed(Nanos::from_micros(300)),
            network: Nanos::from_micros(20),
            freezes: freezes.iter().map(span).collect(),
            outages: outages.iter().map(span).collect(),
            chunk_bytes: chunk,
            wake_late: Nanos::from_micros(wake_late),
            lead: Nanos::from_micros(lead),
            ..Script::steady(US)
        };
        let mut plan = GroupPlan {
            arrival,
            pipeline,
            timeout,
            backlog_max: 200,
            assignment: if pinned { Assignment::Pinned } else { Assignment::AnyFree },
            requests_per_connection,
            connect_schedule: if storm { ConnectSchedulePlan::During(rate(20.0)) } else { ConnectSchedulePlan::AtOnce },
            on_timeout: if keep { OnTimeout::Keep } else { OnTimeout::Reconnect },
            ..group("any", &command.split(' ').chain(["0"]).collect::<Vec<_>>(), connections)
        };
        if in_turn {
            plan.workload.commands[0].sending = Sending::InTurn;
        }
        if command == "SCAN" {
            plan.workload.commands[0].cursor = Cursor::Follow { arg_index: 1 };
        }
        if let Some((min_idle, more, wait)) = pool
            && !pinned
            && !storm
            && plan.arrival.rate().is_some()
        {
            plan.pipeline = 1;
            let min_idle = min_idle.min(connections);
            let max_wait = (wait > 100).then_some(Nanos::from_millis(wait));
            let (max_idle, order) = (min_idle + more, PoolOrder::Fifo);
            plan.pool = Some(PoolPlan { min_idle, max_idle, max_wait, order });
        }
        let mut plan = RunPlan::new(vec![plan], Phases {
            warmup: Nanos::from_millis(500),
            measure: Some(Nanos::from_secs(4)),
            drain_max: Nanos::from_millis(300),
        });
        plan.threads = threads;
        let result = simulate(&plan, &script).expect("a sound plan");
        check_accounting(&result.groups[0])?;
    }
}

fn check_accounting(group: &GroupResult) -> Result<(), TestCaseError> {
    prop_assert_eq!(group.check_accounting(), Ok(()));
    let metric = &group.commands[0];
    let counted = group.counts.ok + group.counts.timeout;
    for metric in [&metric.response_time, &metric.service_time, &metric.send_lag] {
        prop_assert_eq!(metric.total.len(), counted);
        prop_assert_eq!(metric.exact.count, counted);
        let in_intervals: u64 = metric.intervals.iter().map(|interval| interval.count).sum();
        prop_assert_eq!(in_intervals, counted);
    }
    prop_assert_eq!(group.error_response.len(), group.counts.error);
    prop_assert_eq!(group.censored().len(), group.counts.unfinished);
    prop_assert!(group.connections.reconnects <= group.connections.lost);
    Ok(())
}
