//! When requests are due, in virtual time: rates that change, traces, pinned requests, plans that are refused.

use crate::support::{MS, US, constant, gets, near, phases, run, run_plan, shaped};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, Assignment, GroupPlan, KeyDistribution, Phases, Rate, Reconnect, Role, RunPlan,
    Shape, ValueSize,
};
use aelab_engine::sim::{Script, simulate};

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
    // Without reconnecting, no connection is left for what falls due then, and the run is over.
    let group = GroupPlan { reconnect: Reconnect::Never, ..group };
    let result = run(vec![group], 10, &script);
    let counts = result.groups[0].counts;
    assert_eq!((counts.scheduled, counts.ok, counts.unfinished), (201, 200, 1), "{counts:?}");
    assert_eq!(result.ended, Nanos::from_secs(2));
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
