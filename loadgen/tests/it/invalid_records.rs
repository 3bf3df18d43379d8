//! What a record says when things went wrong: a backlog of the warm-up, requests without an end, a generator that was stopped.
//! In virtual time, so that the numbers are exact.

use crate::virtual_time::{MS, constant, frozen, gets, group, near, phases, run_plan};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{ArrivalProcess, GroupPlan, Phases, PoolOrder, PoolPlan, Role, RunPlan};
use aelab_engine::sim::{Script, simulate};
use aelab_lab::record::{Context, keep};
use aelab_results::record::{Group, Quantiles, RunRecord, Severity};
use std::path::Path;

const SEC: Nanos = Nanos::from_secs(1);

fn record(plan: &RunPlan, script: &Script) -> RunRecord {
    keep(plan, &run_plan(plan, script), Context::default(), Vec::new()).record
}

fn severity(record: &RunRecord, id: &str) -> Option<Severity> {
    record.caveats.iter().find(|caveat| caveat.id == id).map(|caveat| caveat.severity)
}

/// So many requests per second to a server that can do 1,000, after a second of warm-up.
fn overloaded(offered: f64, drain_max: Nanos) -> RunRecord {
    let phases = Phases { warmup: SEC, measure: Some(SEC + SEC), drain_max };
    record(&RunPlan::new(vec![gets(10, constant(offered))], phases), &Script::steady(MS))
}

#[test]
fn the_rate_is_that_of_the_replies_that_came_while_measuring() {
    // (offered, drain) -> (measured requests that were answered, replies to the warm-up's)
    for (offered, drain, ok, carried) in [
        (900.0, 5, 1_800, 1),
        (1_500.0, 5, 3_000, 500),
        // The backlog of the warm-up takes all of the measurement, and more than the drain.
        (20_000.0, 5, 0, 2_000),
    ] {
        let record = overloaded(offered, Nanos::from_secs(drain));
        let group = &record.groups[0];
        near(group.achieved_rate, offered.min(1_000.0), 0.01);
        assert_eq!(group.counts.ok, ok, "{offered}");
        assert!(group.carried_over.abs_diff(carried) <= 12, "{}", group.carried_over);
        let is_over = offered > 1_000.0;
        let want = is_over.then_some(Severity::Invalid);
        assert_eq!(severity(&record, "rate-not-achieved"), want, "{:?}", record.caveats);
        assert_eq!(severity(&record, "server-changed"), None, "{:?}", record.caveats);
        // Where the samples do not tell when replies came, the record does.
        assert_eq!(group.over_time.is_some(), is_over);
        if let Some(counts) = &group.over_time {
            assert!(counts.replied[..20].iter().all(|n| n.abs_diff(100) <= 2), "{counts:?}");
        }
    }
}

#[test]
fn ten_requests_of_a_schedule_take_ten_periods() {
    // (arrivals, time of a request) -> (measured seconds, replies per second)
    for (arrival, service, length_s, rate) in [
        (constant(100.0), MS, 0.1, 100.0),
        (constant(100.0), Nanos::from_millis(20), 0.2, 50.0),
        (ArrivalProcess::Closed { think: Nanos::ZERO }, MS, 0.01, 1_000.0),
    ] {
        let group = GroupPlan { requests: Some(10), ..gets(1, arrival) };
        let phases = Phases { warmup: Nanos::ZERO, measure: None, drain_max: SEC };
        let record = record(&RunPlan::new(vec![group], phases), &Script::steady(service));
        near(record.duration_s, length_s, 0.01);
        near(record.groups[0].achieved_rate, rate, 0.01);
        assert_eq!(record.groups[0].counts.ok, 10);
    }
}

#[test]
fn a_slow_link_without_warm_up_is_no_overload() {
    let script =
        Script { network: Nanos::from_millis(100), ..Script::steady(Nanos::from_micros(1)) };
    let plan = RunPlan::new(vec![gets(50, constant(100.0))], phases(Nanos::ZERO, SEC));
    let record = record(&plan, &script);
    near(record.groups[0].achieved_rate, 100.0, 0.02);
    assert_eq!(severity(&record, "rate-not-achieved"), None, "{:?}", record.caveats);
}

#[test]
fn a_closed_loop_that_ends_at_once_states_no_rate_that_never_was() {
    // 3 ms of measurement, 10 ms to a reply: all 800 replies come in the drain.
    let script = Script { network: Nanos::from_millis(5), ..Script::steady(Nanos::from_micros(1)) };
    let load = GroupPlan { pipeline: 16, ..group("load", &["GET", "x"], 50) };
    let plan = RunPlan::new(vec![load], phases(Nanos::ZERO, Nanos::from_millis(3)));
    let record = record(&plan, &script);
    assert_eq!(record.groups[0].counts.ok, 800);
    assert!(record.groups[0].achieved_rate < 1e-9, "{}", record.groups[0].achieved_rate);
}

fn is_bounded(q: &Quantiles) {
    let max = q.max_us.expect("a maximum");
    assert!(q.censored, "{q:?}");
    assert!(q.percentiles.iter().filter_map(|p| p.us).all(|us| us <= max), "{q:?}");
    assert!(q.mean_us.is_some_and(|mean| mean <= max), "{q:?}");
}

