//! C's `strtod`: the number at the start of a text, and how far it goes.
//!
//! Redis hands texts of clients to it in a few places (range bounds, SORT, JSON of scripts), and with
//! it accepts hexadecimal, infinities and numbers with something behind them. Each caller says what
//! of that it refuses.

/// The number at the start of `text`, and the bytes it takes with the white space before it; (0, 0)
/// if there is none. Out of range is infinity or zero, as C says.
pub(crate) fn strtod(text: &[u8]) -> (f64, usize) {
    let space = text.iter().take_while(|byte| is_space(**byte)).count();
    let (negative, sign) = match text.get(space) {
        Some(b'-') => (true, 1),
        Some(b'+') => (false, 1),
        _ => (false, 0),
    };
    let start = space + sign;
    let body = &text[start..];
    let (magnitude, used) = match word(body) {
        Some(found) => found,
        None => hexadecimal(body).unwrap_or_else(|| decimal(body)),
    };
    match used {
        0 => (0.0, 0),
        _ => (if negative { -magnitude } else { magnitude }, start + used),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Infinities, and NaN with or without a payload in parentheses.
fn word(body: &[u8]) -> Option<(f64, usize)> {
    let is =
        |word: &[u8]| body.len() >= word.len() && body[..word.len()].eq_ignore_ascii_case(word);
    if is(b"infinity") {
        return Some((f64::INFINITY, 8));
    }
    if is(b"inf") {
        return Some((f64::INFINITY, 3));
    }
    if !is(b"nan") {
        return None;
    }
    let payload = body[3..].strip_prefix(b"(").and_then(|rest| {
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        (rest.get(len) == Some(&b')')).then_some(len + 2)
    });
    Some((f64::NAN, 3 + payload.unwrap_or(0)))
}

fn digits(text: &[u8], is_digit: fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| is_digit(byte)).count()
}

/// `0x`, digits with a point, and perhaps a binary exponent.
fn hexadecimal(body: &[u8]) -> Option<(f64, usize)> {
    let rest = body.strip_prefix(b"0x").or_else(|| body.strip_prefix(b"0X"))?;
    let whole = digits(rest, u8::is_ascii_hexdigit);
    let fraction = match rest.get(whole) {
        Some(b'.') => digits(&rest[whole + 1..], u8::is_ascii_hexdigit),
        _ => 0,
    };
    if whole + fraction == 0 {
        // Only the zero before the x is a number.
        return Some((0.0, 1));
    }
    let mut end =
        whole + if fraction > 0 || rest.get(whole) == Some(&b'.') { fraction + 1 } else { 0 };
    let value = |byte: &u8| f64::from((*byte as char).to_digit(16).unwrap_or(0));
    // Exact up to 2^53; longer ones are rounded digit by digit, which C does once at the end.
    let mantissa =
        rest[..end].iter().filter(|b| **b != b'.').fold(0.0, |sum, b| sum * 16.0 + value(b));
    let (exponent, used) = exponent(&rest[end..], b'p');
    end += used;
    let exponent = exponent - 4 * fraction as i32;
    Some((mantissa * 2.0_f64.powi(exponent), 2 + end))
}

fn decimal(body: &[u8]) -> (f64, usize) {
    let whole = digits(body, u8::is_ascii_digit);
    let point = body.get(whole) == Some(&b'.');
    let fraction = if point { digits(&body[whole + 1..], u8::is_ascii_digit) } else { 0 };
    if whole + fraction == 0 {
        return (0.0, 0);
    }
    let mut end = whole + if point { fraction + 1 } else { 0 };
    end += exponent(&body[end..], b'e').1;
    // Rust reads what C reads here, to the last bit.
    let value = std::str::from_utf8(&body[..end]).ok().and_then(|text| text.parse().ok());
    (value.unwrap_or(0.0), end)
}

/// An exponent after `letter`, if a whole one is there, and its length.
fn exponent(text: &[u8], letter: u8) -> (i32, usize) {
    if text.first().is_none_or(|first| !first.eq_ignore_ascii_case(&letter)) {
        return (0, 0);
    }
    let sign = usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    let count = digits(&text[1 + sign..], u8::is_ascii_digit);
    if count == 0 {
        return (0, 0);
    }
    /// Beyond any double's.
    const EXPONENT_MAX: i32 = 1_000_000;
    let magnitude = text[1 + sign..1 + sign + count].iter().fold(0_i32, |sum, digit| {
        sum.saturating_mul(10).saturating_add(i32::from(digit - b'0')).min(EXPONENT_MAX)
    });
    (if text[1] == b'-' { -magnitude } else { magnitude }, 1 + sign + count)
}

#[cfg(test)]
mod tests {
    use super::strtod;

    #[test]
    fn numbers_end_where_c_ends_them() {
        for (text, value, used) in [
            ("1", 1.0, 1),
            ("  -1.5e3xyz", -1500.0, 8),
            ("1e", 1.0, 1),
            ("1e+", 1.0, 1),
            (".5", 0.5, 2),
            ("5.", 5.0, 2),
            (".", 0.0, 0),
            ("", 0.0, 0),
            ("-", 0.0, 0),
            ("0x10", 16.0, 4),
            ("-0X1.8p1", -3.0, 8),
            ("0x", 0.0, 1),
            ("0xg", 0.0, 1),
            ("inf", f64::INFINITY, 3),
            ("-Infinity!", f64::NEG_INFINITY, 9),
            ("infinit", f64::INFINITY, 3),
            ("1e999", f64::INFINITY, 5),
        ] {
            assert_eq!(strtod(text.as_bytes()), (value, used), "{text}");
        }
        let (nan, used) = strtod(b"nan(12)x");
        assert!(nan.is_nan() && used == 7);
    }
}
