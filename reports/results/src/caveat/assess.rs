//! Which caveats a run has, given the facts about it.
//!
//! Pure: [`Facts`] in, caveats out; limits are the constants of the parent module.

use crate::caveat::{
    BUSY_S_MIN, CLIENT_CPU_SHARE_WARN, CLOCK_STEP_MS_WARN, Caveat, DRIFT_FACTOR_MAX,
    ERROR_SHARE_WARN, FREE_SEND_LAG_MAX_US, GAP_MS_WARN, Hold, LATE_SHARE_WARN, LOST_SHARE_WARN,
    Means, Pace, RATE_SHARE_WARN, STEAL_SHARE_WARN, STOPPED_SHARE_WARN, TIMER_SHARE_WARN,
};

/// What is known about a run at its end. `None` and 0 mean "nothing to report".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// What a reader can change about how the load reaches the server.
    pub means: Means,
    /// Length of the measurement in seconds.
    pub measured_s: f64,
    /// Share of one core that the work of the busiest engine thread took.
    pub client_cpu_share: Option<f64>,
    /// Median delay of due requests by the generator's timer, and the median response time, in µs, if its threads slept until the
    /// due times.
    pub timer_lag: Option<(f64, f64)>,
    /// Share of the measured waiting time that the generator's own delay explains, the total lateness of its threads in
    /// seconds, and the cause.
    pub late: Option<(f64, f64, Hold)>,
    /// Share of the measurement, and seconds, in which the generator was stopped or busy with one thing while a closed loop was
    /// running, and which of the two.
    pub stopped: Option<(f64, f64, Hold)>,
    /// Longest gap in ms and share of the time lost, of a loop that only read the clock before the run.
    pub gaps: Option<(f64, f64)>,
    /// Share of this machine's CPU time that the hypervisor gave to others.
    pub steal_share: Option<f64>,
    /// How often and for how long (ms) the CPU quota had run out.
    pub throttled: Option<(u64, f64)>,
    /// How far the wall clock moved against the monotonic one, in ms.
    pub clock_step_ms: f64,
    /// Connections open at the start, asked for, and the most frequent reason for those missing.
    pub connections: Option<(u64, u64, Option<String>)>,
    /// Reading commands of which none found anything, with their misses.
    pub no_hits: Vec<(String, u64)>,
    /// How long an automatic warm-up waited without success, in seconds, and what still changed.
    pub never_settled: Option<(f64, String)>,
    /// Requests per second that were due in the open-loop groups together.
    pub offered_rate: Option<f64>,
    /// Replies per second of the same groups, as their records have it.
    pub achieved_rate: f64,
    /// The part of it that may be missing without a caveat: replies that can only arrive after the end, and random variation.
    pub spared_rate: f64,
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
    /// Text of the most frequent error.
    pub error_example: Option<String>,
    /// Messages that subscribers missed, and that they received.
    pub messages_lost: (u64, u64),
    /// Connections lost in the measurement.
    pub connections_lost: u64,
    /// Those of them that the load generator closed because a reply could not be parsed, with the first reason.
    pub unreadable: Option<(u64, String)>,
    /// Those that it closed because a request had no reply within its time limit.
    pub overdue: u64,
    /// Seconds measured and planned, if the run ended early.
    pub interrupted: Option<(f64, Option<f64>)>,
}

/// The caveats that follow from the facts, the most severe first.
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
    if let Some(caveat) = client_limited(facts) {
        add_if(true, caveat);
    }
    let (count, received) = facts.messages_lost;
    add_if(count > 0, Caveat::MessagesLost { count, received });
    for caveat in machine(facts).into_iter().chain(beginnings(facts)) {
        add_if(true, caveat);
    }
    if let Some(offered) = facts.offered_rate {
        let (achieved, spared) = (facts.achieved_rate, facts.spared_rate);
        let caveat = Caveat::RateNotAchieved { achieved, offered, spared, means: facts.means };
        add_if(achieved + spared < offered * RATE_SHARE_WARN, caveat);
    }
    if let Some(p99_us) = facts.free_send_lag_p99_us {
        add_if(p99_us > FREE_SEND_LAG_MAX_US, Caveat::SendLagHigh { p99_us });
    }
    if let Some((lag_us, response_us)) = facts.timer_lag {
        let is_large = lag_us > TIMER_SHARE_WARN * response_us;
        add_if(is_large, Caveat::TimerLag { lag_us, response_us });
    }
    if let Some(drift) = facts.drift {
        let moved = !(DRIFT_FACTOR_MAX.recip()..=DRIFT_FACTOR_MAX).contains(&drift);
        add_if(moved, Caveat::WarmUpUnstable { drift, means: facts.means });
    }
    add_if(
        facts.error_share > ERROR_SHARE_WARN,
        Caveat::ErrorReplies { share: facts.error_share, example: facts.error_example.clone() },
    );
    let count = facts.connections_lost;
    let (overdue, unreadable) = (facts.overdue, facts.unreadable.clone());
    add_if(count > 0, Caveat::ConnectionsLost { count, overdue, unreadable });
    add_if(facts.shed > 0, Caveat::ShedRequests { count: facts.shed, means: facts.means });
    add_if(facts.unfinished > 0, Caveat::UnfinishedRequests { count: facts.unfinished });
    add_if(facts.beyond_range > 0, Caveat::ValueBeyondRange { count: facts.beyond_range });
    if let Some(&p) = facts.unsupported.iter().min_by(|a, b| a.total_cmp(b)) {
        let need = crate::stats::samples_needed(p);
        let (count, pace) = (facts.sample_count, pace(facts));
        add_if(true, Caveat::TooFewSamples { p, count, need, pace });
    }
    found.sort_by_key(Caveat::severity);
    found
}

