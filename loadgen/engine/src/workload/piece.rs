//! The parts of an argument with placeholders.
//!
//! Not their text form (see `placeholder`) and not the writing (see `template`).

/// A part of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Itself.
    Text(Vec<u8>),
    /// A number of its slot.
    Number { slot: usize, digits: usize },
    /// The number that the slot was given before in this request.
    Again { slot: usize, digits: usize },
    /// A piece of the value block.
    Data { offset_slot: usize, len: DataLen },
    /// The cursor of a followed iteration.
    Cursor,
    /// The last element of a page of this size that begins at the cursor.
    PageEnd(u64),
    /// Who sends it, and when.
    Mark,
}

/// How long a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataLen {
    /// Always the same.
    Fixed(usize),
    /// As its slot says.
    Slot(usize),
}
