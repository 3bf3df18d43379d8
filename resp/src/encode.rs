//! Writing requests and replies: every function appends to a buffer and allocates nothing else.
//!
//! Names without a number are the same bytes in RESP2 and RESP3; a trailing `3` marks what only a
//! RESP3 peer understands. Which form a client gets is the server's decision, not this module's.

use std::io::Write as _;

/// Appends `<kind><number>\r\n`.
#[inline]
fn header(out: &mut Vec<u8>, kind: u8, number: i64) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn payload(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    header(out, kind, bytes.len() as i64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// `+text`: a status. The text must hold no line end.
#[inline]
pub fn simple(out: &mut Vec<u8>, text: &[u8]) {
    line(out, b'+', text);
}

/// `-text`: an error, beginning with its code (`ERR …`, `WRONGTYPE …`). No line end inside.
pub fn error(out: &mut Vec<u8>, text: &[u8]) {
    line(out, b'-', text);
}

/// `:value`
#[inline]
pub fn integer(out: &mut Vec<u8>, value: i64) {
    header(out, b':', value);
}

/// `$len` and the bytes.
#[inline]
pub fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() + 16);
    bulk_header(out, bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// `$len` alone: the caller appends the bytes and a line end.
#[inline]
pub fn bulk_header(out: &mut Vec<u8>, len: usize) {
    header(out, b'$', len as i64);
}

/// RESP2's null string, `$-1`.
pub fn null_bulk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"$-1\r\n");
}

/// RESP2's null array, `*-1`.
pub fn null_array(out: &mut Vec<u8>) {
    out.extend_from_slice(b"*-1\r\n");
}

/// RESP3's only null, `_`.
pub fn null3(out: &mut Vec<u8>) {
    out.extend_from_slice(b"_\r\n");
}

/// The header of an array of `count` values.
#[inline]
pub fn array(out: &mut Vec<u8>, count: usize) {
    header(out, b'*', count as i64);
}

/// The header of a map of `pairs` keys and values.
pub fn map3(out: &mut Vec<u8>, pairs: usize) {
    header(out, b'%', pairs as i64);
}

/// The header of a set of `count` values.
pub fn set3(out: &mut Vec<u8>, count: usize) {
    header(out, b'~', count as i64);
}

/// The header of a push of `count` values.
pub fn push3(out: &mut Vec<u8>, count: usize) {
    header(out, b'>', count as i64);
}

/// The header of an attribute of `pairs` keys and values.
pub fn attribute3(out: &mut Vec<u8>, pairs: usize) {
    header(out, b'|', pairs as i64);
}

/// `,value`, spelled as [`format_double`] does.
pub fn double3(out: &mut Vec<u8>, value: f64) {
    line(out, b',', format_double(value).as_bytes());
}

/// `#t` or `#f`.
pub fn boolean3(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" });
}

/// `(digits`
pub fn big_number3(out: &mut Vec<u8>, digits: &[u8]) {
    line(out, b'(', digits);
}

