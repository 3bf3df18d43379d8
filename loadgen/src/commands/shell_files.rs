//! `loadgen completions` and `loadgen man`: files for a shell and for `man`, made from the command line itself.
//!
//! Invariant: they name exactly the flags that the parser has, since both come from it.

use crate::cli::Cli;
use crate::console;
use aelab_engine::error::{Exit, Failure};
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::path::Path;

/// Prints the completion script of a shell.
///
/// # Errors
/// The output cannot be written (exit 2).
pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "loadgen", &mut script);
    console::result(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Success)
}

/// Writes a manual page for the program and for each of its commands.
///
/// # Errors
/// The folder cannot be written (exit 2).
pub fn man(dir: &Path) -> Result<Exit, Failure> {
    let cannot = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("cannot write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| cannot(dir, error))?;
    // Commands of commands get their full names, and the flags that all commands share.
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = vec![program];
    while let Some(command) = pages.pop() {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        pages.extend(command.get_subcommands().filter(|one| !one.is_hide_set()).cloned());
        let path = dir.join(format!("{name}.1"));
        let mut text = Vec::new();
        let page = clap_mangen::Man::new(command).title(name.to_uppercase());
        page.render(&mut text).map_err(|error| cannot(&path, error))?;
        std::fs::write(&path, text).map_err(|error| cannot(&path, error))?;
        console::result(&path.display().to_string());
    }
    Ok(Exit::Success)
}
