//! Claims and the language of their criteria: which figure, against which, within which bounds.
//!
//! A criterion is data: `measure` and `against` are paths to measured figures
//! (`keys.victims.response.p99.5`), compared as value, ratio or difference. Judging is pure; where
//! figures come from is the lab's business. Invariant: a figure that is missing, or an interval
//! that lies on both sides of a bound, never confirms and never refutes.

use crate::error::unknown;
use std::fmt;

/// A statement of the articles and what decides it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its number, such as `A13`.
    pub id: String,
    /// The statement.
    pub text: String,
    /// Without these the experiment says nothing: a failure makes the claim inconclusive.
    pub requires: Vec<Criterion>,
    /// All of these hold: confirmed. One does not: refuted.
    pub holds: Vec<Criterion>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// What it means if it holds, in words.
    pub says: String,
    /// The figure that is judged.
    pub measure: Quantity,
    /// What it is compared with; `None` judges the figure itself.
    pub against: Option<Reference>,
    /// How the two are put together.
    pub compare: Compare,
    /// Lowest value that holds, in base units (seconds, bytes, counts, a plain ratio).
    pub min: Option<f64>,
    /// Highest value that holds.
    pub max: Option<f64>,
    /// If the two figures differ by no more than this (base units of `measure`), it holds.
    pub slack: f64,
}

/// The other side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// Another measured figure.
    Quantity(Quantity),
    /// A number from the articles, in base units.
    Figure(f64),
}

/// How a figure and its reference become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// The figure itself.
    Value,
    /// Figure divided by reference.
    Ratio,
    /// Figure minus reference.
    Difference,
}

impl Compare {
    /// All ways to compare.
    pub const ALL: [Self; 3] = [Self::Value, Self::Ratio, Self::Difference];

    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Ratio => "ratio",
            Self::Difference => "difference",
        }
    }
}

/// What a figure is measured in; base units are seconds, bytes, requests per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Seconds.
    Time,
    /// A plain number.
    Number,
    /// Requests per second.
    Rate,
}

/// A path to a measured figure: `ARM.SUBJECT.PART.STATISTIC`.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// The arm it is measured in.
    pub arm: String,
    /// What is measured there.
    pub subject: Subject,
}

/// What is measured in an arm.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// `GROUP.response|service|lag.STAT`: a distribution of a group.
    Latency {
        /// The group.
        group: String,
        /// Which of the three metrics.
        metric: Metric,
        /// Which statistic.
        stat: Stat,
    },
    /// `GROUP.count.ok` and so on: requests of a group.
    Count {
        /// The group.
        group: String,
        /// Which count: `scheduled`, `sent`, `shed`, `ok`, `error`, `timeout`, `unfinished`.
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
}

/// Which stalls a figure is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StallCause {
    /// All of them.
    Any,
    /// Those that no command of ours explains: the machine's own, or the server's housekeeping.
    Unexplained,
    /// Those attributed to the command of this name, in capitals.
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

/// The three metrics of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Replied − intended.
    Response,
    /// Replied − sent.
    Service,
    /// Sent − intended.
    Lag,
}

impl Metric {
    const ALL: [Self; 3] = [Self::Response, Self::Service, Self::Lag];

    fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
            Self::Lag => "lag",
        }
    }
}

/// A statistic of a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stat {
    /// The smallest.
    Min,
    /// The average.
    Mean,
    /// The largest.
    Max,
    /// The percentile, 0–100 exclusive.
    Percentile(f64),
}

/// A statistic of a list of spans (stalls, slow-log entries).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanStat {
    /// How many.
    Count,
    /// The middle one.
    Median,
    /// The longest.
    Longest,
    /// All together.
    Sum,
    /// Client-seconds lost in them (stalls only).
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

/// The counts a group has.
const COUNTS: [&str; 7] = ["scheduled", "sent", "shed", "ok", "error", "timeout", "unfinished"];

/// Subjects that are no group; a group may not be called so.
pub(crate) const RESERVED_SUBJECTS: [&str; 4] = ["stall", "slowlog", "info", "growth"];

