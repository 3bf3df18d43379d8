//! Conditions that every claim has: a figure that was made by a lack of CPU time or by an unexplained stall decides nothing.
//!
//! An author can add requirements and cannot remove these. Only times and rates are affected. Invariant: the conditions look
//! at the disturbance and at the size of the figure, never at the verdict that would follow.

use crate::arm::ArmOutcome;
use crate::observe::cpu_wait::{cpu_s, cpu_wait_s};
use crate::observe::stall_cause::WAITING;
use aelab_results::caveat::{LATE_SHARE_WARN, STARVED_SHARE_WARN};
use aelab_scenarios::criterion::{
    Dimension, Metric, Quantity, StallCause, Stat, Subject, TraceField,
};
use aelab_scenarios::judge::{Bias, Measured, Noise, in_words};

/// Below this share of the measurement, a server's wait for a CPU is that of a quiet machine.
const QUIET_SHARE: f64 = 0.01;
/// From this share of a time on, the average wait for a CPU per reply is a part of the result.
const WAIT_OF_TIME: f64 = 0.1;
/// From this share of a maximum on, a pause of another program may have made it.
const PAUSE_OF_MAX: f64 = 0.5;
/// From this share of the samples above a percentile on, unexplained stalls may have made it.
const STALLED_OF_TAIL: f64 = 0.5;
/// With this many repetitions of an arm, the interval of a figure shows whether an unexplained stall recurs.
const REPETITIONS: usize = 3;

/// What disturbed a run of an arm.
#[derive(Debug, Clone, Default, PartialEq)]
struct Disturbance {
    /// Length of the measurement, in seconds.
    measured_s: f64,
    /// Replies in it.
    replies: f64,
    /// How long the server waited for a CPU because of other programs, in seconds; 0 if it cannot be observed.
    server_waited_s: f64,
    /// CPU time of the server meanwhile, in seconds.
    server_ran_s: f64,
    /// Shorter pauses are no stalls, in seconds.
    stall_threshold_s: f64,
    /// Share of the measured waiting time that the load generator's own delay explains.
    client_late_share: f64,
    /// The load generator's longest delay, in seconds.
    client_late_max_s: f64,
    /// Stalls without a known cause.
    stalls: Vec<Unexplained>,
}

/// A stall without a known cause.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Unexplained {
    length_s: f64,
    delayed: f64,
    /// The server waited for a CPU meanwhile.
    waited: bool,
}

impl Unexplained {
    /// Whether it is more than one long reply: with a single connection, each reply that takes long is a time without replies.
    fn is_of_all(&self) -> bool {
        self.delayed > 1.0
    }
}

/// How a figure follows from the times of requests.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Percentile(f64),
    Mean,
    Max,
}

/// What may have moved a figure, in any repetition of its arm.
pub(super) fn of(arms: &[ArmOutcome], quantity: &Quantity, measured: &Measured) -> Option<Noise> {
    let turns: Vec<&ArmOutcome> = arms.iter().filter(|arm| arm.name == quantity.arm).collect();
    let recurs = turns.len() >= REPETITIONS;
    turns.iter().enumerate().find_map(|(index, arm)| {
        let value = measured.repetitions.get(index).copied().unwrap_or(measured.figure.value);
        of_run(arm, &quantity.subject, value, recurs)
    })
}

fn of_run(arm: &ArmOutcome, subject: &Subject, value: f64, recurs: bool) -> Option<Noise> {
    let mut disturbance = Disturbance::of(arm);
    if recurs {
        disturbance.stalls.retain(|stall| stall.waited);
    }
    let too_high = |(why, amount): (String, f64)| Noise { why, bias: Bias::TooHigh, amount };
    match subject {
        Subject::Latency { metric, stat, .. } => {
            if *metric == Metric::Lag {
                // It is the load generator's own delay that is measured.
                disturbance.client_late_share = 0.0;
                disturbance.client_late_max_s = 0.0;
            }
            disturbance.made(form(*stat)?, value).map(too_high)
        }
        Subject::Trace { field: TraceField::Part(_, stat) } => {
            let server = Disturbance {
                measured_s: disturbance.measured_s,
                replies: disturbance.replies,
                server_waited_s: disturbance.server_waited_s,
                server_ran_s: disturbance.server_ran_s,
                stall_threshold_s: disturbance.stall_threshold_s,
                ..Disturbance::default()
            };
            server.made(form(*stat)?, value).map(too_high)
        }
        Subject::Stall { cause: StallCause::Any | StallCause::Unexplained, .. } => {
            let waited = disturbance.stalls.iter().filter(|stall| stall.waited);
            let longest = waited.map(|stall| stall.length_s).max_by(f64::total_cmp)?;
            let why = format!("the server waited for a CPU in a stall of {}", time(longest));
            Some(too_high((why, f64::INFINITY)))
        }
        Subject::AchievedRate { group } => {
            let mut groups = arm.kept.record.groups.iter();
            let is_closed = groups.any(|own| own.name == *group && own.arrival.process == "closed");
            let why = disturbance.slowed().filter(|_| is_closed)?;
            Some(Noise { why, bias: Bias::TooLow, amount: f64::INFINITY })
        }
        _ => None,
    }
}

