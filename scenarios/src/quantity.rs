//! Paths to measured figures: `ARM.SUBJECT.PART.STATISTIC`, as text and as values.
//!
//! Names only; the lab supplies the figures. Invariant: a parsed path names an existing arm, group
//! or procedure, and `Display` writes the same path.

mod label;
mod parts;

pub use parts::{ProcessField, TraceField, TracePart};

use crate::arm::Arm;
use crate::dimension::Dimension;
use crate::error::unknown;
use aelab_units::{format_duration, parse_duration};
use parts::{check_command, parse_trace};
use std::fmt;
use std::time::Duration;

/// A path to a measured figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// The arm.
    pub arm: String,
    /// What is measured in the arm.
    pub subject: Subject,
}

/// What is measured in an arm.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// `GROUP.METRIC.STAT` or `GROUP.METRIC.STAT@FROM-TO`: a distribution of a group.
    Latency {
        /// The group.
        group: String,
        /// Which of its distributions.
        metric: Metric,
        /// Which statistic.
        stat: Stat,
        /// Only replies of this part of the measurement.
        window: Option<Window>,
    },
    /// `GROUP.count.ok` and so on: requests of a group.
    Count {
        /// The group.
        group: String,
        /// Which count; one of [`COUNTS`].
        which: String,
    },
    /// `GROUP.connections.established` and so on: connections of a group.
    Connections {
        /// The group.
        group: String,
        /// Which count; one of [`CONNECTION_COUNTS`].
        which: String,
    },
    /// `GROUP.pool.opened` and so on: counts of a group's emulated pool.
    Pool {
        /// The group.
        group: String,
        /// Which count; one of [`POOL_COUNTS`].
        which: String,
    },
    /// `GROUP.rate.achieved`: replies per second.
    AchievedRate {
        /// The group.
        group: String,
    },
    /// `stall.CAUSE.STAT`: stalls attributed to a command, `any`, or `unexplained`.
    Stall {
        /// Which stalls.
        cause: StallCause,
        /// Which statistic of their lengths.
        stat: SpanStat,
    },
    /// `slowlog.COMMAND.STAT`: the server's own execution times.
    Slowlog {
        /// The command's name in capitals.
        command: String,
        /// Which statistic.
        stat: SpanStat,
    },
    /// `info.FIELD`: a number of INFO after the run.
    Info {
        /// The field's name.
        field: String,
    },
    /// `growth.FIELD`: a number of INFO after the run minus before it.
    Growth {
        /// The field's name.
        field: String,
    },
    /// `process.FIELD`: what the operating system reports about the server's process.
    Process {
        /// Which figure.
        field: ProcessField,
    },
    /// `ae.PATH`: a number of AE STATS; the path has the names from the outermost to the innermost.
    Ae {
        /// The names, joined by dots.
        path: String,
    },
    /// `trace.FIELD` or `trace.PART.STAT`: requests that the bundled server traced (`AE TRACE`).
    Trace {
        /// Which figure.
        field: TraceField,
    },
    /// `procedure.FIGURE`: a figure of the arm's procedure.
    Procedure {
        /// Its name.
        figure: String,
        /// Its dimension.
        dimension: Dimension,
    },
}

/// A part of the measurement; times count from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Start.
    pub from: Duration,
    /// End, later than the start.
    pub to: Duration,
}

/// Which stalls a figure covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StallCause {
    /// All stalls.
    Any,
    /// Stalls that no command of the scenario explains: caused by the machine or by the server's
    /// housekeeping.
    Unexplained,
    /// Stalls attributed to the command of this name, in capitals.
    Command(String),
}

impl StallCause {
    fn parse(text: &str) -> Self {
        match text {
            "any" => Self::Any,
            "unexplained" => Self::Unexplained,
            command => Self::Command(command.to_uppercase()),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Any => "any",
            Self::Unexplained => "unexplained",
            Self::Command(name) => name,
        }
    }
}

