//! Doubts about a measurement, as values: what is wrong, how grave it is, what to do about it.
//!
//! The engine and the lab pass plain facts to [`assess`]; every limit is a named constant with its
//! reason. A caveat travels in the record, stands on top of every report and can turn a gate's
//! verdict to "invalid". It is never a log line that scrolls by.

use crate::record::{CaveatRecord, Severity};

/// Busiest engine thread above this share of one processor: replies start to wait for the client.
pub const CLIENT_CPU_SHARE_WARN: f64 = 0.75;
/// Above this share the client's own queue is part of every number.
pub const CLIENT_CPU_SHARE_MAX: f64 = 0.90;
/// Below this share of the offered rate the load was not quite the one asked for.
pub const RATE_SHARE_WARN: f64 = 0.99;
/// Below this share it was another load altogether.
pub const RATE_SHARE_MIN: f64 = 0.95;
/// Requests that found a free connection and still left this late (p99, in µs) show that the
/// client's timer or thread was late. Ten times what an absolute timerfd does on an idle machine.
pub const FREE_SEND_LAG_MAX_US: f64 = 1000.0;
/// Medians of the first and last third may differ by this factor: run-to-run noise on a busy
/// machine stays below it, an unfinished warm-up does not.
pub const DRIFT_FACTOR_MAX: f64 = 1.25;
/// Errors and timeouts above this share change what a percentile means.
pub const ERROR_SHARE_WARN: f64 = 0.001;

/// A doubt about a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Caveat {
    /// The load generator was the bottleneck, or close to it.
    ClientLimited {
        /// Share of one processor that the busiest engine thread used.
        cpu_share: f64,
    },
    /// Fewer replies per second than the plan offered.
    RateNotAchieved {
        /// Replies per second.
        achieved: f64,
        /// Requests per second in the plan.
        offered: f64,
    },
    /// Requests left late although a connection was free.
    SendLagHigh {
        /// p99 of that lag in µs.
        p99_us: f64,
    },
    /// A percentile that was asked for cannot be given.
    TooFewSamples {
        /// The percentile, in percent.
        p: f64,
        /// Samples at hand.
        count: u64,
        /// Samples needed.
        need: u64,
    },
    /// The server was still getting faster or slower.
    WarmUpUnstable {
        /// Median of the last third over median of the first.
        drift: f64,
    },
    /// Samples above the histogram's hour were counted but have no value.
    ValueBeyondRange {
        /// How many.
        count: u64,
    },
    /// Requests without reply at the end; they count as lower bounds.
    UnfinishedRequests {
        /// How many.
        count: u64,
    },
    /// Requests that were due and never sent, because too many were waiting.
    ShedRequests {
        /// How many.
        count: u64,
    },
    /// Errors or timeouts among the replies.
    ErrorReplies {
        /// Their share of the sent requests.
        share: f64,
        /// The first error's text, if it is known.
        example: Option<String>,
    },
    /// Connections were lost during the measurement and opened again.
    ConnectionsLost {
        /// How many times.
        count: u64,
    },
    /// The run was cut short.
    Interrupted {
        /// Seconds measured.
        measured_s: f64,
        /// Seconds planned, if the plan had a duration.
        planned_s: Option<f64>,
    },
    /// The server restarted, or another one answered.
    ServerChanged {
        /// What differed.
        what: String,
    },
    /// Something of the machine changed under the run.
    EnvironmentMoved {
        /// What moved.
        what: String,
    },
}

