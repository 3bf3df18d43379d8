//! Waits until the background work of a server that was just filled is over.
//!
//! Not a judgement of a run (see `arm::caveats_after`). Invariant: the wait is bounded, and a server without these INFO
//! fields is not waited for.

use crate::control::Control;
use crate::observer::Observer;
use crate::server::info::Info;
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use std::time::Duration;

/// Interval between two checks: short compared to a fill, long compared to a server's timers (10 per second).
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The wait ends after this: a snapshot of a large data set takes longer, and then the user gets a note.
const SETTLED_WITHIN: Nanos = Nanos::from_secs(30);
/// Memory that changes by less than this share between two checks is stable: rehashing and lazy freeing are over.
const STILL_SHARE: f64 = 0.001;
/// … or by less than this: the buffers of the connection that asks.
const STILL_BYTES: f64 = 65_536.0;

/// Fields that are not zero while the server works on what was written.
const BUSY: [&str; 4] =
    ["loading", "rdb_bgsave_in_progress", "aof_rewrite_in_progress", "lazyfree_pending_objects"];

/// Waits until no snapshot, rewrite or lazy free is in progress and the memory in use is stable.
///
/// # Errors
/// The connection broke.
pub fn quiesce(control: &mut Control, observer: &dyn Observer) -> Result<(), Failure> {
    let from = clock::now();
    let mut memory = None;
    loop {
        let info = Info::parse(&control.info()?);
        let busy = BUSY.iter().find(|field| info.number(field).is_some_and(|n| n > 0.0));
        let now = info.number("used_memory");
        if busy.is_none() && now.is_none_or(|now| memory.is_some_and(|was| is_still(was, now))) {
            return Ok(());
        }
        if clock::now().since(from) >= SETTLED_WITHIN {
            let what = busy.map_or("its memory still changes", |field| *field);
            observer.note(&format!(
                "the server is still busy {} s after the fill ({what}); its background work affects the measurement",
                SETTLED_WITHIN.as_secs_f64()
            ));
            return Ok(());
        }
        memory = now;
        std::thread::sleep(LOOK_EVERY);
    }
}

fn is_still(was: f64, now: f64) -> bool {
    (was - now).abs() <= (STILL_SHARE * was).max(STILL_BYTES)
}