/// The distributions of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Replied − intended.
    Response,
    /// Replied − sent.
    Service,
    /// Sent − intended.
    Lag,
    /// From the start of the connect to the open connection.
    Connect,
    /// From the start of the connect to the first byte from the server.
    FirstReply,
    /// The wait of a request for a connection of the pool.
    Wait,
}

impl Metric {
    /// All metrics.
    pub const ALL: [Self; 6] =
        [Self::Response, Self::Service, Self::Lag, Self::Connect, Self::FirstReply, Self::Wait];

    /// The name used in paths.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
            Self::Lag => "lag",
            Self::Connect => "connect",
            Self::FirstReply => "first_reply",
            Self::Wait => "wait",
        }
    }

    /// Whether it is recorded by time, so that a window can be selected.
    fn is_by_time(self) -> bool {
        matches!(self, Self::Response | Self::Service | Self::Lag)
    }
}

/// A statistic of a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stat {
    /// The number of samples.
    Count,
    /// The smallest.
    Min,
    /// The average.
    Mean,
    /// The largest.
    Max,
    /// The percentile, 0–100 exclusive.
    Percentile(f64),
}

/// A statistic of a list of periods (stalls, slow log entries).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanStat {
    /// The number.
    Count,
    /// The median.
    Median,
    /// The longest.
    Longest,
    /// The sum.
    Sum,
    /// Client-seconds lost (stalls only).
    Lost,
}

impl SpanStat {
    const ALL: [Self; 5] = [Self::Count, Self::Median, Self::Longest, Self::Sum, Self::Lost];

    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Median => "median",
            Self::Longest => "longest",
            Self::Sum => "sum",
            Self::Lost => "lost",
        }
    }
}

/// The counts of a group's requests.
pub const COUNTS: [&str; 7] = ["scheduled", "sent", "shed", "ok", "error", "timeout", "unfinished"];
/// The counts of a group's connections.
pub const CONNECTION_COUNTS: [&str; 6] =
    ["asked", "established", "failed", "lost", "reconnects", "renewed"];
/// The counts of a group's emulated pool.
pub const POOL_COUNTS: [&str; 4] = ["opened", "closed", "timeouts", "most_open"];

/// Subjects that are not groups; groups must not have these names.
pub(crate) const RESERVED_SUBJECTS: [&str; 8] =
    ["stall", "slowlog", "info", "growth", "process", "ae", "trace", "procedure"];

const EXAMPLES: &str = "write a path such as ARM.GROUP.response.p99, ARM.stall.CAUSE.longest, \
                        ARM.slowlog.COMMAND.median or ARM.info.FIELD";

