//! Where every request ends up: the books of a run, in virtual time.

use crate::support::{MS, US, above, constant, frozen, gets, group, phases, run, run_plan};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, CommandPlan, Cursor, GroupPlan, OnTimeout, Phases, Reconnect, RequestLog,
    RunPlan, Sending,
};
use aelab_engine::record::result::GroupResult;
use aelab_engine::sim::Script;

const SEC: Nanos = Nanos::from_secs(1);

/// Ten users without a pause, 1 ms a command, frozen from 1.5 s to 3 s; the measurement begins at 2 s.
fn stalled_at_the_boundary(change: impl Fn(&mut GroupPlan)) -> aelab_engine::RunResult {
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
fn a_quota_is_kept_when_connections_are_lost_in_the_warm_up() {
    let outage = Nanos::from_millis(1_500)..Nanos::from_millis(2_500);
    let script = Script { outages: vec![outage], ..Script::steady(MS) };
    for quota in [9, 10, 11, 100] {
        let users = GroupPlan {
            requests: Some(quota),
            reconnect: Reconnect::Fixed(MS),
            pipeline: 4,
            ..group("closed", &["GET", "k"], 10)
        };
        let plan = RunPlan::new(vec![users], phases(SEC + SEC, Nanos::from_secs(5)));
        let result = run_plan(&plan, &script);
        let counts = result.groups[0].counts;
        assert_eq!((counts.scheduled, counts.ok), (quota, quota));
    }
}

#[test]
fn a_reply_that_waits_for_a_stopped_load_generator_is_no_timeout() {
    let stop = Nanos::from_millis(1_500)..Nanos::from_millis(2_000);
    let script = Script { engine_stops: vec![stop], ..Script::steady(US) };
    for on_timeout in [OnTimeout::Keep, OnTimeout::Reconnect] {
        let users = GroupPlan {
            timeout: Some(Nanos::from_millis(100)),
            on_timeout,
            pipeline: 16,
            ..group("closed", &["GET", "k"], 100)
        };
        let result = run(vec![users], 3, &script);
        let group = &result.groups[0];
        assert_eq!((group.counts.timeout, group.counts.error), (0, 0), "{on_timeout:?}");
        assert_eq!(group.connections.lost, 0);
    }
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

/// 100 operations of these words on two connections, 1 ms a command.
fn operations(words: &str, sending: Sending, cursor: Cursor) -> GroupResult {
    // A placeholder is one word.
    let words: Vec<String> = words.split(' ').map(|word| word.replace('~', " ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut plan = GroupPlan {
        arrival: constant(100.0),
        log_requests: RequestLog::Keep { max: 1_000 },
        ..group("operations", &words, 2)
    };
    let command = &mut plan.workload.commands[0];
    (command.sending, command.cursor) = (sending, cursor);
    run(vec![plan], 1, &Script { chunk_bytes: 7, ..Script::steady(MS) }).groups.remove(0)
}

#[test]
fn a_transaction_is_one_operation_that_ends_with_its_last_reply() {
    for sending in [Sending::Together, Sending::InTurn] {
        let group = operations("MULTI ; SET __key__ 1 ; INCR c ; EXEC", sending, Cursor::Ignore);
        assert_eq!((group.counts.scheduled, group.counts.ok, group.counts.error), (100, 100, 0));
        assert_eq!(group.commands[0].label, "MULTI+SET+INCR+EXEC");
        let service = &group.commands[0].service_time.exact;
        assert!(service.min >= 4_000_000 && service.max < 5_000_000, "{service:?}");
        assert_eq!(group.log.entries.len(), 100);
    }
}

#[test]
fn an_error_anywhere_in_an_operation_makes_it_an_error_with_its_cause() {
    for (words, text) in [
        ("MULTI ; FAIL ; EXECABORT", "OOM command not allowed"),
        ("MULTI ; SET a 1 ; EXECFAIL", "WRONGTYPE not a list"),
        ("EXECFAIL", "WRONGTYPE not a list"),
    ] {
        let group = operations(words, Sending::Together, Cursor::Ignore);
        assert_eq!((group.counts.ok, group.counts.error), (0, 100), "{words}");
        let [error] = group.errors.as_slice() else { panic!("{:?}", group.errors) };
        assert_eq!((error.text.as_str(), error.count), (text, 100));
    }
    // Sent in turn, an error ends it: what comes after is not asked for.
    let group = operations("GET a ; FAIL ; GET b", Sending::InTurn, Cursor::Ignore);
    assert_eq!((group.counts.error, group.replies.cursor_steps), (100, 100));
}

#[test]
fn a_timed_out_operation_swallows_all_its_replies() {
    for on_timeout in [OnTimeout::Keep, OnTimeout::Reconnect] {
        let words = ["MULTI", ";", "SET", "a", "1", ";", "EXEC"];
        let plan = GroupPlan {
            arrival: constant(10.0),
            timeout: Some(Nanos::from_millis(50)),
            on_timeout,
            ..group("operations", &words, 2)
        };
        let half = Nanos::from_millis(500);
        let group = run(vec![plan], 2, &frozen(MS, half, SEC)).groups.remove(0);
        assert!((2..=5).contains(&group.counts.timeout), "{:?}", group.counts);
        assert_eq!(group.counts.ok + group.counts.timeout, 20);
        assert_eq!(group.replies.unexpected, 0);
    }
}

#[test]
fn iterations_over_a_key_and_pages_of_a_list_are_followed_to_their_end() {
    for (words, arg_index) in
        [("SCAN 0", 1), ("SSCAN key 0", 2), ("HSCAN key 0 COUNT 5", 2), ("ZSCAN __key__ 0", 2)]
    {
        let group = operations(words, Sending::Together, Cursor::Follow { arg_index });
        assert_eq!(
            (group.counts.ok, group.replies.cursor_steps),
            (100, 200),
            "{words}: {:?}",
            group.errors
        );
        assert!(group.commands[0].service_time.exact.min >= 3_000_000);
    }
    // 250 elements: two full pages and half a one; at 125, two full ones and one to learn that it was the end.
    for (words, steps) in [("LRANGE l {page~100}", 200), ("LRANGE l {page~125}", 200)] {
        let group = operations(words, Sending::Together, Cursor::Ignore);
        assert_eq!((group.counts.ok, group.replies.cursor_steps), (100, steps), "{words}");
    }
}

#[test]
fn several_threads_count_what_their_parts_count() {
    // Three groups of different kinds; each thread has its share of each and a server of its own.
    let groups = || {
        let mut scan = GroupPlan { arrival: constant(30.0), ..group("scan", &["SCAN", "0"], 3) };
        scan.workload.commands[0].cursor = Cursor::Follow { arg_index: 1 };
        let transactions = ["MULTI", ";", "SET", "a", "1", ";", "EXEC"];
        let both = GroupPlan { arrival: constant(77.0), ..group("both", &transactions, 7) };
        vec![gets(10, constant(999.0)), scan, both]
    };
    let plan = |threads| RunPlan { threads, ..RunPlan::new(groups(), phases(SEC, SEC + SEC)) };
    let one = run_plan(&plan(1), &Script::steady(US));
    for threads in [2, 3, 8] {
        let many = run_plan(&plan(threads), &Script::steady(US));
        assert_eq!(many.audit.threads.len(), threads);
        for (one, many) in one.groups.iter().zip(&many.groups) {
            assert_eq!(
                (one.counts, one.replies.cursor_steps),
                (many.counts, many.replies.cursor_steps)
            );
            let label = |group: &GroupResult| group.commands[0].label.clone();
            assert_eq!(label(one), label(many));
        }
    }
}