impl Caveat {
    /// Stable name for scripts.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::ClientLimited { .. } => "client-limited",
            Self::RateNotAchieved { .. } => "rate-not-achieved",
            Self::SendLagHigh { .. } => "send-lag-high",
            Self::TooFewSamples { .. } => "too-few-samples",
            Self::WarmUpUnstable { .. } => "warm-up-unstable",
            Self::ValueBeyondRange { .. } => "value-beyond-range",
            Self::UnfinishedRequests { .. } => "unfinished-requests",
            Self::ShedRequests { .. } => "shed-requests",
            Self::ErrorReplies { .. } => "error-replies",
            Self::ConnectionsLost { .. } => "connections-lost",
            Self::Interrupted { .. } => "interrupted",
            Self::ServerChanged { .. } => "server-changed",
            Self::EnvironmentMoved { .. } => "environment-moved",
        }
    }

    /// Whether the numbers may still be used.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let invalid = match self {
            Self::ClientLimited { cpu_share } => *cpu_share > CLIENT_CPU_SHARE_MAX,
            Self::RateNotAchieved { achieved, offered } => *achieved < offered * RATE_SHARE_MIN,
            Self::ServerChanged { .. } => true,
            _ => false,
        };
        if invalid { Severity::Invalid } else { Severity::Warning }
    }

    /// The figure behind the doubt and the limit it crossed.
    fn figures(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::ClientLimited { cpu_share } => {
                let invalid = *cpu_share > CLIENT_CPU_SHARE_MAX;
                let limit = if invalid { CLIENT_CPU_SHARE_MAX } else { CLIENT_CPU_SHARE_WARN };
                (Some(*cpu_share), Some(limit))
            }
            Self::RateNotAchieved { achieved, offered } => (Some(*achieved), Some(*offered)),
            Self::SendLagHigh { p99_us } => (Some(*p99_us), Some(FREE_SEND_LAG_MAX_US)),
            Self::TooFewSamples { count, need, .. } => (Some(*count as f64), Some(*need as f64)),
            Self::WarmUpUnstable { drift } => (Some(*drift), Some(DRIFT_FACTOR_MAX)),
            Self::ValueBeyondRange { count }
            | Self::UnfinishedRequests { count }
            | Self::ShedRequests { count }
            | Self::ConnectionsLost { count } => (Some(*count as f64), Some(0.0)),
            Self::ErrorReplies { share, .. } => (Some(*share), Some(ERROR_SHARE_WARN)),
            Self::Interrupted { measured_s, planned_s } => (Some(*measured_s), *planned_s),
            Self::ServerChanged { .. } | Self::EnvironmentMoved { .. } => (None, None),
        }
    }

    /// What is wrong, in one sentence.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::ClientLimited { cpu_share } => format!(
                "the load generator's busiest thread used {:.0} % of a processor, so part of the waiting may be its own",
                cpu_share * 100.0
            ),
            Self::RateNotAchieved { achieved, offered } => format!(
                "{achieved:.0} replies per second arrived where {offered:.0} requests per second were due"
            ),
            Self::SendLagHigh { p99_us } => format!(
                "one request in a hundred left more than {p99_us:.0} µs after it was due although a connection was free"
            ),
            Self::TooFewSamples { p, count, need } => {
                format!("p{p} needs {need} samples and the run has {count}, so it is not given")
            }
            Self::WarmUpUnstable { drift } => format!(
                "the median of the last third is {drift:.2} times that of the first third, so the server was not in a steady state"
            ),
            Self::ValueBeyondRange { count } => {
                format!("{count} samples above one hour were counted but have no value")
            }
            Self::UnfinishedRequests { count } => format!(
                "{count} requests had no reply at the end; they count with the time they had waited, which is a lower bound"
            ),
            Self::ShedRequests { count } => {
                format!(
                    "{count} requests were due and never sent, because too many were waiting already"
                )
            }
            Self::ErrorReplies { share, example } => {
                let example = example.as_ref().map_or(String::new(), |e| format!(", e.g. \"{e}\""));
                format!(
                    "{:.3} % of the requests ended in an error or a timeout{example}",
                    share * 100.0
                )
            }
            Self::ConnectionsLost { count } => {
                format!("connections were lost {count} times during the measurement")
            }
            Self::Interrupted { measured_s, planned_s } => match planned_s {
                Some(planned) => {
                    format!("the run was cut short after {measured_s:.1} of {planned:.1} seconds")
                }
                None => format!("the run was cut short after {measured_s:.1} seconds"),
            },
            Self::ServerChanged { what } => format!("the server changed during the run: {what}"),
            Self::EnvironmentMoved { what } => {
                format!("the machine changed during the run: {what}")
            }
        }
    }

    /// What to do about it, in one sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::ClientLimited { .. } => "use more --threads, a lower --rate, or another machine",
            Self::RateNotAchieved { .. } => "lower --rate, or use more --connections or --pipeline",
            Self::SendLagHigh { .. } => {
                "free a processor for the load generator, or use more --threads"
            }
            Self::TooFewSamples { .. } => "measure longer or at a higher rate",
            Self::WarmUpUnstable { .. } => "use a longer --warmup",
            Self::ValueBeyondRange { .. } => "set a --timeout below one hour",
            Self::UnfinishedRequests { .. } => "measure longer, or set a --timeout",
            Self::ShedRequests { .. } => "lower --rate, or use more --connections",
            Self::ErrorReplies { .. } => "look at the error and at the server's log",
            Self::ConnectionsLost { .. } => "look at the server's log, its timeout and maxclients",
            Self::Interrupted { .. } => "run it again to the end before deciding on it",
            Self::ServerChanged { .. } => "keep the server running and measure again",
            Self::EnvironmentMoved { .. } => "keep the machine quiet and measure again",
        }
    }

    /// The form that is stored.
    #[must_use]
    pub fn to_record(&self) -> CaveatRecord {
        let (value, limit) = self.figures();
        CaveatRecord {
            id: self.id().to_owned(),
            severity: self.severity(),
            value,
            limit,
            text: self.cause(),
            remedy: self.remedy().to_owned(),
        }
    }
}

