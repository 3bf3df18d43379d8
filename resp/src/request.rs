//! The server's side of the protocol: finding one command's arguments in a buffer.
//!
//! The parser keeps a position, not bytes. The caller owns the buffer; after [`Parsed::Incomplete`]
//! it appends what the socket gave and calls again with the same bytes in front. Arguments come out
//! as [`ArgRange`]s into that buffer. Invariant: no byte before the kept position is read again.

use memchr::memchr;

use crate::error::ProtocolError;
use crate::limits;
use crate::range::ArgRange;
use crate::{inline, number};

/// Whether the sender has authenticated, or need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The configured limits apply.
    Authenticated,
    /// The small limits before authentication apply.
    Unauthenticated,
}

/// Limits of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Longest bulk string, bytes (`proto-max-bulk-len`).
    pub bulk_max_bytes: usize,
    /// Most arguments.
    pub args_max: usize,
    /// Longest inline command or header line, bytes.
    pub inline_max_bytes: usize,
    /// Whether the limits before authentication apply as well.
    pub trust: Trust,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            bulk_max_bytes: limits::BULK_MAX_BYTES,
            args_max: limits::ARGS_MAX,
            inline_max_bytes: limits::INLINE_MAX_BYTES,
            trust: Trust::Authenticated,
        }
    }
}

impl RequestLimits {
    /// The defaults for a client that has not authenticated.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self { trust: Trust::Unauthenticated, ..Self::default() }
    }
}

/// What one call of [`RequestParser::parse`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed.
    Incomplete,
    /// A blank line, `*0` or `*-1`: no command and no reply; continue after `consumed` bytes.
    Empty {
        /// Bytes to drop from the front of the buffer.
        consumed: usize,
    },
    /// A command; its arguments are in the vector.
    Command {
        /// Bytes to drop from the front of the buffer, once the arguments are no longer needed.
        consumed: usize,
    },
}

/// How far into a command the parser has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Before its first byte.
    #[default]
    Start,
    /// In a line of words.
    Inline,
    /// In the line `*<count>`.
    Count,
    /// Before or in the line `$<length>` of the next of `remaining` arguments.
    Header { remaining: usize },
    /// In the payload of the next of `remaining` arguments.
    Body { remaining: usize, len: usize },
}

/// A resumable parser for the commands of one client.
///
/// ```
/// use aelab_resp::{Parsed, RequestLimits, RequestParser};
///
/// let mut parser = RequestParser::default();
/// let mut args = Vec::new();
/// let mut buf = b"*2\r\n$3\r\nGET\r\n$3\r\nke".to_vec();
/// assert_eq!(parser.parse(&mut buf, &RequestLimits::default(), &mut args), Ok(Parsed::Incomplete));
/// buf.extend_from_slice(b"y\r\n");
/// let done = parser.parse(&mut buf, &RequestLimits::default(), &mut args);
/// assert_eq!(done, Ok(Parsed::Command { consumed: 22 }));
/// assert_eq!(args[1].of(&buf), b"key");
/// ```
#[derive(Debug, Clone, Default)]
pub struct RequestParser {
    state: State,
    /// First byte of the line or payload being received.
    pos: usize,
    /// How far that line has been searched for its end.
    searched: usize,
}

