//! What to do about a caveat, in the flags of `loadgen run`. `scenario_keys` turns flags into the keys of a scenario file.
//!
//! Invariant: every remedy is one or more sentences without the last full stop, and names something that the reader can do.

use crate::caveat::text::{PROTOCOL_ERROR, TOO_MANY_REDIRECTS, UNKNOWN_NODE};
use crate::caveat::{CaptureTimes, Caveat, Hold, LATE_S_MIN, Means, Missed, Pace};

/// For a load generator that was busy with one operation.
const BUSY: &str = "Use smaller values or a smaller pipeline. Times measured while one operation blocks the load generator say little about the server";

/// For replies that cannot be parsed.
const UNREADABLE: &str = "Check that the server speaks the Redis protocol, and that no proxy in between mixes up its replies";

/// For a command that fails with an error of no known kind.
const CHECK_COMMAND: &str = "Check the command and its arguments";

impl Caveat {
    /// What to do about it.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one remedy per caveat")]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::ClientLimited { too_short_s: Some(_), .. } => {
                "Raise `-n` or give a `--duration`, so that the measurement takes at least one second"
            }
            Self::ClientLimited { pace: Pace::Schedule, .. } => {
                "Use more `--threads`, a lower `--rate`, or another machine for the load generator"
            }
            Self::ClientLimited { pace: Pace::Replies, .. } => {
                "Use more `--threads`, fewer connections (`-c`), a smaller pipeline (`-P`), or another machine for the load generator"
            }
            Self::ClientStarved { hold: Hold::Busy, .. }
            | Self::ClientStopped { hold: Hold::Busy, .. }
            | Self::ClientHeldUp { hold: Hold::Busy, .. } => BUSY,
            Self::ClientStarved { late_s, .. } if *late_s < LATE_S_MIN => {
                "Measure longer: in a short run, a single pause of the machine has a large effect"
            }
            Self::ClientStarved { .. } => {
                "Reserve more cores for the load generator (`--cpus`, a larger quota) and use them (`--threads`), or lower the load"
            }
            Self::ClientStopped { .. } => {
                "Run it again, and do not suspend the load generator or its machine"
            }
            Self::TimerLag { .. } => {
                "Give the load generator a core that neither the server nor other processes use, so that it can spin until the due time, or compare service times"
            }
            Self::SendLagHigh { .. } => {
                "Reserve a core for the load generator with `--cpus`, or use more `--threads`"
            }
            Self::ClientHeldUp { .. } | Self::MachineNoisy { .. } => {
                "Stop other processes, or reserve a core for the load generator with `--cpus`"
            }
            Self::CpuStolen { .. } => "Use a dedicated machine, or measure at a quieter time",
            Self::CpuThrottled { .. } => "Raise the quota (`cpu.max`), or lower the load",
            Self::ClockStepped { .. } => "Take care when you compare times of day with other logs",
            Self::ServerBusy { .. } => {
                "Wait until it has finished, or disable it for the measurement (`save \"\"`)"
            }
            Self::ServerStarved { .. } => {
                "Stop other processes, or reserve cores for the server, and measure again"
            }
            Self::KeysEvicted { .. } => {
                "Raise the server's `maxmemory`, or use fewer or smaller keys (`-r`, `-d`)"
            }
            Self::KeysExpired { .. } => {
                "Load keys that do not expire, or that live longer than the run"
            }
            Self::NoHits { means: Means::Capture { .. }, .. } => {
                "Load the data of the captured server before the replay"
            }
            Self::NoHits { .. } => "Load data first (`--prefill`), or use keys that exist",
            Self::NeverSettled { .. } => {
                "Use a longer `--warmup`, or find out what the server is still busy with"
            }
            Self::TooFewSamples { pace: Pace::Schedule, .. } => {
                "Measure longer, or at a higher rate"
            }
            Self::TooFewSamples { pace: Pace::Replies, .. } => "Measure longer",
            Self::WarmUpUnstable { means: Means::Capture { .. }, .. } => {
                "Replay the capture twice and use the second run. If that changes as well, so does the captured load"
            }
            Self::WarmUpUnstable { .. } => "Use a longer `--warmup`",
            Self::ValueBeyondRange { .. } => "Set a `--timeout` below one hour",
            Self::UnfinishedRequests { .. } => "Measure longer, or set a `--timeout`",
            Self::MessagesLost { .. } => {
                "Look in the server log for disconnected subscribers (`client-output-buffer-limit pubsub`), and publish less or to fewer subscribers"
            }
            Self::AccountingError { .. } => {
                "Do not use these numbers. Please report this with the command line and result.json"
            }
            Self::Interrupted { .. } => "Run it again to the end before you use the numbers",
            Self::NothingComplete { steps: 0, .. } => "Measure longer, or request less at once",
            Self::NothingComplete { .. } => {
                "Measure longer, use larger steps (`COUNT`), or iterate over fewer keys"
            }
            Self::ServerChanged { .. } => "Keep the server running and measure again",
            Self::CaptureDoubtful { .. } => "Capture again to the end if this matters",
            Self::ConnectionsRejected { .. } => {
                "Raise the server's `maxclients`, or use fewer connections"
            }
            Self::ConnectionsMissing { means: Means::Pool, .. } => {
                "Raise the server's `maxclients` and the limit of open files on both sides (`ulimit -n`), or use a smaller `--pool-min-idle`"
            }
            Self::ConnectionsMissing { .. } => {
                "Raise the server's `maxclients` and the limit of open files on both sides (`ulimit -n`), or use fewer connections (`-c`)"
            }
            Self::NodeUnreached { .. } => {
                "Check that the node runs, and that the address it announces (`cluster-announce-ip`; NAT, containers) can be reached from here"
            }
            Self::NoConnectionLeft { .. } => "Allow reconnects (`--reconnect immediate`)",
            Self::ConnectionsLost { .. } => self.lost_remedy(),
            Self::NothingHeard { missed } => nothing_heard(missed),
            Self::RateNotAchieved { means, .. } | Self::ShedRequests { means, .. } => {
                too_slow(*means)
            }
            Self::ErrorReplies { example, .. } => {
                let most = example.as_deref().unwrap_or("timed-out");
                by_error(most).unwrap_or("Look at the error and at the server log")
            }
            Self::NoSuccess { example } => by_error(example).unwrap_or(CHECK_COMMAND),
        }
    }

    /// By the most frequent reason: closed by the server, overdue, or not parsed.
    fn lost_remedy(&self) -> &'static str {
        let Self::ConnectionsLost { count, overdue, unreadable } = self else { return "" };
        let unreadable = unreadable.as_ref().map_or(0, |(count, _)| *count);
        let by_server = count.saturating_sub(overdue + unreadable);
        if by_server >= *overdue && by_server >= unreadable {
            "Check the server log and the server's `timeout` and `maxclients`"
        } else if *overdue >= unreadable {
            "Raise `--timeout`, or find out what blocks the server for so long"
        } else {
            UNREADABLE
        }
    }
}

