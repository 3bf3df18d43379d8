//! Commands with placeholders, compiled once and then written per request without searching or formatting text.
//!
//! Not a command-line parser: the arguments are given one by one. Knows nothing of connections.
//! Invariant: what a template writes is one well-formed request, whatever numbers it is given.
//!
//! An argument whose length is always the same has its `$len` header among the fixed bytes; only the others have theirs
//! computed per request.

use crate::plan::{
    CommandPlan, Cursor, Framing, KeySpace, PAGE_MAX, Reception, Sending, ValueSize,
};
use crate::workload::message_stamp::{STAMP_BYTES, destination};
use crate::workload::piece::{DataLen, Piece};
use crate::workload::placeholder::Compiler;
use crate::workload::reply_shape::Shape;
use crate::workload::sampler::Source;
use std::ops::Range;

/// A command, or several that make one operation, ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    steps: Vec<Step>,
    /// The steps of each command.
    parts: Vec<Range<usize>>,
    /// How many calls and replies make one request.
    pub(crate) shape: Shape,
    /// Whether it carries marks of who sent it.
    pub(crate) has_mark: bool,
    /// Slot numbers index this.
    pub(crate) slots: Vec<Source>,
}

#[derive(Clone, Debug)]
enum Step {
    Bytes(Box<[u8]>),
    Padded {
        slot: usize,
        digits: usize,
    },
    /// The number that the slot was given before in this request.
    Again {
        slot: usize,
        digits: usize,
    },
    Data {
        slot: usize,
        len: usize,
    },
    /// Who sends it, and when.
    Mark,
    /// An argument whose length varies.
    Argument(Vec<Piece>),
}

impl Step {
    fn has_mark(&self) -> bool {
        match self {
            Self::Mark => true,
            Self::Argument(pieces) => pieces.contains(&Piece::Mark),
            _ => false,
        }
    }
}

/// What fills the slots of one request.
pub(crate) trait Numbers {
    /// The number for a slot of the template being written.
    fn number(&mut self, slot: usize) -> u64;
    /// The number given for this slot last.
    fn again(&mut self, slot: usize) -> u64;
    /// Appends a mark for this destination.
    fn mark(&mut self, destination: u32, out: &mut Vec<u8>);
}

impl Template {
    /// Compiles a command.
    ///
    /// # Errors
    /// A placeholder is not known or misses its bound; the message names it.
    pub(crate) fn compile(
        command: &CommandPlan,
        keys: &KeySpace,
        values: &ValueSize,
    ) -> Result<Self, String> {
        if command.args.is_empty() {
            return Err("a command needs a name".to_owned());
        }
        let mut compiler = Compiler::new(keys, values);
        let mut steps = Steps::default();
        if command.framing == Framing::Inline {
            steps.text(&command.args.join(&b' '));
            steps.text(b"\r\n");
            let steps = steps.finish();
            let parts = std::iter::once(0..steps.len()).collect();
            let (shape, slots) = (Shape::Plain, Vec::new());
            return Ok(Self { steps, parts, shape, slots, has_mark: false });
        }
        let mut parts = Vec::new();
        let mut page = None;
        for words in command.args.split(|arg| arg == SEPARATOR) {
            if words.is_empty() {
                return Err(format!("'{}' has an empty command beside a ';'", command.label));
            }
            let begin = steps.steps.len();
            let pages = words.iter().filter(|arg| page_size(arg).is_some()).count();
            steps.text(format!("*{}\r\n", words.len() + pages).as_bytes());
            for (index, arg) in words.iter().enumerate() {
                let is_cursor =
                    matches!(command.cursor, Cursor::Follow { arg_index } if arg_index == index);
                if let Some(size) = page_size(arg) {
                    page = Some(size);
                    steps.argument(vec![Piece::Cursor], &[]);
                    steps.argument(vec![Piece::PageEnd(size)], &[]);
                } else if is_cursor {
                    steps.argument(vec![Piece::Cursor], &[]);
                } else {
                    let pieces = compiler.pieces(arg)?;
                    steps.argument(pieces, &compiler.slots);
                }
            }
            steps.flush();
            parts.push(begin..steps.steps.len());
        }
        let shape = shape(command, parts.len(), page)?;
        let has_mark = steps.steps.iter().any(Step::has_mark);
        if has_mark && !matches!(shape, Shape::Plain | Shape::Together(_)) {
            return Err(format!(
                "'{}' is several calls: it cannot carry a {{stamp}}",
                command.label
            ));
        }
        if let Cursor::Follow { arg_index } = command.cursor
            && (arg_index == 0 || arg_index >= command.args.len())
        {
            return Err(format!("'{}' has no argument {arg_index} for its cursor", command.label));
        }
        Ok(Self { steps: steps.finish(), parts, shape, slots: compiler.into_slots(), has_mark })
    }

