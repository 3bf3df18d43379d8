//! The server programs that the arms of a scenario file name: found before the first arm runs.
//!
//! Invariant: a program that is missing costs no measurement. It starts nothing.

use aelab_engine::error::Failure;
use aelab_scenarios::Scenario;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Makes each `server_bin` with a folder in it relative to the folder of the scenario file, and checks that the program
/// is there. A bare name is searched in PATH, as by a shell.
///
/// # Errors
/// A program that is not there or cannot be executed (exit 2).
pub(super) fn locate(scenario: &mut Scenario, file: &str) -> Result<(), Failure> {
    let folder = Path::new(file).parent().unwrap_or_else(|| Path::new(""));
    for arm in &mut scenario.arms {
        let Some(program) = &mut arm.server_bin else { continue };
        let why = if program.contains('/') {
            let path = folder.join(&*program);
            *program = path.to_string_lossy().into_owned();
            not_executable(&path)
        } else {
            let search = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&search)
                .any(|folder| not_executable(&folder.join(&*program)).is_none());
            (!found).then_some("it is in no folder of PATH")
        };
        if let Some(why) = why {
            return Err(Failure::usage(format!(
                "arm {}: cannot use the server program {program}: {why}; correct server_bin in {file}",
                arm.name
            )));
        }
    }
    Ok(())
}

/// Refuses a `--server-bin` that no arm would use.
///
/// # Errors
/// Every arm names a program of its own (exit 2).
pub(super) fn check_flag(scenario: &Scenario, is_given: bool) -> Result<(), Failure> {
    let used = scenario.arms.iter().any(|arm| arm.server_bin.is_none());
    match is_given && !used {
        true => Err(Failure::usage(format!(
            "--server-bin has no effect: every arm of {} sets server_bin; omit the flag",
            scenario.name
        ))),
        false => Ok(()),
    }
}

fn not_executable(path: &Path) -> Option<&'static str> {
    match std::fs::metadata(path) {
        Err(_) => Some("it does not exist"),
        Ok(found) if !found.is_file() => Some("it is not a file"),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Some("it is not executable"),
        Ok(_) => None,
    }
}
