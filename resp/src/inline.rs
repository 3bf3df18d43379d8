//! Inline commands: a line of words with shell-like quoting, as typed into a telnet session.
//!
//! Words are unescaped in place: the result is never longer than the escaped word, so the write position
//! cannot overtake the read position.

use crate::error::ProtocolError;
use crate::range::ArgRange;

/// Splits `buf[..end]` into words, unescaping them in place, and appends their positions.
///
/// The rules are those of Redis's `sdssplitargs`: double quotes know `\xHH`, `\n`, `\r`, `\t`,
/// `\b`, `\a` and any escaped character; single quotes know `\'`; a closing quote must be followed
/// by a space or the end.
pub(crate) fn split(
    buf: &mut [u8],
    end: usize,
    args: &mut Vec<ArgRange>,
) -> Result<(), ProtocolError> {
    let mut read = 0;
    loop {
        while read < end && is_space(buf[read]) {
            read += 1;
        }
        if read == end {
            return Ok(());
        }
        let start = read;
        let mut word = Word { buf, read, write: start, end };
        word.unescape()?;
        let Word { read: next, write, .. } = word;
        args.push(ArgRange::new(start, write)?);
        read = next;
    }
}

/// C's `isspace` in the default locale.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// One word while it is read and rewritten.
struct Word<'a> {
    buf: &'a mut [u8],
    read: usize,
    write: usize,
    end: usize,
}

impl Word<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        let at = self.read + ahead;
        (at < self.end).then(|| self.buf[at])
    }

    /// Writes `byte` as the next byte of the word, having read `width` bytes for it.
    fn put(&mut self, byte: u8, width: usize) {
        self.buf[self.write] = byte;
        self.write += 1;
        self.read += width;
    }

    fn unescape(&mut self) -> Result<(), ProtocolError> {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' | 0 => {
                    // The separator itself; a NUL counts as one and must not stop the outer loop.
                    self.read += 1;
                    return Ok(());
                }
                b'"' => {
                    self.read += 1;
                    return self.double_quoted();
                }
                b'\'' => {
                    self.read += 1;
                    return self.single_quoted();
                }
                other => self.put(other, 1),
            }
        }
        Ok(())
    }

    fn double_quoted(&mut self) -> Result<(), ProtocolError> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return Err(ProtocolError::UnbalancedQuotes),
                (Some(b'\\'), Some(b'x')) if self.hex_pair().is_some() => {
                    let byte = self.hex_pair().unwrap_or_default();
                    self.put(byte, 4);
                }
                (Some(b'\\'), Some(escaped)) => {
                    let byte = match escaped {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 0x08,
                        b'a' => 0x07,
                        other => other,
                    };
                    self.put(byte, 2);
                }
                (Some(b'"'), after) => return self.close_quote(after),
                (Some(byte), _) => self.put(byte, 1),
            }
        }
    }

    fn single_quoted(&mut self) -> Result<(), ProtocolError> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return Err(ProtocolError::UnbalancedQuotes),
                (Some(b'\\'), Some(b'\'')) => self.put(b'\'', 2),
                (Some(b'\''), after) => return self.close_quote(after),
                (Some(byte), _) => self.put(byte, 1),
            }
        }
    }

    fn close_quote(&mut self, after: Option<u8>) -> Result<(), ProtocolError> {
        self.read += 1;
        match after {
            Some(byte) if !is_space(byte) => Err(ProtocolError::UnbalancedQuotes),
            _ => Ok(()),
        }
    }

    /// The value of the `HH` in `\xHH` at the reading position.
    fn hex_pair(&self) -> Option<u8> {
        let high = char::from(self.peek(2)?).to_digit(16)?;
        let low = char::from(self.peek(3)?).to_digit(16)?;
        u8::try_from(high * 16 + low).ok()
    }
}
