//! What the record says of runs in virtual time: errors, caveats, lost messages.

use crate::virtual_time::{MS, US, constant, frozen, gets, group, phases, run_plan};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{GroupPlan, Role, RunPlan};
use aelab_engine::sim::{Script, Service};
use aelab_lab::record::{Context, keep};
use aelab_results::record::Severity;

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
fn a_generator_that_wakes_late_is_the_limit_and_a_server_that_stalls_is_not() {
    let caveats = |script: &Script| -> Vec<(String, Severity)> {
        let ten = phases(Nanos::ZERO, Nanos::from_secs(20));
        let plan = RunPlan::new(vec![gets(50, constant(1_000.0))], ten);
        let result = run_plan(&plan, script);
        let kept = keep(&plan, &result, Context::default(), Vec::new());
        let audit = kept.record.audit.as_ref().expect("an account");
        assert!(audit.own_lag.is_some() && audit.late_share.is_some());
        kept.record.caveats.into_iter().map(|caveat| (caveat.id, caveat.severity)).collect()
    };
    let steady = Script::steady(Nanos::from_micros(50));
    assert_eq!(caveats(&steady), []);
    // What a kernel timer usually costs is no limit. It is named where it is a large part of the times.
    let usual = Script { wake_late: Nanos::from_micros(80), ..steady.clone() };
    assert_eq!(caveats(&usual), [("timer-lag".to_owned(), Severity::Warning)]);
    let slower = Script { service: Service::Fixed(Nanos::from_micros(900)), ..usual };
    assert_eq!(caveats(&slower), []);
    let late = caveats(&Script { wake_late: Nanos::from_millis(6), ..steady });
    assert!(late.contains(&("client-limited".to_owned(), Severity::Invalid)), "{late:?}");
    let stalled = caveats(&frozen(US, Nanos::from_secs(5), Nanos::from_secs(6)));
    assert!(stalled.iter().all(|(id, _)| id != "client-limited"), "{stalled:?}");
}

fn messages() -> Script {
    Script {
        service: Service::Fixed(Nanos::from_micros(10)),
        network: Nanos::from_micros(500),
        chunk_bytes: 50,
        ..Script::steady(MS)
    }
}

#[test]
fn missing_messages_are_a_caveat_and_delivered_ones_are_none() {
    for (channel, is_warned) in [("lossy", true), ("twice", false), ("news", false)] {
        let publishers = GroupPlan {
            role: Role::Background,
            arrival: constant(100.0),
            ..group("publishers", &["PUBLISH", channel, "{stamp}"], 2)
        };
        let subscribers = group("subscribers", &["SUBSCRIBE", channel], 3);
        let groups = vec![publishers, subscribers];
        let plan = RunPlan::new(groups, phases(Nanos::ZERO, Nanos::from_secs(10)));
        let result = run_plan(&plan, &messages());
        let counts = result.groups[1].delivery.expect("a group that receives");
        let record = keep(&plan, &result, Context::default(), Vec::new()).record;
        let caveat = record.caveats.iter().find(|caveat| caveat.id == "messages-lost");
        assert_eq!(caveat.is_some(), is_warned, "{channel}: {:?}", record.caveats);
        let Some(caveat) = caveat else { continue };
        assert_eq!((caveat.severity, caveat.value), (Severity::Warning, Some(counts.lost as f64)));
        let says = format!("{} of {} messages did not reach", counts.lost, counts.lost + 2_700);
        assert!(caveat.text.starts_with(&says), "{}", caveat.text);
    }
}
