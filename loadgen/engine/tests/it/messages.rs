//! Subscribers and commands that wait for data, in virtual time: how long messages take, and what is missing.

use crate::support::{MS, constant, frozen, gets, group, phases, run, run_plan};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{ArrivalProcess, GroupPlan, Reconnect, Role, RunPlan};
use aelab_engine::record::result::{DeliveryCounts, RunResult};
use aelab_engine::sim::{Script, Service, simulate};

const SEC: Nanos = Nanos::from_secs(1);
const HALF_MS: Nanos = Nanos::from_micros(500);

/// 100 messages/s to three subscribers, on a server that takes 10 µs a message behind 500 µs of network.
fn published(channel: &str, script: &Script) -> RunResult {
    let publishers = GroupPlan {
        role: Role::Background,
        arrival: constant(100.0),
        ..group("publishers", &["PUBLISH", channel, "x{stamp}"], 2)
    };
    let subscribers = group("subscribers", &["SUBSCRIBE", channel, "other"], 3);
    run(vec![publishers, subscribers], 10, script)
}

fn script() -> Script {
    Script {
        service: Service::Fixed(Nanos::from_micros(10)),
        network: HALF_MS,
        chunk_bytes: 50,
        ..Script::steady(MS)
    }
}

fn delivery(result: &RunResult, group: usize) -> DeliveryCounts {
    result.groups[group].delivery.expect("a group that receives")
}

#[test]
fn subscribers_are_timed_from_when_a_message_was_due_at_its_sender() {
    let result = published("news", &script());
    let (publishers, subscribers) = (&result.groups[0], &result.groups[1]);
    assert_eq!(publishers.counts.ok, 1_000);
    // Two channels, one request to subscribe for each connection.
    assert_eq!((subscribers.counts.scheduled, subscribers.counts.ok), (3, 3));
    let counts = delivery(&result, 1);
    assert_eq!((counts.received, counts.measured), (3_000, 3_000));
    assert_eq!((counts.lost, counts.duplicated, counts.out_of_order, counts.foreign), (0, 0, 0, 0));
    let response = &subscribers.commands[0].response_time;
    assert_eq!(response.total.len(), 3_000);
    // A way there and a way back, and one to three messages.
    let (min, max) = (response.exact.min / 1_000, response.exact.max / 1_000);
    assert!((1_010..1_050).contains(&min) && (1_030..1_200).contains(&max), "{min} {max}");
    assert_eq!(result.stalls, [], "a silent subscriber is no stall");
}

#[test]
fn a_stall_shows_in_the_time_of_the_messages() {
    let mut frozen = frozen(Nanos::from_micros(10), SEC + SEC, SEC + SEC + SEC);
    frozen.network = HALF_MS;
    let result = published("news", &frozen);
    let response = &result.groups[1].commands[0].response_time;
    assert!((990..1_010).contains(&(response.exact.max / 1_000_000)), "{response:?}");
    assert_eq!(delivery(&result, 1).received, 3_000);
    assert_eq!(result.stalls.len(), 1);
}

/// The first message of a closed loop leaves at once: whoever is to hear it must have subscribed by then.
#[test]
fn nothing_is_lost_before_it_could_be_heard() {
    for (publishers, subscribers) in [(1, 1), (3, 4)] {
        let publishers = GroupPlan {
            role: Role::Background,
            requests: Some(300),
            ..group("publishers", &["PUBLISH", "news", "{stamp}"], publishers)
        };
        // The channel that matters is confirmed last.
        let words = ["SUBSCRIBE", "a", "b", "c", "news"];
        let plan = vec![publishers, group("subscribers", &words, subscribers)];
        let result = run(plan, 10, &script());
        let counts = delivery(&result, 1);
        assert_eq!((counts.received, counts.lost), (300 * subscribers as u64, 0), "{counts:?}");
        let made = result.groups[1].counts;
        assert_eq!((made.scheduled, made.ok), (subscribers as u64, subscribers as u64));
    }
}

#[test]
fn lost_doubled_and_swapped_messages_are_counted() {
    let counts = delivery(&published("lossy", &script()), 1);
    // The last of all is missing after the last that came: that is not known.
    assert!((297..=300).contains(&counts.lost), "{counts:?}");
    assert_eq!((counts.received, counts.duplicated, counts.out_of_order), (2_700, 0, 0));
    let counts = delivery(&published("twice", &script()), 1);
    assert_eq!((counts.received, counts.lost, counts.duplicated), (3_000, 0, 300));
    // Two senders take turns: what is late by one message is in order for its sender.
    let one = GroupPlan {
        arrival: constant(100.0),
        ..group("one", &["PUBLISH", "swapped", "{stamp}"], 1)
    };
    let plan = vec![one, group("subscribers", &["SUBSCRIBE", "swapped"], 1)];
    let counts = delivery(&run(plan, 10, &script()), 1);
    assert_eq!((counts.duplicated, counts.lost), (0, 0), "{counts:?}");
    assert!((99..=100).contains(&counts.out_of_order), "{counts:?}");
}

