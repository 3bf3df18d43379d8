//! Times as short text for the tables on a terminal. Pure.

use aelab_scenarios::criterion::Dimension;
use aelab_scenarios::judge::in_words;

/// Microseconds as words, with three digits: `143us`, `12.1ms`, `1.02s`.
#[must_use]
pub fn time(us: f64) -> String {
    in_words(us / 1e6, Dimension::Time)
}

/// How long a measurement was: in tenths of a second, unless that would be none.
#[must_use]
pub fn length(seconds: f64) -> String {
    if seconds < 0.1 { time(seconds * 1e6) } else { format!("{seconds:.1}s") }
}
