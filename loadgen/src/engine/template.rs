//! Commands with placeholders, compiled once and then written per request without searching or formatting text.
//!
//! Not a command-line parser: the arguments are given one by one. Knows nothing of connections.
//! Invariant: what a template writes is one well-formed request, whatever numbers it is given.
//!
//! An argument whose length is always the same has its `$len` header among the fixed bytes; only the others have theirs
//! computed per request.

use super::draw::Source;
use super::plan::{CommandPlan, Cursor, KeyDistribution, KeySpace, ValueSize};
use std::ops::Range;

/// Digits `__rand_int__` is padded to, as redis-benchmark does.
const RAND_INT_DIGITS: usize = 12;

/// A command, ready to be written.
#[derive(Clone, Debug)]
pub(super) struct Template {
    steps: Vec<Step>,
    /// Slot numbers index this.
    pub(super) slots: Vec<Source>,
}

#[derive(Clone, Debug)]
enum Step {
    Bytes(Box<[u8]>),
    Padded {
        slot: usize,
        digits: usize,
    },
    Data {
        slot: usize,
        len: usize,
    },
    /// An argument whose length varies.
    Argument(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Number { slot: usize, digits: usize },
    Data { offset_slot: usize, len: DataLen },
    Cursor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DataLen {
    Fixed(usize),
    Slot(usize),
}

/// What fills the slots of one request.
pub(super) trait Numbers {
    /// The number for a slot of the template being written.
    fn number(&mut self, slot: usize) -> u64;
}

impl Template {
    /// Compiles a command.
    ///
    /// # Errors
    /// A placeholder is not known or misses its bound; the message names it.
    pub(super) fn compile(
        command: &CommandPlan,
        keys: &KeySpace,
        values: &ValueSize,
    ) -> Result<Self, String> {
        if command.args.is_empty() {
            return Err("a command needs a name".to_owned());
        }
        let mut compiler = Compiler { keys, values, slots: Vec::new() };
        let mut steps = Steps::default();
        steps.text(format!("*{}\r\n", command.args.len()).as_bytes());
        for (index, arg) in command.args.iter().enumerate() {
            let is_cursor =
                matches!(command.cursor, Cursor::Follow { arg_index } if arg_index == index);
            let pieces = if is_cursor { vec![Piece::Cursor] } else { compiler.pieces(arg)? };
            steps.argument(pieces);
        }
        if let Cursor::Follow { arg_index } = command.cursor
            && (arg_index == 0 || arg_index >= command.args.len())
        {
            return Err(format!("'{}' has no argument {arg_index} for its cursor", command.label));
        }
        Ok(Self { steps: steps.finish(), slots: compiler.slots })
    }

    /// Appends one request to `out`.
    #[inline]
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        block: &[u8],
        cursor: u64,
        numbers: &mut impl Numbers,
    ) {
        for step in &self.steps {
            match step {
                Step::Bytes(bytes) => out.extend_from_slice(bytes),
                Step::Padded { slot, digits } => put_padded(out, numbers.number(*slot), *digits),
                Step::Data { slot, len } => {
                    out.extend_from_slice(slice_of(block, numbers.number(*slot), *len));
                }
                Step::Argument(pieces) => put_argument(out, pieces, block, cursor, numbers),
            }
        }
    }
}

/// Writes an argument of varying length: the text first, then its header is put before it.
fn put_argument(
    out: &mut Vec<u8>,
    pieces: &[Piece],
    block: &[u8],
    cursor: u64,
    numbers: &mut impl Numbers,
) {
    let begin = out.len();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Number { slot, digits } => put_padded(out, numbers.number(*slot), *digits),
            Piece::Data { offset_slot, len } => {
                let len = match len {
                    DataLen::Fixed(len) => *len,
                    DataLen::Slot(slot) => numbers.number(*slot) as usize,
                };
                out.extend_from_slice(slice_of(block, numbers.number(*offset_slot), len));
            }
            Piece::Cursor => put_padded(out, cursor, 0),
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

    fn argument(&mut self, pieces: Vec<Piece>) {
        let Some(len) = fixed_len(&pieces) else {
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
                Piece::Data { offset_slot, len: DataLen::Fixed(len) } => {
                    self.flush();
                    self.steps.push(Step::Data { slot: offset_slot, len });
                }
                Piece::Data { .. } | Piece::Cursor => unreachable!("has no fixed length"),
            }
        }
        self.text(b"\r\n");
    }

