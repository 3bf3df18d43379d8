//! What the sentences say, and to whom.

use super::*;
use crate::caveat::in_scenario;

fn too_slow(means: Means) -> Caveat {
    Caveat::RateNotAchieved { achieved: 1.0, offered: 2.0, spared: 0.0, means }
}

fn missing(means: Means) -> Caveat {
    Caveat::ConnectionsMissing { established: 1, asked: 2, reason: None, means }
}

#[test]
fn a_scenario_is_not_told_of_flags_that_it_has_not() {
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
        Caveat::NoConnectionLeft { made: 1, asked: 2 },
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
        let text = in_scenario(caveat.remedy());
        assert!(!text.contains("--") && !text.contains("(-"), "{}: {text}", caveat.id());
        assert_eq!(in_scenario(&text).matches('`').count() % 2, 0, "{text}");
    }
    let lost = |unreadable| Caveat::ConnectionsLost {
        count: 9,
        overdue: 2,
        unreadable: Some((unreadable, "why".to_owned())),
    };
    assert!(lost(3).remedy().contains("maxclients") && lost(5).remedy().contains("proxy"));
    assert!(lost(0).cause().ends_with("; 2 of them closed by the load generator, since a request had no reply within its time limit"));
    assert_eq!(in_scenario("use a longer --warmup"), "use a longer `[phases] warmup`");
}

#[test]
fn errors_among_the_replies_have_the_remedy_of_the_most_frequent() {
    for (example, want) in [
        (Some("MOVED 3999 127.0.0.1:7001"), "it is a cluster: ask it as one (--cluster)"),
        // Whoever followed eight of them, or names the slots of one command, asks it as a cluster already.
        (
            Some("too-many-redirects MOVED 3999 127.0.0.1:7001"),
            "let the nodes of the cluster agree",
        ),
        (Some("CROSSSLOT Keys in request don't hash to the same slot"), "name keys of one slot"),
        (Some("WRONGTYPE Operation against a key"), "use keys that hold no other type"),
        (Some("pool-exhausted"), "give the pool more connections"),
        (Some("ERR nobody knows"), "look at the error and at the server's log"),
        (None, "raise --timeout"),
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
    assert!(pool.contains("--pool-min-idle") && !pool.contains("(-c)"), "{pool}");
    assert!(!pool.contains("--pipeline"), "{pool}");
    let captured = of(Means::Capture { times: CaptureTimes::Captured });
    assert!(captured.contains("--replay-speed"), "{captured}");
    let own = of(Means::Capture { times: CaptureTimes::Own });
    assert!(own.contains("--rate"), "{own}");
    for refused in ["--connections", "--warmup", "--prefill"] {
        assert!(!captured.contains(refused) && !own.contains(refused), "{refused}");
    }
}
