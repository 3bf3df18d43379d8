//! The engine's promises in virtual time, where theory gives exact numbers. No socket, no waiting.

use crate::support::{
    MS, US, above, constant, frozen, gets, group, near, phases, poisson, quantile, run, run_plan,
};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, CommandOrder, CommandPlan, Cursor, GroupPlan, OnTimeout, Phases, Reconnect,
    RequestLog, Role, RunPlan,
};
use aelab_engine::record::result::{GroupResult, RunResult};
use aelab_engine::sim::{Script, Service};

/// 1,000 requests/s for 30 s, one freeze of 1 s.
fn one_second_freeze(connections: usize, pipeline: usize) -> GroupResult {
    let plan = GroupPlan { pipeline, ..gets(connections, constant(1_000.0)) };
    let ten = Nanos::from_secs(10);
    let mut result = run(vec![plan], 30, &frozen(US, ten, ten + Nanos::from_secs(1)));
    result.groups.remove(0)
}

#[test]
fn a_stall_shows_in_response_time_as_theory_says() {
    for (connections, pipeline) in [(50, 1), (10, 1), (200, 1), (1, 16), (2_000, 1)] {
        let group = one_second_freeze(connections, pipeline);
        let response = &group.commands[0].response_time;
        assert_eq!(group.counts.scheduled, 30_000);
        assert_eq!(group.counts.ok, 30_000);
        assert_eq!(response.total.len(), 30_000);
        near(quantile(response, 0.99), 0.700, 0.01);
        near(quantile(response, 0.999), 0.970, 0.005);
        near(response.exact.max as f64 / 1e9, 1.0, 0.005);
        // S²/2T of extra mean.
        near(response.exact.mean().expect("samples") / 1e9, 1.0 / 60.0, 0.02);
    }
}

#[test]
fn a_stall_shows_in_service_time_once_per_window_slot() {
    for (connections, pipeline) in [(50, 1), (10, 4), (2, 1)] {
        let group = one_second_freeze(connections, pipeline);
        let service = &group.commands[0].service_time;
        let slots = (connections * pipeline) as u64;
        assert!(above(service, Nanos::from_millis(100)) <= slots);
        assert!(service.exact.max > 900_000_000);
        assert!(quantile(service, 0.99) < 0.001);
    }
}

#[test]
fn a_stall_is_found_with_its_length_and_cost() {
    let ten = Nanos::from_secs(10);
    let script = frozen(US, ten, ten + Nanos::from_secs(1));
    let result = run(vec![gets(50, constant(1_000.0))], 30, &script);
    let [stall] = result.stalls.as_slice() else { panic!("{:?}", result.stalls) };
    near(stall.start.as_secs_f64(), 10.0, 0.001);
    near(stall.duration.as_secs_f64(), 1.0, 0.005);
    assert!((999..=1_001).contains(&stall.delayed), "{}", stall.delayed);
    // λS²/2 requests waited for half a second on average.
    near(stall.lost.as_secs_f64(), 500.0, 0.01);
}

#[test]
fn a_drain_at_twice_the_rate_lengthens_the_tail() {
    // Theory: quantile = S − (1 − rho)(1 − p)T with rho = 1/2.
    let ten = Nanos::from_secs(10);
    let script = frozen(Nanos::from_micros(500), ten, ten + Nanos::from_secs(1));
    let result = run(vec![gets(50, constant(1_000.0))], 30, &script);
    let response = &result.groups[0].commands[0].response_time;
    near(quantile(response, 0.99), 0.85, 0.01);
    near(quantile(response, 0.999), 0.985, 0.005);
}

#[test]
fn a_closed_loop_hides_it() {
    let ten = Nanos::from_secs(10);
    let script = frozen(Nanos::from_micros(100), ten, ten + Nanos::from_secs(1));
    let result = run(vec![group("closed", &["GET", "k"], 10)], 30, &script);
    let response = &result.groups[0].commands[0].response_time;
    assert_eq!(above(response, Nanos::from_millis(100)), 10);
    assert_eq!(result.stalls.len(), 1);
    assert_eq!(result.stalls[0].delayed, 10);
}