impl RequestParser {
    /// Whether the parser stands between two commands.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.state == State::Start
    }

    /// Discards an unfinished command.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Bytes of the unfinished command whose arguments are whole.
    #[must_use]
    pub fn complete_bytes(&self) -> usize {
        self.pos
    }

    /// Buffer length, from the command's first byte, at which the payload being received is whole.
    ///
    /// `None` outside a payload. A server can reserve exactly this much for a large argument.
    #[must_use]
    pub fn wanted_bytes(&self) -> Option<usize> {
        match self.state {
            State::Body { len, .. } => Some(self.pos + len + 2),
            _ => None,
        }
    }

    /// Looks for the next command at the start of `buf`.
    ///
    /// `buf` holds every byte from the first of the unfinished command on; `args` is cleared when a
    /// new command begins and must be left alone until the command is complete. Inline words are
    /// unescaped in place, which is why `buf` is mutable.
    ///
    /// # Errors
    /// The peer broke the protocol or a limit: answer with the error's words and close.
    #[inline]
    pub fn parse(
        &mut self,
        buf: &mut [u8],
        limits: &RequestLimits,
        args: &mut Vec<ArgRange>,
    ) -> Result<Parsed, ProtocolError> {
        let result = self.advance(buf, limits, args);
        if !matches!(result, Ok(Parsed::Incomplete)) {
            self.reset();
        }
        result
    }

    fn advance(
        &mut self,
        buf: &mut [u8],
        limits: &RequestLimits,
        args: &mut Vec<ArgRange>,
    ) -> Result<Parsed, ProtocolError> {
        loop {
            match self.state {
                State::Start => {
                    let Some(&first) = buf.first() else { return Ok(Parsed::Incomplete) };
                    args.clear();
                    self.state = if first == b'*' { State::Count } else { State::Inline };
                }
                State::Inline => return self.inline(buf, limits, args),
                State::Count => {
                    let too_big = ProtocolError::MultibulkCountTooBig;
                    let Some((from, to)) = self.line(buf, limits, too_big)? else {
                        return Ok(Parsed::Incomplete);
                    };
                    let count = argument_count(&buf[from + 1..to], limits)?;
                    if count == 0 {
                        return Ok(Parsed::Empty { consumed: self.pos });
                    }
                    args.reserve(count.min(limits::ARGS_RESERVE_MAX));
                    self.state = State::Header { remaining: count };
                }
                State::Header { remaining } => {
                    let too_big = ProtocolError::BulkCountTooBig;
                    let Some((from, to)) = self.line(buf, limits, too_big)? else {
                        return Ok(Parsed::Incomplete);
                    };
                    if buf[from] != b'$' {
                        return Err(ProtocolError::ExpectedDollar(buf[from]));
                    }
                    let len = bulk_length(&buf[from + 1..to], limits)?;
                    self.state = State::Body { remaining, len };
                }
                State::Body { remaining, len } => {
                    let end = self.pos + len;
                    if buf.len() < end + 2 {
                        return Ok(Parsed::Incomplete);
                    }
                    args.push(ArgRange::new(self.pos, end)?);
                    self.pos = end + 2;
                    self.searched = self.pos;
                    if remaining == 1 {
                        return Ok(Parsed::Command { consumed: self.pos });
                    }
                    self.state = State::Header { remaining: remaining - 1 };
                }
            }
        }
    }

    /// The line at the reading position, without its end; the position moves past it.
    ///
    /// Like Redis, this looks for the carriage return and does not check the byte after it.
    #[inline]
    fn line(
        &mut self,
        buf: &[u8],
        limits: &RequestLimits,
        too_big: ProtocolError,
    ) -> Result<Option<(usize, usize)>, ProtocolError> {
        // Header lines are a few bytes long: a plain loop beats a vectorised search.
        let mut at = self.searched;
        while at < buf.len() && buf[at] != b'\r' {
            at += 1;
        }
        self.searched = at;
        // The limit applies to where the line ends, not to how much has arrived: any split gives the same.
        if at - self.pos > limits.inline_max_bytes {
            return Err(too_big);
        }
        if at + 1 >= buf.len() {
            return Ok(None);
        }
        let from = self.pos;
        self.pos = at + 2;
        self.searched = self.pos;
        Ok(Some((from, at)))
    }

    fn inline(
        &mut self,
        buf: &mut [u8],
        limits: &RequestLimits,
        args: &mut Vec<ArgRange>,
    ) -> Result<Parsed, ProtocolError> {
        let found = memchr(b'\n', &buf[self.searched..]);
        let newline = found.map_or(buf.len(), |found| self.searched + found);
        if newline > limits.inline_max_bytes {
            return Err(ProtocolError::InlineTooBig);
        }
        if found.is_none() {
            self.searched = newline;
            return Ok(Parsed::Incomplete);
        }
        let end = if newline > 0 && buf[newline - 1] == b'\r' { newline - 1 } else { newline };
        inline::split(buf, end, args)?;
        let consumed = newline + 1;
        Ok(if args.is_empty() { Parsed::Empty { consumed } } else { Parsed::Command { consumed } })
    }
}

/// The count of a `*` line. Zero and negative counts give zero: Redis skips them without a reply.
fn argument_count(digits: &[u8], limits: &RequestLimits) -> Result<usize, ProtocolError> {
    let count = number::parse_i64(digits).ok_or(ProtocolError::InvalidMultibulkLength)?;
    let count = usize::try_from(count).unwrap_or(0);
    if count > limits.args_max {
        return Err(ProtocolError::InvalidMultibulkLength);
    }
    if limits.trust == Trust::Unauthenticated && count > limits::UNAUTHENTICATED_ARGS_MAX {
        return Err(ProtocolError::UnauthenticatedMultibulkLength);
    }
    Ok(count)
}

/// The length of a `$` line.
#[inline]
fn bulk_length(digits: &[u8], limits: &RequestLimits) -> Result<usize, ProtocolError> {
    let len = match digits {
        // Nearly all headers have one or two digits.
        [ones @ b'0'..=b'9'] => usize::from(ones - b'0'),
        [tens @ b'1'..=b'9', ones @ b'0'..=b'9'] => {
            usize::from(tens - b'0') * 10 + usize::from(ones - b'0')
        }
        _ => number::parse_i64(digits)
            .and_then(|len| usize::try_from(len).ok())
            .ok_or(ProtocolError::InvalidBulkLength)?,
    };
    if len > limits.bulk_max_bytes {
        return Err(ProtocolError::InvalidBulkLength);
    }
    if limits.trust == Trust::Unauthenticated && len > limits::UNAUTHENTICATED_BULK_MAX_BYTES {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    Ok(len)
}
