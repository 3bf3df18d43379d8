//! Words as people type them by habit: other tools' names for flags of ours, with those tools' bare seconds.
//!
//! Not other tools' whole command lines (see `crate::compat`). Invariant: a word becomes at most another spelling of itself;
//! none is added or taken away.

use crate::cli::Cli;
use clap::CommandFactory as _;
use std::ffi::OsString;

/// memtier's name for --duration, which counts in seconds.
const IN_SECONDS: &str = "--test-time";

/// The words of `loadgen run`, with a unit where another tool's name says which it is: `--test-time 2` is two seconds.
pub(super) fn with_units(words: &[OsString]) -> Vec<OsString> {
    let mut out: Vec<OsString> = Vec::with_capacity(words.len());
    let mut is_value = false;
    let mut is_over = false;
    for word in words {
        let text = word.to_str().unwrap_or_default();
        is_over |= text == "--";
        let number = match text.strip_prefix(IN_SECONDS).and_then(|rest| rest.strip_prefix('=')) {
            Some(number) => number,
            None if is_value => text,
            None => "",
        };
        let is_bare = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        out.push(if is_bare && !is_over { format!("{text}s").into() } else { word.clone() });
        is_value = text == IN_SECONDS;
    }
    out
}

/// An error of the parser with the name that was typed, where a flag of `loadgen run` has several.
pub(super) fn as_typed(message: String, words: &[String]) -> String {
    let all = Cli::command();
    let Some(run) = all.find_subcommand("run") else { return message };
    let typed: Vec<&str> = words
        .iter()
        .take_while(|word| *word != "--")
        .filter_map(|word| word.strip_prefix("--"))
        .map(|word| word.split_once('=').map_or(word, |(name, _)| name))
        .collect();
    let mut message = message;
    for arg in run.get_arguments() {
        let (Some(long), Some(others)) = (arg.get_long(), arg.get_all_aliases()) else { continue };
        if let Some(other) = others.into_iter().find(|other| typed.contains(other)) {
            message = message.replace(&format!("'--{long} "), &format!("'--{other} "));
        }
    }
    message
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn another_tools_name_counts_as_it_does_there() {
        for (line, want) in [
            ("run --test-time 2 PING", "run --test-time 2s PING"),
            ("run --test-time=2", "run --test-time=2s"),
            ("run --test-time 2m", "run --test-time 2m"),
            ("run --duration 2", "run --duration 2"),
            ("run -- --test-time 2", "run -- --test-time 2"),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let said: Vec<_> =
                with_units(&words).iter().map(|word| word.to_string_lossy().into_owned()).collect();
            assert_eq!(said.join(" "), want);
        }
    }
}
