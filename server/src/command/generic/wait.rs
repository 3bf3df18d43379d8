//! WAIT: waiting for replicas. There are none.

use crate::args::parse_integer;
use crate::blocking;
use crate::client::Waiting;
use crate::command::pop::{deadline, may_not_wait};
use crate::server::flags::{NOSCRIPT, WAITS_FOR_OTHERS};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command};

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] =
    &[command("wait", 3, NOSCRIPT | WAITS_FOR_OTHERS, NO_KEYS, wait)
        .docs(Group::Generic, "3.0.0", "O(1)", "Waits until so many replicas have all writes.")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])];

/// WAIT numreplicas timeout: how many replicas have all writes: none. O(1).
fn wait(call: &mut Call<'_>) {
    let Some(wanted) = call.integer_arg(1) else { return };
    let Some(timeout_ms) = parse_integer(call.args.at(2)) else {
        return call.out.error("ERR timeout is not an integer or out of range");
    };
    let Ok(deadline_ms) = deadline(call, timeout_ms) else { return };
    if wanted <= 0 || may_not_wait(call) {
        return call.out.integer(0);
    }
    let waiting = Waiting::Replicas { command: call.id, deadline_ms };
    blocking::wait(call.server, call.client, waiting);
}
