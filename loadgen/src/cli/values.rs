//! Readers of single values on the command line.
//!
//! Not the flags (see `load`, `output`). Invariant: an error says what would be right.

use aelab_units::parse_count;

/// A count of at least one.
pub(super) fn positive(text: &str) -> Result<usize, String> {
    let count = parse_count(text).map_err(|error| error.to_string())?;
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| "at least 1".to_owned())
}

/// Requests in flight; a word is a hint at memtier's `-P`.
pub(super) fn pipeline(text: &str) -> Result<usize, String> {
    positive(text).map_err(|why| {
        let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_word {
            "-P is the number of requests in flight per connection; the protocol is always Redis's (RESP3: -3)"
                .to_owned()
        } else {
            why
        }
    })
}

/// A count of at least one.
pub(super) fn at_least_one(text: &str) -> Result<u64, String> {
    let count = parse_count(text).map_err(|error| error.to_string())?;
    if count > 0 { Ok(count) } else { Err("at least 1".to_owned()) }
}

/// A number from 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share lies between 0 and 1, such as 0.5".to_owned())
}

/// Two weights, not both zero.
pub(super) fn ratio(text: &str) -> Result<(u32, u32), String> {
    let parse = || {
        let (set, get) = text.split_once(':')?;
        let pair = (set.parse().ok()?, get.parse().ok()?);
        (pair != (0, 0)).then_some(pair)
    };
    parse().ok_or_else(|| "write SET:GET such as 1:10, not both zero".to_owned())
}

/// A percentile, with or without a leading p; 100 is the maximum.
pub(super) fn percentile(text: &str) -> Result<f64, String> {
    let number = text.trim_start_matches('p').parse::<f64>().ok();
    number
        .filter(|p| *p > 0.0 && *p <= 100.0)
        .ok_or_else(|| "a percentile is above 0 and at most 100, such as 99.5".to_owned())
}

/// A tag of a run.
pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.trim().is_empty());
    let (name, value) = pair.ok_or_else(|| "write NAME=VALUE such as env=staging".to_owned())?;
    Ok((name.trim().to_owned(), value.to_owned()))
}
