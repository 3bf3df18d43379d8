//! RESP, one piece at a time: the head of a value, or the whole of one that has no parts.
//!
//! It reads what this server has written, so it does not say what is wrong with other bytes.

use aelab_resp::parse_i64;

/// One piece. A container's parts follow it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Piece<'a> {
    Status(&'a [u8]),
    Error(&'a [u8]),
    Integer(i64),
    Text(&'a [u8]),
    Null,
    Boolean(bool),
    Double(f64),
    BigNumber(&'a [u8]),
    /// Its format and the text.
    Verbatim(&'a [u8], &'a [u8]),
    /// So many values follow.
    Array(usize),
    /// So many values follow.
    Set(usize),
    /// So many pairs of values follow.
    Map(usize),
}

/// See the module's text.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// The next piece; `None` if there is none.
    pub(super) fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            let kind = *self.bytes.get(self.at)?;
            self.at += 1;
            let line = self.line()?;
            let piece = match kind {
                b'+' => Piece::Status(line),
                b'-' => Piece::Error(line),
                b':' => Piece::Integer(parse_i64(line)?),
                b'$' | b'*' if line == b"-1" => Piece::Null,
                b'$' => Piece::Text(self.payload(count(line)?)?),
                b'*' | b'>' => Piece::Array(count(line)?),
                b'_' => Piece::Null,
                b'#' => Piece::Boolean(line == b"t"),
                b',' => Piece::Double(std::str::from_utf8(line).ok()?.parse().ok()?),
                b'(' => Piece::BigNumber(line),
                b'!' => Piece::Error(self.payload(count(line)?)?),
                b'=' => {
                    let text = self.payload(count(line)?)?;
                    let (format, text) = text.split_at(text.len().min(4));
                    Piece::Verbatim(format.strip_suffix(b":").unwrap_or(format), text)
                }
                b'~' => Piece::Set(count(line)?),
                b'%' => Piece::Map(count(line)?),
                b'|' => {
                    // Attributes say something about the value that follows them.
                    for _ in 0..2 * count(line)? {
                        self.skip()?;
                    }
                    continue;
                }
                _ => return None,
            };
            return Some(piece);
        }
    }

    fn skip(&mut self) -> Option<()> {
        let parts = match self.next()? {
            Piece::Array(count) | Piece::Set(count) => count,
            Piece::Map(count) => 2 * count,
            _ => 0,
        };
        for _ in 0..parts {
            self.skip()?;
        }
        Some(())
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let len = rest.iter().position(|byte| *byte == b'\r')?;
        self.at += len + 2;
        Some(&rest[..len])
    }

    fn payload(&mut self, len: usize) -> Option<&'a [u8]> {
        let text = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len + 2;
        Some(text)
    }
}

fn count(line: &[u8]) -> Option<usize> {
    parse_i64(line).and_then(|count| usize::try_from(count).ok())
}

#[cfg(test)]
mod tests {
    use super::{Piece, Reader};

    #[test]
    fn pieces_are_read_in_order() {
        let bytes = b"*3\r\n$3\r\na\rb\r\n:-7\r\n%1\r\n+k\r\n~2\r\n_\r\n#t\r\n|1\r\n+x\r\n*1\r\n:1\r\n=7\r\ntxt:a\r\n\r\n";
        let mut reader = Reader::new(bytes);
        for expected in [
            Piece::Array(3),
            Piece::Text(b"a\rb"),
            Piece::Integer(-7),
            Piece::Map(1),
            Piece::Status(b"k"),
            Piece::Set(2),
            Piece::Null,
            Piece::Boolean(true),
            // The attribute before it is skipped.
            Piece::Verbatim(b"txt", b"a\r\n"),
        ] {
            assert_eq!(reader.next(), Some(expected));
        }
        assert_eq!(reader.next(), None);
    }

    #[test]
    fn what_is_cut_short_has_no_next_piece() {
        let whole = b"*2\r\n$5\r\nhello\r\n,1.5\r\n";
        for len in 0..whole.len() - 2 {
            let mut reader = Reader::new(&whole[..len]);
            let pieces = (0..3).map_while(|_| reader.next()).count();
            assert!(pieces < 3, "{len}");
        }
    }
}
