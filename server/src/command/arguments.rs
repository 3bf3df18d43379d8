//! What several data commands share: reading common arguments, times to live, limits on string sizes.
//!
//! Every function that can refuse writes the error that Redis 7.0 would and returns `None`.

use crate::args::Args;
use crate::db::value::parse_canonical_integer;
use crate::number::strtod::strtod;
use crate::reply::Reply;
use crate::server::Call;

/// Seconds or milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
}

/// From now, or since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Now,
    Epoch,
}

/// An argument that sets the deadline of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpireArg<'a> {
    pub(super) text: &'a [u8],
    pub(super) unit: Unit,
    pub(super) base: Base,
}

/// The option words EX, PX, EXAT and PXAT.
pub(crate) fn expire_option(word: &[u8]) -> Option<(Unit, Base)> {
    let options = [
        (&b"ex"[..], Unit::Seconds, Base::Now),
        (b"px", Unit::Milliseconds, Base::Now),
        (b"exat", Unit::Seconds, Base::Epoch),
        (b"pxat", Unit::Milliseconds, Base::Epoch),
    ];
    let found = options.iter().find(|(name, ..)| word.eq_ignore_ascii_case(name))?;
    Some((found.1, found.2))
}

impl Call<'_> {
    /// The deadline in unix milliseconds; it must be positive and within range (SET's rule, not EXPIRE's).
    pub(crate) fn deadline_arg(&mut self, argument: ExpireArg<'_>) -> Option<i64> {
        let Some(value) = parse_canonical_integer(argument.text) else {
            self.out.not_integer();
            return None;
        };
        let deadline = deadline_ms(value, argument.unit, argument.base, self.now_ms());
        if value <= 0 || deadline.is_none() {
            self.invalid_expire_time();
            return None;
        }
        deadline
    }

    /// `ERR invalid expire time in 'set' command`.
    pub(crate) fn invalid_expire_time(&mut self) {
        self.out.error(format!("ERR invalid expire time in '{}' command", self.spec.full_name()));
    }

    /// False, with the error written, if a string of `size` + `appended` bytes would be too long.
    pub(crate) fn string_size_allowed(&mut self, size: usize, appended: usize) -> bool {
        let limit = self.server.config.settings().clients.request.bulk_max_bytes;
        let allowed = size.checked_add(appended).is_some_and(|total| total <= limit);
        if !allowed {
            self.out.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        }
        allowed
    }
}

/// The deadline in unix milliseconds, if it is in range.
pub(crate) fn deadline_ms(value: i64, unit: Unit, base: Base, now_ms: i64) -> Option<i64> {
    let ms = match unit {
        Unit::Seconds => value.checked_mul(1000)?,
        Unit::Milliseconds => value,
    };
    match base {
        Base::Now => ms.checked_add(now_ms),
        Base::Epoch => Some(ms),
    }
}

/// Where Redis reads a C `int`.
pub(crate) const NOT_32_BITS: &str =
    "ERR value is out of range, value must between -2147483648 and 2147483647";

/// Start and count of the part between two indexes, each counting from the end when negative; `None` if it is empty.
pub(crate) fn clamp_range(start: i64, end: i64, length: usize) -> Option<(usize, usize)> {
    let length = length as i64;
    let from_end = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let start = from_end(start).max(0);
    let end = from_end(end).min(length - 1);
    (start <= end && start < length).then(|| (start as usize, (end - start + 1) as usize))
}

/// The same for the bytes and bits of strings, where an end before the first one is the first one.
pub(crate) fn clamp_string_range(start: i64, end: i64, length: usize) -> Option<(usize, usize)> {
    let end = if end < 0 { end.max(-(length as i64)) } else { end };
    clamp_range(start, end, length)
}

/// A count option that must not be negative (LPOP, SPOP, ZPOPMIN); `Err` after the error was written.
pub(crate) fn optional_count(
    args: Args<'_>,
    at: usize,
    out: &mut Reply,
) -> Result<Option<usize>, ()> {
    let Some(text) = args.get(at) else { return Ok(None) };
    match parse_canonical_integer(text) {
        Some(count) if count >= 0 => Ok(Some(count as usize)),
        _ => {
            out.error("ERR value is out of range, must be positive");
            Err(())
        }
    }
}

/// A double as `strtod` reads it, with nothing before or after: no NaN, no overflow.
pub(crate) fn parse_double(text: &[u8]) -> Option<f64> {
    let digits = match text {
        [b'+' | b'-', digits @ ..] => digits,
        digits => digits,
    };
    // Rust's own parser would also take a second sign or `nan`, and would silently make 1e400 infinite.
    match digits.first()? {
        b'0' if digits.get(1).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'x')) => {
            let (value, used) = strtod(text);
            (used == text.len() && value.is_finite()).then_some(value)
        }
        b'0'..=b'9' | b'.' => {
            let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            let underflow = value == 0.0 && digits.iter().any(|byte| (b'1'..=b'9').contains(byte));
            let exponent_only = digits.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e'));
            let zero_mantissa = digits[..exponent_only.unwrap_or(digits.len())]
                .iter()
                .all(|byte| matches!(byte, b'0' | b'.'));
            (value.is_finite() && (!underflow || zero_mantissa)).then_some(value)
        }
        b'i' | b'I' => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// Reads `[count [word]]` of the commands that draw at random: the count, and whether the word stands
/// there (each element then counts twice). Replies with the error and returns `None`.
pub(crate) fn random_count(call: &mut Call<'_>, word: &str) -> Option<(Option<i64>, bool)> {
    let args = call.args;
    if args.len() <= 2 {
        return Some((None, false));
    }
    let count = call.integer_arg(2)?;
    if count == i64::MIN {
        let (low, high) = (-i64::MAX, i64::MAX);
        let text = format!("ERR value is out of range, value must between {low} and {high}");
        call.out.error(text);
        return None;
    }
    if args.len() > 4 || (args.len() == 4 && !args.is(3, word)) {
        call.out.syntax_error();
        return None;
    }
    if args.len() == 4 && count.unsigned_abs() > i64::MAX as u64 / 2 {
        call.out.error("ERR value is out of range");
        return None;
    }
    Some((Some(count), args.len() == 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_what_there_is() {
        assert_eq!(clamp_range(0, -1, 5), Some((0, 5)));
        assert_eq!(clamp_range(-3, -2, 5), Some((2, 2)));
        assert_eq!(clamp_range(1, 100, 5), Some((1, 4)));
        assert_eq!(clamp_range(-100, 100, 5), Some((0, 5)));
        assert_eq!(clamp_range(3, 2, 5), None);
        assert_eq!(clamp_range(5, 6, 5), None);
        assert_eq!(clamp_range(0, -1, 0), None);
        assert_eq!(clamp_range(i64::MIN, i64::MAX, 3), Some((0, 3)));
    }

    #[test]
    fn deadlines_never_wrap() {
        assert_eq!(deadline_ms(10, Unit::Seconds, Base::Now, 5), Some(10_005));
        assert_eq!(deadline_ms(i64::MAX, Unit::Seconds, Base::Epoch, 0), None);
        assert_eq!(deadline_ms(i64::MAX, Unit::Milliseconds, Base::Now, 1), None);
    }
}
