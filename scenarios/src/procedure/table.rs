//! The procedures there are: one row each, with parameters and figures.
//!
//! A pure table. Invariant: every kind has exactly one row, and its name is used nowhere else.

use super::{FigureSpec, Kind, Param};

/// Which procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcedureKind {
    /// A command cut in two at every offset, and sent byte by byte.
    SplitCommand,
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
    pub const ALL: &'static [Self] = &[Self::SplitCommand];

    /// Its row.
    #[must_use]
    pub const fn row(self) -> &'static Row {
        match self {
            Self::SplitCommand => &SPLIT_COMMAND,
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
        figure("*", "everything else that it counts"),
    ],
};
