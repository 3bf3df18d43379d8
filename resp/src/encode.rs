//! Writing requests and replies: every function appends to a buffer and allocates nothing else.
//!
//! Names without a number are the same bytes in RESP2 and RESP3; a trailing `3` marks what only a
//! RESP3 peer understands. Which form a client gets is the server's decision, not this module's.

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
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = digits as i32;
    if (-4..digits).contains(&exponent) {
        let decimals = usize::try_from(digits - 1 - exponent).unwrap_or(0);
        return trim_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs())
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::format_double;

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
}
