//! The sentences of the caveats: what is wrong, and what to do about it.
//!
//! No limits and no decisions. Invariant: every text is one sentence without its full stop, and every remedy names something
//! that the reader can do.

use super::{CaptureTimes, Caveat, LATE_S_MIN, Means, Pace};

impl Caveat {
    /// What is wrong, in one sentence.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one sentence for each doubt")]
    pub fn cause(&self) -> String {
        match self {
            Self::ClientLimited { cpu_share, too_short_s: Some(length_s), .. } => format!(
                "the load generator's busiest thread used {:.0} % of a processor, but in {}, which is too short to tell whether it was the limit",
                cpu_share * 100.0,
                span(length_s * 1e6)
            ),
            Self::ClientLimited { cpu_share, .. } => format!(
                "the load generator's busiest thread used {:.0} % of a processor, so part of the waiting may be its own",
                cpu_share * 100.0
            ),
            Self::ClientStarved { late_share, late_s } => format!(
                "about {:.0} % of the waiting that was measured is the load generator's own: its threads were kept from running for {}",
                late_share * 100.0,
                span(late_s * 1e6)
            ),
            Self::ClientStopped { share, stopped_s } => format!(
                "the load generator itself was stopped for {} ({:.0} % of the measurement), and a closed loop asks for nothing meanwhile, so its rate is too low by as much",
                span(stopped_s * 1e6),
                share * 100.0
            ),
            Self::ClientHeldUp { times: count, longest_ms } => format!(
                "the load generator itself got no processor {} while requests were due, for {} at most; that is not counted as a stall",
                times(*count),
                span(longest_ms * 1e3)
            ),
            Self::MachineNoisy { max_gap_ms, lost_share } => format!(
                "just before the run, a loop that only read the clock was kept from it for {:.1} % of the time, {} at most",
                lost_share * 100.0,
                span(max_gap_ms * 1e3)
            ),
            Self::CpuStolen { share } => format!(
                "the hypervisor gave {:.1} % of this machine's processor time to others",
                share * 100.0
            ),
            Self::CpuThrottled { count, millis } => format!(
                "the processor quota of this control group ran out {}, for {} in all",
                times(*count),
                span(millis * 1e3)
            ),
            Self::ClockStepped { millis } => format!(
                "the wall clock was set by {} during the run; response times come from another clock and hold",
                span(millis.abs() * 1e3)
            ),
            Self::ServerBusy { what } => format!("the server was {what}"),
            Self::ServerStarved { share, waited_s, longest_s } => {
                let longest = match *longest_s > 0.0 {
                    true => format!(
                        "; its longest stall for that reason lasted {}",
                        span(longest_s * 1e6)
                    ),
                    false => String::new(),
                };
                format!(
                    "the server's process waited for a processor for {} ({:.1} % of the measurement){longest}",
                    span(waited_s * 1e6),
                    share * 100.0
                )
            }
            Self::KeysEvicted { count } => format!(
                "the server evicted {} during the run, so reads missed what had been written",
                counted(*count, "key")
            ),
            Self::KeysExpired { count } => format!(
                "{} expired during the run although the load sets no expiry",
                counted(*count, "key")
            ),
            Self::ConnectionsRejected { count } => {
                format!("the server turned away {} during the run", counted(*count, "connection"))
            }
            Self::ConnectionsMissing { established, asked, reason } => {
                let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
                format!("{established} of {asked} connections could be opened at the start{why}")
            }
            Self::NoHits { command, misses, .. } => format!(
                "none of {misses} {command} found anything, so they measure a search for what is not there"
            ),
            Self::NeverSettled { after_s, what } => format!(
                "after {after_s:.0}s of warm-up {what} still moved, so the server was not in a steady state"
            ),
            Self::RateNotAchieved { achieved, offered, .. } => format!(
                "{achieved:.0} replies per second arrived where {offered:.0} requests per second were due, so requests queued and their times say how long that lasted"
            ),
            Self::SendLagHigh { p99_us } => format!(
                "one request in a hundred left more than {} after it was due although a connection was free",
                span(*p99_us)
            ),
            Self::TooFewSamples { p, count, need, .. } => {
                format!("p{p} needs {need} samples and the run has {count}, so it is not given")
            }
            Self::WarmUpUnstable { drift, .. } => format!(
                "the median of the last third is {drift:.2} times that of the first third, so the server was not in a steady state"
            ),
            Self::ValueBeyondRange { count } => {
                format!("{} above one hour counted and without a value", were(*count, "sample"))
            }
            Self::UnfinishedRequests { count } => format!(
                "{} without a reply at the end; what had been waited by then counts, which is a lower bound",
                were(*count, "request")
            ),
            Self::ShedRequests { count, .. } => format!(
                "{} due and never sent, because too many were waiting already",
                were(*count, "request")
            ),
            Self::ErrorReplies { share, example } => {
                let example = example.as_ref().map_or(String::new(), |e| format!(", e.g. \"{e}\""));
                format!(
                    "{:.3} % of the requests ended in an error or a timeout{example}",
                    share * 100.0
                )
            }
            Self::ConnectionsLost { count, overdue, unreadable } => {
                format!(
                    "connections were lost {} during the measurement{}",
                    times(*count),
                    closed_by_us(*count, *overdue, unreadable.as_ref())
                )
            }
            Self::Interrupted { measured_s, planned_s } => match planned_s {
                Some(planned) => {
                    format!("the run was cut short after {measured_s:.1} of {planned:.1} seconds")
                }
                None => format!("the run was cut short after {measured_s:.1} seconds"),
            },
            Self::WrongBooks { what } => {
                format!("the load generator's own books do not balance: {what}")
            }
            Self::NoSuccess { example } if example == "pool-exhausted" => {
                "no request succeeded; the pool never had a connection to spare".to_owned()
            }
            Self::NoSuccess { example } if example == "timed-out" => {
                "no request succeeded; none was answered within its time limit".to_owned()
            }
            Self::NoSuccess { example } if example.starts_with(PROTOCOL_ERROR) => {
                let why = example[PROTOCOL_ERROR.len()..].trim_start();
                format!("no request succeeded; what came could not be understood ({why})")
            }
            Self::NoSuccess { example } => {
                format!("no request succeeded; the server said most often \"{example}\"")
            }
            Self::NoConnectionLeft { made, asked } => format!(
                "after {made} of {asked} requests the load generator had closed its last connection"
            ),
            Self::NothingHeard => "nobody sent what the commands waited for".to_owned(),
            Self::ServerChanged { what } => format!("the server changed during the run: {what}"),
            Self::CaptureDoubtful { what } => format!("the capture is doubtful: {what}"),
        }
    }

