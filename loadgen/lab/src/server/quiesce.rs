//! Waiting until a server that was just filled has nothing left to do of it.
//!
//! Not a judgement of a run (see `arm::caveats_after`). Invariant: the wait is bounded, and a server that gives no account of
//! itself is taken as it is.

use crate::control::Control;
use crate::observer::Observer;
use crate::server::info::Info;
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use std::time::Duration;

/// Pause between two looks: short beside a fill, long beside a server's own timers (10 per second).
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Given up after this: a snapshot of a large data set takes longer, and then its user is told.
const SETTLED_WITHIN: Nanos = Nanos::from_secs(30);
/// Memory that moves by less than this share between two looks stands still: rehashing and lazy freeing are over.
const STILL_SHARE: f64 = 0.001;
/// … or by less than this: the buffers of whoever asks.
const STILL_BYTES: f64 = 65_536.0;

/// Fields that are not zero while the server works on what was written.
const BUSY: [&str; 4] =
    ["loading", "rdb_bgsave_in_progress", "aof_rewrite_in_progress", "lazyfree_pending_objects"];

/// Waits until no snapshot, rewrite or lazy free is in progress and the memory in use stands still.
///
/// # Errors
/// The server went away.
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
            let what = busy.map_or("its memory still moves", |field| *field);
            observer.note(&format!(
                "the server has not settled {} s after the fill ({what}); what it does now is in the numbers",
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
