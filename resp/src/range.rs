//! The position of one argument in the buffer that was parsed.

use crate::error::ProtocolError;

/// Where one argument lies in the buffer given to [`RequestParser::parse`](crate::RequestParser::parse), in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgRange {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl ArgRange {
    pub(crate) fn new(start: usize, end: usize) -> Result<Self, ProtocolError> {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Ok(Self { start, end }),
            _ => Err(ProtocolError::RequestTooBig),
        }
    }

    /// The argument's bytes within `buf`, the buffer it was parsed from.
    #[inline]
    #[must_use]
    pub fn of(self, buf: &[u8]) -> &[u8] {
        &buf[self.start as usize..self.end as usize]
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the argument is the empty string.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}