    /// What to do about it, in one sentence.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one sentence for each doubt")]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::ClientLimited { too_short_s: Some(_), .. } => {
                "raise -n, or give a --duration, so that it measures for a second or more"
            }
            Self::ClientLimited { pace: Pace::Schedule, .. } => {
                "use more --threads, a lower --rate, or another machine"
            }
            Self::ClientLimited { pace: Pace::Replies, .. } => {
                "use more --threads, fewer connections or a smaller pipeline (-c, -P), or another machine"
            }
            Self::ClientStarved { late_s, .. } if *late_s < LATE_S_MIN => {
                "measure longer: in a short run one hiccup of the machine weighs much"
            }
            Self::ClientStarved { .. } => {
                "give the load generator processors of its own (--cpus, a larger quota) and use them (--threads), or lower the load"
            }
            Self::ClientStopped { .. } => {
                "run it again, without suspending the load generator or its machine"
            }
            Self::ClientHeldUp { .. } | Self::MachineNoisy { .. } => {
                "end what else runs here, or give the load generator processors of its own (--cpus)"
            }
            Self::CpuStolen { .. } => "measure on a machine of your own, or at a quieter time",
            Self::CpuThrottled { .. } => "raise the quota (cpu.max), or lower the load",
            Self::ClockStepped { .. } => "take care when you compare times of day with other logs",
            Self::ServerBusy { .. } => {
                "wait until it is done, or switch it off for the measurement (save \"\")"
            }
            Self::ServerStarved { .. } => {
                "end what else runs here, or give the server processors of its own, and measure again"
            }
            Self::KeysEvicted { .. } => {
                "raise its maxmemory, or use fewer or smaller keys (-r, -d)"
            }
            Self::KeysExpired { .. } => {
                "fill with keys that do not expire, or that outlive the run"
            }
            Self::ConnectionsRejected { .. } => {
                "raise its maxclients, or use fewer connections (-c)"
            }
            Self::ConnectionsMissing { .. } => {
                "raise the server's maxclients and both sides' open files (ulimit -n), or use fewer connections (-c)"
            }
            Self::NoHits { means: Means::Capture { .. }, .. } => {
                "load the data that the captured server had before it is replayed"
            }
            Self::NoHits { .. } => "fill the key space first (--prefill), or name keys that exist",
            Self::NeverSettled { .. } => {
                "give a longer --warmup, or find out what the server is still busy with"
            }
            Self::RateNotAchieved { means, .. } | Self::ShedRequests { means, .. } => {
                too_slow_remedy(*means)
            }
            Self::SendLagHigh { .. } => {
                "give the load generator processors of its own (--cpus), or use more --threads"
            }
            Self::TooFewSamples { pace: Pace::Schedule, .. } => {
                "measure longer or at a higher rate"
            }
            Self::TooFewSamples { pace: Pace::Replies, .. } => "measure longer",
            Self::WarmUpUnstable { means: Means::Capture { .. }, .. } => {
                "replay it twice and take the second run; if that moves as well, so does the captured load"
            }
            Self::WarmUpUnstable { .. } => "use a longer --warmup",
            Self::ValueBeyondRange { .. } => "set a --timeout below one hour",
            Self::UnfinishedRequests { .. } => "measure longer, or set a --timeout",
            Self::ErrorReplies { example, .. } => {
                let most = example.as_deref().unwrap_or("timed-out");
                remedy_by_error(most).unwrap_or("look at the error and at the server's log")
            }
            Self::ConnectionsLost { .. } => self.lost_remedy(),
            Self::WrongBooks { .. } => {
                "use none of these numbers, and report this with the command line and result.json"
            }
            Self::Interrupted { .. } => "run it again to the end before deciding on it",
            Self::NoSuccess { example } => {
                remedy_by_error(example).unwrap_or("check the command and its arguments")
            }
            Self::NothingHeard => NOTHING_HEARD_REMEDY,
            Self::NoConnectionLeft { .. } => "let connections come back (--reconnect immediate)",
            Self::ServerChanged { .. } => "keep the server running and measure again",
            Self::CaptureDoubtful { .. } => "capture again to the end if that matters",
        }
    }

    /// What to do about lost connections, by who ended most of them.
    fn lost_remedy(&self) -> &'static str {
        let Self::ConnectionsLost { count, overdue, unreadable } = self else { return "" };
        let unreadable = unreadable.as_ref().map_or(0, |(count, _)| *count);
        let theirs = count.saturating_sub(overdue + unreadable);
        if theirs >= *overdue && theirs >= unreadable {
            "look at the server's log, its timeout and maxclients"
        } else if *overdue >= unreadable {
            "raise --timeout, or find out what keeps the server so long"
        } else {
            UNREADABLE_REMEDY
        }
    }
}

