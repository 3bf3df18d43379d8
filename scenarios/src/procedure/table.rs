//! The procedures there are: one row each, with parameters and figures.
//!
//! A pure table. Invariant: every kind has exactly one row, and its name is used nowhere else.

use super::{FigureSpec, Kind, Param};
use crate::quantity::Dimension::{self, Number};

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

const fn figure(name: &'static str, dimension: Dimension, about: &'static str) -> FigureSpec {
    FigureSpec { name, dimension, about }
}

const SPLIT_COMMAND: Row = Row {
    name: "split-command",
    about: "sends a SET cut in two at every offset, and one byte at a time, and compares the replies",
    params: &[
        param("value_size", Kind::Size, "64B", "size of the value that is set"),
        param("pause", Kind::Duration, "1ms", "pause between the two parts"),
        param("timeout", Kind::Duration, "2s", "longest wait for a reply"),
    ],
    figures: &[
        figure("offsets", Number, "offsets at which the command was cut"),
        figure("mismatches", Number, "cuts after which the reply was another, or the value"),
        figure("early_replies", Number, "replies that came before the last byte was sent"),
        figure("byte_by_byte_ok", Number, "1 if the command sent byte by byte was answered alike"),
    ],
};