impl Quantity {
    /// Reads a path; `groups` are the groups of an arm, or `None` if there is no such arm.
    pub(crate) fn parse<'a>(
        path: &str,
        groups_of: &dyn Fn(&str) -> Result<Vec<&'a str>, String>,
    ) -> Result<Self, String> {
        let shape = "a figure is ARM.GROUP.response.p99, ARM.stall.CAUSE.longest, \
                     ARM.slowlog.COMMAND.median, ARM.info.FIELD …";
        let mut parts = path.splitn(4, '.');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let (Some(arm), Some(subject), Some(part)) = (next(), next(), next()) else {
            return Err(format!("`{path}` is too short: {shape}"));
        };
        let groups = groups_of(arm)?;
        let rest = next().ok_or_else(|| format!("`{path}` lacks its last part: {shape}"));
        let subject = match subject {
            "info" => Subject::Info { field: part.to_owned() },
            "growth" => Subject::Growth { field: part.to_owned() },
            "stall" => Subject::Stall {
                cause: StallCause::parse(part),
                stat: parse_name("statistic", rest?, &SpanStat::ALL, SpanStat::name)?,
            },
            "slowlog" => Subject::Slowlog {
                command: part.to_uppercase(),
                stat: parse_name("statistic", rest?, &SpanStat::ALL, SpanStat::name)?,
            },
            group if groups.contains(&group) => group_subject(group.to_owned(), part, rest?)?,
            other => {
                let known: Vec<&str> = groups.into_iter().chain(RESERVED_SUBJECTS).collect();
                return Err(unknown("group", other, &known));
            }
        };
        Ok(Self { arm: arm.to_owned(), subject })
    }

    /// What the figure is measured in.
    #[must_use]
    pub fn dimension(&self) -> Dimension {
        match &self.subject {
            Subject::Latency { .. } => Dimension::Time,
            Subject::Stall { stat, .. } | Subject::Slowlog { stat, .. } => match stat {
                SpanStat::Count => Dimension::Number,
                _ => Dimension::Time,
            },
            Subject::AchievedRate { .. } => Dimension::Rate,
            Subject::Count { .. } | Subject::Info { .. } | Subject::Growth { .. } => {
                Dimension::Number
            }
        }
    }
}

fn group_subject(group: String, part: &str, rest: &str) -> Result<Subject, String> {
    match part {
        "count" if COUNTS.contains(&rest) => Ok(Subject::Count { group, which: rest.to_owned() }),
        "count" => Err(unknown("count", rest, &COUNTS)),
        "rate" if rest == "achieved" => Ok(Subject::AchievedRate { group }),
        "rate" => Err(unknown("rate", rest, &["achieved"])),
        _ => {
            let names = ["response", "service", "lag", "count", "rate"];
            let metric = Metric::ALL
                .into_iter()
                .find(|metric| metric.name() == part)
                .ok_or_else(|| unknown("metric", part, &names))?;
            Ok(Subject::Latency { group, metric, stat: parse_stat(rest)? })
        }
    }
}

fn parse_stat(text: &str) -> Result<Stat, String> {
    match text {
        "min" => Ok(Stat::Min),
        "mean" => Ok(Stat::Mean),
        "max" => Ok(Stat::Max),
        _ => text
            .strip_prefix('p')
            .and_then(|number| number.parse::<f64>().ok())
            .filter(|p| *p > 0.0 && *p < 100.0)
            .map(Stat::Percentile)
            .ok_or_else(|| unknown("statistic", text, &["min", "mean", "max", "p50", "p99.9"])),
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

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.arm)?;
        match &self.subject {
            Subject::Latency { group, metric, stat } => {
                write!(f, "{group}.{}.", metric.name())?;
                match stat {
                    Stat::Min => f.write_str("min"),
                    Stat::Mean => f.write_str("mean"),
                    Stat::Max => f.write_str("max"),
                    Stat::Percentile(p) => write!(f, "p{p}"),
                }
            }
            Subject::Count { group, which } => write!(f, "{group}.count.{which}"),
            Subject::AchievedRate { group } => write!(f, "{group}.rate.achieved"),
            Subject::Stall { cause, stat } => {
                write!(f, "stall.{}.{}", cause.name(), stat.name())
            }
            Subject::Slowlog { command, stat } => write!(f, "slowlog.{command}.{}", stat.name()),
            Subject::Info { field } => write!(f, "info.{field}"),
            Subject::Growth { field } => write!(f, "growth.{field}"),
        }
    }
}
