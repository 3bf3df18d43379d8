//! `loadgen`: from the words typed to an exit code.
//!
//! A table of contents: each command is a file in `commands/`.

use aelab_engine::error::{Exit, Failure};
use aelab_loadgen::cli::Command;
use aelab_loadgen::cli::parse;
use aelab_loadgen::cli::parse::Front;
use aelab_loadgen::commands;
use aelab_loadgen::console;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let typed: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let cli = match parse::read(&typed) {
        Ok(Front::Parsed(cli, notes)) => {
            notes.iter().for_each(|note| console::note(note));
            cli
        }
        Ok(Front::Serve(args)) => return aelab_server::main_with_args(&args),
        Ok(Front::Text(text)) => {
            console::result(text.trim_end());
            return code(Exit::Success);
        }
        Err(failure) => {
            console::failure(&failure);
            return code(failure.exit);
        }
    };
    match run(&cli.command, &words) {
        Ok(exit) => code(exit),
        Err(failure) => {
            console::failure(&failure);
            code(failure.exit)
        }
    }
}

fn run(command: &Command, words: &[String]) -> Result<Exit, Failure> {
    let cancel = aelab_loadgen::interrupt::flag()
        .map_err(|error| Failure::usage(format!("cannot watch for ^C: {error}")))?;
    match command {
        Command::Run(args) => commands::run::run(args, words, &cancel),
        Command::Scenario(scenario) => commands::scenario::run(scenario, words, &cancel),
        Command::Report(report) => commands::report::run(report),
        Command::Relay(relay) => commands::relay::run(relay, &cancel),
        Command::Selftest(args) => commands::selftest::run(args, &cancel),
        Command::Completions { shell } => commands::shell_files::completions(*shell),
        Command::Man { dir } => commands::shell_files::man(dir),
        Command::Serve { .. } => Ok(Exit::Success),
    }
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