    fn finish(mut self) -> Vec<Step> {
        self.flush();
        self.steps
    }
}

/// The length of an argument, if it is always the same.
fn fixed_len(pieces: &[Piece]) -> Option<usize> {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => Some(text.len()),
            Piece::Number { digits: 0, .. } | Piece::Cursor => None,
            Piece::Number { digits, .. } => Some(*digits),
            Piece::Data { len: DataLen::Fixed(len), .. } => Some(*len),
            Piece::Data { .. } => None,
        })
        .sum()
}

struct Compiler<'a> {
    keys: &'a KeySpace,
    values: &'a ValueSize,
    slots: Vec<Source>,
}

impl Compiler<'_> {
    fn slot(&mut self, source: Source) -> usize {
        self.slots.push(source);
        self.slots.len() - 1
    }

    fn pieces(&mut self, arg: &[u8]) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        let mut rest = arg;
        while let Some((range, holder)) = next_placeholder(rest) {
            if range.start > 0 {
                pieces.push(Piece::Text(rest[..range.start].to_vec()));
            }
            self.placeholder(&holder, &mut pieces)?;
            rest = &rest[range.end..];
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(rest.to_vec()));
        }
        Ok(pieces)
    }

    fn placeholder(&mut self, holder: &str, pieces: &mut Vec<Piece>) -> Result<(), String> {
        let words: Vec<&str> = holder.split_whitespace().collect();
        match words.as_slice() {
            ["__key__"] => {
                self.key(Source::keys(self.keys.distribution, self.keys.count), pieces);
            }
            ["__rand_int__"] => {
                let slot = self.slot(Source::uniform(self.keys.count));
                pieces.push(Piece::Number { slot, digits: RAND_INT_DIGITS });
            }
            ["__data__"] => {
                let len = match (self.values, Source::lengths(self.values)) {
                    (_, Some(lengths)) => DataLen::Slot(self.slot(lengths)),
                    (values, None) => DataLen::Fixed(values.longest()),
                };
                let offset_slot = self.slot(Source::BlockOffset);
                pieces.push(Piece::Data { offset_slot, len });
            }
            ["key", kind, count] => {
                let count = positive(count, holder)?;
                let distribution =
                    KeyDistribution::parse(kind).map_err(|why| format!("'{{{holder}}}': {why}"))?;
                self.key(Source::keys(distribution, count), pieces);
            }
            ["rand" | "ttl", range] if range.contains('-') => {
                let (min, max) = range.split_once('-').unwrap_or_default();
                let (min, max) = (positive(min, holder)?, positive(max, holder)?);
                if min > max {
                    return Err(format!("'{{{holder}}}': {min} is above {max}"));
                }
                let slot = self.slot(Source::Between { min, max });
                pieces.push(Piece::Number { slot, digits: 0 });
            }
            ["ttl", seconds] => {
                pieces.push(Piece::Text(positive(seconds, holder)?.to_string().into_bytes()));
            }
            ["rand", bound] => {
                let slot = self.slot(Source::uniform(positive(bound, holder)?));
                pieces.push(Piece::Number { slot, digits: 0 });
            }
            _ => return Err(format!("'{{{holder}}}' is no placeholder known here")),
        }
        Ok(())
    }

    fn key(&mut self, source: Source, pieces: &mut Vec<Piece>) {
        if !self.keys.prefix.is_empty() {
            pieces.push(Piece::Text(self.keys.prefix.clone().into_bytes()));
        }
        let slot = self.slot(source);
        pieces.push(Piece::Number { slot, digits: self.keys.digits });
    }
}