fn form(stat: Stat) -> Option<Form> {
    match stat {
        Stat::Percentile(p) => Some(Form::Percentile(p)),
        Stat::Mean => Some(Form::Mean),
        Stat::Max => Some(Form::Max),
        // A count is no time, and the shortest time is that of a request that nothing disturbed.
        Stat::Count | Stat::Min => None,
    }
}

fn time(seconds: f64) -> String {
    in_words(seconds, Dimension::Time)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

impl Disturbance {
    #[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^53")]
    fn of(arm: &ArmOutcome) -> Self {
        let record = &arm.kept.record;
        let replies: u64 = record.groups.iter().map(|g| g.counts.ok + g.counts.error).sum();
        let audit = record.audit.as_ref();
        let late_max = |audit: &aelab_results::record::Audit| {
            audit.threads.iter().map(|thread| thread.late_max_us).fold(0.0, f64::max) / 1e6
        };
        // A procedure beside the load may stall the server on purpose.
        let is_plain = record.procedure.is_none();
        let unexplained = record.stalls.iter().filter(|stall| stall.cause.is_none());
        Self {
            measured_s: record.duration_s,
            replies: replies as f64,
            server_waited_s: cpu_wait_s(&arm.observed.process).unwrap_or(0.0),
            server_ran_s: cpu_s(&arm.observed.process).unwrap_or(0.0),
            stall_threshold_s: arm.stall_threshold.as_secs_f64(),
            client_late_share: audit.and_then(|audit| audit.late_share).unwrap_or(0.0),
            client_late_max_s: audit.map_or(0.0, late_max),
            stalls: unexplained
                .map(|stall| Unexplained {
                    length_s: stall.duration_s,
                    delayed: stall.delayed as f64,
                    waited: stall.evidence.iter().any(|line| line.starts_with(WAITING)),
                })
                .filter(|stall| stall.waited || (is_plain && stall.is_of_all()))
                .collect(),
        }
    }

    /// Share of the measurement in which the server waited for a CPU.
    fn waited_share(&self) -> f64 {
        if self.measured_s > 0.0 { self.server_waited_s / self.measured_s } else { 0.0 }
    }

    /// Why a closed loop was slower than the server.
    fn slowed(&self) -> Option<String> {
        let (server, client) = (self.waited_share(), self.client_late_share);
        if server > STARVED_SHARE_WARN {
            Some(format!("the server waited for a CPU for {} of the measurement", percent(server)))
        } else if client > LATE_SHARE_WARN {
            Some(late(client))
        } else {
            None
        }
    }

    /// Why a time of this form may be that of a disturbance, and by how much it may be too long.
    fn made(&self, form: Form, value: f64) -> Option<(String, f64)> {
        self.by_server(form, value)
            .or_else(|| self.by_client(form, value))
            .or_else(|| self.by_stalls(form, value))
    }

    /// A share of the measurement in which the server waited is also the share of the requests that become due in it.
    ///
    /// While a request waited, the server waited for as much of the time as it did whenever it had work, and for one pause more.
    fn by_server(&self, form: Form, value: f64) -> Option<(String, f64)> {
        let share = self.waited_share();
        let each = self.server_waited_s / self.replies.max(1.0);
        let is_tail = matches!(form, Form::Percentile(p) if share > 1.0 - p / 100.0);
        let is_part = form != Form::Max && each > WAIT_OF_TIME * value;
        let wanted_s = self.server_waited_s + self.server_ran_s;
        let of_work = if wanted_s > 0.0 { self.server_waited_s / wanted_s } else { 1.0 };
        let waits = self.stalls.iter().filter(|stall| stall.waited).map(|stall| stall.length_s);
        let pause = waits.fold(self.stall_threshold_s, f64::max);
        let amount = if form == Form::Mean { value } else { pause + of_work * value };
        (share > QUIET_SHARE && (is_tail || is_part)).then(|| {
            let why =
                format!("the server waited for a CPU for {} of the measurement", percent(share));
            (why, amount)
        })
    }

    /// The load generator may send late and read late: twice its longest delay.
    fn by_client(&self, form: Form, value: f64) -> Option<(String, f64)> {
        let (share, longest) = (self.client_late_share, self.client_late_max_s);
        match form {
            Form::Max => (longest >= PAUSE_OF_MAX * value && longest > 0.0).then(|| {
                let why = format!("the load generator itself was late by up to {}", time(longest));
                (why, 2.0 * longest)
            }),
            Form::Mean => (share > LATE_SHARE_WARN).then(|| (late(share), value)),
            Form::Percentile(_) => {
                let amount = if longest > 0.0 { 2.0 * longest } else { value };
                (share > LATE_SHARE_WARN).then(|| (late(share), amount))
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a few stalls")]
    fn by_stalls(&self, form: Form, value: f64) -> Option<(String, f64)> {
        let long = || self.stalls.iter().filter(|stall| stall.length_s >= PAUSE_OF_MAX * value);
        let delayed: f64 = long().map(|stall| stall.delayed).sum();
        let enough = match form {
            Form::Max => true,
            Form::Percentile(p) => delayed > STALLED_OF_TAIL * (1.0 - p / 100.0) * self.replies,
            Form::Mean => {
                // A request in a stall waits for half of it on average.
                let waited: f64 = self.stalls.iter().map(|s| s.delayed * s.length_s / 2.0).sum();
                return (waited > WAIT_OF_TIME * value * self.replies && waited > 0.0)
                    .then(|| (stalled(self.stalls.len() as f64, self.longest()), value));
            }
        };
        let count = long().count();
        (enough && count > 0).then(|| (stalled(count as f64, self.longest()), self.longest()))
    }

    fn longest(&self) -> f64 {
        self.stalls.iter().map(|stall| stall.length_s).fold(0.0, f64::max)
    }
}

fn late(share: f64) -> String {
    format!("{} of the waiting time is the load generator's own delay", percent(share))
}

fn stalled(count: f64, longest: f64) -> String {
    let what = if count == 1.0 { "a stall".to_owned() } else { format!("{count} stalls") };
    format!(
        "{what} of up to {} without a known cause may have made this figure; set `repeat` to {REPETITIONS} or more to \
         see whether they recur",
        time(longest)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Disturbance {
        Disturbance { measured_s: 10.0, replies: 10_000.0, ..Disturbance::default() }
    }

    /// Which of p50, p99, mean and max of these values (in ms) are made by the disturbance.
    fn check(disturbance: &Disturbance, [p50, p99, mean, max]: [f64; 4], wanted: &str) {
        let forms = [
            ("p50", Form::Percentile(50.0), p50),
            ("p99", Form::Percentile(99.0), p99),
            ("mean", Form::Mean, mean),
            ("max", Form::Max, max),
        ];
        let made = forms.iter().filter(|(_, form, ms)| disturbance.made(*form, ms / 1e3).is_some());
        let names: Vec<&str> = made.map(|(name, ..)| *name).collect();
        assert_eq!(names.join(" "), wanted, "{disturbance:?}");
    }

    #[test]
    fn a_disturbance_decides_no_figure_that_it_may_have_made() {
        let times = [0.1, 1.0, 0.15, 20.0];
        check(&quiet(), times, "");
        let waited = |server_waited_s| Disturbance { server_waited_s, ..quiet() };
        check(&waited(0.05), times, "");
        // 2 % of all requests found a server without a CPU; each reply waited for 20 us on average.
        check(&waited(0.2), times, "p50 p99 mean");
        check(&waited(0.2), [2.0, 9.0, 3.0, 20.0], "p99");
        let late = |share| Disturbance { client_late_share: share, ..quiet() };
        check(&late(0.05), times, "");
        check(&late(0.15), times, "p50 p99 mean");
        check(&Disturbance { client_late_max_s: 0.012, ..quiet() }, times, "max");
        let stalls = |delayed, length_s| Disturbance {
            stalls: vec![Unexplained { length_s, delayed, waited: false }],
            ..quiet()
        };
        check(&stalls(10.0, 0.01), times, "max");
        check(&stalls(10.0, 0.004), [2.0, 9.0, 3.0, 20.0], "");
        check(&stalls(60.0, 0.01), times, "p99 mean max");
        check(&stalls(60.0, 0.01), [2.0, 30.0, 3.0, 40.0], "");
    }

    #[test]
    fn one_long_reply_is_no_stall() {
        let stall = |delayed| Unexplained { length_s: 0.1, delayed, waited: false };
        assert!(!stall(1.0).is_of_all() && stall(2.0).is_of_all());
    }

    #[test]
    fn a_closed_loop_is_slowed_by_both() {
        assert_eq!(quiet().slowed(), None);
        let slow = Disturbance { server_waited_s: 0.3, ..quiet() };
        let text = "the server waited for a CPU for 3.0 % of the measurement";
        assert_eq!(slow.slowed().as_deref(), Some(text));
        assert!(Disturbance { client_late_share: 0.2, ..quiet() }.slowed().is_some());
    }
}