impl Quantity {
    /// Parses a path; `arm_of` finds an arm or returns the error message.
    pub(crate) fn parse<'a>(
        path: &str,
        arm_of: &dyn Fn(&str) -> Result<&'a Arm, String>,
    ) -> Result<Self, String> {
        let too_short = || format!("incomplete path: `{path}`; {EXAMPLES}");
        let (arm, rest) = path.split_once('.').ok_or_else(too_short)?;
        let (subject, rest) = rest.split_once('.').ok_or_else(too_short)?;
        if arm.is_empty() || subject.is_empty() || rest.is_empty() {
            return Err(too_short());
        }
        let of = arm_of(arm)?;
        let two = || {
            rest.split_once('.')
                .filter(|(_, last)| !last.is_empty())
                .ok_or_else(|| format!("incomplete path: `{path}` has no last part; {EXAMPLES}"))
        };
        let span = |text: &str| parse_name("statistic", text, &SpanStat::ALL, SpanStat::name);
        let subject = match subject {
            "info" => Subject::Info { field: rest.to_owned() },
            "growth" => Subject::Growth { field: rest.to_owned() },
            "ae" => Subject::Ae { path: rest.to_owned() },
            "trace" => Subject::Trace { field: parse_trace(rest)? },
            "process" => {
                let all = ProcessField::ALL.map(|(field, ..)| field);
                let field = parse_name("process figure", rest, &all, ProcessField::name)?;
                Subject::Process { field }
            }
            "procedure" => procedure_subject(of, rest)?,
            "stall" => {
                let (cause, stat) = two()?;
                let cause = StallCause::parse(cause);
                if let StallCause::Command(name) = &cause {
                    check_command(of, name, &["any", "unexplained"])?;
                }
                Subject::Stall { cause, stat: span(stat)? }
            }
            "slowlog" => {
                let (command, stat) = two()?;
                let command = command.to_uppercase();
                check_command(of, &command, &[])?;
                Subject::Slowlog { command, stat: span(stat)? }
            }
            group if of.group(group).is_some() => {
                let (part, stat) = two()?;
                group_subject(group.to_owned(), part, stat)?
            }
            other => {
                let groups = of.groups.iter().map(|group| group.name.as_str());
                let known: Vec<&str> = groups.chain(RESERVED_SUBJECTS).collect();
                return Err(unknown("group", other, &known));
            }
        };
        Ok(Self { arm: arm.to_owned(), subject })
    }

    /// The dimension of the figure.
    #[must_use]
    pub fn dimension(&self) -> Dimension {
        match &self.subject {
            Subject::Latency { stat: Stat::Count, .. } => Dimension::Number,
            Subject::Latency { .. } => Dimension::Time,
            Subject::Stall { stat, .. } | Subject::Slowlog { stat, .. } => match stat {
                SpanStat::Count => Dimension::Number,
                _ => Dimension::Time,
            },
            Subject::AchievedRate { .. } => Dimension::Rate,
            Subject::Process { field } => field.dimension(),
            Subject::Procedure { dimension, .. } => *dimension,
            Subject::Ae { path } => ae_dimension(path),
            Subject::Trace { field } => field.dimension(),
            Subject::Count { .. }
            | Subject::Connections { .. }
            | Subject::Pool { .. }
            | Subject::Info { .. }
            | Subject::Growth { .. } => Dimension::Number,
        }
    }
}

/// The dimension of a number of AE STATS, from its outermost name.
fn ae_dimension(path: &str) -> Dimension {
    let first = path.split('.').next().unwrap_or(path);
    match first {
        "busy" | "phases" => Dimension::Time,
        "commands" if !path.ends_with(".count") => Dimension::Time,
        _ => Dimension::Number,
    }
}

fn procedure_subject(arm: &Arm, figure: &str) -> Result<Subject, String> {
    let Some(procedure) = &arm.procedure else {
        return Err(format!(
            "arm `{}` has no procedure: add a [procedure], or use another path",
            arm.name
        ));
    };
    let dimension = procedure.kind.dimension_of(figure).ok_or_else(|| {
        let known: Vec<&str> = procedure.kind.row().figures.iter().map(|f| f.name).collect();
        unknown("figure of the procedure", figure, &known)
    })?;
    Ok(Subject::Procedure { figure: figure.to_owned(), dimension })
}

fn one_of_names(kind: &str, typed: &str, known: &[&str]) -> Result<String, String> {
    if known.contains(&typed) { Ok(typed.to_owned()) } else { Err(unknown(kind, typed, known)) }
}

