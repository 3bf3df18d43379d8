//! ^C and SIGTERM as a flag that everything long looks at.
//!
//! Invariant: an interruption ends the work, never the program by itself, so that what was measured is written and every
//! server that was started is stopped.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A flag that ^C and SIGTERM set.
///
/// # Errors
/// The system refuses a handler; then ^C ends the program at once.
pub fn flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}
