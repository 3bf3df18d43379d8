//! The sentences of the caveats: what is wrong, and what to do about it.
//!
//! No limits and no decisions. Invariant: every text is one sentence without its full stop, and every remedy names something
//! that the reader can do.

use crate::caveat::{BUSY_S_MIN, CaptureTimes, Caveat, Hold, LATE_S_MIN, Means, Missed, Pace};
use crate::text::number::{self, with_noun};

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
            Self::ClientStarved { late_share, late_s, hold } => format!(
                "about {:.0} % of the waiting that was measured is the load generator's own: its threads were {} for {}",
                late_share * 100.0,
                match hold {
                    Hold::Kept => "kept from running",
                    Hold::Busy => "busy with one thing at a time, as with copying a huge value,",
                },
                span(late_s * 1e6)
            ),
            Self::ClientStopped { share, stopped_s, hold } => format!(
                "the load generator itself was {} for {} ({:.0} % of the measurement){}, and a closed loop asks for nothing meanwhile, so its rate is too low by as much",
                match hold {
                    Hold::Kept => "stopped",
                    Hold::Busy => "busy with one thing",
                },
                span(stopped_s * 1e6),
                share * 100.0,
                match hold {
                    Hold::Kept => "",
                    Hold::Busy => ", as with copying a huge value",
                }
            ),
            Self::ClientHeldUp { times: count, longest_ms, hold } => format!(
                "the load generator itself {} {} while requests were due, for {} at most; that is not counted as a stall",
                match hold {
                    Hold::Kept => "got no processor",
                    Hold::Busy => "was busy with one thing",
                },
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
                with_noun(*count, "key")
            ),
            Self::KeysExpired { count } => format!(
                "{} expired during the run although the load sets no expiry",
                with_noun(*count, "key")
            ),
            Self::ConnectionsRejected { count } => {
                format!("the server turned away {} during the run", with_noun(*count, "connection"))
            }
            Self::ConnectionsMissing { established, asked, reason, .. } => {
                let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
                format!("{established} of {asked} connections could be opened at the start{why}")
            }
            Self::NoHits { command, misses, .. } => format!(
                "none of {misses} {command} found anything, so they measure a search for what is not there"
            ),
            Self::NeverSettled { after_s, what } => format!(
                "after {after_s:.0}s of warm-up {what} still moved, so the server was not in a steady state"
            ),
            // To the digit as in the table: it is the same figure.
            Self::RateNotAchieved { achieved, offered, .. } => format!(
                "{achieved:.2} replies per second arrived where {} requests per second were due, so requests queued and their times say how long that lasted",
                (offered * 1e3).round() / 1e3
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
            Self::MessagesLost { count, received } => format!(
                "{count} of {} never reached a subscriber that should have got {} (each counts once for each subscriber, those of the warm-up too)",
                with_noun(count + received, "message"),
                if *count == 1 { "it" } else { "them" }
            ),
            Self::ConnectionsLost { count, overdue, unreadable } => {
                format!(
                    "connections were lost {} during the measurement{}",
                    times(*count),
                    closed_by_us(*count, *overdue, unreadable.as_ref())
                )
            }
            Self::Interrupted { measured_s, planned_s } => {
                let planned = planned_s.map(|planned| format!("{planned:.1} seconds"));
                let after = match (*measured_s < BUSY_S_MIN, planned) {
                    (true, None) => span(measured_s * 1e6),
                    (true, Some(planned)) => format!("{} of {planned}", span(measured_s * 1e6)),
                    (false, None) => format!("{measured_s:.1} seconds"),
                    (false, Some(planned)) => format!("{measured_s:.1} of {planned}"),
                };
                format!("the run was cut short after {after}")
            }
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
            Self::NoSuccess { example } if example.starts_with(TOO_MANY_REDIRECTS) => {
                let last = example[TOO_MANY_REDIRECTS.len()..].trim_start();
                format!(
                    "no request succeeded; the nodes of the cluster sent it back and forth (last \"{last}\")"
                )
            }
            Self::NoSuccess { example } if example.starts_with(UNKNOWN_NODE) => {
                let last = example[UNKNOWN_NODE.len()..].trim_start();
                format!(
                    "no request succeeded; the cluster sent it to a node whose name means nothing here (\"{last}\")"
                )
            }
            Self::NoSuccess { example } => {
                format!("no request succeeded; the server said most often \"{example}\"")
            }
            Self::NoConnectionLeft { made, asked } => format!(
                "after {made} of {asked} requests the load generator had closed its last connection"
            ),
            Self::NodeUnreached { node, attempts, reason } => format!(
                "no connection to {node}, a node of the cluster, could be opened in {} ({reason}), so the requests for its keys waited",
                with_noun(*attempts, "attempt")
            ),
            Self::NothingComplete { steps: 0, bytes } => format!(
                "no request was complete; {} of replies had come, and none to its end",
                number::bytes(*bytes as f64)
            ),
            Self::NothingComplete { steps, .. } => format!(
                "no request was complete; {} of iterations were answered, and none came to its end",
                with_noun(*steps, "step")
            ),
            Self::NothingHeard { missed } => match missed {
                Missed::Data => "no data came: nobody pushed what it waited for".to_owned(),
                Missed::Messages => {
                    "no message came: nobody published while it listened".to_owned()
                }
                Missed::Marks => "messages came, and none of them says when it was sent".to_owned(),
                Missed::Entry(example) => format!(
                    "nothing came, since each request to listen ended in an error, most often \"{example}\""
                ),
            },
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
            Self::ClientStarved { hold: Hold::Busy, .. }
            | Self::ClientStopped { hold: Hold::Busy, .. }
            | Self::ClientHeldUp { hold: Hold::Busy, .. } => BUSY_REMEDY,
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
            Self::ConnectionsRejected { .. } => "raise its maxclients, or use fewer connections",
            Self::ConnectionsMissing { means: Means::Pool, .. } => {
                "raise the server's maxclients and both sides' open files (ulimit -n), or use a smaller --pool-min-idle"
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
            Self::MessagesLost { .. } => {
                "look in the server's log for subscribers that it cut off (client-output-buffer-limit pubsub), and send less or to fewer of them"
            }
            Self::ConnectionsLost { .. } => self.lost_remedy(),
            Self::WrongBooks { .. } => {
                "use none of these numbers, and report this with the command line and result.json"
            }
            Self::Interrupted { .. } => "run it again to the end before deciding on it",
            Self::NoSuccess { example } => {
                remedy_by_error(example).unwrap_or("check the command and its arguments")
            }
            Self::NothingComplete { steps: 0, .. } => "measure longer, or ask for less at once",
            Self::NothingComplete { .. } => {
                "measure longer, or take larger steps (COUNT), or iterate over fewer keys"
            }
            Self::NothingHeard { missed } => nothing_heard_remedy(missed),
            Self::NodeUnreached { .. } => {
                "see that it runs, and that the address which the cluster announces for it (cluster-announce-ip; NAT, containers) can be reached from here"
            }
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

/// Its word for requests that the nodes of a cluster sent back and forth; their last answer follows.
const TOO_MANY_REDIRECTS: &str = "too-many-redirects";

/// Its word for requests that a cluster sent to a node whose name nobody had looked up.
const UNKNOWN_NODE: &str = "unknown-node";

/// What to do about a load generator that is busy with itself.
const BUSY_REMEDY: &str = "use smaller values or a smaller pipeline: what one thread works at for so long says little of the server";

/// What to do where nothing came.
fn nothing_heard_remedy(missed: &Missed) -> &'static str {
    match missed {
        Missed::Data => {
            "name whoever does in the same run: --command \"BLPOP LIST 0\" --command \"RPUSH LIST {stamp}\" (docs/operations-and-messages.md), or give the command a timeout"
        }
        Missed::Messages => {
            "name whoever does in the same run: --command \"SUBSCRIBE CHANNEL\" --command \"PUBLISH CHANNEL {stamp}\" (docs/operations-and-messages.md)"
        }
        Missed::Marks => {
            "publish them in the same run, with {stamp} in them: --command \"SUBSCRIBE CHANNEL\" --command \"PUBLISH CHANNEL {stamp}\" (docs/operations-and-messages.md)"
        }
        Missed::Entry(example) => {
            remedy_by_error(example).unwrap_or("check the command and its arguments")
        }
    }
}

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
        "MOVED" | "ASK" => {
            "it is a cluster: ask it as one (--cluster), with keys of one slot in each command ({tag})"
        }
        "CROSSSLOT" => "name keys of one slot in each command ({tag})",
        UNKNOWN_NODE => {
            "see that the names under which the nodes announce themselves can be looked up here (cluster-announce-hostname)"
        }
        TOO_MANY_REDIRECTS => {
            "let the nodes of the cluster agree on who has which slot (CLUSTER SLOTS on each), and measure again"
        }
        "NOGROUP" => "create the stream's group first (XGROUP CREATE STREAM GROUP $ MKSTREAM)",
        "READONLY" => "write to the primary: this server is a replica",
        "LOADING" | "BUSY" | "MISCONF" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" => {
            "bring the server into a state in which it answers, and measure again"
        }
        _ => return None,
    })
}

/// `1 request was`, `2 requests were`.
fn were(count: u64, word: &str) -> String {
    format!("{} {}", with_noun(count, word), if count == 1 { "was" } else { "were" })
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
#[path = "text_tests.rs"]
mod tests;
