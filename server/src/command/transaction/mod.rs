//! Transactions: MULTI EXEC DISCARD WATCH UNWATCH.
//!
//! Queued commands keep a copy of their arguments; `EXEC` runs them one after another without
//! anything in between, which a single-threaded loop gives for free.

use crate::client::ClientKey;
use crate::client::{Life, Multi, Watched, name_bytes};
use crate::dispatch;
use crate::server::Server;
use crate::server::flags::{
    ALLOW_BUSY, DISCARDS_QUEUE, FAST, LOADING, NOSCRIPT, NOT_QUEUED, RUNS_QUEUE, SKIP_SLOWLOG,
    STALE,
};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, keys};

const PLAIN: u32 = ALLOW_BUSY | FAST | LOADING | NOSCRIPT | STALE;
const EXEC: u32 = LOADING | NOSCRIPT | SKIP_SLOWLOG | STALE | NOT_QUEUED | RUNS_QUEUE;

pub(crate) const TABLE: &[CommandSpec] = &[
    command("multi", 1, PLAIN | NOT_QUEUED, NO_KEYS, multi).docs(
        Group::Transactions,
        "1.2.0",
        "O(1)",
        "Mark the start of a transaction block",
    ),
    command("exec", 1, EXEC, NO_KEYS, exec).docs(
        Group::Transactions,
        "1.2.0",
        "Depends on commands in the transaction",
        "Execute all commands issued after MULTI",
    ),
    command("discard", 1, PLAIN | NOT_QUEUED | DISCARDS_QUEUE, NO_KEYS, discard).docs(
        Group::Transactions,
        "2.0.0",
        "O(N), when N is the number of queued commands",
        "Discard all commands issued after MULTI",
    ),
    command("watch", -2, PLAIN | NOT_QUEUED, keys(1, -1, 1), watch).docs(
        Group::Transactions,
        "2.2.0",
        "O(1) for every key.",
        "Watch the given keys to determine execution of the MULTI/EXEC block",
    ),
    command("unwatch", 1, PLAIN, NO_KEYS, unwatch).docs(
        Group::Transactions,
        "2.2.0",
        "O(1)",
        "Forget about all watched keys",
    ),
];

/// Opens a transaction: what follows is queued. O(1).
fn multi(call: &mut Call<'_>) {
    let Some(client) = call.server.clients.get_mut(call.client) else { return };
    if client.multi.is_some() {
        return call.out.error("ERR MULTI calls can not be nested");
    }
    client.multi = Some(Box::new(Multi::default()));
    call.out.ok();
}

/// Forgets the queue and the watched keys. O(N) of the queue.
fn discard(call: &mut Call<'_>) {
    if call.server.clients.get(call.client).is_none_or(|client| client.multi.is_none()) {
        return call.out.error("ERR DISCARD without MULTI");
    }
    call.server.discard_transaction(call.client);
    call.out.ok();
}

/// Runs the queue, unless a watched key changed or a command was refused. Costs what it runs.
fn exec(call: &mut Call<'_>) {
    let key = call.client;
    let Some(client) = call.server.clients.get_mut(key) else { return };
    let Some(multi) = client.multi.take() else { return call.out.error("ERR EXEC without MULTI") };
    let watch_failed = client.extras().is_some_and(|extras| extras.watch_failed);
    let expired = watched_key_expired(call.server, key);
    call.server.unwatch_all(key);
    if multi.refused {
        return call.out.error("EXECABORT Transaction discarded because of previous errors.");
    }
    if watch_failed || expired {
        return call.out.null_array();
    }
    call.out.array(multi.queue.len());
    let mut started = call.server.clock.now();
    call.server.in_transaction = true;
    for queued in &multi.queue {
        // The client may have been killed, or may have quit, in the middle of its own queue: what
        // remains still runs, as a transaction is all or nothing.
        let (found, args) = (call.server.commands.at(queued.id), queued.words.args());
        started = dispatch::call(call.server, key, found, args, call.out, started);
    }
    call.server.in_transaction = false;
}

/// A watched key that was there when it was watched and has expired since counts as changed,
/// whether or not it has been removed from the table yet.
fn watched_key_expired(server: &Server, key: ClientKey) -> bool {
    let Some(extras) = server.clients.get(key).and_then(|client| client.extras()) else {
        return false;
    };
    extras.watched.iter().any(|w| w.existed && !server.key_exists(w.db, &w.key))
}

/// Fails the next EXEC if one of these keys changes before. O(1) for every key.
fn watch(call: &mut Call<'_>) {
    let (key, db) = (call.client, call.db);
    if call.server.clients.get(key).is_some_and(|client| client.multi.is_some()) {
        return call.out.error("ERR WATCH inside MULTI is not allowed");
    }
    for name in call.args.from(1) {
        let existed = call.server.key_exists(db, name);
        let Some(client) = call.server.clients.get_mut(key) else { return };
        if client.life != Life::Open {
            return;
        }
        // The key knows its few watchers; this client may watch many keys.
        if call.server.changes.watchers.of(db, name).contains(&key) {
            continue;
        }
        let extras = client.extras_mut();
        extras.watched.push(Watched { db, key: name.into(), existed });
        extras.names_bytes += name_bytes(name);
        call.server.changes.watchers.add(db, name, key);
    }
    call.server.account_client(key);
    call.out.ok();
}

/// Forgets all watched keys. O(1) for every key.
fn unwatch(call: &mut Call<'_>) {
    call.server.unwatch_all(call.client);
    call.out.ok();
}
