//! From the words typed to a parsed command line: help on `-h` alone, other tools' command lines, hints at their flags.
//!
//! Not the meaning of flags. Invariant: what is not another tool's command line reaches the parser as it was typed.

use crate::cli::output::Style;
use crate::cli::{Cli, Command, limits, one_line, spelling};
use crate::compat::{self, Tool};
use aelab_engine::error::Failure;
use aelab_results::text::escape::shell_quoted;
use aelab_results::text::secret;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _};
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
    let words = match command {
        Some("run") => limits::one_flag(&spelling::with_units(words)),
        Some("report") => limits::one_flag(words),
        _ => words.to_vec(),
    };
    let parsed = match is_help(&text) {
        true => {
            let all_but_last = words.iter().take(words.len() - 1).cloned();
            parse(all_but_last.chain(["--help".into()]))
        }
        false => parse(words.iter().cloned()),
    };
    match parsed {
        Ok(cli) => match &cli.command {
            Command::Run(args) => {
                no_server_or_sentence(args.command.first())?;
                no_flag_in_command(&text, args.command.len())?;
                Ok(Front::Parsed(Box::new(cli), Vec::new()))
            }
            _ => Ok(Front::Parsed(Box::new(cli), Vec::new())),
        },
        Err(error) if !error.use_stderr() => Ok(Front::Text(error.render().to_string())),
        Err(error) => {
            let is_bare_host = text.last().is_some_and(|word| word == "-h");
            if is_bare_host && error.kind() == ErrorKind::InvalidValue {
                return Err(Failure::usage(
                    "-h is the host, as in redis-cli, and needs a value; write -h HOST, or --help for help",
                ));
            }
            let hint = hint(&error, command, &text);
            Err(Failure::usage(hint.unwrap_or_else(|| {
                limits::as_typed(&spelling::as_typed(one_line(&error), &text), &text)
            })))
        }
    }
}

/// What to say in place of the parser's own words, if there is something better.
fn hint(error: &clap::Error, command: Option<&str>, text: &[String]) -> Option<String> {
    let invalid = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    match command {
        Some("run") => {
            let is_unknown = error.kind() == ErrorKind::UnknownArgument;
            let strange = is_unknown.then(|| compat::hint(&text[2..])).flatten();
            let unknown = invalid(ContextKind::InvalidArg).filter(|_| is_unknown);
            strange.or_else(|| unknown.and_then(compat::meant)).or_else(|| compat::habit(&text[2..]))
        }
        Some("report") => invalid(ContextKind::InvalidSubcommand)
            .filter(|_| error.get(ContextKind::SuggestedSubcommand).is_none())
            .map(|word| match word.contains(['/', '.', '-']) {
                true => format!("a command is missing before {word}: loadgen report render {word}"),
                false => format!(
                    "report has no command '{word}'; it has render DIR, which writes the report of a run's folder, check DIR, which \
                     compares its results with limits, and others; see loadgen report --help"
                ),
            }),
        // What redis-benchmark's users type first.
        Some(word) if flags_of_run()(word) => Some(format!(
            "a command is missing before {word}: loadgen run {} loads a server; see --help",
            secret::command_line(&text[1..]).join(" ")
        )),
        Some("version") => Some("use loadgen --version".to_owned()),
        Some(word @ ("bench" | "benchmark" | "load" | "test" | "start")) => {
            Some(format!("there is no command {word}: loadgen run loads a server; see --help"))
        }
        _ => None,
    }
}

/// The parser, with values that may be negative numbers: their own readers know better what is wrong with them.
fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let takes_numbers =
        |arg: clap::Arg| match arg.get_action().takes_values() && !arg.is_positional() {
            true => arg.allow_negative_numbers(true),
            false => arg,
        };
    let parser = Cli::command().mut_subcommand("run", |run| run.mut_args(takes_numbers));
    Cli::from_arg_matches(&parser.try_get_matches_from(words)?)
}