#[test]
fn no_percentile_is_above_the_maximum_and_bounds_are_marked() {
    // The server stops for good a second before the end.
    let script = frozen(Nanos::from_micros(10), SEC, Nanos::from_secs(100));
    let open = RunPlan::new(vec![gets(10, constant(1_000.0))], phases(Nanos::ZERO, SEC + SEC));
    let closed = RunPlan::new(vec![group("load", &["GET", "x"], 10)], open.phases);
    for (plan, unfinished) in [(open, 1_000), (closed, 10)] {
        let record = record(&plan, &script);
        let group: &Group = &record.groups[0];
        assert!(group.counts.unfinished.abs_diff(unfinished) <= 1, "{:?}", group.counts);
        for metrics in group.commands.values().chain([&group.total]) {
            is_bounded(&metrics.response_time);
            is_bounded(&metrics.service_time);
            // One second of the measurement and five of the drain.
            near(metrics.response_time.max_us.expect("a maximum"), 6e6, 0.01);
            near(metrics.service_time.max_us.expect("a maximum"), 6e6, 0.01);
        }
    }
}

#[test]
fn a_closed_loop_whose_generator_was_stopped_is_invalid() {
    for (stop_ms, want) in [(0, None), (1_000, Some(Severity::Invalid))] {
        let script = Script {
            engine_stops: vec![SEC..SEC + Nanos::from_millis(stop_ms)],
            ..Script::steady(Nanos::from_micros(100))
        };
        let plan = RunPlan::new(
            vec![group("load", &["GET", "x"], 10)],
            phases(Nanos::from_millis(500), Nanos::from_secs(4)),
        );
        let record = record(&plan, &script);
        assert_eq!(severity(&record, "client-limited"), want, "{:?}", record.caveats);
    }
}

#[test]
fn a_stop_in_the_warm_up_is_no_harm() {
    let script = Script { engine_stops: vec![MS..SEC], ..Script::steady(Nanos::from_micros(100)) };
    let plan = RunPlan::new(
        vec![group("load", &["GET", "x"], 10)],
        phases(SEC + SEC, Nanos::from_secs(4)),
    );
    let record = record(&plan, &script);
    assert_eq!(severity(&record, "client-limited"), None, "{:?}", record.caveats);
}

#[test]
fn refusals_of_all_requests_have_a_name_of_their_own() {
    let plan = |group| RunPlan::new(vec![group], phases(Nanos::ZERO, SEC));
    let refused = plan(group("load", &["FAIL"], 1));
    // The only connection never becomes free.
    let pool = PoolPlan { min_idle: 1, max_idle: 1, max_wait: Some(MS), order: PoolOrder::Lifo };
    let exhausted = plan(GroupPlan { pool: Some(pool), ..gets(1, constant(100.0)) });
    let stuck = frozen(MS, Nanos::ZERO, Nanos::from_secs(100));
    let steady = Script::steady(MS);
    for (plan, script, says) in
        [(&refused, &steady, "OOM command not allowed"), (&exhausted, &stuck, "the pool never")]
    {
        let record = record(plan, script);
        let first = &record.caveats[0];
        assert_eq!((first.id.as_str(), first.severity), ("no-success", Severity::Invalid));
        assert!(first.text.contains(says), "{}", first.text);
    }
    // Without any answer it is another matter.
    let silent = plan(GroupPlan {
        arrival: ArrivalProcess::Closed { think: Nanos::ZERO },
        ..gets(1, constant(1.0))
    });
    assert_eq!(severity(&record(&silent, &stuck), "server-changed"), Some(Severity::Invalid));
    assert!(simulate(&silent, &steady).is_ok());
}

/// A value of hundreds of megabytes: nobody stopped the load generator, and it looked at nothing else meanwhile.
#[test]
fn a_generator_busy_copying_is_not_reported_as_stopped() {
    let half_a_second = Nanos::from_millis(571);
    let script = Script { write_cost: half_a_second, ..Script::steady(MS) };
    let closed = ArrivalProcess::Closed { think: Nanos::ZERO };
    for arrival in [closed, constant(2.0)] {
        let plan = RunPlan::new(vec![gets(1, arrival)], phases(Nanos::ZERO, Nanos::from_secs(5)));
        let record = record(&plan, &script);
        let limited = record.caveats.iter().find(|caveat| caveat.id == "client-limited");
        let limited = limited.expect("it was the limit");
        assert!(
            limited.text.contains("one operation, such as copying a huge value"),
            "{}",
            limited.text
        );
        let said = limited.message();
        for wrong in ["stopped", "suspend", "lost the CPU", "--cpus"] {
            assert!(!said.contains(wrong), "{said}");
        }
    }
}

