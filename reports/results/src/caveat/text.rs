//! The texts of the caveats: what is wrong. What to do about it is in `remedy`.
//!
//! No limits and no decisions. Invariant: every text is one or more sentences without the last full stop, so that a remedy can
//! follow it (`CaveatRecord::message`).

use crate::caveat::{BUSY_S_MIN, Caveat, Hold, Missed};
use crate::text::number::{self, with_noun};

/// The first word of the errors of requests whose replies could not be parsed.
pub(super) const PROTOCOL_ERROR: &str = "protocol-error";

/// The first word of the errors of requests that cluster nodes redirected in a loop; the last reply follows.
pub(super) const TOO_MANY_REDIRECTS: &str = "too-many-redirects";

/// The first word of the errors of requests that a cluster redirected to a host name that was not resolved.
pub(super) const UNKNOWN_NODE: &str = "unknown-node";

/// A long operation inside the load generator, as the texts name it.
const ONE_OPERATION: &str = "one operation, such as copying a huge value,";

impl Caveat {
    /// What is wrong.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one text per caveat")]
    pub fn cause(&self) -> String {
        match self {
            // The load generator.
            Self::ClientLimited { cpu_share, too_short_s: Some(length_s), .. } => format!(
                "the busiest load generator thread used {:.0} % of a core, but the measurement took only {}, which is too short to tell whether the load generator was the limit",
                cpu_share * 100.0,
                span(length_s * 1e6)
            ),
            Self::ClientLimited { cpu_share, .. } => format!(
                "the busiest load generator thread used {:.0} % of a core, so part of the measured time may be its own",
                cpu_share * 100.0
            ),
            Self::ClientStarved { late_share, late_s, hold } => {
                let (share, late) = (late_share * 100.0, span(late_s * 1e6));
                let why = match hold {
                    Hold::Kept => format!("its threads lost the CPU for {late}"),
                    Hold::Busy => format!("{ONE_OPERATION} kept its threads busy for {late}"),
                };
                format!("the load generator caused about {share:.0} % of the measured time: {why}")
            }
            Self::ClientStopped { share, stopped_s, hold } => {
                let (share, stopped) = (share * 100.0, span(stopped_s * 1e6));
                let what = match hold {
                    Hold::Kept => format!("the load generator was stopped for {stopped}"),
                    Hold::Busy => {
                        format!("{ONE_OPERATION} kept the load generator busy for {stopped}")
                    }
                };
                format!(
                    "{what} ({share:.0} % of the measurement). A closed loop sends nothing during that time, so its rate is too low by the same share"
                )
            }
            Self::ClientHeldUp { times: count, longest_ms, hold } => format!(
                "the load generator {} {} while requests were due (longest {}). These pauses are not counted as server stalls",
                match hold {
                    Hold::Kept => "lost the CPU",
                    Hold::Busy => "was busy with one operation",
                },
                times(*count),
                span(longest_ms * 1e3)
            ),
            Self::TimerLag { lag_us, response_us } => format!(
                "the load generator's timer fired {} after the due time (median), which is {:.0} % of the median response time ({})",
                span(*lag_us),
                lag_us / response_us * 100.0,
                span(*response_us)
            ),
            Self::SendLagHigh { p99_us } => format!(
                "1 % of the requests were sent more than {} late, although a connection was free",
                span(*p99_us)
            ),
            // Its machine.
            Self::MachineNoisy { max_gap_ms, lost_share } => format!(
                "before the run, a loop that only reads the clock lost the CPU for {:.1} % of its time (longest gap {})",
                lost_share * 100.0,
                span(max_gap_ms * 1e3)
            ),
            Self::CpuStolen { share } => format!(
                "the hypervisor gave {:.1} % of this machine's CPU time to other machines",
                share * 100.0
            ),
            Self::CpuThrottled { count, millis } => format!(
                "the CPU quota of this control group ran out {} ({} in total)",
                times(*count),
                span(millis * 1e3)
            ),
            Self::ClockStepped { millis } => format!(
                "the wall clock was changed by {} during the run. Response times use the monotonic clock and are not affected",
                span(millis.abs() * 1e3)
            ),
            // The server.
            Self::ServerBusy { what } => format!("the server was {what}"),
            Self::ServerStarved { share, waited_s, longest_s } => {
                let longest = match *longest_s > 0.0 {
                    true => {
                        format!(". The longest stall caused by this took {}", span(longest_s * 1e6))
                    }
                    false => String::new(),
                };
                format!(
                    "the server process waited for a CPU for {} ({:.1} % of the measurement){longest}",
                    span(waited_s * 1e6),
                    share * 100.0
                )
            }
            Self::KeysEvicted { count } => format!(
                "the server evicted {} during the run, so reads missed data that had been written",
                with_noun(*count, "key")
            ),
            Self::KeysExpired { count } => format!(
                "{} expired during the run, although the load sets no expiry",
                with_noun(*count, "key")
            ),
            Self::ConnectionsRejected { count } => {
                format!("the server rejected {} during the run", with_noun(*count, "connection"))
            }
            Self::ServerChanged { what } => format!("the server changed during the run: {what}"),
            // Connections.
            Self::ConnectionsMissing { established, asked, reason, .. } => {
                let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
                format!("only {established} of {asked} connections were open at the start{why}")
            }
            Self::ConnectionsLost { count, overdue, unreadable } => {
                format!(
                    "connections were lost {} during the measurement{}",
                    times(*count),
                    closed_by_client(*count, *overdue, unreadable.as_ref())
                )
            }
            Self::NoConnectionLeft { reached } => {
                format!("the load generator closed its last connection after {reached}")
            }
            Self::NodeUnreached { node, attempts, reason } => format!(
                "no connection to cluster node {node} could be opened in {} ({reason}), so the requests for its keys waited",
                with_noun(*attempts, "attempt")
            ),
            // Runs in which no request completed.
            Self::NoSuccess { example } => no_success(example),
            Self::NothingComplete { steps: 0, bytes } => format!(
                "no request completed. {} of replies arrived, but no reply was complete",
                number::bytes(*bytes as f64).replace('\u{a0}', " ")
            ),
            Self::NothingComplete { steps, .. } => format!(
                "no request completed. {} of iterations had a reply, but no iteration reached its end",
                with_noun(*steps, "step")
            ),
            Self::NothingHeard { missed: Missed::Data } => {
                "no data arrived: nothing was pushed to the keys that the command waits for"
                    .to_owned()
            }
            Self::NothingHeard { missed: Missed::Messages } => {
                "no message arrived: nothing was published while the subscribers were connected"
                    .to_owned()
            }
            Self::NothingHeard { missed: Missed::Marks } => {
                "messages arrived, but none of them contains the time when it was sent".to_owned()
            }
            Self::NothingHeard { missed: Missed::Entry(example) } => format!(
                "nothing arrived: all requests to subscribe or wait ended in errors, most often \"{example}\""
            ),
            // The numbers.
            Self::NoHits { command, misses, .. } => format!(
                "none of {misses} {command} requests found a value, so the times are those of misses"
            ),
            Self::NeverSettled { after_s, what } => format!(
                "{what} still changed after {after_s:.0} s of warm-up, so the server was not in a steady state"
            ),
            // With the digits of the table, which shows the same rate.
            Self::RateNotAchieved { achieved, offered, .. } => format!(
                "{achieved:.2} replies per second arrived, but {} requests per second were due. The backlog grew, so response times depend on the length of the run",
                (offered * 1e3).round() / 1e3
            ),
            Self::TooFewSamples { p, count, need, .. } => format!(
                "p{p} needs {need} samples, but the run has {count}, so p{p} is not reported"
            ),
            Self::WarmUpUnstable { drift, .. } => format!(
                "the median of the last third is {drift:.2} times that of the first third, so the server was not in a steady state"
            ),
            Self::ValueBeyondRange { count } => format!(
                "{} longer than one hour. They are counted, but have no value in the histogram",
                were(*count, "sample")
            ),
            Self::UnfinishedRequests { count } => format!(
                "{} had no reply at the end. They count with the time they had waited, which is a lower bound",
                with_noun(*count, "request")
            ),
            Self::ShedRequests { count, .. } => format!(
                "{} due but never sent, because too many requests were already waiting",
                were(*count, "request")
            ),
            Self::ErrorReplies { share, example } => {
                let example =
                    example.as_ref().map_or(String::new(), |e| format!(", most often \"{e}\""));
                format!(
                    "{:.3} % of the requests ended in an error or a timeout{example}",
                    share * 100.0
                )
            }
            Self::MessagesLost { count, received } => format!(
                "{count} of {} did not reach a subscriber. A message counts once for each subscriber; messages of the warm-up are included",
                with_noun(count + received, "message")
            ),
            Self::AccountingError { what } => format!(
                "internal error: the request counts of the load generator do not add up ({what})"
            ),
            Self::Interrupted { measured_s, planned_s } => {
                let planned = planned_s.map(|planned| format!("{planned:.1} seconds"));
                let after = match (*measured_s < BUSY_S_MIN, planned) {
                    (true, None) => span(measured_s * 1e6),
                    (true, Some(planned)) => format!("{} of {planned}", span(measured_s * 1e6)),
                    (false, None) => format!("{measured_s:.1} seconds"),
                    (false, Some(planned)) => format!("{measured_s:.1} of {planned}"),
                };
                format!("the run ended early, after {after}")
            }
            Self::CaptureDoubtful { what } => {
                format!("the capture is incomplete or out of order: {what}")
            }
        }
    }
}

