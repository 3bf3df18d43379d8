//! Limits of a run as typed: `--max-p99 2ms`, `--max-error-rate 1%`, `--min-rate 20k`.
//!
//! Not the judging (see `aelab_results::stated_limits`). The parser knows one flag for all percentiles, `--max-p99`: a word such
//! as `--max-p99.9` becomes that flag with its percentile in the value. Invariant: no word is added or taken away.

use aelab_results::stated_limits::StatedLimits;
use aelab_units::{Rate, parse_duration, parse_rate};
use clap::Args;
use std::ffi::OsString;

/// The flag that stands for all percentiles.
const FLAG: &str = "--max-p99";
/// What stands between percentile and time in a value that was put together.
const MARK: char = '=';

/// Limit flags, as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits (exit code 5)")]
pub struct LimitArgs {
    /// Longest allowed p99, such as 2ms; also any other percentile: --max-p50, --max-p99.9, --max-p100.
    ///
    /// The limit is for the response time if requests have a schedule (--rate, --arrival), and for the service time in a closed
    /// loop. Each test and each group is judged with all its commands together. If the run has too few samples for the
    /// percentile, the exit code is 3.
    #[arg(long = "max-p99", value_name = "TIME", value_parser = time_at)]
    pub max_times: Vec<(f64, f64)>,
    /// Largest allowed share of requests that end in an error or a timeout, such as 0.1% [default: 1%].
    ///
    /// To accept any number of errors, give 100%.
    #[arg(
        long,
        visible_alias = "max-errors",
        value_name = "SHARE",
        value_parser = error_share,
        allow_negative_numbers = true
    )]
    pub max_error_rate: Option<f64>,
    /// Lowest allowed number of replies per second, such as 20k.
    #[arg(long, value_name = "RATE", value_parser = parse_rate, allow_negative_numbers = true)]
    pub min_rate: Option<Rate>,
}

impl LimitArgs {
    /// What they say.
    #[must_use]
    pub fn limits(&self) -> StatedLimits {
        StatedLimits {
            max_error_share: self.max_error_rate,
            min_rate: self.min_rate.map(Rate::as_per_second),
            max_us: self.max_times.clone(),
        }
    }
}

/// `2ms`, or with another percentile than 99 `p99.9=2ms`; percentile and µs.
fn time_at(text: &str) -> Result<(f64, f64), String> {
    let (p, time) = match text.strip_prefix('p').and_then(|rest| rest.split_once(MARK)) {
        Some((p, time)) => (super::values::percentile(p)?, time),
        None => (99.0, text),
    };
    let limit = parse_duration(time).map_err(|error| error.to_string())?;
    Ok((p, limit.as_secs_f64() * 1e6))
}

/// `0.5%`, or a share below one.
fn error_share(text: &str) -> Result<f64, String> {
    let why =
        || "write a percentage such as 1% or 0.1%, or a share below 1 such as 0.01".to_owned();
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| *number >= 0.0);
    match text.strip_suffix('%') {
        Some(percent) => number(percent).filter(|p| *p <= 100.0).map(|p| p / 100.0),
        // A bare 1 may mean 1 % or all.
        None => number(text).filter(|share| *share < 1.0),
    }
    .ok_or_else(why)
}

/// The percentile of a word such as `--max-p99.9` or `--max-p99.9=2ms`, and the value behind the `=`.
fn percentile_flag(word: &str) -> Option<(&str, Option<&str>)> {
    let rest = word.strip_prefix("--max-p")?;
    let (p, value) = match rest.split_once('=') {
        Some((p, value)) => (p, Some(value)),
        None => (rest, None),
    };
    let is_number = p.starts_with(|c: char| c.is_ascii_digit()) && p.parse::<f64>().is_ok();
    is_number.then_some((p, value))
}

/// Whether a word limits a percentile.
pub(super) fn is_percentile_flag(word: &str) -> bool {
    percentile_flag(word).is_some()
}

/// The words as the parser knows them, up to `--`.
pub(super) fn one_flag(words: &[OsString]) -> Vec<OsString> {
    let mut out: Vec<OsString> = Vec::with_capacity(words.len());
    let mut percentile: Option<String> = None;
    let mut is_over = false;
    for word in words {
        let text = word.to_str().unwrap_or_default();
        is_over |= text == "--";
        let said = percentile_flag(text).filter(|_| !is_over);
        let next = match (percentile.take(), said) {
            (_, Some((p, Some(value)))) => format!("{FLAG}=p{p}{MARK}{value}").into(),
            (_, Some((p, None))) => {
                percentile = Some(p.to_owned());
                FLAG.into()
            }
            (Some(p), None) if !is_over => format!("p{p}{MARK}{text}").into(),
            (_, None) => word.clone(),
        };
        out.push(next);
    }
    out
}

/// An error of the parser with the flag and the value that were typed.
pub(super) fn as_typed(message: &str, words: &[String]) -> String {
    let mut message = message.to_owned();
    for (index, word) in words.iter().enumerate() {
        let Some((p, value)) = percentile_flag(word) else { continue };
        let value = value.or_else(|| words.get(index + 1).map(String::as_str)).unwrap_or_default();
        let ours = format!("'p{p}{MARK}{value}' for '{FLAG} <TIME>'");
        message = message.replace(&ours, &format!("'{value}' for '--max-p{p} <TIME>'"));
    }
    message
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn any_percentile_is_a_flag() {
        for (line, want) in [
            ("run --max-p99.9 5ms -n 1", "run --max-p99 p99.9=5ms -n 1"),
            ("run --max-p50=1ms PING", "run --max-p99=p50=1ms PING"),
            ("run --max-p99 1ms", "run --max-p99 p99=1ms"),
            ("run --max-p99.9 -- --max-p5 x", "run --max-p99 -- --max-p5 x"),
            ("run --max-pool 3 --max-p", "run --max-pool 3 --max-p"),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let said = one_flag(&words);
            let said: Vec<_> = said.iter().map(|word| word.to_string_lossy()).collect();
            assert_eq!(said.join(" "), want);
        }
        assert_eq!(time_at("p99.95=2ms"), Ok((99.95, 2_000.0)));
        assert_eq!(time_at("250us"), Ok((99.0, 250.0)));
        assert!(time_at("p101=2ms").is_err() && time_at("p99=2").is_err());
    }

    #[test]
    fn a_share_of_errors_is_a_percentage_or_below_one() {
        for (text, want) in
            [("1%", 0.01), ("100%", 1.0), ("0.1 %", 0.001), ("0", 0.0), ("0.25", 0.25)]
        {
            assert_eq!(error_share(text), Ok(want), "{text}");
        }
        for text in ["1", "2", "101%", "-1%", "x", "NaN", "nan%", "%"] {
            assert!(error_share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_names_what_was_typed() {
        let words = ["run", "--max-p99.9", "soon"].map(str::to_owned);
        let error = "invalid value 'p99.9=soon' for '--max-p99 <TIME>': x";
        assert_eq!(as_typed(error, &words), "invalid value 'soon' for '--max-p99.9 <TIME>': x");
    }
}