/// For subscribers and blocking commands that received nothing.
fn nothing_heard(missed: &Missed) -> &'static str {
    match missed {
        Missed::Data => {
            "Push data in the same run: `--command \"BLPOP LIST 0\" --command \"RPUSH LIST {stamp}\"` (docs/operations-and-messages.md), or give the command a timeout"
        }
        Missed::Messages => {
            "Publish in the same run: `--command \"SUBSCRIBE CHANNEL\" --command \"PUBLISH CHANNEL {stamp}\"` (docs/operations-and-messages.md)"
        }
        Missed::Marks => {
            "Publish messages with `{stamp}` in the same run: `--command \"SUBSCRIBE CHANNEL\" --command \"PUBLISH CHANNEL {stamp}\"` (docs/operations-and-messages.md)"
        }
        Missed::Entry(example) => by_error(example).unwrap_or(CHECK_COMMAND),
    }
}

/// For a server that is slower than the schedule.
fn too_slow(means: Means) -> &'static str {
    match means {
        Means::Connections => {
            "Lower `--rate`, or use more `--connections` or a larger `--pipeline`"
        }
        Means::Pool => "Lower `--rate`, or use a larger `--pool-max-total`",
        Means::Capture { times: CaptureTimes::Captured } => "Lower `--replay-speed`",
        Means::Capture { times: CaptureTimes::Own } => "Lower `--rate`",
    }
}

/// For requests that failed, by the first word of the most frequent error.
fn by_error(example: &str) -> Option<&'static str> {
    Some(match example.split(' ').next().unwrap_or_default() {
        "pool-exhausted" => {
            "Use a larger pool or a longer maximum wait, and check whether a long command blocks the server"
        }
        PROTOCOL_ERROR => UNREADABLE,
        "timed-out" => "Raise `--timeout`, and check whether a long command blocks the server",
        "OOM" => "Raise the server's `maxmemory`, or write fewer or smaller keys (`-r`, `-d`)",
        "NOAUTH" | "NOPERM" => "Log in as a user with the permission (`-a`, `--user`)",
        "WRONGTYPE" => "Use keys that hold no other type, or start with an empty database",
        "MOVED" | "ASK" => {
            "The server is a cluster: run in cluster mode (`--cluster`), with keys of one slot in each command (`{tag}`)"
        }
        "CROSSSLOT" => "Use keys of one slot in each command (`{tag}`)",
        UNKNOWN_NODE => {
            "Check that the names which the nodes announce (`cluster-announce-hostname`) can be resolved here"
        }
        TOO_MANY_REDIRECTS => {
            "Make sure that all cluster nodes agree on the owner of each slot (`CLUSTER SLOTS` on each), and measure again"
        }
        "NOGROUP" => "Create the stream's group first (`XGROUP CREATE STREAM GROUP $ MKSTREAM`)",
        "READONLY" => "Write to the primary: this server is a replica",
        "LOADING" | "BUSY" | "MISCONF" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" => {
            "Wait until the server accepts commands again, and measure again"
        }
        _ => return None,
    })
}
