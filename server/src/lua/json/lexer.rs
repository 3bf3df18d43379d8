//! The parts of a JSON text, with lua-cjson 2.1's idea of JSON.
//!
//! More than JSON is accepted, as there: hexadecimal, infinities and NaN as numbers, and any byte but
//! NUL in a string.

use crate::number::strtod::strtod;

/// What the text consists of. A string is not in the token: see [`Lexer::string`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Text),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Broken(&'static str),
}

/// Where the bytes of a string are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Text {
    /// In the text itself.
    Plain { start: usize, end: usize },
    /// In the lexer's buffer, until the next string: there were escapes.
    Unescaped,
}

impl Token {
    pub(super) fn name(self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Broken(why) => why,
        }
    }
}

/// See the module's text.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    unescaped: &'a mut Vec<u8>,
    pub(super) at: usize,
    /// Where the last token began, or where it broke.
    pub(super) token_at: usize,
}

impl<'a> Lexer<'a> {
    /// `unescaped` is for strings with escapes.
    pub(super) fn new(bytes: &'a [u8], unescaped: &'a mut Vec<u8>) -> Self {
        Lexer { bytes, unescaped, at: 0, token_at: 0 }
    }

    /// The bytes of the string that was read last.
    pub(super) fn text(&self, text: Text) -> &[u8] {
        match text {
            Text::Plain { start, end } => &self.bytes[start..end],
            Text::Unescaped => self.unescaped,
        }
    }

    /// The next part.
    pub(super) fn next(&mut self) -> Token {
        let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.bytes[self.at..].iter().take_while(blank).count();
        self.token_at = self.at;
        let rest = &self.bytes[self.at..];
        let Some(&first) = rest.first() else { return Token::End };
        let single = match first {
            0 => return Token::End,
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            b'"' => return self.string(),
            b'-' | b'+' | b'0'..=b'9' => return self.number(),
            _ => return self.word(),
        };
        self.at += 1;
        single
    }

    fn number(&mut self) -> Token {
        let rest = &self.bytes[self.at..];
        let (number, used) = short_number(rest).unwrap_or_else(|| strtod(rest));
        self.at += used;
        if used == 0 { Token::Broken("invalid number") } else { Token::Number(number) }
    }

    fn word(&mut self) -> Token {
        let rest = &self.bytes[self.at..];
        let known = [
            ("true", Token::Boolean(true)),
            ("false", Token::Boolean(false)),
            ("null", Token::Null),
        ];
        for (word, token) in known {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        let starts = |word: &[u8]| rest.len() >= 3 && rest[..3].eq_ignore_ascii_case(word);
        if starts(b"inf") || starts(b"nan") {
            self.number()
        } else {
            Token::Broken("invalid token")
        }
    }

    fn string(&mut self) -> Token {
        self.at += 1;
        let start = self.at;
        self.plain_run();
        let end = self.at;
        if self.bytes.get(end) == Some(&b'"') {
            self.at += 1;
            return Token::Text(Text::Plain { start, end });
        }
        self.unescaped.clear();
        self.unescaped.extend_from_slice(&self.bytes[start..end]);
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Token::Text(Text::Unescaped);
                }
                Some(b'\\') => {
                    if let Some(why) = self.escape() {
                        self.token_at = self.at;
                        return Token::Broken(why);
                    }
                }
                _ => {
                    self.token_at = self.at;
                    return Token::Broken("unexpected end of string");
                }
            }
            let start = self.at;
            self.plain_run();
            self.unescaped.extend_from_slice(&self.bytes[start..self.at]);
        }
    }

    /// Goes on to the next byte that does not stand for itself.
    fn plain_run(&mut self) {
        let rest = &self.bytes[self.at..];
        let special = rest.iter().position(|byte| matches!(*byte, b'"' | b'\\' | 0));
        self.at += special.unwrap_or(rest.len());
    }

    /// One escape, or the reason why it is invalid.
    fn escape(&mut self) -> Option<&'static str> {
        let byte = match self.bytes.get(self.at + 1) {
            Some(b'u') => return self.code_point(),
            Some(b'b') => 0x08,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'f') => 0x0c,
            Some(b'r') => b'\r',
            Some(&same @ (b'"' | b'\\' | b'/')) => same,
            _ => return Some("invalid escape code"),
        };
        self.unescaped.push(byte);
        self.at += 2;
        None
    }

    fn code_point(&mut self) -> Option<&'static str> {
        const WRONG: Option<&str> = Some("invalid unicode escape code");
        let Some(unit) = self.unit(self.at) else { return WRONG };
        let mut used = 6;
        let code = if (0xd800..0xdc00).contains(&unit) {
            let Some(low) = self.unit(self.at + 6) else { return WRONG };
            if !(0xdc00..0xe000).contains(&low) {
                return WRONG;
            }
            used = 12;
            0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
        } else {
            unit
        };
        let Some(code) = char::from_u32(code) else { return WRONG };
        self.unescaped.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += used;
        None
    }

    /// The four digits of `\uXXXX` at `at`.
    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let digits = std::str::from_utf8(digits).ok()?;
        digits
            .bytes()
            .all(|b| b.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(digits, 16).ok())?
    }
}

