//! The server's log, in Redis's line format: `PID:M 01 Jan 2026 00:00:00.000 * text`.
//!
//! Not for the hot path: every line is one write. Times are UTC, so that logs of several machines can be
//! compared.

use crate::clock::Clock;
use std::fs::File;
use std::io::{self, Write};

/// How important a line is. `loglevel` hides the less important ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Debug = 0,
    Verbose = 1,
    Notice = 2,
    Warning = 3,
}

/// Where lines go.
enum Sink {
    Stdout,
    File(File),
    /// No log, for servers inside another program.
    Nowhere,
}

/// See the module's text.
pub(crate) struct Log {
    sink: Sink,
    least: u8,
    clock: Clock,
    last_throttled_s: i64,
    last_attack_s: Option<i64>,
}

impl Log {
    /// Lines to the file called `path`, or to standard output if that is empty.
    ///
    /// # Errors
    /// If the file cannot be opened for appending.
    pub(crate) fn open(path: &str, least: u8, clock: Clock) -> io::Result<Log> {
        let sink = match path {
            "" => Sink::Stdout,
            path => Sink::File(File::options().create(true).append(true).open(path)?),
        };
        Ok(Log { sink, least, clock, last_throttled_s: 0, last_attack_s: None })
    }

    /// A log that writes nothing.
    pub(crate) fn silent(clock: Clock) -> Log {
        Log { sink: Sink::Nowhere, least: 0, clock, last_throttled_s: 0, last_attack_s: None }
    }

    /// Changes the level below which lines are not written.
    pub(crate) fn set_level(&mut self, least: u8) {
        self.least = least;
    }

    /// A line for `loglevel verbose`. `text` is called only if that is on.
    pub(crate) fn verbose(&mut self, text: impl FnOnce() -> String) {
        if Level::Verbose as u8 >= self.least {
            self.line(Level::Verbose, &text());
        }
    }

    /// A normal event that operators want to see.
    pub(crate) fn notice(&mut self, text: impl AsRef<str>) {
        self.line(Level::Notice, text.as_ref());
    }

    /// A problem.
    pub(crate) fn warning(&mut self, text: impl AsRef<str>) {
        self.line(Level::Warning, text.as_ref());
    }

    /// A line at one of Redis's levels, debug (0) to warning (3).
    pub(crate) fn at_level(&mut self, level: u8, text: impl AsRef<str>) {
        let level = match level {
            0 => Level::Debug,
            1 => Level::Verbose,
            2 => Level::Notice,
            _ => Level::Warning,
        };
        self.line(level, text.as_ref());
    }

    /// A warning that may occur thousands of times: at most one a second is written.
    pub(crate) fn warning_per_second(&mut self, now_s: i64, text: impl AsRef<str>) {
        if self.last_throttled_s != now_s {
            self.last_throttled_s = now_s;
            self.warning(text);
        }
    }

    /// A warning about what a client sends: at most one a minute is written, as in Redis.
    pub(crate) fn warning_per_minute(&mut self, now_s: i64, text: impl AsRef<str>) {
        if self.last_attack_s.is_none_or(|last| now_s - last > 60) {
            self.last_attack_s = Some(now_s);
            self.warning(text);
        }
    }

    fn line(&mut self, level: Level, text: &str) {
        if (level as u8) < self.least {
            return;
        }
        let mark = match level {
            Level::Debug => '.',
            Level::Verbose => '-',
            Level::Notice => '*',
            Level::Warning => '#',
        };
        let time = time_text(self.clock.unix_us() / 1000);
        let line = format!("{}:M {time} {mark} {text}\n", std::process::id());
        // A full disk or a closed pipe must not stop the server.
        let _ = match &mut self.sink {
            Sink::Stdout => io::stdout().write_all(line.as_bytes()),
            Sink::File(file) => file.write_all(line.as_bytes()),
            Sink::Nowhere => Ok(()),
        };
    }
}

/// `23 Nov 2026 03:59:57.027` for a Unix time in milliseconds.
fn time_text(unix_ms: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, ms) = (unix_ms.div_euclid(86_400_000), unix_ms.rem_euclid(86_400_000));
    // Days to a date: years begin in March, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = year_of_era + era * 400 + i64::from(month < 2);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let name = MONTHS[month as usize];
    format!("{day:02} {name} {year} {hour:02}:{minute:02}:{second:02}.{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::time_text;

    #[test]
    fn dates_are_right_around_leap_days_and_year_ends() {
        for (unix_ms, text) in [
            (0, "01 Jan 1970 00:00:00.000"),
            (951_782_399_999, "28 Feb 2000 23:59:59.999"),
            (951_782_400_000, "29 Feb 2000 00:00:00.000"),
            (1_735_689_599_000, "31 Dec 2024 23:59:59.000"),
            (1_795_406_397_027, "23 Nov 2026 03:59:57.027"),
        ] {
            assert_eq!(time_text(unix_ms), text);
        }
    }
}
