//! Where every request ends up: the books of a run, in virtual time.

use super::engine_virtual::{MS, US, above, constant, frozen, gets, group, phases, run, run_plan};
use aelab_loadgen::clock::Nanos;
use aelab_loadgen::engine::plan::{
    ArrivalProcess, CommandPlan, GroupPlan, Phases, Reconnect, RunPlan,
};
use aelab_loadgen::engine::sim::Script;

const SEC: Nanos = Nanos::from_secs(1);

/// Ten users without a pause, 1 ms a command, frozen from 1.5 s to 3 s; the measurement begins at 2 s.
fn stalled_at_the_boundary(change: impl Fn(&mut GroupPlan)) -> aelab_loadgen::engine::RunResult {
    let script = frozen(MS, Nanos::from_millis(1_500), Nanos::from_secs(3));
    let mut closed = group("closed", &["GET", "k"], 10);
    change(&mut closed);
    run_plan(&RunPlan::new(vec![closed], phases(SEC + SEC, Nanos::from_secs(5))), &script)
}

#[test]
fn a_stall_that_begins_in_the_warm_up_shows_in_the_measurement_of_a_closed_loop() {
    let result = stalled_at_the_boundary(|_| ());
    let group = &result.groups[0];
    let response = &group.commands[0].response_time;
    assert_eq!(above(response, SEC), 10, "all ten waited for its end");
    assert_eq!(response.exact.max / 1_000_000, 1_510);
    // One a millisecond after 3 s up to 7 s, and those open then.
    assert_eq!((group.counts.scheduled, group.counts.ok), (4_009, 4_009));
    assert_eq!((group.warmup_counts.scheduled, group.warmup_counts.ok), (1_500, 1_500));
    assert_eq!(result.stalls.len(), 1);
}

#[test]
fn what_is_taken_over_from_the_warm_up_counts_towards_the_quota() {
    for (quota, adopted) in [(100, 10), (11, 10), (10, 10), (9, 0)] {
        let result = stalled_at_the_boundary(|plan| plan.requests = Some(quota));
        let group = &result.groups[0];
        assert_eq!((group.counts.scheduled, group.counts.ok), (quota, quota));
        assert_eq!(above(&group.commands[0].response_time, SEC), adopted);
        assert_eq!(result.measure_until, result.ended, "it ends with the last reply");
    }
    // Users who think are not waiting: nothing is taken over from them.
    let think = ArrivalProcess::Closed { think: SEC + SEC };
    let result = stalled_at_the_boundary(|plan| plan.arrival = think.clone());
    assert!(result.groups[0].counts.scheduled <= 30, "{:?}", result.groups[0].counts);
}

#[test]
fn unfinished_and_timed_out_requests_belong_to_their_command() {
    let mut plan = gets(10, constant(1_000.0));
    let named = |name: &str, weight| CommandPlan { weight, ..CommandPlan::new(&[name, "k"]) };
    plan.workload.commands = vec![named("GET", 9), named("SET", 1)];
    let five = Nanos::from_secs(5);
    let script = frozen(US, five, Nanos::from_secs(100));
    let result = run(vec![plan.clone()], 10, &script);
    let group = &result.groups[0];
    let [get, set] = group.commands.as_slice() else { panic!("two commands") };
    assert_eq!(get.counts.unfinished + set.counts.unfinished, 5_000);
    // Those in the backlog have their command too: the shares are those of the workload.
    assert!((400..600).contains(&set.counts.unfinished), "{:?}", set.counts);
    assert_eq!(set.censored.len(), set.counts.unfinished);
    assert_eq!(group.censored().len(), 5_000);
    // 10 were on their way, all others never reached a socket.
    assert_eq!(group.counts.never_sent, 4_990);
    plan.timeout = Some(MS);
    plan.reconnect = Reconnect::Never;
    let group = &run(vec![plan], 10, &script).groups[0];
    let counts: Vec<u64> = group.commands.iter().map(|command| command.counts.timeout).collect();
    assert_eq!(counts.iter().sum::<u64>(), group.counts.timeout);
    assert_eq!(group.counts.timeout, 10);
}

#[test]
fn a_reply_of_an_impossible_length_is_an_error_and_no_endless_wait() {
    let plan = GroupPlan {
        requests: Some(4),
        reconnect: Reconnect::Never,
        ..group("victims", &["HUGE"], 4)
    };
    let open_end = Phases { warmup: Nanos::ZERO, measure: None, drain_max: SEC };
    let result = run_plan(&RunPlan::new(vec![plan], open_end), &Script::steady(US));
    let group = &result.groups[0];
    assert_eq!((group.counts.error, group.counts.unfinished), (4, 0));
    assert!(group.failures[0].0.contains("more than any server holds"), "{:?}", group.failures);
}
