//! The engine's promises in virtual time, where theory gives exact numbers. No socket, no waiting.

use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, Assignment, CommandPlan, Cursor, Dialling, Endpoint, GroupPlan,
    KeyDistribution, KeySpace, OnTimeout, Phases, PoolOrder, PoolPlan, Rate, Reconnect, RequestLog,
    Role, RunPlan, Sending, Shape, Target, ValueSize, WarmupEndPlan, Workload,
};
use aelab_engine::record::result::{GroupResult, MetricResult, RunResult};
use aelab_engine::sim::{Script, Service, simulate};
use aelab_lab::record::{Context, keep};
use aelab_results::record::Severity;
use proptest::prelude::{
    Just, Strategy as _, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::test_runner::TestCaseError;

pub(crate) const MS: Nanos = Nanos::from_millis(1);
pub(crate) const US: Nanos = Nanos::from_micros(1);

pub(crate) fn group(name: &str, command: &[&str], connections: usize) -> GroupPlan {
    let workload = Workload {
        commands: vec![CommandPlan::new(command)],
        keys: KeySpace::uniform(1_000),
        values: ValueSize::Fixed(32),
        compressible: 0.0,
    };
    let target = Target::plain(Endpoint::Tcp(([127, 0, 0, 1], 6379).into()));
    GroupPlan::new(name, target, connections, workload)
}

pub(crate) fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).expect("a rate")
}

pub(crate) fn constant(per_second: f64) -> ArrivalProcess {
    ArrivalProcess::Constant(rate(per_second))
}

fn poisson(per_second: f64) -> ArrivalProcess {
    ArrivalProcess::Poisson(rate(per_second))
}

pub(crate) fn gets(connections: usize, arrival: ArrivalProcess) -> GroupPlan {
    GroupPlan { arrival, ..group("victims", &["GET", "__key__"], connections) }
}

pub(crate) fn phases(warmup: Nanos, measure: Nanos) -> Phases {
    Phases { warmup, measure: Some(measure), drain_max: Phases::DEFAULT_DRAIN_MAX }
}

pub(crate) fn run(groups: Vec<GroupPlan>, seconds: u64, script: &Script) -> RunResult {
    run_plan(&RunPlan::new(groups, phases(Nanos::ZERO, Nanos::from_secs(seconds))), script)
}

pub(crate) fn run_plan(plan: &RunPlan, script: &Script) -> RunResult {
    let result = simulate(plan, script).expect("the plan is sound");
    for group in &result.groups {
        group.check_accounting().expect("the books balance");
    }
    assert_eq!(result.audit.wrong_accounting, Vec::<String>::new());
    result
}

pub(crate) fn frozen(service: Nanos, from: Nanos, until: Nanos) -> Script {
    Script { freezes: vec![from..until], ..Script::steady(service) }
}

pub(crate) fn quantile(metric: &MetricResult, q: f64) -> f64 {
    metric.total.value_at_quantile(q) as f64 / 1e9
}

pub(crate) fn above(metric: &MetricResult, limit: Nanos) -> u64 {
    metric.total.len() - metric.total.count_between(0, limit.0)
}

#[track_caller]
pub(crate) fn near(got: f64, want: f64, share: f64) {
    assert!((got / want - 1.0).abs() <= share, "got {got}, want {want} within {share}");
}