/// A number of up to fifteen digits without an exponent, and its length: such a number is the quotient of
/// two numbers that are exact, so the division rounds correctly.
fn short_number(text: &[u8]) -> Option<(f64, usize)> {
    const DIGITS_MAX: usize = 15;
    let is_negative = text.first() == Some(&b'-');
    let start = usize::from(is_negative);
    let (mut value, mut at, mut point) = (0_u64, start, None);
    loop {
        match text.get(at) {
            Some(digit @ b'0'..=b'9') => value = value * 10 + u64::from(digit - b'0'),
            Some(b'.') if point.is_none() => point = Some(at),
            Some(b'.' | b'e' | b'E' | b'x' | b'X') => return None,
            _ => break,
        }
        at += 1;
        if at - start > DIGITS_MAX {
            return None;
        }
    }
    let decimals = point.map_or(0, |point| at - point - 1);
    let digits = at - start - usize::from(point.is_some());
    if digits == 0 {
        return None;
    }
    let value = value as f64 / 10_f64.powi(decimals as i32);
    Some((if is_negative { -value } else { value }, at))
}

#[cfg(test)]
mod tests {
    use super::{Lexer, Text, Token, short_number};
    use crate::number::strtod::strtod;

    #[test]
    fn short_numbers_are_those_of_strtod() {
        let texts = [
            "0",
            "-0",
            "1",
            "-1",
            "0.1",
            "0.3",
            "1.5",
            "123456789.012345",
            "999999999999999",
            "1.",
            ".5",
            "-.5",
            "-",
            ".",
            "-.",
            "0x10",
            "1e5",
            "1.2.3",
            "1,2",
            "12]",
            "0.000000000001",
            "+1",
            "007",
            "1234567890123456",
            "-99.99}",
            "4.35",
            "0.07",
            "1.1",
            "2.675",
        ];
        for text in texts {
            if let Some((value, used)) = short_number(text.as_bytes()) {
                let expected = strtod(text.as_bytes());
                assert_eq!((value.to_bits(), used), (expected.0.to_bits(), expected.1), "{text}");
            }
        }
        for number in 0..100_000_u32 {
            let text = format!("{}.{:03}", number / 1000, number % 1000);
            let expected = strtod(text.as_bytes());
            assert_eq!(short_number(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn strings_with_and_without_escapes() {
        let mut buffer = Vec::new();
        let mut lexer = Lexer::new(br#"["ab", "c\u00e9\nd" "#, &mut buffer);
        assert_eq!(lexer.next(), Token::ArrayBegin);
        let Token::Text(plain @ Text::Plain { .. }) = lexer.next() else {
            panic!("a plain string")
        };
        assert_eq!(lexer.text(plain), b"ab");
        assert_eq!(lexer.next(), Token::Comma);
        assert_eq!(lexer.next(), Token::Text(Text::Unescaped));
        assert_eq!(lexer.text(Text::Unescaped), "c\u{e9}\nd".as_bytes());
        assert_eq!(lexer.next(), Token::End);
    }
}
