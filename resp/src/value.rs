//! Replies as trees, for control connections (INFO, CONFIG GET, SLOWLOG) and tests.
//!
//! Not for measured traffic: every string is copied. Frame a stream with
//! [`crate::ReplyScanner`] first, or call [`decode`] again as the buffer grows.

use memchr::memchr;

use crate::error::ProtocolError;
use crate::limits::REPLY_NESTING_MAX;
use crate::number;

/// One decoded reply. RESP2's null string and null array are both [`Value::Null`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `+…`
    Simple(Vec<u8>),
    /// `-…` or `!…`
    Error(Vec<u8>),
    /// `:…`
    Integer(i64),
    /// `$…`
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` or `_`
    Null,
    /// `*…`
    Array(Vec<Value>),
    /// `%…`
    Map(Vec<(Value, Value)>),
    /// `~…`
    Set(Vec<Value>),
    /// `>…`
    Push(Vec<Value>),
    /// `,…`
    Double(f64),
    /// `#t` or `#f`
    Boolean(bool),
    /// `(…`, its digits
    BigNumber(Vec<u8>),
    /// `=…`, with its three-letter format and colon
    Verbatim(Vec<u8>),
}

impl Value {
    /// The bytes of a string of any kind, errors included.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(text) | Self::Error(text) | Self::Bulk(text) | Self::BigNumber(text) => {
                Some(text)
            }
            Self::Verbatim(text) => text.get(4..),
            _ => None,
        }
    }

    /// The string as UTF-8 text, where it is some.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// An integer, or a string that spells one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            other => number::parse_i64(other.as_bytes()?),
        }
    }

    /// The elements of an array, set or push.
    #[must_use]
    pub fn as_slice(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => Some(items),
            _ => None,
        }
    }
}

/// Decodes the reply at the start of `buf`: the value and its length in bytes, or `None` when it is
/// not all there. Attributes are dropped.
///
/// # Errors
/// The bytes are not RESP.
pub fn decode(buf: &[u8]) -> Result<Option<(Value, usize)>, ProtocolError> {
    let mut cursor = Cursor { buf, at: 0 };
    Ok(cursor.value(0)?.map(|value| (value, cursor.at)))
}

struct Cursor<'a> {
    buf: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn line(&mut self) -> Result<Option<&'a [u8]>, ProtocolError> {
        let rest = &self.buf[self.at..];
        let Some(end) = memchr(b'\r', rest) else { return Ok(None) };
        match rest.get(end + 1) {
            None => Ok(None),
            Some(b'\n') => {
                self.at += end + 2;
                Ok(Some(&rest[..end]))
            }
            Some(_) => Err(ProtocolError::InvalidReplyHeader),
        }
    }

    fn payload(&mut self, len: usize) -> Result<Option<&'a [u8]>, ProtocolError> {
        let rest = &self.buf[self.at..];
        let total = len.checked_add(2).ok_or(ProtocolError::InvalidReplyHeader)?;
        if rest.len() < total {
            return Ok(None);
        }
        if &rest[len..total] != b"\r\n" {
            return Err(ProtocolError::MissingLineEnd);
        }
        self.at += total;
        Ok(Some(&rest[..len]))
    }

    fn value(&mut self, depth: usize) -> Result<Option<Value>, ProtocolError> {
        if depth > REPLY_NESTING_MAX {
            return Err(ProtocolError::NestingTooDeep);
        }
        let Some(&kind) = self.buf.get(self.at) else { return Ok(None) };
        self.at += 1;
        let Some(line) = self.line()? else { return Ok(None) };
        let invalid = ProtocolError::InvalidReplyHeader;
        let count = || -> Result<usize, ProtocolError> {
            number::parse_i64(line).and_then(|n| usize::try_from(n).ok()).ok_or(invalid)
        };
        Ok(Some(match kind {
            b'+' => Value::Simple(line.to_vec()),
            b'-' => Value::Error(line.to_vec()),
            b'(' => Value::BigNumber(line.to_vec()),
            b'_' if line.is_empty() => Value::Null,
            b'$' | b'*' if line == b"-1" => Value::Null,
            b':' => Value::Integer(
                number::parse_i64(line.strip_prefix(b"+").unwrap_or(line)).ok_or(invalid)?,
            ),
            b',' => {
                let text = std::str::from_utf8(line).map_err(|_| invalid)?;
                Value::Double(text.parse().map_err(|_| invalid)?)
            }
            b'#' => match line {
                b"t" => Value::Boolean(true),
                b"f" => Value::Boolean(false),
                _ => return Err(invalid),
            },
            b'$' | b'!' | b'=' => {
                let Some(text) = self.payload(count()?)? else { return Ok(None) };
                match kind {
                    b'$' => Value::Bulk(text.to_vec()),
                    b'!' => Value::Error(text.to_vec()),
                    _ => Value::Verbatim(text.to_vec()),
                }
            }
            b'*' | b'~' | b'>' => {
                let Some(items) = self.values(count()?, depth)? else { return Ok(None) };
                match kind {
                    b'*' => Value::Array(items),
                    b'~' => Value::Set(items),
                    _ => Value::Push(items),
                }
            }
            b'%' | b'|' => {
                let Some(pairs) = self.pairs(count()?, depth)? else { return Ok(None) };
                if kind == b'|' {
                    return self.value(depth + 1);
                }
                Value::Map(pairs)
            }
            other => return Err(ProtocolError::UnknownReplyType(other)),
        }))
    }

    fn values(&mut self, count: usize, depth: usize) -> Result<Option<Vec<Value>>, ProtocolError> {
        // No value is shorter than three bytes: a count cannot reserve more than was received.
        let mut items = Vec::with_capacity(count.min((self.buf.len() - self.at) / 3));
        for _ in 0..count {
            let Some(item) = self.value(depth + 1)? else { return Ok(None) };
            items.push(item);
        }
        Ok(Some(items))
    }

    fn pairs(
        &mut self,
        count: usize,
        depth: usize,
    ) -> Result<Option<Vec<(Value, Value)>>, ProtocolError> {
        let mut pairs = Vec::with_capacity(count.min((self.buf.len() - self.at) / 6));
        for _ in 0..count {
            let Some(key) = self.value(depth + 1)? else { return Ok(None) };
            let Some(value) = self.value(depth + 1)? else { return Ok(None) };
            pairs.push((key, value));
        }
        Ok(Some(pairs))
    }
}
