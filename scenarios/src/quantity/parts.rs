//! What can be asked of the server's process and of followed requests: names, dimensions, their reading.
//!
//! Tables of names; where the figures come from is the lab's business.

use super::{Dimension, Stat, parse_stat};
use crate::error::unknown;

/// What the system says about the server's process. Spans are the measurement, unless said
/// otherwise; a server on another machine has none of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessField {
    /// Processor time of all its threads, by time that passed: 1 is one core.
    CpuShare,
    /// Time in which its threads ran or wanted to run, by time that passed: 1 is a thread that never slept, however busy
    /// the machine.
    AwakeShare,
    /// Processor time of all its threads.
    Cpu,
    /// The same by replies.
    CpuPerRequest,
    /// Context switches of all its threads, voluntary and not.
    ContextSwitches,
    /// The same by replies.
    ContextSwitchesPerRequest,
    /// Resident memory when the connections were open.
    Rss,
    /// Growth of resident memory while the connections were opened, by connections.
    RssPerConnection,
    /// The same up to the end of the measurement: connections that have been used.
    RssPerConnectionAtEnd,
    /// Open descriptors when the connections were open.
    Descriptors,
    /// Entries in the interest lists of its epoll instances when the connections were open.
    EpollEntries,
    /// Threads when the connections were open.
    Threads,
    /// Processors of the machine that server and load generator share.
    MachineCpus,
}

impl ProcessField {
    /// All of them, with what each is, for the reference.
    pub const ALL: [(Self, &'static str, &'static str); 13] = [
        (
            Self::CpuShare,
            "cpu_share",
            "processor time of all threads by time passed; 1 is one core",
        ),
        (
            Self::AwakeShare,
            "awake_share",
            "time in which its threads ran or wanted to, by time passed; 1 is one that never slept",
        ),
        (Self::Cpu, "cpu", "processor time of all threads"),
        (Self::CpuPerRequest, "cpu_per_request", "the same by replies"),
        (Self::ContextSwitches, "context_switches", "of all threads, voluntary and not"),
        (Self::ContextSwitchesPerRequest, "context_switches_per_request", "the same by replies"),
        (Self::Rss, "rss", "resident memory when the connections were open"),
        (
            Self::RssPerConnection,
            "rss_per_connection",
            "its growth while the connections were opened, by connections",
        ),
        (
            Self::RssPerConnectionAtEnd,
            "rss_per_connection_at_end",
            "the same up to the end of the measurement: connections that have been used",
        ),
        (Self::Descriptors, "descriptors", "open descriptors when the connections were open"),
        (
            Self::EpollEntries,
            "epoll_entries",
            "entries in its epoll interest lists when the connections were open",
        ),
        (Self::Threads, "threads", "threads when the connections were open"),
        (Self::MachineCpus, "machine_cpus", "processors that it shares with the load generator"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(field, ..)| *field == self).map_or("", |(_, name, _)| name)
    }

    pub(super) fn dimension(self) -> Dimension {
        match self {
            Self::Cpu | Self::CpuPerRequest => Dimension::Time,
            Self::Rss | Self::RssPerConnection | Self::RssPerConnectionAtEnd => Dimension::Size,
            _ => Dimension::Number,
        }
    }
}

/// What followed requests show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TraceField {
    /// How many there are.
    Records,
    /// The share of them whose steps came in order.
    InOrder,
    /// The longest time of a request that is in none of its parts.
    Unaccounted,
    /// The time in one part, or in all of them.
    Part(TracePart, Stat),
}

/// A part of a request's way through the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TracePart {
    /// From the wake-up that brought its last byte until the parser took it up.
    WaitInBatch,
    /// Parsing.
    Parse,
    /// Executing.
    Execute,
    /// From the end of the execution to the first write.
    WaitToWrite,
    /// Writing.
    Write,
    /// All of it.
    Total,
}

impl TracePart {
    /// All parts, in order, and the whole.
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

pub(super) fn parse_trace(rest: &str) -> Result<TraceField, String> {
    match rest {
        "records" => return Ok(TraceField::Records),
        "in_order" => return Ok(TraceField::InOrder),
        "unaccounted" => return Ok(TraceField::Unaccounted),
        _ => {}
    }
    let (part, stat) = rest.split_once('.').unwrap_or((rest, ""));
    let others = ["records", "in_order", "unaccounted"];
    let names: Vec<&str> = TracePart::ALL.map(TracePart::name).into_iter().chain(others).collect();
    let found = TracePart::ALL.into_iter().find(|own| own.name() == part);
    let part = found.ok_or_else(|| unknown("part of a trace", part, &names))?;
    Ok(TraceField::Part(part, parse_stat(stat)?))
}