/// A server in place of a command, or all of a command in one word, would be sent as the name of a command.
fn no_server_or_sentence(name: Option<&OsString>) -> Result<(), Failure> {
    let Some(name) = name.and_then(|name| name.to_str()) else { return Ok(()) };
    if name.contains("://") {
        let name = secret::command_line(&[name.to_owned()]).concat();
        return Err(Failure::usage(format!(
            "{name} is in the place of a command; give the server with -u {name}"
        )));
    }
    if name.contains(' ') {
        let name = secret::command_line(&[name.to_owned()]).concat();
        return Err(Failure::usage(format!(
            "'{name}' is one word; leave out the quotes, or write --command '{name}'"
        )));
    }
    Ok(())
}

/// Flags behind the command would go to the server as words of it.
fn no_flag_in_command(words: &[String], command_len: usize) -> Result<(), Failure> {
    let (before, command) = words.split_at(words.len() - command_len);
    if command.is_empty() || before.last().is_some_and(|word| word == "--") {
        return Ok(());
    }
    let is_flag = flags_of_run();
    let Some(flag) = command.iter().skip(1).find(|word| is_flag(word)) else { return Ok(()) };
    let flag = secret::command_line(std::slice::from_ref(flag)).concat();
    Err(Failure::usage(format!(
        "{flag} follows the command {} and would be sent to the server; put flags before the command, or put -- before \
         the command to send all of it",
        command[0]
    )))
}

/// Tells whether a word is a flag of `loadgen run`, with or without its value. The parser is built once for all words.
fn flags_of_run() -> impl Fn(&str) -> bool {
    let all = Cli::command();
    move |word| {
        let Some(run) = all.find_subcommand("run") else { return false };
        if limits::is_percentile_flag(word) {
            return true;
        }
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        run.get_arguments().chain(all.get_arguments()).any(|arg| {
            let longs =
                arg.get_long().into_iter().chain(arg.get_all_aliases().into_iter().flatten());
            let short = arg.get_short().filter(char::is_ascii_alphabetic);
            longs.into_iter().any(|long| name.strip_prefix("--") == Some(long))
                || short.is_some_and(|short| word == format!("-{short}"))
        })
    }
}

/// `-h` is the host, but nothing follows it here: help was meant.
fn is_help(words: &[String]) -> bool {
    let Some((last, before)) = words.split_last() else { return false };
    last == "-h" && before.iter().skip(1).all(|word| !word.starts_with('-')) && before.len() <= 3
}

fn foreign(tool: Tool, words: &[String]) -> Result<Front, Failure> {
    // A host without its value, and nothing else: help was meant.
    let words = if words == ["-h"] { &["--help".to_owned()] } else { words };
    let said = compat::translate(tool, words)?;
    let all = ["loadgen", "run"].map(str::to_owned).into_iter().chain(said.words.clone());
    let mut cli = match parse(all.map(OsString::from)) {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            return Ok(Front::Text(compat::help(tool, &describe())));
        }
        Err(error) => return Err(Failure::usage(one_line(&error))),
    };
    if let Command::Run(args) = &mut cli.command {
        args.output.style = match tool {
            Tool::RedisBenchmark | Tool::ValkeyBenchmark => Style::RedisBenchmark,
            Tool::Memtier => Style::Memtier,
        };
    }
    // To copy from: it is what a shell would read so.
    let masked = secret::command_line(&said.words);
    let quoted = masked.iter().map(|word| shell_quoted(word));
    let mut notes = vec![format!("loadgen run {}", quoted.collect::<Vec<_>>().join(" "))];
    notes.extend(said.notes);
    Ok(Front::Parsed(Box::new(cli), notes))
}

