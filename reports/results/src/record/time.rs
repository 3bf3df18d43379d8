//! Instants as text: UTC with seconds, and back. No time zones, no leap seconds, no clock.
//! The day arithmetic is Howard Hinnant's `days_from_civil` and its inverse.

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// `unix_ms` (milliseconds since 1970, UTC) as `2026-01-01T00:00:00Z`; milliseconds are cut off.
#[must_use]
pub fn utc_text(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms / 1000).unwrap_or(0);
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY_S));
    let second = seconds.rem_euclid(DAY_S);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The inverse of [`utc_text`], in milliseconds; `None` if `text` has another form.
#[must_use]
pub fn utc_millis(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if bytes.len() != 20 || marks.iter().any(|&(at, mark)| bytes[at] != mark) {
        return None;
    }
    let field = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
    let days = days_from_civil(i64::from(field(0..4)?), field(5..7)?, field(8..10)?);
    let (hour, minute, second) = (field(11..13)?, field(14..16)?, field(17..19)?);
    let seconds = days * DAY_S + i64::from(hour * 3600 + minute * 60 + second);
    u64::try_from(seconds).ok()?.checked_mul(1000)
}

fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_survive_the_way_there_and_back() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_700_000_000_999, "2023-11-14T22:13:20Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(utc_text(millis), text);
            assert_eq!(utc_millis(text), Some(millis / 1000 * 1000));
        }
        for wrong in ["", "yesterday", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+0"] {
            assert_eq!(utc_millis(wrong), None);
        }
    }
}
