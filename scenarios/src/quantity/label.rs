//! The name of a figure for people: `median KEYS execution time` for `keys.slowlog.KEYS.median`.
//!
//! The arm is not part of the name: two figures that are compared often differ only in the arm.

use super::{Metric, Quantity, SpanStat, StallCause, Stat, Subject, TraceField, TracePart, Window};
use aelab_units::format_duration;

impl Quantity {
    /// The name of the figure in words, without its arm.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.subject {
            Subject::Latency { group, metric, stat, window } => {
                let part = match window {
                    None => String::new(),
                    Some(Window { from, to }) => {
                        let (from, to) = (format_duration(*from), format_duration(*to));
                        format!(" from {from} to {to}")
                    }
                };
                format!("{} of {group}{part}", of_samples(*stat, metric_label(*metric)))
            }
            Subject::Count { group, which } => match which.as_str() {
                "ok" => format!("ok replies of {group}"),
                "error" => format!("error replies of {group}"),
                "timeout" => format!("timeouts of {group}"),
                which => format!("{which} requests of {group}"),
            },
            Subject::Connections { group, which } => match which.as_str() {
                "asked" => format!("requested connections of {group}"),
                "reconnects" => format!("reconnects of {group}"),
                which => format!("{which} connections of {group}"),
            },
            Subject::Pool { group, which } => match which.as_str() {
                "timeouts" => format!("pool timeouts of {group}"),
                "most_open" => format!("most open pool connections of {group}"),
                which => format!("{which} pool connections of {group}"),
            },
            Subject::AchievedRate { group } => format!("achieved rate of {group}"),
            Subject::Stall { cause, stat } => of_spans(*stat, &stall_label(cause), "stalls"),
            Subject::Slowlog { command, stat } => {
                of_spans(*stat, &format!("{command} execution time"), "executions")
            }
            Subject::Info { field } => format!("INFO {field}"),
            Subject::Growth { field } => format!("growth of INFO {field}"),
            Subject::Process { field } => field.label().to_owned(),
            Subject::Ae { path } => format!("AE STATS {path}"),
            Subject::Trace { field } => trace_label(*field),
            Subject::Procedure { figure, .. } => procedure_label(figure),
        }
    }
}

fn metric_label(metric: Metric) -> &'static str {
    match metric {
        Metric::Response => "response time",
        Metric::Service => "service time",
        Metric::Lag => "send lag",
        Metric::Connect => "connect time",
        Metric::FirstReply => "time to first reply",
        Metric::Wait => "wait for a pool connection",
    }
}

/// A statistic of a distribution.
fn of_samples(stat: Stat, what: &str) -> String {
    match stat {
        Stat::Count => format!("number of samples of {what}"),
        Stat::Min => format!("shortest {what}"),
        Stat::Mean => format!("mean {what}"),
        Stat::Max => format!("longest {what}"),
        Stat::Percentile(p) => format!("p{p} {what}"),
    }
}

/// A statistic of a list of periods; `counted` is the plural of one of them.
fn of_spans(stat: SpanStat, what: &str, counted: &str) -> String {
    match stat {
        SpanStat::Count => format!("{counted} ({what})"),
        SpanStat::Median => format!("median {what}"),
        SpanStat::Longest => format!("longest {what}"),
        SpanStat::Sum => format!("total {what}"),
        SpanStat::Lost => format!("client-seconds lost ({what})"),
    }
}

fn stall_label(cause: &StallCause) -> String {
    match cause {
        StallCause::Any => "stall".to_owned(),
        StallCause::Unexplained => "unexplained stall".to_owned(),
        StallCause::Command(command) => format!("{command} stall"),
    }
}

fn trace_label(field: TraceField) -> String {
    match field {
        TraceField::Records => "traced requests".to_owned(),
        TraceField::InOrder => "traced requests with their steps in order".to_owned(),
        TraceField::BeforeSleep => {
            "traced requests answered before the event loop slept".to_owned()
        }
        TraceField::Unaccounted => "longest unaccounted time of a traced request".to_owned(),
        TraceField::Part(part, stat) => {
            let part = match part {
                TracePart::WaitInBatch => "wait in the batch",
                TracePart::Parse => "parse time",
                TracePart::Execute => "execution time",
                TracePart::WaitToWrite => "wait before the write",
                TracePart::Write => "write time",
                TracePart::Total => "total time",
            };
            of_samples(stat, part)
        }
    }
}

/// The figure's own name without its unit: `stalled connect` for `stalled_connect_s`.
fn procedure_label(figure: &str) -> String {
    let units = ["_per_s", "_s", "_bytes"];
    let bare = units.iter().find_map(|unit| figure.strip_suffix(unit)).unwrap_or(figure);
    bare.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_the_figure() {
        let of = |subject| Quantity { arm: "a".into(), subject }.label();
        let command = StallCause::Command("KEYS".into());
        assert_eq!(
            of(Subject::Stall { cause: command, stat: SpanStat::Median }),
            "median KEYS stall"
        );
        let group = "victims".to_owned();
        let stat = Stat::Percentile(99.9);
        assert_eq!(
            of(Subject::Latency { group, metric: Metric::Response, stat, window: None }),
            "p99.9 response time of victims"
        );
        assert_eq!(procedure_label("stalled_connect_s"), "stalled connect");
        assert_eq!(procedure_label("window_min_bytes"), "window min");
        assert_eq!(procedure_label("ops_per_s"), "ops");
    }
}