fn group_subject(group: String, part: &str, rest: &str) -> Result<Subject, String> {
    match part {
        "count" => Ok(Subject::Count { group, which: one_of_names("count", rest, &COUNTS)? }),
        "connections" => {
            let which = one_of_names("count", rest, &CONNECTION_COUNTS)?;
            Ok(Subject::Connections { group, which })
        }
        "pool" => {
            // Files of earlier versions use the old name.
            let which = if rest == "turned_away" { "timeouts" } else { rest };
            Ok(Subject::Pool { group, which: one_of_names("count", which, &POOL_COUNTS)? })
        }
        "rate" if rest == "achieved" => Ok(Subject::AchievedRate { group }),
        "rate" => Err(unknown("rate", rest, &["achieved"])),
        _ => {
            let others = ["count", "connections", "pool", "rate"];
            let names: Vec<&str> =
                Metric::ALL.map(Metric::name).into_iter().chain(others).collect();
            let metric = Metric::ALL
                .into_iter()
                .find(|metric| metric.name() == part)
                .ok_or_else(|| unknown("metric", part, &names))?;
            let (stat, window) = match rest.split_once('@') {
                None => (rest, None),
                Some((stat, window)) => (stat, Some(parse_window(window)?)),
            };
            if window.is_some() && !metric.is_by_time() {
                return Err(format!("`{part}` is not recorded by time: remove `@…`"));
            }
            Ok(Subject::Latency { group, metric, stat: parse_stat(stat)?, window })
        }
    }
}

/// `first_second`, or `FROM-TO` such as `0s-1s`, from the start of the measurement.
fn parse_window(text: &str) -> Result<Window, String> {
    let bad =
        || format!("invalid period: `@{text}`; write @FROM-TO such as @0s-1s, or @first_second");
    if text == "first_second" {
        return Ok(Window { from: Duration::ZERO, to: Duration::from_secs(1) });
    }
    let (from, to) = text.split_once('-').ok_or_else(bad)?;
    let read = |text: &str| parse_duration(text).map_err(|error| error.to_string());
    let (from, to) = (read(from)?, read(to)?);
    if from < to { Ok(Window { from, to }) } else { Err(bad()) }
}

fn parse_stat(text: &str) -> Result<Stat, String> {
    match text {
        "count" => Ok(Stat::Count),
        "min" => Ok(Stat::Min),
        "mean" => Ok(Stat::Mean),
        "max" => Ok(Stat::Max),
        _ => text
            .strip_prefix('p')
            .and_then(|number| number.parse::<f64>().ok())
            .filter(|p| *p > 0.0 && *p < 100.0)
            .map(Stat::Percentile)
            .ok_or_else(|| {
                unknown("statistic", text, &["count", "min", "mean", "max", "p50", "p99.9"])
            }),
    }
}

fn parse_name<T: Copy>(
    kind: &str,
    typed: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, String> {
    all.iter().copied().find(|value| name(*value) == typed).ok_or_else(|| {
        let known: Vec<&str> = all.iter().copied().map(name).collect();
        unknown(kind, typed, &known)
    })
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.write_str("count"),
            Self::Min => f.write_str("min"),
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
            Self::Percentile(p) => write!(f, "p{p}"),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.arm)?;
        match &self.subject {
            Subject::Latency { group, metric, stat, window } => {
                write!(f, "{group}.{}.", metric.name())?;
                write!(f, "{stat}")?;
                match window {
                    None => Ok(()),
                    Some(Window { from, to }) => {
                        write!(f, "@{}-{}", format_duration(*from), format_duration(*to))
                    }
                }
            }
            Subject::Count { group, which } => write!(f, "{group}.count.{which}"),
            Subject::Connections { group, which } => write!(f, "{group}.connections.{which}"),
            Subject::Pool { group, which } => write!(f, "{group}.pool.{which}"),
            Subject::AchievedRate { group } => write!(f, "{group}.rate.achieved"),
            Subject::Stall { cause, stat } => {
                write!(f, "stall.{}.{}", cause.name(), stat.name())
            }
            Subject::Slowlog { command, stat } => write!(f, "slowlog.{command}.{}", stat.name()),
            Subject::Info { field } => write!(f, "info.{field}"),
            Subject::Growth { field } => write!(f, "growth.{field}"),
            Subject::Process { field } => write!(f, "process.{}", field.name()),
            Subject::Ae { path } => write!(f, "ae.{path}"),
            Subject::Trace { field } => write!(f, "trace.{field}"),
            Subject::Procedure { figure, .. } => write!(f, "procedure.{figure}"),
        }
    }
}
