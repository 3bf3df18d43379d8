//! Commands that clients send to find out what a server is: CLUSTER READONLY READWRITE ASKING, MODULE LIST,
//! REPLICAOF NO ONE, ACL WHOAMI USERS.
//!
//! The replies are those of a standalone Redis without modules, replicas and further users. Commands that would
//! change this are refused with the reason. All cost O(1).

use crate::server::flags::{ADMIN, FAST, LOADING, NO_ASYNC_LOADING, NOSCRIPT, STALE};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, container};

const NO_CLUSTER: &str = "ERR This instance has cluster support disabled";
const REPLICATING: u32 = ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING;

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("cluster", -2, 0, NO_KEYS, no_cluster).docs(
        Group::Cluster,
        "3.0.0",
        "O(1)",
        "Refused: there is no cluster",
    ),
    command("readonly", 1, FAST | LOADING | STALE, NO_KEYS, no_cluster).docs(
        Group::Cluster,
        "3.0.0",
        "O(1)",
        "Refused: there is no cluster",
    ),
    command("readwrite", 1, FAST | LOADING | STALE, NO_KEYS, no_cluster).docs(
        Group::Cluster,
        "3.0.0",
        "O(1)",
        "Refused: there is no cluster",
    ),
    command("asking", 1, FAST, NO_KEYS, no_cluster).docs(
        Group::Cluster,
        "3.0.0",
        "O(1)",
        "Refused: there is no cluster",
    ),
    container("module", -2, MODULE).docs(
        Group::Server,
        "4.0.0",
        "Depends on subcommand.",
        "A container for module commands",
    ),
    command("replicaof", 3, REPLICATING, NO_KEYS, replicaof).docs(
        Group::Server,
        "5.0.0",
        "O(1)",
        "Accepts NO ONE; anything else is refused",
    ),
    command("slaveof", 3, REPLICATING, NO_KEYS, replicaof).docs(
        Group::Server,
        "1.0.0",
        "O(1)",
        "Accepts NO ONE; anything else is refused",
    ),
    container("acl", -2, ACL).docs(
        Group::Server,
        "6.0.0",
        "Depends on subcommand.",
        "A container for Access List Control commands",
    ),
];

const MODULE: &[CommandSpec] = &[command("list", 2, ADMIN | NOSCRIPT, NO_KEYS, modules)
    .of("module")
    .docs(
        Group::Server,
        "4.0.0",
        "O(N) where N is the number of loaded modules.",
        "List all modules loaded by the server",
    )
    .tips(&["nondeterministic_output_order"])];

const ACL: &[CommandSpec] = &[
    command("whoami", 2, NOSCRIPT | LOADING | STALE, NO_KEYS, whoami).of("acl").docs(
        Group::Server,
        "6.0.0",
        "O(1)",
        "Return the name of the user associated to the current connection",
    ),
    command("users", 2, ADMIN | NOSCRIPT | LOADING | STALE, NO_KEYS, users).of("acl").docs(
        Group::Server,
        "6.0.0",
        "O(N). Where N is the number of configured users.",
        "List the username of all the configured ACL rules",
    ),
];

/// CLUSTER, READONLY, READWRITE, ASKING: refused, because there is no cluster.
fn no_cluster(call: &mut Call<'_>) {
    call.out.error(NO_CLUSTER);
}

/// MODULE LIST: none.
fn modules(call: &mut Call<'_>) {
    call.out.array(0);
}

/// REPLICAOF NO ONE: changes nothing.
fn replicaof(call: &mut Call<'_>) {
    if call.args.is(1, "no") && call.args.is(2, "one") {
        return call.out.ok();
    }
    call.out.error("ERR ae-server does not replicate; only NO ONE can be given here");
}

/// ACL WHOAMI: the only user there is.
fn whoami(call: &mut Call<'_>) {
    call.out.bulk(b"default");
}

/// ACL USERS: the only user there is.
fn users(call: &mut Call<'_>) {
    call.out.array(1);
    call.out.bulk(b"default");
}