#[test]
fn replies_of_one_pipeline_are_timed_one_by_one() {
    // 16 at once against a server that answers one a millisecond: 1 to 16 ms, not one time for all.
    let plan =
        GroupPlan { pipeline: 16, requests: Some(16), ..group("one", &["GET", "__key__"], 1) };
    let result = run(vec![plan], 1, &Script::steady(MS));
    let response = &result.groups[0].commands[0].response_time;
    let times: Vec<u64> = response
        .intervals
        .iter()
        .flat_map(|interval| interval.sparse().counts().to_vec())
        .map(|(bucket, count)| {
            assert_eq!(count, 1);
            aelab_results::histogram::highest_of(bucket as usize).div_ceil(1_000_000)
        })
        .collect();
    assert_eq!(times.len(), 16);
    assert!((1..=16).zip(&times).all(|(want, got)| want == *got || want + 1 == *got), "{times:?}");
    assert_eq!((response.exact.min, response.exact.max), (1_000_000, 16_000_000));
}

#[test]
fn a_long_freeze_is_not_clamped() {
    let script = frozen(US, Nanos::from_secs(5), Nanos::from_secs(15));
    let result = run(vec![gets(10, constant(100.0))], 20, &script);
    near(result.groups[0].commands[0].response_time.exact.max as f64 / 1e9, 10.0, 0.001);
}

#[test]
fn a_rate_is_met_exactly_and_without_bursts() {
    for rate in [7.0, 51.0, 75.0, 99.0, 1_234.0, 99_999.0] {
        let plan = GroupPlan {
            log_requests: RequestLog::Keep { max: 1_000_000 },
            ..gets(80, constant(rate))
        };
        let result = run(vec![plan], 10, &Script::steady(US));
        let group = &result.groups[0];
        assert_eq!(group.counts.ok, rate as u64 * 10, "at {rate}");
        let mut sends: Vec<u64> = group.log.entries.iter().map(|request| request.sent.0).collect();
        sends.sort_unstable();
        let per_ms = (rate / 1_000.0).ceil() as usize;
        let burst = sends.windows(per_ms + 2).any(|w| w[w.len() - 1] - w[0] < 1_000_000);
        assert!(!burst, "more than {per_ms} sends in one millisecond at {rate}");
    }
}

#[test]
fn a_freeze_inside_the_warm_up_is_not_measured() {
    let script = frozen(US, MS, Nanos::from_millis(500));
    let plan = RunPlan::new(
        vec![gets(50, constant(1_000.0))],
        phases(Nanos::from_secs(2), Nanos::from_secs(5)),
    );
    let result = run_plan(&plan, &script);
    let group = &result.groups[0];
    assert_eq!((group.warmup_counts.ok, group.counts.ok), (2_000, 5_000));
    assert!(group.commands[0].response_time.exact.max < 1_000_000);
    assert_eq!(result.stalls.len(), 1, "the stall itself is reported all the same");
}

#[test]
fn a_freeze_that_outlives_the_run_leaves_unfinished_requests() {
    let script = frozen(US, Nanos::from_secs(5), Nanos::from_secs(100));
    let result = run(vec![gets(50, constant(1_000.0))], 10, &script);
    let group = &result.groups[0];
    assert_eq!(group.counts.unfinished, 5_000);
    assert_eq!(group.counts.never_sent, 4_950);
    assert_eq!(group.censored().len(), 5_000);
    // The drain of 5 s counts: the oldest has waited 10 s.
    near(group.censored().max() as f64 / 1e9, 10.0, 0.001);
    near(group.censored().min() as f64 / 1e9, 5.0, 0.001);
    near(result.stalls[0].duration.as_secs_f64(), 10.0, 0.001);
}

#[test]
fn queues_behave_as_theory_says() {
    // M/D/1 and M/M/1 with a service time of 100 µs; times in µs.
    let service = Nanos::from_micros(100);
    let cases = [
        (Service::Fixed(service), 0.5, 150.0, 430.0),
        (Service::Fixed(service), 0.8, 300.0, 1_137.0),
        (Service::Exponential(service), 0.5, 200.0, 921.0),
        (Service::Exponential(service), 0.8, 500.0, 2_303.0),
    ];
    for (service, load, mean, p99) in cases {
        let script = Script { service, ..Script::steady(US) };
        let result = run(vec![gets(200, poisson(load * 10_000.0))], 100, &script);
        let response = &result.groups[0].commands[0].response_time;
        near(response.exact.mean().expect("samples") / 1e3, mean, 0.05);
        near(quantile(response, 0.99) * 1e6, p99, 0.07);
    }
}