/// Only a load with a schedule has a rate to lower.
const fn pace(facts: &Facts) -> Pace {
    if facts.offered_rate.is_some() { Pace::Schedule } else { Pace::Replies }
}

/// The generator was too busy, or lost the CPU: the more severe of the two is reported.
fn client_limited(facts: &Facts) -> Option<Caveat> {
    let busy = facts.client_cpu_share.filter(|share| *share > CLIENT_CPU_SHARE_WARN);
    let late = facts.late.filter(|(share, ..)| *share > LATE_SHARE_WARN);
    let length_s = Some(facts.measured_s).filter(|length_s| *length_s > 0.0);
    let too_short_s = length_s.filter(|length_s| *length_s < BUSY_S_MIN);
    let pace = pace(facts);
    let busy = busy.map(|cpu_share| Caveat::ClientLimited { cpu_share, too_short_s, pace });
    let late =
        late.map(|(late_share, late_s, hold)| Caveat::ClientStarved { late_share, late_s, hold });
    let stopped = facts.stopped.filter(|(share, ..)| *share > STOPPED_SHARE_WARN);
    let stopped =
        stopped.map(|(share, stopped_s, hold)| Caveat::ClientStopped { share, stopped_s, hold });
    stopped.into_iter().chain(busy).chain(late).min_by_key(Caveat::severity)
}

/// Effects of the machine.
fn machine(facts: &Facts) -> Vec<Caveat> {
    let mut found = Vec::new();
    if let Some((max_gap_ms, lost_share)) = facts.gaps
        && (max_gap_ms > GAP_MS_WARN || lost_share > LOST_SHARE_WARN)
    {
        found.push(Caveat::MachineNoisy { max_gap_ms, lost_share });
    }
    if let Some(share) = facts.steal_share.filter(|share| *share > STEAL_SHARE_WARN) {
        found.push(Caveat::CpuStolen { share });
    }
    if let Some((count, millis)) = facts.throttled.filter(|(count, _)| *count > 0) {
        found.push(Caveat::CpuThrottled { count, millis });
    }
    if facts.clock_step_ms.abs() > CLOCK_STEP_MS_WARN {
        found.push(Caveat::ClockStepped { millis: facts.clock_step_ms });
    }
    found
}