/// The load generator's word for requests whose replies could not be understood.
const PROTOCOL_ERROR: &str = "protocol-error";

/// What to do where nothing came.
const NOTHING_HEARD_REMEDY: &str =
    "let the same run send it (--command \"RPUSH LIST {stamp}\"), or give the command a timeout";

/// What to do about replies that cannot be understood.
const UNREADABLE_REMEDY: &str = "see whether a server that speaks the Redis protocol answers there, and whether a proxy between mixes its replies up";

/// How many of the lost connections the load generator closed itself, and why.
fn closed_by_us(count: u64, overdue: u64, unreadable: Option<&(u64, String)>) -> String {
    let of = |part: u64| if part == count { "each".to_owned() } else { format!("{part} of them") };
    let mut text = String::new();
    if overdue > 0 {
        text += &format!(
            "; {} closed by the load generator, since a request had no reply within its time limit",
            of(overdue)
        );
    }
    if let Some((part, reason)) = unreadable.filter(|(part, _)| *part > 0) {
        text += &format!(
            "; {} closed by the load generator, since what came could not be understood ({reason})",
            of(*part)
        );
    }
    text
}

/// What to do where the server does not keep up with what is due.
fn too_slow_remedy(means: Means) -> &'static str {
    match means {
        Means::Connections => "lower --rate, or use more --connections or --pipeline",
        Means::Pool => "lower --rate, or use a larger --pool-max-total",
        Means::Capture { times: CaptureTimes::Captured } => "lower --replay-speed",
        Means::Capture { times: CaptureTimes::Own } => "lower --rate",
    }
}