fn positive(text: &str, holder: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("'{{{holder}}}': '{text}' is no positive number")),
    }
}

/// Words that start a placeholder in braces; other braces are plain text (hash tags, JSON).
const BRACED: [&str; 3] = ["key ", "rand ", "ttl "];
const BARE: [&str; 3] = ["__key__", "__data__", "__rand_int__"];

/// The first placeholder: where it stands, and its text without braces.
fn next_placeholder(text: &[u8]) -> Option<(Range<usize>, String)> {
    (0..text.len()).find_map(|at| {
        let rest = &text[at..];
        if let Some(bare) = BARE.iter().find(|bare| rest.starts_with(bare.as_bytes())) {
            return Some((at..at + bare.len(), (*bare).to_owned()));
        }
        let inner = rest.strip_prefix(b"{")?;
        if !BRACED.iter().any(|word| inner.starts_with(word.as_bytes())) {
            return None;
        }
        let len = inner.iter().position(|&byte| byte == b'}')?;
        Some((at..at + len + 2, String::from_utf8_lossy(&inner[..len]).into_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);

    impl Numbers for Fixed {
        fn number(&mut self, _slot: usize) -> u64 {
            self.0
        }
    }

    fn check(args: &[&str], values: ValueSize, number: u64, want: &str) {
        let keys = KeySpace::uniform(1_000);
        let template =
            Template::compile(&CommandPlan::new(args), &keys, &values).expect("compiles");
        let mut out = Vec::new();
        template.write(&mut out, b"abcdefghij", 0, &mut Fixed(number));
        assert_eq!(String::from_utf8_lossy(&out), want);
    }

    #[test]
    fn placeholders_become_well_formed_requests() {
        let d3 = || ValueSize::Fixed(3);
        check(&["PING"], d3(), 0, "*1\r\n$4\r\nPING\r\n");
        check(&["GET", "__key__"], d3(), 7, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000007\r\n");
        check(
            &["ECHO", "a__rand_int__b"],
            d3(),
            42,
            "*2\r\n$4\r\nECHO\r\n$14\r\na000000000042b\r\n",
        );
        check(&["ECHO", "__data__"], d3(), 2, "*2\r\n$4\r\nECHO\r\n$3\r\ncde\r\n");
        check(&["ECHO", "x{rand 1000}"], d3(), 999, "*2\r\n$4\r\nECHO\r\n$4\r\nx999\r\n");
        check(&["ECHO", ""], d3(), 0, "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
        check(
            &["ECHO", "{user}:{\"a\":1}"],
            d3(),
            0,
            "*2\r\n$4\r\nECHO\r\n$14\r\n{user}:{\"a\":1}\r\n",
        );
        check(
            &["GET", "{key zipf:1.1 9}"],
            d3(),
            7,
            "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000007\r\n",
        );
        check(&["EX", "{ttl 30-90}"], d3(), 44, "*2\r\n$2\r\nEX\r\n$2\r\n44\r\n");
        check(&["EX", "{ttl 60}"], d3(), 0, "*2\r\n$2\r\nEX\r\n$2\r\n60\r\n");
        let range = ValueSize::Range { min: 1, max: 9 };
        check(&["ECHO", "__data__"], range, 4, "*2\r\n$4\r\nECHO\r\n$4\r\nefgh\r\n");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let keys = KeySpace::uniform(10);
        for (arg, part) in [
            ("{key zipff 3}", "zipff"),
            ("{key zipf:nan 3}", "exponent"),
            ("{key uniform 0}", "'0'"),
            ("{rand 0}", "'0'"),
            ("{rand x}", "'x'"),
            ("{rand 9-3}", "above"),
            ("{rand -3}", "positive"),
            ("{ttl 0}", "'0'"),
            ("{ttl 99999999999999999999}", "positive"),
        ] {
            let command = CommandPlan::new(&["GET", arg]);
            let error =
                Template::compile(&command, &keys, &ValueSize::Fixed(1)).expect_err("wrong");
            assert!(error.contains(part), "{error}");
        }
    }
}
