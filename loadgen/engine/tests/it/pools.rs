//! Connections that are replaced, opened during the run, and pooled, in virtual time.

use crate::support::{MS, US, above, constant, gets, group, near, phases, rate, run, run_plan};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, Assignment, ConnectSchedulePlan, GroupPlan, PoolOrder, PoolPlan, Role, RunPlan,
};
use aelab_engine::record::result::GroupResult;
use aelab_engine::sim::{Script, simulate};

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
        connect_schedule: ConnectSchedulePlan::During(rate(2_000.0)),
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
    assert!(
        refused(&|g| g.connect_schedule = ConnectSchedulePlan::During(rate(1.0)))
            .contains("itself")
    );
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

/// Each pass of the loop finds more that is due than it can create, and is behind with it: it counts one delay, once.
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