/// Problems at the start of the measurement.
fn beginnings(facts: &Facts) -> Vec<Caveat> {
    let mut found = Vec::new();
    if let Some((established, asked, reason)) = &facts.connections
        && established < asked
    {
        let (established, asked, reason) = (*established, *asked, reason.clone());
        let means = facts.means;
        found.push(Caveat::ConnectionsMissing { established, asked, reason, means });
    }
    if let Some((after_s, what)) = facts.never_settled.clone() {
        found.push(Caveat::NeverSettled { after_s, what });
    }
    let no_hits = facts.no_hits.iter().cloned();
    found.extend(no_hits.map(|(command, misses)| Caveat::NoHits {
        command,
        misses,
        means: facts.means,
    }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Severity;

    fn ids(facts: &Facts) -> Vec<(&'static str, Severity)> {
        assess(facts).iter().map(|c| (c.id(), c.severity())).collect()
    }

    #[test]
    fn a_clean_run_has_no_caveat() {
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
    fn the_most_severe_caveat_comes_first_and_each_has_a_remedy() {
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

    #[test]
    fn the_rate_shown_does_not_depend_on_what_is_allowed_for() {
        // 292.5 arrived and 5.5 more were in flight. Less than 1 % of 300 is missing, but much of 1,000; the figure is the same.
        let of = |offered| {
            let facts = Facts {
                offered_rate: Some(offered),
                achieved_rate: 292.5,
                spared_rate: 5.5,
                ..Facts::default()
            };
            assess(&facts)
        };
        assert_eq!(of(300.0), []);
        let [missed]: [Caveat; 1] = of(1000.0).try_into().expect("one caveat");
        assert!(missed.cause().starts_with("292.50 replies per second arrived, but 1000 requests"));
        assert_eq!(missed.to_record().value, Some(292.5));
        assert_eq!(missed.severity(), Severity::Invalid);
        let [missed]: [Caveat; 1] = of(305.0).try_into().expect("one caveat");
        assert_eq!(missed.severity(), Severity::Warning);
    }

    #[test]
    fn a_timer_that_is_a_large_part_of_the_response_time_is_named() {
        let with = |lag, response| Facts { timer_lag: Some((lag, response)), ..Facts::default() };
        assert_eq!(ids(&with(27.0, 300.0)), []);
        assert_eq!(ids(&with(27.0, 58.0)), [("timer-lag", Severity::Warning)]);
        let [caveat]: [Caveat; 1] = assess(&with(27.0, 58.0)).try_into().expect("one caveat");
        assert!(caveat.cause().contains("47 % of the median response time"), "{}", caveat.cause());
    }

    #[test]
    fn a_generator_without_a_cpu_is_the_limit() {
        let late =
            |share, seconds| Facts { late: Some((share, seconds, Hold::Kept)), ..Facts::default() };
        for (facts, want) in [
            (late(0.05, 3.0), vec![]),
            (late(0.15, 3.0), vec![("client-limited", Severity::Warning)]),
            (late(0.40, 3.0), vec![("client-limited", Severity::Invalid)]),
            // A single pause in a run of milliseconds.
            (late(0.40, 0.01), vec![("client-limited", Severity::Warning)]),
            // Busy and late: reported once, with the more severe cause.
            (
                Facts { client_cpu_share: Some(0.8), ..late(0.4, 1.0) },
                vec![("client-limited", Severity::Invalid)],
            ),
        ] {
            assert_eq!(ids(&facts), want, "{facts:?}");
        }
    }

    #[test]
    fn short_runs_are_not_judged_and_a_closed_loop_has_no_rate_to_lower() {
        let busy = |measured_s, offered_rate: Option<f64>| {
            let achieved_rate = offered_rate.unwrap_or(0.0);
            let client_cpu_share = Some(0.97);
            let facts = Facts {
                client_cpu_share,
                measured_s,
                offered_rate,
                achieved_rate,
                ..Facts::default()
            };
            let [caveat]: [Caveat; 1] = assess(&facts).try_into().expect("one caveat");
            (caveat.severity(), caveat.cause(), caveat.remedy())
        };
        let (severity, cause, remedy) = busy(0.008, None);
        assert_eq!(severity, Severity::Warning);
        assert!(cause.contains("8.0 ms, which is too short") && remedy.contains("`-n`"));
        let (severity, _, remedy) = busy(1.0, None);
        assert_eq!(severity, Severity::Invalid);
        assert!(remedy.contains("-c") && !remedy.contains("--rate"), "{remedy}");
        let (severity, _, remedy) = busy(1.0, Some(1000.0));
        assert_eq!(severity, Severity::Invalid);
        assert!(remedy.contains("--rate"), "{remedy}");
    }

    #[test]
    fn a_stopped_generator_has_no_valid_rate_in_a_closed_loop() {
        let of = |hold, share, seconds| Facts {
            stopped: Some((share, seconds, hold)),
            ..Facts::default()
        };
        let stopped = |share, seconds| of(Hold::Kept, share, seconds);
        // A busy generator was not stopped, but it was the limit too.
        let [busy]: [Caveat; 1] =
            assess(&of(Hold::Busy, 0.4, 0.571)).try_into().expect("one caveat");
        assert_eq!((busy.id(), busy.severity()), ("client-limited", Severity::Invalid));
        assert!(busy.cause().contains("busy for 571.0 ms"), "{}", busy.cause());
        assert!(!busy.cause().contains("stopped") && !busy.remedy().contains("suspend"));
        for (facts, want) in [
            (stopped(0.005, 1.0), vec![]),
            (stopped(0.03, 1.0), vec![("client-limited", Severity::Warning)]),
            (stopped(0.22, 0.9), vec![("client-limited", Severity::Invalid)]),
            (stopped(0.22, 0.05), vec![("client-limited", Severity::Warning)]),
        ] {
            assert_eq!(ids(&facts), want, "{facts:?}");
        }
    }

    #[test]
    fn the_machine_and_the_start_have_caveats_of_their_own() {
        let facts = Facts {
            gaps: Some((7.0, 0.01)),
            steal_share: Some(0.05),
            throttled: Some((12, 340.0)),
            clock_step_ms: -3_600_000.0,
            connections: Some((40, 50, Some("Connection refused".to_owned()))),
            no_hits: vec![("GET".to_owned(), 1000)],
            never_settled: Some((60.0, "p99".to_owned())),
            ..Facts::default()
        };
        let found: Vec<_> = ids(&facts).into_iter().map(|(id, _)| id).collect();
        let want = [
            "machine-noisy",
            "cpu-stolen",
            "cpu-throttled",
            "clock-stepped",
            "connections-missing",
            "warm-up-unstable",
            "no-hits",
        ];
        assert_eq!(found, want);
        let quiet = Facts {
            gaps: Some((0.3, 0.01)),
            steal_share: Some(0.0),
            throttled: Some((0, 0.0)),
            clock_step_ms: 3.0,
            connections: Some((50, 50, None)),
            ..Facts::default()
        };
        assert_eq!(ids(&quiet), []);
    }
}
