//! The words of one command, the name first: borrowed from the buffer they arrived in ([`Args`]), or
//! copied to be executed later ([`Words`]).

use aelab_resp::ArgRange;
// Arguments are integers by the same rules as the protocol's own headers.
pub(crate) use aelab_resp::parse_i64 as parse_integer;
use std::ops::Index;

/// The arguments of one command, the name first: ranges into the buffer they arrived in.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    buf: &'a [u8],
    ranges: &'a [ArgRange],
}

impl<'a> Args<'a> {
    /// `ranges` of `buf`, as the request parser found them.
    pub(crate) fn new(buf: &'a [u8], ranges: &'a [ArgRange]) -> Self {
        Args { buf, ranges }
    }

    /// How many, the command's name included. At least one.
    pub(crate) fn len(self) -> usize {
        self.ranges.len()
    }

    /// The argument at `index`. It lives as long as the buffer, not as long as `self`.
    ///
    /// # Panics
    /// If there is no such argument; arity has been checked before a command runs.
    pub(crate) fn at(self, index: usize) -> &'a [u8] {
        let range = self.ranges[index];
        &self.buf[range.start as usize..range.end as usize]
    }

    /// The argument at `index`, if there is one.
    pub(crate) fn get(self, index: usize) -> Option<&'a [u8]> {
        (index < self.len()).then(|| self.at(index))
    }

    /// The arguments from `first` on.
    pub(crate) fn from(self, first: usize) -> impl DoubleEndedIterator<Item = &'a [u8]> + Clone {
        (first..self.len()).map(move |i| self.at(i))
    }

    /// The arguments from `first` on, as arguments of their own: `first` becomes index 0.
    ///
    /// # Panics
    /// If there are fewer.
    pub(crate) fn skip(self, first: usize) -> Args<'a> {
        Args { buf: self.buf, ranges: &self.ranges[first..] }
    }

    /// Whether the argument at `index` exists and is `word` in any case (`word` in lower case).
    pub(crate) fn is(self, index: usize, word: &str) -> bool {
        self.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Bytes of all arguments together.
    pub(crate) fn total_bytes(self) -> usize {
        self.ranges.iter().map(|r| (r.end - r.start) as usize).sum()
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

/// A command's arguments, kept for later.
pub(crate) struct Words {
    bytes: Box<[u8]>,
    ranges: Box<[ArgRange]>,
}

impl Words {
    /// A copy of `args`.
    pub(crate) fn copy(args: Args<'_>) -> Words {
        let mut bytes = Vec::with_capacity(args.total_bytes());
        let mut ranges = Vec::with_capacity(args.len());
        for arg in args.from(0) {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(arg);
            ranges.push(ArgRange { start, end: bytes.len() as u32 });
        }
        Words { bytes: bytes.into_boxed_slice(), ranges: ranges.into_boxed_slice() }
    }

    /// The arguments.
    pub(crate) fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.ranges)
    }

    /// Bytes of the arguments.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// A text as C reads it: up to the first zero byte. Redis prints names and parses some numbers this way.
pub(crate) fn c_string(text: &[u8]) -> &[u8] {
    &text[..text.iter().position(|&b| b == 0).unwrap_or(text.len())]
}
