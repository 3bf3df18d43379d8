//! From the words typed to a parsed command line: help on `-h` alone, other tools' command lines, hints at their flags.
//!
//! Not the meaning of flags. Invariant: what is not another tool's command line reaches the parser as it was typed.

use super::output::Style;
use super::{Cli, Command, one_line};
use crate::compat::{self, Tool};
use crate::exit::Failure;
use clap::Parser as _;
use clap::error::ErrorKind;
use std::ffi::OsString;

/// What the words came to.
#[derive(Debug)]
pub enum Front {
    /// A command of this program, and what its user should know of the translation, if there was one.
    Parsed(Box<Cli>, Vec<String>),
    /// The bundled server, with its own words.
    Serve(Vec<String>),
    /// A text that was asked for: help, or the version.
    Text(String),
}

/// Reads the words, the program's name first.
///
/// # Errors
/// Words that make no sense (exit 2), on one line.
pub fn read(words: &[OsString]) -> Result<Front, Failure> {
    let text: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let command = text.get(1).map(String::as_str);
    if command == Some("serve") {
        return Ok(Front::Serve(text[2..].to_vec()));
    }
    if command == Some("run")
        && let Some((tool, rest)) = compat::tool_of(&text[2..])?
    {
        return foreign(tool, &rest);
    }
    let parsed = match is_help(&text) {
        true => {
            let all_but_last = words.iter().take(words.len() - 1).cloned();
            Cli::try_parse_from(all_but_last.chain(["--help".into()]))
        }
        false => Cli::try_parse_from(words),
    };
    match parsed {
        Ok(cli) => Ok(Front::Parsed(Box::new(cli), Vec::new())),
        Err(error) if !error.use_stderr() => Ok(Front::Text(error.render().to_string())),
        Err(error) => {
            let is_unknown = error.kind() == ErrorKind::UnknownArgument && command == Some("run");
            let hint = is_unknown.then(|| compat::hint(&text[2..])).flatten();
            Err(Failure::usage(hint.unwrap_or_else(|| one_line(&error))))
        }
    }
}

/// `-h` is the host, but nothing follows it here: help was meant.
fn is_help(words: &[String]) -> bool {
    let Some((last, before)) = words.split_last() else { return false };
    last == "-h" && before.iter().skip(1).all(|word| !word.starts_with('-')) && before.len() <= 3
}

fn foreign(tool: Tool, words: &[String]) -> Result<Front, Failure> {
    let said = compat::translate(tool, words)?;
    let all = ["loadgen", "run"].map(str::to_owned).into_iter().chain(said.words.clone());
    let mut cli = match Cli::try_parse_from(all) {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => return Ok(Front::Text(error.render().to_string())),
        Err(error) => return Err(Failure::usage(one_line(&error))),
    };
    if let Command::Run(args) = &mut cli.command {
        args.output.style = match tool {
            Tool::RedisBenchmark => Style::RedisBenchmark,
            Tool::Memtier => Style::Memtier,
        };
    }
    let quoted = said.words.iter().map(|word| match word.contains([' ', '{']) {
        true => format!("\"{word}\""),
        false => word.clone(),
    });
    let mut notes = vec![format!("loadgen run {}", quoted.collect::<Vec<_>>().join(" "))];
    notes.extend(said.notes);
    Ok(Front::Parsed(Box::new(cli), notes))
}

#[cfg(test)]
mod unit {
    use super::*;

    fn front(line: &str) -> Result<Front, String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        read(&words).map_err(|failure| failure.message)
    }

    #[test]
    fn a_lonely_h_is_help_and_serve_keeps_its_words() {
        for line in ["loadgen -h", "loadgen run -h", "loadgen scenario run -h", "loadgen --version"]
        {
            assert!(matches!(front(line), Ok(Front::Text(_))), "{line}");
        }
        assert!(matches!(front("loadgen run -h 10.0.0.1"), Ok(Front::Parsed(..))));
        assert!(front("loadgen run -c 5 -h").is_err());
        let Ok(Front::Serve(words)) = front("loadgen serve --help --port 1") else {
            panic!("serve")
        };
        assert_eq!(words, ["--help", "--port", "1"]);
    }

    #[test]
    fn flags_of_other_tools_get_a_way_on() {
        for (line, part) in [
            ("-l", "while loadgen run"),
            ("-e -t get", "leave -e out"),
            ("-I", "--idle"),
            ("-k 0", "--reconnect-interval 1"),
            ("--hide-histogram", "--compat memtier"),
            ("--key-maximum=9", "-r N"),
            ("--rate-limiting 5", "--rate"),
            ("--data-size-range=1-9", "-d 16-1024"),
            ("-c -1", "-c"),
            ("-n -5", "it is negative"),
        ] {
            let error = front(&format!("loadgen run {line}")).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
            assert!(!error.contains("tip:"), "{line}: {error}");
        }
    }

    #[test]
    fn other_tools_command_lines_are_parsed() {
        for line in [
            "--compat redis-benchmark -t set -n 5 -q",
            "--compat redis-benchmark -n 5 -P 2 lpush list __rand_int__",
            "--compat memtier -t 1 -c 2 --ratio=1:1 --key-pattern=G:Z -n 10 --hide-histogram",
            "--test-time 1s PING",
        ] {
            let parsed = front(&format!("loadgen run {line}"));
            assert!(matches!(parsed, Ok(Front::Parsed(..))), "{line}: {parsed:?}");
        }
    }
}
