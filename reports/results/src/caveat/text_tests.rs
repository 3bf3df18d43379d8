//! The texts and remedies: flags for the command line, keys for scenario files.

use super::*;
use crate::caveat::{CaptureTimes, Means, Pace, Reached, in_scenario};

fn too_slow(means: Means) -> Caveat {
    Caveat::RateNotAchieved { achieved: 1.0, offered: 2.0, spared: 0.0, means }
}

fn missing(means: Means) -> Caveat {
    Caveat::ConnectionsMissing { established: 1, asked: 2, reason: None, means }
}

#[test]
fn no_remedy_of_a_scenario_names_a_flag() {
    let caveats = [
        Caveat::ClientLimited { cpu_share: 1.0, too_short_s: None, pace: Pace::Schedule },
        Caveat::ClientLimited { cpu_share: 1.0, too_short_s: None, pace: Pace::Replies },
        Caveat::ClientLimited { cpu_share: 1.0, too_short_s: Some(0.01), pace: Pace::Replies },
        Caveat::ClientHeldUp { times: 1, longest_ms: 30.0, hold: Hold::Kept },
        Caveat::ClientHeldUp { times: 1, longest_ms: 30.0, hold: Hold::Busy },
        Caveat::ClientStarved { late_share: 1.0, late_s: 1.0, hold: Hold::Kept },
        Caveat::MachineNoisy { max_gap_ms: 9.0, lost_share: 1.0 },
        Caveat::ServerStarved { share: 0.5, waited_s: 1.0, longest_s: 0.1 },
        Caveat::KeysEvicted { count: 1 },
        Caveat::ConnectionsRejected { count: 1 },
        missing(Means::Connections),
        missing(Means::Pool),
        Caveat::NoHits { command: "GET".into(), misses: 1, means: Means::Connections },
        Caveat::NeverSettled { after_s: 1.0, what: "it".into() },
        too_slow(Means::Connections),
        too_slow(Means::Pool),
        Caveat::SendLagHigh { p99_us: 1e4 },
        Caveat::TimerLag { lag_us: 27.0, response_us: 58.0 },
        Caveat::TooFewSamples { p: 99.0, count: 1, need: 2, pace: Pace::Schedule },
        Caveat::WarmUpUnstable { drift: 2.0, means: Means::Connections },
        Caveat::ValueBeyondRange { count: 1 },
        Caveat::UnfinishedRequests { count: 1 },
        Caveat::NodeUnreached { node: "10.0.0.7:7001".into(), attempts: 2, reason: "no".into() },
        Caveat::NothingComplete { steps: 0, bytes: 2_000 },
        Caveat::NothingComplete { steps: 2, bytes: 2_000 },
        Caveat::NothingHeard { missed: Missed::Data },
        Caveat::NothingHeard { missed: Missed::Messages },
        Caveat::NothingHeard { missed: Missed::Marks },
        Caveat::NothingHeard { missed: Missed::Entry("NOPERM no".into()) },
        Caveat::NoConnectionLeft { reached: Reached::Requests { made: 1, asked: 2 } },
        Caveat::NoConnectionLeft { reached: Reached::Seconds { made: 1.3, asked: 10.0 } },
        Caveat::MessagesLost { count: 2, received: 3 },
        Caveat::ConnectionsLost { count: 2, overdue: 2, unreadable: None },
        Caveat::ShedRequests { count: 1, means: Means::Connections },
        Caveat::ShedRequests { count: 1, means: Means::Pool },
        Caveat::ErrorReplies { share: 0.5, example: Some("MOVED 7 a:1".into()) },
        Caveat::ErrorReplies { share: 0.5, example: None },
    ];
    let words = [
        "OOM",
        "NOAUTH",
        "WRONGTYPE",
        "MOVED",
        "CROSSSLOT",
        "too-many-redirects",
        "unknown-node",
        "NOGROUP",
        "READONLY",
        "LOADING",
        "ERR",
    ];
    let failed = |word: &str| Caveat::NoSuccess { example: format!("{word} and why") };
    for caveat in caveats.into_iter().chain(words.map(failed)) {
        for sentences in [caveat.cause().as_str(), caveat.remedy()] {
            assert!(!sentences.is_empty() && !sentences.ends_with('.'), "{}", caveat.id());
        }
        let text = in_scenario(caveat.remedy());
        assert!(
            !text.contains("--") && !text.contains("`-") && !text.contains("(-"),
            "{}: {text}",
            caveat.id()
        );
        assert_eq!(in_scenario(&text).matches('`').count() % 2, 0, "{text}");
    }
}

