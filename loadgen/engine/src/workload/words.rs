//! Words of a line of text, split as `redis-cli` splits them, and put together again.
//!
//! The rules are those of Redis's `sdssplitargs`, with one addition: blanks inside a placeholder (`{key zipf 100}`) do not end
//! a word. Not the meaning of the words (see `command_text`). Invariant: [`split_words`] of [`quoted`] is the same word.

/// What ends a word outside quotes.
const fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0)
}

/// C's `isspace`: what may stand between words and behind a closing quote.
const fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Splits a line into words: blanks separate, `"…"` takes `\n \r \t \a \b \xHH \\ \"`, `'…'` takes `\'`. A quote may open
/// inside a word; the word ends where it closes.
///
/// # Errors
/// When a quote is not closed, or text follows it directly.
pub fn split_words(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut words = Vec::new();
    let mut rest = line.as_bytes();
    loop {
        let blanks = rest.iter().take_while(|byte| is_space(**byte)).count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            return Ok(words);
        }
        let mut word = Vec::new();
        rest = take_word(rest, &mut word)?;
        words.push(word);
    }
}

/// Takes one word off a text that does not begin with a blank, and gives what follows it.
fn take_word<'a>(text: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        match byte {
            b'"' => return double_quoted(&rest[1..], word).and_then(after_quote),
            b'\'' => return single_quoted(&rest[1..], word).and_then(after_quote),
            0 => return Ok(&rest[1..]),
            byte if ends_word(byte) => return Ok(rest),
            _ => {
                let len = placeholder_len(rest).unwrap_or(1);
                word.extend_from_slice(&rest[..len]);
                rest = &rest[len..];
            }
        }
    }
    Ok(rest)
}

/// The length of a placeholder with blanks that begins the text: a brace, small letters, a blank, and a brace that closes.
fn placeholder_len(text: &[u8]) -> Option<usize> {
    let inner = text.strip_prefix(b"{")?;
    let letters = inner.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    let is_placeholder = letters > 0 && inner.get(letters) == Some(&b' ');
    let close = inner.iter().position(|byte| *byte == b'}').filter(|_| is_placeholder)?;
    Some(close + 2)
}

fn after_quote(rest: &[u8]) -> Result<&[u8], String> {
    match rest.first() {
        Some(byte) if !is_space(*byte) && *byte != 0 => Err(
            "put a blank after a closing quote; to send quotes as they are, put the whole word into single quotes"
                .to_owned(),
        ),
        _ => Ok(rest),
    }
}

fn double_quoted<'a>(text: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, text.get(at + 1)) {
            (b'"', _) => return Ok(&text[at + 1..]),
            (b'\\', Some(b'x')) if let Some(byte) = hex(text.get(at + 2..at + 4)) => {
                word.push(byte);
                at += 4;
            }
            (b'\\', Some(escaped)) => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'a' => 7,
                    b'b' => 8,
                    other => *other,
                });
                at += 2;
            }
            _ => {
                word.push(byte);
                at += 1;
            }
        }
    }
    Err("a double quote is not closed".to_owned())
}

/// Two hexadecimal digits as a byte.
fn hex(digits: Option<&[u8]>) -> Option<u8> {
    let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn single_quoted<'a>(text: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, text.get(at + 1)) {
            (b'\'', _) => return Ok(&text[at + 1..]),
            (b'\\', Some(b'\'')) => {
                word.push(b'\'');
                at += 2;
            }
            _ => {
                word.push(byte);
                at += 1;
            }
        }
    }
    Err("a single quote is not closed".to_owned())
}

/// A word as it must stand in a line: as it is, or in double quotes if it holds blanks, quotes or bytes that do not print.
#[must_use]
pub fn quoted(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'');
    if !word.is_empty() && word.iter().all(is_plain) {
        return String::from_utf8_lossy(word).into_owned();
    }
    let mut out = String::from("\"");
    for chunk in word.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn words(line: &str) -> Vec<String> {
        let words = split_words(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect()
    }

    /// Each line was given to redis-cli 7.0, whose words these are.
    #[test]
    fn splits_as_redis_cli_does() {
        for (line, want) in [
            ("SET  a b", &["SET", "a", "b"][..]),
            (r#"SET "a b" 'c d'"#, &["SET", "a b", "c d"]),
            (r#"SET "\x41\n\"" '\''"#, &["SET", "A\n\"", "'"]),
            (r#"SET k """#, &["SET", "k", ""]),
            ("SET k ''", &["SET", "k", ""]),
            (r#"SET k a"b c""#, &["SET", "k", "ab c"]),
            ("SET k a'b c'", &["SET", "k", "ab c"]),
            (r#"SET k x"""#, &["SET", "k", "x"]),
            (r#"SET k "\xZZ\q""#, &["SET", "k", "xZZq"]),
            (r#"SET k "\x+1""#, &["SET", "k", "x+1"]),
            (r#"SET k "\a\b\t\r\\""#, &["SET", "k", "\u{7}\u{8}\t\r\\"]),
            (r"SET k a\nb", &["SET", "k", r"a\nb"]),
            (r"SET k 'a\nb'", &["SET", "k", r"a\nb"]),
            ("\u{b}SET\tk\nv ", &["SET", "k", "v"]),
            ("SET k \"a\"\u{b}b", &["SET", "k", "a", "b"]),
            ("SET k {a}", &["SET", "k", "{a}"]),
        ] {
            assert_eq!(words(line), want, "{line}");
        }
        for line in ["SET \"a", "SET 'a", "SET 'a'b", "SET \"a\"b", "SET k it's", "SET k {\"a\":1}"]
        {
            assert!(split_words(line).is_err(), "{line}");
        }
    }

    #[test]
    fn blanks_of_a_placeholder_do_not_end_a_word() {
        assert_eq!(words("GET {key zipf 100}"), ["GET", "{key zipf 100}"]);
        assert_eq!(words("GET a:{key zipf 100}:b x"), ["GET", "a:{key zipf 100}:b", "x"]);
        assert_eq!(words("GET \"a {key 5} b\""), ["GET", "a {key 5} b"]);
        assert_eq!(words("GET {key x"), ["GET", "{key", "x"]);
        assert_eq!(words("GET {A b}"), ["GET", "{A", "b}"]);
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_split_into_the_same_word(word in any::<Vec<u8>>(), text in ".*") {
            for word in [word, text.into_bytes()] {
                prop_assert_eq!(split_words(&quoted(&word)), Ok(vec![word.clone()]));
            }
        }
    }
}
