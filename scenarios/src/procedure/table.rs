//! All procedures: one row each, with parameters and figures.
//!
//! A pure table. Invariant: every kind has exactly one row, and its name is used nowhere else.

use super::{FigureSpec, Kind, Param};

mod connections;
mod loops;

/// A procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcedureKind {
    /// Commands cut in two at every offset, and sent byte by byte.
    SplitCommand,
    /// The state of one connection, checked on another; the order of replies.
    ConnectionState,
    /// A client that sends to a sleeping server.
    FlowControl,
    /// Connections to a sleeping server.
    AcceptQueue,
    /// What a connection costs the server.
    ConnectionCost,
    /// Connections until the server rejects one.
    MaxClients,
    /// A large service and other services.
    MaxTotal,
    /// Pipelines, MULTI/EXEC and scripts beside another client, and after a failure.
    Transaction,
    /// Commands one by one and in batches, over links.
    Pipelining,
    /// TCP and a Unix socket, alternating.
    TcpVsUnix,
    /// The session of one client beside another's.
    Session,
    /// The cost of a wake-up by the number of idle connections.
    WakeupCost,
    /// What a server does without requests.
    TimeEvents,
    /// Torn and lost counts.
    Atomic,
    /// The order of the event loop's steps.
    LoopOrder,
}

/// The keys of a procedure in files, and the figures that it measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its name in files.
    pub name: &'static str,
    /// What it does; completes "This procedure …".
    pub about: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// Its figures.
    pub figures: &'static [FigureSpec],
}

impl ProcedureKind {
    /// All procedures.
    pub const ALL: &'static [Self] = &[
        Self::SplitCommand,
        Self::ConnectionState,
        Self::FlowControl,
        Self::AcceptQueue,
        Self::ConnectionCost,
        Self::MaxClients,
        Self::MaxTotal,
        Self::Transaction,
        Self::Pipelining,
        Self::TcpVsUnix,
        Self::Session,
        Self::WakeupCost,
        Self::TimeEvents,
        Self::Atomic,
        Self::LoopOrder,
    ];

    /// Its row.
    #[must_use]
    pub const fn row(self) -> &'static Row {
        match self {
            Self::SplitCommand => &SPLIT_COMMAND,
            Self::ConnectionState => &connections::CONNECTION_STATE,
            Self::FlowControl => &connections::FLOW_CONTROL,
            Self::AcceptQueue => &connections::ACCEPT_QUEUE,
            Self::ConnectionCost => &connections::CONNECTION_COST,
            Self::MaxClients => &connections::MAXCLIENTS,
            Self::MaxTotal => &connections::MAX_TOTAL,
            Self::Transaction => &connections::TRANSACTION,
            Self::Pipelining => &connections::PIPELINING,
            Self::TcpVsUnix => &connections::TCP_VS_UNIX,
            Self::Session => &loops::SESSION,
            Self::WakeupCost => &loops::WAKEUP_COST,
            Self::TimeEvents => &loops::TIME_EVENTS,
            Self::Atomic => &loops::ATOMIC,
            Self::LoopOrder => &loops::LOOP_ORDER,
        }
    }
}

const fn param(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    about: &'static str,
) -> Param {
    Param { name, kind, default, about }
}

const fn figure(name: &'static str, about: &'static str) -> FigureSpec {
    FigureSpec { name, about }
}

const SPLIT_COMMAND: Row = Row {
    name: "split-command",
    about: "cuts commands in two at every offset, also sends them byte by byte, and compares the replies with those to whole commands",
    params: &[
        param(
            "value_size",
            Kind::Size,
            "64B",
            "size of the value in the commands that are cut at every offset",
        ),
        param(
            "large_value_size",
            Kind::Size,
            "100KB",
            "size of the value that is sent in segments",
        ),
    ],
    figures: &[
        figure("offsets", "number of offsets at which commands were cut"),
        figure("large_pieces", "number of segments of the large value"),
        figure(
            "early_replies",
            "replies that arrived before the last byte of the command was sent",
        ),
        figure("different_replies", "replies that differ from the reply to the whole command"),
        figure("single_bytes", "number of bytes sent one at a time"),
    ],
};