/// `=len` with a three-letter format (`txt`, `mkd`), a colon, and the text.
pub fn verbatim3(out: &mut Vec<u8>, format: [u8; 3], text: &[u8]) {
    header(out, b'=', text.len() as i64 + 4);
    out.extend_from_slice(&format);
    out.push(b':');
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// RESP3's error with a length, `!`, for messages that hold a line end.
pub fn blob_error3(out: &mut Vec<u8>, text: &[u8]) {
    payload(out, b'!', text);
}

/// A request: an array of bulk strings.
pub fn command(out: &mut Vec<u8>, args: &[&[u8]]) {
    array(out, args.len());
    for arg in args {
        bulk(out, arg);
    }
}

/// A double as Redis 7.0 spells it: C's `%.17g`, with `inf`, `-inf` and `nan`.
#[must_use]
pub fn format_double(value: f64) -> String {
    /// Significant digits that make every double's text unique.
    const DIGITS: usize = 17;
    format_significant(value, DIGITS)
}

/// A double with `digits` significant digits (at least one), as C's `%g` spells it.
#[must_use]
pub fn format_significant(value: f64, digits: usize) -> String {
    let mut out = Vec::new();
    append_significant(&mut out, value, digits);
    out.into_iter().map(char::from).collect()
}

/// Appends a double with `digits` significant digits (at least one), as C's `%g` spells it.
pub fn append_significant(out: &mut Vec<u8>, value: f64, digits: usize) {
    /// Whole numbers below this power of ten are exact, and need no rounding.
    const WHOLE_DIGITS_MAX: usize = 15;
    let whole_below = 10_f64.powi(digits.min(WHOLE_DIGITS_MAX) as i32);
    if value.abs() < whole_below
        && value.trunc() == value
        && (value != 0.0 || value.is_sign_positive())
    {
        return out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    }
    let word: &[u8] = match value {
        _ if value.is_nan() => b"nan",
        f64::INFINITY => b"inf",
        f64::NEG_INFINITY => b"-inf",
        // The other zero is a whole number above.
        0.0 => b"-0",
        _ => return append_rounded(out, value, digits),
    };
    out.extend_from_slice(word);
}

/// A finite number that is not zero.
fn append_rounded(out: &mut Vec<u8>, value: f64, digits: usize) {
    if value < 0.0 {
        out.push(b'-');
    }
    // Rust writes `1.25e-7`: the digits are the right ones in both notations.
    let start = out.len();
    let _ = write!(out, "{:.*e}", digits - 1, value.abs());
    let Some(sign) = out[start..].iter().position(|byte| *byte == b'e') else { return };
    let exponent = std::str::from_utf8(&out[start + sign + 1..]).ok().and_then(|e| e.parse().ok());
    let exponent: i32 = exponent.unwrap_or(0);
    out.truncate(start + sign);
    if !(-4..digits as i32).contains(&exponent) {
        trim_zeros(out, start);
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "e{sign}{:02}", exponent.abs());
        return;
    }
    if digits > 1 {
        out.remove(start + 1);
    }
    if exponent < 0 {
        const ZEROS: &[u8] = b"0.000";
        let zeros = &ZEROS[..1 + exponent.unsigned_abs() as usize];
        out.splice(start..start, zeros.iter().copied());
    } else if (exponent as usize) < digits - 1 {
        out.insert(start + 1 + exponent as usize, b'.');
    }
    trim_zeros(out, start);
}

/// Removes the zeros at the end of a fraction, and its point if nothing is left of it.
fn trim_zeros(out: &mut Vec<u8>, start: usize) {
    if out[start..].contains(&b'.') {
        while out.last() == Some(&b'0') {
            out.pop();
        }
        if out.last() == Some(&b'.') {
            out.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{format_double, format_significant};

    #[test]
    fn doubles_are_spelled_as_printf_does() {
        let cases: &[(f64, &str)] = &[
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (0.1, "0.10000000000000001"),
            (2.72, "2.7200000000000002"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(format_double(*value), *text);
        }
    }

    /// The definition of `%g`, with two roundings by the formatter.
    fn by_definition(value: f64, digits: usize) -> String {
        let trimmed = |text: &str| match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text.to_owned(),
        };
        let scientific = format!("{value:.*e}", digits - 1);
        let (mantissa, exponent) = scientific.split_once('e').expect("an exponent");
        let exponent: i32 = exponent.parse().expect("a number");
        if (-4..digits as i32).contains(&exponent) {
            let decimals = (digits as i32 - 1 - exponent) as usize;
            return trimmed(&format!("{value:.decimals$}"));
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
    }

    #[test]
    fn significant_digits_follow_the_definition() {
        let mut bits = 1_u64;
        let mut cases = vec![9.5, 0.5, 1e14, 1e15, 99_999_999_999_999.9, 0.000_099_999, 123.456];
        for exponent in -30..30 {
            for mantissa in [1.0, 1.5, 9.999_999_999_999_999, 1.234_567_890_123_456_7, 5.0] {
                cases.push(mantissa * 10_f64.powi(exponent));
            }
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            cases.push(f64::from_bits(bits));
        }
        for value in cases.iter().copied().filter(|value| value.is_finite() && *value != 0.0) {
            for digits in [1, 2, 14, 15, 17] {
                for value in [value, -value] {
                    let text = format_significant(value, digits);
                    assert_eq!(text, by_definition(value, digits), "{value:e}, {digits} digits");
                }
            }
        }
    }
}