#[test]
fn several_threads_sum_up_to_one() {
    let script = frozen(US, Nanos::from_secs(2), Nanos::from_secs(3));
    let mut plan =
        RunPlan::new(vec![gets(50, constant(1_000.0))], phases(Nanos::ZERO, Nanos::from_secs(10)));
    let one = run_plan(&plan, &script);
    plan.threads = 3;
    let three = run_plan(&plan, &script);
    assert_eq!(one.groups[0].counts, three.groups[0].counts);
    assert_eq!(three.groups[0].connections.established, 50);
    let p99 = |result: &RunResult| quantile(&result.groups[0].commands[0].response_time, 0.99);
    near(p99(&one), p99(&three), 0.01);
    assert_eq!(three.stalls.len(), 1);
}

#[test]
fn a_whole_iteration_is_one_request() {
    let plan = GroupPlan {
        role: Role::Offender,
        arrival: constant(2.0),
        log_requests: RequestLog::Keep { max: 100 },
        ..group("scan", &["SCAN", "0", "COUNT", "10"], 1)
    };
    let mut plan = plan;
    plan.workload.commands[0].cursor = Cursor::Follow { arg_index: 1 };
    let script = Script { scan_calls: 5, ..Script::steady(MS) };
    let result = run(vec![plan, gets(2, constant(100.0))], 10, &script);
    let scan = &result.groups[0];
    assert_eq!((scan.counts.ok, scan.replies.cursor_steps), (20, 80));
    assert_eq!(scan.log.entries.len(), 20);
    assert!(
        scan.log
            .entries
            .iter()
            .all(|entry| entry.replied.since(entry.sent) >= Nanos::from_millis(5))
    );
    assert!(scan.log.entries.iter().all(|entry| entry.sent == entry.intended));
}

#[test]
fn think_time_paces_a_closed_loop() {
    let think = Nanos::from_millis(9);
    let plan = GroupPlan {
        arrival: ArrivalProcess::Closed { think },
        ..group("thinkers", &["GET", "k"], 10)
    };
    let result = run(
        vec![plan],
        10,
        &Script {
            service: Service::Fixed(US),
            network: Nanos::from_micros(500),
            ..Script::steady(US)
        },
    );
    // 10 users, a cycle of 9 ms thinking and 1 ms waiting.
    near(result.groups[0].counts.ok as f64, 10_000.0, 0.01);
    assert!(result.groups[0].commands[0].response_time.exact.max < 1_100_000);
}

#[test]
fn what_is_prepared_ahead_is_sent_when_it_is_due() {
    let service = Nanos::from_micros(100);
    let result = |arrival: &ArrivalProcess, wake_late, lead| {
        let script = Script { wake_late, lead, ..Script::steady(service) };
        // The first request is due when the schedule begins: in the warm-up.
        let phases = phases(Nanos::from_secs(1), Nanos::from_secs(10));
        let plan = RunPlan::new(vec![gets(50, arrival.clone())], phases);
        run_plan(&plan, &script).groups.remove(0)
    };
    let (late, lead) = (Nanos::from_micros(8), Nanos::from_micros(30));
    for arrival in [constant(1_000.0), constant(100.0)] {
        let lag = |lead| result(&arrival, late, lead).commands[0].send_lag.exact.max;
        assert_eq!((lag(Nanos::ZERO), lag(lead)), (8_000, 0), "{arrival:?}");
    }
    // Nothing else changes: not before the due time, not while another request is open, and in the same phase.
    for arrival in [
        constant(1_000.0),
        poisson(3_000.0),
        poisson(9_000.0),
        ArrivalProcess::Closed { think: MS },
    ] {
        let (without, with) =
            (result(&arrival, Nanos::ZERO, Nanos::ZERO), result(&arrival, Nanos::ZERO, lead));
        assert_eq!(without.counts, with.counts, "{arrival:?}");
        assert_eq!(without.warmup_counts, with.warmup_counts, "{arrival:?}");
        let (without, with) = (&without.commands[0], &with.commands[0]);
        assert_eq!(without.response_time.total, with.response_time.total, "{arrival:?}");
        assert_eq!(without.service_time.total, with.service_time.total, "{arrival:?}");
        assert_eq!(without.send_lag.total, with.send_lag.total, "{arrival:?}");
    }
}