#[test]
fn lost_connections_have_the_remedy_of_the_most_frequent_reason() {
    let lost = |unreadable| Caveat::ConnectionsLost {
        count: 9,
        overdue: 2,
        unreadable: Some((unreadable, "why".to_owned())),
    };
    assert!(lost(3).remedy().contains("maxclients") && lost(5).remedy().contains("proxy"));
    assert!(
        lost(0)
            .cause()
            .ends_with("closed 2 of them because a request had no reply within its timeout")
    );
    assert_eq!(in_scenario("Use a longer `--warmup`"), "Use a longer `[phases] warmup`");
}

#[test]
fn error_replies_have_the_remedy_of_the_most_frequent_error() {
    for (example, want) in [
        (
            Some("MOVED 3999 127.0.0.1:7001"),
            "The server is a cluster: run in cluster mode (`--cluster`)",
        ),
        // A client that followed eight redirects, or that knows slots, is in cluster mode already.
        (
            Some("too-many-redirects MOVED 3999 127.0.0.1:7001"),
            "Make sure that all cluster nodes agree",
        ),
        (Some("CROSSSLOT Keys in request don't hash to the same slot"), "Use keys of one slot"),
        (Some("WRONGTYPE Operation against a key"), "Use keys that hold no other type"),
        (Some("pool-exhausted"), "Use a larger pool"),
        (Some("ERR unknown"), "Look at the error and at the server log"),
        (None, "Raise `--timeout`"),
    ] {
        let example = example.map(str::to_owned);
        let remedy = Caveat::ErrorReplies { share: 0.5, example }.remedy();
        assert!(remedy.starts_with(want), "{remedy}");
    }
}

#[test]
fn no_remedy_names_a_flag_that_the_load_refuses() {
    let of = |means| {
        let caveats = [
            too_slow(means),
            missing(means),
            Caveat::ShedRequests { count: 1, means },
            Caveat::WarmUpUnstable { drift: 2.0, means },
            Caveat::NoHits { command: "GET".into(), misses: 1, means },
        ];
        caveats.map(|caveat| caveat.remedy()).join("; ")
    };
    let pool = of(Means::Pool);
    assert!(pool.contains("--pool-max-total") && !pool.contains("--connections"), "{pool}");
    assert!(pool.contains("--pool-min-idle") && !pool.contains("`-c`"), "{pool}");
    assert!(!pool.contains("--pipeline"), "{pool}");
    let captured = of(Means::Capture { times: CaptureTimes::Captured });
    assert!(captured.contains("--replay-speed"), "{captured}");
    let own = of(Means::Capture { times: CaptureTimes::Own });
    assert!(own.contains("--rate"), "{own}");
    for refused in ["--connections", "--warmup", "--prefill"] {
        assert!(!captured.contains(refused) && !own.contains(refused), "{refused}");
    }
}

#[test]
fn texts_and_remedies_are_sentences_without_the_last_full_stop() {
    let held = Caveat::ClientHeldUp { times: 30, longest_ms: 16.0, hold: Hold::Kept };
    assert_eq!(
        held.to_record().message(),
        "the load generator lost the CPU 30 times while requests were due (longest 16.0 ms). These pauses are not counted as \
         server stalls. Stop other processes, or reserve a core for the load generator with `--cpus`."
    );
    let early = Caveat::Interrupted { measured_s: 3.0, planned_s: Some(30.0) };
    assert_eq!(early.cause(), "the run ended early, after 3.0 of 30.0 seconds");
}