/// What is known about a run when it is over. `None` and 0 mean "nothing to say".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Share of one processor that the busiest engine thread used.
    pub client_cpu_share: Option<f64>,
    /// Rate that the open-loop groups offered together, requests per second.
    pub offered_rate: Option<f64>,
    /// Replies per second of the same groups.
    pub achieved_rate: f64,
    /// p99 in µs of sent − intended over requests that found a free connection.
    pub free_send_lag_p99_us: Option<f64>,
    /// Percentiles asked for that the headline sample cannot support, in percent.
    pub unsupported: Vec<f64>,
    /// Samples of the headline.
    pub sample_count: u64,
    /// From [`crate::stats::drift`], over the headline's service time.
    pub drift: Option<f64>,
    /// Samples above the histogram's range.
    pub beyond_range: u64,
    /// Requests without reply at the end.
    pub unfinished: u64,
    /// Requests due and never sent.
    pub shed: u64,
    /// Share of the sent requests that ended in an error or a timeout.
    pub error_share: f64,
    /// Text of the first error.
    pub error_example: Option<String>,
    /// Connections lost in the measurement.
    pub connections_lost: u64,
    /// Seconds measured and planned, if the run was cut short.
    pub interrupted: Option<(f64, Option<f64>)>,
}

/// The caveats that the facts call for, the gravest first.
#[must_use]
pub fn assess(facts: &Facts) -> Vec<Caveat> {
    let mut found = Vec::new();
    let mut add_if = |crossed: bool, caveat: Caveat| {
        if crossed {
            found.push(caveat);
        }
    };
    if let Some((measured_s, planned_s)) = facts.interrupted {
        add_if(true, Caveat::Interrupted { measured_s, planned_s });
    }
    if let Some(cpu_share) = facts.client_cpu_share {
        add_if(cpu_share > CLIENT_CPU_SHARE_WARN, Caveat::ClientLimited { cpu_share });
    }
    if let Some(offered) = facts.offered_rate {
        let achieved = facts.achieved_rate;
        add_if(achieved < offered * RATE_SHARE_WARN, Caveat::RateNotAchieved { achieved, offered });
    }
    if let Some(p99_us) = facts.free_send_lag_p99_us {
        add_if(p99_us > FREE_SEND_LAG_MAX_US, Caveat::SendLagHigh { p99_us });
    }
    if let Some(drift) = facts.drift {
        let moved = !(DRIFT_FACTOR_MAX.recip()..=DRIFT_FACTOR_MAX).contains(&drift);
        add_if(moved, Caveat::WarmUpUnstable { drift });
    }
    add_if(
        facts.error_share > ERROR_SHARE_WARN,
        Caveat::ErrorReplies { share: facts.error_share, example: facts.error_example.clone() },
    );
    let count = facts.connections_lost;
    add_if(count > 0, Caveat::ConnectionsLost { count });
    add_if(facts.shed > 0, Caveat::ShedRequests { count: facts.shed });
    add_if(facts.unfinished > 0, Caveat::UnfinishedRequests { count: facts.unfinished });
    add_if(facts.beyond_range > 0, Caveat::ValueBeyondRange { count: facts.beyond_range });
    if let Some(&p) = facts.unsupported.iter().min_by(|a, b| a.total_cmp(b)) {
        let need = crate::stats::samples_needed(p);
        add_if(true, Caveat::TooFewSamples { p, count: facts.sample_count, need });
    }
    found.sort_by_key(Caveat::severity);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(facts: &Facts) -> Vec<(&'static str, Severity)> {
        assess(facts).iter().map(|c| (c.id(), c.severity())).collect()
    }

    #[test]
    fn a_clean_run_raises_no_doubt() {
        let facts = Facts {
            client_cpu_share: Some(0.3),
            offered_rate: Some(1000.0),
            achieved_rate: 999.0,
            free_send_lag_p99_us: Some(80.0),
            drift: Some(1.02),
            ..Facts::default()
        };
        assert_eq!(ids(&facts), []);
    }

    #[test]
    fn the_gravest_doubt_comes_first_and_each_says_what_to_do() {
        let facts = Facts {
            client_cpu_share: Some(0.97),
            offered_rate: Some(1000.0),
            achieved_rate: 970.0,
            unsupported: vec![99.99, 99.9],
            sample_count: 5000,
            interrupted: Some((3.0, Some(30.0))),
            ..Facts::default()
        };
        let want = [
            ("client-limited", Severity::Invalid),
            ("interrupted", Severity::Warning),
            ("rate-not-achieved", Severity::Warning),
            ("too-few-samples", Severity::Warning),
        ];
        assert_eq!(ids(&facts), want);
        for caveat in assess(&facts) {
            assert!(!caveat.remedy().is_empty() && !caveat.cause().is_empty());
        }
    }
}