/// The server may have answered all the while: nobody looked.
#[test]
fn a_generator_that_was_stopped_at_the_end_does_not_accuse_the_server() {
    let script = Script {
        engine_stops: vec![Nanos::from_millis(2_000)..Nanos::from_millis(4_500)],
        ..Script::steady(Nanos::from_micros(100))
    };
    let whole = phases(Nanos::ZERO, Nanos::from_secs(4));
    let pushers = || GroupPlan {
        arrival: constant(100.0),
        ..group("pushers", &["RPUSH", "q", "x{stamp}"], 2)
    };
    let poppers = group("poppers", &["BLPOP", "q", "0"], 3);
    for groups in [
        vec![group("load", &["GET", "x"], 10)],
        vec![gets(10, constant(1_000.0))],
        vec![pushers(), poppers.clone()],
        vec![GroupPlan { role: Role::Background, ..pushers() }, poppers],
    ] {
        let record = record(&RunPlan::new(groups, whole), &script);
        assert_eq!(severity(&record, "server-changed"), None, "{:?}", record.caveats);
        assert_eq!(severity(&record, "nothing-heard"), None, "{:?}", record.caveats);
        assert!(severity(&record, "client-limited").is_some(), "{:?}", record.caveats);
    }
    // A server that falls silent before that is named all the same.
    let silent = Script { freezes: vec![MS..Nanos::from_secs(100)], ..script };
    let load = RunPlan::new(vec![group("load", &["GET", "x"], 10)], whole);
    assert_eq!(severity(&record(&load, &silent), "server-changed"), Some(Severity::Invalid));
}

#[test]
fn a_rate_that_was_not_achieved_is_the_one_of_the_table() {
    let load = GroupPlan { arrival: constant(1_000.0), ..group("load", &["GET", "x"], 3) };
    // Ten milliseconds each: three connections can do 300 per second.
    let script = Script { network: Nanos::from_millis(5), ..Script::steady(Nanos::from_micros(1)) };
    for pipeline in [1, 2] {
        let plan = RunPlan::new(
            vec![GroupPlan { pipeline, ..load.clone() }],
            phases(Nanos::ZERO, SEC + SEC),
        );
        let record = record(&plan, &script);
        let achieved = record.groups[0].achieved_rate;
        let missed = record.caveats.iter().find(|caveat| caveat.id == "rate-not-achieved");
        let missed = missed.expect("it was not achieved");
        assert_eq!(missed.value, Some(achieved));
        let want =
            format!("{achieved:.2} replies per second arrived, but 1000 requests per second");
        assert!(missed.text.starts_with(&want), "{achieved}: {}", missed.text);
    }
}

#[test]
fn a_run_that_was_cut_short_at_once_states_no_rate() {
    let plan = RunPlan::new(vec![gets(10, constant(1_000.0))], phases(Nanos::ZERO, SEC));
    for (measured_ms, states) in [(12, false), (250, true)] {
        let mut result = run_plan(&plan, &Script::steady(Nanos::from_micros(100)));
        result.interrupted = true;
        result.measure_until = result.measure_from + Nanos::from_millis(measured_ms);
        let kept = keep(&plan, &result, Context::default(), Vec::new()).record;
        assert_eq!(severity(&kept, "rate-not-achieved"), None, "{:?}", kept.caveats);
        let cut = kept.caveats.iter().find(|caveat| caveat.id == "interrupted").expect("said");
        let after =
            if states { "after 0.2 of 1.0 seconds" } else { "after 12.0 ms of 1.0 seconds" };
        assert!(cut.text.contains(after), "{}", cut.text);
        let json = kept.to_json().expect("JSON");
        assert_eq!(json.contains("\"achieved_rate\": null"), !states, "{json}");
        let back = RunRecord::from_json(&json, Path::new("result.json")).expect("it reads back");
        assert_eq!(back.groups[0].achieved_rate.is_nan(), !states);
        let shown = aelab_loadgen::console::table::table(&back, &[], None);
        assert_eq!(shown.contains("too short to measure a rate"), !states, "{shown}");
        assert!(!shown.contains("NaN"), "{shown}");
    }
}

#[test]
fn a_pool_counts_only_missing_connections_that_it_opens_in_advance() {
    let pool =
        |min_idle| PoolPlan { min_idle, max_idle: 8, max_wait: None, order: PoolOrder::Lifo };
    let script = Script::steady(MS);
    for (min_idle, opened, says) in [
        // The rest is opened on demand.
        (2, 2, None),
        (0, 0, None),
        (4, 2, Some("only 2 of 4 connections were open at the start")),
    ] {
        let load = GroupPlan { pool: Some(pool(min_idle)), ..gets(8, constant(100.0)) };
        let plan = RunPlan::new(vec![load], phases(Nanos::ZERO, SEC));
        let mut result = run_plan(&plan, &script);
        let counts = &mut result.groups[0].connections;
        (counts.established, counts.failed) = (opened, min_idle as u64 - opened);
        let kept = keep(&plan, &result, Context::default(), Vec::new()).record;
        let missing = kept.caveats.iter().find(|caveat| caveat.id == "connections-missing");
        assert_eq!(missing.map(|caveat| caveat.text.as_str()), says);
        assert!(missing.is_none_or(|caveat| caveat.remedy.contains("--pool-min-idle")));
    }
}