    /// Appends one request to `out`.
    #[inline]
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        block: &[u8],
        cursor: u64,
        numbers: &mut impl Numbers,
    ) {
        put_steps(&self.steps, out, block, cursor, numbers);
    }

    /// Appends the call at `position` of a request that takes several, one after the other.
    pub(crate) fn write_call(
        &self,
        out: &mut Vec<u8>,
        block: &[u8],
        position: u64,
        numbers: &mut impl Numbers,
    ) {
        let all = 0..self.steps.len();
        let part = match self.shape {
            Shape::InTurn(_) => self.parts.get(position as usize).cloned().unwrap_or(all),
            _ => all,
        };
        put_steps(&self.steps[part], out, block, position, numbers);
    }
}

/// The argument that separates the commands of an operation.
const SEPARATOR: &[u8] = b";";

/// The size of `{page N}`, an argument that becomes the first and the last index of a page.
fn page_size(arg: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(arg).ok()?.strip_prefix("{page ")?.strip_suffix('}')?;
    text.trim().parse().ok().filter(|size| (1..=PAGE_MAX).contains(size))
}

/// How many calls and replies make one request of this command.
fn shape(command: &CommandPlan, parts: usize, page: Option<u64>) -> Result<Shape, String> {
    if Reception::of(std::slice::from_ref(command))? == Reception::Messages {
        // The server confirms each channel.
        return match (u32::try_from(command.args.len() - 1).unwrap_or(u32::MAX), parts) {
            (0, 1) => Ok(Shape::Plain),
            (channels, 1) => Ok(Shape::Together(channels)),
            _ => Err(format!("'{}': a subscriber has one command", command.label)),
        };
    }
    let is_followed = page.is_some() || command.cursor != Cursor::Ignore;
    let count = u32::try_from(parts).unwrap_or(u32::MAX);
    match (command.cursor, page, parts, command.sending) {
        (_, _, 2.., _) if is_followed => {
            Err(format!("'{}' is several commands: no cursor of one is followed", command.label))
        }
        (_, _, 2.., Sending::Together) => Ok(Shape::Together(count)),
        (_, _, 2.., Sending::InTurn) => Ok(Shape::InTurn(count)),
        (Cursor::Follow { .. }, None, ..) => Ok(Shape::Cursor),
        (Cursor::Ignore, Some(size), ..) => Ok(Shape::Pages(size)),
        (Cursor::Follow { .. }, Some(_), ..) => {
            Err(format!("'{}' has a cursor and pages", command.label))
        }
        (Cursor::Ignore, None, ..) => Ok(Shape::Plain),
    }
}

#[inline]
fn put_steps(
    steps: &[Step],
    out: &mut Vec<u8>,
    block: &[u8],
    cursor: u64,
    numbers: &mut impl Numbers,
) {
    let begin = out.len();
    for step in steps {
        match step {
            Step::Bytes(bytes) => out.extend_from_slice(bytes),
            Step::Padded { slot, digits } => put_padded(out, numbers.number(*slot), *digits),
            Step::Again { slot, digits } => put_padded(out, numbers.again(*slot), *digits),
            Step::Data { slot, len } => {
                out.extend_from_slice(slice_of(block, numbers.number(*slot), *len));
            }
            Step::Mark => {
                let destination = destination(&out[begin..]);
                numbers.mark(destination, out);
            }
            Step::Argument(pieces) => put_argument(out, begin, pieces, block, cursor, numbers),
        }
    }
}