/// 1 000 requests/s for 30 s, one freeze of 1 s.
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
fn error_replies_are_counted_by_their_word_and_kept_apart() {
    let plan = GroupPlan { requests: Some(100), ..group("failing", &["FAIL"], 2) };
    let plan = RunPlan::new(vec![plan], phases(Nanos::ZERO, Nanos::from_secs(1)));
    let result = run_plan(&plan, &Script::steady(US));
    let group = &result.groups[0];
    let kept = keep(&plan, &result, Context::default(), Vec::new()).record;
    let times = kept.groups[0].error_time.as_ref().expect("there were errors");
    assert_eq!((times.count, kept.groups[0].total.response_time.count), (100, 0));
    assert!(times.us_at(50.0).is_some_and(|us| us >= 1.0), "{times:?}");
    assert_eq!((group.counts.error, group.counts.ok), (100, 0));
    let [error] = group.errors.as_slice() else { panic!("{:?}", group.errors) };
    assert_eq!((error.word.as_str(), error.count), ("OOM", 100));
    assert_eq!(error.text, "OOM command not allowed");
    assert_eq!(group.error_response.len(), 100);
    assert_eq!(group.commands[0].response_time.total.len(), 0);
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
            ..Script::steady(US)
        };
        let mut plan = GroupPlan {
            arrival,
            pipeline,
            timeout,
            backlog_max: 200,
            assignment: if pinned { Assignment::Pinned } else { Assignment::AnyFree },
            requests_per_connection,
            dialling: if storm { Dialling::During(rate(20.0)) } else { Dialling::AtOnce },
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

fn shaped(shape: Shape) -> ArrivalProcess {
    ArrivalProcess::Shaped(shape)
}

#[test]
fn a_rate_that_changes_gives_exact_counts_on_any_number_of_threads() {
    let secs = Nanos::from_secs;
    let trace: Vec<Nanos> = (0..5_000).map(|k| Nanos(k * k * 300)).collect();
    let table = [
        (shaped(Shape::Ramp { from: 0.0, to: 2_000.0, over: secs(4) }), 4_000),
        (shaped(Shape::Ramp { from: 1_000.0, to: 3_000.0, over: secs(2) }), 10_000),
        (shaped(Shape::Steps { rates: vec![500.0, 0.0, 1_500.0], each: secs(1) }), 3_500),
        (
            shaped(Shape::Burst {
                rate: 1_000.0,
                on: Nanos::from_millis(100),
                off: Nanos::from_millis(900),
            }),
            4_000,
        ),
        (shaped(Shape::Sine { rate: 1_000.0, amplitude: 0.8, period: secs(2) }), 4_000),
        (ArrivalProcess::Uniform(Rate::per_second(1_000.0).expect("a rate")), 4_000),
        (ArrivalProcess::Trace(trace.into()), 3_652),
    ];
    for (arrival, count) in table {
        for threads in [1, 3] {
            let groups = vec![gets(50, arrival.clone())];
            let plan = RunPlan { threads, ..RunPlan::new(groups, phases(Nanos::ZERO, secs(4))) };
            let result = run_plan(&plan, &Script::steady(US));
            let counts = result.groups[0].counts;
            assert_eq!((counts.scheduled, counts.ok), (count, count), "{arrival:?}");
        }
    }
}

#[test]
fn a_burst_queues_and_an_even_load_does_not() {
    // A burst of 100 requests in 10 ms against 1 ms each: the last waits for 91 others.
    let burst = shaped(Shape::Burst {
        rate: 100.0,
        on: Nanos::from_millis(10),
        off: Nanos::from_millis(990),
    });
    let script = Script::steady(MS);
    let max = |arrival| {
        let result = run(vec![gets(200, arrival)], 10, &script);
        result.groups[0].commands[0].response_time.exact.max
    };
    near(max(burst) as f64 / 1e6, 100.0 - 9.9, 0.02);
    near(max(constant(100.0)) as f64 / 1e6, 1.0, 0.02);
}

#[test]
fn a_trace_ends_the_run_when_the_quota_is_in_it_and_is_refused_when_not() {
    let instants: Vec<Nanos> = (0..100).map(|k| Nanos::from_millis(k * 3)).collect();
    let mut group =
        GroupPlan { requests: Some(100), ..gets(3, ArrivalProcess::Trace(instants.into())) };
    let open_end =
        Phases { warmup: Nanos::ZERO, measure: None, drain_max: Phases::DEFAULT_DRAIN_MAX };
    let result = run_plan(&RunPlan::new(vec![group.clone()], open_end), &Script::steady(US));
    assert_eq!(result.groups[0].counts.ok, 100);
    group.requests = Some(101);
    let error = simulate(&RunPlan::new(vec![group], open_end), &Script::steady(US));
    let error = error.expect_err("never ends").to_string();
    assert!(error.contains("only 100"), "{error}");
}

#[test]
fn idle_connections_are_opened_and_left_alone() {
    let idle = GroupPlan { role: Role::Background, ..gets(500, ArrivalProcess::Idle) };
    let idle = GroupPlan { name: "idle".to_owned(), ..idle };
    let result = run(vec![gets(2, constant(100.0)), idle], 2, &Script::steady(US));
    assert_eq!(result.groups[0].counts.ok, 200);
    assert_eq!(
        (result.groups[1].connections.established, result.groups[1].counts.scheduled),
        (500, 0)
    );
    assert_eq!(result.stalls, []);
}

#[test]
fn pinned_requests_keep_their_connection() {
    // Four connections, 10 ms a command each: unpinned, any connection helps; pinned, every fourth request shares one.
    let pinned = |connections: usize| {
        let group =
            GroupPlan { assignment: Assignment::Pinned, ..gets(connections, constant(80.0)) };
        let result = run(vec![group], 10, &Script::steady(Nanos::from_millis(10)));
        let commands = &result.groups[0].commands[0];
        assert_eq!(commands.response_time.total.len(), 800);
        (commands.response_time.exact.max, commands.service_time.exact.max)
    };
    // The server is the same single queue, so response times agree while service times show where the wait was.
    assert_eq!(pinned(1).0, pinned(4).0);
    // An outage of a connection delays its own share only, and all requests are done by their own connection.
    let script =
        Script { outages: vec![Nanos::from_secs(2)..Nanos::from_secs(3)], ..Script::steady(US) };
    let group = GroupPlan { assignment: Assignment::Pinned, ..gets(4, constant(100.0)) };
    let result = run(vec![group.clone()], 10, &script);
    assert_eq!(result.groups[0].counts.scheduled, 1_000);
    assert_eq!(result.groups[0].counts.unfinished, 0);
    // Without a way back, the requests of lost connections have nobody.
    let group = GroupPlan { reconnect: Reconnect::Never, ..group };
    let result = run(vec![group], 10, &script);
    assert!(result.groups[0].counts.unfinished >= 799, "{:?}", result.groups[0].counts);
}

#[test]
fn a_thread_that_wakes_late_loses_no_request() {
    for late in [1, 3, 50] {
        let script = Script { wake_late: Nanos::from_millis(late), ..Script::steady(US) };
        for arrival in [constant(1_000.0), constant(7.0)] {
            let want = arrival.rate().expect("open").as_per_second() as u64;
            let counts = run(vec![gets(200, arrival)], 1, &script).groups[0].counts;
            assert_eq!((counts.scheduled, counts.ok), (want, want), "{late} ms");
        }
    }
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    let refused = |change: &dyn Fn(&mut GroupPlan), part: &str| {
        let mut group = gets(2, constant(10.0));
        change(&mut group);
        let plan = RunPlan::new(vec![group], phases(Nanos::ZERO, Nanos::from_secs(1)));
        let error = simulate(&plan, &Script::steady(US)).expect_err(part).to_string();
        assert!(error.contains(part) && error.contains("victims"), "{error}");
    };
    refused(&|g| g.connections = 0, "connection");
    refused(&|g| g.pipeline = 0, "pipeline");
    refused(&|g| g.connections = usize::MAX, "connections");
    refused(&|g| g.pipeline = usize::MAX, "in flight");
    refused(&|g| g.arrival = constant(1e12), "per second");
    refused(&|g| g.workload.compressible = f64::NAN, "compressible");
    refused(&|g| g.workload.compressible = 1.1, "compressible");
    let zipf = |exponent| {
        move |g: &mut GroupPlan| {
            g.workload.keys.distribution = KeyDistribution::Zipf { exponent };
        }
    };
    refused(&zipf(f64::NAN), "exponent");
    refused(&zipf(f64::INFINITY), "exponent");
    refused(&zipf(-1.0), "exponent");
    refused(&|g| g.workload.values = ValueSize::Fixed(usize::MAX), "bytes");
    refused(&|g| g.workload.values = ValueSize::Range { min: 9, max: 1 }, "upside down");
    refused(&|g| g.workload.values = ValueSize::Weighted([].into()), "weight 0");
    let ramp = |from, to| {
        move |g: &mut GroupPlan| {
            g.arrival = shaped(Shape::Ramp { from, to, over: MS });
        }
    };
    refused(&ramp(f64::NAN, 1.0), "not a rate");
    refused(&ramp(-1.0, 1.0), "not a rate");
    refused(&ramp(1.0, f64::INFINITY), "more than");
    refused(&ramp(0.0, 0.0), "no request");
    refused(&|g| g.arrival = ArrivalProcess::Trace([MS, Nanos::ZERO].into()), "before");
    refused(&|g| g.arrival = ArrivalProcess::Trace([].into()), "empty");
}

#[test]
fn a_connection_per_request_pays_for_connecting_each_time() {
    let micros = Nanos::from_micros;
    let script = Script { network: micros(50), ..Script::steady(micros(10)) };
    for (every, warm) in [(1, 0), (4, 3)] {
        let group =
            GroupPlan { requests_per_connection: Some(every), ..group("churn", &["GET", "k"], 1) };
        let group = run(vec![group], 1, &script).groups.remove(0);
        // 100 µs to connect, then 110 µs for each request.
        let cycle_us = 100 + 110 * every;
        let cycles = 1_000_000 / cycle_us;
        assert!(group.connections.renewed.abs_diff(cycles) <= 2, "{:?}", group.connections);
        assert!(group.counts.ok.abs_diff(cycles * every) <= 5);
        assert_eq!((group.connections.lost, group.connections.reconnects), (0, 0));
        assert_eq!(group.counts.error, 0);
        let response = &group.commands[0].response_time;
        let fresh = above(response, micros(200));
        assert!(fresh.abs_diff(group.counts.ok / (warm + 1)) <= 2, "{fresh}");
        assert_eq!(group.commands[0].service_time.exact.max, 110_000);
        near(group.opening.connected.value_at_quantile(0.5) as f64, 100_000.0, 0.01);
        near(group.opening.first_reply.value_at_quantile(0.5) as f64, 210_000.0, 0.01);
    }
}

#[test]
fn a_storm_of_connections_comes_while_others_are_served() {
    let storm = GroupPlan {
        name: "storm".to_owned(),
        role: Role::Offender,
        start_after: Nanos::from_secs(1),
        dialling: Dialling::During(rate(2_000.0)),
        ..gets(1_000, ArrivalProcess::Idle)
    };
    for threads in [1, 3] {
        let groups = vec![gets(10, constant(1_000.0)), storm.clone()];
        let plan =
            RunPlan { threads, ..RunPlan::new(groups, phases(Nanos::ZERO, Nanos::from_secs(2))) };
        let result = run_plan(&plan, &Script::steady(US));
        assert_eq!(result.groups[0].counts.ok, 2_000);
        let links = result.groups[1].connections;
        assert_eq!((links.asked, links.established, links.failed), (1_000, 1_000, 0));
    }
    // Half of it falls after the end.
    let late = GroupPlan { start_after: Nanos::from_millis(1_750), ..storm.clone() };
    let result = run(vec![gets(10, constant(1_000.0)), late], 2, &Script::steady(US));
    let links = result.groups[1].connections;
    assert_eq!((links.established, links.failed), (500, 500));
    // A server that is away for a while gets them all the same, later.
    let script = Script {
        outages: vec![Nanos::from_secs(1)..Nanos::from_millis(1_200)],
        ..Script::steady(US)
    };
    let result = run(vec![gets(10, constant(1_000.0)), storm], 4, &script);
    assert_eq!(result.groups[1].connections.established, 1_000);
}

const POOL: PoolPlan =
    PoolPlan { min_idle: 1, max_idle: 1, max_wait: None, order: PoolOrder::Lifo };

/// Requests due at these milliseconds to a pool of at most two, each taking 1 ms of the one server.
fn pooled(pool: PoolPlan, due_ms: &[u64], per_connection: Option<u64>) -> GroupResult {
    let instants: Vec<Nanos> = due_ms.iter().map(|ms| Nanos::from_millis(*ms)).collect();
    let group = GroupPlan {
        pool: Some(pool),
        requests_per_connection: per_connection,
        ..gets(2, ArrivalProcess::Trace(instants.into()))
    };
    let plan = RunPlan {
        threads: 2,
        ..RunPlan::new(vec![group], phases(Nanos::ZERO, Nanos::from_secs(1)))
    };
    run_plan(&plan, &Script::steady(MS)).groups.remove(0)
}

fn waits_us(group: &GroupResult) -> Vec<u64> {
    let waits = &group.pool.as_ref().expect("a pool").wait;
    waits
        .total
        .iter_recorded()
        .flat_map(|v| vec![v.value_iterated_to() / 1_000; v.count_at_value() as usize])
        .collect()
}

#[test]
fn a_pool_grows_to_its_size_makes_others_wait_and_shrinks() {
    let group = pooled(POOL, &[0, 0, 0, 0], None);
    assert_eq!(group.counts.ok, 4);
    let waits = waits_us(&group);
    assert_eq!(waits[..2], [0, 0], "{waits:?}");
    assert!(waits[2].abs_diff(1_000) <= 2 && waits[3].abs_diff(2_000) <= 2, "{waits:?}");
    let pool = group.pool.expect("a pool");
    let counts = pool.counts;
    assert_eq!((counts.opened, counts.closed, counts.most_open), (1, 1, 2));
    assert_eq!((group.connections.established, group.connections.failed), (1, 0));
    // The wait is inside the send lag.
    assert_eq!(group.commands[0].send_lag.exact.max, pool.wait.exact.max);
}

#[test]
fn a_pool_turns_away_who_waited_too_long() {
    let patience = PoolPlan { max_wait: Some(Nanos::from_micros(1_500)), ..POOL };
    let group = pooled(patience, &[0, 0, 0, 0], None);
    assert_eq!((group.counts.ok, group.counts.error), (3, 1));
    assert_eq!((group.errors[0].word.as_str(), group.errors[0].count), ("pool-exhausted", 1));
    let pool = group.pool.expect("a pool");
    assert_eq!(pool.counts.pool_timeouts, 1);
    assert_eq!(pool.wait.exact.max, 1_500_000);
}

#[test]
fn a_pool_takes_the_last_used_connection_or_the_longest_idle() {
    let both = PoolPlan { min_idle: 2, max_idle: 2, ..POOL };
    let closed = |order| {
        let pool = PoolPlan { order, ..both };
        pooled(pool, &[0, 10, 20, 30], Some(3)).pool.expect("a pool").counts.closed
    };
    // Three requests use a connection up: one of two gets that far only if it is always the same one.
    assert_eq!((closed(PoolOrder::Lifo), closed(PoolOrder::Fifo)), (1, 0));
    // Opened when asked for, and closed after: a connection per request.
    let none = PoolPlan { min_idle: 0, max_idle: 0, ..POOL };
    let group = pooled(none, &[0, 10, 20], None);
    let counts = group.pool.expect("a pool").counts;
    assert_eq!((counts.opened, counts.closed, counts.most_open), (3, 3, 1));
    assert_eq!((group.connections.established, group.connections.renewed), (0, 3));
}

#[test]
fn a_pool_that_makes_no_sense_is_refused() {
    let refused = |change: &dyn Fn(&mut GroupPlan)| {
        let mut group = GroupPlan { pool: Some(POOL), ..gets(2, constant(10.0)) };
        change(&mut group);
        let plan = RunPlan::new(vec![group], phases(Nanos::ZERO, Nanos::from_secs(1)));
        simulate(&plan, &Script::steady(US)).expect_err("refused").to_string()
    };
    assert!(refused(&|g| g.arrival = ArrivalProcess::Closed { think: MS }).contains("rate"));
    assert!(refused(&|g| g.pipeline = 2).contains("one request"));
    assert!(refused(&|g| g.assignment = Assignment::Pinned).contains("one request"));
    assert!(refused(&|g| g.pool = Some(PoolPlan { min_idle: 2, ..POOL })).contains("idle"));
    assert!(
        refused(&|g| g.pool = Some(PoolPlan { max_wait: Some(Nanos::ZERO), ..POOL }))
            .contains("zero")
    );
    assert!(refused(&|g| g.dialling = Dialling::During(rate(1.0))).contains("itself"));
    assert!(refused(&|g| g.requests_per_connection = Some(0)).contains("at least one"));
}

#[test]
fn a_rate_beyond_all_means_is_counted_and_ends_in_time() {
    let group = GroupPlan { backlog_max: 100, ..gets(1, constant(5e6)) };
    let plan = RunPlan::new(vec![group], phases(Nanos::ZERO, Nanos::from_millis(100)));
    let counts = run_plan(&plan, &Script { wake_late: MS, ..Script::steady(MS) }).groups[0].counts;
    assert_eq!(counts.scheduled, 500_000);
    assert!(counts.shed > 499_000, "{counts:?}");
}

/// Each turn finds more that is due than it can create, and is behind with it: that is one lateness, told once.
#[test]
fn a_generator_that_falls_behind_is_late_for_no_longer_than_it_runs() {
    let group = GroupPlan { backlog_max: 100, ..gets(1, constant(5e6)) };
    let plan = RunPlan::new(vec![group], phases(Nanos::ZERO, Nanos::from_millis(200)));
    let slow = Script { wake_late: Nanos::from_millis(6), ..Script::steady(MS) };
    let result = run_plan(&plan, &slow);
    let late = result.audit.threads[0].kept();
    assert!(late >= Nanos::from_millis(50) && late <= Nanos::from_secs(1), "{late:?}");
}

/// Those that still wait when the measurement ends have their turn on connections of their own.
#[test]
fn requests_that_wait_at_the_end_are_served_by_connections_that_replace_used_up_ones() {
    let script = Script { network: Nanos::from_micros(50), ..Script::steady(MS) };
    for pool in [None, Some(PoolPlan { min_idle: 0, max_idle: 2, ..POOL })] {
        let group =
            GroupPlan { pool, requests_per_connection: Some(1), ..gets(2, constant(1_000.0)) };
        let result = run(vec![group], 1, &script);
        let group = &result.groups[0];
        assert_eq!((group.counts.ok, group.counts.unfinished), (1_000, 0), "{pool:?}");
    }
}

/// A warm-up of 30 s at most that finds its own end.
fn settling(threads: usize, script: &Script) -> RunResult {
    let ten = phases(Nanos::ZERO, Nanos::from_secs(10));
    let mut plan = RunPlan::new(vec![gets(10, poisson(2_000.0))], ten);
    plan.threads = threads;
    plan.warmup_end =
        Some(WarmupEndPlan { block: Nanos::from_secs(1), at_most: Nanos::from_secs(30) });
    let result = run_plan(&plan, script);
    assert_eq!(result.measure_until - result.measure_from, Nanos::from_secs(10));
    let group = &result.groups[0];
    assert_eq!(group.commands[0].response_time.exact.count, group.counts.ok);
    near(group.counts.scheduled as f64, 20_000.0, 0.05);
    result
}

#[test]
fn an_automatic_warm_up_ends_when_the_server_has_come_to_rest() {
    let steady = Script::steady(Nanos::from_micros(50));
    for threads in [1, 2] {
        let result = settling(threads, &steady);
        let settled = result.warmup_end.as_ref().expect("it was to settle");
        assert_eq!(settled.moving, "");
        // Five blocks of a second, and two looks ahead.
        assert!(result.measure_from <= Nanos::from_millis(12_300), "{:?}", result.measure_from);
        assert!(result.measure_from >= Nanos::from_millis(5_200), "{:?}", result.measure_from);
    }
    // Stalls of the first seconds stay outside.
    let freezes = (0..4).map(|second| {
        let begin = Nanos::from_secs(second) + Nanos::from_millis(300);
        begin..begin + Nanos::from_millis(400)
    });
    let result = settling(1, &Script { freezes: freezes.collect(), ..steady });
    assert_eq!(result.warmup_end.as_ref().map(|settled| settled.moving.as_str()), Some(""));
    assert!(result.measure_from >= Nanos::from_secs(9), "{:?}", result.measure_from);
    assert!(result.groups[0].commands[0].response_time.exact.max < 100_000_000);
}

#[test]
fn an_automatic_warm_up_runs_out_of_patience() {
    // Each second is frozen for a little longer than the one before.
    let freezes = (0..60).map(|second| {
        let begin = Nanos::from_secs(second);
        begin..begin + Nanos::from_millis(10 + 15 * second)
    });
    let result = settling(1, &Script { freezes: freezes.collect(), ..Script::steady(US) });
    let settled = result.warmup_end.as_ref().expect("it was to settle");
    assert!(settled.moving.contains("p99"), "{settled:?}");
    assert_eq!(settled.length, Nanos::from_secs(30));
    near(result.measure_from.as_secs_f64(), 30.2, 0.01);
}

#[test]
fn a_generator_that_wakes_late_is_the_limit_and_a_server_that_stalls_is_not() {
    let doubts = |script: &Script| -> Vec<(String, Severity)> {
        let ten = phases(Nanos::ZERO, Nanos::from_secs(20));
        let plan = RunPlan::new(vec![gets(50, constant(1_000.0))], ten);
        let result = run_plan(&plan, script);
        let kept = keep(&plan, &result, Context::default(), Vec::new());
        let audit = kept.record.audit.as_ref().expect("an account");
        assert!(audit.own_lag.is_some() && audit.late_share.is_some());
        kept.record.caveats.into_iter().map(|caveat| (caveat.id, caveat.severity)).collect()
    };
    let steady = Script::steady(Nanos::from_micros(50));
    assert_eq!(doubts(&steady), []);
    // What a kernel timer usually costs is no lateness.
    let usual = Script { wake_late: Nanos::from_micros(80), ..steady.clone() };
    assert_eq!(doubts(&usual), []);
    let late = doubts(&Script { wake_late: Nanos::from_millis(6), ..steady });
    assert!(late.contains(&("client-limited".to_owned(), Severity::Invalid)), "{late:?}");
    let stalled = doubts(&frozen(US, Nanos::from_secs(5), Nanos::from_secs(6)));
    assert!(stalled.iter().all(|(id, _)| id != "client-limited"), "{stalled:?}");
}
