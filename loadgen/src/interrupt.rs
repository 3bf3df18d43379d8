//! ^C, SIGTERM and a lost terminal as a flag that everything long looks at.
//!
//! Invariant: an interruption ends the work, never the program by itself, so that what was measured is written and every
//! server that was started is stopped.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A flag that ^C, SIGTERM and SIGHUP set; SIGHUP is left alone if it is ignored, as under nohup.
///
/// # Errors
/// The system refuses a handler; then ^C ends the program at once.
pub fn flag() -> io::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let flag = Arc::new(AtomicBool::new(false));
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let hangup = (!ignores(&status, SIGHUP)).then_some(SIGHUP);
    for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Whether a process with this status ignores a signal; yes if it does not say so, as then its default had better stay.
fn ignores(status: &str, signal: i32) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_hangup_stays_ignored() {
        let status = |mask| format!("Name:\tloadgen\nSigBlk:\t00\nSigIgn:\t{mask}\n");
        assert!(!ignores(&status("0000000000001000"), 1));
        assert!(ignores(&status("0000000000001001"), 1));
        assert!(ignores("Name:\tloadgen\n", 1));
    }
}
