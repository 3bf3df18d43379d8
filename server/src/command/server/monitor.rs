//! MONITOR: turns the connection into a feed of every command that is executed.

use crate::server::flags::{ADMIN, LOADING, NOSCRIPT, STALE, WAITS_FOR_OTHERS};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command};

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[command(
    "monitor",
    1,
    ADMIN | LOADING | NOSCRIPT | STALE | WAITS_FOR_OTHERS,
    NO_KEYS,
    monitor,
)
.docs(
    Group::Server,
    "1.0.0",
    "O(1), and then O(1) for each command of any client",
    "Listen for all requests received by the server in real time",
)];

/// MONITOR: from now on this connection gets a line for every command. RESET or QUIT ends it. O(1).
fn monitor(call: &mut Call<'_>) {
    if call.server.in_transaction {
        return call.out.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
    }
    if !call.server.monitors.contains(&call.client) {
        call.server.monitors.push(call.client);
    }
    call.out.ok();
}
