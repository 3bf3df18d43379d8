//! The procedures there are: one row each, with parameters and figures.
//!
//! A pure table. Invariant: every kind has exactly one row, and its name is used nowhere else.

use super::{FigureSpec, Kind, Param};

mod connections;
mod loops;

/// Which procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcedureKind {
    /// A command cut in two at every offset, and sent byte by byte.
    SplitCommand,
    /// State of one connection, looked for on another; order of replies.
    ConnectionState,
    /// A client that keeps sending to a server that sleeps.
    FlowControl,
    /// Connections to a server that sleeps.
    AcceptQueue,
    /// What a connection costs the server.
    ConnectionCost,
    /// Connections until one is refused.
    MaxClients,
    /// A greedy service and its neighbours.
    MaxTotal,
    /// Who gets in between, and what a failure leaves.
    Transaction,
    /// One by one and in batches, over links.
    Pipelining,
    /// TCP and a Unix socket, by turns.
    TcpVsUnix,
    /// One client's session beside another's.
    Session,
    /// A wake-up's cost by idle connections.
    WakeupCost,
    /// What a server does unasked.
    TimeEvents,
    /// Torn and lost counts.
    Atomic,
    /// The order of the loop's steps.
    LoopOrder,
}

/// What files may say about a procedure, and what it measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its name in files.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What it takes.
    pub params: &'static [Param],
    /// What it measures.
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
    about: "cuts commands in two at every offset, sends them byte by byte, and compares the replies",
    params: &[
        param("value_size", Kind::Size, "64B", "size of the value that is cut at every offset"),
        param("large_value_size", Kind::Size, "100KB", "size of the value sent in segments"),
    ],
    figures: &[
        figure("offsets", "offsets at which commands were cut"),
        figure("large_pieces", "segments in which the large value was sent"),
        figure("early_replies", "replies that came before the last byte was sent"),
        figure("different_replies", "replies that differ from those to the same bytes whole"),
        figure("single_bytes", "bytes that were sent one at a time"),
    ],
};