/// Why no request succeeded, by the most frequent error.
fn no_success(example: &str) -> String {
    let after = |word: &str| example[word.len()..].trim_start().to_owned();
    let why = match example {
        "pool-exhausted" => "the pool never had a free connection".to_owned(),
        "timed-out" => "no reply arrived within the timeout".to_owned(),
        _ if example.starts_with(PROTOCOL_ERROR) => {
            format!("the replies could not be parsed ({})", after(PROTOCOL_ERROR))
        }
        _ if example.starts_with(TOO_MANY_REDIRECTS) => format!(
            "the cluster nodes redirected requests in a loop (last reply \"{}\")",
            after(TOO_MANY_REDIRECTS)
        ),
        _ if example.starts_with(UNKNOWN_NODE) => format!(
            "the cluster redirected requests to a node whose name cannot be resolved here (\"{}\")",
            after(UNKNOWN_NODE)
        ),
        _ => format!("the most frequent error was \"{example}\""),
    };
    format!("no request succeeded: {why}")
}

/// How many of the lost connections the load generator closed itself, and why.
fn closed_by_client(count: u64, overdue: u64, unreadable: Option<&(u64, String)>) -> String {
    let of = |part: u64| if part == count { "all".to_owned() } else { part.to_string() };
    let mut text = String::new();
    if overdue > 0 {
        text += &format!(
            ". The load generator closed {} of them because a request had no reply within its timeout",
            of(overdue)
        );
    }
    if let Some((part, reason)) = unreadable.filter(|(part, _)| *part > 0) {
        text += &format!(
            ". The load generator closed {} of them because a reply could not be parsed ({reason})",
            of(*part)
        );
    }
    text
}

/// `1 request was`, `2 requests were`.
fn were(count: u64, word: &str) -> String {
    format!("{} {}", with_noun(count, word), if count == 1 { "was" } else { "were" })
}

/// `once`, `2 times`.
fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// A duration in µs with its unit. The spaces are plain ones: the texts are searched in files and on terminals.
fn span(us: f64) -> String {
    match us {
        _ if us < 1e3 => format!("{us:.0} µs"),
        _ if us < 1e6 => format!("{:.1} ms", us / 1e3),
        _ => format!("{:.1} s", us / 1e6),
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
