//! The figures of the server's process and of traced requests: names and dimensions.
//!
//! Names only; the lab supplies the figures.

use super::{Stat, parse_stat};
use crate::arm::Arm;
use crate::dimension::Dimension;
use crate::error::unknown;
use std::fmt;

/// What the operating system reports about the server's process. Times and counts cover the
/// measurement, unless a comment says otherwise. A server on another machine has none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessField {
    /// CPU time of all its threads divided by elapsed time: 1 is one core.
    CpuShare,
    /// Time in which its threads ran or waited for a core, divided by elapsed time: 1 is a thread
    /// that never slept, even on a busy machine.
    AwakeShare,
    /// Time in which its first thread waited for a core because of other programs, divided by elapsed time.
    WaitedShare,
    /// CPU time of all its threads.
    Cpu,
    /// CPU time divided by replies.
    CpuPerRequest,
    /// Context switches of all its threads, voluntary and involuntary.
    ContextSwitches,
    /// Context switches divided by replies.
    ContextSwitchesPerRequest,
    /// Resident memory after the connections were opened.
    Rss,
    /// Growth of resident memory while the connections were opened, per connection.
    RssPerConnection,
    /// The same until the end of the measurement, after the connections were used.
    RssPerConnectionAtEnd,
    /// Open descriptors after the connections were opened.
    Descriptors,
    /// Entries of its epoll interest lists after the connections were opened.
    EpollEntries,
    /// Threads after the connections were opened.
    Threads,
    /// Cores of the machine, which server and load generator share.
    MachineCpus,
}

impl ProcessField {
    /// All fields: the name in paths, and the label in verdicts.
    pub const ALL: [(Self, &'static str, &'static str); 14] = [
        (Self::CpuShare, "cpu_share", "CPU share of the server"),
        (Self::AwakeShare, "awake_share", "share of time that the server was runnable"),
        (Self::WaitedShare, "waited_share", "share of time that the server waited for a CPU"),
        (Self::Cpu, "cpu", "CPU time of the server"),
        (Self::CpuPerRequest, "cpu_per_request", "CPU time of the server per request"),
        (Self::ContextSwitches, "context_switches", "context switches of the server"),
        (
            Self::ContextSwitchesPerRequest,
            "context_switches_per_request",
            "context switches of the server per request",
        ),
        (Self::Rss, "rss", "resident memory of the server"),
        (Self::RssPerConnection, "rss_per_connection", "resident memory per connection"),
        (
            Self::RssPerConnectionAtEnd,
            "rss_per_connection_at_end",
            "resident memory per used connection",
        ),
        (Self::Descriptors, "descriptors", "open descriptors of the server"),
        (Self::EpollEntries, "epoll_entries", "epoll entries of the server"),
        (Self::Threads, "threads", "threads of the server"),
        (Self::MachineCpus, "machine_cpus", "cores of the machine"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(field, ..)| *field == self).map_or("", |(_, name, _)| name)
    }

    pub(super) fn label(self) -> &'static str {
        Self::ALL.iter().find(|(field, ..)| *field == self).map_or("", |(_, _, label)| label)
    }

    pub(super) fn dimension(self) -> Dimension {
        match self {
            Self::Cpu | Self::CpuPerRequest => Dimension::Time,
            Self::Rss | Self::RssPerConnection | Self::RssPerConnectionAtEnd => Dimension::Size,
            _ => Dimension::Number,
        }
    }
}

/// A figure of traced requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TraceField {
    /// The number of traced requests.
    Records,
    /// The share of requests whose steps were in order.
    InOrder,
    /// The share of requests whose reply was written before the event loop slept again.
    BeforeSleep,
    /// The longest time of a request that belongs to none of its parts.
    Unaccounted,
    /// The time of one part, or of all parts.
    Part(TracePart, Stat),
}

/// A part of the time that a request spends in the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TracePart {
    /// From the wake-up that received its last byte to the start of the parser.
    WaitInBatch,
    /// Parsing.
    Parse,
    /// Executing.
    Execute,
    /// From the end of the execution to the first write.
    WaitToWrite,
    /// Writing.
    Write,
    /// All parts.
    Total,
}

impl TracePart {
    /// All parts in order, and the total.
    pub const ALL: [Self; 6] = [
        Self::WaitInBatch,
        Self::Parse,
        Self::Execute,
        Self::WaitToWrite,
        Self::Write,
        Self::Total,
    ];

    /// The name used in paths.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WaitInBatch => "wait_in_batch",
            Self::Parse => "parse",
            Self::Execute => "execute",
            Self::WaitToWrite => "wait_to_write",
            Self::Write => "write",
            Self::Total => "total",
        }
    }
}

/// The figures of traced requests that are not parts, with their names.
const WHOLE: [(TraceField, &str); 4] = [
    (TraceField::Records, "records"),
    (TraceField::InOrder, "in_order"),
    (TraceField::BeforeSleep, "before_sleep"),
    (TraceField::Unaccounted, "unaccounted"),
];

impl TraceField {
    pub(super) fn dimension(self) -> Dimension {
        match self {
            Self::Unaccounted => Dimension::Time,
            Self::Part(_, stat) if stat != Stat::Count => Dimension::Time,
            _ => Dimension::Number,
        }
    }
}

impl fmt::Display for TraceField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(part, stat) => write!(f, "{}.{stat}", part.name()),
            whole => {
                let found = WHOLE.iter().find(|(field, _)| field == whole);
                f.write_str(found.map_or("", |(_, name)| name))
            }
        }
    }
}

pub(super) fn parse_trace(rest: &str) -> Result<TraceField, String> {
    if let Some((field, _)) = WHOLE.iter().find(|(_, name)| *name == rest) {
        return Ok(*field);
    }
    let (part, stat) = rest.split_once('.').unwrap_or((rest, ""));
    let others = WHOLE.map(|(_, name)| name);
    let names: Vec<&str> = TracePart::ALL.map(TracePart::name).into_iter().chain(others).collect();
    let found = TracePart::ALL.into_iter().find(|own| own.name() == part);
    let part = found.ok_or_else(|| unknown("part of a trace", part, &names))?;
    Ok(TraceField::Part(part, parse_stat(stat)?))
}

/// Checks that the arm sends a command. No stall would be attributed to a misspelt one, and zero stalls would
/// look like a measured figure.
pub(super) fn check_command(arm: &Arm, name: &str, others: &[&str]) -> Result<(), String> {
    if arm.procedure.is_some() {
        // The commands of a procedure are not in the file.
        return Ok(());
    }
    let words = arm.groups.iter().flat_map(|group| &group.commands).flat_map(|command| {
        command.template.split(" ; ").filter_map(|one| one.split_whitespace().next())
    });
    let mut sent: Vec<String> = words.map(str::to_uppercase).collect();
    sent.sort();
    sent.dedup();
    if sent.iter().any(|own| own == name) {
        return Ok(());
    }
    let known: Vec<&str> = sent.iter().map(String::as_str).chain(others.iter().copied()).collect();
    Err(unknown("command of the arm", name, &known))
}