#[test]
fn a_subscriber_that_was_cut_off_subscribes_again_and_knows_what_it_missed() {
    let script = Script { outages: vec![SEC + SEC..SEC + SEC + SEC], ..script() };
    let result = published("news", &script);
    let subscribers = &result.groups[1];
    assert_eq!(subscribers.connections.reconnects, 3);
    assert_eq!(subscribers.counts.ok, 6);
    let counts = delivery(&result, 1);
    // Publishers catch up after the outage; what they send before a subscriber is back is lost for it, and so is what was
    // lost with their own connections.
    assert!(counts.received + counts.lost <= 3_030 && counts.received > 2_500, "{counts:?}");
    assert!(counts.lost > 0);
}

#[test]
fn a_command_that_waits_for_data_is_no_stall_and_is_timed_by_the_data() {
    // Ten elements a second for four who wait: each waits 400 ms on purpose, an element takes a millisecond.
    let senders = GroupPlan {
        arrival: constant(10.0),
        role: Role::Background,
        ..group("senders", &["LPUSH", "queue", "{stamp}"], 1)
    };
    let workers = group("workers", &["BRPOP", "queue", "0"], 4);
    let result = run(vec![senders, workers, gets(2, constant(5.0))], 10, &script());
    assert_eq!(result.stalls, []);
    let workers = &result.groups[1];
    let counts = delivery(&result, 1);
    assert_eq!((counts.received, counts.measured, counts.lost), (100, 100, 0));
    let response = &workers.commands[0].response_time;
    assert!(response.exact.max < 1_200_000, "{response:?}");
    let blocked = workers.blocked.as_ref().expect("they waited");
    assert_eq!(blocked.total.len(), workers.counts.ok);
    assert!((380..410).contains(&(blocked.exact.max / 1_000_000)), "{}", blocked.exact.max);
    assert_eq!(workers.counts.unfinished, 4, "they still wait at the end");
    assert!(result.ended < result.measure_until + Nanos::from_millis(100), "nobody waits for them");
}

#[test]
fn messages_find_their_sender_across_warm_up_threads_and_lists_of_old() {
    let senders = GroupPlan {
        arrival: constant(100.0),
        ..group("senders", &["PUBLISH", "{key uniform 3}", "{stamp}"], 4)
    };
    let words = ["SUBSCRIBE", "key:000000000000", "key:000000000001", "key:000000000002"];
    let plan = RunPlan::new(vec![senders, group("subscribers", &words, 2)], phases(SEC, SEC + SEC));
    let result = run_plan(&plan, &script());
    let counts = delivery(&result, 1);
    assert_eq!((counts.received, counts.measured), (600, 400));
    assert_eq!((counts.lost, counts.duplicated, counts.out_of_order), (0, 0, 0));
}

#[test]
fn what_makes_no_sense_for_subscribers_is_refused() {
    let refused = |words: &[&str], change: &dyn Fn(&mut GroupPlan), part: &str| {
        let mut group = group("listeners", words, 2);
        change(&mut group);
        let plan = RunPlan::new(vec![group], phases(Nanos::ZERO, SEC));
        let error = simulate(&plan, &script()).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    };
    let subscribe = ["SUBSCRIBE", "a"];
    refused(&subscribe, &|g| g.arrival = constant(1.0), "PUBLISH CHANNEL {stamp}");
    refused(&subscribe, &|g| g.requests = Some(5), "PUBLISH CHANNEL {stamp}");
    refused(&subscribe, &|g| g.timeout = Some(MS), "time limit");
    refused(&["BLPOP", "a", "0"], &|g| g.timeout = Some(MS), "time limit");
    refused(&["SUBSCRIBE"], &|_| (), "channels");
    let two = |g: &mut GroupPlan| {
        let other = group("", &["GET", "a"], 1).workload.commands.remove(0);
        g.workload.commands.push(other);
        g.reconnect = Reconnect::Never;
        g.arrival = ArrivalProcess::Closed { think: MS };
    };
    refused(&["BLPOP", "a", "0"], &two, "group of their own");
    refused(&subscribe, &two, "one command");
}
