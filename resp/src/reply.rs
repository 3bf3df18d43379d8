//! The client's side of the protocol: counting and classifying a stream of replies.
//!
//! A load generator needs to know that a reply is complete, what kind it was, and little of what
//! it said. The scanner therefore keeps no payload, only the first few bytes of the first text
//! ([`ReplyScanner::head`]). It consumes whatever it is given, so the caller's receive buffer can
//! be reused at once and a reply of any size needs no memory. For a reply's contents see
//! [`crate::value`].

use memchr::memchr;

use crate::error::ProtocolError;
use crate::limits::{
    NUMBER_MAX_BYTES, REPLY_BULK_MAX_BYTES, REPLY_ELEMENTS_MAX, REPLY_HEAD_BYTES, REPLY_NESTING_MAX,
};
use crate::number;

/// The type of a reply, RESP2 and RESP3 together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplyKind {
    /// `+OK`
    Simple,
    /// `-ERR …`, and RESP3's `!` with a length.
    Error,
    /// `:1`
    Integer,
    /// `$3…`
    Bulk,
    /// `$-1`, `*-1` and RESP3's `_`.
    Null,
    /// `*2…`
    Array,
    /// `%1…`
    Map,
    /// `~2…`
    Set,
    /// `>3…`: not an answer to a request (a message, an invalidation).
    Push,
    /// `,3.14`
    Double,
    /// `#t`
    Boolean,
    /// `(123…`
    BigNumber,
    /// `=15…txt:…`
    Verbatim,
}

/// A complete reply, classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScannedReply {
    /// The type of the outermost value.
    pub kind: ReplyKind,
    /// The value of an integer or boolean, the element count of an aggregate (pairs for a map),
    /// the length of a bulk string in bytes; zero otherwise.
    pub integer: i64,
    /// Length of the whole reply on the wire, bytes, attributes included.
    pub bytes: u64,
    /// Number of values nested anywhere inside.
    pub elements: u64,
    /// Number of those that are errors, as in the reply to EXEC.
    pub errors: u32,
    /// True for `nil`, for the number 0, and for an aggregate that holds no values, or none but `nil`.
    pub holds_nothing: bool,
}

/// An aggregate that is still open.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Values still to come.
    remaining: u64,
    /// Attributes annotate the value after them and are not a value themselves.
    is_attribute: bool,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// A type byte.
    #[default]
    Type,
    /// A header line that carries a number; digits are in the scanner's `digits`.
    Number(u8),
    /// A line of text.
    Text(u8),
    /// `left` bytes of payload, then a line end.
    Payload { left: u64 },
    /// The carriage return after a payload.
    PayloadReturn,
    /// The line feed after that.
    PayloadFeed,
    /// The line feed after a carriage return in a line that started with this type.
    LineFeed(u8),
}

/// A resumable scanner over the replies of one connection.
///
/// ```
/// use aelab_resp::{ReplyKind, ReplyScanner};
///
/// let mut scanner = ReplyScanner::default();
/// assert_eq!(scanner.scan(b"$5\r\nhel"), Ok((7, None)));
/// let (consumed, reply) = scanner.scan(b"lo\r\n+OK\r\n").unwrap();
/// assert_eq!((consumed, reply.unwrap().kind), (4, ReplyKind::Bulk));
/// let (consumed, reply) = scanner.scan(b"+OK\r\n").unwrap();
/// assert_eq!((consumed, scanner.head()), (5, b"OK".as_slice()));
/// ```
#[derive(Debug, Clone)]
pub struct ReplyScanner {
    state: State,
    /// Outermost value: its kind and number, once known.
    outer: Option<(ReplyKind, i64)>,
    open: Vec<Frame>,
    bytes: u64,
    elements: u64,
    errors: u32,
    /// Nested values that are `nil`.
    nulls: u64,
    digits: [u8; NUMBER_MAX_BYTES],
    digit_count: u8,
    head: [u8; REPLY_HEAD_BYTES],
    head_len: u8,
    /// Only the first text goes into `head`.
    head_is_open: HeadCapture,
}