/// Writes an argument of varying length: the text first, then its header is put before it.
fn put_argument(
    out: &mut Vec<u8>,
    command_begin: usize,
    pieces: &[Piece],
    block: &[u8],
    cursor: u64,
    numbers: &mut impl Numbers,
) {
    let begin = out.len();
    let has_mark = pieces.contains(&Piece::Mark);
    let destination = if has_mark { destination(&out[command_begin..]) } else { 0 };
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Number { slot, digits } => put_padded(out, numbers.number(*slot), *digits),
            Piece::Again { slot, digits } => put_padded(out, numbers.again(*slot), *digits),
            Piece::Data { offset_slot, len } => {
                let len = match len {
                    DataLen::Fixed(len) => *len,
                    DataLen::Slot(slot) => numbers.number(*slot) as usize,
                };
                out.extend_from_slice(slice_of(block, numbers.number(*offset_slot), len));
            }
            Piece::Cursor => put_padded(out, cursor, 0),
            Piece::PageEnd(size) => put_padded(out, cursor.saturating_add(size - 1), 0),
            Piece::Mark => numbers.mark(destination, out),
        }
    }
    let len = out.len() - begin;
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(len).as_bytes();
    let header = digits.len() + 3;
    out.resize(begin + len + header, 0);
    out.copy_within(begin..begin + len, begin + header);
    out[begin] = b'$';
    out[begin + 1..=begin + digits.len()].copy_from_slice(digits);
    out[begin + header - 2..begin + header].copy_from_slice(b"\r\n");
    out.extend_from_slice(b"\r\n");
}

/// `len` bytes of the block from `offset`, moved back if they would not fit.
fn slice_of(block: &[u8], offset: u64, len: usize) -> &[u8] {
    let begin = (offset as usize).min(block.len().saturating_sub(len));
    &block[begin..(begin + len).min(block.len())]
}

#[inline]
fn put_padded(out: &mut Vec<u8>, number: u64, digits: usize) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number).as_bytes();
    let zeros = digits.saturating_sub(text.len());
    const ZEROS: [u8; 20] = [b'0'; 20];
    out.extend_from_slice(&ZEROS[..zeros.min(ZEROS.len())]);
    out.extend_from_slice(text);
}

/// Joins neighbouring fixed bytes.
#[derive(Default)]
struct Steps {
    steps: Vec<Step>,
    bytes: Vec<u8>,
}

impl Steps {
    fn text(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
    }

    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.steps.push(Step::Bytes(std::mem::take(&mut self.bytes).into_boxed_slice()));
        }
    }

    fn argument(&mut self, pieces: Vec<Piece>, slots: &[Source]) {
        let Some(len) = fixed_len(&pieces, slots) else {
            self.flush();
            self.steps.push(Step::Argument(pieces));
            return;
        };
        self.text(format!("${len}\r\n").as_bytes());
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.text(&text),
                Piece::Number { slot, digits } => {
                    self.flush();
                    self.steps.push(Step::Padded { slot, digits });
                }
                Piece::Again { slot, digits } => {
                    self.flush();
                    self.steps.push(Step::Again { slot, digits });
                }
                Piece::Data { offset_slot, len: DataLen::Fixed(len) } => {
                    self.flush();
                    self.steps.push(Step::Data { slot: offset_slot, len });
                }
                Piece::Mark => {
                    self.flush();
                    self.steps.push(Step::Mark);
                }
                Piece::Data { .. } | Piece::Cursor | Piece::PageEnd(_) => {
                    unreachable!("has no fixed length")
                }
            }
        }
        self.text(b"\r\n");
    }

    fn finish(mut self) -> Vec<Step> {
        self.flush();
        self.steps
    }
}

/// The length of an argument, if it is always the same. A number that outgrows its digits is written in full.
fn fixed_len(pieces: &[Piece], slots: &[Source]) -> Option<usize> {
    let fits = |slot: usize, digits: usize| {
        let above = u32::try_from(digits).ok().and_then(|digits| 10_u64.checked_pow(digits));
        above.is_none_or(|above| slots[slot].largest() < above)
    };
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => Some(text.len()),
            Piece::Number { digits: 0, .. }
            | Piece::Again { digits: 0, .. }
            | Piece::Cursor
            | Piece::PageEnd(_) => None,
            Piece::Number { slot, digits } | Piece::Again { slot, digits } => {
                fits(*slot, *digits).then_some(*digits)
            }
            Piece::Data { len: DataLen::Fixed(len), .. } => Some(*len),
            Piece::Mark => Some(STAMP_BYTES),
            Piece::Data { .. } => None,
        })
        .sum()
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
