//! `cjson.decode`: one pass over the bytes, with lua-cjson 2.1's idea of JSON and its error texts.
//!
//! More than JSON is accepted, as there: hexadecimal, infinities and NaN as numbers, and any byte but
//! NUL in a string.

use super::json::NESTING_MAX;
use super::raised::{bad_argument, library_error, type_name};
use super::watch::Effort;
use crate::number::strtod::strtod;
use mlua::{Error, Lua, MultiValue, Result, Value};

/// What the text consists of.
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Broken(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
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

pub(super) fn decode(lua: &Lua, args: MultiValue) -> Result<Value> {
    let Some(value) = args.front().filter(|_| args.len() == 1) else {
        return Err(bad_argument(lua, 1, "decode", "expected 1 argument"));
    };
    let Some(text) = lua.coerce_string(value.clone())? else {
        let why = format!("string expected, got {}", type_name(value));
        return Err(bad_argument(lua, 1, "decode", &why));
    };
    let bytes = text.as_bytes();
    if bytes.len() >= 2 && (bytes[0] == 0 || bytes[1] == 0) {
        return Err(library_error(lua, "JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut parser = Parser { lua, effort: Effort::new(lua), bytes: &bytes, at: 0, token_at: 0 };
    let first = parser.next();
    let value = parser.value(first, 0)?;
    match parser.next() {
        Token::End => Ok(value),
        other => Err(parser.unexpected("the end", &other)),
    }
}

struct Parser<'a> {
    lua: &'a Lua,
    effort: Effort<'a>,
    bytes: &'a [u8],
    at: usize,
    /// Where the last token began, or where it broke.
    token_at: usize,
}

impl Parser<'_> {
    fn unexpected(&self, wanted: &str, found: &Token) -> Error {
        let (found, at) = (found.name(), self.token_at + 1);
        library_error(self.lua, &format!("Expected {wanted} but found {found} at character {at}"))
    }

    fn value(&mut self, token: Token, depth: usize) -> Result<Value> {
        self.effort.value(match &token {
            Token::Text(text) => text.len(),
            _ => 0,
        })?;
        Ok(match token {
            Token::Text(text) => Value::String(self.lua.create_string(text)?),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(value) => Value::Boolean(value),
            Token::Null => Value::NULL,
            Token::ObjectBegin => self.object(depth + 1)?,
            Token::ArrayBegin => self.array(depth + 1)?,
            other => return Err(self.unexpected("value", &other)),
        })
    }

    fn check_depth(&self, depth: usize) -> Result<()> {
        if depth <= NESTING_MAX {
            return Ok(());
        }
        let at = self.at;
        let text = format!("Found too many nested data structures ({depth}) at character {at}");
        Err(library_error(self.lua, &text))
    }

    fn object(&mut self, depth: usize) -> Result<Value> {
        self.check_depth(depth)?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if matches!(token, Token::ObjectEnd) {
            return Ok(Value::Table(table));
        }
        loop {
            let Token::Text(name) = token else {
                return Err(self.unexpected("object key string", &token));
            };
            let colon = self.next();
            if !matches!(colon, Token::Colon) {
                return Err(self.unexpected("colon", &colon));
            }
            let first = self.next();
            let value = self.value(first, depth)?;
            table.raw_set(self.lua.create_string(name)?, value)?;
            match self.next() {
                Token::ObjectEnd => return Ok(Value::Table(table)),
                Token::Comma => token = self.next(),
                other => return Err(self.unexpected("comma or object end", &other)),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value> {
        self.check_depth(depth)?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if matches!(token, Token::ArrayEnd) {
            return Ok(Value::Table(table));
        }
        for index in 1_i64.. {
            let value = self.value(token, depth)?;
            table.raw_set(index, value)?;
            match self.next() {
                Token::ArrayEnd => break,
                Token::Comma => token = self.next(),
                other => return Err(self.unexpected("comma or array end", &other)),
            }
        }
        Ok(Value::Table(table))
    }

    fn next(&mut self) -> Token {
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
        match strtod(&self.bytes[self.at..]) {
            (_, 0) => Token::Broken("invalid number"),
            (number, used) => {
                self.at += used;
                Token::Number(number)
            }
        }
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
        let mut text = Vec::new();
        self.at += 1;
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().take_while(|byte| !matches!(**byte, b'"' | b'\\' | 0)).count();
            text.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Token::Text(text);
                }
                Some(b'\\') => {
                    if let Some(why) = self.escape(&mut text) {
                        self.token_at = self.at;
                        return Token::Broken(why);
                    }
                }
                _ => {
                    self.token_at = self.at;
                    return Token::Broken("unexpected end of string");
                }
            }
        }
    }

    /// One escape, or the reason why it is invalid.
    fn escape(&mut self, text: &mut Vec<u8>) -> Option<&'static str> {
        let byte = match self.bytes.get(self.at + 1) {
            Some(b'u') => return self.code_point(text),
            Some(b'b') => 0x08,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'f') => 0x0c,
            Some(b'r') => b'\r',
            Some(&same @ (b'"' | b'\\' | b'/')) => same,
            _ => return Some("invalid escape code"),
        };
        text.push(byte);
        self.at += 2;
        None
    }

    fn code_point(&mut self, text: &mut Vec<u8>) -> Option<&'static str> {
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
        text.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes());
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
