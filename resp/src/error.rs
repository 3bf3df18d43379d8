//! Protocol errors. Incomplete input is not an error.

use std::fmt;

/// A violation of the protocol. The connection cannot be resynchronised after one.
///
/// `Display` gives the words that Redis puts after `-ERR Protocol error: `; the last group of
/// variants is for the client's side, for which Redis has no messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline command longer than [`crate::limits::INLINE_MAX_BYTES`].
    InlineTooBig,
    /// An inline command with an unfinished quote, or text right after a closing one.
    UnbalancedQuotes,
    /// No line end within the limit after `*`.
    MultibulkCountTooBig,
    /// The number after `*` is not a number or out of range.
    InvalidMultibulkLength,
    /// More arguments than a client may send before it has authenticated.
    UnauthenticatedMultibulkLength,
    /// Another byte where the `$` of a bulk string was due.
    ExpectedDollar(u8),
    /// No line end within the limit after `$`.
    BulkCountTooBig,
    /// The number after `$` is not a number or out of range.
    InvalidBulkLength,
    /// A longer bulk string than a client may send before it has authenticated.
    UnauthenticatedBulkLength,
    /// One request larger than 4 GiB, for which positions of 32 bits are too small.
    RequestTooBig,

    /// A reply begins with a byte that no reply type has.
    UnknownReplyType(u8),
    /// A length, count, integer or boolean of a reply is malformed.
    InvalidReplyHeader,
    /// The two bytes after a payload are not a line end.
    MissingLineEnd,
    /// A reply announces more than [`crate::limits::REPLY_BULK_MAX_BYTES`] or
    /// [`crate::limits::REPLY_ELEMENTS_MAX`].
    ReplyTooBig,
    /// A reply nested deeper than [`crate::limits::REPLY_NESTING_MAX`].
    NestingTooDeep,
}

impl ProtocolError {
    /// Appends the message as Redis sends it; an unexpected byte is copied unchanged.
    ///
    /// Line ends become spaces, since they would end the error reply early.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        match self {
            Self::ExpectedDollar(got) => {
                out.extend_from_slice(b"expected '$', got '");
                out.push(if matches!(got, b'\r' | b'\n') { b' ' } else { *got });
                out.push(b'\'');
            }
            other => out.extend_from_slice(other.to_string().as_bytes()),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::InlineTooBig => "too big inline request",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
            Self::MultibulkCountTooBig => "too big mbulk count string",
            Self::InvalidMultibulkLength => "invalid multibulk length",
            Self::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            Self::BulkCountTooBig => "too big bulk count string",
            Self::InvalidBulkLength => "invalid bulk length",
            Self::UnauthenticatedBulkLength => "unauthenticated bulk length",
            Self::RequestTooBig => "too big request",
            Self::InvalidReplyHeader => "invalid length or number in a reply",
            Self::MissingLineEnd => "a reply's payload does not end where its length says",
            Self::ReplyTooBig => "a reply announces more than any server holds",
            Self::NestingTooDeep => "reply nested too deep",
            Self::ExpectedDollar(got) => {
                return write!(f, "expected '$', got '{}'", char::from(*got).escape_default());
            }
            Self::UnknownReplyType(got) => {
                return write!(
                    f,
                    "no reply starts with '{}' (0x{got:02x})",
                    char::from(*got).escape_default()
                );
            }
        };
        f.write_str(text)
    }
}

impl std::error::Error for ProtocolError {}
