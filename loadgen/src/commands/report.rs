//! `loadgen report …`: work on folders, without any server.

use crate::cli::ReportCommand;
use crate::commands::limits;
use crate::console;
use aelab_engine::error::{Exit, Failure};

/// Does it.
///
/// # Errors
/// A folder that is no run's, or cannot be written (exit 2); a limit that is exceeded or undecided.
pub fn run(command: &ReportCommand) -> Result<Exit, Failure> {
    match command {
        ReportCommand::Render { dir } => {
            let files =
                aelab_reports::render(dir).map_err(|error| Failure::usage(error.to_string()))?;
            for file in files {
                console::result(&file.display().to_string());
            }
            Ok(Exit::Success)
        }
        ReportCommand::Check { dir, limits } => limits::check(dir, &limits.limits()),
    }
}