/// Whether the current text belongs to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeadCapture {
    /// No text has been seen in this reply.
    Waiting,
    /// The first text is being read.
    Open,
    /// The first text is over.
    Done,
}

impl Default for ReplyScanner {
    fn default() -> Self {
        Self {
            state: State::Type,
            outer: None,
            open: Vec::new(),
            bytes: 0,
            elements: 0,
            errors: 0,
            nulls: 0,
            digits: [0; NUMBER_MAX_BYTES],
            digit_count: 0,
            head: [0; REPLY_HEAD_BYTES],
            head_len: 0,
            head_is_open: HeadCapture::Waiting,
        }
    }
}

impl ReplyScanner {
    /// Whether the scanner stands between two replies.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.bytes == 0
    }

    /// The first bytes (at most [`REPLY_HEAD_BYTES`]) of the first text in the reply completed last, or of
    /// the first error nested in it: a message, the cursor in a SCAN reply. Valid until the next call of
    /// `scan`. Empty if the whole reply is a bulk string: its text is not kept.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    /// Reads `input` up to the end of one reply or of the input.
    ///
    /// Returns how many bytes were consumed (all of them unless a reply ended earlier) and the
    /// reply, if one ended. Call again with the rest.
    ///
    /// # Errors
    /// The bytes are not RESP. The scanner is of no use afterwards.
    #[inline]
    pub fn scan(&mut self, input: &[u8]) -> Result<(usize, Option<ScannedReply>), ProtocolError> {
        if self.bytes == 0 {
            self.head_len = 0;
            if let Some(found) = whole_bulk(input) {
                return Ok(found);
            }
            self.head_is_open = HeadCapture::Waiting;
        }
        self.scan_slow(input)
    }

    fn scan_slow(&mut self, input: &[u8]) -> Result<(usize, Option<ScannedReply>), ProtocolError> {
        let mut at = 0;
        while at < input.len() {
            let (used, ended) = self.step(&input[at..])?;
            at += used;
            self.bytes += used as u64;
            if ended && let Some(reply) = self.value_ended() {
                return Ok((at, Some(reply)));
            }
        }
        Ok((at, None))
    }

    /// Consumes at least one byte; returns whether a value (not an open aggregate) ended with it.
    fn step(&mut self, input: &[u8]) -> Result<(usize, bool), ProtocolError> {
        match self.state {
            State::Type => {
                let kind = input[0];
                self.digit_count = 0;
                self.state = match kind {
                    b'-' => {
                        self.open_error();
                        State::Text(kind)
                    }
                    b'+' | b',' | b'(' => {
                        self.open_head();
                        State::Text(kind)
                    }
                    b':' | b'$' | b'*' | b'%' | b'~' | b'>' | b'|' | b'=' | b'!' | b'#' | b'_' => {
                        State::Number(kind)
                    }
                    other => return Err(ProtocolError::UnknownReplyType(other)),
                };
                Ok((1, false))
            }
            State::Number(kind) => {
                for (at, &byte) in input.iter().enumerate() {
                    if byte == b'\r' {
                        self.state = State::LineFeed(kind);
                        return Ok((at + 1, false));
                    }
                    let slot = self.digits.get_mut(usize::from(self.digit_count));
                    *slot.ok_or(ProtocolError::InvalidReplyHeader)? = byte;
                    self.digit_count += 1;
                }
                Ok((input.len(), false))
            }
            State::Text(kind) => {
                let end = memchr(b'\r', input);
                self.keep_head(&input[..end.unwrap_or(input.len())]);
                match end {
                    None => Ok((input.len(), false)),
                    Some(at) => {
                        self.state = State::LineFeed(kind);
                        Ok((at + 1, false))
                    }
                }
            }
            State::LineFeed(kind) => {
                if input[0] != b'\n' {
                    return Err(ProtocolError::InvalidReplyHeader);
                }
                self.state = State::Type;
                self.line_ended(kind).map(|ended| (1, ended))
            }
            State::Payload { left } => {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                self.keep_head(&input[..take]);
                let left = left - take as u64;
                self.state = if left == 0 { State::PayloadReturn } else { State::Payload { left } };
                Ok((take, false))
            }
            State::PayloadReturn if input[0] == b'\r' => {
                self.state = State::PayloadFeed;
                Ok((1, false))
            }
            State::PayloadFeed if input[0] == b'\n' => {
                self.state = State::Type;
                Ok((1, true))
            }
            State::PayloadReturn | State::PayloadFeed => Err(ProtocolError::MissingLineEnd),
        }
    }

    /// A header or text line of type `kind` is complete; returns whether that ended a value.
    fn line_ended(&mut self, kind: u8) -> Result<bool, ProtocolError> {
        let invalid = ProtocolError::InvalidReplyHeader;
        let digits = &self.digits[..usize::from(self.digit_count)];
        match kind {
            b'+' => Ok(self.scalar(ReplyKind::Simple, 0)),
            b'-' => Ok(self.scalar(ReplyKind::Error, 0)),
            b',' => Ok(self.scalar(ReplyKind::Double, 0)),
            b'(' => Ok(self.scalar(ReplyKind::BigNumber, 0)),
            b'_' if digits.is_empty() => Ok(self.null()),
            b'#' => match digits {
                b"t" => Ok(self.scalar(ReplyKind::Boolean, 1)),
                b"f" => Ok(self.scalar(ReplyKind::Boolean, 0)),
                _ => Err(invalid),
            },
            b':' => {
                // RESP3 allows an explicit plus.
                let digits = digits.strip_prefix(b"+").unwrap_or(digits);
                let value = number::parse_i64(digits).ok_or(invalid)?;
                Ok(self.scalar(ReplyKind::Integer, value))
            }
            b'$' | b'*' if digits == b"-1" => Ok(self.null()),
            _ => {
                let value = number::parse_i64(digits).ok_or(invalid)?;
                let count = u64::try_from(value).map_err(|_| invalid)?;
                match kind {
                    b'$' => self.payload(ReplyKind::Bulk, count, value),
                    b'=' => self.payload(ReplyKind::Verbatim, count, value),
                    b'!' => self.payload(ReplyKind::Error, count, value),
                    b'*' => self.aggregate(ReplyKind::Array, count, value),
                    b'~' => self.aggregate(ReplyKind::Set, count, value),
                    b'>' => self.aggregate(ReplyKind::Push, count, value),
                    b'%' => {
                        let values = count.checked_mul(2).ok_or(invalid)?;
                        self.aggregate(ReplyKind::Map, values, value)
                    }
                    b'|' => {
                        let remaining = count.checked_mul(2).ok_or(invalid)?;
                        if remaining > 0 {
                            self.push_frame(Frame { remaining, is_attribute: true })?;
                        }
                        Ok(false)
                    }
                    _ => Err(invalid),
                }
            }
        }
    }

    /// Notes a value's kind when it is the outermost one.
    fn note(&mut self, kind: ReplyKind, integer: i64) {
        if self.open.is_empty() {
            self.outer = Some((kind, integer));
        }
    }

    fn scalar(&mut self, kind: ReplyKind, integer: i64) -> bool {
        self.note(kind, integer);
        self.close_head();
        true
    }

    fn null(&mut self) -> bool {
        self.nulls += 1;
        self.scalar(ReplyKind::Null, 0)
    }

    fn payload(&mut self, kind: ReplyKind, len: u64, integer: i64) -> Result<bool, ProtocolError> {
        if len > REPLY_BULK_MAX_BYTES {
            return Err(ProtocolError::ReplyTooBig);
        }
        self.note(kind, integer);
        match kind {
            ReplyKind::Error => self.open_error(),
            // Most replies are simple strings or integers whose text is not needed.
            ReplyKind::Bulk if self.open.is_empty() => {}
            _ => self.open_head(),
        }
        self.state = if len == 0 { State::PayloadReturn } else { State::Payload { left: len } };
        Ok(false)
    }

    fn aggregate(
        &mut self,
        kind: ReplyKind,
        remaining: u64,
        integer: i64,
    ) -> Result<bool, ProtocolError> {
        if remaining > REPLY_ELEMENTS_MAX {
            return Err(ProtocolError::ReplyTooBig);
        }
        self.note(kind, integer);
        if remaining == 0 {
            return Ok(true);
        }
        self.push_frame(Frame { remaining, is_attribute: false })?;
        Ok(false)
    }

    fn push_frame(&mut self, frame: Frame) -> Result<(), ProtocolError> {
        if self.open.len() >= REPLY_NESTING_MAX {
            return Err(ProtocolError::NestingTooDeep);
        }
        self.open.push(frame);
        Ok(())
    }

    /// A value ended: closes every aggregate that ends with it. Returns the reply if all did.
    fn value_ended(&mut self) -> Option<ScannedReply> {
        self.close_head();
        while let Some(frame) = self.open.last_mut() {
            self.elements += 1;
            frame.remaining -= 1;
            if frame.remaining > 0 {
                return None;
            }
            let is_attribute = frame.is_attribute;
            self.open.pop();
            if is_attribute {
                // The annotated value itself is still to come.
                return None;
            }
        }
        let (kind, integer) = self.outer.take()?;
        let reply = ScannedReply {
            kind,
            integer,
            bytes: self.bytes,
            elements: self.elements,
            errors: self.errors,
            holds_nothing: match kind {
                ReplyKind::Null => true,
                ReplyKind::Integer => integer == 0,
                ReplyKind::Array | ReplyKind::Map | ReplyKind::Set => self.nulls == self.elements,
                _ => false,
            },
        };
        self.nulls = 0;
        self.bytes = 0;
        self.elements = 0;
        self.errors = 0;
        Some(reply)
    }

    fn open_head(&mut self) {
        if self.head_is_open == HeadCapture::Waiting {
            self.head_is_open = HeadCapture::Open;
        }
    }

    /// An error begins. The head shows the first error inside an aggregate.
    fn open_error(&mut self) {
        if self.open.is_empty() {
            return self.open_head();
        }
        if self.errors == 0 {
            self.head_len = 0;
            self.head_is_open = HeadCapture::Open;
        }
        self.errors = self.errors.saturating_add(1);
    }

    fn close_head(&mut self) {
        if self.head_is_open == HeadCapture::Open {
            self.head_is_open = HeadCapture::Done;
        }
    }

    fn keep_head(&mut self, text: &[u8]) {
        if self.head_is_open == HeadCapture::Open {
            let from = usize::from(self.head_len);
            let kept = text.len().min(REPLY_HEAD_BYTES - from);
            self.head[from..from + kept].copy_from_slice(&text[..kept]);
            self.head_len += kept as u8;
        }
    }
}

/// The most common case: a short bulk string that is complete.
#[inline]
fn whole_bulk(input: &[u8]) -> Option<(usize, Option<ScannedReply>)> {
    let (len, header) = match *input {
        [b'$', ones @ b'0'..=b'9', b'\r', b'\n', ..] => (usize::from(ones - b'0'), 4),
        [b'$', tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..] => {
            (usize::from(tens - b'0') * 10 + usize::from(ones - b'0'), 5)
        }
        _ => return None,
    };
    let consumed = header + len + 2;
    if input.get(header + len..consumed)? != b"\r\n" {
        return None;
    }
    let reply = ScannedReply {
        kind: ReplyKind::Bulk,
        integer: len as i64,
        bytes: consumed as u64,
        elements: 0,
        errors: 0,
        holds_nothing: false,
    };
    Some((consumed, Some(reply)))
}
