//! Lines of MONITOR: `1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`.
//!
//! Not what may be sent again (see `rules`). Invariant: what [`parse`] accepts, [`decode`] gives back byte by byte, as the
//! client had sent it.

use crate::replay::decoded::Decoded;

/// The parts of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Microseconds since 1970.
    pub(crate) at_us: u64,
    /// Database.
    pub(crate) db: u16,
    /// Address of the client, `lua` for what a script did, `unix:PATH`.
    pub(crate) client: &'a [u8],
    /// The quoted arguments.
    pub(crate) arguments: &'a [u8],
}

/// Whether a line is none of a command: MONITOR's own `OK`, or nothing.
pub(crate) fn is_noise(line: &[u8]) -> bool {
    line.is_empty() || line == b"OK" || line == b"+OK"
}

/// Reads a line; its quoting is checked by [`decode`]. `redis-cli` prints a line as it is; the server puts a `+` before it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(line: &[u8]) -> Result<Line<'_>, &'static str> {
    let line = line.strip_prefix(b"+").unwrap_or(line);
    let (time, rest) = split_at(line, b' ').ok_or("it does not begin with a time")?;
    let at_us = micros(time).ok_or("it does not begin with a time such as 1339518083.107412")?;
    let rest = rest.strip_prefix(b"[").ok_or("after the time, [DB CLIENT] is missing")?;
    // An IPv6 address has brackets of its own, so the end is the one before a quote.
    let close = rest
        .windows(3)
        .position(|three| three == b"] \"")
        .ok_or("after [DB CLIENT], the quoted command is missing")?;
    let (db, client) = split_at(&rest[..close], b' ').ok_or("[DB CLIENT] has no client")?;
    let db = std::str::from_utf8(db).ok().and_then(|db| db.parse().ok());
    let db = db.ok_or("the database is no number")?;
    Ok(Line { at_us, db, client, arguments: &rest[close + 2..] })
}

/// The quoted arguments of a line that [`parse`] accepted.
pub(crate) fn arguments_of(line: &[u8]) -> &[u8] {
    parse(line).map_or(&[], |line| line.arguments)
}

fn split_at(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(byte, text)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Seconds with six decimals, as microseconds.
fn micros(text: &[u8]) -> Option<u64> {
    let (seconds, fraction) = split_at(text, b'.')?;
    if fraction.len() != 6
        || seconds.is_empty()
        || !seconds.iter().chain(fraction).all(u8::is_ascii_digit)
    {
        return None;
    }
    let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<u64>().ok();
    number(seconds)?.checked_mul(1_000_000)?.checked_add(number(fraction)?)
}

/// Takes `"a" "b\x00c"` apart; `false` if a quote is not closed or something else stands between the arguments.
pub(crate) fn decode(mut text: &[u8], into: &mut Decoded) -> bool {
    into.clear();
    loop {
        let Some(quoted) = text.strip_prefix(b"\"") else { return false };
        let Some(after) = unquote(quoted, &mut into.bytes) else { return false };
        into.ends.push(into.bytes.len());
        match after {
            [] => return true,
            [b' ', rest @ ..] => text = rest,
            _ => return false,
        }
    }
}

/// Appends what stands before the closing quote; gives what stands after it.
fn unquote<'a>(mut text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let special = memchr::memchr2(b'"', b'\\', text)?;
        out.extend_from_slice(&text[..special]);
        if text[special] == b'"' {
            return Some(&text[special + 1..]);
        }
        let (byte, used) = match *text.get(special + 1)? {
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'a' => (7, 2),
            b'b' => (8, 2),
            b'x' => {
                let digits = std::str::from_utf8(text.get(special + 2..special + 4)?).ok()?;
                (u8::from_str_radix(digits, 16).ok()?, 4)
            }
            other => (other, 2),
        };
        out.push(byte);
        text = &text[special + used..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    #[test]
    fn lines_of_all_kinds_of_clients() {
        for (text, db, client) in [
            ("1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"", 0, "127.0.0.1:60866"),
            ("1.000000 [15 [::1]:60866] \"get\" \"]\"", 15, "[::1]:60866"),
            ("1.000000 [0 lua] \"set\" \"a\" \"b\"", 0, "lua"),
            ("+1.000000 [0 unix:/tmp/a b.sock] \"ping\"", 0, "unix:/tmp/a b.sock"),
        ] {
            let line = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((line.db, line.client), (db, client.as_bytes()), "{text}");
            assert!(decode(line.arguments, &mut Decoded::default()), "{text}");
        }
        for (text, part) in [
            ("keys *", "time"),
            ("1339518083 [0 a] \"x\"", "time"),
            ("1339518083.10741 [0 a] \"x\"", "time"),
            ("1.000000 0 a \"x\"", "[DB CLIENT]"),
            ("1.000000 [0 a]", "quoted"),
            ("1.000000 [x a] \"x\"", "no number"),
        ] {
            let error = parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        for text in ["\"a", "\"a\\", "\"a\"b", "\"a\"  \"b\"", "\"\\x1\"", "a", ""] {
            assert!(!decode(text.as_bytes(), &mut Decoded::default()), "{text}");
        }
    }

    /// As the server writes an argument.
    fn quote(arg: &[u8]) -> String {
        let mut text = String::from("\"");
        for byte in arg {
            match byte {
                b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
                b'\n' => text.push_str("\\n"),
                b'\r' => text.push_str("\\r"),
                b'\t' => text.push_str("\\t"),
                7 => text.push_str("\\a"),
                8 => text.push_str("\\b"),
                b' '..=b'~' => text.push(char::from(*byte)),
                other => write!(text, "\\x{other:02x}").expect("a string"),
            }
        }
        text + "\""
    }

    proptest! {
        #[test]
        fn what_the_server_quotes_comes_back(args in prop::collection::vec(any::<Vec<u8>>(), 1..5)) {
            let text = args.iter().map(|arg| quote(arg)).collect::<Vec<_>>().join(" ");
            let mut decoded = Decoded::default();
            prop_assert!(decode(text.as_bytes(), &mut decoded));
            prop_assert_eq!(decoded.args().collect::<Vec<_>>(), args);
        }

        #[test]
        fn any_bytes_are_refused_or_read(line in any::<Vec<u8>>()) {
            if let Ok(line) = parse(&line) {
                let _ = decode(line.arguments, &mut Decoded::default());
            }
        }
    }
}
