//! Blocked clients: they wait for an element of a list or sorted set, for replicas, or for a pause to end.
//!
//! A waiting client's input is read but not executed. Redis's rules: the client that has waited
//! longest for a key is served first. Clients are served right after the command (transaction, script)
//! that changed the key, before any other command. Deadlines are checked before the loop sleeps.
//! Invariant: a client is in the queue of each key it waits for, and in no other queue.

mod serve;

pub(crate) use serve::{Moved, Served, move_item, serve};

use crate::args::{Args, Words};
use crate::client::{ClientKey, Life, ReplyMode, UnblockReason, Waiting};
use crate::clock::Nanos;
use crate::reply::Reply;
use crate::server::Server;

/// Blocks a client.
pub(crate) fn wait(server: &mut Server, key: ClientKey, waiting: Waiting) {
    let Some(client) = server.clients.get_mut(key) else { return };
    server.blocking.join(key, &waiting);
    let held = client.held.get_or_insert_default();
    held.keys_bytes = waiting.keys_bytes();
    held.waiting = Some(waiting);
    server.account_client(key);
}

/// Keeps a command until the pause ends.
pub(crate) fn postpone(server: &mut Server, key: ClientKey, args: Args<'_>) {
    wait(server, key, Waiting::Pause);
    if let Some(held) = server.clients.get_mut(key).and_then(|client| client.held.as_mut()) {
        let words = Words::copy(args);
        held.backlog_bytes += cost(&words);
        // If it came from the backlog, it was the first there.
        held.backlog.push_front(words);
    }
}

/// Keeps a command of a blocked client. Closes the client if its backlog exceeds the limit.
#[cold]
pub(crate) fn hold(server: &mut Server, key: ClientKey, args: Args<'_>) {
    let limit = server.config.settings().clients.query_buffer_max_bytes;
    let Some(held) = server.clients.get_mut(key).and_then(|client| client.held.as_mut()) else {
        return;
    };
    let words = Words::copy(args);
    held.backlog_bytes += cost(&words);
    held.backlog.push_back(words);
    if held.backlog_bytes > limit {
        server.log.warning("Closing client that reached max query buffer length");
        server.observe.stats.query_buffer_limit_disconnections += 1;
        return server.free_later(key);
    }
    server.account_client(key);
}

/// Memory of a command that is kept.
fn cost(words: &Words) -> usize {
    words.bytes() + size_of::<Words>()
}

/// Ends a client's waiting. Its backlog is executed before the loop sleeps.
fn release(server: &mut Server, key: ClientKey) -> Option<Waiting> {
    let held = server.clients.get_mut(key)?.held.as_mut()?;
    let waiting = held.waiting.take()?;
    held.keys_bytes = 0;
    server.account_client(key);
    server.blocking.leave(key, &waiting);
    server.blocking.released.push_back(key);
    Some(waiting)
}

/// The next command of the backlog of a client that no longer waits.
pub(crate) fn next_words(server: &mut Server, key: ClientKey) -> Option<Words> {
    let client = server.clients.get_mut(key).filter(|client| client.life == Life::Open)?;
    let held = client.held.as_mut().filter(|held| held.waiting.is_none())?;
    let words = held.backlog.pop_front();
    match &words {
        Some(words) => {
            held.backlog_bytes = held.backlog_bytes.saturating_sub(cost(words));
        }
        None => client.held = None,
    }
    words
}

/// Serves the clients that wait for keys that have changed, until no more can be served. Serving one
/// may itself change a key (BLMOVE).
pub(crate) fn serve_ready(server: &mut Server) {
    while server.blocking.has_ready() {
        for (db, name) in server.blocking.take_ready() {
            let mut at = 0;
            while let Some(key) = server.blocking.waiting_at(db, &name, at) {
                match serve_one(server, key, db, &name) {
                    Served::Missing => break,
                    // This client keeps its place; the next one may wait for the type that is there.
                    Served::OtherType => at += 1,
                    Served::Yes | Served::Refused => {}
                }
            }
        }
    }
}

/// Serves one client from this key, if the key has what it waits for.
fn serve_one(server: &mut Server, key: ClientKey, db: usize, name: &[u8]) -> Served {
    let held = server.clients.get_mut(key).and_then(|client| client.held.as_mut());
    let Some(Waiting::Keys { request, command, .. }) = held.and_then(|held| held.waiting.as_ref())
    else {
        return Served::OtherType;
    };
    let (request, command, started) = (request.clone(), *command, server.clock.now());
    let mut outcome = Served::Missing;
    reply_to(server, key, |server, out| outcome = serve(server, db, name, &request, out));
    if matches!(outcome, Served::Yes | Served::Refused) {
        let failed = outcome == Served::Refused;
        release(server, key);
        count(server, command, server.clock.now() - started, failed);
    }
    outcome
}

/// Records a blocked call in the statistics, now that it has its reply.
fn count(server: &mut Server, command: u16, took: Nanos, failed: bool) {
    let tracked = server.config.settings().observe.latency_tracking;
    let stat = &mut server.observe.command_stats[command as usize];
    stat.record(took, tracked);
    stat.failed += u64::from(failed);
    server.note_latency("command-unblocking", took);
}

/// Replies to a client that is not the one executing, unless it wants no replies.
fn reply_to(server: &mut Server, key: ClientKey, write: impl FnOnce(&mut Server, &mut Reply)) {
    let Some(mut out) = server.lend_reply(key) else { return };
    let mark = out.len();
    write(server, &mut out);
    server.count_error(&mut out);
    if let Some(client) = server.clients.get_mut(key)
        && out.len() > mark
        && client.reply_mode != ReplyMode::On
    {
        out.truncate(mark);
        if client.reply_mode == ReplyMode::Skip {
            client.reply_mode = ReplyMode::On;
        }
    }
    server.return_reply(key, out);
}

/// Unblocks a client without an element. False if it is not blocked by a command with a timeout.
pub(crate) fn unblock(server: &mut Server, key: ClientKey, reason: UnblockReason) -> bool {
    let held = server.clients.get(key).and_then(|client| client.held.as_ref());
    let (command, nothing): (u16, fn(&mut Reply)) = match held.and_then(|h| h.waiting.as_ref()) {
        Some(Waiting::Keys { command, .. }) => (*command, Reply::null_array),
        Some(Waiting::Replicas { command, .. }) => (*command, |out| out.integer(0)),
        Some(Waiting::Pause) | None => return false,
    };
    release(server, key);
    reply_to(server, key, |_, out| match reason {
        UnblockReason::Error => out.error("UNBLOCKED client unblocked via CLIENT UNBLOCK"),
        UnblockReason::Timeout => nothing(out),
    });
    count(server, command, Nanos::ZERO, reason == UnblockReason::Error);
    true
}

/// Unblocks the clients whose timeout has passed. Called before the loop sleeps, as in Redis.
pub(crate) fn expire_deadlines(server: &mut Server) {
    let now_ms = server.now_ms();
    while let Some((deadline_ms, key)) = server.blocking.first_deadline() {
        if deadline_ms > now_ms {
            break;
        }
        if !unblock(server, key, UnblockReason::Timeout) {
            server.blocking.remove_deadline(deadline_ms, key);
        }
    }
}

/// Ends a pause whose time has passed.
pub(crate) fn end_pause(server: &mut Server) {
    if server.pause.is_some_and(|pause| pause.until_ms <= server.now_ms()) {
        server.pause = None;
        release_postponed(server);
    }
}

/// Releases the postponed commands, in their order.
pub(crate) fn release_postponed(server: &mut Server) {
    for key in server.blocking.take_postponed() {
        release(server, key);
    }
}