/// Gives the text of the short help for a flag of `loadgen run`, such as `-c`.
fn describe() -> impl Fn(&str) -> Option<String> {
    let all = Cli::command();
    move |flag| {
        let run = all.find_subcommand("run")?;
        let arg = run.get_arguments().find(|arg| match flag.strip_prefix("--") {
            Some(long) => arg.get_long() == Some(long),
            None => arg.get_short().is_some_and(|short| flag == format!("-{short}")),
        })?;
        Some(arg.get_help()?.to_string())
    }
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
        let Ok(Front::Text(help)) = front("loadgen run --help") else { panic!("help") };
        assert!(help.contains("Other tools:\n") && help.contains("--compat <TOOL>"), "{help}");
        assert!(help.contains("rps]") && help.contains("test-time]"), "{help}");
        assert!(matches!(front("loadgen run -h 10.0.0.1"), Ok(Front::Parsed(..))));
        assert!(front("loadgen run -c 5 -h").is_err());
        let Ok(Front::Serve(words)) = front("loadgen serve --help --port 1") else {
            panic!("serve")
        };
        assert_eq!(words, ["--help", "--port", "1"]);
    }

    /// Two screens, with about thirty flags and with examples; everything else is in the long one.
    #[test]
    fn the_short_help_is_short_and_the_long_one_is_complete() {
        let text = |line: &str| match front(line) {
            Ok(Front::Text(text)) => text,
            other => panic!("{line}: {other:?}"),
        };
        let is_flag = |line: &&str| line.starts_with("  -") || line.starts_with("      --");
        for command in
            ["", " run", " scenario run", " scenario list", " report render", " relay", " selftest"]
        {
            let short = text(&format!("loadgen{command} --help"));
            assert!(short.lines().count() <= 100, "{command}: {} lines", short.lines().count());
            let long = text(&format!("loadgen{command} --help-all"));
            assert!(long.lines().count() >= short.lines().count(), "{command}");
        }
        let short = text("loadgen run --help");
        let flags = short.lines().filter(is_flag).count();
        assert!((25..=38).contains(&flags), "{flags} flags; hide_short_help is for the others");
        for part in ["\nExamples:\n", "--rate 20k", "--help-all", "--pass <PASS>"] {
            assert!(short.contains(part), "{part}: {short}");
        }
        let long = text("loadgen run --help-all");
        let all = Cli::command();
        let run = all.find_subcommand("run").expect("run");
        for name in run.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(long.contains(&format!("--{name}")), "{name}");
        }
    }

    #[test]
    fn flags_behind_the_command_are_refused_unless_two_dashes_say_so() {
        for line in ["-n 9 GET a --out x", "GET a -n 9", "GET a --rps=5", "GET a --max-p99.9 2ms"] {
            let line = format!("loadgen run {line}");
            let error = front(&line).expect_err(&line);
            assert!(error.contains("follows the command"), "{line}: {error}");
        }
        for line in
            ["-- GET a --out x", "LRANGE a 0 -3", "XRANGE a - +", "SET a --x", "ECHO --", "GET a"]
        {
            let line = format!("loadgen run {line}");
            assert!(matches!(front(&line), Ok(Front::Parsed(..))), "{line}: {:?}", front(&line));
        }
    }

    #[test]
    fn negative_numbers_and_a_bare_host_are_told_what_is_wrong() {
        for (line, part) in [
            ("--idle -1", "negative"),
            ("--duration -1", "--duration"),
            ("--seed -1", "--seed"),
            ("--pool-max-idle -2", "--pool-max-idle"),
            ("-c 5 -h", "--help for help"),
        ] {
            let error = front(&format!("loadgen run {line}")).expect_err(line);
            assert!(error.contains(part) && !error.contains("tip:"), "{line}: {error}");
        }
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
            ("-t 4 --ratio 1:10", "--threads 4"),
            ("-s 127.0.0.1 -p 7000 PING", "-h 127.0.0.1"),
            ("--vus 10", "-c N"),
            ("--min-idle 3", "--pool-min-idle"),
            ("--max-wait=3ms", "--pool-max-wait"),
            ("--keys 100", "-r N"),
            ("--poisson --rate 5", "--arrival poisson"),
            ("--format json", "--json"),
            ("--value-size 64", "-d SIZE"),
            ("--zipf 0.99", "--key-dist zipf"),
            ("--distribution zipf", "--key-dist"),
            ("--ttl 60", "EX {ttl"),
            ("--version", "loadgen --version"),
            ("--rps 100 --duration 1 PING", "--duration 1s"),
            ("--rps 100 --duration=1 PING", "--compat valkey-benchmark"),
            ("--duration 1 PING", "--duration 1s"),
        ] {
            let error = front(&format!("loadgen run {line}")).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
            assert!(!error.contains("tip:"), "{line}: {error}");
        }
    }

    #[test]
    fn what_is_no_command_is_told() {
        let read = |words: &[&str]| read(&words.iter().map(OsString::from).collect::<Vec<_>>());
        let error = read(&["loadgen", "run", "GET __key__"]).expect_err("one word").message;
        assert!(error.contains("leave out the quotes"), "{error}");
        let error = read(&["loadgen", "run", "redis://h", "-n", "9"]).expect_err("a URL").message;
        assert!(error.contains("-u redis://h"), "{error}");
        let inner = read(&["loadgen", "run", "SET", "a", "two words"]);
        assert!(matches!(inner, Ok(Front::Parsed(..))), "{inner:?}");
    }

    #[test]
    fn flags_without_a_command_are_told_which_one() {
        for line in ["-p 7000 -n 1000 -q", "--port=7000", "-t get"] {
            let error = front(&format!("loadgen {line}")).expect_err(line);
            assert!(
                error.contains(&format!("loadgen run {line} loads a server")),
                "{line}: {error}"
            );
        }
        let error = front("loadgen --no-such-flag").expect_err("unknown flag");
        assert!(!error.contains("loads a server"), "{error}");
    }

    #[test]
    fn what_is_no_command_of_ours_gets_the_one_that_was_meant() {
        for (line, part) in [
            ("version", "loadgen --version"),
            ("bench -c 5", "loadgen run"),
            ("report graph a b", "render DIR"),
            ("report aelab-runs/mine", "loadgen report render aelab-runs/mine"),
        ] {
            let error = front(&format!("loadgen {line}")).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
        let error = front("loadgen report rendr x").expect_err("a typo");
        assert!(error.contains("'render'"), "{error}");
    }

    #[test]
    fn an_error_names_the_word_that_was_typed() {
        for (line, part) in [
            ("--test-time soon", "'--test-time <"),
            ("--rps -5", "'--rps <"),
            ("--rate -5", "'--rate <"),
            ("--clients=0", "'--clients <"),
            ("--max-p99.9 soon", "'soon' for '--max-p99.9 <"),
            ("--max-p50=2", "'2' for '--max-p50 <"),
        ] {
            let error = front(&format!("loadgen run {line}")).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
        for line in ["--test-time 2", "--test-time=2", "--percentiles p99,100"] {
            let parsed = front(&format!("loadgen run {line} PING"));
            let Ok(Front::Parsed(cli, _)) = parsed else { panic!("{line}: {parsed:?}") };
            let Command::Run(args) = cli.command else { panic!("{line}") };
            let two = std::time::Duration::from_secs(2);
            assert!(args.load.duration == Some(two) || args.output.percentiles == [99.0, 100.0]);
        }
    }

    #[test]
    fn other_tools_errors_speak_of_their_flags() {
        for (line, part) in [
            ("memtier -c 3 -h", "--help"),
            ("memtier -s 127.0.0.1 --uri redis://x", "-s and --uri"),
            ("redis-benchmark -h 127.0.0.1 -u redis://x", "-h and -u"),
            ("valkey-benchmark -u redis://x -p 7", "-p and -u"),
        ] {
            let error = front(&format!("loadgen run --compat {line}")).expect_err(line);
            assert!(error.contains(part) && !error.contains("<HOST>"), "{line}: {error}");
        }
        for tool in ["memtier", "redis-benchmark"] {
            let said = front(&format!("loadgen run --compat {tool} -h"));
            assert!(matches!(said, Ok(Front::Text(_))), "{tool}: {said:?}");
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