/// What to do about requests that failed, by the word that most of their errors began with.
fn remedy_by_error(example: &str) -> Option<&'static str> {
    Some(match example.split(' ').next().unwrap_or_default() {
        "pool-exhausted" => {
            "give the pool more connections or more patience, and see whether the server is busy with a long command"
        }
        PROTOCOL_ERROR => UNREADABLE_REMEDY,
        "timed-out" => "raise --timeout, and see whether the server is busy with a long command",
        "OOM" => "raise the server's maxmemory, or write fewer or smaller keys (-r, -d)",
        "NOAUTH" | "NOPERM" => "log in as a user who may do that (-a, --user)",
        "WRONGTYPE" => "use keys that hold no other type, or start from an empty database",
        "MOVED" | "ASK" | "CROSSSLOT" => {
            "it is a cluster: ask it as one (--cluster), with keys of one slot in each command ({tag})"
        }
        "NOGROUP" => "create the stream's group first (XGROUP CREATE STREAM GROUP $ MKSTREAM)",
        "READONLY" => "write to the primary: this server is a replica",
        "LOADING" | "BUSY" | "MISCONF" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" => {
            "bring the server into a state in which it answers, and measure again"
        }
        _ => return None,
    })
}

/// What stands in a scenario file where a remedy names a flag of `loadgen run`; longer phrases first.
const KEYS: [(&str, &str); 20] = [
    (
        "let the same run send it (--command \"RPUSH LIST {stamp}\")",
        "add a group that sends it (`commands = [\"RPUSH LIST {stamp}\"]`)",
    ),
    (
        "raise -n, or give a --duration, so that it measures for a second or more",
        "measure for a second or more (`[phases] measure`)",
    ),
    (
        "fewer connections or a smaller pipeline (-c, -P)",
        "fewer `connections` or a smaller `pipeline` of the group",
    ),
    (
        "give the load generator processors of its own (--cpus, a larger quota)",
        "give the load generator processors of its own (a larger quota, more processors than `cpus` leaves to the server)",
    ),
    (
        "give the load generator processors of its own (--cpus)",
        "give the load generator processors of its own (more than `cpus` leaves to the server)",
    ),
    ("more --connections or --pipeline", "more `connections` or `pipeline` of the group"),
    ("more --connections", "more `connections` of the group"),
    ("a larger --pool-max-total", "more `connections` of the group"),
    ("fewer connections (-c)", "fewer `connections`"),
    ("fewer or smaller keys (-r, -d)", "fewer or smaller keys (`[data]`)"),
    ("the key space first (--prefill)", "the key space first (`[data] keys`)"),
    (" (--reconnect immediate)", ""),
    (" (--cluster)", ""),
    (" (-a, --user)", ""),
    ("--threads", "`[engine] threads`"),
    ("--warmup", "`[phases] warmup`"),
    ("--timeout", "`timeout` of the group"),
    ("a lower --rate", "a lower `rate` of the group"),
    ("--rate", "the `rate` of the group"),
    ("measure longer", "measure longer (`[phases] measure`)"),
];

/// A remedy for a run that a scenario file describes: its keys in place of the flags of a plain run.
#[must_use]
pub fn in_scenario(remedy: &str) -> String {
    KEYS.iter().fold(remedy.to_owned(), |text, (flag, key)| text.replace(flag, key))
}