#[test]
fn a_full_backlog_sheds_and_says_so() {
    let plan = GroupPlan { backlog_max: 100, ..gets(10, constant(1_000.0)) };
    let until = Nanos::from_micros(5_999_500);
    let result = run(vec![plan], 10, &frozen(US, Nanos::from_secs(5), until));
    let counts = result.groups[0].counts;
    assert_eq!((counts.scheduled, counts.shed, counts.ok), (10_000, 890, 9_110));
}

#[test]
fn a_time_limit_is_recorded_at_its_value() {
    let freeze = frozen(US, Nanos::from_secs(5), Nanos::from_millis(5_950));
    for on_timeout in [OnTimeout::Keep, OnTimeout::Reconnect] {
        let plan = GroupPlan {
            timeout: Some(Nanos::from_millis(200)),
            on_timeout,
            ..gets(10, constant(1_000.0))
        };
        let result = run(vec![plan], 10, &freeze);
        let group = &result.groups[0];
        let metric = &group.commands[0];
        assert!(group.counts.timeout >= 10, "{:?}", group.counts);
        assert_eq!(metric.service_time.total.len(), group.counts.ok + group.counts.timeout);
        assert_eq!(metric.service_time.exact.max, 200_000_000);
        assert_eq!(group.counts.unfinished, 0);
        assert_eq!(group.counts.ok + group.counts.timeout, 10_000);
        assert_eq!(group.connections.lost > 0, on_timeout == OnTimeout::Reconnect);
    }
}

/// A connection that is away when its part is due does not hold up the run: the others take it, and all is sent.
#[test]
fn parts_of_a_fixed_order_end_in_spite_of_an_outage() {
    for (threads, policy) in [
        (1, Reconnect::Fixed(MS)),
        (3, Reconnect::Fixed(MS)),
        (2, Reconnect::Backoff { first: MS, max: Nanos::from_secs(1) }),
    ] {
        let outage = Nanos::from_millis(20)..Nanos::from_millis(50);
        let script = Script { outages: vec![outage], ..Script::steady(Nanos::from_micros(100)) };
        let mut group = gets(7, ArrivalProcess::Closed { think: Nanos::ZERO });
        group.workload.commands = ["SET", "GET"].map(|name| CommandPlan::new(&[name, "k"])).into();
        group.workload.order = CommandOrder::Exact;
        group.requests = Some(1_000);
        group.reconnect = policy;
        let phases = Phases { warmup: Nanos::ZERO, measure: None, drain_max: MS };
        let plan = RunPlan { threads, ..RunPlan::new(vec![group], phases) };
        let result = run_plan(&plan, &script);
        let counts = result.groups[0].counts;
        assert_eq!(counts.scheduled, 1_000, "{threads}: {counts:?}");
        assert_eq!(counts.ok + counts.error, 1_000, "{threads}: {counts:?}");
        assert!(counts.error <= 7, "{threads}: {counts:?}");
    }
}

#[test]
fn an_outage_shows_as_waiting_time_and_reconnects() {
    let outage = Nanos::from_secs(5)..Nanos::from_secs(8);
    let script = Script { outages: vec![outage], ..Script::steady(US) };
    let result = run(vec![gets(50, constant(1_000.0))], 15, &script);
    let group = &result.groups[0];
    assert_eq!((group.connections.lost, group.connections.reconnects), (50, 50));
    assert_eq!(group.counts.scheduled, 15_000);
    assert!(group.counts.error <= 1, "{:?}", group.counts);
    // The first due in the outage waits for its end, and for the pause between two attempts.
    let max = group.commands[0].response_time.exact.max as f64 / 1e9;
    assert!((2.9..4.1).contains(&max), "{max}");
    assert!(group.failures.iter().any(|(reason, _)| reason.contains("refused")));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let script = Script { service: Service::Exponential(US), ..Script::steady(US) };
    let result = |seed| {
        let mut plan =
            RunPlan::new(vec![gets(5, poisson(1_000.0))], phases(Nanos::ZERO, Nanos::from_secs(2)));
        plan.seed = seed;
        run_plan(&plan, &script).groups[0].commands[0].response_time.total.clone()
    };
    assert_eq!(result(1), result(1));
    assert_ne!(result(1), result(2));
}
