//! CLIENT PAUSE UNPAUSE UNBLOCK: pausing commands, and ending pauses and waits.

use crate::args::parse_integer;
use crate::blocking;
use crate::client::UnblockReason;
use crate::server::Call;
use crate::server::{Extent, Pause};

/// CLIENT PAUSE timeout [WRITE|ALL]: all commands, or those that may write, wait for so many milliseconds.
pub(super) fn pause(call: &mut Call<'_>) {
    if call.args.len() > 4 {
        return crate::command::help::unknown_or_wrong_arity(call, "CLIENT");
    }
    let extent = match () {
        () if call.args.len() == 3 || call.args.is(3, "all") => Extent::All,
        () if call.args.is(3, "write") => Extent::Writes,
        () => return call.out.error("ERR CLIENT PAUSE mode must be WRITE or ALL"),
    };
    let problem = match parse_integer(call.args.at(2)) {
        Some(timeout_ms @ 0..) => {
            let until_ms = call.now_ms().saturating_add(timeout_ms);
            call.server.pause = Some(Pause { until_ms, extent }.with(call.server.pause));
            return call.out.ok();
        }
        Some(_) => "ERR timeout is negative",
        None => "ERR timeout is not an integer or out of range",
    };
    call.out.error(problem);
}

/// CLIENT UNPAUSE: ends the pause. O(N) for N waiting clients.
pub(super) fn unpause(call: &mut Call<'_>) {
    call.server.pause = None;
    blocking::release_postponed(call.server);
    call.out.ok();
}

/// CLIENT UNBLOCK id [TIMEOUT|ERROR]: 1 if that client was blocked; it gets a timeout or an error. O(N).
pub(super) fn unblock(call: &mut Call<'_>) {
    let reason = match () {
        () if call.args.len() == 3 || call.args.is(3, "timeout") => UnblockReason::Timeout,
        () if call.args.is(3, "error") => UnblockReason::Error,
        () => {
            return call.out.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        }
    };
    let Some(id) = call.integer_arg(2) else { return };
    let mut clients = call.server.clients.iter();
    let found = clients.find(|(_, client)| client.id as i64 == id).map(|(key, _)| key);
    let done = found.is_some_and(|key| blocking::unblock(call.server, key, reason));
    call.out.integer(i64::from(done));
}