/// `1 key`, `2 keys`.
fn counted(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// `1 request was`, `2 requests were`.
fn were(count: u64, word: &str) -> String {
    format!("{} {}", counted(count, word), if count == 1 { "was" } else { "were" })
}

/// `once`, `2 times`.
fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// A length in µs with its unit, as it is typed on the command line.
fn span(us: f64) -> String {
    match us {
        _ if us < 1e3 => format!("{us:.0}us"),
        _ if us < 1e6 => format!("{:.1}ms", us / 1e3),
        _ => format!("{:.1}s", us / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_not_told_of_flags_that_it_has_not() {
        let caveats = [
            Caveat::ClientLimited { cpu_share: 1.0, too_short_s: None, pace: Pace::Schedule },
            Caveat::ClientLimited { cpu_share: 1.0, too_short_s: None, pace: Pace::Replies },
            Caveat::ClientLimited { cpu_share: 1.0, too_short_s: Some(0.01), pace: Pace::Replies },
            Caveat::ClientHeldUp { times: 1, longest_ms: 30.0 },
            Caveat::ClientStarved { late_share: 1.0, late_s: 1.0 },
            Caveat::MachineNoisy { max_gap_ms: 9.0, lost_share: 1.0 },
            Caveat::ServerStarved { share: 0.5, waited_s: 1.0, longest_s: 0.1 },
            Caveat::KeysEvicted { count: 1 },
            Caveat::ConnectionsRejected { count: 1 },
            Caveat::ConnectionsMissing { established: 1, asked: 2, reason: None },
            Caveat::NoHits { command: "GET".into(), misses: 1, means: Means::Connections },
            Caveat::NeverSettled { after_s: 1.0, what: "it".into() },
            Caveat::RateNotAchieved { achieved: 1.0, offered: 2.0, means: Means::Connections },
            Caveat::RateNotAchieved { achieved: 1.0, offered: 2.0, means: Means::Pool },
            Caveat::SendLagHigh { p99_us: 1e4 },
            Caveat::TooFewSamples { p: 99.0, count: 1, need: 2, pace: Pace::Schedule },
            Caveat::WarmUpUnstable { drift: 2.0, means: Means::Connections },
            Caveat::ValueBeyondRange { count: 1 },
            Caveat::UnfinishedRequests { count: 1 },
            Caveat::NothingHeard,
            Caveat::NoConnectionLeft { made: 1, asked: 2 },
            Caveat::ConnectionsLost { count: 2, overdue: 2, unreadable: None },
            Caveat::ShedRequests { count: 1, means: Means::Connections },
            Caveat::ShedRequests { count: 1, means: Means::Pool },
            Caveat::ErrorReplies { share: 0.5, example: Some("MOVED 7 a:1".into()) },
            Caveat::ErrorReplies { share: 0.5, example: None },
        ];
        let words =
            ["OOM", "NOAUTH", "WRONGTYPE", "MOVED", "NOGROUP", "READONLY", "LOADING", "ERR"];
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
                Caveat::RateNotAchieved { achieved: 1.0, offered: 2.0, means },
                Caveat::ShedRequests { count: 1, means },
                Caveat::WarmUpUnstable { drift: 2.0, means },
                Caveat::NoHits { command: "GET".into(), misses: 1, means },
            ];
            caveats.map(|caveat| caveat.remedy()).join("; ")
        };
        let pool = of(Means::Pool);
        assert!(pool.contains("--pool-max-total") && !pool.contains("--connections"), "{pool}");
        assert!(!pool.contains("--pipeline"), "{pool}");
        let captured = of(Means::Capture { times: CaptureTimes::Captured });
        assert!(captured.contains("--replay-speed"), "{captured}");
        let own = of(Means::Capture { times: CaptureTimes::Own });
        assert!(own.contains("--rate"), "{own}");
        for refused in ["--connections", "--warmup", "--prefill"] {
            assert!(!captured.contains(refused) && !own.contains(refused), "{refused}");
        }
    }
}
