//! `cargo ci`: runs the checks of `.ci/run` that need cargo only, and stops at the first that fails.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::process::{Command, ExitCode};

use aelab_ci::checks::CHECKS;

fn main() -> ExitCode {
    // The cargo that runs this program, with its toolchain.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for check in CHECKS {
        println!("== {}: cargo {}", check.title, check.arguments);
        let mut command = Command::new(&cargo);
        command.args(check.arguments.split_whitespace()).envs(check.variable);
        match command.status() {
            Ok(status) if status.success() => {}
            Ok(_) => {
                println!("== failed: {}", check.title);
                return ExitCode::FAILURE;
            }
            Err(error) => {
                println!("cannot start cargo: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("== passed; .ci/run also runs the whole catalog and the main job");
    ExitCode::SUCCESS
}
